"""The newest posting is found by one index however wrong the statistics are: rows fetched are counted, not seconds.

A writer plans its queries once. If it does so while an account has one day of history, a plan that walks the account
is as good as any, and it would be kept while the history grows to millions.
"""

import asyncio
import datetime
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ledger.core.book import Book
from ledger.core.events import (
    Evidence,
    Leg,
    Transfer,
)
from ledger.store import balances, unit_of_work
from ledger.store.session import OPTIONS, connect
from tests.conftest import DOCUMENT, Database, Park, day, holding

POSTINGS, FETCHED_MAX = 6_000, 100
FEW = 200
FETCHED = """
    select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
    where relid = 'greenledger.posting'::regclass
"""
QUERIES = {
    "balance_as_of": "select balance_as_of(%(account)s, current_date - 1, %(size)s)",
    "balance_as_of long ago": "select balance_as_of(%(account)s, current_date - 9, %(size)s / 2)",
    "postings_of": "select * from postings_of(%(account)s, %(size)s / 2, 0, 50)",
    "balances_of": "select * from balances_of(%(account)s)",
}


def one(quantity: int = 1, **dated: object) -> Transfer:
    """A transfer of counted units from GH-001 to GH-002."""
    legs = (Leg(holding("GH-001"), "GEC", -quantity, "A"), Leg(holding("GH-002"), "GEC", quantity, "A"))
    return Transfer(legs=legs, **dated)


@pytest.fixture
def history(park: Park) -> Iterator[Database]:
    """Thousands of postings of one account, nearly all of today; the statistics are those of the first few."""
    park.database.rows("alter table greenledger.posting set (autovacuum_enabled = off)")
    park.give("GH-001", 10**6, lot="A")
    paper = Evidence(level="CONFIRMED", document=DOCUMENT)
    park.expect_posted(*(park.operator(one()) for _ in range(20)))
    park.database.rows("analyze greenledger.posting")
    park.expect_posted(park.operator(one(effective_on=day(2), evidence=paper)))
    for at in range(0, POSTINGS, 1000):
        park.batch([park.operator(one(), key=f"{at}-{number}") for number in range(1000)], atomic=False)
    yield park.database


def account_of(database: Database) -> int:
    """The number of GH-001's holding."""
    return database.value("select account_id from account where name = %s", holding("GH-001"))


@pytest.mark.parametrize("offset", [0, 2, 1], ids=["a day of many", "a day of one", "a day of none"])
def test_a_writer_finds_a_days_balance_by_index(history: Database, offset: int) -> None:
    """An account's newest posting, and its newest of a day, cost a few rows, whenever the day was."""
    account_id, on = account_of(history), datetime.date.fromisoformat(day(offset)).toordinal()

    async def fetched() -> int:
        connection = await connect(history.admin_url)
        ledger_id = (await (await connection.execute("select ledger_id from ledger")).fetchone())[0]
        await connection.execute("begin")
        book = Book("ganhe")
        await balances._load_totals(connection, ledger_id, book, {account_id})
        await balances._load_day_balances(connection, ledger_id, book, {(account_id, on)})
        rows = await (await connection.execute(FETCHED)).fetchone()
        await connection.close()
        assert book.totals[account_id][1] > POSTINGS
        return rows[0]

    assert asyncio.run(fetched()) <= FETCHED_MAX


def test_a_writer_finds_a_lots_days_by_index(history: Database) -> None:
    """The days of one lot cost that lot's postings, not all that its holder ever had of others."""
    account_id, other = account_of(history), 10**6

    async def fetched() -> int:
        connection = await connect(history.admin_url)
        await connection.execute("begin")
        book = Book("ganhe")
        book.size, book.lot_balances[account_id, other] = 10**9, (0, 10**6)
        await balances._load_lot_days(connection, 1, book, {(account_id, other): 1})
        rows = await (await connection.execute(FETCHED)).fetchone()
        await connection.close()
        return rows[0]

    assert history.value("select min(ledger_id) from ledger") == 1
    assert asyncio.run(fetched()) <= FETCHED_MAX


@pytest.mark.parametrize("query", QUERIES)
def test_a_reader_finds_the_past_by_index(history: Database, query: str) -> None:
    """A balance on both axes and a page of postings cost some rows, not the account's history."""
    account_id, size = account_of(history), history.value("select size from head")
    assert fetched_by(history, QUERIES[query], account_id, size) <= FETCHED_MAX


def test_walking_the_account_would_be_seen(history: Database) -> None:
    """The twin: the same newest posting, asked for with equalities, is found by walking thousands of rows."""
    account_id = account_of(history)
    walk = f"""
        select p.day_balance from unnest(array[%(account)s], array[date '{day(2)}']) as a (account_id, day)
        cross join lateral (
            select day_balance from posting where ledger_id = %(size)s and account_id = a.account_id
                and effective_on = a.day order by log_index desc, leg desc limit 1
        ) as p
    """
    ledger_id = history.value("select min(ledger_id) from ledger")
    assert fetched_by(history, walk, account_id, ledger_id) > POSTINGS


def fetched_by(database: Database, query: str, account: int, size: int) -> int:
    """How many postings are read to answer this, by a reader of all tenants."""
    with psycopg.connect(database.admin_url, options=OPTIONS) as connection:
        row = connection.execute("select min(ledger_id)::text from ledger").fetchone()
        connection.execute("select set_config('greenledger.ledger', %s, true)", row)
        connection.execute("select set_config('greenledger.tenant', '*', true)")
        connection.execute(query, {"account": account, "size": size}).fetchall()
        return connection.execute(FETCHED).fetchone()[0]


