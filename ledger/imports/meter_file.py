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
from ledger.imports.sheets import BrokenRecord, Sheet, StatementUnreadable

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
_NONE = -1
_TOTALS = re.compile(r"合\s*计|总\s*计|小\s*计|累\s*计")


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
        """Keep a figure; whether there was none, or the same."""
        known = self.slots[slot]
        self.slots[slot] = quantity
        return known in {_NONE, quantity}


def read_meters(name: str, sheets: Iterable[Sheet]) -> tuple[list[MeterReading], list[RowProblem]]:
    """The readings of the first sheet with such a header, by meter and day, and what is wrong with other rows.

    `layout_unknown` where no sheet has one.
    """
    for sheet in sheets:
        for at, (line, cells) in enumerate(islice(iter(sheet), HEADER_ROWS_MAX)):
            columns = {field: column for column, cell in enumerate(cells) if (field := _field(cell)) is not None}
            if {"meter", "time", "quantity"} <= columns.keys():
                found = _Reading(name, sheet, columns, cells[columns["quantity"]], line)
                found.read(islice(iter(sheet), at + 1, None))
                return found.readings(), found.problems
    raise StatementUnreadable("layout_unknown", f"{name} has no header that names a meter, a time and a quantity.")


def _field(cell: str) -> str | None:
    folded = "".join(normalize("NFKC", cell).split()).lower()
    return _FIELD_OF.get(_BRACKETS.sub("", folded))


class _Reading:
    def __init__(self, name: str, sheet: Sheet, columns: dict[str, int], header: str, line: int) -> None:
        self.name, self.sheet, self.columns = name, sheet, columns
        declared = _BRACKETS.findall("".join(normalize("NFKC", header).split()))
        self._unit = declared[0] if declared else None
        if self._unit is None and "unit" not in columns:
            raise StatementUnreadable("unit_unknown", f"{name} names no unit, in a column or in its header.", line)
        self.problems: list[RowProblem] = []
        self._months: dict[tuple[str, str], _Month] = {}
        self._times: dict[str, tuple[str, str, int]] = {}
        """A time's text -> (month, precision, slot): of a year of hours there are 8,760, however many meters."""
        self._broken: set[tuple[str, str]] = set()
        """Meters and months of which something cannot be read: none of it is taken."""

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> None:
        """Take in every row below the header."""
        meter_at, time_at, quantity_at = (self.columns[field] for field in ("meter", "time", "quantity"))
        unit_at, width = self.columns.get("unit"), max(self.columns.values()) + 1
        for line, cells in rows:
            if isinstance(cells, BrokenRecord):
                self._report(line, None, cells.rule, cells.given, "a row whose quotes are closed")
                continue
            if len(cells) < width or not cells[meter_at].strip() or _TOTALS.search(cells[meter_at]):
                continue  # notes, totals and signatures name no meter
            if is_null(cells[quantity_at]):
                continue  # what was not read is missing, and told as such
            unit = self._unit or (cells[unit_at] if unit_at is not None else "")
            self._row(line, cells[meter_at].strip(), cells[time_at], cells[quantity_at], unit)

    def _row(self, line: int, meter: str, time: str, quantity: str, unit: str) -> None:
        try:
            month, precision, slot = self._times.get(time) or self._time(time)
        except CellError as error:
            self._report(line, "time", error.rule, time, error.expected)
            return
        found = smallest(quantity, unit)
        key = meter, month
        if isinstance(found, Refusal):
            self._broken.add(key)
            self._report(line, "quantity", found.code, f"{quantity} {unit}", "a number in a unit that is known")
            return
        known = self._months.get(key)
        if known is None:
            known = self._months[key] = _Month(precision, found[1], line)
        if (known.precision, known.unit) != (precision, found[1]):
            self._broken.add(key)
            self._report(
                line, "time", "precision_mixed", time, f"{known.precision}s in {known.unit}, as in line {known.line}"
            )
        elif not known.put(slot, found[0]):
            self._broken.add(key)
            self._report(line, "quantity", "reading_conflict", quantity, "the figure that stands above for this time")

    def _time(self, text: str) -> tuple[str, str, int]:
        plain = " ".join(normalize("NFKC", text).split())
        if match := _HOUR.fullmatch(plain):
            year, month, day, hour = map(int, match.groups())
            if hour > 23:
                raise CellError("hour_impossible", "an hour from 00:00 to 23:00, at which it begins")
            on = parse_date(f"{year}-{month}-{day}").day
            found = f"{on:%Y-%m}", "hour", 24 * (on.day - 1) + hour
        else:
            read = parse_date(plain, None, self.sheet.serial_zero)
            found = read.month, read.precision, read.day.day - 1 if read.precision == "day" else 0
        self._times[text] = found
        return found

    def readings(self) -> list[MeterReading]:
        """One for each meter and run of days, by meter and day."""
        found: list[MeterReading] = []
        for (meter, month), of in sorted(self._months.items()):
            if (meter, month) not in self._broken:
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
            self.problems.append(RowProblem(self.name, self.sheet.name, line, field, rule, given[:80], expected))
