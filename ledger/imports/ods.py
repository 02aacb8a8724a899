"""ODS content -> sheets.

Read here and not by a library: calamine drops error values and hidden rows, and lays out every repeated cell before
anybody can count them.
"""

import datetime
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from ledger.imports.sheets import (
    COLUMNS_MAX,
    FIGURE,
    ROWS_MAX,
    SERIAL_ZERO,
    SINCE_1904,
    Row,
    Sheet,
    StatementUnreadable,
    doubted,
)

CELLS_MAX = 3_000_000
"""In all tables together."""
CHARACTERS_MAX = 64 * 1024 * 1024
CELL_CHARACTERS_MAX = 32_767
SPANS_MAX = 200
ELEMENTS_MAX = 200_000
"""From one row to the next: they are held until it ends."""
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"


def read_ods(name: str, content: bytes) -> list[Sheet]:
    """Give the sheets of an ODS file's content.xml, which is inflated and bounded already."""
    sheets: list[Sheet] = []
    hidden_styles: set[str] = set()
    reading, table, named = _Reading(name), ElementTree.Element("none"), dict[str, str]()
    try:
        # This parser fetches nothing from outside, and no document with entities comes here.
        walk = ElementTree.iterparse(io.BytesIO(content), events=("start", "end"))  # noqa: S314 (see above)
        elements, serial_zero = 0, SERIAL_ZERO
        for event, element in walk:
            if event == "start":
                elements += 1
                if elements > ELEMENTS_MAX:
                    raise StatementUnreadable("too_large", f"A row of {name} has more than {elements - 1:,} elements.")
                if element.tag == _TABLE + "table":
                    table, named = element, dict(element.attrib)
                    reading = _Reading(name, reading.cells, reading.characters)
                continue
            if element.tag == _STYLE + "style":
                properties = element.find(_STYLE + "table-properties")
                if properties is not None and properties.get(_TABLE + "display") == "false":
                    hidden_styles.add(element.get(_STYLE + "name", ""))
            elif element.tag == _TABLE + "null-date" and element.get(_TABLE + "date-value") == SINCE_1904.isoformat():
                serial_zero = SINCE_1904
            elif element.tag == _TABLE + "table-row":
                reading.take(element)
                element.clear()
                table.clear()  # or the emptied rows would be kept
                elements = 0
            elif element.tag == _TABLE + "table":
                is_hidden = named.get(_TABLE + "style-name", "") in hidden_styles
                sheets.append(reading.sheet(named.get(_TABLE + "name"), serial_zero, hidden=is_hidden))
    except ElementTree.ParseError as error:
        raise StatementUnreadable("truncated", f"{name} has a broken content part: {error}.") from None
    return sheets


