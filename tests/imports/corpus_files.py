"""Files for the corpus, written by rule: one table of lines as CSV, XLSX, XLS or ODS, and archives of raw parts."""

import csv
import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import openpyxl
import xlwt

Line = Sequence[object]
Area = tuple[int, int, int, int]
"""First line, first column, last line, last column of merged cells, each counted from 1."""

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"
ODS_NAMES = " ".join(f'xmlns:{name}="{OFFICE}{name}:1.0"' for name in ("office", "table", "text", "style"))
ODS_NAMES += ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
SHEET_NAMES = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


class Page(NamedTuple):
    """One sheet: its lines, and what is peculiar about it."""

    lines: Sequence[Line]
    title: str = "Sheet1"
    merged: Sequence[Area] = ()
    hidden_lines: Sequence[int] = ()
    hidden_columns: Sequence[str] = ()
    hidden: bool = False


def text(lines: Sequence[Line], *, encoding: str = "gb18030", end: str = "\r\n", mark: str = ",") -> bytes:
    """The lines as separated text."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=mark, lineterminator=end).writerows(lines)
    return out.getvalue().encode(encoding)


def book(*pages: Page) -> openpyxl.Workbook:
    """The pages as a workbook that can still be changed."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for page in pages:
        sheet = made.create_sheet(page.title)
        for line in page.lines:
            sheet.append(list(line))
        for top, left, bottom, right in page.merged:
            sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
        for line in page.hidden_lines:
            sheet.row_dimensions[line].hidden = True
        for column in page.hidden_columns:
            sheet.column_dimensions[column].hidden = True
        sheet.sheet_state = "hidden" if page.hidden else "visible"
    return made


def saved(made: openpyxl.Workbook) -> bytes:
    """A workbook's bytes."""
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def xlsx(*pages: Page) -> bytes:
    """The pages as XLSX."""
    return saved(book(*pages))


def xls(*pages: Page, made: xlwt.Workbook | None = None) -> bytes:
    """The pages as the old XLS."""
    made = made or xlwt.Workbook()
    for page in pages:
        sheet = made.add_sheet(page.title)
        covered = {(top, left): area for area in page.merged for top, left, *_ in [area]}
        for number, line in enumerate(page.lines, start=1):
            for column, cell in enumerate(line, start=1):
                if (number, column) in covered:
                    top, left, bottom, right = covered[number, column]
                    sheet.write_merge(top - 1, bottom - 1, left - 1, right - 1, cell)
                elif cell not in (None, ""):
                    sheet.write(number - 1, column - 1, cell)
        for line in page.hidden_lines:
            sheet.row(line - 1).hidden = True
        sheet.visibility = int(page.hidden)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def ods(*pages: Page) -> bytes:
    """The pages as ODS."""
    return ods_of("".join(_ods_table(page) for page in pages))


def ods_of(tables: str) -> bytes:
    """An ODS file of these table elements; a table of the style `ta0` is hidden."""
    return ods_archive(
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {ODS_NAMES}><office:automatic-styles>'
        '<style:style style:name="ta0" style:family="table"><style:table-properties table:display="false"/>'
        f"</style:style></office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet>"
        "</office:body></office:document-content>".encode()
    )


def ods_archive(content: bytes, kind: str = "spreadsheet", manifest: str = "") -> bytes:
    """An OpenDocument archive of this content.xml."""
    names = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    listed = f'<manifest:manifest xmlns:manifest="{names}">{manifest}</manifest:manifest>'
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "META-INF/manifest.xml": listed.encode(),
            "content.xml": content,
        }
    )


def ods_row(line: Line, attributes: str = "") -> str:
    """One row element; numbers are typed, all else is text."""
    return f"<table:table-row{attributes}>{''.join(map(ods_cell, line))}</table:table-row>"


def ods_cell(cell: object) -> str:
    """One cell element."""
    if cell in (None, ""):
        return "<table:table-cell/>"
    if isinstance(cell, int | float):
        given = f'office:value-type="float" office:value="{cell}"'
        return f"<table:table-cell {given}><text:p>{cell}</text:p></table:table-cell>"
    shown = escape(str(cell))
    return f'<table:table-cell office:value-type="string"><text:p>{shown}</text:p></table:table-cell>'


