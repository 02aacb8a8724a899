"""Files made to fill the memory or to take forever: swelling archives, huge areas, repeats, entities, slow patterns."""

import io
import random
import struct
import zipfile
from collections.abc import Callable
from functools import partial

import xlwt

from tests.imports.corpus import SOME, Answered, Case, Verdict, reads, refused
from tests.imports.corpus_files import (
    LINKS,
    ODS_NAMES,
    SHEET_NAMES,
    Page,
    archive,
    bare_parts,
    bare_xlsx,
    ods_archive,
    ods_of,
    ods_row,
    ods_table,
    rows_xml,
    sheet_xml,
    text,
    xls,
)
from tests.imports.corpus_trades import HEADER, line
from tests.imports.corpus_workbooks import body

MIB = 1024 * 1024
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    f'<!ENTITY {after} "{f"&{before};" * 10}">'.encode() for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = ENTITIES + b"]>"
OUTWARD = b'<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/hostname">]>'
SMALL = sheet_xml(rows_xml(body(line(1), line(2))))
LARGE = refused("too_large")


def cases() -> list[Case]:
    """Every case of this module."""
    return [*_swelling(), *_members(), *_areas(), *_entities(), *_xml(), *_ods(), *_xls(), *_texts()]


def _case(name: str, make: Callable[[], bytes], verdict: Verdict, file: str = "trades.xlsx") -> Case:
    return Case(f"bomb_{name}", file, make, verdict)


def _swelling() -> list[Case]:
    """Little that becomes much when it is inflated."""
    return [
        _case("of_630_kb_to_216_mb", partial(_swollen, 216, 420), LARGE),
        _case(
            "of_630_kb_that_lies_in_its_directory",
            partial(_swollen, 216, 420, lies=True),
            refused("too_large", "truncated"),
        ),
        _case("of_1000_to_1", partial(_swollen, 64, 0), LARGE),
        _case("below_the_ratio", partial(_swollen, 180, 900), LARGE),
        _case("in_the_shared_texts", partial(_swollen, 100, 0, part="xl/sharedStrings.xml"), LARGE),
        _case("in_a_picture_nobody_reads", partial(_swollen, 100, 0, part="xl/media/image1.png"), LARGE),
        _case("of_one_long_text_in_each_cell", _echo, LARGE),
        _case("ods_of_200_mb", partial(_swollen_ods, 200), LARGE, "trades.ods"),
    ]


def _swollen(mebibytes: int, ballast_kib: int, *, part: str = "xl/worksheets/sheet1.xml", lies: bool = False) -> bytes:
    """A sound workbook in which one part has so many blanks, beside a picture that does not shrink."""
    head, tail = SMALL.split(b"</sheetData>")
    head, tail = (head, b"</sheetData>" + tail) if part.endswith("sheet1.xml") else (b"", b"")
    out, blanks = io.BytesIO(), b" " * MIB
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1 if mebibytes < 100 else 6) as made:
        for name, content in bare_parts(SMALL).items():
            if name != part:
                made.writestr(name, content)
        made.writestr("xl/media/image2.png", random.Random(5).randbytes(ballast_kib * 1024))
        with made.open(part, "w", force_zip64=False) as stream:
            for piece in (head, *[blanks] * mebibytes, tail):
                stream.write(piece)
        info = made.getinfo(part)
    content = out.getvalue()
    return content.replace(struct.pack("<I", info.file_size), struct.pack("<I", 4_000)) if lies else content


def _swollen_ods(mebibytes: int) -> bytes:
    blanks = f"<table:table-row><table:table-cell><text:p>{' ' * MIB}</text:p></table:table-cell></table:table-row>"
    return ods_of(ods_table(blanks * mebibytes))


def _echo() -> bytes:
    """One text of 32,767 characters, in 40,000 cells."""
    rows = []
    for number in range(1, 4_001):
        cells = (f'<c r="{letter}{number}" t="s"><v>0</v></c>' for letter in "ABCDEFGHIJ")
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    shared = f'<sst xmlns="{SHEET_NAMES}" count="1" uniqueCount="1"><si><t>{"x" * 32_767}</t></si></sst>'
    return bare_xlsx(sheet_xml("".join(rows)), sharedStrings=shared.encode())


