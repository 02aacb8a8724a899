"""The park's summaries: 万张 and every other unit, lumps, intentions, rounding, months, what is no enterprise."""

import datetime
from collections.abc import Callable, Sequence
from functools import partial

from tests.imports.corpus import SOME, Case, Flagged, Verdict, reads, refused
from tests.imports.corpus_files import Line, Page, book, ods, saved, text, xls, xlsx

TITLE = ["甘河工业园区重点用能企业绿证认购、交易情况汇总表"]
AS_OF = ["填报单位：园区管委会   截至：2024年7月   单位：万张"]
TOP = [
    "序号",
    "企业名称",
    "所属行业",
    "年用电量（亿千瓦时）",
    "认购",
    "",
    "",
    "交易",
    "",
    "",
    "核销（万张）",
    "完成率（%）",
    "备注",
]
BELOW = ["", "", "", "", "数量（万张）", "日期", "依据", "数量（万张）", "平台", "均价（元/张）", "", "", ""]
AREAS = [(1, 1, 1, 13), (3, 5, 3, 7), (3, 8, 3, 10)]
HEADER = ["序号", "企业名称", "认购数量", "认购日期", "认购依据", "交易数量", "核销数量", "备注"]
ONE = [1, "黄河鑫业", 120, "2024.3", "承诺书", 1.2, 0, ""]
TWO = [2, "百河铝业", 105.5, "2024年4月", "承诺书", 0.8, 0, ""]
SUMS = ["合计", "2家", 225.5, "", "", 2, "", ""]
QUANTITY = 2_255_000


def body(*lines: Line, above: Sequence[Line] = (TITLE, AS_OF), header: Sequence[object] = HEADER) -> list[Line]:
    """The lines below a title and a header of one row; the first of them is line 4."""
    return [*above, header, *lines]


def cases() -> list[Case]:
    """Every case of this module."""
    return [*_reference(), *_units(), *_rows(), *_lumps(), *_months(), *_totals(), *_furniture(), *_sheets()]


def _case(name: str, lines: Sequence[Line], verdict: Verdict, file: str = "summary.xlsx") -> Case:
    return Case(f"summary_{name}", file, partial(xlsx, Page(lines)), verdict)


def _reference() -> list[Case]:
    """The summary that the domain reference prints, in every kind of file and order."""
    rows: list[Line] = [
        [1, "黄河鑫业", "电解铝", 33.70, 120, "2024.3", "承诺书", 1.20, "绿证平台", 5.20, 0, 1, ""],
        [2, "百河铝业", "电解铝", 34.10, 105.5, "2024.3", "承诺书", 0.80, "绿证平台", 4.85, 0, 0.76, ""],
        [3, "亚洲硅业", "多晶硅", 12.00, 46.3, "2024年4月", "承诺书", 1.12, "绿证平台", 1.25, "—", 2.42, ""],
        [4, "盐湖海纳", "PVC、水泥", 18.00, 21, "4月", "会议纪要", "—", "", "", "—", 0, "含水泥"],
        [5, "中复神鹰", "碳纤维", 6.20, 12.2, "/", "会议纪要", "/", "/", "/", "/", "/", ""],
        [6, "弗迪", "电池", 5.10, 10.0, "", "", "", "", "", "", "", "待签"],
        ["7-34", "其余28家", "", "", 18, "", "", 0, "", "", 0, 0, "明细另附"],
        ["合计", "34家", "", "", 333, "", "", 3.12, "", "", 0, 0.94, ""],
        ["填报人：", "", "审核：", "", "", "", "", "", "盖章：", "", "", "", ""],
    ]
    lines = [TITLE, AS_OF, TOP, BELOW, *rows]
    verdict = reads(
        7,
        3_330_000,
        control="exact",
        cells={
            "layout": "C",
            "subscribed": 1_200_000,
            "traded": 12_000,
            "retired": 0,
            "subscribed_on": "2024-03-31",
            "2.retired": None,
            "3.subscribed_on": "2024-04-30",
            "3.traded": None,
            "4.subscribed_on": None,
            "5.kind": "INTENTION",
            "6.kind": "LUMP",
            "6.lump_count": 28,
            "6.traded": 0,
        },
    )
    written = [[f"{cell:,}" if isinstance(cell, int | float) else cell for cell in one] for one in lines]
    back = [[*one, *[""] * (13 - len(one))][::-1] for one in lines[2:]]
    filled = [TITLE, AS_OF, [*TOP[:5], "认购", "认购", "交易", "交易", "交易", *TOP[10:]], BELOW, *rows]
    turned = [
        TITLE,
        AS_OF,
        ["备注", "完成率（%）", "核销（万张）", "交易", "", "", "认购", "", "", *TOP[3::-1]],
        *back[1:],
    ]
    pages: dict[str, Callable[..., bytes]] = {"xlsx": xlsx, "xls": xls, "ods": ods}
    made: dict[str, Callable[[], bytes]] = {
        kind: partial(write, Page(lines, "汇总", AREAS)) for kind, write in pages.items()
    }
    made |= {
        "csv": partial(text, written),
        "utf_16": partial(text, written, encoding="utf-16"),
        "groups_filled": partial(text, filled),
        "from_right_to_left": partial(xlsx, Page(turned)),
    }
    return [Case(f"summary_reference_{kind}", "park-summary", make, verdict) for kind, make in made.items()]


