"""Load what decisions on meters, readings, claims and inventories look at; and the columns these are written in."""

from typing import Any

import psycopg

from ledger.core.activity import Meter, Reading
from ledger.core.book import Book
from ledger.core.command import JudgeInventory, RecordReading, RegisterMeter, Request, SubmitInventory
from ledger.core.events import Retire, Reverse, Surrender, Transfer
from ledger.core.facts import InventoryFacts
from ledger.core.record import ReadingBody, RetirementBody
from ledger.store.literals import texts

Connection = psycopg.AsyncConnection[Any]


async def load_carbon(connection: Connection, ledger_id: int, book: Book, requests: list[Request]) -> None:
    """The meters with their standing readings, the inventories and the sums of claims that these requests look at."""
    meters: set[str] = set()
    years: set[tuple[str, str]] = set()
    judged: set[int] = set()
    claimed: set[tuple[str, str]] = set()
    reversed_: set[int] = set()
    for command in (request.command for request in requests):
        match command:
            case Transfer():
                continue  # by far the most, and about nothing of this
            case RegisterMeter():
                meters |= {one for one in (command.meter, command.under) if one is not None}
            case RecordReading():
                meters.add(command.meter)
            case SubmitInventory():
                years.add((command.enterprise, command.year))
            case JudgeInventory():
                judged.add(command.inventory)
            case Surrender():
                years.add((command.enterprise, command.year))
            case Retire():
                claimed.add((command.beneficiary or command.enterprise, command.year))
            case Reverse():
                reversed_.add(command.transaction)
    await _load_meters(connection, ledger_id, book, meters.difference(book.carbon.meters))
    if years or judged:
        await _load_inventories(connection, ledger_id, book, years, judged)
    if meters:
        claimed |= _read_years(book, requests)
    if claimed or reversed_:
        await _load_claims(connection, ledger_id, book, claimed, reversed_)


def _read_years(book: Book, requests: list[Request]) -> set[tuple[str, str]]:
    """The (enterprise, year) whose consumption these readings change."""
    commands = [request.command for request in requests]
    new = {one.meter: one.enterprise for one in commands if isinstance(one, RegisterMeter)}
    found = set()
    for command in commands:
        if isinstance(command, RecordReading):
            meter = book.carbon.meters.get(command.meter)
            enterprise = new.get(command.meter) if meter is None else meter.enterprise
            corrected = book.carbon.readings.get(command.meter, {}).get(command.corrects or 0)
            days = [command.first_on] if corrected is None else [command.first_on, corrected.first_on]
            found |= {(enterprise, day[:4]) for day in days} if enterprise is not None else set()
    return found


async def _rows(connection: Connection, text: str, *parameters: Any) -> list[Any]:
    return await (await connection.execute(text, parameters)).fetchall()  # type: ignore[arg-type]  # constants only


async def _load_meters(connection: Connection, ledger_id: int, book: Book, meters: set[str]) -> None:
    if not meters:
        return
    for row in await _rows(connection, _METERS, texts(list(meters)), ledger_id):
        book.carbon.meters[row[0]] = Meter(*row)
        book.carbon.readings[row[0]] = {}
    for row in await _rows(connection, _READINGS, texts(list(meters)), ledger_id):
        book.carbon.readings[row[1]][row[0]] = Reading(*row)


_METERS = """
    select m.meter_id, m.log_index, m.enterprise, m.site, m.stage, m.material, m.route, m.under, m.rating
    from unnest(%s::text[]) as asked (meter_id)
    cross join lateral (select * from meter where ledger_id = %s and meter_id = asked.meter_id limit 1) as m
"""
_READINGS = """
    select r.log_index, r.meter_id, r.first_on::text, r.last_on::text, r.quantity
    from unnest(%s::text[]) as asked (meter_id)
    cross join lateral (
        select * from reading where ledger_id = %s and meter_id = asked.meter_id and corrected_by is null offset 0
    ) as r
"""


