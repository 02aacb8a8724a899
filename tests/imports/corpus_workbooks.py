"""A platform's trades as XLSX, XLS and ODS: typed cells, hidden and merged ones, several sheets, formulas, odd XML."""

import datetime
import io
from collections.abc import Callable, Sequence
from functools import partial

import xlwt
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.imports.corpus import SOME, Case, Flagged, Verdict, reads, refused
from tests.imports.corpus_files import (
    Line,
    Page,
    archive,
    bare_parts,
    bare_xlsx,
    book,
    members,
    ods,
    ods_cell,
    ods_of,
    ods_row,
    ods_table,
    rows_xml,
    saved,
    sheet_xml,
    text,
    xls,
    xlsx,
)
from tests.imports.corpus_trades import HEADER, PERIOD, TITLE, UNITS, line
from tests.imports.statement_files import CANONICAL, total

FIELDS = list(CANONICAL)
QUANTITY, PRICE, TRADED = (FIELDS.index(field) for field in ("quantity", "price", "traded_on"))
DAY = datetime.datetime(2024, 7, 5, 9, 30)
WRITERS: dict[str, Callable[..., bytes]] = {"xlsx": xlsx, "xls": xls, "ods": ods}


def typed(number: int = 1, **cells: object) -> list[object]:
    """A sound trade whose figures are numbers."""
    figures: dict[str, object] = {"quantity": 100, "price": 5.2, "amount": 520.0} | cells
    return [figures.get(field, cell) for field, cell in zip(FIELDS, line(number), strict=True)]


def body(*lines: Line) -> list[Line]:
    """The lines below a title and a header; the first of them is line 5."""
    return [TITLE, PERIOD, UNITS, HEADER, *lines]


def cases() -> list[Case]:
    """Every case of this module."""
    return [
        *_alike(),
        *_dates(),
        *_numbers(),
        *_sheets(),
        *_merges(),
        *_formulas(),
        *_trimmings(),
        *_names(),
        *_xml(),
        *_xls(),
        *_ods(),
    ]


def _case(name: str, make: Callable[[], bytes], verdict: Verdict, file: str = "trades.xlsx") -> Case:
    return Case(f"book_{name}", file, make, verdict)


def _alike() -> list[Case]:
    """What all three kinds of workbook can hold."""
    two = body(line(1), line(2), ["合计", *[""] * (QUANTITY - 1), 200, "", 1040])
    figures = body(typed(1), typed(2, production_month=202403, traded_on=45478), total("200", "1040.00"))
    long = body(line(1), typed(2, buyer_usci=916301000000000000))
    order = body(line(1), typed(2, order=20240705000123))
    logical = body(line(1), typed(2, quantity=True))
    hidden = Page(body(line(1), line(2), line(3)), hidden_lines=[6])
    found = []
    for kind, write in WRITERS.items():
        file, page = f"trades.{kind}", Page(two)
        found += [
            _case(f"{kind}_of_texts", partial(write, page), reads(2, 200, control="exact"), file),
            _case(f"{kind}_of_numbers", partial(write, Page(figures)), reads(2, 200, control="exact"), file),
            _case(f"{kind}_usci_as_number", partial(write, Page(long)), reads(1, 100, (6, "identifier_damaged")), file),
            _case(
                f"{kind}_order_as_number",
                partial(write, Page(order)),
                reads(2, 200, cells={"1.order": "20240705000123"}),
                file,
            ),
            _case(f"{kind}_hidden_row", partial(write, hidden), reads(3, 300, warned=((6, "hidden_row"),)), file),
            _case(
                f"{kind}_hidden_sheet_beside",
                partial(write, page, Page(body(line(3)), "Sheet2", hidden=True)),
                Flagged(None),
                file,
            ),
            _case(
                f"{kind}_cells_far_apart",
                partial(write, Page([[], [], [], *([*[""] * 5, *one] for one in two)])),
                reads(2, 200, cells={"line": 8}),
                file,
            ),
        ]
        if kind != "ods":
            found.append(
                _case(f"{kind}_boolean", partial(write, Page(logical)), reads(1, 100, (6, "number_malformed")), file)
            )
    return found


