"""Load into a book what a group of commands touches, in a few set-based queries.

"The newest" is written as a range ordered by the whole of one index. With equalities two indexes give the order,
and by statistics taken while the table was small the planner walked an account's whole history for one day of it.
Nothing here locks: the writer checks, once it holds the head, that nobody else wrote since the book was loaded,
and loads again if so.
"""

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec
import psycopg

from ledger.core.account import KINDS, Account
from ledger.core.book import Book, ordinal
from ledger.core.certificate import Lot, LotFacts
from ledger.core.command import ClosePeriod, Request
from ledger.core.held_range import HeldRange, Holdings
from ledger.core.periods import SUSPENSE, days_of
from ledger.core.plans import Units, units_entering
from ledger.core.policy import PolicyRow
from ledger.core.proposals import unfolded
from ledger.core.serial_range import SerialRange, merge
from ledger.store.carbon import load_carbon
from ledger.store.literals import numbers, texts
from ledger.store.needs import Needs, floor_of, offered_by, touched_by, trade_events, used_by
from ledger.store.registry import (
    load_evidence,
    load_in_transit,
    load_names,
    load_offers,
    load_originals,
    load_proposals,
    load_taken_back,
    rows_of,
)

Connection = psycopg.AsyncConnection[Any]
NO_ACCOUNTS_MAX = 10_000
"""Accounts remembered as not there; above it they are looked for again."""


async def load(connection: Connection, ledger_id: int, book: Book, requests: list[Request], *, today: str) -> None:
    """Bring into `book` all that deciding these requests looks at, but for the outcomes under their keys."""
    await load_proposals(connection, ledger_id, book, requests)
    requests = [unfolded(book, request) for request in requests]
    await load_evidence(connection, ledger_id, book, requests)
    await load_names(connection, ledger_id, book, requests)
    await load_offers(connection, ledger_id, book, requests)
    await load_originals(connection, ledger_id, book, requests)
    await load_carbon(connection, ledger_id, book, requests)
    events = trade_events(requests)
    # The lots of trades come first: what their events touch depends on them.
    known = {book.trades[trade].lot for trade in events if trade in book.trades}
    await _load_lots(connection, ledger_id, book, known)
    touched = touched_by(book, requests, events)
    accounts = {(leg.account, leg.commodity) for _, legs in touched for leg in legs}
    await _load_accounts(connection, ledger_id, book, accounts)
    lots = {leg.lot for _, legs in touched for leg in legs}
    await _load_lots(connection, ledger_id, book, lots - {None})  # type: ignore[arg-type]  # None is taken out
    needs = Needs()
    closing = [request.command.month for request in requests if isinstance(request.command, ClosePeriod)]
    for command, legs in touched:
        for day in days_of(book, command.effective_on or command.occurred_on or today, closing):
            for leg in legs:
                needs.add(book, leg, ordinal(day))
    await _load_selections(connection, ledger_id, book, set(needs.selecting))
    needs.add_selected(book)
    await _load_balances(connection, ledger_id, book, needs.pairs)
    await _load_totals(connection, ledger_id, book, {account_id for account_id, _ in needs.days})
    await _load_day_balances(connection, ledger_id, book, needs.days)
    if closing:
        await _load_suspense(connection, ledger_id, book)
    await _load_lot_days(connection, ledger_id, book, needs.dated)
    await _load_ranges(connection, ledger_id, book, needs.pairs)
    used = used_by(book, touched, needs.named)
    await load_in_transit(connection, ledger_id, book, used)
    await load_taken_back(connection, ledger_id, book, {lot_id for _, lot_id in used})
    entering = units_entering([command for command, _ in touched], events, book)
    await _load_conflicts(connection, ledger_id, book, entering)
    await _load_marks(connection, ledger_id, book, entering, offered_by(book, touched))


async def load_whole(connection: Connection, ledger_id: int, book: Book) -> None:
    """Bring in what every decision may need and there is little of: the rules, and how many accounts there are."""
    rows = await rows_of(
        connection, "select log_index, content::text from policy where ledger_id = %s order by 1", ledger_id
    )
    for index, content in rows:
        book.policies.add(index, msgspec.json.decode(content, type=PolicyRow))
    rows = await rows_of(connection, "select coalesce(max(account_id), 0) from account where ledger_id = %s", ledger_id)
    book.next_account_id = rows[0][0] + 1


