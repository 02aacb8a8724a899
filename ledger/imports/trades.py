"""Layout A, a platform's trade statement: table -> rows, control totals and problems.

Rows are read in one pass. A row that cannot be read is first
asked whether it is furniture (totals, signatures, a repeated header) and only then reported, once for
each bad cell. Whether rows repeat or contradict each other is left to `matching`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from ledger.imports import furniture
from ledger.imports.cells import (
    CellError,
    half_unit,
    is_null,
    parse_amount_fen,
    parse_count,
    parse_number,
)
from ledger.imports.documents import (
    REVERSAL,
    TRADED,
    TRANSFERRED,
    WITHDRAWN,
    RowProblem,
    TradeRow,
)
from ledger.imports.layouts import Headings, Table
from ledger.imports.preamble import trading_period
from ledger.imports.prices import SUSPECT_FEN
from ledger.imports.sheets import MARKS, BrokenRecord, StatementUnreadable
from ledger.imports.trade_cells import has_digit, trade_parsers

GIVEN_CHARACTERS_MAX = 80
PROBLEMS_MAX = 50_000
"""Bad cells; a file with more of them is none of ours."""
SHORT_NOTE = 8
"""A line of one short text without a figure is a note, whatever it says."""
NOTED_MAX = 1_000
"""Problems, and warnings, of a sheet that are told; the others are counted."""
_VOIDED = re.compile(r"作废|冲销|红冲|冲红|撤单|撤销|失效")


class Control(NamedTuple):
    """What all sheets of a file print as their totals; None where one of them prints none."""

    count: int | None
    amount_fen: int | None
    half_unit: int


def control_of(readings: list["TradeReading"]) -> Control:
    """The file's own totals, once all its rows were read."""
    # A sheet without rows needs no total.
    printed = [reading.totals.control() for reading in readings if reading.row_count or reading.totals.control()]
    totals = [total for total in printed if total is not None]
    if len(totals) < len(printed):
        return Control(None, None, 0)
    counts, amounts = [total.count for total in totals], [total.amount_fen for total in totals]
    return Control(
        count=None if not counts or None in counts else sum(count for count in counts if count),
        amount_fen=None if not amounts or None in amounts else sum(fen for fen in amounts if fen),
        half_unit=sum(total.half_unit for total in totals),
    )


