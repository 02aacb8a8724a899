"""Files that are no statement, or no longer one: cut, damaged, locked, foreign, empty."""

import bz2
import io
import json
import tarfile
from collections.abc import Callable
from functools import partial

import xlwt

from tests.imports.corpus import SOME, Answered, Case, Flagged, Verdict, reads, refused
from tests.imports.corpus_files import (
    Page,
    archive,
    bare_parts,
    bare_xlsx,
    members,
    ods,
    ods_archive,
    rows_xml,
    sheet_xml,
    text,
    xls,
    xlsx,
)
from tests.imports.corpus_trades import HEADER, PERIOD, TITLE, UNITS, line
from tests.imports.corpus_workbooks import body, typed

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FOREIGN = ("not_a_statement",)
UNREADABLE = ("not_a_statement", "nul_bytes", "encoding_broken", "layout_unknown", "truncated", "legacy_excel")
"""Where no magic is known, any honest refusal will do."""


def cases() -> list[Case]:
    """Every case of this module."""
    return [*_empty(), *_encodings(), *_lines(), *_foreign(), *_archives(), *_cut(), *_parts(), *_locked()]


def _case(name: str, content: bytes | Callable[[], bytes], verdict: Verdict, file: str = "trades.csv") -> Case:
    make = partial(bytes, content) if isinstance(content, bytes) else content
    return Case(f"broken_{name}", file, make, verdict)


def _empty() -> list[Case]:
    nothing = refused("empty_file")
    return [
        _case("empty", b"", nothing),
        _case("blanks", b" \r\n\t\r\n", nothing),
        _case("byte_order_mark_alone", b"\xef\xbb\xbf", nothing),
        _case("byte_order_mark_of_utf_16_alone", b"\xff\xfe", nothing),
        _case("full_width_blanks", "　\r\n　".encode(), refused("empty_file", "layout_unknown")),
        _case("noughts", bytes(4_096), refused("empty_file", "nul_bytes")),
        _case("title_alone", text([TITLE, PERIOD, UNITS]), refused("layout_unknown")),
        _case("header_alone", text([TITLE, PERIOD, UNITS, HEADER]), reads(0, 0, control="none")),
        _case("header_and_no_data_in_words", text([TITLE, PERIOD, UNITS, HEADER, ["本期无数据"]]), reads(0, 0)),
        _case("prose", "关于绿证交易的说明。\n请查收附件。\n".encode(), refused("layout_unknown")),
    ]


def _encodings() -> list[Case]:
    lines = body(line(1), line(2), line(3))
    good, other = text(lines, encoding="utf-8"), text(lines)
    name = "样例光伏有限公司"
    utf, gb, wide = (name.encode(encoding) for encoding in ("utf-8", "gb18030", "utf-16-le"))
    last = body(line(1), line(2, remark="末"))

    def cut(encoding: str, count: int) -> bytes:
        return text(last, encoding=encoding).removesuffix("\r\n".encode(encoding.removesuffix("-sig")))[:-count]

    broken, short = "encoding_broken", refused("truncated", line=6)
    sixteen = text(lines, encoding="utf-16-le")
    return [
        _case("utf_8_of_a_broken_byte", good.replace(utf, utf[:-1] + b"\xff", 2), refused(broken, line=5)),
        _case("utf_8_of_a_lost_byte", _nth(good, utf, utf[:-1], 2), refused(broken, line=6)),
        _case("gb18030_of_a_broken_byte", _nth(other, gb, gb[:-1] + b"\x20", 2), refused(broken, line=6)),
        _case("utf_8_cut_in_a_character", cut("utf-8", 1), short),
        _case("utf_8_with_mark_cut_in_a_character", cut("utf-8-sig", 1), short),
        _case("gb18030_cut_in_a_character", cut("gb18030", 1), short),
        _case("utf_16_cut_in_a_character", b"\xff\xfe" + sixteen[:-1], refused("truncated")),
        _case("utf_16_without_a_mark", sixteen, refused("nul_bytes", broken)),
        _case("utf_32", text(lines, encoding="utf-32"), refused("nul_bytes", broken)),
        _case("utf_16_of_half_a_pair", b"\xff\xfe" + sixteen.replace(wide, b"\x00\xd8" + wide, 1), refused(broken)),
        _case(
            "big5", "訂單編號,買方名稱\nT1,黃河\n".encode("big5"), refused("layout_unknown", "column_missing", broken)
        ),
        _case("two_encodings", other + text([line(4)], encoding="utf-8"), Flagged(8)),
        _case("byte_order_mark_of_another", b"\xef\xbb\xbf" + other, refused(broken)),
        _case(
            "traditional_header",
            text([["訂單編號", "買方名稱", "綠證數量", "成交金額"], ["T1", "甲", "1", "5"]]),
            refused("layout_unknown", "column_missing"),
        ),
    ]


