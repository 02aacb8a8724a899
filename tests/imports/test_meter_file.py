"""Files of meter readings: hours, days and months in any order, units people write, and nothing filled in."""

import asyncio
import datetime
import io
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ledger.core.command import Principal, RegisterMeter
from ledger.imports.meter_file import MeterReading, read_meters
from ledger.imports.meter_import import ReadingsReport, import_readings
from ledger.imports.readers import read_sheets
from ledger.imports.sheets import StatementUnreadable
from ledger.store.rebuild import check
from ledger.store.session import Reader, connect_sync
from tests.conftest import Park

HEADER = "表号,数据时间,用电量（kWh）"
OPERATOR = Principal(actor="local:clerk", role="operator", subject="person:clerk")


def read(content: str | bytes, name: str = "m.csv") -> tuple[list[MeterReading], list[str]]:
    """The readings of a file, and the rules that other rows break."""
    content = content.encode("gb18030") if isinstance(content, str) else content
    found, problems = read_meters(name, read_sheets(name, content))
    return found, [problem.rule for problem in problems]


def hourly(meter: str, first: datetime.date, values: list[int]) -> list[str]:
    """A row for each hour from midnight on, in kWh."""
    start = datetime.datetime.combine(first, datetime.time())
    times = [start + datetime.timedelta(hours=at) for at in range(len(values))]
    return [f"{meter},{time:%Y-%m-%d %H}:00,{value}" for time, value in zip(times, values, strict=True)]


