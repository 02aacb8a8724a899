"""Layout B, an exchange's green-power settlement: table -> rows, control totals and problems.

The certificates of a row are those of the settlement's month, or of the month its remark names where it corrects an
earlier one. Energies are read by the unit their column declares, money is checked as energy times price.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

from ledger.imports import furniture
from ledger.imports.cells import (
    CellError,
    Period,
    is_null,
    month_end,
    parse_amount_fen,
    parse_code,
    parse_count,
    parse_day,
    parse_energy_kwh,
    parse_identifier,
    parse_price,
    parse_text,
    required_text,
)
from ledger.imports.documents import RowProblem, SettlementRow, SettlementStatement, SettlementTotals
from ledger.imports.layouts import Headings, Table
from ledger.imports.preamble import as_of_month, platform_of
from ledger.imports.sheets import MARKS, BrokenRecord, StatementUnreadable
from ledger.imports.trade_cells import PROJECT_CODE_CHARACTERS, read_source

_CORRECTION = re.compile(r"退补|更正|冲销|冲正|红冲|调整|补结|追补|清算")
_MONTH = re.compile(r"(?:(20[0-9]{2})\s*[年\-/.]\s*)?([0-9]{1,2})\s*月")
_ENERGIES = ("contracted_kwh", "generated_kwh", "consumed_kwh", "settled_kwh", "tail_kwh")
_DIFFERENCE_FEN_MAX = 1
HEADER_NAMES_MIN = 4
"""A row that names so many columns is a header printed again."""


def read_settlement(name: str, tables: tuple[Table, ...]) -> SettlementStatement:
    """Read a settlement; refuse one without a month or of several, or without units."""
    texts = [text for table in tables for text in (*table.preamble, table.sheet.name or "")]
    months = [as_of_month([*table.preamble, table.sheet.name or ""], name) for table in tables]
    named = sorted({month for month in months if month is not None})
    if len(named) != 1:
        rule, said = (
            ("several_months", "settles several") if named else ("month_missing", "does not say which it settles")
        )
        raise StatementUnreadable(rule, f"A settlement is of one month; {name} {said}.")
    (month,) = named
    readings = [_Reading(name, table, month) for table in tables]
    rows = tuple(row for reading in readings for row in reading)
    totals = [reading.totals for reading in readings if reading.totals is not None]
    return SettlementStatement(
        file=name,
        platform=platform_of(texts, name),
        encoding=tables[0].sheet.encoding,
        month=month.isoformat()[:7],
        rows=rows,
        totals=_added(totals) if len(totals) == len(tables) else None,
        problems=tuple(problem for reading in readings for problem in reading.problems),
        warnings=tuple(warning for reading in readings for warning in reading.warnings),
    )


def _added(totals: list[SettlementTotals]) -> SettlementTotals:
    """The totals of all sheets together; a figure that one of them does not print is none."""
    columns = ([getattr(total, name) for total in totals] for name in SettlementTotals.__struct_fields__)
    return SettlementTotals(*(None if None in column else sum(column) for column in columns))


class _Reading:
    """One pass over a table: iterate for the rows, then look at problems, warnings and totals."""

    def __init__(self, file: str, table: Table, month: datetime.date) -> None:
        self.file = file
        self.table = table
        self.month = month
        self.problems: list[RowProblem] = []
        self.warnings: list[RowProblem] = []
        self._totals: dict[str, list[SettlementTotals]] = {}
        """What is printed, by how much it covers."""
        self._headings = Headings()
        self._period = Period(month, month_end(month))
        self._parsers = _parsers(table, self._period)
        for field in ("settled_kwh",):
            if table.units.get(field) is None:
                header = table.headers[field]
                raise StatementUnreadable(
                    "unit_missing", f"{file} gives no unit for the column {header}.", table.header_line_last
                )

    def __iter__(self) -> Iterator[SettlementRow]:
        above: list[str] = []
        for line, given in self.table.sheet:
            if line <= self.table.header_line_last:
                continue
            if isinstance(given, BrokenRecord):
                self._report(line, None, given.rule, given.given, "quotes in pairs around a cell")
                continue
            cells = furniture.filled(given + [""] * (self.table.width - len(given)), above)
            kind = furniture.kind_of(cells)
            if kind == "total" and is_null(cells[self.table.columns["contract"]]):
                self._take_total(line, cells)
            elif again := self._headings.again(self.table, cells, HEADER_NAMES_MIN):
                # A header printed again may order its columns anew.
                self.table, self._parsers = again, _parsers(again, self._period)
            elif strange := furniture.strange_unit(cells, self.table):
                self._report(line, None, "unit_changes", strange, furniture.UNIT_ABOVE)
            elif not any(cells):
                continue
            elif self._is_furniture(kind, cells):
                if voiding := furniture.voiding(cells):
                    warning = self._problem(line, None, "note_says_void", voiding, furniture.NO_VOIDING)
                    self.warnings.append(warning)
            else:
                row = self._row(line, cells)
                if row is not None:
                    above = cells
                    yield row

    def _row(self, line: int, cells: list[str]) -> SettlementRow | None:
        before = len(self.problems)
        values = {field: self._read(line, cells, field, parse) for field, parse in self._parsers.items()}
        if len(self.problems) > before:
            return None
        try:
            production_month, is_correction = self._month_of(values["remark"], values["settled_kwh"])
        except CellError as error:
            self._report(line, "remark", error.rule, values["remark"] or "", error.expected)
            return None
        row = SettlementRow(
            line=line,
            sheet=self.table.sheet.name,
            buyer_name=values["buyer_name"],
            seller_name=values.get("seller_name"),
            project=values.get("project_code") or values.get("project_name") or values["contract"],
            energy_source=values.get("energy_source") or "other",
            province=values.get("province"),
            contract=values["contract"],
            production_month=production_month,
            is_correction=is_correction,
            contracted_kwh=values.get("contracted_kwh"),
            generated_kwh=values.get("generated_kwh"),
            consumed_kwh=values.get("consumed_kwh"),
            settled_kwh=values["settled_kwh"],
            amount_fen=values.get("amount"),
            due=values["due"],
            transferred=values.get("transferred"),
            tail_kwh=values.get("tail_kwh"),
            transferred_on=values.get("transferred_on"),
            remark=values["remark"],
        )
        for field, rule, found, expected in _contradictions(row, values):
            self._report(line, field, rule, found, expected)
        if len(self.problems) > before:
            return None
        for mark in self.table.sheet.marks_of(line):
            self.warnings.append(self._problem(line, None, mark, row.contract, MARKS[mark]))
        known = [energy for energy in (row.contracted_kwh, row.generated_kwh, row.consumed_kwh) if energy is not None]
        if len(known) == 3 and row.settled_kwh > 0 and row.settled_kwh != min(known):
            expected = f"{min(known)} kWh, the least of contract, generation and consumption"
            self.warnings.append(
                self._problem(line, "settled_kwh", "settled_not_least", f"{row.settled_kwh} kWh", expected)
            )
        return row

    def _month_of(self, remark: str | None, settled_kwh: int) -> tuple[str, bool]:
        """The month the certificates are of, and whether the row corrects one: 退补更正（5月） is the last May."""
        is_correction = settled_kwh < 0 or (remark is not None and _CORRECTION.search(remark) is not None)
        found = _MONTH.search(remark) if is_correction and remark else None
        if found is None:
            return self.month.isoformat()[:7], is_correction
        if not 1 <= int(found[2]) <= 12:
            raise CellError("date_impossible", "a month from 1 to 12")
        month = int(found[2])
        year = int(found[1] or self.month.year - (month > self.month.month))
        return f"{year}-{month:02}", is_correction

    def _take_total(self, line: int, cells: list[str]) -> None:
        before = len(self.problems)
        fields = ("settled_kwh", "amount", "due", "transferred", "tail_kwh")
        values = [
            self._read(line, cells, field, _nullable(self._parsers[field])) if field in self._parsers else None
            for field in fields
        ]
        if len(self.problems) == before:
            reach = furniture.reach_of(furniture.label_of(cells))
            self._totals.setdefault(reach, []).append(SettlementTotals(*values))

    @property
    def totals(self) -> SettlementTotals | None:
        """What covers the whole sheet: a total of all, else of the pages together, else a running one."""
        for reach in ("whole", "sum"):
            if reach in self._totals:
                return self._totals[reach][-1]
        if "page" in self._totals:
            return _added(self._totals["page"])
        return self._totals["running"][-1] if "running" in self._totals else None

    def _is_furniture(self, kind: str, cells: list[str]) -> bool:
        """Whether a line is a signature without figures, a part of what was counted already, or a note."""
        if kind == "part" and is_null(cells[self.table.columns["contract"]]):
            return True
        if kind == "footer" and all(is_null(cells[self.table.columns[field]]) for field in ("settled_kwh", "due")):
            return True
        return furniture.is_note(cells, self.table.preamble)

    def _read(self, line: int, cells: list[str], field: str, parse: Callable[[str], Any]) -> Any:
        column = self.table.columns.get(field)
        text = "" if column is None else cells[column]
        try:
            return parse(text)
        except CellError as error:
            self._report(line, field, error.rule, text, error.expected)
            return None

    def _report(self, line: int, field: str | None, rule: str, given: str, expected: str) -> None:
        self.problems.append(self._problem(line, field, rule, given, expected))

    def _problem(self, line: int, field: str | None, rule: str, given: str, expected: str) -> RowProblem:
        column = self.table.headers.get(field, field) if field else None
        return RowProblem(self.file, self.table.sheet.name, line, column, rule, given.strip()[:80], expected)


def _parsers(table: Table, period: Period) -> dict[str, Callable[[str], Any]]:
    """Each field's reader, for the columns there are; what a row must have stands first."""
    units = table.units
    found: dict[str, Callable[[str], Any]] = {
        "buyer_name": required_text,
        "contract": _contract,
        "seller_name": parse_text,
        "project_name": parse_text,
        "project_code": lambda text: parse_code(text, PROJECT_CODE_CHARACTERS, "project_code_not_17_characters"),
        "energy_source": read_source,
        "province": parse_text,
        "energy_price": lambda text: parse_price(text, units.get("energy_price")),
        "price": lambda text: parse_price(text, units.get("price")),
        "energy_amount": _nullable(lambda text: parse_amount_fen(text, units.get("energy_amount"))),
        "amount": _nullable(lambda text: parse_amount_fen(text, units.get("amount"))),
        "due": lambda text: parse_count(text, units.get("due")),
        "transferred": _nullable(lambda text: parse_count(text, units.get("transferred"))),
        "transferred_on": _nullable(lambda text: parse_day(text, period, table.sheet.serial_zero)),
        "remark": parse_text,
    }
    found |= {field: _energy(units.get(field)) for field in _ENERGIES}
    found["settled_kwh"] = _required_energy(units.get("settled_kwh"))
    return {field: parse for field, parse in found.items() if field in table.columns or field == "remark"}


