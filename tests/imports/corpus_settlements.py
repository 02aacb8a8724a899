"""Green-power settlements: merged headers, energies in every unit, corrections, carried fractions, months."""

from collections.abc import Callable, Sequence
from functools import partial

from tests.imports.corpus import SOME, Case, Flagged, Verdict, reads, refused
from tests.imports.corpus_files import Line, Page, ods, text, xls, xlsx
from tests.imports.settlement_files import GROUPS, Row, settlement_row

TITLE = ["北京电力交易中心 绿色电力交易结算及绿证划转明细"]
MONTH = ["结算月份：2024年6月"]
NAMES = [name for _, columns in GROUPS for name in columns]
TOP = [group or columns[0] for group, columns in GROUPS for _ in columns]
SPARSE = [cell for group, columns in GROUPS for cell in (group or columns[0], *[""] * (len(columns) - 1))]
BELOW = [name if group else "" for group, columns in GROUPS for name in columns]
AREAS = [(3, TOP.index(group) + 1, 3, TOP.index(group) + len(columns)) for group, columns in GROUPS if len(columns) > 1]
AREAS += [(3, 1, 4, 1), (3, len(NAMES), 4, len(NAMES))]
ENERGY, DUE, DONE, DAY = "绿电结算电量（兆瓦时）", "应划转（个）", "已划转（个）", "划转日期"
PRICE, VALUE, TAIL = "环境价值（元/兆瓦时）", "环境价值费用（元）", "尾差结转（兆瓦时）"


def line(number: int = 1, energy: str = "100.600", **cells: str) -> list[str]:
    """A sound row of 100 certificates, each of its own contract, with the named cells changed."""
    given = {"序号": str(number), "合同编号": f"LD-2024-06{number:02}"} | settlement_row(energy)
    given |= {"合同编号": f"LD-2024-06{number:02}", TAIL: "0.600", DAY: "2024年7月25日"} | cells
    return [given.get(name, "") for name in NAMES]


def total(label: str = "合计", **cells: str) -> list[str]:
    """A line of totals."""
    return [label, *(cells.get(name, "") for name in NAMES[1:])]


def body(*lines: Line, above: Sequence[Line] = (TITLE, MONTH), header: Sequence[Line] = (SPARSE, BELOW)) -> list[Line]:
    """The lines below a title and a header of two rows; the first of them is line 5."""
    return [*above, *header, *lines]


TWO = {ENERGY: "201.200", VALUE: "1,006.00", DUE: "200", DONE: "200", TAIL: "1.200"}
BOTH = (line(1), line(2))


def cases() -> list[Case]:
    """Every case of this module."""
    return [
        *_t10(),
        *_headers(),
        *_units(),
        *_rows(),
        *_corrections(),
        *_dittos(),
        *_months(),
        *_totals(),
        *_furniture(),
        *_sheets(),
    ]


def _case(name: str, lines: Sequence[Line], verdict: Verdict, file: str = "settlement.xlsx") -> Case:
    make = partial(text, lines) if file.endswith(".csv") else partial(xlsx, Page(lines, merged=AREAS))
    return Case(f"settlement_{name}", file, make, verdict)


T10 = """
1|青海黄河鑫业有限公司|63010000123|示例新能源|共和示例光伏二期|光伏|青海|LD-2024-0618|2024年6月青海省内绿电双边|双边协商|12,000.000
|11,400.000|11,850.000|11,400.000|227.70|5.00|2,595,780.00|57,000.00|11,400|11,400|0.000|2024年7月25日|
2|青海百河铝业有限责任公司|63010000124|示例风电|茶卡示例风电|风电|青海|LD-2024-0619|同上|双边协商|5,000.000
|5,210.400|4,980.600|4,980.600|227.70|4.80|1,134,082.62|23,906.88|4,980|4,980|0.600|2024年7月25日|
3|青海百河铝业有限责任公司|63010000124|示例风电|茶卡示例风电|风电|青海|LD-2024-0619|同上|双边协商|
|||-100.000|227.70|4.80|-22,770.00|-480.00|-100|-100||2024年8月26日|退补更正（5月）
合计||||||||||17,000.000
|16,610.400|16,830.600|16,280.600|||3,707,092.62|80,426.88|16,280|16,280|0.600||
""".strip()
"""The rows of domain case T10 as the reference prints them, each on two lines."""


