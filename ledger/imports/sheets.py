"""What every reader gives: sheets of rows of texts, or the refusal of a whole file; and the limits."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal

import msgspec

BYTES_MAX = 512 * 1024 * 1024
ROWS_MAX = 2_000_000
COLUMNS_MAX = 256
LINE_CHARACTERS_MAX = 65_536
WORKBOOKS = frozenset({"xlsx", "xls", "ods"})
"""What stands for the encoding of files that are no text."""

FIGURE = re.compile(r"[-+(]?[0-9０-９][0-9０-９,，]*(?:[.．][0-9０-９]*)?[)%]?\u200b?")
"""A cell that is a number and nothing else: merged over several rows it is one figure of them all."""

MARKS = {
    "hidden_row": "a visible row",
    "row_in_red": "a row in black, or a state of it that says what the red means",
    "unit_by_form": "a unit in the cell's own text, or over its column",
}
"""What a row may be beside its texts, by the rule that tells of it, and what is expected of it."""
FIFTEEN_DIGITS = Context(prec=15)

Row = tuple[int, list[str]]


class StatementUnreadable(Exception):
    """A file that cannot be read as a whole: `rule` is stable, `line` is 1-based where one is known."""

    def __init__(self, rule: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.line = line


class BrokenRecord(list[str]):
    """Stands where a CSV record could not be split: it has no cells, only the reason."""

    def __init__(self, rule: str, given: str) -> None:
        super().__init__()
        self.rule = rule
        self.given = given


SERIAL_ZERO = datetime.date(1899, 12, 30)
"""What serial numbers of days count from, so that 45478 is 2024-07-05, as Excel has it."""
SINCE_1904 = datetime.date(1904, 1, 1)
"""The same in workbooks that began on an old Macintosh."""
IN_DOUBT = "\u200b"
"""Stands, unseen, behind a number such as 2023.1: a figure is read without it, but as a month it may be 2023.10."""
_MONTH_IN_DOUBT = re.compile(r"20[0-9]{2}\.1")


class MergedRow(list[str]):
    """A row below the first of a merged area: the figures that are merged over it stand beside its cells.

    A count is one for all of the rows and not repeated; a month, which is written like a count, holds for each.
    """

    def __init__(self, cells: list[str], figures: dict[int, str]) -> None:
        super().__init__(cells)
        self.figures = figures
        """By their columns."""


class Sheet(msgspec.Struct, frozen=True):
    """One table of a file; iterating gives `(line, cells)` anew each time, blank lines left out."""

    name: str | None
    encoding: str
    rows: Callable[[], Iterator[Row]]
    hidden: bool = False
    marks: Mapping[str, frozenset[int]] = {}
    """Lines by what they are beside their texts, as in `MARKS`."""
    serial_zero: datetime.date = SERIAL_ZERO

    def __iter__(self) -> Iterator[Row]:
        return self.rows()

    def marks_of(self, line: int) -> list[str]:
        """What a line is beside its texts."""
        return [mark for mark, lines in self.marks.items() if line in lines]


def figure_text(number: Decimal) -> str:
    """A spreadsheet's number as plain digits, as exactly as it is kept; beyond that in scientific notation."""
    if number and not -15 <= number.adjusted() < 15:  # a far exponent is not to be written out
        return f"{number:E}"
    text = format(FIFTEEN_DIGITS.plus(number), "f")
    return doubted(text.rstrip("0").rstrip(".") if "." in text else text)


def doubted(text: str) -> str:
    """A spreadsheet's number, marked where a nought at its end may have made it another month."""
    return text + IN_DOUBT if _MONTH_IN_DOUBT.fullmatch(text) else text
