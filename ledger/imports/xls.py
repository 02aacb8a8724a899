"""Old XLS bytes -> sheets, by xlrd: it tells hidden rows, merged cells and error values apart."""

import io
from collections.abc import Iterator
from typing import Any

import xlrd
from xlrd.biffh import XLRDError, error_text_from_code

from ledger.imports.sheets import COLUMNS_MAX, SERIAL_ZERO, SINCE_1904, Row, Sheet, StatementUnreadable
from ledger.imports.styles import is_red, suffix_of
from ledger.imports.workbook import CELLS_MAX, SHEETS_MAX, cell_text, fill_merged, merged_by_row

_FILLED = (xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE)
_PLAIN = "", False
_LOCKED = "EncryptedPackage".encode("utf-16-le")
"""The stream of a compound document that a workbook with a password is packed in."""


def read_xls(name: str, content: bytes) -> list[Sheet]:
    """Give the worksheets of an XLS file; refuse a password-protected or broken one."""
    try:
        options = {"formatting_info": True, "on_demand": True, "ragged_rows": True, "logfile": io.StringIO()}
        book = xlrd.open_workbook(file_contents=content, **options)
        if book.nsheets > SHEETS_MAX:
            raise StatementUnreadable("too_many_sheets", f"{name} has {book.nsheets:,} sheets.")
        return [_sheet(name, book, book.sheet_by_index(at)) for at in range(book.nsheets)]
    except XLRDError as why:
        if "encrypted" in str(why).lower() or _LOCKED in content:
            message = f"{name} is a password-protected workbook. Save it without a password."
            raise StatementUnreadable("encrypted", message) from None
        if "can't find workbook" in str(why).lower():
            raise StatementUnreadable("not_a_statement", f"{name} is a document without a workbook in it.") from None
        raise StatementUnreadable("truncated", f"{name} is a broken or cut workbook: {why}.") from None
    except StatementUnreadable:
        raise
    except Exception as why:  # a library that walks broken bytes fails in many ways
        raise StatementUnreadable("truncated", f"{name} is a broken or cut workbook: {type(why).__name__}.") from None


def _sheet(name: str, book: Any, sheet: Any) -> Sheet:
    if sheet.ncols > COLUMNS_MAX:
        raise StatementUnreadable("too_many_columns", f"{name} has {sheet.ncols:,} columns.")
    if sheet.nrows * sheet.ncols > CELLS_MAX:
        raise StatementUnreadable("too_large", f"{name} spans {sheet.nrows * sheet.ncols:,} cells.")
    hidden = frozenset(row + 1 for row, info in sheet.rowinfo_map.items() if info.hidden)
    merged = merged_by_row([((top, left), (bottom - 1, right - 1)) for top, bottom, left, right in sheet.merged_cells])

    forms = _forms(book)
    lines_of = {"row_in_red": set[int](), "unit_by_form": set[int]()}
    for index in range(sheet.nrows) if forms else ():
        for cell in sheet.row(index):
            suffix, red = forms.get(cell.xf_index, _PLAIN) if cell.ctype in _FILLED else _PLAIN
            if red:
                lines_of["row_in_red"].add(index + 1)
            if suffix and cell.ctype == xlrd.XL_CELL_NUMBER:
                lines_of["unit_by_form"].add(index + 1)
    marks = {"hidden_row": hidden, **{mark: frozenset(lines) for mark, lines in lines_of.items()}}

    def rows() -> Iterator[Row]:
        texts: dict[tuple[int, int], str] = {}
        for index in range(sheet.nrows):
            cells = [_text(book, cell) for cell in sheet.row(index)]
            if index + 1 in lines_of["unit_by_form"]:
                cells = [
                    text + forms.get(cell.xf_index, _PLAIN)[0] if cell.ctype == xlrd.XL_CELL_NUMBER else text
                    for text, cell in zip(cells, sheet.row(index), strict=True)
                ]
            if index in merged:
                cells += [""] * (sheet.ncols - len(cells))
                cells = fill_merged(index, cells, merged[index], texts)
            if any(cells):
                yield index + 1, cells

    return Sheet(
        name=sheet.name,
        encoding="xls",
        rows=rows,
        hidden=sheet.visibility != 0,
        marks=marks,
        serial_zero=SINCE_1904 if book.datemode else SERIAL_ZERO,
    )


def _forms(book: Any) -> dict[int, tuple[str, bool]]:
    """By the number of a cell's form, where either is so: what stands behind its figures, and whether they are red."""
    found = {}
    for at, form in enumerate(book.xf_list):
        number = book.format_map.get(form.format_key)
        suffix = suffix_of(number.format_str) if number else ""
        colour = book.colour_map.get(book.font_list[form.font_index].colour_index)
        red = colour is not None and is_red(*colour)
        if suffix or red:
            found[at] = suffix, red
    return found


def _text(book: Any, cell: Any) -> str:
    match cell.ctype:
        case xlrd.XL_CELL_TEXT:
            return cell.value
        case xlrd.XL_CELL_NUMBER:
            return cell_text(cell.value)
        case xlrd.XL_CELL_DATE:
            try:
                return cell_text(xlrd.xldate_as_datetime(cell.value, book.datemode))
            except (xlrd.XLDateError, OverflowError, ValueError):
                return cell_text(cell.value)
        case xlrd.XL_CELL_BOOLEAN:
            return cell_text(bool(cell.value))
        case xlrd.XL_CELL_ERROR:
            return error_text_from_code.get(cell.value, "#VALUE!")
    return ""