@given(
    st.dictionaries(
        st.sampled_from(["E1", "E2", "E3"]),
        st.tuples(
            st.dates(datetime.date(2025, 1, 1), datetime.date(2026, 12, 1)), st.integers(1, 40), st.integers(0, 99)
        ),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_hours_in_any_order_become_whole_days(meters: dict[str, tuple[Any, int, int]], dice: random.Random) -> None:
    """One reading for each meter and month, with every hour in its place and their sum; held against plain sums."""
    rows, expected = [], {}
    for meter, (first, days, seed) in meters.items():
        values = [(seed * at) % 1_000 for at in range(24 * days)]
        rows += hourly(meter, first, values)
        for at, value in enumerate(values):
            on = first + datetime.timedelta(days=at // 24)
            expected.setdefault((meter, f"{on:%Y-%m}"), []).append((on, value))
    dice.shuffle(rows)
    found, problems = read("\n".join([HEADER, *rows]))
    assert problems == []
    assert {(one.meter, one.first_on[:7]) for one in found} == expected.keys() and len(found) == len(expected)
    for one in found:
        hours = expected[one.meter, one.first_on[:7]]
        assert (one.first_on, one.last_on) == (hours[0][0].isoformat(), hours[-1][0].isoformat())
        assert one.quantity == 1_000 * sum(value for _, value in hours)
        assert one.hours == tuple(1_000 * value for _, value in hours) and one.unit == "Wh"


def test_days_and_months_are_read_too() -> None:
    """Runs of days make one reading each; units may stand in a column of their own; totals are no meter."""
    content = """甘河园区能耗台账
计量点,日期,单位,用量
E1,2026年1月1日,万千瓦时,１．５
E1,2026-01-02,MWh,"1,000"
E1,2026/1/5,MWh,2
H1,2026年2月,吉焦,3.5
P1,2026-03,吨,—
合计,,,9
制表人：张三
"""
    found, problems = read(content)
    assert problems == []
    assert [(one.meter, one.first_on, one.last_on, one.quantity, one.unit) for one in found] == [
        ("E1", "2026-01-01", "2026-01-02", 1_015_000_000, "Wh"),
        ("E1", "2026-01-05", "2026-01-05", 2_000_000, "Wh"),
        ("H1", "2026-02-01", "2026-02-28", 3_500_000, "kJ"),
    ]


ODD = {
    "an hour that is missing": (hourly("E1", datetime.date(2026, 1, 1), [1] * 47), "hours_missing"),
    "two figures for one hour": (["E1,2026-01-01 00:00,1", "E1,2026-01-01 00:00,2"], "reading_repeated"),
    "the same figure twice": (["E1,2026-01-01,50", "E1,2026-01-01,50"], "reading_repeated"),
    "days among hours": ([*hourly("E1", datetime.date(2026, 1, 1), [1] * 24), "E1,2026-01-02,5"], "hours_missing"),
    "a month among days": (["E1,2026-01-01,5", "E1,2026-01,9"], "precision_mixed"),
    "a quarter of an hour": (["E1,2026-01-01 00:15,1"], "hour_malformed"),
    "an error of a spreadsheet": (["E1,2026-01-01,#N/A"], "formula_error"),
    "a comma in the wrong place": (['E1,2026-01-01,"1,5"'], "reading_malformed"),
    "a row cut short": (["E1,2026-01-01"], "row_short"),
    "no number": (["E1,2026-01-01,约12"], "reading_malformed"),
    "less than a watt-hour": (["E1,2026-01-01,0.0001"], "reading_malformed"),
    "no day of the calendar": (["E1,2026-02-30,1"], "date_impossible"),
    "an hour past midnight": (["E1,2026-01-01 24:00,1"], "hour_impossible"),
    "a month in doubt": (["E1,七月,1"], "date_malformed"),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_wrong_is_told_and_its_month_waits(what: str) -> None:
    """The other meters are read as if it were not there."""
    rows, rule = ODD[what]
    found, problems = read("\n".join([HEADER, *rows, "E2,2026-05,7"]))
    assert problems == [rule] and [one.meter for one in found] == ["E2"]


def test_all_visible_sheets_are_read(tmp_path: Path) -> None:
    """A year with a sheet for each quarter; one that is hidden is told. Hours come as a workbook writes them."""
    book = Workbook()
    first, second, hidden = book.active, book.create_sheet("2"), book.create_sheet("3")
    assert first is not None
    for sheet in (first, second, hidden):
        sheet.append(["计量点", "时间", "用电量（MWh）"])
    for hour in range(24):
        first.append(["E1", datetime.datetime(2026, 1, 1, hour), 2])
    second.append(["总计量表1", datetime.datetime(2026, 2, 2), 5])
    hidden.append(["E9", datetime.datetime(2026, 2, 1), 7])
    hidden.sheet_state = "hidden"
    book.save(tmp_path / "m.xlsx")
    found, problems = read((tmp_path / "m.xlsx").read_bytes(), "m.xlsx")
    assert [(one.meter, one.quantity, len(one.hours)) for one in found] == [
        ("E1", 48 * 10**6, 24),
        ("总计量表1", 5 * 10**6, 0),
    ]
    assert problems == ["hidden_sheet"]


def test_a_cell_that_shows_a_month_is_not_taken_for_its_first_day(tmp_path: Path) -> None:
    """A workbook keeps 2026年8月 as August 1st: refused, unless the meter is read by the day elsewhere in the file."""
    for times, told in (
        ([datetime.date(2026, 7, 1), datetime.date(2026, 8, 1)], ["month_or_day"] * 2),
        (["2026-07", "2026年8月"], []),
        ([datetime.date(2026, 7, 31), datetime.date(2026, 8, 1)], []),
    ):
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(["meter", "time", "quantity(MWh)"])
        for time in times:
            sheet.append(["E1", time, 1_000])
            sheet.cell(sheet.max_row, 2).number_format = 'yyyy"年"m"月"'
        book.save(tmp_path / "m.xlsx")
        found, problems = read((tmp_path / "m.xlsx").read_bytes(), "m.xlsx")
        assert problems == told and len(found) == 2 - len(told)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("表号,日期,用电量\nE1,2026-01-01,5", "unit_unknown"),
        ("a,b,c\n1,2,3", "layout_unknown"),
        ("表号,日期,时间,用电量（kWh）\nE1,2026-01-01,00:00,5", "column_ambiguous"),
        ("表号,日期,用电量（kWh）,读数（kWh）\nE1,2026-01-01,5,987654", "column_ambiguous"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(content: str, rule: str) -> None:
    """A quantity without any unit, and a table that is none of meters."""
    with pytest.raises(StatementUnreadable) as raised:
        read(content)
    assert raised.value.rule == rule


def taken(park: Park, content: str, folder: Path) -> ReadingsReport:
    """What comes of importing this file."""

    async def work() -> ReadingsReport:
        reader = Reader(park.database.urls.reader, connections_max=1)
        await reader.open()
        try:
            source = io.BytesIO(content.encode("gb18030"))
            return await import_readings(park.writer, reader, folder, "m.csv", source, by=OPERATOR)
        finally:
            await reader.close()

    return park.run(work())


def test_a_file_is_imported_once(park: Park, tmp_path: Path) -> None:
    """The second time it posts nothing; what was refused the first time posts once its cause is cured."""

    def meter(name: str) -> None:
        command = RegisterMeter(
            meter=name, enterprise="GH-001", site="w", stage="s", material="electricity", route="GRID"
        )
        park.expect_posted(park.operator(command))

    meter("E1")
    rows = hourly("E1", datetime.date(2026, 1, 1), [2] * 24 * 59) + hourly("E2", datetime.date(2026, 1, 1), [1] * 24)
    content = "\n".join([HEADER, *rows])
    first = taken(park, content, tmp_path)
    assert (first.readings, first.values, first.posted, first.replayed) == (3, 24 * 60, 2, 0)
    assert [problem.rule for problem in first.problems] == ["unknown_meter"]
    meter("E2")
    second, third = taken(park, content, tmp_path), taken(park, content, tmp_path)
    assert (second.posted, second.replayed, second.problems) == (1, 2, [])
    assert (third.posted, third.replayed, third.problems) == (0, 3, [])
    assert park.database.rows("select quantity from reading order by log_index")[0] == (2_000 * 24 * 31,)
    with connect_sync(park.database.admin_url) as connection:
        assert check(connection, park.ledger.ledger_id, "ganhe").is_equal


def test_an_import_killed_in_the_middle_is_run_again(park: Park, tmp_path: Path) -> None:
    """Cut off after the first chunk was sent: the same file again ends in the same state, nothing doubled."""
    command = RegisterMeter(meter="E1", enterprise="GH-001", site="w", stage="s", material="electricity", route="GRID")
    park.expect_posted(park.operator(command))
    content = "\n".join([HEADER, *(f"E1,{year}-{month:02},7" for year in range(2014, 2026) for month in range(1, 13))])

    async def cut_off() -> None:
        reader = Reader(park.database.urls.reader, connections_max=1)
        await reader.open()
        task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]  # we are one
        source = io.BytesIO(content.encode("gb18030"))
        try:
            await import_readings(
                park.writer, reader, tmp_path, "m.csv", source, by=OPERATOR, tell=lambda _: bool(task.cancel())
            )
        except asyncio.CancelledError:
            task.uncancel()
        finally:
            await reader.close()

    park.run(cut_off())
    half = park.database.value("select count(*) from reading")
    assert 0 < half < 144
    report = taken(park, content, tmp_path)
    assert (report.posted, report.replayed) == (144 - half, half)
    assert park.database.value("select count(*) from reading") == 144