def _dated(epoch: datetime.datetime | None = None, form: str = "yyyy-mm-dd", **cells: object) -> bytes:
    """A workbook whose second trade has typed days, or numbers in this form."""
    made = book(Page(body(line(1))))
    if epoch is not None:
        made.epoch = epoch
    sheet = made.active
    for column, cell in enumerate(typed(2, **cells), start=1):
        sheet.cell(6, column, cell)
        if FIELDS[column - 1] in cells:
            sheet.cell(6, column).number_format = form
    return saved(made)


def _dates() -> list[Case]:
    day, month = {"1.traded_on": "2024-07-05"}, {"1.production_month": "2024-03"}
    words, march = 'yyyy"年"m"月"d"日"', datetime.datetime(2024, 3, 1)
    old = CALENDAR_MAC_1904
    return [
        _case("day_typed", partial(_dated, traded_on=DAY), reads(2, 200, cells=day)),
        _case("day_in_words", partial(_dated, form=words, traded_on=DAY), reads(2, 200, cells=day)),
        _case("day_of_1904", partial(_dated, old, traded_on=DAY.replace(hour=0, minute=0)), reads(2, 200, cells=day)),
        _case("day_of_1904_as_number", partial(_dated, old, "General", traded_on=44016), reads(2, 200, cells=day)),
        _case(
            "day_as_number_in_a_form_of_the_east",
            partial(_dated, form="[$-804]yyyy/m/d;@", traded_on=45478),
            reads(2, 200, cells=day),
        ),
        _case("month_typed", partial(_dated, form='yyyy"年"m"月"', production_month=march), reads(2, 200, cells=month)),
        _case("month_as_number", partial(_dated, form="0", production_month=202403), reads(2, 200, cells=month)),
        _case("month_with_a_point", partial(_dated, form="0.0", production_month=2024.3), reads(2, 200, cells=month)),
        _case(
            "month_ten_that_lost_its_nought",
            partial(_dated, form="0.00", production_month=2023.1),
            reads(1, 100, (6, SOME)),
        ),
        _case("day_out_of_all_ages", partial(_dated, form="General", traded_on=454780), reads(1, 100, (6, SOME))),
    ]


def _numbers() -> list[Case]:
    def raw(cell: bytes | float, place: int = QUANTITY) -> bytes:
        odd: list[object] = [*typed(2)]
        odd[place] = cell
        return bare_xlsx(sheet_xml(rows_xml(body(line(1), odd))))

    wan = book(Page(body(line(1), typed(2, quantity=12, price="", amount=62400.0))))
    wan.active.cell(6, QUANTITY + 1).number_format = '0"万张"'
    scaled, counted = book(Page(body(line(1), typed(2)))), book(Page(body(line(1), typed(2))))
    scaled.active.cell(6, QUANTITY + 1).number_format = '0!.0,"万"'
    counted.active.cell(6, QUANTITY + 1).number_format = '#,##0"个"'
    red = book(Page(body(line(1), typed(2))))
    for cell in red.active[6]:
        cell.font = Font(color="FFFF0000")
    return [
        _case("number_scientific_in_xml", partial(raw, b"|<v>1.0E2</v>"), reads(2, 200)),
        _case(
            "number_with_a_binary_tail",
            partial(raw, b"|<v>5.2000000000000002</v>", PRICE),
            reads(2, 200, cells={"1.price": "5.20"}),
        ),
        _case("number_of_nothing", partial(raw, b"|<v></v>"), reads(1, 100, (6, "value_missing"))),
        _case("number_in_wan_by_its_form", partial(saved, wan), Flagged(6)),
        _case("number_scaled_by_its_form", partial(saved, scaled), Flagged(6)),
        _case("number_of_certificates_by_its_form", partial(saved, counted), reads(2, 200)),
        _case("row_in_red", partial(saved, red), Flagged(6)),
        _case(
            "day_iso_in_xml",
            partial(raw, b't="d"|<v>2024-07-05T00:00:00</v>', TRADED),
            reads(2, 200, cells={"1.traded_on": "2024-07-05"}),
        ),
    ]


