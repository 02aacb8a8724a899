"""Tables out: CSV and XLSX, with formula characters made harmless."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from openpyxl import Workbook

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
Cell = str | int | None


def harmless(cell: Cell) -> Cell:
    """A text that no spreadsheet takes for a formula: one that could be is written with an apostrophe before it."""
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as CSV in UTF-8 with a byte order mark, which is how spreadsheets find Chinese in it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(sheets: Mapping[str, tuple[Sequence[str], Iterable[Sequence[Cell]]]]) -> bytes:
    """A workbook of these tables, each on a sheet of its own; whole numbers of 16 digits or more as text."""
    book = Workbook(write_only=True)
    for title, (header, rows) in sheets.items():
        sheet = book.create_sheet(title)
        sheet.append(list(header))
        for row in rows:
            sheet.append([_exact(harmless(cell)) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _exact(cell: Cell) -> Cell:
    """A spreadsheet keeps 15 digits of a number and rounds the others away."""
    return str(cell) if isinstance(cell, int) and abs(cell) >= 10**15 else cell