class TradeReading:
    """One pass over a table: iterate for the rows, then look at problems, warnings and totals."""

    def __init__(self, file: str, table: Table) -> None:
        self.file = file
        self.table = table
        self.period = trading_period(table.preamble)
        self.problems: list[RowProblem] = []
        """The first of them."""
        self.problem_count = 0
        self.warnings: list[RowProblem] = []
        self.totals = furniture.Totals()
        self.row_count = 0
        self._count_read = 0
        """Certificates of the rows that stand."""
        self._headings = Headings()
        self.columns = table.columns
        self._check_units()
        self._parsers = trade_parsers(table, self.period)
        self._plan = self._planned()

    def __iter__(self) -> Iterator[TradeRow]:
        sheet, header_line = self.table.sheet.name, self.table.header_line_last
        marked = frozenset[int]().union(*self.table.sheet.marks.values())
        above: list[str] = []
        template: list[Any] = [None] * len(_SLOTS)
        template[_SLOT["sheet"]] = sheet
        template[_SLOT["tradable"]] = True  # where no column says so: a platform trades no other certificates
        template[_SLOT["energy_source"]] = "other"
        for line, cells in self.table.sheet:
            if line <= header_line:
                continue
            if len(cells) < self.width:
                if type(cells) is BrokenRecord:
                    self._report(line, None, cells.rule, cells.given, "quotes in pairs around a cell")
                    continue
                cells = [*cells, *[""] * (self.width - len(cells))]  # noqa: PLW2901 (widened)
            cells = furniture.filled(cells, above)  # noqa: PLW2901 (filled)
            values = template.copy()
            values[0] = line
            try:
                for slot, column, parse in self._plan:
                    values[slot] = parse(cells[column])
                if len(cells) > self.header_width and any(cells[self.header_width :]):
                    raise CellError("cells_beyond_header", f"{self.header_width} cells")
            except CellError:
                self._set_aside(line, cells)
                continue
            row, above = TradeRow(*values), cells
            if row.quantity < 0 or row.state == REVERSAL:
                row = _signed(row)
            if self._holds_together(row):
                if line in marked:
                    for mark in self.table.sheet.marks_of(line):
                        self._warn(line, None, mark, "", MARKS[mark])
                self.row_count += 1
                if row.state != WITHDRAWN:
                    self._count_read += row.quantity
                yield row

    def _planned(self) -> list[tuple[int, int, Callable[[str], Any]]]:
        """List slot, column and parser of each field present; the header's width bounds a record."""
        self.width = max(self.columns.values()) + 1
        header = next(cells for line, cells in self.table.sheet if line >= self.table.header_line_last)
        self.header_width = max(self.width, len(header))
        plan = [
            (_SLOT[_RENAMED.get(field, field)], column, self._parsers[field])
            for field, column in self.columns.items()
            if field in self._parsers
        ]
        if "price" in self.columns:
            plan.append((_SLOT["price_fen"], self.columns["price"], self._parsers["price_fen"]))
        return plan

    def _check_units(self) -> None:
        """A column of energy without a unit could be off by a thousand; it is refused, not guessed."""
        header = self.table.headers["quantity"]
        if "电量" in header and self.table.units["quantity"] is None:
            raise StatementUnreadable(
                "unit_missing",
                f"{self.file} gives no unit for the column {header}.",
                self.table.header_line_last,
            )

    def _set_aside(self, line: int, cells: list[str]) -> None:
        """Decide what a row is that does not read as a trade, and report it if it should have been one."""
        texts = [cell for cell in cells if cell.strip()]
        if strange := furniture.strange_unit(texts, self.table):
            self._report(line, None, "unit_changes", strange, furniture.UNIT_ABOVE)
            return
        if not texts or (len(texts) == 1 and not has_digit(texts[0]) and len(texts[0]) < SHORT_NOTE):
            return
        again = self._headings.again(self.table, cells, len(self.columns) // 2 + 1)
        kind = furniture.kind_of(cells)
        keys = [cells[self.columns[field]] for field in ("order", "project_code", "quantity", "amount")]
        if kind == "total" and _blank(keys[1]):
            self._take_total(line, cells)
        elif again is not None:
            self._take_header(again)
        elif (
            (kind in ("footer", "part") and not all(map(has_digit, keys[:2])))
            or (_blank(*keys) and furniture.is_sparse(cells))
            or furniture.is_note(cells, self.table.preamble)
        ):
            if voiding := furniture.voiding(cells):
                self._warn(line, None, "note_says_void", voiding, furniture.NO_VOIDING)
        else:
            self._report_cells(line, cells)

    def _take_total(self, line: int, cells: list[str]) -> None:
        count, amount = cells[self.columns["quantity"]], cells[self.columns["amount"]]
        try:
            total = furniture.Total(
                count=None if is_null(count) else parse_count(count, self.table.units["quantity"]),
                half_unit=0 if is_null(count) else _half(count, self.table.units["quantity"]),
                amount_fen=None if is_null(amount) else parse_amount_fen(amount, self.table.units["amount"]),
            )
            self.totals.add(total, label=furniture.label_of(cells), count_read=self._count_read)
        except CellError as error:
            self._report(line, furniture.label_of(cells), error.rule, f"{count} / {amount}", error.expected)

    def _take_header(self, again: Table) -> None:
        """A header repeated on a new page may order its columns anew."""
        self.table, self.columns = again, again.columns
        self._check_units()
        self._parsers = trade_parsers(again, self.period)
        self._plan = self._planned()

    def _report_cells(self, line: int, cells: list[str]) -> None:
        """Read every cell again, one at a time, so that each bad one is named."""
        before = self.problem_count
        for field, column in self.columns.items():
            if field not in self._parsers:
                continue
            try:
                self._parsers[field](cells[column])
            except CellError as error:
                self._report(line, field, error.rule, cells[column], error.expected)
        if len(cells) > self.header_width and any(cells[self.header_width :]):
            expected = f"{self.header_width} cells; a comma inside a cell needs quotes"
            self._report(line, None, "cells_beyond_header", f"{len(cells)} cells", expected)
        assert self.problem_count > before, "a row that did not read has a cell that does not"

    def _holds_together(self, row: TradeRow) -> bool:
        """Check the cells of one row against each other; report every contradiction."""
        before = self.problem_count
        if not _plainly_sound(row):
            for field, rule, given, expected in _contradictions(row):
                self._report(row.line, field, rule, given, expected)
        if row.price_fen is not None and not 0 < row.price_fen <= SUSPECT_FEN:
            expected = "a price above 0 and up to 50 yuan"
            self._warn(row.line, "price", "price_suspect", row.price or "", expected)
        if self.period and not self.period.first <= row.traded_on <= self.period.last:
            expected = f"{self.period.first} to {self.period.last}"
            given = row.traded_on.isoformat()
            self._warn(row.line, "traded_on", "date_outside_period", given, expected)
        if row.remark is not None and row.quantity > 0 and row.state != WITHDRAWN and _VOIDED.search(row.remark):
            expected = "a state that says so, or figures below zero"
            self._warn(row.line, "remark", "remark_says_void", row.remark, expected)
        return self.problem_count == before

    def _report(self, line: int, field: str | None, rule: str, given: str, expected: str) -> None:
        self.problem_count += 1
        if self.problem_count > PROBLEMS_MAX:
            raise StatementUnreadable(
                "too_many_problems", f"{self.file} has more than {PROBLEMS_MAX:,} bad cells.", line
            )
        if len(self.problems) < NOTED_MAX:
            self.problems.append(self._problem(line, field, rule, given, expected))

    def _warn(self, line: int, field: str | None, rule: str, given: str, expected: str) -> None:
        if len(self.warnings) < NOTED_MAX:
            self.warnings.append(self._problem(line, field, rule, given, expected))

    def _problem(self, line: int, field: str | None, rule: str, given: str, expected: str) -> RowProblem:
        column = self.table.headers.get(field, field) if field else None
        given = given.strip()[:GIVEN_CHARACTERS_MAX]
        return RowProblem(self.file, self.table.sheet.name, line, column, rule, given, expected)


def _signed(row: TradeRow) -> TradeRow:
    """A row that takes a trade back, or one that 更正 books anew: which of them it is, its figures' sign says."""
    if row.quantity < 0:
        return replace(row, state=REVERSAL)
    return replace(row, state=TRANSFERRED if row.transferred_on else TRADED)


def _plainly_sound(row: TradeRow) -> bool:
    """Pass the usual row by the same rules as `_contradictions`, without its cost; doubt means False."""
    price, first, last = row.price_fen, row.code_first, row.code_last
    project, arrived = row.project_code, row.transferred_on
    return (
        price is not None
        and row.quantity > 0
        and -1 <= row.quantity * price - row.amount_fen <= 1
        and row.production_month <= row.traded_on.isoformat()[:7]
        and (row.state == TRANSFERRED and arrived >= row.traded_on if arrived else row.state != TRANSFERRED)
        and (first.startswith(project) and last.startswith(project) if first and last else first is last is None)
    )


def _contradictions(row: TradeRow) -> Iterator[tuple[str, str, str, str]]:
    if row.quantity == 0 or (row.amount_fen < 0) != (row.quantity < 0):
        expected = "a count above zero, or one below zero with its amount to take it back"
        yield "quantity", "quantity_not_positive", str(row.quantity), expected
    if row.price is not None and _amount_differs(row):
        expected = f"{row.quantity} x {row.price} within 0.01 yuan"
        yield "amount", "amount_not_quantity_times_price", f"{row.amount_fen} fen", expected
    if row.production_month > row.traded_on.isoformat()[:7]:
        yield (
            "production_month",
            "production_after_trade",
            row.production_month,
            "no later than the trade's month",
        )
    if row.state == TRANSFERRED and row.transferred_on is None:
        yield "transferred_on", "transfer_date_missing", "", "the day of the transfer"
    if row.transferred_on is not None:
        if row.transferred_on < row.traded_on:
            yield (
                "transferred_on",
                "transfer_before_trade",
                str(row.transferred_on),
                f"{row.traded_on} or later",
            )
        if row.state == TRADED:
            yield (
                "transferred_on",
                "transfer_date_without_transfer",
                str(row.transferred_on),
                "none before the transfer",
            )
    first, last = row.code_first, row.code_last
    if (first is None) != (last is None) and row.quantity > 1:
        yield ("code_last" if first else "code_first"), "code_range_incomplete", "", "both ends or neither"
    for field, code in (("code_first", first), ("code_last", last)):
        if code is not None and not code.startswith(row.project_code):
            yield field, "code_of_another_project", code, f"a code that begins with {row.project_code}"


def _amount_differs(row: TradeRow) -> bool:
    if row.price_fen is not None:
        return abs(row.quantity * row.price_fen - row.amount_fen) > 1
    assert row.price is not None
    numerator, denominator = parse_number(row.price).value.as_integer_ratio()
    return abs(row.quantity * numerator * 100 - row.amount_fen * denominator) > denominator


_SLOTS = TradeRow.__struct_fields__
_SLOT = {name: index for index, name in enumerate(_SLOTS)}
_RENAMED = {"tradability": "tradable", "amount": "amount_fen", "status": "state"}


def _half(text: str, column_unit: str | None) -> int:
    """Half of a printed total's last digit; an exact count of certificates has none."""
    return half_unit(text, column_unit)


def _blank(*texts: str) -> bool:
    return all(not text.strip(" -—/'") or not has_digit(text) for text in texts)
