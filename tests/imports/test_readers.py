"""Files are sniffed, decoded, limited and split; broken ones are refused by rule."""

import datetime
import io
import struct
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.imports.readers import BrokenRecord, StatementUnreadable, read_sheets
from tests.imports.reading import read_statement

TEXT = "名称,数量\n黄河鑫业,100\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def workbook(*rows: list[object], title: str = "汇总") -> bytes:
    """Write one sheet as XLSX."""
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def with_sheet(xml: bytes) -> bytes:
    """Swap the sheet of a workbook for the given XML."""
    packed = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(workbook(["x"])))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, xml if name.endswith("sheet1.xml") else old.read(name))
    return packed.getvalue()


def sheet_xml(cells: bytes) -> bytes:
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return head + cells + b"</sheetData></worksheet>"


def rule_of(content: bytes, name: str = "file.csv") -> str:
    with pytest.raises(StatementUnreadable) as refused:
        read_statement(name, content)
    assert name in refused.value.message or "line" in refused.value.message
    return refused.value.rule


CELL = st.text(st.sampled_from(list("黄河鑫业一二12,，\"'\n\r；;（）－ab ")), max_size=8)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=4).filter(any), min_size=1, max_size=8),
    st.sampled_from(("utf-8", "utf-8-sig", "gb18030", "utf-16")),
)
def test_csv_cells_read_back_in_every_encoding(rows: list[list[str]], encoding: str) -> None:
    """Whatever was quoted and encoded comes back, and a record's line is where it starts."""
    lines, expected, line = [], [], 1
    for row in [["名称", "数量", "单价", "金额"], *rows]:
        record = ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n"
        expected.append((line, row))
        line += len(io.StringIO(record, newline="").readlines())
        lines.append(record)
    sheet = read_sheets("file.csv", "".join(lines).encode(encoding))[0]
    assert list(sheet) == expected
    assert list(sheet) == expected  # a sheet can be walked again


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
        ("utf-16", "utf-16"),
    ],
)
def test_the_encoding_used_is_recorded(encoding: str, named: str) -> None:
    """BOM first, then strict UTF-8, then GB18030."""
    sheet = read_sheets("file.csv", TEXT.encode(encoding))[0]
    assert sheet.encoding == named
    assert list(sheet) == [(1, ["名称", "数量"]), (2, ["黄河鑫业", "100"])]


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_separators_are_seen(separator: str) -> None:
    """Exports called XLS are often text with tabs."""
    content = TEXT.replace(",", separator).encode("gb18030")
    assert list(read_sheets("file.xls", content)[0])[1] == (2, ["黄河鑫业", "100"])


def test_many_semicolons_do_not_make_a_separator() -> None:
    """A list of aliases may hold more semicolons than the line holds commas."""
    content = "id,name,aliases\nGH-001,甲,a;b;c;d;e;f;g\n".encode()
    assert list(read_sheets("enterprises.csv", content)[0])[1] == (2, ["GH-001", "甲", "a;b;c;d;e;f;g"])


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \r\n", "empty_file"),
        (PNG, "not_a_statement"),
        (b"%PDF-1.7 ...", "not_a_statement"),
        ("<html><table><tr><td>绿证</td></tr></table></html>".encode(), "not_a_statement"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "truncated"),
        ("名称,数量\n黄河".encode("gb18030") + b"\x81\x20,1\n", "encoding_broken"),
        ("名称,数量\n黄河".encode("gb18030")[:-1], "truncated"),
        ("名称,数量\n黄河".encode() + b"\xff\xff\n", "encoding_broken"),
        (b"a,b\nc\0d,1\n", "nul_bytes"),
        (b"a,b\n" + b"," * 1_000_000 + b"\n", "too_many_columns"),
        (b"a,b\n" + b"," * 300 + b"\n", "too_many_columns"),
        (b"a,b\n" + b"x" * 200_000 + b"\n", "line_too_long"),
        (b'a,b\n"' + b'""' * 5_000 + b"\n1,2\n", "quote_not_closed"),
        (b'a,b\n"never closed,1\n2,3\n', "quote_not_closed"),
        (TEXT.encode(), "layout_unknown"),
        (b"PK\x05\x06" + bytes(18), "not_a_statement"),
        (b"PK\x03\x04 and no more", "truncated"),
    ],
)
def test_broken_files_are_refused_by_rule(content: bytes, rule: str) -> None:
    """A file that cannot be read as a whole says why, under a stable name."""
    assert rule_of(content) == rule


def test_the_line_of_a_broken_byte_is_named() -> None:
    """The operator is sent to the line, not to the file."""
    content = TEXT.encode("gb18030") * 5_000 + b"\xff\xff,1\n" + TEXT.encode("gb18030")
    with pytest.raises(StatementUnreadable) as refused:
        list(read_sheets("file.csv", content)[0])
    assert (refused.value.rule, refused.value.line) == ("encoding_broken", 10_001)


def test_one_broken_quote_spares_the_other_rows() -> None:
    """A record with text after its closing quote is set aside; reading goes on at the next line."""
    rows = list(read_sheets("file.csv", b'a,b\n"1"x,2\n3,4\n')[0])
    assert [line for line, _ in rows] == [1, 2, 3]
    assert isinstance(rows[1][1], BrokenRecord)
    assert rows[2][1] == ["3", "4"]