def _members() -> list[Case]:
    """Archives whose directory is the weapon."""
    parts = bare_parts(SMALL)
    many = [*parts.items(), *((f"xl/media/{number}", b"") for number in range(1_500))]
    more = [*parts.items(), *((f"xl/media/{number}", b"") for number in range(20_000))]
    nested = archive({"0": bytes(MIB)})
    for number in range(1, 6):
        nested = archive({f"{number}-{copy}.zip": nested for copy in range(10)})
    return [
        _case("of_1500_members", partial(archive, many), LARGE),
        _case("of_20000_members", partial(archive, more), LARGE),
        _case("of_zips_in_zips", lambda: nested, refused("not_a_statement", "too_large")),
        _case("of_members_that_overlap", _overlapping, refused("too_large", "truncated")),
        _case("of_one_sheet_listed_450_times", _listed, refused("too_large", "too_many_sheets")),
        _case(
            "of_a_name_outside",
            partial(archive, parts | {"../xl/workbook.xml": b"x", "/etc/passwd": b"x"}),
            reads(2, 200),
        ),
    ]


def _overlapping() -> bytes:
    """Nine hundred directory entries for one and the same member."""
    content = archive(bare_parts(b" " * (6 * MIB)))
    end = content.rindex(b"PK\x05\x06")
    start = int.from_bytes(content[end + 16 : end + 20], "little")
    at = content.rindex(b"xl/worksheets/sheet1.xml", start, end) - 46
    entry = content[at : at + 46 + len("xl/worksheets/sheet1.xml")]
    directory = content[start:end] + b"".join(
        entry.replace(b"sheet1.xml", f"s{number:04}.xml".encode().rjust(10, b"h")) for number in range(900)
    )
    closing = struct.pack("<HHLL", 905, 905, len(directory), start)
    return content[:start] + directory + content[end : end + 8] + closing + content[end + 20 :]


def _listed() -> bytes:
    rows = "".join(f'<row r="{number}"><c r="A{number}"><v>1</v></c></row>' for number in range(1, 20_001))
    sheets = "".join(f'<sheet name="s{number}" sheetId="{number}" r:id="r1"/>' for number in range(1, 451))
    book = f'<workbook xmlns="{SHEET_NAMES}" xmlns:r="{LINKS}"><sheets>{sheets}</sheets></workbook>'
    return archive(bare_parts(sheet_xml(rows)) | {"xl/workbook.xml": book.encode()})


def _areas() -> list[Case]:
    """A few cells far apart: the rectangle between them is what would fill the memory."""

    def of(*cells: str) -> Callable[[], bytes]:
        rows = (
            f'<row r="{cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{cell}"><v>1</v></c></row>' for cell in cells
        )
        return partial(bare_xlsx, sheet_xml("".join(rows)))

    def disguised(prefix: str = "", quote: str = '"') -> bytes:
        rows = "".join(
            f"<{prefix}row r={quote}{row}{quote}><{prefix}c r={quote}{cell}{quote}><{prefix}v>1</{prefix}v></{prefix}c>"
            f"</{prefix}row>"
            for row, cell in ((1, "A1"), (1_048_576, "XFD1048576"))
        )
        return bare_xlsx(sheet_xml(rows, prefix, quote))

    ten = "".join(f'<sheet name="s{number}" sheetId="{number}" r:id="r1"/>' for number in range(1, 11))
    book = f'<workbook xmlns="{SHEET_NAMES}" xmlns:r="{LINKS}"><sheets>{ten}</sheets></workbook>'
    far = sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row><row r="200000"><c r="U200000"><v>1</v></c></row>')
    return [
        _case("area_of_the_whole_sheet", of("A1", "XFD1048576"), refused("too_many_columns", "too_large")),
        _case("area_of_256_columns", of("A1", "IV1048576"), LARGE),
        _case("area_of_26_columns", of("A1", "Z450000"), LARGE),
        _case("area_of_rows_beyond", of("A1", "A99999999"), refused("too_many_rows")),
        _case("area_in_ten_sheets", partial(archive, bare_parts(far) | {"xl/workbook.xml": book.encode()}), LARGE),
        _case("area_behind_a_prefix", partial(disguised, "x:"), refused("too_many_columns", "too_large")),
        _case("area_behind_single_quotes", partial(disguised, quote="'"), refused("too_many_columns", "too_large")),
    ]


