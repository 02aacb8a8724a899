"""How a workbook shows its cells, where that changes what a reader of it sees: a unit beside a number, and red.

A number format may print 万张 behind a 12, which makes twelve certificates 120,000 for everybody who looks at them; a
row in red is taken back by many a bookkeeper. Both are told with the row.
"""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from html import escape
from xml.parsers import expat

import msgspec

from ledger.imports.sheets import figure_text
from ledger.imports.units import unit_of

_PLAIN_WORTHS = {
    (unit.measures, unit.numerator, unit.denominator) for unit in map(unit_of, ("个", "兆瓦时", "元", "元/个")) if unit
}
_ASIDE = re.compile(r"\[[^\]]*\]")
"""Colours, locales and conditions of a number format."""
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|([^\x00-\x7f]+)')
_WHOLE_NUMBER = re.compile(r"[#0?]+(?:,[#0?]+)*(?:\.[#0?]+)?\s*")
"""A format that neither scales the number, as a comma at its end does, nor moves its point."""
_OF_DAYS = re.compile(r"[ymdhs]", re.IGNORECASE)
_SECTIONS = frozenset({"numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs"})
_RED_MIN, _OTHER_MAX = 0xB0, 0x50
_RED_BY_INDEX = frozenset({"2", "10"})


class Styles(msgspec.Struct, frozen=True):
    """By a style's number: what stands behind its figures, and whether they are red."""

    suffixes: Mapping[str, str] = {}
    red: frozenset[str] = frozenset()


def suffix_of(form: str) -> str:
    """What a number format prints behind a number and changes what it is worth; a scaled number's whole format."""
    positive = _ASIDE.sub("", form).split(";")[0]
    literals = ["".join(found).strip() for found in _LITERAL.findall(positive)]
    rest = _LITERAL.sub("", positive)
    if _OF_DAYS.search(rest) or not any(map(_changes_worth, literals)):
        return ""
    return literals[0] if len(literals) == 1 and _WHOLE_NUMBER.fullmatch(rest) else f" [{form}]"


def _changes_worth(literal: str) -> bool:
    unit = unit_of(literal)
    return unit is not None and (unit.measures, unit.numerator, unit.denominator) not in _PLAIN_WORTHS


def is_red(red: int, green: int, blue: int) -> bool:
    """Whether a colour is one that is called red."""
    return red >= _RED_MIN and green <= _OTHER_MAX and blue <= _OTHER_MAX


def read_styles(xml: bytes) -> Styles:
    """The styles of an XLSX that matter; `expat.ExpatError` where the XML is broken."""
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.Parse(xml, True)
    return Styles(reading.suffixes, frozenset(reading.red))


class _Reading:
    """What the elements say as they come; none of them is held."""

    def __init__(self) -> None:
        self.suffixes: dict[str, str] = {}
        self.red: set[str] = set()
        self._section = ""
        self._forms: dict[str, str] = {}
        self._fonts: list[bool] = []
        self._count = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        """Take in an element."""
        tag = name.rpartition(":")[2]
        if tag in _SECTIONS:
            self._section = tag
        match self._section, tag:
            case "numFmts", "numFmt":
                self._forms[given.get("numFmtId", "")] = given.get("formatCode", "")
            case "fonts", "font":
                self._fonts.append(False)
            case "fonts", "color" if self._fonts:
                self._fonts[-1] = _is_red(given)
            case "cellXfs", "xf":
                if suffix := suffix_of(self._forms.get(given.get("numFmtId", ""), "")):
                    self.suffixes[str(self._count)] = suffix
                font = given.get("fontId", "")
                if font.isdecimal() and int(font) < len(self._fonts) and self._fonts[int(font)]:
                    self.red.add(str(self._count))
                self._count += 1


def _is_red(given: Mapping[str, str]) -> bool:
    try:
        colour = bytes.fromhex(given.get("rgb", ""))
    except ValueError:
        return False
    return given.get("indexed") in _RED_BY_INDEX or (len(colour) >= 3 and is_red(*colour[-3:]))


_STYLED = rb'<c\b(?=[^<>]*\br="[A-Za-z]+(\d+)")(?=[^<>]*\bs="(%s)")([^<>]*[^<>/])>'
_NUMBER = rb"(\s*(?:<f\b(?:[^>]*/>|[^>]*>[^<]*</f>))?\s*)<v>([^<]*)</v>"
_LISTED_MAX = 256
"""Styles that a pattern lists; of more, each cell's is looked up."""
_TYPE = re.compile(rb'\st="([^"]*)"')


def red_lines(xml: bytes, styles: Styles) -> frozenset[int]:
    """The lines of a worksheet in which a cell is red."""
    if not styles.red:
        return frozenset()
    cells = _cells_of(styles.red, b"").finditer(xml)
    return frozenset(int(found[1]) for found in cells if found[2].decode() in styles.red)


def _cells_of(styles: Collection[str], inside: bytes) -> re.Pattern[bytes]:
    """Cells of these styles, or of any where they are many: line, style, attributes and what `inside` groups."""
    return re.compile(
        _STYLED % (b"|".join(map(str.encode, styles)) if len(styles) <= _LISTED_MAX else rb"\d+") + inside
    )


def with_suffixes(xml: bytes, styles: Styles) -> tuple[bytes, frozenset[int]]:
    """The worksheet with its units behind the numbers, as they are shown, and the lines where that is so."""
    lines: set[int] = set()

    def shown(found: re.Match[bytes]) -> bytes:
        line, style, attributes, formula, value = found.groups()
        kind = _TYPE.search(attributes)
        suffix = styles.suffixes.get(style.decode())
        if suffix is None or (kind and kind[1] != b"n"):
            return found[0]
        try:
            figure = figure_text(Decimal(value.decode()))
        except InvalidOperation:
            return found[0]
        lines.add(int(line))
        text = escape(figure + suffix, quote=False).encode()
        return b"<c" + _TYPE.sub(b"", attributes) + b' t="str">' + formula + b"<v>" + text + b"</v>"

    if styles.suffixes:
        xml = _cells_of(styles.suffixes, _NUMBER).sub(shown, xml)
    return xml, frozenset(lines)
