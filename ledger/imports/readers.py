"""Bytes of a file -> sheets of rows of cell texts, each row with its line number.

The content decides what a file is; its name is only used in messages. CSV is decoded and split lazily,
so a sheet can be walked several times without being held. What cannot be read at all is refused with
`StatementUnreadable`; a single record with broken quotes stays in place as a `BrokenRecord`. What cells
mean is left to `cells`, what columns mean to `layouts`.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from ledger.imports.sheets import (
    BYTES_MAX,
    COLUMNS_MAX,
    LINE_CHARACTERS_MAX,
    ROWS_MAX,
    BrokenRecord,
    Row,
    Sheet,
    StatementUnreadable,
)
from ledger.imports.workbook import read_workbook
from ledger.imports.xls import read_xls

__all__ = ["BrokenRecord", "Sheet", "StatementUnreadable", "detect_encoding", "read_sheets"]


def read_sheets(name: str, content: bytes) -> list[Sheet]:
    """Give the sheets of a CSV, XLSX, XLS or ODS file, or refuse what is empty, too large or no table at all."""
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise StatementUnreadable("empty_file", f"{name} holds no text. Nothing was read.")
    if len(content) > BYTES_MAX:
        raise StatementUnreadable(
            "too_large", f"{name} has {len(content):,} bytes; {BYTES_MAX:,} are allowed. Nothing was read."
        )
    if content.startswith(b"PK"):
        return read_workbook(name, content)
    if content.startswith(_OLE):
        return read_xls(name, content)
    _refuse_foreign(name, content)
    return [_csv_sheet(name, content)]


_OLE = b"\xd0\xcf\x11\xe0"
LINES_LOOKED_AT = 40
"""For the separator: a header and some of its rows."""
_LINE_END = re.compile(r"[\r\n]+")
_QUOTED = re.compile(r'"[^"]*"')
_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"{\\rtf": "an RTF document",
}


def _refuse_foreign(name: str, content: bytes) -> None:
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise StatementUnreadable("not_a_statement", f"{name} is {kind}, not CSV, XLSX, XLS or ODS.")
    head = content[:512].removeprefix(codecs.BOM_UTF8).replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")
    if head.startswith((b"<", b"mime-version", b"MIME-Version")):
        raise StatementUnreadable("not_a_statement", f"{name} is a web page or XML, not CSV, XLSX, XLS or ODS.")


def detect_encoding(content: bytes) -> str:
    """Name the encoding: by byte order mark, else UTF-8 where all of it is valid, else GB18030."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    view, step = memoryview(content), 1 << 20
    try:
        # GB18030 text fails within its first Chinese character, so this pass is short where it matters.
        for start in range(0, len(content), step):
            decoder.decode(view[start : start + step])
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _csv_sheet(name: str, content: bytes) -> Sheet:
    encoding = detect_encoding(content)
    head = content[:65_536].decode(encoding, errors="ignore")
    delimiter = _delimiter(head)
    return Sheet(name=None, encoding=encoding, rows=lambda: _records(name, content, encoding, delimiter))


def _delimiter(head: str) -> str:
    """Choose the separator that splits most of the first lines alike, in three or more; the comma wins a tie.

    A table's lines are as wide as its header. The commas of a title, or the semicolons of a long list of aliases,
    differ from line to line.
    """
    lines = _LINE_END.split(_QUOTED.sub("", head))[:LINES_LOOKED_AT]

    def fit(mark: str) -> tuple[int, int]:
        alike = Counter(count for line in lines if (count := line.count(mark)) >= 2)
        return max(((times, count) for count, times in alike.items()), default=(0, 0))

    mark = max(",\t;|", key=fit)
    return mark if fit(mark)[0] else max(",\t;|", key=head.count)


class _Lines:
    """Decoded physical lines, counted, each checked against what a statement's line can be."""

    def __init__(self, name: str, content: bytes, encoding: str) -> None:
        self.name = name
        self.content = content
        self.encoding = encoding
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        # newline="" keeps the line ends, which the csv module needs to see inside quotes.
        text = io.TextIOWrapper(io.BytesIO(self.content), encoding=self.encoding, newline="")
        try:
            # No more of a line is read than a line may have, and what tells that it has more.
            while line := text.readline(LINE_CHARACTERS_MAX + 2):
                self.count += 1
                if len(line) > LINE_CHARACTERS_MAX or "\0" in line:
                    raise self._unfit(line)
                yield line
        except UnicodeDecodeError:
            raise self._broken() from None

    def _unfit(self, line: str) -> StatementUnreadable:
        where = f"line {self.count} of {self.name}"
        if "\0" in line:
            return StatementUnreadable("nul_bytes", f"There are NUL bytes in {where}; text has none.", self.count)
        columns = line.count(",") + line.count("\t")
        if columns > COLUMNS_MAX:
            return StatementUnreadable("too_many_columns", f"There are {columns + 1:,} cells in {where}.", self.count)
        return StatementUnreadable("line_too_long", f"There are {len(line):,} characters in {where}.", self.count)

    def _broken(self) -> StatementUnreadable:
        """Decode once more, whole, because only that gives the true offset of the broken byte."""
        # What is not UTF-8 throughout was taken for GB18030; it is rather the one that it breaks later.
        encodings = ("gb18030", "utf-8") if self.encoding == "gb18030" else (self.encoding,)
        broken = max((_fault(self.content, encoding) for encoding in encodings), key=lambda fault: fault.start)
        text = broken.object  # without the byte order mark, if that was taken off
        line = text.count(b"\n", 0, broken.start) + 1
        if broken.end >= len(text) and len(text) - broken.start < 4:
            message = f"{self.name} ends inside a character at line {line}; it is cut short."
            return StatementUnreadable("truncated", message, line)
        message = f"Line {line} of {self.name} is neither UTF-8 nor {self.encoding.upper()} text."
        return StatementUnreadable("encoding_broken", message, line)


def _fault(content: bytes, encoding: str) -> UnicodeDecodeError:
    """Where the content is not of this encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as broken:
        return broken
    raise AssertionError("the same bytes decoded the second time")


def _records(name: str, content: bytes, encoding: str, delimiter: str) -> Iterator[Row]:
    lines = _Lines(name, content, encoding)
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    rows_seen = 0
    while True:
        line = lines.count + 1
        try:
            for cells in reader:
                if not cells:
                    line = lines.count + 1
                    continue
                if len(cells) > COLUMNS_MAX:
                    raise StatementUnreadable(
                        "too_many_columns", f"Line {line} of {name} has {len(cells):,} cells.", line
                    )
                rows_seen += 1
                if rows_seen > ROWS_MAX:
                    raise StatementUnreadable("too_many_rows", f"{name} has more than {ROWS_MAX:,} rows.", line)
                yield line, cells
                line = lines.count + 1
            return
        except csv.Error as error:
            if "unexpected end" in str(error) or "field limit" in str(error):
                raise StatementUnreadable(
                    "quote_not_closed", f"A quote opened in line {line} of {name} is never closed.", line
                ) from None
            # The reader starts afresh at the next line, so the other rows still get their answer.
            yield line, BrokenRecord("quotes_broken", f"lines {line} to {lines.count}")