def _nth(content: bytes, old: bytes, new: bytes, nth: int) -> bytes:
    """The content with the nth of some bytes replaced."""
    parts = content.split(old)
    return old.join(parts[:nth]) + new + old.join(parts[nth:])


def _lines() -> list[Case]:
    good = text(body(line(1), line(2), line(3)), encoding="utf-8")
    wide = text([*body(line(1)), ["x"] * 300])
    return [
        _case("nul_in_a_cell", _nth(good, b"5.20", b"5\x0020", 2), refused("nul_bytes", line=6)),
        _case("nuls_at_the_end", good + bytes(512), refused("nul_bytes", line=8)),
        _case("line_of_200_000", good + b"x" * 200_000, refused("line_too_long", line=8)),
        _case("line_of_a_million_commas", good + b"," * 1_000_000, refused("too_many_columns", line=8)),
        _case("line_of_300_cells", wide, refused("too_many_columns", line=6)),
        _case("header_of_300_cells", text([[*HEADER, *["x"] * 300], line(1)]), refused("too_many_columns", line=1)),
        _case("quote_never_closed_in_the_title", b'"' + good, refused("quote_not_closed", line=1)),
        _case("quote_of_200_000", good + b'"' + b"x\r\n" * 70_000 + b'"', refused("quote_not_closed", "line_too_long")),
        _case("cut_in_the_last_row", good[: good.rindex(b"5.20")], reads(2, 200, (7, SOME))),
        _case("cut_in_the_last_order", good[: good.rindex(b"T0000") + 5], Flagged(7)),
        _case(
            "cut_in_the_header", good[: good.index("绿证数量".encode())], refused("column_missing", "layout_unknown")
        ),
    ]


def _foreign() -> list[Case]:
    table = "<html><body><table><tr><td>订单编号</td><td>绿证数量</td></tr><tr><td>T1</td><td>100</td></tr></table>"
    statement = text(body(line(1)))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("trades.csv"))
    known = {
        "png": PNG,
        "pdf": b"%PDF-1.7\n%\xe2\xe3\n",
        "7z": b"7z\xbc\xaf\x27\x1c" + bytes(64),
        "rtf": b"{\\rtf1\\ansi " + "绿证".encode("gb18030") + b"}",
        "html": table.encode(),
        "html_of_gb18030": table.encode("gb18030"),
        "html_of_utf_16": table.encode("utf-16"),
        "xml_of_excel_2003": b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
    }
    unknown = {
        "sqlite": b"SQLite format 3\0" + bytes(128),
        "json": json.dumps([{"订单编号": "T1", "绿证数量": 100}]).encode(),
        "bzip2": bz2.compress(statement),
        "tar": packed.getvalue(),
        "mail": "From: a@example.org\nSubject: 绿证\n\n见附件\n".encode(),
        "pdf_after_junk": b"\r\n\r\n%PDF-1.4\n1 0 obj\n<<>>\n",
    }
    return [
        *(_case(f"foreign_{name}", content, refused(*FOREIGN), f"trades.{name}") for name, content in known.items()),
        *(_case(f"foreign_{name}", content, refused(*UNREADABLE)) for name, content in unknown.items()),
        _case("foreign_picture_called_xlsx", PNG, refused(*FOREIGN), "trades.xlsx"),
        _case("foreign_page_called_xls", table.encode("gb18030"), refused(*FOREIGN), "trades.xls"),
    ]