async def _load_accounts(connection: Connection, ledger_id: int, book: Book, wanted: set[tuple[str, str]]) -> None:
    if not (missing := wanted.difference(book.accounts, book.no_accounts)):  # not `-`, which walks all accounts
        return
    rows = await rows_of(
        connection,
        "select account_id, name, kind, commodity, owner from account where ledger_id = %s and name = any(%s)",
        ledger_id,
        list({name for name, _ in missing}),
    )
    for account_id, name, kind, commodity, owner in rows:
        book.accounts[name, commodity] = Account(account_id, name, KINDS[kind], commodity, owner)
    if len(book.no_accounts) > NO_ACCOUNTS_MAX:  # callers may name what they like
        book.no_accounts.clear()
    book.no_accounts |= missing.difference(book.accounts)


_LOT_COLUMNS = """lot_id, code, scheme, project, production_month, numbered, tradable, energy_class, trade_class,
    source, province"""


async def _load_suspense(connection: Connection, ledger_id: int, book: Book) -> None:
    """All that stands in suspense, whatever of it this group touches."""
    rows = await rows_of(
        connection,
        """
        select a.name, a.commodity, b.lot_id from account a
        join balance_now b on b.ledger_id = a.ledger_id and b.account_id = a.account_id
        where a.ledger_id = %s and a.kind = any(%s) and b.quantity <> 0
        """,
        ledger_id,
        list(SUSPENSE),
    )
    await _load_accounts(connection, ledger_id, book, {(name, commodity) for name, commodity, _ in rows})
    lots = list({lot_id for *_, lot_id in rows if lot_id and lot_id not in book.lot_by_id})
    text = f"select {_LOT_COLUMNS} from lot where ledger_id = %s and lot_id = any(%s)"
    _take_lots(book, await rows_of(connection, text, ledger_id, lots))
    pairs = {(book.accounts[name, commodity].account_id, lot_id) for name, commodity, lot_id in rows}
    await _load_balances(connection, ledger_id, book, pairs)


_LOTS = f"""
    select l.* from unnest(%s::text[]) as asked (code)
    cross join lateral (
        select {_LOT_COLUMNS} from lot where ledger_id = %s and lot.code >= asked.code and lot.code <= asked.code
        order by lot.code limit 1  -- by the index of codes, however small the table was when this was planned
    ) as l
"""


async def _load_lots(connection: Connection, ledger_id: int, book: Book, codes: set[str]) -> None:
    if missing := codes.difference(book.lots):
        _take_lots(book, await rows_of(connection, _LOTS, texts(list(missing)), ledger_id))


def _take_lots(book: Book, rows: Iterable[Any]) -> None:
    for lot_id, code, scheme, project, month, numbered, tradable, energy, trade, source, province in rows:
        facts = LotFacts(
            code=code,
            energy_class=energy,
            numbered=numbered,
            production_month=month,
            project=project,
            province=province,
            scheme=scheme,
            source=source,
            tradable=tradable,
            trade_class=trade,
        )
        book.lots[code] = book.lot_by_id[lot_id] = Lot(lot_id, facts)


async def _load_selections(connection: Connection, ledger_id: int, book: Book, accounts: set[int]) -> None:
    if not (missing := [a for a in accounts if a not in book.account_lots]):
        return
    rows = await rows_of(
        connection,
        """
        select account_id, lot_id from balance_now
        where ledger_id = %s and account_id = any(%s) and lot_id <> 0 and quantity <> 0
        """,
        ledger_id,
        missing,
    )
    for account_id in missing:
        book.account_lots[account_id] = {}
    for account_id, lot_id in rows:
        book.account_lots[account_id][lot_id] = None
    # What the group in flight brought is in memory only.
    for account_id, lot_id in book.lot_balances:
        if lot_id and account_id in book.account_lots:
            book.account_lots[account_id][lot_id] = None
    unknown = list({lot_id for _, lot_id in rows} - book.lot_by_id.keys())
    if unknown:
        text = f"select {_LOT_COLUMNS} from lot where ledger_id = %s and lot_id = any(%s)"
        _take_lots(book, await rows_of(connection, text, ledger_id, unknown))


async def _load_balances(connection: Connection, ledger_id: int, book: Book, pairs: set[tuple[int, int]]) -> None:
    if not (missing := [pair for pair in pairs if pair not in book.lot_balances]):
        return
    accounts, lots = map(list, zip(*missing, strict=True))
    rows = await rows_of(
        connection,
        # What the table does not have yet is walked by its place in the log: by lot, all that a lot ever had was.
        """
        select a.account_id, a.lot_id, b.quantity, b.last_on
        from unnest(%s::int[], %s::bigint[]) as a (account_id, lot_id)
        cross join lateral (
            select quantity, last_on from balance
            where ledger_id = %s and account_id = a.account_id and lot_id = a.lot_id limit 1
        ) as b
        union all
        select p.account_id, p.lot_id, sum(p.quantity)::bigint, max(p.effective_on)
        from unnest(%s::int[]) as a (account_id)
        cross join lateral (
            select account_id, lot_id, quantity, effective_on from posting
            where ledger_id = %s and account_id = a.account_id
                and log_index >= (select balance_size from head where ledger_id = %s)
            order by log_index, leg offset 0
        ) as p
        group by 1, 2
        """,
        numbers(accounts),
        numbers(lots),
        ledger_id,
        numbers(list(set(accounts))),
        ledger_id,
        ledger_id,
    )
    book.lot_balances.update((pair, (0, 0)) for pair in missing)
    asked = set(missing)
    for account_id, lot_id, quantity, last_on in rows:
        if (account_id, lot_id) in asked:
            held, day = book.lot_balances[account_id, lot_id]
            book.lot_balances[account_id, lot_id] = (held + quantity, max(day, last_on.toordinal()))