def _sheets() -> list[Case]:
    one, two = body(line(1), line(2), total("200", "1040.00")), body(line(3), total("100", "520.00"))
    back = [*body()[:3], HEADER[::-1], line(3)[::-1]]
    notes, pivot = [["说明"], ["1. 本表由平台导出"]], [["买方名称", "绿证数量（个）", "金额"], ["甲", 200, 1040]]
    misspelt = [*body()[:3], ["订单编吗" if name == "订单编号" else name for name in HEADER], line(3)]
    summary = [["截至：2024年7月", "单位：万张"], ["企业名称", "认购数量", "交易数量"], ["甲", 1, 1]]
    no_total = body(line(3))
    second = "Sheet2"

    def pages(*lines: Sequence[Line]) -> Callable[[], bytes]:
        return partial(xlsx, *(Page(each, f"Sheet{number}") for number, each in enumerate(lines, start=1)))

    return [
        _case("sheet_of_notes_beside", pages(notes, one), reads(2, 200, control="exact")),
        _case("sheet_of_nothing_beside", pages([], one, []), reads(2, 200, control="exact")),
        _case("sheet_of_sums_beside", pages(one, pivot), reads(2, 200, control="exact")),
        _case("two_sheets", pages(one, two), reads(3, 300, control="exact")),
        _case("two_sheets_in_other_order", pages(body(line(1), line(2)), back), reads(3, 300)),
        _case(
            "two_sheets_one_total_wrong", pages(one, body(line(3), total("90", "520.00"))), reads(3, 300, control="no")
        ),
        _case("two_sheets_one_total", pages(one, no_total), reads(3, 300, control="none")),
        _case(
            "two_sheets_of_the_same", pages(body(line(1), line(2)), body(line(1), line(2))), reads(4, 200, duplicates=2)
        ),
        _case("second_sheet_with_a_misspelt_header", pages(one, misspelt), refused("column_missing")),
        _case("two_kinds", pages(one, summary), refused("several_layouts")),
        _case("only_sheet_is_hidden", partial(xlsx, Page(notes), Page(one, second, hidden=True)), Flagged(None)),
        _case("no_sheet_with_rows", pages([], []), refused("layout_unknown")),
        _case("header_and_nothing_else", pages(body()), reads(0, 0, control="none")),
        _case("hidden_columns", partial(xlsx, Page(one, hidden_columns=["L", "M"])), reads(2, 200, control="exact")),
    ]


