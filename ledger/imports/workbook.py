"""XLSX bytes -> sheets (and ODS, which is an archive too), with nothing trusted that the archive says about itself.

Members are inflated here, up to fixed limits, and packed anew without compression before calamine sees
them, so a central directory that lies cannot make it inflate more. The area of each sheet is measured
from its cells first, because calamine allocates the whole rectangle. Excel's 15 digits are respected:
a longer number comes out in scientific notation, which no identifier or count accepts.
"""

import datetime
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from msgspec.structs import replace
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ledger.imports.ods import read_ods
from ledger.imports.sheets import (
    COLUMNS_MAX,
    FIGURE,
    ROWS_MAX,
    SERIAL_ZERO,
    SINCE_1904,
    MergedRow,
    Row,
    Sheet,
    StatementUnreadable,
    figure_text,
)
from ledger.imports.styles import Styles, read_styles, red_lines, with_suffixes

MEMBERS_MAX = 1_000
SHEETS_MAX = 100
INFLATED_BYTES_MAX = 256 * 1024 * 1024
SMALL_PART_BYTES_MAX = 2 * 1024 * 1024
"""Of the parts that list sheets and their relations."""
RATIO_MAX = 100
RATIO_FREE_BYTES = 8 * 1024 * 1024
CELLS_MAX = 6_000_000
"""In all sheets together."""
CELL_CHARACTERS_MAX = 32_767
"""As spreadsheets have it."""
MERGED_ROWS_MAX = 200_000
SHORT_BYTES_MAX = 256