def _archives() -> list[Case]:
    """Zips of other things."""
    inner = xlsx(Page(body(line(1))))
    foreign, statement = refused(*FOREIGN), text(body(line(1)))
    return [
        _case("zip_of_nothing", archive({}), foreign),
        _case("zip_of_a_text", archive({"trades.csv": statement}), foreign, "trades.zip"),
        _case("zip_of_a_workbook", archive({"trades.xlsx": inner}), foreign, "trades.xlsx"),
        _case("zip_of_zips", archive({"a.zip": archive({"b.zip": archive({"trades.xlsx": inner})})}), foreign),
        _case("zip_of_ofd", archive({"OFD.xml": b"<OFD/>", "Doc_0/Document.xml": b"<Document/>"}), foreign),
        _case("zip_of_opendocument_text", ods_archive(b"<x/>", "text"), refused("not_a_statement", "layout_unknown")),
        _case(
            "zip_of_binary_excel",
            archive({"[Content_Types].xml": b"<Types/>", "xl/workbook.bin": bytes(64)}),
            refused("legacy_excel"),
            "trades.xlsb",
        ),
        _case("zip_after_junk", b"junk" * 8 + inner, refused(*UNREADABLE)),
    ]


def _cut() -> list[Case]:
    """Workbooks that end too early, at every tenth of them that matters, and with one bit changed."""
    lines = [Page(body(*(line(number) for number in range(1, 200))))]
    found = []
    for kind, write in {"xlsx": xlsx, "ods": ods, "xls": xls}.items():
        for percent in (1, 50, 90, 99):
            cut = partial(_part, partial(write, *lines), percent)
            rules = ("truncated", *FOREIGN, "legacy_excel") if percent == 1 else ("truncated",)
            found.append(_case(f"{kind}_cut_at_{percent}_percent", cut, refused(*rules), f"trades.{kind}"))
    flipped = partial(_flipped, partial(xlsx, *lines))
    return [
        *found,
        _case(
            "xlsx_without_its_last_byte",
            partial(_part, partial(xlsx, *lines), 100),
            refused("truncated"),
            "trades.xlsx",
        ),
        _case("xls_without_its_last_sector", lambda: xls(*lines)[:-512], refused("truncated"), "trades.xls"),
        _case("xlsx_of_a_changed_bit", flipped, refused("truncated"), "trades.xlsx"),
        _case("ods_of_a_changed_bit", partial(_flipped, partial(ods, *lines)), refused("truncated"), "trades.ods"),
        _case("zip_header_and_no_more", b"PK\x03\x04 and no more", refused("truncated", *FOREIGN)),
    ]