def _merges() -> list[Case]:
    wide = len(HEADER)
    groups = [""] * wide
    names = [*HEADER]
    for at, (group, name) in {2: ("买方", "名称"), 3: ("", "统一社会信用代码"), 11: ("绿证", "数量（个）")}.items():
        groups[at], names[at] = group, name
    tops = [
        name if not group and at != 3 else group for at, (group, name) in enumerate(zip(groups, names, strict=True))
    ]
    below = [name if at in (2, 3, 11) else "" for at, name in enumerate(names)]
    areas = [(4, 3, 4, 4), *((4, at + 1, 5, at + 1) for at in range(wide) if at not in (2, 3, 11))]
    headed = [TITLE, PERIOD, UNITS, tops, below, line(1), line(2)]
    note = body(line(1), line(2), ["注：数据截至2024年7月31日，以国家绿证核发交易系统为准。", *[""] * (wide - 1)])
    label = body(line(1), line(2), total("200", "1040.00"))
    joint = body(typed(1), typed(2, quantity=None, amount=None), typed(3))
    buyer = body(line(1), line(2, buyer_name=""), line(3, buyer_name=""))
    late = body(*(line(number, buyer_name="" if number in (31, 32) else "甲") for number in range(1, 33)))
    found = []
    for kind, write in WRITERS.items():
        file = f"trades.{kind}"
        found += [
            _case(
                f"{kind}_merged_header",
                partial(write, Page(headed, merged=[(1, 1, 1, wide), *areas])),
                reads(2, 200),
                file,
            ),
            _case(
                f"{kind}_merged_figure_of_two_rows",
                partial(write, Page(joint, merged=[(5, QUANTITY + 1, 6, QUANTITY + 1), (5, 14, 6, 14)])),
                reads(2, 200, (6, "value_missing")),
                file,
            ),
        ]
    return found + [
        _case("merged_total_label", partial(xlsx, Page(label, merged=[(7, 1, 7, 10)])), reads(2, 200, control="exact")),
        _case("merged_note", partial(xlsx, Page(note, merged=[(7, 1, 7, wide)])), reads(2, 200)),
        _case(
            "merged_title_again",
            partial(xlsx, Page(body(line(1), TITLE, HEADER, line(2)), merged=[(6, 1, 6, wide)])),
            reads(2, 200),
        ),
        _case("merged_buyer", partial(xlsx, Page(buyer, merged=[(5, 3, 7, 3)])), reads(3, 300)),
        _case("merged_buyer_further_down", partial(xlsx, Page(late, merged=[(34, 3, 36, 3)])), reads(32, 3_200)),
    ]


def _formulas() -> list[Case]:
    def of(**cells: object) -> bytes:
        return xlsx(Page(body(line(1), typed(2, **cells))))

    def raw(cell: bytes, place: int = QUANTITY) -> bytes:
        odd: list[object] = [*typed(2)]
        odd[place] = cell
        return bare_xlsx(sheet_xml(rows_xml(body(line(1), odd))))

    sums = ["合计", *[""] * (QUANTITY - 1), "=SUM(L5:L6)", "", "=SUM(N5:N6)"]
    return [
        _case("formula_never_computed", partial(of, quantity="=50+50"), reads(1, 100, (6, "formula_without_value"))),
        _case(
            "formula_in_the_price_never_computed",
            partial(of, price="=5.2"),
            reads(1, 100, (6, "formula_without_value")),
        ),
        _case(
            "formula_in_the_total_never_computed",
            partial(xlsx, Page(body(line(1), line(2), sums))),
            reads(2, 200, (7, "formula_without_value")),
        ),
        _case("formula_computed", partial(raw, b"|<f>50+50</f><v>100</v>"), reads(2, 200)),
        _case("formula_shared", partial(raw, b'|<f t="shared" ref="L6:L9" si="0">50+50</f><v>100</v>'), reads(2, 200)),
        _case(
            "formula_shared_not_computed",
            partial(raw, b'|<f t="shared" si="0"/><v/>'),
            reads(1, 100, (6, "formula_without_value")),
        ),
        _case("formula_of_another_book", partial(raw, b"|<f>[1]Sheet1!$A$1</f><v>100</v>"), reads(2, 200)),
        _case(
            "formula_that_failed", partial(raw, b't="e"|<f>1/0</f><v>#DIV/0!</v>'), reads(1, 100, (6, "formula_error"))
        ),
        _case("error_in_the_price", partial(raw, b't="e"|<v>#REF!</v>', PRICE), reads(1, 100, (6, "formula_error"))),
    ]


