"""The park's register of enterprises: table -> rows with their aliases, and the rows left out.

A name or alias may mean one enterprise only. Names are compared without blanks and width, as statements
will be matched against them later.
"""

import re

from ledger.imports.cells import (
    CellError,
    clean,
    parse_code,
    parse_identifier,
    parse_text,
    required_text,
    squeeze,
)
from ledger.imports.documents import EnterpriseFile, EnterpriseRow, RowProblem
from ledger.imports.layouts import ENTERPRISES, Table, recognise
from ledger.imports.readers import read_sheets
from ledger.imports.sheets import BrokenRecord

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEPARATORS = re.compile(r"[;；|]")


def read_enterprises(name: str, content: bytes) -> EnterpriseFile:
    """Read the park's register of enterprises from a file's bytes; StatementUnreadable where it is none."""
    tables = recognise(name, read_sheets(name, content), (ENTERPRISES,))
    return read_register(name, tables[0])


def read_register(name: str, table: Table) -> EnterpriseFile:
    """Read the register; a row with a bad cell, a repeated id or a name already taken is left out."""
    rows: list[EnterpriseRow] = []
    problems: list[RowProblem] = []
    ids: dict[str, int] = {}
    names: dict[str, str] = {}
    for line, cells in table.sheet:
        if line <= table.header_line_last or (cells and not any(cell.strip() for cell in cells)):
            continue
        found, row = _read_row(name, table, line, cells)
        if row is not None:
            found += _clashes(name, table, row, ids, names)
        problems += found
        if row is not None and not found:
            rows.append(row)
            ids[row.id] = line
            names |= {squeeze(known): row.id for known in (row.name, *row.aliases)}
    return EnterpriseFile(file=name, encoding=table.sheet.encoding, rows=tuple(rows), problems=tuple(problems))


def _read_row(name: str, table: Table, line: int, cells: list[str]) -> tuple[list[RowProblem], EnterpriseRow | None]:
    if isinstance(cells, BrokenRecord):
        expected = "quotes in pairs around a cell"
        return [RowProblem(name, table.sheet.name, line, None, cells.rule, cells.given, expected)], None
    problems: list[RowProblem] = []
    values: dict[str, object] = {"sector": None, "usci": None, "grid_user": None}
    cells = cells + [""] * (table.width - len(cells))
    for field, column in table.columns.items():
        try:
            values[field] = _PARSERS[field](cells[column])
        except CellError as error:
            header = table.headers[field]
            problems.append(
                RowProblem(name, table.sheet.name, line, header, error.rule, cells[column][:80], error.expected)
            )
    return problems, None if problems else EnterpriseRow(line=line, **values)  # type: ignore[arg-type]  # by field name


def _clashes(
    name: str, table: Table, row: EnterpriseRow, ids: dict[str, int], names: dict[str, str]
) -> list[RowProblem]:
    def problem(field: str, rule: str, given: str, expected: str) -> RowProblem:
        return RowProblem(name, table.sheet.name, row.line, table.headers[field], rule, given, expected)

    clashes = []
    if row.id in ids:
        clashes.append(problem("id", "id_repeated", row.id, f"another id than in line {ids[row.id]}"))
    for field, known in (("name", row.name), *(("aliases", alias) for alias in row.aliases)):
        owner = names.get(squeeze(known))
        if owner is not None and owner != row.id:
            clashes.append(problem(field, "name_taken", known, f"a name that does not mean {owner} already"))
    return clashes


def _id(text: str) -> str:
    read = parse_identifier(text)
    if read is None:
        raise CellError("value_missing", "an id such as GH-001")
    if not _ID.fullmatch(read):
        raise CellError("id_malformed", "at most 64 letters, digits, dots, dashes or underscores")
    return read


def _name(text: str) -> str:
    required_text(text)
    return clean_name(text)


def _aliases(text: str) -> tuple[str, ...]:
    parts = (clean_name(part) for part in _SEPARATORS.split(text) if parse_text(part) is not None)
    return tuple(dict.fromkeys(parts))


def clean_name(text: str) -> str:
    """Give a name for display: trimmed, its own widths and brackets kept."""
    clean(text)  # refuses error values
    return text.strip().strip("'").strip()


_PARSERS = {
    "id": _id,
    "name": _name,
    "aliases": _aliases,
    "sector": parse_text,
    "usci": lambda text: parse_code(text, 18, "usci_not_18_characters"),
    "grid_user": parse_identifier,
}