def _units() -> list[Case]:
    """1,200,000 certificates subscribed and 12,000 traded, in other words."""
    found = []
    for name, (above, subscribed, traded, big, small) in {
        "zhang": ("截至：2024年7月", "认购数量（张）", "交易数量（张）", "1,200,000", "12,000"),
        "ge_full_width": ("截至：2024年7月", "认购数量（个）", "交易数量（个）", "１，２００，０００", "１２０００"),
        "bai_wan": ("截至：2024年7月", "认购数量（百万张）", "交易数量（万个）", 1.2, 1.2),
        "wan_kwh": ("截至：2024年7月", "认购量（万千瓦时）", "成交量（万千瓦时）", 120_000, 1_200),
        "yi_kwh": ("截至：2024年7月", "认购量（亿千瓦时）", "交易量（亿千瓦时）", 12, 0.12),
        "mwh": ("截至：2024年7月", "认购量（MWh）", "交易量（兆瓦时）", 1_200_000, 12_000),
        "title": ("截至：2024年7月   单位：万张", "认购数量", "交易数量", 120, 1.2),
        "title_in_brackets": ("（截至2024年7月，单位：万张）", "认购数量", "交易数量", 120, 1.2),
        "cells": ("截至：2024年7月", "认购数量", "交易数量", "120万张", "1.2万张"),
        "header_over_title": ("截至：2024年7月   单位：万张", "认购数量（张）", "交易数量（张）", 1_200_000, 12_000),
        "names_of_others": ("截至：2024年7月 单位：万张", "承诺认购量", "已交易量", 120, 1.2),
    }.items():
        header = ["序号", "企业名称", subscribed, traded]
        lines = body([1, "黄河鑫业", big, small], above=[TITLE, [above]], header=header)
        verdict = reads(1, 1_200_000, cells={"subscribed": 1_200_000, "traded": 12_000})
        found.append(_case(f"unit_{name}", lines, verdict))
    shown = book(Page(body([1, "黄河鑫业", 120, "", "", 1, "", ""], above=[TITLE, ["截至：2024年7月"]])))
    shown.active["C4"].number_format = '0.0"万张"'
    none = body([1, "黄河鑫业", 120, "", "", "", "", ""], above=[TITLE, ["截至：2024年7月"]])
    return [
        *found,
        Case("summary_unit_by_the_form_of_the_cell", "summary.xlsx", partial(saved, shown), Flagged(4)),
        _case("unit_none_at_all", none, Flagged(None)),
    ]