def _t10() -> list[Case]:
    rows = [one.split("|") for one in T10.replace("\n|", "|").split("\n")]
    assert {len(one) for one in rows} == {len(NAMES)}
    lines = body(*rows)
    values = {
        "layout": "B", "platform": "BEIJING", "amount_fen": 5_700_000, "1.tail_kwh": 600, "1.settled_kwh": 4_980_600,
        "2.due": -100, "2.production_month": "2024-05", "2.is_correction": True, "1.production_month": "2024-06",
    }  # fmt: skip
    verdict = reads(3, 16_280, control="exact", cells=values)
    made: dict[str, Callable[[], bytes]] = {
        kind: partial(write, Page(lines, merged=AREAS)) for kind, write in (("xlsx", xlsx), ("xls", xls), ("ods", ods))
    }
    made |= {"csv": partial(text, lines), "utf_16": partial(text, lines, encoding="utf-16", mark="\t")}
    return [Case(f"settlement_t10_{kind}", "settlement.file", make, verdict) for kind, make in made.items()]


def _headers() -> list[Case]:
    back = [one[::-1] for one in (TOP, BELOW, line(1), line(2))]
    joined = [f"{group}/{name}" if group else name for group, columns in GROUPS for name in columns]
    other = {
        "企业名称": "购方名称",
        "发电企业": "售方名称",
        "合同编号": "合同号",
        ENERGY: "结算电量（兆瓦时）",
        DUE: "应划转绿证（个）",
        DONE: "已划转绿证（个）",
        VALUE: "环境价值电费（元）",
    }
    fewer = ["企业名称", "合同编号", ENERGY, DUE]
    few = [[one[NAMES.index(name)] for name in fewer] for one in BOTH]
    left = [name for name in NAMES if name != DUE]
    lacking = [[cell for cell, name in zip(one, NAMES, strict=True) if name != DUE] for one in (NAMES, *BOTH)]
    assert len(left) == len(lacking[0])
    sound = reads(2, 200)
    return [
        _case("header_of_one_row", body(*BOTH, header=[NAMES]), reads(2, 200, cells={"line": 4}), "b.csv"),
        _case("header_of_two_full_rows", body(*BOTH, header=(TOP, BELOW)), sound, "b.csv"),
        _case("header_joined", body(*BOTH, header=[joined]), sound, "b.csv"),
        _case("header_from_right_to_left", [TITLE, MONTH, *back], sound, "b.csv"),
        _case("header_of_other_names", body(*BOTH, header=[[other.get(name, name) for name in NAMES]]), sound, "b.csv"),
        _case("columns_that_may_lack", body(*few, header=[fewer]), sound, "b.csv"),
        _case("column_missing", [TITLE, MONTH, *lacking], refused("column_missing", line=3), "b.csv"),
        _case("preamble_of_18", body(*BOTH, above=[TITLE, MONTH, *[["报送材料"]] * 16]), sound, "b.csv"),
    ]


def _units() -> list[Case]:
    """100.600 MWh in other words; the price and the value stay."""

    def of(energy: str, header: str, above: Line = (), **cells: str) -> list[Line]:
        names = [header if name == ENERGY else name for name in NAMES]
        return body(
            line(1, **({ENERGY: energy} | cells)), above=[TITLE, MONTH, above or ["单位：个、元"]], header=[names]
        )

    found = []
    for name, (energy, header) in {
        "wan_kwh": ("10.06", "绿电结算电量（万千瓦时）"),
        "kwh": ("100,600", "绿电结算电量（千瓦时）"),
        "kwh_letters": ("100600", "绿电结算电量（kW·h）"),
        "cell": ("10.06万千瓦时", ENERGY),
        "cell_full_width": ("１００．６００", ENERGY),
    }.items():
        verdict = reads(1, 100, cells={"settled_kwh": 100_600})
        found.append(_case(f"unit_{name}", of(energy, header), verdict, "b.csv"))
    titled = of("10.06", "绿电结算电量", ["单位：万千瓦时、个、元"])
    return [
        *found,
        _case("unit_title", titled, reads(1, 100, cells={"settled_kwh": 100_600}), "b.csv"),
        _case("unit_none", of("100.6", "绿电结算电量", ["2024年"]), refused("unit_missing", line=4), "b.csv"),
        _case("unit_of_certificates_only", of("100.6", "绿电结算电量"), refused("unit_missing", line=4), "b.csv"),
        _case("unit_of_the_price", body(line(1, **{PRICE: "0.005元/千瓦时"})), reads(1, 100), "b.csv"),
        _case("unit_wrong_by_ten", of("100.6", "绿电结算电量（万千瓦时）"), reads(0, 0, (5, SOME)), "b.csv"),
        _case(
            "unit_wrong_by_ten_without_a_price",
            of("100.6", "绿电结算电量（万千瓦时）", **{PRICE: "", VALUE: ""}),
            reads(0, 0, (5, "certificates_not_of_energy")),
            "b.csv",
        ),
        _case("unit_of_certificates_in_the_cell", of("100个", ENERGY), reads(0, 0, (5, "unit_unexpected")), "b.csv"),
        _case("unit_of_certificates_wan", body(line(1, **{DUE: "0.01万", DONE: "0.01万张"})), reads(1, 100), "b.csv"),
    ]