class _Reading:
    """One table on its way: rows as they come, repeated ones as often as they say."""

    def __init__(self, name: str, cells: int = 0, characters: int = 0) -> None:
        self.name = name
        self.rows: list[Row] = []
        self.hidden: set[int] = set()
        self.line = 0
        self.cells = cells
        """Of this table and those before it, as their characters."""
        self.characters = characters
        self._spans: list[tuple[int, int, int, int, str]] = []
        """(first line, last line, first column, last column, text) of merged cells that reach this line or below."""

    def take(self, row: ElementTree.Element) -> None:
        """Take in one row element."""
        texts = self._texts(row)
        repeated = _count(row, "number-rows-repeated")
        if not any(texts):
            self.line += repeated
            return
        self.cells += len(texts) * repeated
        self.characters += sum(map(len, texts)) * repeated
        if self.cells > CELLS_MAX or self.characters > CHARACTERS_MAX:
            raise StatementUnreadable("too_large", f"{self.name} spans {self.cells:,} cells or more.")
        if self.line + repeated > ROWS_MAX:
            raise StatementUnreadable("too_many_rows", f"{self.name} has {self.line + repeated:,} rows.")
        if row.get(_TABLE + "visibility") in ("collapse", "filter"):
            self.hidden.update(range(self.line + 1, self.line + repeated + 1))
        for _ in range(repeated):
            self.line += 1
            self.rows.append((self.line, texts))

    def sheet(self, title: str | None, serial_zero: datetime.date, *, hidden: bool) -> Sheet:
        """The table, once all its rows are in."""
        rows = self.rows

        def again() -> Iterator[Row]:
            return ((line, list(cells)) for line, cells in rows)

        return Sheet(
            name=title,
            encoding="ods",
            rows=again,
            hidden=hidden,
            marks={"hidden_row": frozenset(self.hidden)},
            serial_zero=serial_zero,
        )

    def _texts(self, row: ElementTree.Element) -> list[str]:
        texts: list[str] = []
        for cell in row:
            if cell.tag not in (_TABLE + "table-cell", _TABLE + "covered-table-cell"):
                continue
            text, repeated = _text(cell), _count(cell, "number-columns-repeated")
            if len(text) > CELL_CHARACTERS_MAX:
                raise StatementUnreadable("too_large", f"A cell of {self.name} has {len(text):,} characters.")
            if text and len(texts) + repeated > COLUMNS_MAX:
                raise StatementUnreadable("too_many_columns", f"{self.name} has more than {COLUMNS_MAX} columns.")
            self._note_span(cell, len(texts), text)
            texts += [text] * min(repeated, COLUMNS_MAX + 1 - len(texts))
        self._fill(texts)
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def _note_span(self, cell: ElementTree.Element, column: int, text: str) -> None:
        wide, high = _count(cell, "number-columns-spanned"), _count(cell, "number-rows-spanned")
        if text and len(self._spans) < SPANS_MAX and (wide > 1 or high > 1):
            self._spans.append((self.line, self.line + high - 1, column, column + min(wide, COLUMNS_MAX) - 1, text))

    def _fill(self, texts: list[str]) -> None:
        """Give every cell of a merged heading its text; it stands in the first cell only."""
        self._spans = [span for span in self._spans if span[1] >= self.line]
        for first, _, left, right, text in self._spans:
            if first == self.line or not FIGURE.fullmatch(text):
                texts += [""] * (right + 1 - len(texts))
                texts[left : right + 1] = [one or text for one in texts[left : right + 1]]


def _count(element: ElementTree.Element, attribute: str) -> int:
    given = element.get(_TABLE + attribute, "1")
    return int(given) if given.isdigit() and len(given) < 10 and int(given) > 0 else 1


def _text(cell: ElementTree.Element) -> str:
    """A cell as text: exact decimals, ISO dates; an error, or a formula that was never computed, says so."""
    kind = cell.get(_OFFICE + "value-type")
    printed = "\n".join("".join(part.itertext()) for part in cell.findall(_TEXT + "p"))
    if cell.get(_CALC + "value-type") == "error":
        return printed or "#VALUE!"
    if kind is None:
        return "#FORMULA!" if cell.get(_TABLE + "formula") and not printed else printed
    if kind == "boolean":
        return "TRUE" if cell.get(_OFFICE + "boolean-value") == "true" else "FALSE"
    if kind == "date":
        given = cell.get(_OFFICE + "date-value", "")
        try:
            moment = datetime.datetime.fromisoformat(given)
        except ValueError:
            return printed
        return moment.date().isoformat() if moment.time() == datetime.time(0) else moment.isoformat(" ", "seconds")
    if kind in ("float", "currency", "percentage"):
        return number_text(cell.get(_OFFICE + "value", ""))
    return cell.get(_OFFICE + "string-value") or printed


def number_text(given: str) -> str:
    """A number as plain digits where a spreadsheet keeps it exactly, else in a form that no figure is read from."""
    try:
        number = Decimal(given)
    except InvalidOperation:
        return given
    if not number.is_finite() or (number and not -CELL_CHARACTERS_MAX <= number.adjusted() < 15):
        return f"{number:E}"
    text = format(number.normalize(), "f")
    return doubted(text.rstrip("0").rstrip(".") if "." in text else text)