def _rows() -> list[Case]:
    """Cells of one row, in line 5, below a sound one."""
    bad: dict[str, tuple[dict[int, object], str]] = {
        "name_blank": ({1: ""}, "value_missing"),
        "subscribed_approximate": ({2: "约120"}, "number_approximate"),
        "subscribed_more_than": ({2: "120余万张"}, "number_approximate"),
        "subscribed_fraction": ({2: 0.00005}, "count_not_whole"),
        "subscribed_negative": ({2: -1}, "count_negative"),
        "subscribed_error": ({2: "#DIV/0!"}, "formula_error"),
        "traded_negative": ({5: "(0.8)"}, "count_negative"),
        "traded_approximate": ({5: "近0.8"}, "number_approximate"),
        "day_after_the_summary": ({3: "2024.12"}, "date_after_as_of"),
        "day_impossible": ({3: "2024-02-30"}, "date_impossible"),
    }
    good: dict[str, tuple[dict[int, object], dict[str, object]]] = {
        "day_of_last_november": ({3: "11月"}, {"1.subscribed_on": "2023-11-30"}),
        "day_as_serial": ({3: 45382}, {"1.subscribed_on": "2024-03-31"}),
        "day_not_signed": ({3: "待签"}, {"1.kind": "INTENTION", "1.subscribed_on": None}),
        "nulls": ({3: "/", 4: "无", 5: "—", 6: "-"}, {"1.traded": None, "1.retired": None}),
        "traded_nought": ({5: 0}, {"1.traded": 0}),
        "name_with_blanks": ({1: "百河铝业　"}, {"1.name": "百河铝业"}),
        "name_in_brackets": ({1: "亚洲硅业(青海)股份有限公司"}, {"1.kind": "ENTERPRISE"}),
        "intended": ({7: "拟签"}, {"1.kind": "INTENTION"}),
        "name_like_a_total": ({1: "青海网页计算科技有限公司"}, {"1.kind": "ENTERPRISE"}),
    }
    found = []
    for name, (cells, rule) in bad.items():
        lines = body(ONE, [cells.get(at, cell) for at, cell in enumerate(TWO)])
        found.append(_case(name, lines, reads(1, 1_200_000, (5, rule))))
    for name, (cells, values) in good.items():
        lines = body(ONE, [cells.get(at, cell) for at, cell in enumerate(TWO)])
        found.append(_case(name, lines, reads(2, QUANTITY, cells=values)))
    nothing = body(ONE, [2, "弗迪", "", "", "", "", "", ""])
    return [
        *found,
        _case("enterprise_that_did_nothing", nothing, reads(2, 1_200_000, cells={"1.subscribed": None})),
        _case("enterprise_twice", body(ONE, TWO, [3, *ONE[1:]]), Flagged(6)),
        _case(
            "formula_never_computed",
            body(ONE, [*TWO[:2], "=100+5.5", *TWO[3:]]),
            reads(1, 1_200_000, (5, "formula_without_value")),
        ),
    ]


def _lumps() -> list[Case]:
    found = []
    for name, (number, label, count) in {
        "digits": ("3-30", "其余28家", 28),
        "words": ("", "其他二十八家企业", 28),
        "firms": ("", "另有28户", 28),
        "wave": ("3～30", "其余28家", 28),
    }.items():
        lines = body(ONE, [number, label, 1.85, "", "", 0, 0, "明细另附"])
        verdict = reads(2, 1_218_500, cells={"1.kind": "LUMP", "1.lump_count": count})
        found.append(_case(f"lump_{name}", lines, verdict))
    dated = body(ONE, [datetime.datetime(2026, 3, 5), "其余3家", 1.85, "", "", 0, 0, ""])
    differs = body(ONE, ["3-30", "其余27家", 1.85, "", "", 0, 0, ""])
    uncounted = body(ONE, ["", "其余企业", 1.85, "", "", 0, 0, ""])
    return [
        *found,
        _case("lump_whose_numbers_became_a_day", dated, reads(2, 1_218_500, cells={"1.lump_count": 3})),
        _case("lump_of_another_count", differs, reads(1, 1_200_000, (5, "lump_count_differs"))),
        _case("lump_without_a_count", uncounted, reads(1, 1_200_000, (5, "lump_count_missing"))),
    ]