def lots_read(database: Database, *, grow: bool) -> int:
    """How many lots are read to find ten by their codes, by a connection that planned while there were few.

    Of two hundred codes as trades have them the index is two levels high, of their numbers one: the wrong is cheaper.
    """
    name = "'GEC/C' || lpad(n::text, 12, '0') || '/1A2B2023630000001/2023-01'"

    async def add(connection: psycopg.AsyncConnection[Any], first: int, last: int) -> None:
        row = f"1, n, {name}, 'GEC', 'P1', '2026-05', false, true, null, null, null, null"
        text = f"insert into lot select {row} from generate_series({first}, {last}) n"
        await connection.execute(text)  # type: ignore[arg-type]  # of constants

    async def read() -> int:
        connection = await connect(database.admin_url)
        await add(connection, 1, FEW)
        await connection.plan_for(FEW)
        for _ in range(2):  # the second time it is prepared
            await balances._load_lots(connection, 1, Book("ganhe"), {"none"})
        await add(connection, FEW + 1, POSTINGS)
        if grow:
            await connection.plan_for(POSTINGS)
        await connection.execute("begin")
        before = await (await connection.execute(FETCHED.replace("posting", "lot"))).fetchone()
        book, wanted = Book("ganhe"), {f"GEC/C{100 * at:012}/1A2B2023630000001/2023-01" for at in range(1, 11)}
        await balances._load_lots(connection, 1, book, wanted)
        after = await (await connection.execute(FETCHED.replace("posting", "lot"))).fetchone()
        await connection.close()
        assert len(book.lots) == 10
        return after[0] - before[0]

    return asyncio.run(read())


BY_EQUALITY = balances._LOTS.replace(
    "lot.code >= asked.code and lot.code <= asked.code", "lot.code = asked.code"
).replace("order by lot.code", "")


def test_what_was_planned_for_little_is_planned_anew_for_much(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lot is found by its code, though the plan was first made for a table of nothing."""
    monkeypatch.setattr(balances, "_LOTS", BY_EQUALITY)
    assert lots_read(database, grow=True) <= FETCHED_MAX


def test_a_plan_for_little_would_walk_the_ledger(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: kept, it goes by an index that only begins with the ledger, from end to end."""
    monkeypatch.setattr(balances, "_LOTS", BY_EQUALITY)
    assert lots_read(database, grow=False) > POSTINGS // 2


def test_a_lot_is_found_by_its_code_even_so(database: Database) -> None:
    """Asked for in the order of the index of codes, no other will do, whatever the table was when it was planned."""
    assert lots_read(database, grow=False) <= FETCHED_MAX


def plan_of_catching_up(database: Database, text: str) -> str:
    """How a writer finds what its table of balances lacks, where there are said to be twelve million postings."""
    row = "1, n, 0, 1, 1, n, 1, n, n, n, current_date"
    database.rows("alter table posting disable trigger all")
    database.rows(f"insert into posting select {row} from generate_series(1, {FEW}) n")
    database.rows("analyze posting")
    database.rows("update pg_class set reltuples = 12000000, relpages = 1 where oid = 'posting'::regclass")
    for name, place in (("ledger", "$1"), ("from", "$2"), ("size", "$3")):
        text = text.replace(f"%({name})s", place)

    async def explained() -> str:
        connection = await connect(database.admin_url)
        await connection.execute(f"prepare caught (int, bigint, bigint) as {text}")  # type: ignore[arg-type]  # ours
        lines = await (await connection.execute("explain execute caught (1, 1, 2)")).fetchall()
        await connection.close()
        return str(lines)

    return asyncio.run(explained())


def test_balances_are_caught_up_from_a_place_in_the_log(database: Database) -> None:
    """What the table lacks is taken for the few records it is, and not walked for lot by lot."""
    assert "posting_lot" not in plan_of_catching_up(database, unit_of_work._CATCH_UP)


@pytest.mark.newest_only  # the planner of 15 sorts them all instead
def test_without_a_last_place_every_lot_would_be_walked(database: Database) -> None:
    """The twin: a third of all is taken to be meant, too much to sort, and the index of lots walked from end to end."""
    half_open = unit_of_work._CATCH_UP.replace(" and log_index < %(size)s", "")
    assert "posting_lot" in plan_of_catching_up(database, half_open)


def plan_after_a_view(database: Database) -> str:
    """How a session finds the serials that overlap a box, if it was a reader that first planned on their table."""
    with psycopg.connect(database.admin_url, options=OPTIONS) as connection:
        connection.execute(
            "select set_config('greenledger.ledger', '1', true), set_config('greenledger.tenant', '*', true)"
        )
        connection.execute("set local role greenledger_reader")
        connection.execute("select from visible_serial_position").fetchall()
        connection.execute("reset role")
        connection.execute("set local enable_seqscan = off")
        found = "serial_box(s.ledger_id, s.lot_id, s.serials) && serial_box(1, 1, '[1,9)')"
        return str(connection.execute(f"explain select from serial_position s where {found}").fetchall())


def test_a_session_that_began_with_a_view_still_finds_serials_by_box(database: Database) -> None:
    """A session keeps an index's expression as it was first planned: whoever plans on it must see through it."""
    assert "serial_in_one_place" in plan_after_a_view(database)


def test_a_reader_that_cannot_see_through_the_box_would_walk_every_serial(database: Database) -> None:
    """The twin: without the right to the function, the index is lost to the session."""
    database.rows("revoke execute on function serial_box(integer, bigint, int8range) from greenledger_reader")
    assert "serial_in_one_place" not in plan_after_a_view(database)
