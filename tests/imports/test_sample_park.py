"""The sample park keeps its promises on any day."""

import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.imports.documents import SummaryStatement
from ledger.imports.enterprises import read_enterprises
from ledger.imports.matching import summary_controls
from ledger.sample_park import Trade, sample_files, sample_trades
from tests.imports.reading import TradeStatement, control_total, distinct_trades, read_statement

TODAY = datetime.date(2026, 11, 23)
DAYS = st.dates(datetime.date(2024, 2, 1), datetime.date(2090, 1, 1))


def statements(today: datetime.date) -> tuple[TradeStatement, SummaryStatement]:
    files = sample_files(today)
    _, trades, summary = (
        read_statement(name, files[name]) if "gec" in name or "park" in name else None for name in files
    )
    assert isinstance(trades, TradeStatement) and isinstance(summary, SummaryStatement)
    return trades, summary


@settings(max_examples=15, deadline=None)
@given(DAYS)
def test_the_headline_figures_hold_on_any_day(today: datetime.date) -> None:
    """31,200 are traded and 333万 subscribed, with nothing to report, and all controls match."""
    trades, summary = statements(today)
    assert trades.problems == trades.warnings == summary.problems == summary.warnings == ()
    standing = [one for one in distinct_trades(trades.rows).distinct if one.state != "WITHDRAWN"]
    assert sum(one.quantity for one in standing) == 31_200
    assert control_total(trades) == ("exact", "exact")
    assert (summary.subscribed, summary.enterprises) == (3_330_000, 34)
    assert "no" not in summary_controls(summary).values()
    assert max(one.transferred_on for one in standing if one.transferred_on) < today


@settings(max_examples=15, deadline=None)
@given(DAYS)
def test_no_certificate_is_old_or_used_twice(today: datetime.date) -> None:
    """Production lies within the last year, and ranges of one series never overlap."""
    month = (today.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for trade in sample_trades(month):
        age = (today.year - int(trade.month[:4])) * 12 + today.month - int(trade.month[4:])
        assert 1 <= age <= 12
        if trade.codes:
            ranges.setdefault(series(trade), []).append(tuple(int(code[23:30]) for code in trade.codes))
            first, last = ranges[series(trade)][-1]
            assert last - first + 1 == trade.quantity
    for spans in ranges.values():
        spans.sort()
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))


def series(trade: Trade) -> str:
    assert trade.codes is not None
    assert all(len(code) == 32 for code in trade.codes)
    return trade.codes[0][:23] + trade.codes[0][30:]


def test_the_same_day_gives_the_same_bytes() -> None:
    """Nothing of the clock enters the files, not even the workbook's."""
    assert sample_files(TODAY) == sample_files(TODAY)


def test_the_files_are_named_for_the_month_before() -> None:
    """In January the month before is of the old year."""
    assert list(sample_files(datetime.date(2027, 1, 1))) == [
        "enterprises.csv",
        "gec-platform-trades-2026-12.csv",
        "park-summary-2026-12.xlsx",
    ]


def test_the_traps_are_all_there() -> None:
    """The demo shows repeats, a withdrawn row, trades in transit, aliases, and rows without codes."""
    trades, summary = statements(TODAY)
    text = sample_files(TODAY)["gec-platform-trades-2026-10.csv"].decode("gb18030")
    found = distinct_trades(trades.rows)
    assert trades.encoding == "gb18030"
    assert found.duplicates == 3
    assert {one.state for one in found.distinct} == {"TRADED", "TRANSFERRED", "WITHDRAWN"}
    assert {one.code_first is None for one in found.distinct} == {True, False}
    for trap in ("　,", "'9163", "年", "，", "重复导出", "制表人"):
        assert trap in text
    assert {one.kind for one in summary.rows} == {"ENTERPRISE", "LUMP", "INTENTION"}


def test_every_name_in_the_statements_is_registered() -> None:
    """No row of the demo ends in the queue of unknown names."""
    files = sample_files(TODAY)
    register = read_enterprises("enterprises.csv", files["enterprises.csv"])
    assert (len(register.rows), register.problems) == (34, ())
    known = {name for one in register.rows for name in (one.name, *one.aliases)}
    trades, summary = statements(TODAY)
    assert {one.buyer_name.replace("(", "（").replace(")", "）") for one in trades.rows} <= known
    assert {one.name.replace("(", "（").replace(")", "）") for one in summary.rows if one.kind != "LUMP"} <= known


@pytest.mark.parametrize("enterprise", range(34))
def test_ids_are_numbered(enterprise: int) -> None:
    """Ids run from GH-001 to GH-034."""
    register = read_enterprises("enterprises.csv", sample_files(TODAY)["enterprises.csv"])
    assert register.rows[enterprise].id == f"GH-{enterprise + 1:03}"