def _months() -> list[Case]:
    july = reads(2, QUANTITY, control="exact", cells={"1.subscribed_on": "2024-04-30"})
    rows = (ONE, TWO, SUMS)
    found = []
    for name, given in {
        "day": "截至2024年7月31日 单位：万张",
        "half_year": "统计期间：2024年1-7月 单位：万张",
        "beside_the_making": "截至：2024年7月  单位：万张  制表日期：2024-08-02",
        "beside_the_filling": "填报日期：2024年8月2日  截至：2024年7月  单位：万张",
    }.items():
        found.append(_case(f"month_{name}", body(*rows, above=[TITLE, [given]]), july))
    for name, given in {
        "missing": "单位：万张",
        "13": "截至：2025年13月 单位：万张",
        "without_a_year": "截至：7月 单位：万张",
        "of_the_print": "打印日期：2024年8月2日 单位：万张",
        "of_the_filling": "填报日期：2024年8月2日 单位：万张",
    }.items():
        found.append(_case(f"month_{name}", body(*rows, above=[TITLE, [given]]), refused("as_of_missing")))
    unnamed = body(*rows, above=[TITLE, ["单位：万张"]])
    titled = body(*rows, above=[["2024年1-7月甘河工业园区绿证认购、交易情况"], ["单位：万张"]])
    later = [[1, "黄河鑫业", 120, "2026.3", "承诺书", 1.2, 0, ""]]
    return [
        *found,
        _case("month_in_the_name", unnamed, july, "park-summary-2024-07.xlsx"),
        _case("month_in_the_title", titled, july),
        _case("of_2026", body(*later, above=[TITLE, ["截至：2026年7月 单位：万张"]]), reads(1, 1_200_000)),
    ]


def _totals() -> list[Case]:
    def of(*sums: object, label: str = "合计") -> list[Line]:
        return body(ONE, TWO, [label, *sums])

    rounded = body([1, "甲", 120.36, "", "", 1.23, "", ""], [2, "乙", 100.3, "", "", 1.21, "", ""],
                   ["合计", "2家", "221", "", "", 2.43, "", ""])  # fmt: skip
    year = ["累计", "34家", 900, "", "", 9, "", ""]
    sector = ["", "其中：电解铝", 225.5, "", "", 2, "", ""]
    exact, no, none = (reads(2, QUANTITY, control=control) for control in ("exact", "no", "none"))
    return [
        _case("total_exact", of("2家", 225.5, "", "", 2, "", ""), exact),
        _case("total_in_the_cell", of("2家", "225.5万张", "", "", "2万", "", ""), exact),
        _case("total_rounded", rounded, reads(2, 2_206_600, control="within_rounding")),
        _case("total_of_other_subscriptions", of("2家", 333, "", "", 2, "", ""), no),
        _case("total_of_other_trades", of("2家", 225.5, "", "", 3.12, "", ""), no),
        _case("total_of_other_enterprises", of("34家", 225.5, "", "", 2, "", ""), no),
        _case("total_none", body(ONE, TWO), none),
        _case("total_null", of("2家", "/", "", "", "/", "", ""), reads(2, QUANTITY, control="exact")),
        _case(
            "total_approximate", of("2家", "约225", "", "", 2, "", ""), reads(2, QUANTITY, (6, "number_approximate"))
        ),
        _case("total_with_subtotals", body(ONE, ["小计", "1家", 120, "", "", 1.2, "", ""], TWO, SUMS), exact),
        _case("total_with_year_to_date", body(ONE, TWO, SUMS, year), exact),
        _case("total_with_a_part_of_it", body(ONE, TWO, SUMS, sector), exact),
        _case("total_first", body(SUMS, ONE, TWO), exact),
        _case("subtotals_wrong", body(ONE, ["小计", "1家", 110, "", "", 1.2, "", ""], TWO), no),
    ]