async def _load_totals(connection: Connection, ledger_id: int, book: Book, accounts: set[int]) -> None:
    if not (missing := [a for a in accounts if a not in book.totals]):
        return
    rows = await rows_of(
        connection,
        """
        select a.account_id, p.balance, p.version from unnest(%s::int[]) as a (account_id)
        cross join lateral (
            select balance, version from posting
            where ledger_id = %s and account_id >= a.account_id and account_id <= a.account_id
            order by account_id desc, log_index desc, leg desc limit 1
        ) as p
        """,
        numbers(missing),
        ledger_id,
    )
    book.totals.update((account_id, (0, 0)) for account_id in missing)
    book.totals.update((account_id, (balance, version)) for account_id, balance, version in rows)


async def _load_day_balances(connection: Connection, ledger_id: int, book: Book, days: set[tuple[int, int]]) -> None:
    if not (missing := [key for key in days if key not in book.day_balances]):
        return
    accounts = [account_id for account_id, _ in missing]
    dates = texts(datetime.date.fromordinal(day).isoformat() for _, day in missing)
    rows = await rows_of(
        connection,
        """
        select a.account_id, a.day, p.day_balance from unnest(%s::int[], %s::date[]) as a (account_id, day)
        cross join lateral (
            select day_balance from posting
            where ledger_id = %s and account_id = a.account_id and effective_on >= a.day and effective_on <= a.day
            order by effective_on desc, log_index desc, leg desc limit 1
        ) as p
        """,
        numbers(accounts),
        dates,
        ledger_id,
    )
    book.day_balances.update((key, 0) for key in missing)
    book.day_balances.update(((account_id, day.toordinal()), balance) for account_id, day, balance in rows)


async def _load_lot_days(connection: Connection, ledger_id: int, book: Book, dated: dict[tuple[int, int], int]) -> None:
    """Quantities by effective day, for the lots a command wants to change before days that are not in memory."""
    missing = [key for key, day in dated.items() if key in book.lot_balances and day < floor_of(book, key)]
    if not missing:
        return
    accounts, lots = map(list, zip(*missing, strict=True))
    # What was posted since a lot came into memory is there already, whether or not it is committed yet.
    bounds = [book.lot_floors[key][1] if key in book.lot_floors else book.size for key in missing]
    rows = await rows_of(
        connection,
        """
        select a.account_id, a.lot_id, p.effective_on, sum(p.quantity)::bigint
        from unnest(%s::int[], %s::bigint[], %s::bigint[]) as a (account_id, lot_id, bound)
        cross join lateral (
            select effective_on, quantity from posting
            where ledger_id = %s and lot_id >= a.lot_id and lot_id <= a.lot_id and account_id = a.account_id
                and log_index < a.bound
            order by lot_id offset 0  -- else another index was taken, and all that the account ever had walked
        ) as p
        group by 1, 2, 3
        """,
        numbers(accounts),
        numbers(lots),
        numbers(bounds),
        ledger_id,
    )
    for key, bound in zip(missing, bounds, strict=True):
        book.lot_days.setdefault(key, {})
        book.lot_floors[key] = (0, bound)
    book.days_loaded += len(rows)
    for account_id, lot_id, day, quantity in rows:
        days = book.lot_days[account_id, lot_id]
        days[day.toordinal()] = days.get(day.toordinal(), 0) + quantity


async def _load_ranges(connection: Connection, ledger_id: int, book: Book, pairs: set[tuple[int, int]]) -> None:
    """Serials held by the accounts touched."""
    numbered = [
        (account_id, lot_id)
        for account_id, lot_id in pairs
        if lot_id and (account_id, lot_id) not in book.ranges and book.lot_by_id[lot_id].facts.numbered
    ]
    if numbered:
        accounts, lots = map(list, zip(*numbered, strict=True))
        rows = await rows_of(
            connection,
            """
            select a.account_id, a.lot_id, s.serials, s.since
            from unnest(%s::int[], %s::bigint[]) as a (account_id, lot_id)
            cross join lateral (
                select serials, since from serial_position
                where ledger_id = %s and account_id = a.account_id and lot_id = a.lot_id offset 0
            ) as s
            """,
            numbers(accounts),
            numbers(lots),
            ledger_id,
        )
        _take_ranges(book, numbered, rows)


