"""How a file would be read: which layout, which column means what, in which unit, and what no column was found for."""

import msgspec

from ledger.imports.layouts import Layout, header_name, recognise
from ledger.imports.readers import read_sheets

SHOWN_ROWS = 3


class ColumnRead(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table."""

    header: str
    field: str | None
    """What it means; None where nothing is read from it."""
    unit: str | None
    values: list[str]
    """Its first cells, as they stand."""


class TableRead(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a file."""

    layout: str
    sheet: str | None
    encoding: str
    header_line_last: int
    preamble: list[str]
    columns: list[ColumnRead]
    absent: list[str]
    """Fields that no column means; a layout can be read without them."""


def explain(name: str, content: bytes, layouts: tuple[Layout, ...]) -> list[TableRead]:
    """How the tables of a file would be read; StatementUnreadable where they would not be."""
    found = []
    for table in recognise(name, read_sheets(name, content), layouts):
        rows = [(line, cells) for line, cells in table.sheet if line >= table.header_line_last]
        header, data = rows[0][1], [cells for _, cells in rows[1 : 1 + SHOWN_ROWS]]
        meaning = {column: field for field, column in table.columns.items()}
        columns = [
            ColumnRead(
                header=table.headers.get(meaning.get(at, ""), text),
                field=meaning.get(at),
                unit=table.units.get(meaning.get(at, "")),
                values=[cells[at] if at < len(cells) else "" for cells in data],
            )
            for at, text in enumerate(header)
            if at in meaning or header_name(text)
        ]
        found.append(
            TableRead(
                layout=table.layout.key,
                sheet=table.sheet.name,
                encoding=table.sheet.encoding,
                header_line_last=table.header_line_last,
                preamble=list(table.preamble),
                columns=columns,
                absent=[field.name for field in table.layout.fields if field.name not in table.columns],
            )
        )
    return found
