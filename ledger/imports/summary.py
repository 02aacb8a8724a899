"""Layout C, the park's summary of subscriptions and trades: table -> rows, totals and problems.

Subscriptions are exact as printed and will be posted as GECSUB. The traded column is rounded and only
reconciles. A lump row stands for several enterprises, a 待签 row for an intention; neither is a firm's
commitment. Values are whole certificates.
"""

import datetime
import re
from typing import Any, Literal

from ledger.imports import furniture
from ledger.imports.cells import (
    CellError,
    Period,
    clean,
    decimal_places,
    half_unit,
    is_null,
    month_end,
    parse_count,
    parse_date,
    parse_number,
    parse_text,
    required_text,
    squeeze,
)
from ledger.imports.documents import (
    RowProblem,
    SummaryRow,
    SummaryStatement,
    SummaryTotals,
)
from ledger.imports.layouts import Headings, Table
from ledger.imports.preamble import as_of_month
from ledger.imports.sheets import MARKS, BrokenRecord, MergedRow, StatementUnreadable

_LUMP = re.compile(
    r"(?:其余|其他|其它|剩余|另有|另外)(?:的)?([0-9]+|[一二两三四五六七八九十百]+)?(?:家|户|个)?(?:企业|单位|公司)?"
)
_ENTERPRISES = re.compile(r"([0-9]+)\s*(?:家|户)")
_RANGE = re.compile(r"([0-9]+)\s*[-~至—]\s*([0-9]+)")
HEADER_NAMES_MIN = 3
"""A row that names so many columns is a header printed again."""
_INTENTION = ("待签", "未签", "拟签", "意向")


def read_summary(name: str, tables: tuple[Table, ...]) -> SummaryStatement:
    """Read a park's summary; refuse one without a month, or with several tables to choose from."""
    if len(tables) > 1:
        sheets = ", ".join(str(table.sheet.name) for table in tables)
        raise StatementUnreadable("several_sheets", f"{name} has several summaries: {sheets}.")
    as_of = as_of_month([*tables[0].preamble, tables[0].sheet.name or ""], name)
    if as_of is None:
        raise StatementUnreadable("as_of_missing", f"{name} does not say up to which month it counts.")
    reading = _SummaryReading(name, tables[0], as_of)
    reading.read()
    return SummaryStatement(
        file=name,
        encoding=tables[0].sheet.encoding,
        as_of=as_of.isoformat()[:7],
        rows=tuple(reading.rows),
        totals=reading.totals,
        problems=tuple(reading.problems),
        warnings=tuple(reading.warnings),
    )