def test_excel_values_become_exact_text() -> None:
    """Integers lose their point, decimals their binary tail, dates become ISO."""
    cells = [
        120.0,
        105.5,
        0.1 + 0.2,
        3.1199999999999997,
        True,
        datetime.date(2024, 7, 5),
        "　x",
        0.00005,
        -3.5,
    ]
    (line, read), *_ = read_sheets("book.xlsx", workbook(cells))[0]
    assert line == 1
    assert read == ["120", "105.5", "0.3", "3.12", "TRUE", "2024-07-05", "　x", "0.00005", "-3.5"]


def test_a_long_number_in_excel_is_marked_as_damaged() -> None:
    """Excel keeps 15 digits, so a USCI stored as a number comes out in scientific notation."""
    (_, read), *_ = read_sheets("book.xlsx", workbook([916301000000000000, 12345678901234]))[0]
    assert read[0].startswith("9.16301") and "E+17" in read[0]
    assert read[1] == "12345678901234"


def test_formulas_without_value_and_errors_stay_visible() -> None:
    """A formula never computed is not an empty cell, nor is #DIV/0!."""
    content = with_sheet(
        sheet_xml(
            b'<row r="1"><c r="A1"><f>SUM(B1)</f><v></v></c><c r="B1" t="e"><v>#DIV/0!</v></c>'
            b'<c r="C1"><f>1+1</f><v>2</v></c><c r="D1" t="str"><f>""</f><v></v></c>'
            b'<c r="E1" s="0"><f>A1</f></c></row>'
        )
    )
    (_, read), *_ = read_sheets("book.xlsx", content)[0]
    assert read == ["#FORMULA!", "#DIV/0!", "2", "", "#FORMULA!"]


def test_merged_headings_are_filled_and_hidden_rows_known() -> None:
    """Excel stores a merged text once; every cell under it has it here."""
    book = openpyxl.Workbook()
    book.active.append(["认购", None, "交易"])
    book.active.append([1, 2, 3])
    book.active.merge_cells("A1:B1")
    book.active.row_dimensions[2].hidden = True
    packed = io.BytesIO()
    book.save(packed)
    sheet = read_sheets("book.xlsx", packed.getvalue())[0]
    assert list(sheet) == [(1, ["认购", "认购", "交易"]), (2, ["1", "2", "3"])]
    assert sheet.marks_of(2) == ["hidden_row"]


def test_rows_and_columns_keep_their_places() -> None:
    """A sheet that starts at C3 still counts lines from 1 and columns from A."""
    content = with_sheet(sheet_xml(b'<row r="3"><c r="C3"><v>7</v></c></row>'))
    assert list(read_sheets("book.xlsx", content)[0]) == [(3, ["", "", "7"])]


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (
            b'<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="XFD9"><v>1</v></c></row>',
            "too_many_columns",
        ),
        (b'<row r="1048576"><c r="IV1048576"><v>1</v></c></row>', "too_large"),
        (b'<row r="99999999"><c r="A99999999"><v>1</v></c></row>', "too_many_rows"),
        (b"<row>" + b"<c><v>1</v></c>" * 5_000 + b"</row>", "too_many_columns"),
    ],
)
def test_sheets_that_would_fill_the_memory_are_refused(cells: bytes, rule: str) -> None:
    """Two cells far apart make a huge rectangle; it is measured before anything is allocated."""
    assert rule_of(with_sheet(sheet_xml(cells)), "book.xlsx") == rule


def test_a_zip_bomb_is_refused() -> None:
    """An archive that swells beyond all measure is not inflated."""
    assert rule_of(with_sheet(sheet_xml(b" " * 60_000_000)), "book.xlsx") == "too_large"


def test_a_zip_bomb_that_lies_about_its_size_is_refused() -> None:
    """The central directory may claim a small size; no more than that is ever inflated."""
    honest = with_sheet(sheet_xml(b" " * 60_000_000))
    info = next(one for one in zipfile.ZipFile(io.BytesIO(honest)).infolist() if one.filename.endswith("sheet1.xml"))
    lying = honest.replace(struct.pack("<I", info.file_size), struct.pack("<I", 100))
    assert lying != honest
    assert rule_of(lying, "book.xlsx") == "truncated"


def test_an_archive_that_is_no_workbook_is_refused() -> None:
    """A zip of pictures is not XLSX, and XML entities have no place in one."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("picture.png", PNG)
    assert rule_of(packed.getvalue(), "book.xlsx") == "not_a_statement"
    assert rule_of(with_sheet(b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'), "book.xlsx") == "not_a_statement"


SOUND = workbook(["序号", "企业名称", "认购数量（万张）", "交易数量（万张）"], [1, "甲", 3, 1])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cut_or_flipped_workbook_is_read_or_refused(data: st.DataObject) -> None:
    """No damage to an XLSX file makes the reader fail in another way."""
    content = bytearray(SOUND)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read_statement("park-summary-2024-07.xlsx", bytes(content))
    except StatementUnreadable as refused:
        assert refused.rule