def _rows() -> list[Case]:
    """Cells of one row, in line 6, between two sound ones."""
    bad: dict[str, tuple[Row, str]] = {
        "energy_of_half_a_kwh": ({ENERGY: "100.6005", PRICE: ""}, "energy_not_whole_kwh"),
        "value_wrong": ({VALUE: "503.02"}, "amount_not_quantity_times_price"),
        "due_of_other_energy": ({DUE: "1000", DONE: "1000"}, "certificates_not_of_energy"),
        "due_of_two_more": ({DUE: "102", DONE: "102"}, "certificates_not_of_energy"),
        "due_of_other_sign": ({DUE: "-100", DONE: "-100"}, "certificates_not_of_energy"),
        "due_fraction": ({DUE: "100.6", DONE: "100.6"}, SOME),
        "partly_transferred": ({DONE: "60"}, "transfer_partial"),
        "transferred_without_a_day": ({DAY: "/"}, "transfer_date_missing"),
        "day_impossible": ({DAY: "2024-06-31"}, "date_impossible"),
        "contract_rounded": ({"合同编号": "2.02406E+15"}, "identifier_damaged"),
        "energy_formula_error": ({ENERGY: "#REF!"}, "formula_error"),
    }
    good: dict[str, tuple[Row, int]] = {
        "value_all_in": ({PRICE: "", VALUE: "—"}, 100),
        "not_transferred_yet": ({DONE: "", DAY: ""}, 100),
        "due_of_one_more_by_what_was_carried": ({DUE: "101", DONE: "101"}, 101),
        "less_than_one": ({ENERGY: "0.600", VALUE: "3.00", DUE: "0", DONE: "0"}, 0),
        "day_without_its_year": ({DAY: "7月25日"}, 100),
        "day_as_serial": ({DAY: "45498"}, 100),
        "buyer_named_like_a_total": ({"企业名称": "青海网页计算科技有限公司"}, 100),
    }
    found = []
    for name, (cells, rule) in bad.items():
        found.append(_case(name, body(line(1), line(2, **cells), line(3)), reads(2, 200, (6, rule)), "b.csv"))
    for name, (cells, count) in good.items():
        found.append(_case(name, body(line(1), line(2, **cells), line(3)), reads(3, 200 + count), "b.csv"))
    least = {"合同电量（兆瓦时）": "90.000", "上网电量（兆瓦时）": "95.000", "用电量（兆瓦时）": "120.000"}
    again = line(2, "100.6", **{DAY: "2024-07-25", VALUE: "503", DUE: "１００"})
    return [
        *found,
        _case(
            "settled_more_than_the_least",
            body(line(1, **least)),
            reads(1, 100, warned=((5, "settled_not_least"),)),
            "b.csv",
        ),
        _case("row_again_in_other_writing", body(line(1), line(2), again), reads(3, 200, duplicates=1), "b.csv"),
    ]


def _corrections() -> list[Case]:
    def of(remark: str, month: str = "2024年6月", energy: str = "-100.000", **cells: str) -> list[Line]:
        value = "-500.00" if energy.startswith("-") else "500.00"
        due = energy.partition(".")[0]
        given = {VALUE: value, DUE: due, DONE: due, TAIL: "", "备注": remark} | cells
        return body(line(1), line(2, "100.000", **({ENERGY: energy} | given)), above=[TITLE, [f"结算月份：{month}"]])

    found = []
    for name, (remark, month, wanted) in {
        "of_may": ("退补更正（5月）", "2024年6月", "2024-05"),
        "of_last_december": ("12月电量退补", "2024年1月", "2023-12"),
        "of_december_with_its_year": ("冲销2023年12月", "2024年1月", "2023-12"),
        "of_no_month": ("退补更正", "2024年6月", "2024-06"),
        "without_a_word": ("", "2024年6月", "2024-06"),
    }.items():
        verdict = reads(2, 0, cells={"1.production_month": wanted, "1.is_correction": True, "1.due": -100})
        found.append(_case(f"correction_{name}", of(remark, month), verdict, "b.csv"))
    upward = reads(2, 200, cells={"1.production_month": "2024-05", "1.is_correction": True})
    brackets = {ENERGY: "（100.000）", VALUE: "(500.00)", DUE: "(100)", DONE: "（100）"}
    minus = {ENERGY: "－100.000", VALUE: "－500.00", DUE: "－100", DONE: "−100"}
    return [
        *found,
        _case("correction_upwards", of("追补（5月）", energy="100.000"), upward, "b.csv"),
        _case("correction_in_brackets", of("退补（5月）", **brackets), reads(2, 0), "b.csv"),
        _case("correction_with_full_width_signs", of("退补（5月）", **minus), reads(2, 0), "b.csv"),
        _case("correction_of_month_13", of("退补（13月）"), Flagged(6), "b.csv"),
    ]