def _nullable(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if is_null(text) else parse(text)


def _energy(unit: str | None) -> Callable[[str], int | None]:
    return lambda text: parse_energy_kwh(text, unit)


def _required_energy(unit: str | None) -> Callable[[str], int]:
    def read(text: str) -> int:
        energy = parse_energy_kwh(text, unit)
        if energy is None:
            raise CellError("value_missing", "an energy")
        return energy

    return read


def _contract(text: str) -> str:
    read = parse_identifier(text)
    if read is None:
        raise CellError("value_missing", "a contract number")
    if len(read) > 64:
        raise CellError("contract_malformed", "a contract number of at most 64 characters")
    return "".join(read.split())


def _contradictions(row: SettlementRow, values: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(field, rule, given, expected) of what the cells of a row do not agree on."""
    for price, amount in (("price", "amount"), ("energy_price", "energy_amount")):
        if values.get(price) is not None and values.get(amount) is not None:
            numerator, denominator = _ratio(values[price])
            fen = row.settled_kwh * numerator * 100
            if abs(fen - values[amount] * denominator * 1_000) > _DIFFERENCE_FEN_MAX * denominator * 1_000:
                expected = f"{row.settled_kwh} kWh x {values[price]} yuan/MWh within 0.01 yuan"
                yield amount, "amount_not_quantity_times_price", f"{values[amount]} fen", expected
    if (row.due < 0) != (row.settled_kwh < 0) and row.due and row.settled_kwh:
        yield "due", "certificates_not_of_energy", str(row.due), f"what {row.settled_kwh} kWh make"
    elif abs(row.due * 1_000 - row.settled_kwh) >= 1_000:
        # With what the contract carried from before, less than one MWh, they can be one more than the energy makes.
        yield "due", "certificates_not_of_energy", str(row.due), f"what {row.settled_kwh} kWh make"
    if row.transferred not in (None, 0, row.due):
        yield "transferred", "transfer_partial", str(row.transferred), f"{row.due}, or none yet"
    if row.transferred and row.transferred_on is None:
        yield "transferred_on", "transfer_date_missing", "", "the day of the transfer"


def _ratio(price: str) -> tuple[int, int]:
    whole, _, decimals = price.partition(".")
    return int(whole + decimals), 10 ** len(decimals)
