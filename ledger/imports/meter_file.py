"""A file of meter readings, by the hour, the day or the month -> one reading for each meter and run of days.

Columns are found by their names: a meter, a time, a quantity, and a unit where the quantity's header names none. Hours
of a day that are missing are told, and the whole of that meter's month waits for them; nothing is filled in.
"""

import datetime
import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from unicodedata import normalize

import msgspec

from ledger.core.activity import Unit, smallest
from ledger.core.refusal import Refusal
from ledger.imports.cells import CellError, is_null, month_end, parse_date
from ledger.imports.documents import RowProblem
from ledger.imports.sheets import WORKBOOKS, BrokenRecord, Sheet, StatementUnreadable

HEADER_ROWS_MAX = 20
PROBLEMS_MAX = 1_000
NAMES: dict[str, tuple[str, ...]] = {
    "meter": ("meter", "meter_id", "表号", "电表编号", "计量点", "计量点编号", "计量器具", "计量器具编号", "仪表编号"),
    "time": ("time", "date", "month", "时间", "日期", "月份", "年月", "数据时间", "采集时间", "抄表时间", "期间"),
    "quantity": (
        "quantity", "value", "数值", "读数", "用量", "消耗量", "产量", "电量", "用电量", "用热量", "用煤量", "用气量",
    ),
    "unit": ("unit", "单位", "计量单位"),
}  # fmt: skip
"""What each column may be called, without blanks and units in brackets."""
_FIELD_OF = {name: field for field, names in NAMES.items() for name in names}
_BRACKETS = re.compile(r"[(\[【]([^()\[\]【】]*)[)\]】]")
_HOUR = re.compile(r"(20[0-9]{2})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?[ T]([0-9]{1,2})(?::00|时)(?::00)?")
_NONE = -(2**63)
"""No figure: none that a file can write."""
_TOTALS = re.compile(r"(本页|本月)?(合|总|小|累)\s*计[:：]?")


class MeterReading(msgspec.Struct, frozen=True, tag="meter_reading"):
    """A reading as the file has it; `line` is its first."""

    meter: str
    first_on: str
    last_on: str
    quantity: int
    unit: Unit
    hours: tuple[int, ...]
    line: int


class _Month:
    """What a file says of one meter and month, in one precision."""

    def __init__(self, precision: str, unit: Unit, line: int) -> None:
        self.precision, self.unit, self.line = precision, unit, line
        self.slots = array("q", [_NONE]) * {"hour": 31 * 24, "day": 31, "month": 1}[precision]

    def put(self, slot: int, quantity: int) -> bool:
        """Keep a figure; whether there was none."""
        known = self.slots[slot]
        self.slots[slot] = quantity
        return known == _NONE

    @property
    def is_first_day_alone(self) -> bool:
        """Whether its first day is all there is: so a workbook keeps a month, however its cell is shown."""
        return self.precision == "day" and self.slots[0] != _NONE and set(self.slots[1:]) == {_NONE}

    def agree(self, precision: str) -> str:
        """The precision that a row of a day or an hour has in this month: a day among hours is its first hour."""
        if {self.precision, precision} != {"day", "hour"}:
            return precision
        if self.precision == "day":
            days, self.slots = self.slots, array("q", [_NONE]) * (31 * 24)
            self.slots[::24] = days
            self.precision = "hour"
        return "hour"


def read_meters(name: str, sheets: Iterable[Sheet]) -> tuple[list[MeterReading], list[RowProblem]]:
    """The readings of all visible sheets with such a header, by meter and day, and what is wrong with other rows.

    `layout_unknown` where no sheet has one, `column_ambiguous` where two columns mean the same.
    """
    found = _Reading(name)
    for sheet in sheets:
        if (header := _header(name, sheet)) is not None:
            found.begin(sheet, *header)
    if found.sheet is None:
        raise StatementUnreadable("layout_unknown", f"{name} has no header that names a meter, a time and a quantity.")
    return found.readings(), found.problems