def _dittos() -> list[Case]:
    same = {"企业名称": "同上", "发电企业": "同上", "交易序列名称": "同上"}
    name, maker = "青海黄河鑫业有限公司", "样例光伏有限公司"
    half = total("小计", **{DUE: "100", DONE: "100"})
    cells = {"1.buyer_name": name, "1.seller_name": maker}
    return [
        _case("ditto", body(line(1), line(2, **same)), reads(2, 200, cells=cells), "b.csv"),
        _case(
            "ditto_of_the_seller_below_a_subtotal",
            body(line(1), half, line(2, 发电企业="同上"), half),
            reads(2, 200, cells=cells),
            "b.csv",
        ),
        _case(
            "ditto_in_the_first_row",
            body(line(1, 发电企业="同上"), line(2)),
            reads(1, 100, (5, "value_missing")),
            "b.csv",
        ),
        _case("ditto_with_a_blank", body(line(1), line(2, 发电企业=" 同上")), reads(2, 200, cells=cells), "b.csv"),
    ]


def _months() -> list[Case]:
    june = reads(2, 200, cells={"production_month": "2024-06"})
    found = []
    for name, given in {
        "days": "结算周期：2024年6月1日至2024年6月30日",
        "title": "青海省2024年6月绿电结算单",
        "beside_the_print": "结算月份：2024年6月    打印日期：2024-07-20",
        "before_the_filling": "填报日期：2024年7月20日 结算月份：2024年6月",
    }.items():
        found.append(_case(f"month_{name}", body(*BOTH, above=[TITLE, [given]]), june, "b.csv"))
    missing = refused("month_missing")
    for name, given in {
        "missing": "青海省",
        "13": "结算月份：2025-13",
        "of_the_print": "打印日期：2024年7月20日",
        "of_the_filling": "填报日期：2024年7月20日",
        "without_a_year": "结算月份：6月",
    }.items():
        found.append(_case(f"month_{name}", body(*BOTH, above=[TITLE, [given]]), missing, "b.csv"))
    bare = body(*BOTH, above=[TITLE])
    sheet = partial(xlsx, Page(body(*BOTH, above=[TITLE, [""]]), "2024年6月"))
    of_2026 = body(line(1, DAY="", **{DAY: "2026-02-25"}), above=[TITLE, ["结算月份：2026年1月"]])
    both = body(*BOTH, above=[["北京电力交易中心、广州电力交易中心绿电结算"], MONTH])
    return [
        *found,
        _case("month_in_the_name", bare, june, "green-power-settlement-2024-06.csv"),
        _case("month_in_the_title_outranks_the_name", body(*BOTH), june, "green-power-settlement-2024-05.csv"),
        Case("settlement_month_in_the_sheets_name", "b.xlsx", sheet, june),
        _case("of_2026", of_2026, reads(1, 100, cells={"production_month": "2026-01"}), "b.csv"),
        _case("of_two_platforms", both, refused("platform_ambiguous"), "b.csv"),
    ]


def _totals() -> list[Case]:
    exact, no, none = (reads(2, 200, control=control) for control in ("exact", "no", "none"))
    half = {ENERGY: "100.600", VALUE: "503.00", DUE: "100", DONE: "100", TAIL: "0.600"}
    page, year = total("本页小计", **half), total("本年累计", **{DUE: "9,200", DONE: "9,200"})
    found = []
    for name, (lines, verdict) in {
        "exact": ([*BOTH, total(**TWO)], exact),
        "of_certificates_only": ([*BOTH, total(**{DUE: "200", DONE: "200"})], exact),
        "of_other_certificates": ([*BOTH, total(**(TWO | {DUE: "300"}))], no),
        "of_other_value": ([*BOTH, total(**(TWO | {VALUE: "1,006.01"}))], no),
        "none": (BOTH, none),
        "with_subtotals": ([BOTH[0], page, BOTH[1], page, total(**TWO)], exact),
        "with_year_to_date": ([*BOTH, total(**TWO), year], exact),
        "of_pages_only": ([BOTH[0], page, BOTH[1], page], exact),
        "of_pages_wrong": ([BOTH[0], page, BOTH[1], total("小计", **(half | {DUE: "90"}))], no),
        "not_computed": ([*BOTH, total(**(TWO | {DUE: "#REF!"}))], reads(2, 200, (7, "formula_error"))),
    }.items():
        found.append(_case(f"total_{name}", body(*lines), verdict, "b.csv"))
    return found