def _trimmings() -> list[Case]:
    """Comments, fonts, macros and links do not change what is read."""
    noted = book(Page(body(line(1), line(2))))
    noted.active.cell(6, QUANTITY + 1).comment = Comment("应为 1,000 张", "审计")
    rich = book(Page(body(line(1), line(2))))
    rich.active.cell(6, 3).value = CellRichText("青海黄河", TextBlock(InlineFont(b=True), "鑫业有限公司"))
    plain = members(xlsx(Page(body(line(1), line(2)))))
    pinyin = "<si><r><t>青海黄河</t></r><r><t>鑫业有限公司</t></r><rPh sb='0' eb='1'><t>qing</t></rPh></si>"
    buyer: list[object] = [*typed(2)]
    buyer[2] = b't="s"|<v>0</v>'
    spoken = bare_xlsx(
        sheet_xml(rows_xml(body(line(1), buyer))), sharedStrings=f'<sst xmlns="x">{pinyin}</sst>'.encode().replace(
            b'"x"', b'"http://schemas.openxmlformats.org/spreadsheetml/2006/main"'))  # fmt: skip
    macros = plain | {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(4_000)}
    linked = plain | {
        "xl/externalLinks/externalLink1.xml": b"<externalLink/>",
        "../../etc/cron.d/x": b"* * * * * root x",
    }
    sound, name = reads(2, 200), {"1.buyer_name": "青海黄河鑫业有限公司"}
    return [
        _case("comment", partial(saved, noted), sound),
        _case("rich_text", partial(saved, rich), reads(2, 200, cells=name)),
        _case("pinyin_above_a_name", lambda: spoken, reads(2, 200, cells=name)),
        _case("macros", partial(archive, macros), sound, "trades.xlsm"),
        _case("links_and_paths_outward", partial(archive, linked), sound),
    ]


def _names() -> list[Case]:
    """The name does not decide what a file is."""
    lines, sound = [Page(body(line(1), line(2)))], reads(2, 200)
    return [
        _case("xlsx_called_csv", partial(xlsx, *lines), sound, "trades.csv"),
        _case("xlsx_called_xls", partial(xlsx, *lines), sound, "trades.xls"),
        _case("ods_called_xlsx", partial(ods, *lines), sound, "trades.xlsx"),
        _case("xls_without_a_suffix", partial(xls, *lines), sound, "绿证交易明细"),
        _case("text_called_ods", partial(text, body(line(1), line(2))), sound, "trades.ods"),
    ]