def _header(name: str, sheet: Sheet) -> tuple[int, int, list[str], dict[str, int]] | None:
    """(rows above it, its line, its cells, field -> column), or None where the sheet is none of meters."""
    for at, (line, cells) in enumerate(islice(iter(sheet), HEADER_ROWS_MAX)):
        fields = [(_field(cell), column) for column, cell in enumerate(cells)]
        columns = {field: column for field, column in fields if field is not None}
        if not {"meter", "time", "quantity"} <= columns.keys():
            continue
        if len(columns) < sum(field is not None for field, _ in fields):
            twins = " | ".join(cells[column] for field, column in fields if field is not None)
            raise StatementUnreadable("column_ambiguous", f"{name} has two columns that mean the same: {twins}.", line)
        return at, line, cells, columns
    return None


def _field(cell: str) -> str | None:
    folded = "".join(normalize("NFKC", cell).split()).lower()
    return _FIELD_OF.get(_BRACKETS.sub("", folded))


class _Reading:
    """What a file says, sheet by sheet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_workbook = False
        self.sheet: Sheet | None = None
        self.problems: list[RowProblem] = []
        self._months: dict[tuple[str, str], _Month] = {}
        self._times: dict[str, tuple[str, str, int]] = {}
        """A time's text -> (month, precision, slot): of a year of hours there are 8,760, however many meters."""
        self._broken: set[tuple[str, str]] = set()
        """Meters and months of which something cannot be read: none of it is taken."""

    def begin(self, sheet: Sheet, at: int, line: int, cells: list[str], columns: dict[str, int]) -> None:
        """Take in a sheet with its header; one that is hidden is told and not read."""
        self.sheet, self.is_workbook = sheet, sheet.encoding in WORKBOOKS
        self._times.clear()
        if sheet.hidden:
            self._report(1, None, "hidden_sheet", "", "a visible sheet; nothing of it is read")
            return
        declared = _BRACKETS.findall("".join(normalize("NFKC", cells[columns["quantity"]]).split()))
        if not declared and "unit" not in columns:
            raise StatementUnreadable("unit_unknown", f"{self.name} names no unit, in a column or in its header.", line)
        self._rows(islice(iter(sheet), at + 1, None), columns, declared[0] if declared else None)

    def _rows(self, rows: Iterable[tuple[int, list[str]]], columns: dict[str, int], declared: str | None) -> None:
        meter_at, time_at, quantity_at = (columns[field] for field in ("meter", "time", "quantity"))
        unit_at, width = columns.get("unit"), max(columns.values()) + 1
        for line, cells in rows:
            if isinstance(cells, BrokenRecord):
                self._report(line, None, cells.rule, cells.given, "a row whose quotes are closed")
                continue
            meter = cells[meter_at].strip() if len(cells) > meter_at else ""
            if not meter or _TOTALS.fullmatch(meter) or not any(cell.strip() for cell in cells[meter_at + 1 :]):
                continue  # notes, totals and signatures name no meter, or nothing beside it
            if len(cells) < width:
                self._report(line, None, "row_short", " | ".join(cells), f"{width} cells")
                continue
            unit = declared or (cells[unit_at] if unit_at is not None else "")
            self._row(line, meter, cells[time_at], cells[quantity_at], unit)

    def _row(self, line: int, meter: str, time: str, quantity: str, unit: str) -> None:
        try:
            month, precision, slot = self._times.get(time) or self._time(time)
        except CellError as error:
            self._report(line, "time", error.rule, time, error.expected)
            return
        key = meter, month
        try:
            if is_null(quantity):
                return  # what was not read is missing, and told as such
        except CellError as error:
            self._broken.add(key)
            self._report(line, "quantity", error.rule, quantity, error.expected)
            return
        found = smallest(quantity, unit)
        if isinstance(found, Refusal):
            self._broken.add(key)
            self._report(line, "quantity", found.code, f"{quantity} {unit}", "a number in a unit that is known")
            return
        known = self._months.get(key)
        if known is None:
            known = self._months[key] = _Month(precision, found[1], line)
        if (precision := known.agree(precision)) == "hour" and self._times[time][1] == "day":
            slot *= 24  # a workbook writes the first hour of a day as the day
        if (known.precision, known.unit) != (precision, found[1]):
            self._broken.add(key)
            expected = f"{known.precision}s in {known.unit}, as in line {known.line}"
            self._report(line, "time", "precision_mixed", time, expected)
        elif not known.put(slot, found[0]):
            self._broken.add(key)
            self._report(line, "quantity", "reading_repeated", quantity, "one figure for each meter and time")

    def _time(self, text: str) -> tuple[str, str, int]:
        plain = " ".join(normalize("NFKC", text).split())
        if match := _HOUR.fullmatch(plain):
            year, month, day, hour = map(int, match.groups())
            if hour > 23:
                raise CellError("hour_impossible", "an hour from 00:00 to 23:00, at which it begins")
            on = parse_date(f"{year}-{month}-{day}").day
            found = f"{on:%Y-%m}", "hour", 24 * (on.day - 1) + hour
        elif ":" in plain and not plain.endswith(" 00:00:00"):
            raise CellError("hour_malformed", "a whole hour such as 2024-07-05 13:00, at which it begins")
        else:
            assert self.sheet is not None
            read = parse_date(plain.removesuffix(" 00:00:00"), None, self.sheet.serial_zero)
            found = read.month, read.precision, read.day.day - 1 if read.precision == "day" else 0
        self._times[text] = found
        return found

    def readings(self) -> list[MeterReading]:
        """One for each meter and run of days, by meter and day."""
        found: list[MeterReading] = []
        by_the_day = {meter for (meter, _), of in self._months.items() if not of.is_first_day_alone}
        for (meter, month), of in sorted(self._months.items()):
            if self.is_workbook and of.is_first_day_alone and meter not in by_the_day:
                self._report(of.line, "time", "month_or_day", f"{meter} {month}-01", f"a text such as {month}, or days")
            elif (meter, month) not in self._broken:
                found += self._stretches(meter, month, of)
        return found

    def _stretches(self, meter: str, month: str, of: _Month) -> Iterator[MeterReading]:
        first = datetime.date.fromisoformat(f"{month}-01")
        if of.precision == "month":
            yield MeterReading(
                meter, first.isoformat(), month_end(first).isoformat(), of.slots[0], of.unit, (), of.line
            )
            return
        per_day = 24 if of.precision == "hour" else 1
        days = [of.slots[at : at + per_day] for at in range(0, len(of.slots), per_day)]
        for at, day in enumerate(days):
            missing = [hour for hour, quantity in enumerate(day) if quantity == _NONE]
            if 0 < len(missing) < per_day:
                on = first + datetime.timedelta(days=at)
                self._report(of.line, "time", "hours_missing", f"{meter} {on} {missing[0]:02}:00", "all 24 hours")
                return
        starts = [at for at, day in enumerate(days) if day[0] != _NONE and (at == 0 or days[at - 1][0] == _NONE)]
        for start in starts:
            end = next((at for at in range(start, len(days)) if days[at][0] == _NONE), len(days))
            figures = tuple(quantity for day in days[start:end] for quantity in day)
            hours = figures if of.precision == "hour" else ()
            first_on, last_on = (first + datetime.timedelta(days=at) for at in (start, end - 1))
            yield MeterReading(meter, first_on.isoformat(), last_on.isoformat(), sum(figures), of.unit, hours, of.line)

    def _report(self, line: int, field: str | None, rule: str, given: str, expected: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(
                RowProblem(
                    self.name, None if self.sheet is None else self.sheet.name, line, field, rule, given[:80], expected
                )
            )