def _furniture() -> list[Case]:
    exact, sums = reads(2, 200, control="exact"), total(**TWO)
    found = []
    for name, lines in {
        "signatures": [["制表人：张三", "", "审核：李四", "", "盖章："]],
        "note": [["注：电量以结算数据为准。"]],
        "note_without_a_mark": [["以上数据以国家绿证核发交易系统数据为准。"]],
        "stamp": [["北京电力交易中心有限公司（章）"], ["2024年7月20日"]],
        "pages": [["第1页 共1页"]],
    }.items():
        found.append(_case(f"below_{name}", body(*BOTH, sums, *lines), exact, "b.csv"))
    order = [NAMES[0], *NAMES[:0:-1]]
    turned = [line(3)[NAMES.index(name)] for name in order]
    swapped = list(NAMES)
    one, other = NAMES.index("企业名称"), NAMES.index("发电企业")
    swapped[one], swapped[other] = "发电企业", "企业名称"
    sold = line(3)
    sold[one], sold[other] = sold[other], sold[one]
    title = body(BOTH[0], TITLE, MONTH, SPARSE, BELOW, BOTH[1], sums)
    note = Page(body(*BOTH, ["注：数据截至2024年7月20日。", *[""] * 22]), merged=[*AREAS, (7, 1, 7, 23)])
    return [
        *found,
        _case("header_again", body(BOTH[0], SPARSE, BELOW, BOTH[1]), reads(2, 200), "b.csv"),
        _case(
            "header_again_above_a_correction",
            body(BOTH[0], SPARSE, BELOW, line(2, 备注="退补（5月）")),
            reads(2, 200, cells={"1.production_month": "2024-05"}),
            "b.csv",
        ),
        _case("month_between", body(BOTH[0], ["结算月份：2024年7月"], BOTH[1]), Flagged(6), "b.csv"),
        _case("title_and_header_again", title, exact, "b.csv"),
        _case(
            "header_again_in_other_order",
            body(*BOTH, order, turned, header=[NAMES]),
            reads(3, 300, cells={"2.contract": "LD-2024-0603"}),
            "b.csv",
        ),
        _case(
            "header_again_with_buyer_and_seller_changed_over",
            body(*BOTH, swapped, sold, header=[NAMES]),
            reads(3, 300, cells={"2.buyer_name": "青海黄河鑫业有限公司"}),
            "b.csv",
        ),
        Case("settlement_merged_note", "b.xlsx", partial(xlsx, note), reads(2, 200)),
    ]


def _sheets() -> list[Case]:
    first, second = Page(body(line(1)), "一", AREAS), Page(body(line(2)), "二", AREAS)
    summed, bare = Page(body(line(1), total(**{DUE: "100"})), "一", AREAS), second
    july = Page(body(line(2), above=[TITLE, ["结算月份：2024年7月"]]), "二", AREAS)
    joint = [line(1), line(2)]
    for at in (NAMES.index(DUE), NAMES.index(DONE)):
        joint[1][at] = ""
    areas = [*AREAS, *((5, NAMES.index(name) + 1, 6, NAMES.index(name) + 1) for name in (DUE, DONE))]
    return [
        Case("settlement_two_sheets", "b.xlsx", partial(xlsx, first, second), reads(2, 200)),
        Case("settlement_two_sheets_one_total", "b.xlsx", partial(xlsx, summed, bare), reads(2, 200, control="none")),
        Case(
            "settlement_two_sheets_of_two_months",
            "b.xlsx",
            partial(xlsx, first, july),
            refused("several_sheets", "several_months", "month_ambiguous"),
        ),
        Case(
            "settlement_hidden_row",
            "b.xlsx",
            partial(xlsx, Page(body(*BOTH), merged=AREAS, hidden_lines=[6])),
            reads(2, 200, warned=((6, "hidden_row"),)),
        ),
        Case("settlement_hidden_sheet", "b.xlsx", partial(xlsx, first, second._replace(hidden=True)), Flagged(None)),
        Case(
            "settlement_merged_figure_of_two_rows",
            "b.xlsx",
            partial(xlsx, Page(body(*joint), merged=areas)),
            reads(1, 100, (6, "value_missing")),
        ),
    ]