_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/.*|content\.xml"
    r"|META-INF/manifest\.xml|xl/(_rels/.*|worksheets/.*|workbook\.xml|styles\.xml|sharedStrings\.xml)",
    re.IGNORECASE,
)
_CELL = re.compile(rb"<c\b[^<>]*?\br=\"([A-Za-z]{1,9})(\d{1,12})\"[^<>]*>?")
_EMPTY_CELL = re.compile(rb"<c(?:\s+[\w:.-]+=\"[^\"<>]*\")*\s*/>")
_ROW_AND_IF_EMPTY = re.compile(rb"(<row\b[^<>]*>)(\s*(?:" + _EMPTY_CELL.pattern + rb"\s*)*</row>)?")
_ROW = re.compile(rb"<row\b[^<>]*>")
_ROW_NUMBER = re.compile(rb"\br=\"(\d{1,12})\"")
_HIDDEN = re.compile(rb"\bhidden=\"(?:1|true)\"")
_FORMULA_CELL = re.compile(rb"<c\b([^>]*)>(\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>))\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


def read_workbook(name: str, content: bytes) -> list[Sheet]:
    """Give the worksheets of an XLSX or ODS file, or refuse an archive that is cut, swollen or something else."""
    parts = _inflate(name, content)
    if b"encryption-data" in parts.get("META-INF/manifest.xml", b""):
        raise StatementUnreadable("encrypted", f"{name} is password-protected. Save it without one.")
    if "content.xml" in parts:
        return read_ods(name, parts["content.xml"])
    if "xl/workbook.xml" not in parts:
        kind = "legacy_excel" if any(part.endswith(".bin") for part in parts) else "not_a_statement"
        raise StatementUnreadable(kind, f"{name} is an archive without a workbook in it, not XLSX.")
    marks: dict[str, dict[str, frozenset[int]]] = {}
    _check_texts(name, parts)
    areas: dict[str, int] = {}
    listed, serial_zero = _sheet_parts(name, parts)
    styles = _styles(name, parts)
    for part in [part for part in parts if part.startswith("xl/worksheets/") and part.endswith(".xml")]:
        _check_xml(name, part, parts[part])
        parts[part] = _plain_xml(parts[part])
        areas[part] = _area(name, part, parts[part])
        # A part that several sheets are made of is laid out for each of them.
        cells = sum(areas[part] * max(1, sum(part == other for _, other in listed)) for part in areas)
        if cells > CELLS_MAX:
            raise StatementUnreadable("too_large", f"The sheets of {name} span {cells:,} cells.")
        parts[part], formed = with_suffixes(_errors_as_text(parts[part]), styles)
        marks[part] = {
            "hidden_row": _hidden_lines(parts[part]),
            "row_in_red": red_lines(parts[part], styles),
            "unit_by_form": formed,
        }
    titles = dict(listed)
    return [
        replace(sheet, marks=marks.get(titles.get(sheet.name or "", ""), {}), serial_zero=serial_zero)
        for sheet in _open(name, parts)
    ]


def _inflate(name: str, content: bytes) -> dict[str, bytes]:
    """Inflate the parts that matter, each at most to its declared size, all at most to the limits."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
        if len(members) > MEMBERS_MAX:
            raise StatementUnreadable("too_large", f"{name} packs {len(members):,} members.")
        declared = sum(member.file_size for member in members)
        _check_swelling(name, declared, len(content))
        parts: dict[str, bytes] = {}
        inflated = 0
        for member in members:
            if member.flag_bits & 1:
                raise StatementUnreadable("encrypted", f"{name} is password-protected. Save it without one.")
            if member.filename.endswith("xl/workbook.bin"):
                parts[member.filename] = b""
            if not _PARTS.fullmatch(member.filename):
                continue
            if member.filename in parts:
                message = f"{name} packs {member.filename} twice; which of them is meant, nobody can tell."
                raise StatementUnreadable("not_a_statement", message)
            with archive.open(member) as stream:
                part = stream.read(member.file_size + 1)
            inflated += len(part)
            _check_swelling(name, inflated, len(content))
            if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
                raise StatementUnreadable("not_a_statement", f"{name} declares XML entities; XLSX has none.")
            parts[member.filename] = part
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise StatementUnreadable("truncated", f"{name} is a broken or cut archive: {error}.") from None
    return parts


def _check_swelling(name: str, inflated: int, packed: int) -> None:
    if inflated > INFLATED_BYTES_MAX or (inflated > RATIO_FREE_BYTES and inflated > RATIO_MAX * packed):
        raise StatementUnreadable(
            "too_large", f"{name} swells from {packed:,} to {inflated:,} bytes or more. Nothing was read."
        )


_TEXT_ITEM = re.compile(rb"<si>(.*?)</si>", re.DOTALL)
_PREFIX = re.compile(rb"<(/?)[A-Za-z][A-Za-z0-9]*:")
_TAG_IN_SINGLE_QUOTES = re.compile(rb"<[^<>\"]*='[^<>]*>")


def _check_texts(name: str, parts: dict[str, bytes]) -> None:
    """Refuse what would grow when it is laid out: texts longer than a cell holds, lists of no end."""
    for part, content in parts.items():
        if part in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels") and len(content) > SMALL_PART_BYTES_MAX:
            raise StatementUnreadable("too_large", f"{part} of {name} has {len(content):,} bytes.")
    shared = parts.get("xl/sharedStrings.xml", b"")
    if len(shared) > CELL_CHARACTERS_MAX:
        longest = max(map(len, _TEXT_ITEM.findall(shared)), default=0)
        if longest > 4 * CELL_CHARACTERS_MAX:
            raise StatementUnreadable("too_large", f"A cell of {name} has {longest:,} bytes of text.")
        uses = sum(xml.count(b't="s"') for part, xml in parts.items() if part.startswith("xl/worksheets/"))
        if uses * longest > INFLATED_BYTES_MAX and longest > SHORT_BYTES_MAX:
            raise StatementUnreadable("too_large", f"{name} repeats a text of {longest:,} bytes in {uses:,} cells.")


def _check_xml(name: str, part: str, xml: bytes) -> None:
    """Refuse a sheet whose elements do not close in order: calamine would read on, and past some of its rows."""
    try:
        expat.ParserCreate().Parse(xml, True)
    except expat.ExpatError as error:
        raise StatementUnreadable("truncated", f"{part} of {name} is broken or cut: {error}.") from None


def _plain_xml(xml: bytes) -> bytes:
    """The XML as most programs write it: names without a prefix, attributes in double quotes."""
    if b"<row" not in xml and b":row" in xml:
        xml = _PREFIX.sub(rb"<\1", xml)
    if b"='" in xml:
        xml = _TAG_IN_SINGLE_QUOTES.sub(lambda tag: tag[0].replace(b"'", b'"'), xml)
    return xml


def _area(name: str, part: str, xml: bytes) -> int:
    """How many cells a sheet's rectangle has: that, and not its cells, would fill the memory."""
    columns: dict[bytes, None] = {}
    row_last = xml.count(b"<row")
    cells = 0
    for match in _CELL.finditer(xml):
        cells += 1
        if match[0].endswith(b"/>") and _EMPTY_CELL.fullmatch(match[0]):
            continue  # it has a form and no value, and is not laid out
        letters, number = match.groups()
        columns[letters] = None
        row_last = max(row_last, int(number))
    column_last = max(map(_column_number, columns), default=0)
    if cells < xml.count(b"<c ") + xml.count(b"<c>"):
        # Cells without an address follow each other, so the fullest row is as wide as its cells.
        column_last = max(column_last, *(row.count(b"<c") for row in xml.split(b"<row")))
    rows = (row for row, empty in _ROW_AND_IF_EMPTY.findall(xml) if not empty and not row.endswith(b"/>"))
    numbers = (found for row in rows if (found := _ROW_NUMBER.search(row)))
    row_last = max(row_last, max((int(found[1]) for found in numbers), default=0))
    if column_last > COLUMNS_MAX:
        raise StatementUnreadable("too_many_columns", f"{part} of {name} has {column_last:,} columns.")
    if row_last > ROWS_MAX:
        raise StatementUnreadable("too_many_rows", f"{part} of {name} has {row_last:,} rows.")
    return row_last * column_last


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _hidden_lines(xml: bytes) -> frozenset[int]:
    if not _HIDDEN.search(xml):
        return frozenset()
    hidden = (_ROW_NUMBER.search(row) for row in _ROW.findall(xml) if _HIDDEN.search(row))
    return frozenset(int(number[1]) for number in hidden if number)


def _errors_as_text(xml: bytes) -> bytes:
    """Turn error values and formulas without a value into text: calamine would give a blank for both."""
    xml = xml.replace(b' t="e"', b' t="str"')
    return _FORMULA_CELL.sub(_uncomputed, xml) if b"<f" in xml else xml


def _uncomputed(match: re.Match[bytes]) -> bytes:
    attributes, formula = match.groups()
    if attributes.endswith(b"/") or b't="str"' in attributes:
        return match[0]  # a formula whose value is the empty text
    attributes = re.sub(rb'\s+t="[^"]*"', b"", attributes)
    return b"<c" + attributes + b' t="str">' + formula + b"<v>#FORMULA!</v></c>"


def _parse(content: bytes) -> ElementTree.Element:
    # Bounded in size before it comes here; this parser fetches nothing from outside, and its expat limits entities.
    return ElementTree.fromstring(content)  # noqa: S314 (see above)


def _sheet_parts(name: str, parts: dict[str, bytes]) -> tuple[list[tuple[str, str]], datetime.date]:
    """Each sheet's title, and the archive member that holds it; and what serial numbers of days count from."""
    try:
        targets = {
            relation.get("Id"): (relation.get("Target") or "").removeprefix("/xl/").removeprefix("xl/")
            for relation in _parse(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"))
        }
        titles: list[tuple[str, str]] = []
        serial_zero = SERIAL_ZERO
        for element in _parse(parts["xl/workbook.xml"]).iter():
            if element.tag.endswith("}workbookPr") and element.get("date1904") in ("1", "true"):
                serial_zero = SINCE_1904
            if element.tag.endswith("}sheet"):
                relation = next((value for key, value in element.items() if key.endswith("}id")), None)
                titles.append((element.get("name") or "", "xl/" + targets.get(relation, "")))
        return titles, serial_zero
    except ElementTree.ParseError as error:
        raise StatementUnreadable("truncated", f"{name} has a broken workbook part: {error}.") from None


def _styles(name: str, parts: dict[str, bytes]) -> Styles:
    if "xl/styles.xml" not in parts:
        return Styles()
    try:
        return read_styles(parts["xl/styles.xml"])
    except expat.ExpatError as error:
        raise StatementUnreadable("truncated", f"{name} has a broken part of styles: {error}.") from None


def _open(name: str, parts: dict[str, bytes]) -> list[Sheet]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for part, xml in parts.items():
            archive.writestr(part, xml)
    packed.seek(0)
    try:
        workbook = CalamineWorkbook.from_object(packed)
        sheets = []
        if len(workbook.sheets_metadata) > SHEETS_MAX:
            message = f"{name} has {len(workbook.sheets_metadata):,} sheets; {SHEETS_MAX} are allowed."
            raise StatementUnreadable("too_many_sheets", message)
        for index, meta in enumerate(workbook.sheets_metadata):
            if str(meta.typ).endswith("WorkSheet"):
                visible = str(meta.visible).endswith(".Visible")
                sheets.append(_sheet(workbook.get_sheet_by_index(index), hidden=not visible))
        return sheets
    except (CalamineError, OSError, ValueError) as error:
        raise StatementUnreadable("truncated", f"{name} is not a readable workbook: {error}.") from None
    except BaseException as error:
        # A panic inside the Rust library derives from BaseException and cannot be named by import.
        if type(error).__name__ != "PanicException":
            raise
        raise StatementUnreadable("not_a_statement", f"{name} is not a readable workbook.") from None


def _sheet(calamine: CalamineSheet, *, hidden: bool) -> Sheet:
    merged = merged_by_row(calamine.merged_cell_ranges or [])
    return Sheet(name=calamine.name, encoding="xlsx", rows=lambda: _rows(calamine, merged), hidden=hidden)


def _rows(calamine: CalamineSheet, merged: "Merged") -> Iterator[Row]:
    if calamine.start is None:
        return
    margin = [""] * calamine.start[1]
    texts: dict[tuple[int, int], str] = {}
    for index, values in enumerate(calamine.iter_rows()):
        cells = margin + [value if type(value) is str else cell_text(value) for value in values]
        if index in merged:
            cells = fill_merged(index, cells, merged[index], texts)
        if any(cells):
            if max(map(len, cells)) > CELL_CHARACTERS_MAX:
                raise StatementUnreadable(
                    "too_large", f"A cell of line {index + 1} is longer than a spreadsheet has it."
                )
            yield index + 1, cells


Area = tuple[tuple[int, int], tuple[int, int]]
"""((top, left), (bottom, right)) of merged cells, counted from 0."""
Merged = dict[int, list[Area]]
"""Row -> the merged areas it has a part in."""


def merged_by_row(areas: list[Area]) -> Merged:
    """The merged areas, by each row they cover; of very many, the first."""
    found: Merged = {}
    covered = 0
    for area in areas:
        (top, _), (bottom, _) = area
        covered += bottom - top + 1
        if covered > MERGED_ROWS_MAX:
            break
        for row in range(top, bottom + 1):
            found.setdefault(row, []).append(area)
    return found


def fill_merged(index: int, cells: list[str], areas: list[Area], texts: dict[tuple[int, int], str]) -> list[str]:
    """The cells, in which every cell of a merged area has its text; a spreadsheet stores it in the first cell only.

    A figure is not repeated in the rows below it: it is one figure of them all, and counts once or not at all.
    """
    figures: dict[int, str] = {}
    for (top, left), (_, right) in areas:
        if left >= len(cells):
            continue
        if index == top:
            texts[top, left] = cells[left]
        text = texts.get((top, left), "")
        if index == top or not FIGURE.fullmatch(text):
            for column in range(left, min(right + 1, len(cells))):
                cells[column] = cells[column] or text
        else:
            figures[left] = text
    return MergedRow(cells, figures) if figures else cells


def cell_text(value: Any) -> str:
    """Write a cell as text: exact decimals, ISO dates; integers without a point."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    return figure_text(Decimal(repr(value)))