async def _load_inventories(
    connection: Connection, ledger_id: int, book: Book, years: set[tuple[str, str]], judged: set[int]
) -> None:
    """All of an enterprise's year; what this process knows of one is newer than the table."""
    enterprises, of = zip(*years, strict=True) if years else ((), ())
    rows = await _rows(connection, _INVENTORIES, ledger_id, ledger_id, list(judged), texts(enterprises), texts(of))
    for row in rows:
        if row[0] not in book.carbon.inventories:
            book.carbon.inventories[row[0]] = InventoryFacts(**dict(zip(_INVENTORY, row, strict=True)))


_INVENTORY = (
    "log_index", "enterprise", "year", "subject", "tree_size", "factors_on", "digest", "restates", "scope1",
    "findings", "state", "judged_index",
)  # fmt: skip
_INVENTORIES = """
    select i.log_index, i.enterprise, i.year, i.subject, i.tree_size, i.factors_on::text, i.digest, i.restates,
        i.scope1, i.findings, i.state, i.judged_index
    from inventory i
    where i.ledger_id = %s and (i.enterprise, i.year) in (
        select j.enterprise, j.year from inventory j where j.ledger_id = %s and j.log_index = any(%s)
        union all
        select enterprise, year from unnest(%s::text[], %s::text[]) as asked (enterprise, year)
    )
"""


async def _load_claims(
    connection: Connection, ledger_id: int, book: Book, wanted: set[tuple[str, str]], reversed_: set[int]
) -> None:
    """What is claimed for each beneficiary and year that this group changes, and what its meters show.

    Also where no rule asks for it: a sum that is not in memory when a fact of it is learnt would miss that fact for
    good, because the group that has it may not be in the database when the sum is loaded.
    """
    if missing := reversed_.difference(book.carbon.claims):
        text = "select log_index, beneficiary, year from claim where ledger_id = %s and log_index = any(%s)"
        rows = await _rows(connection, text, ledger_id, list(missing))
        book.carbon.claims.update((index, (beneficiary, year)) for index, beneficiary, year in rows)
    wanted |= {book.carbon.claims[index] for index in reversed_ if index in book.carbon.claims}
    for beneficiary, year in wanted.difference(book.carbon.claimed):
        parameters = {"ledger": ledger_id, "beneficiary": beneficiary, "year": year}
        ((claimed, metered),) = await (await connection.execute(_CLAIMED, parameters)).fetchall()
        book.carbon.claimed[beneficiary, year], book.carbon.metered[beneficiary, year] = int(claimed), int(metered)


_CLAIMED = """
    select (
        select coalesce(sum(e.quantity - coalesce((
            select sum(r.quantity) from event r where r.ledger_id = c.ledger_id and r.reverses = c.log_index
        ), 0)), 0)
        from claim c join event e on e.ledger_id = c.ledger_id and e.log_index = c.log_index
        where c.ledger_id = %(ledger)s and c.beneficiary = %(beneficiary)s and c.year = %(year)s
    ), (
        select coalesce(sum(r.quantity), 0)
        from meter m join reading r on r.ledger_id = m.ledger_id and r.meter_id = m.meter_id
        where m.ledger_id = %(ledger)s and m.enterprise = %(beneficiary)s and m.material = 'electricity'
            and m.under is null and r.corrected_by is null and to_char(r.first_on, 'YYYY') = %(year)s
    )
"""


def meter_values(meter: Meter) -> tuple[Any, ...]:
    """A meter's columns after the ledger, in the table's order."""
    return (
        meter.meter, meter.log_index, meter.enterprise, meter.site, meter.stage, meter.material, meter.route,
        meter.under, meter.rating,
    )  # fmt: skip


def reading_values(reading: Reading, body: ReadingBody) -> tuple[Any, ...]:
    """A reading's columns after the ledger, in the table's order."""
    days = reading.first_on, reading.last_on
    return reading.log_index, reading.meter, *days, reading.quantity, body.evidence.level, reading.corrected_by


def claim_values(index: int, body: RetirementBody) -> tuple[Any, ...]:
    """What the posting of this index claims, as columns after the ledger, in the table's order."""
    return index, body.enterprise, body.beneficiary, body.purpose, body.year, body.site


def inventory_values(facts: InventoryFacts) -> tuple[Any, ...]:
    """An inventory's columns after the ledger, in the table's order."""
    return tuple(getattr(facts, name) for name in _INVENTORY)
