"""Reads on two time axes: a balance as it counted on a day, known at a tree size; and nobody sees another's."""

import datetime
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import writer as writer_module
from ledger.core.events import (
    Evidence,
    Subscribe,
    Transfer,
    TransferTrade,
)
from ledger.reports import reading as reports_reading
from ledger.reports.positions import Position, positions
from ledger.reports.reading import Moment
from ledger.store.session import Query, Reader
from tests.conftest import DOCUMENT, ENTERPRISES, Park, Server, day, holding
from tests.oracle import Oracle
from tests.store.test_append_only import views
from tests.store.test_writer import transfer

PAPER = Evidence(level="CONFIRMED", document=DOCUMENT)
ALL = Query("select name, commodity, account_id from visible_account")
PAST: LiteralString = """
    select balance_as_of(%s, d::date, k)
    from unnest(%s::text[]) with ordinality as days (d, i), unnest(%s::bigint[]) with ordinality as sizes (k, j)
    order by i, j
"""
LOTS: LiteralString = """
    select d, k, account_id, lot_id, quantity
    from unnest(%s::text[]) as d cross join unnest(%s::bigint[]) as k cross join lot_balances_as_of(d::date, k)
    where quantity <> 0
"""


class Reading:
    """A park with a reader."""

    def __init__(self, park: Park) -> None:
        self.park = park
        self.reader = Reader(park.database.urls.reader, connections_max=2)
        park.run(self.reader.open())
        self.accounts = {(name, commodity): found for name, commodity, found in self.rows(ALL)}

    def rows(self, query: Query, tenant: str = "*") -> list[tuple[Any, ...]]:
        """The rows of one query, as this tenant."""
        return [tuple(row) for row in self.park.run(self.reader.fetch(self.park.scope(tenant), query))[0]]

    def balances(self, account: int, days: list[str], sizes: list[int], tenant: str = "*") -> list[int | None]:
        """The account's balance on every day at every size."""
        return [found for (found,) in self.rows(Query(PAST, (account, days, sizes)), tenant)]


@pytest.fixture
def reading(park: Park) -> Iterator[Reading]:
    found = Reading(park)
    yield found
    park.run(found.reader.close())


facts = st.tuples(
    st.sampled_from(["give", "give", "move", "move", "move without lot", "promise"]),
    st.sampled_from(ENTERPRISES[:3]),
    st.sampled_from(ENTERPRISES[:3]),
    st.integers(1, 9),
    st.sampled_from("AB"),
    st.integers(-2, 2),
)