def _xml() -> list[Case]:
    """Workbooks as programs other than Excel write them, and as nobody should."""
    lines = body(typed(1), typed(2))
    wrong: list[object] = [*typed(2)]
    wrong[PRICE] = b't="e"|<v>#DIV/0!</v>'
    sheet, hidden = rows_xml(lines), rows_xml(body(typed(1), typed(2)), hidden=[6])
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    single = rows_xml(body(typed(1), typed(2)), hidden=[6], quote="'")
    single_error = rows_xml(body(typed(1), wrong), quote="'").replace('t="e"', "t='e'")
    bare = sheet_xml(rows_xml(lines)).replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
    prefixed_error = rows_xml(
        body(typed(1), [*typed(2)[:PRICE], b't="e"|<x:v>#DIV/0!</x:v>', *typed(2)[PRICE + 1 :]]), prefix="x:"
    )
    styled = sheet.replace("</row>", '<c r="XFD5" s="0"/></row>', 1)
    low = sheet + '<row r="1048576"><c r="A1048576" s="0"/></row>'
    strict = archive(
        {
            name: part.replace(main.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main")
            for name, part in bare_parts(sheet_xml(sheet)).items()
        }
    )
    twice = [*bare_parts(sheet_xml(sheet)).items(),
             ("xl/worksheets/sheet1.xml", sheet_xml(rows_xml(body(typed(1), typed(3)))))]  # fmt: skip
    sound, warned = reads(2, 200), reads(2, 200, warned=((6, "hidden_row"),))
    return [
        _case("xml_dimension_lies", partial(bare_xlsx, bare), sound),
        _case("xml_hidden_row", partial(bare_xlsx, sheet_xml(hidden)), warned),
        _case("xml_single_quotes", partial(bare_xlsx, sheet_xml(single, quote="'")), warned),
        _case(
            "xml_single_quotes_error", partial(bare_xlsx, sheet_xml(single_error)), reads(1, 100, (6, "formula_error"))
        ),
        _case("xml_prefixed", partial(bare_xlsx, sheet_xml(rows_xml(lines, prefix="x:", hidden=[6]), "x:")), warned),
        _case(
            "xml_prefixed_error",
            partial(bare_xlsx, sheet_xml(prefixed_error, "x:")),
            reads(1, 100, (6, "formula_error")),
        ),
        _case("xml_without_addresses", partial(bare_xlsx, sheet_xml(_unaddressed(body(typed(1), typed(2))))), sound),
        _case(
            "xml_carriage_returns_in_words",
            partial(bare_xlsx, sheet_xml(sheet.replace("绿证数量（", "绿证数量_x000D_\n（"))),
            sound,
        ),
        _case("xml_strict", lambda: strict, sound),
        _case("xml_styled_to_the_last_column", partial(bare_xlsx, sheet_xml(styled)), sound),
        _case("xml_styled_to_the_last_row", partial(bare_xlsx, sheet_xml(low)), sound),
        _case("xml_sheet_twice", partial(archive, twice), refused("not_a_statement", "truncated", "sheet_twice")),
    ]


def _unaddressed(lines: Sequence[Line]) -> str:
    """Rows and cells without `r`, each following the one before."""
    rows = []
    for each in lines:
        cells = (
            f"<c><v>{cell}</v></c>" if isinstance(cell, int | float) else f'<c t="inlineStr"><is><t>{cell}</t></is></c>'
            for cell in each
        )
        rows.append(f"<row>{''.join(cells)}</row>")
    return "".join(rows)


def _xls() -> list[Case]:
    def dated(old: bool) -> bytes:
        made = xlwt.Workbook()
        made.dates_1904 = old
        day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
        sheet = made.add_sheet("Sheet1")
        for number, each in enumerate(body(line(1), line(2)), start=0):
            for column, cell in enumerate(each):
                sheet.write(number, column, cell)
        sheet.write(6, 0, "T00000003")
        for column, cell in enumerate(typed(3)[1:], start=1):
            is_day = column in (TRADED, TRADED + 1)
            sheet.write(
                6,
                column,
                datetime.datetime(2024, 7, 5) if is_day else cell,
                day if is_day else xlwt.Style.default_style,
            )
        out = io.BytesIO()
        made.save(out)
        return out.getvalue()

    def formed(quantity: float, form: dict[str, str]) -> bytes:
        made = xlwt.Workbook()
        sheet = made.add_sheet("Sheet1")
        for number, each in enumerate(body(line(1), typed(2, quantity=quantity))):
            for column, cell in enumerate(each):
                is_odd = (number, column) == (5, QUANTITY)
                sheet.write(number, column, cell, xlwt.easyxf(**form) if is_odd else xlwt.Style.default_style)
        out = io.BytesIO()
        made.save(out)
        return out.getvalue()

    day = {"2.traded_on": "2024-07-05"}
    computed = xlwt.Formula("50+50")
    return [
        _case("xls_day_typed", partial(dated, False), reads(3, 300, cells=day), "t.xls"),
        _case(
            "xls_number_in_wan_by_its_form",
            partial(formed, 0.01, {"num_format_str": '0.00"万张"'}),
            reads(2, 200, warned=((6, "unit_by_form"),)),
            "t.xls",
        ),
        _case(
            "xls_figure_in_red",
            partial(formed, 100, {"strg_to_parse": "font: colour red"}),
            reads(2, 200, warned=((6, "row_in_red"),)),
            "t.xls",
        ),
        _case("xls_day_of_1904", partial(dated, True), reads(3, 300, cells=day), "t.xls"),
        _case(
            "xls_formula_never_computed",
            lambda: xls(Page(body(line(1), typed(2, quantity=computed)))),
            reads(1, 100, (6, SOME)),
            "t.xls",
        ),
        _case(
            "xls_two_sheets", partial(xls, Page(body(line(1))), Page(body(line(2)), "Sheet2")), reads(2, 200), "t.xls"
        ),
    ]


def _ods() -> list[Case]:
    above = "".join(map(ods_row, [TITLE, PERIOD, UNITS, HEADER]))

    def of(odd: str, place: int = QUANTITY, attributes: str = "") -> Callable[[], bytes]:
        cells = [ods_cell(cell) for cell in line(2)]
        cells[place] = odd
        rows = f"{above}{ods_row(line(1))}<table:table-row{attributes}>{''.join(cells)}</table:table-row>"
        return partial(ods_of, ods_table(rows))

    def typed_cell(kind: str, value: str, shown: str = "", more: str = "") -> str:
        name = {"date": "date-value", "boolean": "boolean-value", "string": "string-value"}.get(kind, "value")
        attributes = f'office:value-type="{kind}" office:{name}="{value}" {more}'
        return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"

    sound, plain = reads(2, 200), ods_cell(100)
    failed = typed_cell("string", "", "#DIV/0!", 'table:formula="of:=1/0" calcext:value-type="error"')
    noted = plain.replace("<text:p>", "<office:annotation><text:p>应为1,000</text:p></office:annotation><text:p>", 1)
    twice = "".join([above, ods_row(line(1)), ods_row(line(2), ' table:number-rows-repeated="2"')])
    grouped = f"<table:table-header-rows>{above}</table:table-header-rows><table:table-row-group>{ods_row(line(1))}"
    grouped += f"{ods_row(line(2))}</table:table-row-group>"
    blank = '<table:table-cell table:number-columns-repeated="16384"/>'
    blanks = f'<table:table-row table:number-rows-repeated="1048000">{blank}</table:table-row>'
    rest = f"{above}{ods_row(line(1))}{ods_row(line(2))}{blanks}"
    return [
        _case("ods_number_shown_short", of(typed_cell("float", "100", "0.01万")), sound, "t.ods"),
        _case("ods_currency", of(typed_cell("currency", "5.2", "￥5.20"), PRICE), sound, "t.ods"),
        _case("ods_day", of(typed_cell("date", "2024-07-05", "7月5日"), TRADED), sound, "t.ods"),
        _case("ods_day_and_hour", of(typed_cell("date", "2024-07-05T09:30:00", "x"), TRADED), sound, "t.ods"),
        _case(
            "ods_boolean", of(typed_cell("boolean", "true", "TRUE")), reads(1, 100, (6, "number_malformed")), "t.ods"
        ),
        _case("ods_error", of(failed, PRICE), reads(1, 100, (6, "formula_error")), "t.ods"),
        _case(
            "ods_formula_never_computed",
            of('<table:table-cell table:formula="of:=50+50"/>'),
            reads(1, 100, (6, "formula_without_value")),
            "t.ods",
        ),
        _case("ods_annotation", of(noted), sound, "t.ods"),
        _case(
            "ods_hidden_by_a_filter",
            of(plain, QUANTITY, ' table:visibility="filter"'),
            reads(2, 200, warned=((6, "hidden_row"),)),
            "t.ods",
        ),
        _case("ods_row_repeated", partial(ods_of, ods_table(twice)), reads(3, 200, duplicates=1), "t.ods"),
        _case("ods_rows_in_groups", partial(ods_of, ods_table(grouped)), sound, "t.ods"),
        _case("ods_blank_to_the_end", partial(ods_of, ods_table(rest)), sound, "t.ods"),
        _case(
            "ods_text_in_two_paragraphs",
            of(
                '<table:table-cell office:value-type="string"><text:p>样例</text:p>'
                "<text:p>光伏</text:p></table:table-cell>",
                4,
            ),
            sound,
            "t.ods",
        ),
    ]