def _part(make: Callable[[], bytes], percent: int) -> bytes:
    content = make()
    return content[: max(4, min(len(content) - 1, len(content) * percent // 100))]


def _flipped(make: Callable[[], bytes]) -> bytes:
    """The middle of the largest member changed, and its checksum left."""
    content = bytearray(make())
    content[len(content) * 2 // 5] ^= 0x10
    return bytes(content)


def _parts() -> list[Case]:
    """Sound archives whose XML is not."""
    sheet = sheet_xml(rows_xml(body(typed(1), typed(2), typed(3))))
    parts, cut = bare_parts(sheet), refused("truncated")
    broken = ("truncated", *FOREIGN)
    content = members(ods(Page(body(line(1), line(2)))))["content.xml"]
    shared: list[object] = [*typed(2)]
    shared[2] = b't="s"|<v>7</v>'
    beyond = sheet_xml(rows_xml(body(typed(1), shared)))

    def without(name: str) -> bytes:
        return archive({part: xml for part, xml in parts.items() if part != name})

    return [
        _case("sheet_cut_between_rows", bare_xlsx(sheet[: sheet.index(b'<row r="7"')]), cut),
        _case("sheet_cut_in_a_cell", bare_xlsx(sheet[: sheet.rindex(b"<v>") + 4]), cut),
        _case("sheet_of_crossed_elements", bare_xlsx(sheet.replace(b"</row>", b"</raw>", 1)), refused(*broken)),
        _case("sheet_of_nothing", bare_xlsx(b""), refused(*broken, "layout_unknown")),
        _case("sheet_missing", without("xl/worksheets/sheet1.xml"), refused(*broken)),
        _case("workbook_missing", without("xl/workbook.xml"), refused(*FOREIGN)),
        _case("workbook_cut", archive(parts | {"xl/workbook.xml": parts["xl/workbook.xml"][:-30]}), refused(*broken)),
        _case(
            "workbook_without_sheets",
            archive(parts | {"xl/workbook.xml": b"<workbook/>"}),
            refused(*broken, "layout_unknown"),
        ),
        _case("text_beyond_the_shared_ones", bare_xlsx(beyond, sharedStrings=b"<sst/>"), refused(*broken)),
        _case("shared_texts_missing", bare_xlsx(beyond), refused(*broken)),
        _case("row_beyond_any", bare_xlsx(sheet.replace(b'<row r="7"', b'<row r="99999999999"')), Answered()),
        _case("address_of_no_cell", bare_xlsx(sheet.replace(b'r="A5"', b'r="55"')), refused(*broken)),
        _case("ods_content_cut", ods_archive(content[: len(content) // 2]), cut),
        _case(
            "ods_content_missing",
            archive({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}),
            refused(*broken),
        ),
        _case(
            "ods_repeats_in_words",
            ods_archive(content.replace(b"<table:table-row>", b'<table:table-row table:number-rows-repeated="-5">')),
            reads(2, 200),
        ),
    ]


def _locked() -> list[Case]:
    """Password-protected files, in each of the ways they are."""
    plain = xlsx(Page(body(line(1))))
    flags = bytearray(plain)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = plain.find(mark)
        while at >= 0:
            flags[at + offset] |= 1
            at = plain.find(mark, at + 4)
    key = ('<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data manifest:checksum="x"/>'
           "</manifest:file-entry>")  # fmt: skip
    old = xls(Page(body(line(1))))
    locked = refused("encrypted")
    return [
        _case("xlsx_with_a_password", _renamed(old, "EncryptedPackage"), locked, "trades.xlsx"),
        _case("xlsx_of_locked_members", bytes(flags), locked, "trades.xlsx"),
        _case("xls_with_a_password", _with_password(), locked, "trades.xls"),
        _case("ods_with_a_password", ods_archive(bytes(range(256)) * 8, manifest=key), locked, "trades.ods"),
        _case("ole_of_word", _renamed(old, "WordDocument"), refused(*FOREIGN), "trades.doc"),
        _case("ole_of_nothing", OLE + bytes(600), refused("truncated", "legacy_excel", *FOREIGN), "trades.xls"),
    ]


def _renamed(content: bytes, name: str) -> bytes:
    """The compound document with its only stream under another name."""
    old, new = "Workbook".encode("utf-16-le"), name.encode("utf-16-le")
    at = content.rindex(old)
    entry = new.ljust(64, b"\0") + (len(new) + 2).to_bytes(2, "little")
    return content[:at] + entry + content[at + 66 :]


def _with_password() -> bytes:
    """An XLS whose stream says, in its second record, that the rest is encrypted."""
    content = xls(Page(body(line(1))), made=xlwt.Workbook())
    begin = content.index(b"\x09\x08\x10\x00")
    second = begin + 20
    assert content[second : second + 2] == b"\xe1\x00"
    return content[:second] + b"\x2f\x00" + content[second + 2 :]