def ods_table(rows: str, title: str = "Sheet1", style: str = "ta1") -> str:
    """One table element."""
    return f'<table:table table:name={quoteattr(title)} table:style-name="{style}">{rows}</table:table>'


def _ods_table(page: Page) -> str:
    covering = {(top, left): (bottom - top + 1, right - left + 1) for top, left, bottom, right in page.merged}
    rows = []
    for number, line in enumerate(page.lines, start=1):
        cells = []
        for column, cell in enumerate(line, start=1):
            high, wide = covering.get((number, column), (1, 1))
            spans = (
                f' table:number-rows-spanned="{high}" table:number-columns-spanned="{wide}"' if high * wide > 1 else ""
            )
            cells.append(ods_cell(cell).replace("<table:table-cell", f"<table:table-cell{spans}", 1))
        attributes = ' table:visibility="collapse"' if number in page.hidden_lines else ""
        rows.append(f"<table:table-row{attributes}>{''.join(cells)}</table:table-row>")
    return ods_table("".join(rows), page.title, "ta0" if page.hidden else "ta1")


def archive(parts: Mapping[str, bytes] | Sequence[tuple[str, bytes]], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members, of one name twice where it is given twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, content in parts.items() if isinstance(parts, Mapping) else parts:
            made.writestr(name, content)
    return out.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    """The members of a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        return {name: made.read(name) for name in made.namelist()}


def bare_parts(sheet: bytes, **more: bytes) -> dict[str, bytes]:
    """The parts of the smallest workbook with this sheet; `more` are parts below xl, such as sharedStrings."""
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{kinds}.{name}+xml"/>' for name in ("sheet.main", *more)
    ).replace("/xl/sheet.main.xml", "/xl/workbook.xml")
    links = "".join(
        f'<Relationship Id="r{number}" Type="{LINKS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(
            [("worksheet", "worksheets/sheet1.xml"), *((name, f"{name}.xml") for name in more)], start=1
        )
    )
    packages = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="{kinds}.worksheet+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" '
        f'Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SHEET_NAMES}" xmlns:r="{LINKS}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">{links}</Relationships>',
    }
    made = {name: part.encode() for name, part in parts.items()}
    return made | {"xl/worksheets/sheet1.xml": sheet} | {f"xl/{name}.xml": part for name, part in more.items()}


def bare_xlsx(sheet: bytes, **more: bytes) -> bytes:
    """The smallest workbook with this sheet."""
    return archive(bare_parts(sheet, **more))


def sheet_xml(rows: str, prefix: str = "", quote: str = '"') -> bytes:
    """A worksheet of these row elements; with a prefix, every name must carry it."""
    space = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    head = f"<{prefix}worksheet {space}={quote}{SHEET_NAMES}{quote}><{prefix}sheetData>"
    return f"{head}{rows}</{prefix}sheetData></{prefix}worksheet>".encode()


def rows_xml(lines: Sequence[Line], *, prefix: str = "", hidden: Sequence[int] = (), quote: str = '"') -> str:
    """Row elements of these lines; a bytes cell is an element's inside as it is, with its attributes before a `|`."""
    rows = []
    for number, line in enumerate(lines, start=1):
        cells = []
        for column, cell in enumerate(line, start=1):
            at = f"r={quote}{letters(column)}{number}{quote}"
            if isinstance(cell, bytes):
                attributes, _, inside = cell.decode().partition("|")
                cells.append(f"<{prefix}c {at} {attributes}>{inside}</{prefix}c>")
            elif isinstance(cell, int | float):
                cells.append(f"<{prefix}c {at}><{prefix}v>{cell}</{prefix}v></{prefix}c>")
            elif cell:
                inside = f"<{prefix}is><{prefix}t>{escape(str(cell))}</{prefix}t></{prefix}is>"
                cells.append(f"<{prefix}c {at} t={quote}inlineStr{quote}>{inside}</{prefix}c>")
        shown = f" hidden={quote}1{quote}" if number in hidden else ""
        rows.append(f"<{prefix}row r={quote}{number}{quote}{shown}>{''.join(cells)}</{prefix}row>")
    return "".join(rows)


def letters(column: int) -> str:
    """A column's letters, counted from 1."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