def _bounds(book: Book, entering: list[Units]) -> tuple[list[int], list[int], list[int]]:
    """Lots, first serials and ends of units whose lots are in the book."""
    known = [(book.lots[units.lot.code].lot_id, units.serials) for units in entering if units.lot.code in book.lots]
    flat = [(lot_id, r.first, r.end) for lot_id, serials in known for r in serials]
    return [row[0] for row in flat], [row[1] for row in flat], [row[2] for row in flat]


async def _load_conflicts(connection: Connection, ledger_id: int, book: Book, entering: list[Units]) -> None:
    """Any serials that a new range from outside would run into."""
    lots, firsts, ends = _bounds(book, entering)
    if not lots:
        return
    rows = await rows_of(
        connection,
        """
        with found as (
            select distinct c.account_id, c.lot_id
            from unnest(%s::bigint[], %s::bigint[], %s::bigint[]) as e (lot_id, first_serial, end_serial)
            cross join lateral (
                select s.account_id, s.lot_id from serial_position s
                where serial_box(s.ledger_id, s.lot_id, s.serials)
                        && serial_box(%s, e.lot_id, int8range(e.first_serial, e.end_serial))
                    and s.ledger_id = %s and s.lot_id = e.lot_id offset 0
            ) as c
        )
        select s.account_id, s.lot_id, s.serials, s.since from found
        cross join lateral (
            select t.account_id, t.lot_id, t.serials, t.since from serial_position t
            where t.ledger_id = %s and t.account_id = found.account_id and t.lot_id = found.lot_id offset 0
        ) as s
        """,
        numbers(lots),
        numbers(firsts),
        numbers(ends),
        ledger_id,
        ledger_id,
        ledger_id,
    )
    found = [row for row in rows if (row[0], row[1]) not in book.ranges]
    _take_ranges(book, list({(row[0], row[1]) for row in found}), found)


def _take_ranges(book: Book, keys: list[tuple[int, int]], rows: Iterable[Any]) -> None:
    held: dict[tuple[int, int], list[HeldRange]] = {key: [] for key in keys}
    for account_id, lot_id, serials, since in rows:
        held[account_id, lot_id].append(HeldRange(serials.lower, serials.upper, since.toordinal()))
    for (account_id, lot_id), pieces in held.items():
        book.ranges[account_id, lot_id] = Holdings.of(tuple(sorted(pieces)))
        book.holders.setdefault(lot_id, {})[account_id] = None


_MARKS_OF = """
    select s.lot_id, s.event, s.log_index, s.serials from serial_mark s
    where serial_box(s.ledger_id, s.lot_id, s.serials)
            && serial_box(%s, e.lot_id, int8range(e.first_serial, e.end_serial))
        and s.ledger_id = %s and s.lot_id = e.lot_id and s.event = '{}'
"""
_MARKS = f"""
    select m.lot_id, m.event, m.log_index, m.serials
    from unnest(%s::bigint[], %s::bigint[], %s::bigint[]) as e (lot_id, first_serial, end_serial)
    cross join lateral ({_MARKS_OF.format("issued")} union all {_MARKS_OF.format("traded")} offset 0) as m
    union
    select m.lot_id, m.event, m.log_index, m.serials from unnest(%s::bigint[]) as e (lot_id)
    cross join lateral (
        select s.lot_id, s.event, s.log_index, s.serials from serial_mark s
        where s.ledger_id = %s and s.lot_id = e.lot_id offset 0
    ) as m
"""


async def _load_marks(
    connection: Connection, ledger_id: int, book: Book, entering: list[Units], offered: set[int]
) -> None:
    """What was issued or traded already: of the serials that come in, and of the lots that are offered."""
    lots, firsts, ends = _bounds(book, entering)
    if not lots and not offered:
        return
    rows = await rows_of(
        connection,
        _MARKS,
        numbers(lots),
        numbers(firsts),
        numbers(ends),
        *(4 * [ledger_id]),
        numbers(list(offered)),
        ledger_id,
    )
    found: dict[tuple[int, str], dict[int, list[SerialRange]]] = {}
    for lot_id, event, index, serials in rows:
        found.setdefault((lot_id, event), {}).setdefault(index, []).append(SerialRange(serials.lower, serials.upper))
    for key, marks in found.items():
        # What this process knows of a transaction is newer than the table: it may be void in the group in flight.
        known = book.marks.setdefault(key, {})
        known.update((index, merge(tuple(pieces))) for index, pieces in marks.items() if index not in known)
