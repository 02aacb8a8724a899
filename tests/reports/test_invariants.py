"""The twelve invariants: an honest book keeps them, and each is found broken where somebody broke it."""

import datetime
from collections.abc import Iterator

import pytest

from ledger.core.events import Evidence, Leg, ListForSale, Retire, Subscribe, Transfer
from ledger.reports.invariants import Verdict, invariants
from ledger.reports.reading import Reading
from ledger.store.session import Scope
from tests.conftest import DOCUMENT, Park, Server, holding, run, today

A, B = "GH-001", "GH-002"


@pytest.fixture(scope="module")
def history(server: Server) -> Iterator[str]:
    """The name of a database with something of everything that is checked, to be cloned by each test."""
    park = Park(server.clone("template_park", name="template_invariants"))
    park.give(A, 500, lot="L1")
    lot = park.give_serials(A, 1, 100)
    park.expect_posted(
        park.operator(park.trade("transit", A, 40, lot="L2")),
        park.enterprise(A, Transfer(legs=(Leg(holding(A), "GEC", -10, lot), Leg(holding(B), "GEC", 10, lot)))),
        park.enterprise(A, Subscribe(enterprise=A, quantity=77)),
        park.enterprise(A, Retire(enterprise=A, quantity=5, lot=lot, purpose="EVENT", year="2026")),
    )
    proved = Evidence(level="CONFIRMED", document=DOCUMENT)
    retire = Retire(enterprise=A, quantity=1, lot="L1", purpose="EVENT", year="2026", proof="P-1", evidence=proved)
    park.expect_posted(park.operator(retire, evidence_key="proof:P-1"))
    park.submit(park.operator(ListForSale(project=A, platform="GEC", quantity=1)))
    park.close()
    yield "template_invariants"
    park.database.drop()


def judged(server: Server, template: str, *statements: str) -> dict[int, Verdict]:
    """What the checker finds after a superuser ran these statements with every trigger off."""
    database = server.clone(template)
    try:
        for statement in statements:
            database.rows("set session_replication_role = replica; " + statement)

        async def check() -> list[Verdict]:
            reading = Reading(database.urls.reader)
            await reading.reader.open()
            try:
                scope = Scope(database.value("select ledger_id from ledger"), "*")
                _, found = await invariants(reading, scope, today=datetime.date.fromisoformat(today()))
                return found
            finally:
                await reading.reader.close()

        return {verdict.number: verdict for verdict in run(check())}
    finally:
        database.drop()


def test_an_honest_book_keeps_them(server: Server, history: str) -> None:
    """All hold but the ninth, which has nothing to look at and says so; the twin of every case below."""
    found = judged(server, history)
    assert list(found) == list(range(1, 13))
    assert {number for number, verdict in found.items() if verdict.state == "holds"} == set(found) - {9}
    assert found[9].state == "not_checked" and found[9].warnings


METER = "insert into meter select ledger_id, 'E', 1, 'GH-001', 'w', 's', 'electricity', 'GRID', null, null from ledger"
READING = (
    "insert into reading select ledger_id, 2, 'E', '2026-01-01', '2026-01-31', {wh}, 'CONFIRMED', null from ledger"
)


@pytest.mark.parametrize(("wh", "warned"), [(6_000_000, False), (5_999_999, True)])
def test_claims_above_consumption_are_told(server: Server, history: str, wh: int, warned: bool) -> None:
    """Six are claimed: with six MWh metered nothing is said, with a watt-hour less both figures are."""
    found = judged(server, history, METER, READING.format(wh=wh))[9]
    assert (found.state, found.breaches) == ("holds", [])
    assert found.warnings == (["GH-001 claims 6 MWh for 2026, and consumed 5.999"] if warned else [])


def account(name: str, commodity: str = "GEC") -> str:
    """The number of an account, as SQL."""
    return f"(select account_id from account where name = '{name}' and commodity = '{commodity}')"


def lot(code: str) -> str:
    """The number of a lot, as SQL."""
    return f"(select lot_id from lot where code like '{code}')"