@settings(max_examples=12, deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(history=st.lists(facts, min_size=3, max_size=14))
def test_past_equals_the_sum_of_the_facts(server: Server, history: list[tuple[Any, ...]]) -> None:
    """Over late, future and multi-lot histories, every account on every day at every size is the plain sum."""
    reading = Reading(Park(server.clone("template_park")))
    park, days = reading.park, [day(offset) for offset in range(-4, 4)]
    try:
        for number, (what, party, other, quantity, lot, offset) in enumerate(history):
            dated = {"occurred_on": day(offset), "effective_on": day(offset), "evidence": PAPER}
            match what:
                case "give":
                    trade = park.trade(f"t{number}", party, quantity, lot=lot, amount_fen=9, **dated)
                    park.submit(park.operator(trade))
                    park.submit(park.operator(TransferTrade(trade_id=f"t{number}", **dated)))
                case "promise":
                    park.submit(park.operator(Subscribe(enterprise=party, quantity=quantity, **dated)))
                case _ if party != other:
                    wanted = transfer(party, other, quantity, lot=lot if what == "move" else None)
                    park.submit(park.operator(Transfer(legs=wanted.legs, **dated)))
        expect_past(reading, days)
    finally:
        park.run(reading.reader.close())
        park.close()
        park.database.drop()


def expect_past(reading: Reading, days: list[str]) -> None:
    """Every account that moved, and every lot in it, on all the days, at all sizes, against sums over all postings."""
    rows = reading.park.database.rows("select account_id, log_index, quantity, effective_on::text, lot_id from posting")
    end = reading.park.database.value("select size from head")
    sizes = list(range(min((row[1] for row in rows), default=0), end + 2))
    for account in {row[0] for row in rows}:
        expected = [
            sum(q for found, index, q, on, _ in rows if found == account and index < size and on <= each)
            for each in days
            for size in sizes
        ]
        assert reading.balances(account, days, sizes) == expected
    mine = {
        found for found, _, _ in reading.rows(Query("select account_id, name, kind from visible_account"), "GH-001")
    }
    for tenant in ("*", "GH-001"):
        lots: Counter[tuple[Any, ...]] = Counter()
        for account, index, quantity, on, lot in rows:
            for each in days:
                for size in sizes:
                    if index < size and on <= each and (tenant == "*" or account in mine):
                        lots[each, size, account, lot] += quantity
        found = reading.rows(Query(LOTS, (days, sizes)), tenant)
        assert {tuple(key): quantity for *key, quantity in found} == {k: v for k, v in lots.items() if v}


def test_positions_of_a_size_stay_what_they_were(reading: Reading) -> None:
    """From whichever end they are added up: lots that came later, and what was given away, leave no line behind."""
    park, today = reading.park, datetime.date.fromisoformat(day(0))
    reports = reports_reading.Reading(park.database.urls.reader)
    park.run(reports.reader.open())
    park.give("GH-001", 50, lot="A")
    size = park.database.value("select size from head")

    def then() -> list[Position]:
        found = positions(reports, park.scope(), Moment(today, size), today=today, by="vintage")
        return park.run(found).lines

    before = then()
    for month in ("2026-06", "2026-07"):
        park.give("GH-002", 5, lot=f"later {month}", month=month)
        assert then() == before
    for _ in range(size):
        park.expect_posted(park.operator(transfer("GH-001", "GH-002", 1)))
        park.expect_posted(park.operator(transfer("GH-002", "GH-001", 1)))
    assert park.database.value("select size from head") > 2 * size and then() == before
    park.run(reports.reader.close())


def test_same_pair_gives_the_same_answer_for_ever(reading: Reading) -> None:
    """What was known at a size does not change by later facts, late ones included."""
    park = reading.park
    park.give("GH-001", 50, lot="A")
    park.give("GH-001", 50, lot="B")
    account, days = reading.accounts[holding("GH-001"), "GEC"], [day(offset) for offset in range(-4, 4)]
    sizes = list(range(park.database.value("select size from head") + 1))
    before = reading.balances(account, days, sizes)
    for offset in (-3, 3, -1, 0):
        dated = {"occurred_on": day(offset), "effective_on": day(offset), "evidence": PAPER}
        trade = park.trade(f"late {offset}", "GH-001", 7, **dated)
        park.expect_posted(park.operator(trade), park.operator(TransferTrade(trade_id=trade.trade_id, **dated)))
        legs = transfer("GH-001", "GH-002", 5, lot=trade.lot.code).legs
        park.expect_posted(park.operator(Transfer(legs=legs, **dated)))
        assert reading.balances(account, days, sizes) == before


def test_unknown_account_and_empty_past_read_as_such(reading: Reading) -> None:
    """An account of nobody is null, one that had nothing yet is zero."""
    assert reading.balances(10**6, [day(0)], [10**6]) == [None]
    assert reading.balances(reading.accounts[holding("GH-001"), "GEC"], [day(0)], [0, 10**6]) == [0, 0]


def size_at(reading: Reading, moment: datetime.datetime) -> int | None:
    """The size this instant resolves to."""
    return reading.rows(Query("select size_at(%s)", (moment,)))[0][0]


def test_instant_resolves_to_a_size(reading: Reading) -> None:
    """An instant is the size of the journal then; one not yet past is null, one before the beginning 0."""
    park = reading.park
    segments = park.database.rows("select recorded_at, first_index + record_count from journal_segment order by 1")
    tick = datetime.timedelta(microseconds=1)
    before = 0
    for recorded_at, size in segments:
        assert size_at(reading, recorded_at - tick) == before
        assert size_at(reading, recorded_at) == size
        before = size
    assert size_at(reading, datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=5)) is None
    now = datetime.datetime.now(datetime.UTC)
    assert size_at(reading, now) == before
    park.give("GH-001", 5, lot="A")
    assert size_at(reading, now) == before, "the same instant, the same size"