class _SummaryReading:
    """One pass over the table; the traded column's finest digit is measured first."""

    def __init__(self, file: str, table: Table, as_of: datetime.date) -> None:
        self.file = file
        self.table = table
        self.as_of_day = month_end(as_of)
        year_before = as_of.replace(year=as_of.year - 1)
        self.period = Period(month_end(year_before) + datetime.timedelta(days=1), self.as_of_day)
        self.rows: list[SummaryRow] = []
        self.totals: SummaryTotals | None = None
        self._page_totals: list[tuple[int, list[str], Table]] = []
        self.problems: list[RowProblem] = []
        self.warnings: list[RowProblem] = []

    def read(self) -> None:
        lines = [row for row in self.table.sheet if row[0] > self.table.header_line_last]
        data: list[tuple[int, list[str], Table]] = []
        above: list[str] = []
        headings = Headings()
        for line, given in lines:
            cells = furniture.filled(self._padded(line, given), above)
            if isinstance(given, MergedRow) and (column := self.table.columns.get("subscribed_on")) is not None:
                cells[column] = cells[column] or given.figures.get(column, "")
            kind = furniture.kind_of(cells)
            if again := headings.again(self.table, cells, HEADER_NAMES_MIN):
                self.table = again
                continue
            if strange := furniture.strange_unit(cells, self.table):
                self._report(line, None, "unit_changes", strange, furniture.UNIT_ABOVE)
                continue
            if kind == "total":
                self._take_total(line, cells)
            elif kind == "part" or (kind == "footer" and self._has_no_figures(cells)) or self._is_remark(cells):
                if voiding := furniture.voiding(cells):
                    warning = self._problem(line, None, "note_says_void", voiding, furniture.NO_VOIDING)
                    self.warnings.append(warning)
            elif any(cells):
                data.append((line, cells, self.table))
                above = cells
        self.totals = self.totals or self._total_of_pages()
        # A spreadsheet drops the last noughts of a number, so the column's finest figure tells its digits.
        places = 0
        for _, cells, self.table in data:
            places = max(places, _places(self._cell(cells, "traded")))
        named: dict[str, int] = {}
        for line, cells, self.table in data:
            self._take_row(line, cells, places)
            name = squeeze_or_blank(self._cell(cells, "name"))
            if named.setdefault(name, line) != line:
                expected = f"each enterprise once; it stands in line {named[name]} too"
                self.warnings.append(self._problem(line, "name", "enterprise_twice", name, expected))

    def _take_row(self, line: int, cells: list[str], places: int) -> None:
        before = len(self.problems)
        name = self._read(line, cells, "name", required_text)
        kind, lump_count = self._kind(line, cells, name or "")
        values = {
            "subscribed": self._read(line, cells, "subscribed", self._count("subscribed")),
            "subscribed_on": self._read(line, cells, "subscribed_on", self._subscribed_on),
            "traded": self._read(line, cells, "traded", self._count("traded")),
            "retired": self._read(line, cells, "retired", self._count("retired")),
            "basis": self._read(line, cells, "basis", parse_text),
        }
        for field in ("subscribed", "traded", "retired"):
            if (values[field] or 0) < 0:
                self._report(line, field, "count_negative", self._cell(cells, field), "no less than nought")
        if len(self.problems) > before or name is None:
            return
        for mark in self.table.sheet.marks_of(line):
            self.warnings.append(self._problem(line, None, mark, name, MARKS[mark]))
        half = 0 if values["traded"] is None else self._half(cells, "traded", places)
        row = SummaryRow(
            line=line, sheet=self.table.sheet.name, name=name, kind=kind, lump_count=lump_count,
            traded_half_unit=half, **values,
        )  # fmt: skip
        self.rows.append(row)

    def _kind(self, line: int, cells: list[str], name: str) -> tuple[Literal["ENTERPRISE", "LUMP", "INTENTION"], int]:
        lump = _LUMP.fullmatch(squeeze(name)) if name else None
        if lump:
            counted = _whole_number(lump[1]) if lump[1] else None
            span = _RANGE.fullmatch(clean(self._cell(cells, "sequence")))
            numbered = int(span[2]) - int(span[1]) + 1 if span else None
            if counted is None and numbered is None:
                self._report(line, "name", "lump_count_missing", name, "how many enterprises, such as 其余28家")
            elif counted is not None and numbered is not None and counted != numbered:
                self._report(line, "name", "lump_count_differs", name, f"{numbered} by the running numbers")
            return "LUMP", counted or numbered or 0
        said = "".join(self._cell(cells, field) for field in ("remark", "basis", "subscribed_on"))
        return ("INTENTION" if any(word in said for word in _INTENTION) else "ENTERPRISE"), 0

    def _take_total(self, line: int, cells: list[str]) -> None:
        reach = furniture.reach_of(furniture.label_of(cells))
        if reach == "page":
            self._page_totals.append((line, cells, self.table))
        elif reach != "running" or self.totals is None:
            self.totals = self._total(line, cells) or self.totals

    def _total_of_pages(self) -> SummaryTotals | None:
        """Where no line covers them all, the subtotals do so together."""
        pages = []
        for page in self._page_totals:
            line, cells, self.table = page
            pages.append(self._total(line, cells))
        known = [page for page in pages if page is not None]
        if not known or len(known) < len(pages):
            return None
        return SummaryTotals(
            line=known[-1].line,
            enterprises_printed=furniture.added([page.enterprises_printed for page in known]),
            subscribed_printed=_listed([page.subscribed_printed for page in known]),
            subscribed=furniture.added([page.subscribed for page in known]),
            subscribed_half_unit=sum(page.subscribed_half_unit for page in known),
            traded_printed=_listed([page.traded_printed for page in known]),
            traded=furniture.added([page.traded for page in known]),
            traded_half_unit=sum(page.traded_half_unit for page in known),
        )

    def _total(self, line: int, cells: list[str]) -> SummaryTotals | None:
        before = len(self.problems)
        subscribed = self._read(line, cells, "subscribed", self._count("subscribed"))
        traded = self._read(line, cells, "traded", self._count("traded"))
        if len(self.problems) > before:
            return None
        found = next((match for cell in cells if (match := _ENTERPRISES.fullmatch(squeeze(cell)))), None)
        return SummaryTotals(
            line=line,
            enterprises_printed=int(found[1]) if found else None,
            subscribed_printed=parse_text(self._cell(cells, "subscribed")),
            subscribed=subscribed,
            subscribed_half_unit=0 if subscribed is None else self._half(cells, "subscribed", None),
            traded_printed=parse_text(self._cell(cells, "traded")),
            traded=traded,
            traded_half_unit=0 if traded is None else self._half(cells, "traded", None),
        )

    def _count(self, field: str) -> Any:
        unit = self.table.units.get(field)

        def read(text: str) -> int | None:
            if is_null(text):
                return None
            if unit is None and (number := parse_number(text)).unit is None and number.value:
                # Summaries count in 万张, in 张, in energy: a figure of none of them could be off by ten thousand.
                raise CellError("unit_missing", "a unit such as 万张, in the cell, its header or a title line")
            return parse_count(text, unit)

        return read

    def _half(self, cells: list[str], field: str, places: int | None) -> int:
        return half_unit(self._cell(cells, field), self.table.units.get(field), decimals=places)

    def _subscribed_on(self, text: str) -> datetime.date | None:
        """A month stands for its last day: by then the subscription had been made."""
        if is_null(text) or any(word in text for word in _INTENTION):
            return None
        day = parse_date(text, self.period, self.table.sheet.serial_zero).last_day
        if day > self.as_of_day:
            raise CellError("date_after_as_of", f"{self.as_of_day} or earlier")
        return day

    def _padded(self, line: int, cells: list[str]) -> list[str]:
        if isinstance(cells, BrokenRecord):
            self._report(line, None, cells.rule, cells.given, "quotes in pairs around a cell")
        return cells + [""] * (self.table.width - len(cells))

    def _cell(self, cells: list[str], field: str) -> str:
        column = self.table.columns.get(field)
        return "" if column is None else cells[column]

    def _read(self, line: int, cells: list[str], field: str, parse: Any) -> Any:
        text = self._cell(cells, field)
        try:
            return parse(text)
        except CellError as error:
            self._report(line, field, error.rule, text, error.expected)
            return None

    def _is_remark(self, cells: list[str]) -> bool:
        """A line with no figures and one or two texts is a note, unless they are a running number and a name."""
        is_numbered = self._cell(cells, "sequence").strip().isdigit() and self._cell(cells, "name").strip()
        return self._has_no_figures(cells) and furniture.is_sparse(cells) and not is_numbered

    def _has_no_figures(self, cells: list[str]) -> bool:
        figures = (self._cell(cells, field) for field in ("subscribed", "traded", "retired"))
        return not any(character.isdigit() for text in figures for character in text)

    def _report(self, line: int, field: str | None, rule: str, given: str, expected: str) -> None:
        self.problems.append(self._problem(line, field, rule, given, expected))

    def _problem(self, line: int, field: str | None, rule: str, given: str, expected: str) -> RowProblem:
        column = self.table.headers.get(field, field) if field else None
        return RowProblem(self.file, self.table.sheet.name, line, column, rule, given.strip()[:80], expected)


def _listed(printed: list[str | None]) -> str | None:
    """The figures as they are printed, one behind the other."""
    return " + ".join(filter(None, printed)) or None


def squeeze_or_blank(text: str) -> str:
    """A name as names are compared; an error value of the spreadsheet is none."""
    try:
        return squeeze(text)
    except CellError:
        return ""


def _places(text: str) -> int:
    try:
        return decimal_places(text)
    except CellError:
        return 0  # a null marker or a bad figure, which is reported when its row is read


def _whole_number(text: str) -> int:
    """Read 28 or 二十八, up to 99."""
    if text.isascii():
        return int(text)
    digits = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}
    tens, ten, ones = text.rpartition("十")
    return (digits.get(tens, 1) * 10 if ten else 0) + digits.get(ones, 0)