def _entities() -> list[Case]:
    """Entities in every part that is parsed, from within and from without, and in an encoding that hides them."""
    parts, foreign = bare_parts(SMALL, sharedStrings=b"<sst/>", styles=b"<styleSheet/>"), refused("not_a_statement")
    found = []
    for part in (
        "[Content_Types].xml",
        "xl/workbook.xml",
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
    ):
        short = part.rpartition("/")[2].strip("[").partition(".")[0].strip("]").lower()
        for kind, head in {"laughs": LAUGHS, "outward": OUTWARD}.items():
            made = partial(archive, parts | {part: head + parts[part]})
            found.append(_case(f"entities_{kind}_in_{short}", made, foreign))
    rows = "".join(map(ods_row, body(line(1))))
    bare = f"<office:document-content {ODS_NAMES}><office:body><office:spreadsheet>"
    bare += f"{ods_table(rows.replace('样例光伏', '&i;'))}</office:spreadsheet></office:body></office:document-content>"
    hidden = '<?xml version="1.0" encoding="UTF-16"?>' + LAUGHS.decode() + bare
    return [
        *found,
        _case("entities_laughs_in_ods", partial(ods_archive, LAUGHS + bare.encode()), foreign, "trades.ods"),
        _case("entities_outward_in_ods", partial(ods_archive, OUTWARD + bare.encode()), foreign, "trades.ods"),
        _case(
            "entities_in_utf_16",
            partial(ods_archive, hidden.encode("utf-16")),
            refused("not_a_statement", "truncated"),
            "t.ods",
        ),
        _case(
            "entities_in_utf_16_xlsx",
            partial(archive, parts | {"xl/workbook.xml": hidden.encode("utf-16")}),
            refused("not_a_statement", "truncated"),
        ),
    ]


def _xml() -> list[Case]:
    """Worksheets whose XML is made to be searched for a long time."""

    def of(inside: str) -> Callable[[], bytes]:
        return partial(bare_xlsx, sheet_xml(inside))

    broken = refused("truncated", "not_a_statement", "too_large", "too_many_columns", "layout_unknown")
    good = rows_xml(body(line(1), line(2)))
    merges = "".join(f'<mergeCell ref="A{1 + at % 20}:IV{1 + at % 20}"/>' for at in range(100_000))
    merged = sheet_xml(good).replace(b"</sheetData>", f"</sheetData><mergeCells>{merges}</mergeCells>".encode())
    deep = "<x>" * 300_000 + "</x>" * 300_000
    book = f'<workbook xmlns="{SHEET_NAMES}" xmlns:r="{LINKS}">' + '<a b="c"/>' * 780_000
    book += '<sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>'
    return [
        _case("xml_of_cells_never_closed", of("<c " * 500_000), broken),
        _case("xml_of_rows_never_closed", of("<row " * 500_000), broken),
        _case("xml_of_formulas_never_closed", of(good + "<c><f>" * 200_000), broken),
        _case("xml_of_rows_in_one_another", of('<row r="1">' * 200_000), broken),
        _case("xml_of_100000_merges", partial(bare_xlsx, merged), Answered()),
        _case("xml_very_deep", of(deep + good), Answered()),
        _case(
            "xml_of_a_workbook_of_780000_elements",
            partial(archive, bare_parts(SMALL) | {"xl/workbook.xml": book.encode()}),
            Answered(),
        ),
        _case(
            "xml_of_a_text_that_expands",
            partial(bare_xlsx, sheet_xml(rows_xml([["\ufdfa" * 2_400_000], *body(line(1))]))),
            Answered(),
        ),
    ]