def test_instant_holds_though_a_writers_clock_is_behind(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an instant resolved to stays, even when a writer on another machine has a slow clock."""
    now = datetime.datetime.now(datetime.UTC)
    before = size_at(reading, now)

    class Slow(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2)).astimezone(tz)

    time.sleep(0.01)
    with monkeypatch.context() as patched:
        patched.setattr(writer_module, "datetime", _module_with(Slow))
        reading.park.give("GH-001", 5, lot="A")
    assert size_at(reading, now) == before


def _module_with(clock: type[datetime.datetime]) -> Any:
    class Module:
        datetime, timedelta, UTC = clock, datetime.timedelta, datetime.UTC

    return Module


def test_instant_waits_for_the_group_being_written(reading: Reading) -> None:
    """While a group holds the head, an instant is not resolved: that group may bear an earlier time."""
    with psycopg.connect(reading.park.database.admin_url, options="-c search_path=greenledger") as other:
        other.execute("select from head for update")
        with psycopg.connect(reading.park.database.urls.reader, options="-c search_path=greenledger") as asking:
            asking.execute("set lock_timeout = 100")
            asking.execute("select set_config('greenledger.ledger', '1', true)")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                asking.execute("select size_at(clock_timestamp())")


def test_tenant_sees_its_own_and_nothing_else(reading: Reading) -> None:
    """Through every view and function an enterprise finds only its own accounts, and none by another's number."""
    park = reading.park
    park.give("GH-001", 50, lot="A")
    park.give("GH-002", 50, lot="B")
    park.give_serials("GH-002", 1, 9)
    park.expect_posted(park.enterprise("GH-002", transfer("GH-002", "GH-003", 5, lot="B")))
    own = {row[0] for row in reading.rows(Query("select account_id from visible_account"), "GH-001")}
    assert own == {found for (name, _), found in reading.accounts.items() if name.endswith(":GH-001")}
    rows = park.database.rows(
        "select table_name from information_schema.columns where table_schema = 'greenledger' "
        "and table_name like 'visible%' and column_name = 'account_id'"
    )
    assert len(rows) >= 4
    for (view,) in rows:
        found = reading.rows(Query(f"select account_id from {view}"), "GH-001")  # type: ignore[arg-type]  # catalogue
        assert {account for (account,) in found} <= own, view
    foreign = set(reading.accounts.values()) - own
    for account in foreign:
        assert reading.balances(account, [day(0)], [10**6], "GH-001") == [None]
    for view in views(park.database):
        content = str(reading.rows(Query(f"select * from {view}"), "GH-001"))  # type: ignore[arg-type]  # catalogue
        assert not {"GH-002", "GH-003", "企业GH-002"} & set(content.replace("'", " ").replace(":", " ").split()), view
    assert [row[1] for row in reading.rows(Query("select * from visible_lot"), "GH-001")] == ["A"]
    for read in (
        "visible_records(0, 100)",
        *(f"balances_of({account})" for account in foreign),
        *(f"postings_of({account}, 999, 0, 100)" for account in foreign),
    ):
        assert reading.rows(Query(f"select * from {read}"), "GH-001") == [], read  # type: ignore[arg-type]  # ours


def test_oracle_sums_the_same_past() -> None:
    """The oracle's own as-of sum is right on three facts worked out by hand."""
    oracle, fact = Oracle(), type("Fact", (), {"account": "H", "commodity": "GEC", "lot": "A", "serials": ()})
    for index, on, quantity in ((1, "2026-01-02", 5), (2, "2026-01-01", 7), (3, "2026-01-03", -2)):
        oracle.facts.append(type("F", (fact,), {"index": index, "day": on, "quantity": quantity}))
    ask = [("2026-01-01", 3, 7), ("2026-01-01", 2, 0), ("2026-01-02", None, 12), ("2026-01-03", None, 10)]
    for on, size, expected in ask:
        assert oracle.balance("H", "GEC", effective_as_of=on, known_as_of=size) == expected