def moved(source: str, target: str, quantity: int, of: str) -> tuple[str, ...]:
    """Two balances changed behind the ledger's back; what it holds by postings is in the table after a catch-up."""
    change = (
        "insert into balance (ledger_id, account_id, lot_id, quantity, last_on) values (1, {}, {}, {}, '2026-01-01') "
        "on conflict (ledger_id, account_id, lot_id) do update set quantity = balance.quantity + excluded.quantity"
    )
    return change.format(account(source), lot(of), -quantity), change.format(account(target), lot(of), quantity)


RETIRED = f"Retired:{A}:EVENT:2026"
BROKEN: dict[str, tuple[int, tuple[str, ...]]] = {
    "a posting changed": (1, ("update posting set quantity = 2 * quantity where leg = 0 and commodity = 1",)),
    "a posting of another lot": (
        1, ("update posting set lot_id = lot_id + 1 where leg = 0 and commodity = 1 and log_index > 120",)
    ),
    "a balance made of nothing": (2, (moved("Clearing:GEC", holding(A), 3, "L1")[1],)),
    "identification left open": (2, (
        *moved("Identification:GEC", holding(A), 3, "L1"),
    )),
    "an overdraft": (3, moved(holding(B), holding(A), 3, "L1")),
    "a serial in two places": (4, (
        "alter table serial_position drop constraint serial_in_one_place",
        f"insert into serial_position values (1, {lot('%AB')}, {account('Clearing:GEC')}, '[3,5)', '2026-01-01')",
    )),
    "a range swallowed by a longer one before it": (4, (
        "alter table serial_position drop constraint serial_in_one_place",
        f"update serial_position set serials = '[1,300)' where account_id = {account(RETIRED)}",
    )),
    "a serial lost": (4, (f"delete from serial_position where account_id = {account(holding(B))}",)),
    "traded twice": (5, (
        "alter table serial_mark drop constraint serial_traded_once",
        f"insert into serial_mark values (1, {lot('%AB')}, 'traded', 5, '[7,8)')",
    )),
    "traded though not tradable": (5, (f"update lot set tradable = false where lot_id = {lot('L2')}",)),
    "a claim taken back by nothing": (6, (
        f"update posting set quantity = -quantity where account_id = {account(RETIRED)}",
    )),
    "an expired claim": (7, ("update lot set production_month = '2023-01' where code = 'L1'",)),
    "a claim of another year": (7, ("update lot set production_month = '2025-12' where code = 'L1'",)),
    "a claim out of clearing": (8, (
        f"update posting set account_id = {account('Clearing:GEC')} where account_id = {account(holding(A))} "
        "and log_index = (select log_index from evidence where evidence_key = 'proof:P-1')",
    )),
    "a claim with another's certificates": (8, (
        f"update posting set account_id = {account(holding(B))} where account_id = {account(holding(A))} "
        "and log_index = (select log_index from evidence where evidence_key = 'proof:P-1')",
    )),
    "a proof of something else": (8, ("update evidence set log_index = 120 where evidence_key = 'proof:P-1'",)),
    "a trade that left clearing": (10, ("update trade set state = 'TRANSFERRED' where trade_id = 'transit'",)),
    "clearing of no trade": (10, moved(holding(A), "Clearing:GEC", 3, "L1")),
    "a promise among certificates": (11, (
        f"update account set commodity = 'GEC' where account_id = {account(f'Commitment:Ent:{B}', 'GECSUB')}",
    )),
    "a line that posted nothing": (12, ("insert into evidence values (1, 'line 9', 3)",)),
    "a trade that stands twice": (12, (
        "insert into event select ledger_id, 3, command, occurred_on, effective_on, level, status, reverses, trade_id, "
        "quantity from event where trade_id = 'transit'",
    )),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_somebody_broke_is_found(server: Server, history: str, case: str) -> None:
    """By its number, with what breaks it."""
    number, statements = BROKEN[case]
    found = judged(server, history, *statements)
    assert found[number].state == "broken" and found[number].breaches, found


def test_long_transit_is_warned_of(server: Server, history: str) -> None:
    """A trade that waits for its transfer for more than 15 days breaks nothing, and is named."""
    old = "update event set occurred_on = occurred_on - 16 where command = 'trade'"
    found = judged(server, history, old)
    assert found[10].state == "holds" and len(found[10].warnings) == 1 and "transit" in found[10].warnings[0]
