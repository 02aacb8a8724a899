"""What every reader gives: sheets of rows of texts, or the refusal of a whole file; and the limits."""

import re
from collections.abc import Callable, Iterator

import msgspec

BYTES_MAX = 512 * 1024 * 1024
ROWS_MAX = 2_000_000
COLUMNS_MAX = 256
LINE_CHARACTERS_MAX = 65_536
WORKBOOKS = frozenset({"xlsx", "xls", "ods"})
"""What stands for the encoding of files that are no text."""

FIGURE = re.compile(r"[-+(]?[0-9０-９][0-9０-９,，.．]*[)%]?")
"""A cell that is a number and nothing else: merged over several rows it is one figure of them all."""

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


class Sheet(msgspec.Struct, frozen=True):
    """One table of a file; iterating gives `(line, cells)` anew each time, blank lines left out."""

    name: str | None
    encoding: str
    rows: Callable[[], Iterator[Row]]
    hidden: bool = False
    hidden_lines: frozenset[int] = frozenset()

    def __iter__(self) -> Iterator[Row]:
        return self.rows()