def _furniture() -> list[Case]:
    exact = reads(2, QUANTITY, control="exact")
    found = []
    for name, lines in {
        "signatures": [["填报人：张三", "", "审核：李四", "", "盖章："]],
        "note": [["注：1.认购数量为承诺量；2.交易数量以平台为准。"]],
        "note_without_a_mark": [["认购数量为承诺量，交易数量以平台为准。"]],
        "stamp": [["园区管委会（章）"], ["2024年8月2日"]],
    }.items():
        found.append(_case(f"below_{name}", body(ONE, TWO, SUMS, *lines), exact))
    changed = ["序号", "企业名称", "交易数量", "认购日期", "认购依据", "认购数量", "核销数量", "备注"]
    sold = [3, "弗迪", 0.5, "2024.3", "承诺书", 10, 0, ""]
    unnumbered = [HEADER[1:], ONE[1:], ["打印家（青海）耗材有限公司", *TWO[2:]]]
    names = ["重点用能企业", "认购量", "成交量"]
    return [
        *found,
        _case("header_again", body(ONE, HEADER, TWO, SUMS), exact),
        _case("unit_between", body(ONE, ["单位：张"], HEADER, TWO), Flagged(5)),
        _case("title_and_header_again", body(ONE, TITLE, AS_OF, HEADER, TWO, SUMS), exact),
        _case(
            "header_again_with_two_columns_changed_over",
            body(ONE, TWO, changed, sold),
            reads(3, 2_355_000, cells={"2.traded": 5_000}),
        ),
        _case(
            "ditto",
            body(ONE, [2, "百河铝业", 105.5, "同上", "同上", 0.8, 0, ""]),
            reads(2, QUANTITY, cells={"1.subscribed_on": "2024-03-31", "1.basis": "承诺书"}),
        ),
        _case("name_like_a_signature", [TITLE, AS_OF, *unnumbered], reads(2, QUANTITY)),
        _case("header_of_other_names", body(["黄河鑫业", 120, 1.2], header=names), reads(1, 1_200_000)),
        _case(
            "column_missing",
            body(["黄河鑫业", 120, "承诺书"], header=["企业名称", "认购数量", "认购依据"]),
            refused("column_missing", "layout_unknown"),
        ),
        _case(
            "column_twice",
            body([1, "黄河鑫业", 120, 120, 1], header=["序号", "企业名称", "认购数量", "认购数量（张）", "交易数量"]),
            refused("column_ambiguous", line=3),
        ),
    ]


def _sheets() -> list[Case]:
    one, other = body(ONE, TWO, SUMS), body([3, "弗迪", 10, "", "", 0, 0, ""])
    joint = body(ONE, [2, "百河铝业", None, "", "", 0.8, 0, ""])
    return [
        Case(
            "summary_two_sheets",
            "summary.xlsx",
            partial(xlsx, Page(one, "一"), Page(other, "二")),
            refused("several_sheets"),
        ),
        Case(
            "summary_notes_beside",
            "summary.xlsx",
            partial(xlsx, Page([["说明"]], "一"), Page(one, "二")),
            reads(2, QUANTITY, control="exact"),
        ),
        Case(
            "summary_hidden_row",
            "summary.xlsx",
            partial(xlsx, Page(one, hidden_lines=[5])),
            reads(2, QUANTITY, warned=((5, "hidden_row"),)),
        ),
        Case(
            "summary_hidden_sheet_beside",
            "summary.xlsx",
            partial(xlsx, Page(one), Page(other, "旧", hidden=True)),
            Flagged(None),
        ),
        Case(
            "summary_merged_figure_of_two_rows",
            "summary.xlsx",
            partial(xlsx, Page(joint, merged=[(4, 3, 5, 3)])),
            reads(2, 1_200_000),
        ),
        Case(
            "summary_merged_date_of_two_rows",
            "summary.xlsx",
            partial(xlsx, Page(body(ONE, [*TWO[:3], None, *TWO[4:]]), merged=[(4, 4, 5, 4)])),
            reads(2, QUANTITY, cells={"1.subscribed_on": "2024-03-31"}),
        ),
        Case(
            "summary_boolean_in_the_total",
            "summary.xlsx",
            partial(xlsx, Page(body(ONE, TWO, ["合计", "", True, "", "", 2]))),
            reads(2, QUANTITY, (6, SOME)),
        ),
    ]