def _ods() -> list[Case]:
    head = "".join(map(ods_row, body(line(1), line(2))))

    def repeated(rows: int, columns: int, value: str = "1") -> str:
        given = f'table:number-columns-repeated="{columns}" office:value-type="string"'
        cell = f"<table:table-cell {given}><text:p>{value}</text:p></table:table-cell>"
        return f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'

    def of(rows: str) -> Callable[[], bytes]:
        return partial(ods_of, ods_table(head + rows))

    tables = "".join(ods_table(repeated(1_000_000, 7), f"s{number}") for number in range(2))
    spans = "".join(
        f'<table:table-cell table:number-rows-spanned="99999" table:number-columns-spanned="{wide}"><text:p>x</text:p>'
        "</table:table-cell>" for wide in range(1, 250)
    )  # fmt: skip
    spanned = (
        f"<table:table-row>{spans}</table:table-row>" * 15
        + "<table:table-row><table:table-cell/></table:table-row>" * 60_000
    )
    junk = '<x b="c"/>' * 780_000
    return [
        _case("ods_rows_and_columns_repeated", of(repeated(1_000_000, 200)), LARGE, "t.ods"),
        _case("ods_columns_repeated", of(repeated(1, 16_384)), refused("too_many_columns"), "t.ods"),
        _case("ods_rows_repeated_beyond", of(repeated(999_999_999, 1)), refused("too_many_rows", "too_large"), "t.ods"),
        _case("ods_two_million_rows_repeated", partial(ods_of, ods_table(repeated(1_999_000, 4))), LARGE, "t.ods"),
        _case("ods_long_text_repeated", of(repeated(30_000, 250, "x" * 30_000)), Answered(), "t.ods"),
        _case("ods_repeats_in_2_tables", partial(ods_of, tables), LARGE, "t.ods"),
        _case("ods_of_spans", of(spanned), Answered(), "t.ods"),
        _case("ods_of_780000_elements", of(f"<table:table-row>{junk}</table:table-row>"), Answered(), "t.ods"),
        _case(
            "ods_very_deep",
            of(f"<table:table-row>{'<x>' * 100_000}{'</x>' * 100_000}</table:table-row>"),
            Answered(),
            "t.ods",
        ),
    ]


def _xls() -> list[Case]:
    def sparse(sheets: int) -> bytes:
        made = xlwt.Workbook()
        for number in range(sheets):
            sheet = made.add_sheet(f"s{number}")
            sheet.write(0, 0, 1)
            sheet.write(65_535, 255, 1)
        out = io.BytesIO()
        made.save(out)
        return out.getvalue()

    def looped() -> bytes:
        content = bytearray(xls(Page(body(line(1)))))
        at = content.rindex("Root Entry".encode("utf-16-le"))
        content[at + 76 : at + 80] = bytes(4)  # its first child is itself
        return bytes(content)

    def chained() -> bytes:
        content = bytearray(xls(Page(body(*(line(number) for number in range(1, 100))))))
        table = 512 * (1 + int.from_bytes(content[76:80], "little"))
        content[table : table + 4] = bytes(4)  # the sector after the first is the first
        return bytes(content)

    broken = refused("truncated", "not_a_statement")
    return [
        _case("xls_corners", partial(sparse, 1), LARGE, "trades.xls"),
        _case("xls_corners_of_4_sheets", partial(sparse, 4), LARGE, "trades.xls"),
        _case("xls_of_a_folder_in_itself", looped, Answered(), "trades.xls"),
        _case("xls_of_sectors_in_a_ring", chained, broken, "trades.xls"),
    ]


def _texts() -> list[Case]:
    """Text that is long in a way nobody would think of."""

    def cell(quantity: str) -> Callable[[], bytes]:
        return partial(text, body(line(1), line(2, quantity=quantity), line(3)), encoding="utf-8")

    bad, slow = reads(2, 200, (6, SOME)), Answered()
    marks = "a" + "\u0315\u0300" * 15_000
    short = ",".join(HEADER).encode() + b"\n"
    wrong = ",".join(line(1, quantity="x", price="y", amount="z", traded_on="?")).encode() + b"\n"
    return [
        _case("count_of_one_and_many_blanks", cell("1" + " " * 20_000 + "("), bad, "t.csv"),
        _case("count_of_many_commas", cell("1" + ",000" * 15_000), bad, "t.csv"),
        _case("count_of_60000_digits", cell("1" * 60_000), bad, "t.csv"),
        _case("count_of_many_marks", cell("约" * 20_000), bad, "t.csv"),
        _case("count_of_many_accents", cell(marks), bad, "t.csv"),
        _case(
            "title_of_many_dates",
            partial(text, [["2024-1-1 " * 6_000], *body(line(1))], encoding="utf-8"),
            slow,
            "t.csv",
        ),
        _case("line_of_60_mb", lambda: short + b"x" * (60 * MIB) + "𠮷\n".encode(), refused("line_too_long"), "t.csv"),
        _case(
            "3_million_empty_lines",
            lambda: b"\n" * 3_000_000 + short + text([line(1)], encoding="utf-8"),
            slow,
            "t.csv",
        ),
        _case("a_million_lines_of_one_letter", lambda: short + b"x\n" * 1_000_000, slow, "t.csv"),
        _case("50000_rows_of_which_none_is_right", lambda: short + wrong * 50_000, slow, "t.csv"),
    ]
