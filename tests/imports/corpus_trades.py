"""A platform's trades as text: encodings, headers, what stands above, between and below the rows, and repeats."""

import csv
from collections.abc import Callable, Sequence
from functools import partial

from tests.imports.corpus import SOME, Case, Flagged, Verdict, reads, refused
from tests.imports.corpus_files import Line, Page, ods, text, xls, xlsx
from tests.imports.statement_files import CANONICAL, HEADERS, PROJECT, Row, row, total

TITLE, PERIOD, UNITS = ["绿证交易明细"], ["查询条件：交易日期 2024年7月1日至2024年7月31日"], ["单位：个、元"]
HEADER = [*CANONICAL.values()]
CODE = PROJECT + "202403" + "0000001" + "11"


def line(number: int = 1, **cells: str) -> list[str]:
    """A sound trade's cells, with the named ones changed."""
    return [*row(number, **cells).values()]


def cases() -> list[Case]:
    """Every case of this module."""
    return [
        *_t11(),
        *_encodings(),
        *_separators(),
        *_headers(),
        *_preambles(),
        *_totals(),
        *_totals_that_do_not_cover_all(),
        *_furniture(),
        *_pages(),
        *_dittos(),
        *_repeats(),
        *_conflicts(),
        *_corrections(),
        *_quotes(),
        *_periods(),
    ]


def _case(name: str, lines: Sequence[Line], verdict: Verdict, file: str = "trades.csv", **how: str) -> Case:
    return Case(f"trades_{name}", file, partial(text, lines, **how), verdict)


def _body(*lines: Line, above: Sequence[Line] = (TITLE, PERIOD, UNITS), header: Sequence[str] = HEADER) -> list[Line]:
    """The lines below a title and a header; the first of them is line 5."""
    return [*above, header, *lines]


T11 = """\
序号,订单编号,交易方式,买方名称,买方统一社会信用代码,卖方名称,项目名称,项目建档立卡编码,能源类型,项目所在省份,电量生产年月,绿证类型,\
绿证数量（个）,单价（元/个）,成交金额（元）,交易日期,划转日期,交易状态,绿证编号起,绿证编号止,备注
1,GEC20240705000123,挂牌交易,青海黄河鑫业有限公司,'91630000TEST00001X,海南州示例新能源有限公司,共和示例光伏一期,1A2B2023630100077,\
太阳能发电,青海,2024年3月,可交易,"12,000",5.20,"62,400.00",2024年7月5日,2024年7月8日,已划转,\
1A2B2023630100077202403000000111,1A2B2023630100077202403001200011,
2,GEC20240709000877,双边协商,百河铝业,'91630000TEST00002X,示例风电有限公司,茶卡示例风电,1B1A2022632800031,\
风力发电,青海,202402,可交易,８０００,4.85,"38,800.00",2024/7/9,2024/7/11,已划转,,,
3,GEC20240712001002,挂牌交易,亚洲硅业（青海）股份有限公司,'91630000TEST00003X,示例光伏有限公司,德令哈示例光伏,1A2B2021632800012,\
太阳能发电,青海,2022年11月,可交易,"11,200",1.25,"14,000.00",2024-07-12,,已成交待划转,,,
2,GEC20240709000877,双边协商,百河铝业,'91630000TEST00002X,示例风电有限公司,茶卡示例风电,1B1A2022632800031,\
风力发电,青海,202402,可交易,8000,4.85,38800,2024/7/9,2024/7/11,已划转,,,重复导出
合计,,,,,,,,,,,,"31,200",,"115,200.00",,,,,,
"""
"""The header and rows of domain case T11 as the reference prints them, some broken over lines."""


def _t11() -> list[Case]:
    """Domain case T11, as the reference prints it, in every kind of file."""
    rows = list(csv.reader(T11.splitlines()))
    assert {len(one) for one in rows} == {len(HEADER) + 1}
    lines = [TITLE, PERIOD, UNITS, *rows]
    values = {
        "quantity": 12_000, "1.quantity": 8_000, "2.state": "TRADED", "2.production_month": "2022-11", "3.line": 8,
        "layout": "A", "platform": "GEC",
    }  # fmt: skip
    verdict = reads(4, 31_200, control="exact", duplicates=1, cells=values)
    made: dict[str, Callable[[], bytes]] = {
        kind: partial(write, Page(lines)) for kind, write in (("xlsx", xlsx), ("xls", xls), ("ods", ods))
    }
    made["csv"] = partial(text, lines)
    return [Case(f"trades_t11_{kind}", "trades", make, verdict) for kind, make in made.items()]


def _encodings() -> list[Case]:
    lines, sound = _body(line(1), line(2), total("200", "1,040.00")), reads(2, 200, control="exact")
    plain = {"utf_8": "utf-8", "utf_8_with_mark": "utf-8-sig", "gb18030": "gb18030", "utf_16": "utf-16"}
    found = [_case(f"in_{name}", lines, sound, encoding=encoding) for name, encoding in plain.items()]
    big = partial(_encoded, lines, "utf-16-be", b"\xfe\xff")
    found.append(Case("trades_in_utf_16_big_endian", "trades.csv", big, sound))
    marked = partial(_encoded, lines, "gb18030", b"\x84\x31\x95\x33")
    found.append(Case("trades_in_gb18030_with_mark", "trades.csv", marked, sound))
    rare = _body(line(1, seller_name="𠮷林𬭎镕喆堃光伏有限公司"), line(2))
    found.append(
        _case("in_gb18030_of_four_bytes", rare, reads(2, 200, cells={"seller_name": "𠮷林𬭎镕喆堃光伏有限公司"}))
    )
    return found


def _encoded(lines: Sequence[Line], encoding: str, mark: bytes) -> bytes:
    return mark + text(lines, encoding=encoding)


def _separators() -> list[Case]:
    lines, sound = _body(line(1), line(2)), reads(2, 200)
    found = [
        _case("lines_end_in_lf", lines, sound, end="\n"),
        _case("lines_end_in_cr_cr_lf", lines, sound, end="\r\r\n"),
        _case("tabs_below_a_title_with_commas", [["交易明细,2024年,7月"], *lines[1:]], sound, mark="\t"),
        _case("mark_named_for_excel", [["sep=;"], *lines], sound, mark=";", encoding="utf-8-sig"),
        _case("lines_end_in_cr", lines, sound, end="\r", encoding="utf-8"),
        _case("tabs", lines, sound, mark="\t"),
        _case("tabs_in_utf_16", lines, sound, mark="\t", encoding="utf-16"),
        _case("tabs_called_xls", lines, sound, file="trades.xls", mark="\t"),
        _case("semicolons", lines, sound, mark=";"),
        _case("called_xlsx", lines, sound, file="trades.xlsx"),
        _case("without_a_suffix", lines, sound, file="绿证交易明细 2024-07"),
    ]
    plain = partial(text, lines)
    found += [
        Case("trades_no_line_end_at_the_end", "t.csv", partial(_changed, plain, tail=b"\r\n"), sound),
        Case("trades_end_of_file_mark_of_dos", "t.csv", partial(_changed, plain, more=b"\x1a"), sound),
        Case("trades_blank_lines_between", "t.csv", partial(_changed, plain, old=b"\r\n", new=b"\r\n\r\n"), sound),
        Case("trades_two_files_in_one", "t.csv", partial(_twice, lines, _body(line(3), line(4))), reads(4, 400)),
    ]
    gaps = _body(line(1), [""] * len(HEADER), ["　", " "], line(2))
    return [*found, _case("lines_of_nothing_but_commas", gaps, sound)]


def _changed(
    make: partial[bytes], *, tail: bytes = b"", more: bytes = b"", old: bytes = b"", new: bytes = b""
) -> bytes:
    content = make().removesuffix(tail) + more
    return content.replace(old, new) if old else content


def _twice(one: Sequence[Line], other: Sequence[Line]) -> bytes:
    """Two exports put one behind the other, byte order marks and all."""
    return text(one, encoding="utf-8-sig") + text(other, encoding="utf-8-sig")


SYNONYMS = {
    "platform_two": {
        "order": "交易编号",
        "buyer_name": "购买方名称",
        "quantity": "交易数量（张）",
        "price": "交易价格（元/张）",
        "amount": "交易金额（元）",
        "traded_on": "成交时间",
        "status": "订单状态",
    },
    "of_the_buyer": {
        "order": "订单号",
        "buyer_name": "受让方",
        "seller_name": "出让方",
        "quantity": "绿证张数",
        "amount": "总价（元）",
        "status": "状态",
        "traded_on": "成交日期",
    },
    "of_the_flow": {
        "order": "交易流水号",
        "buyer_name": "买方企业",
        "project_code": "建档立卡编码",
        "production_month": "发电年月",
        "quantity": "数量（张）",
        "amount": "金额（元）",
    },
    "of_the_volume": {
        "order": "成交编号",
        "quantity": "成交量（个）",
        "price": "成交价（元/个）",
        "amount": "成交额（元）",
        "production_month": "电量所属年月",
        "buyer_name": "购证方名称",
    },
    "starred": {
        "order": "*订单编号",
        "buyer_name": "*买方名称",
        "quantity": "*绿证数量（个）",
        "amount": "*成交金额（元）",
    },
    "with_colons": {"order": "订单编号：", "buyer_name": "买方名称：", "quantity": "绿证数量（个）："},
    "broken_over_lines": {"order": "订单\n编号", "buyer_name": "买方\n名称", "quantity": "绿证数量\n（个）"},
    "full_width": {"quantity": "绿证数量（个）", "code_first": "绿证编号（起）", "code_last": "绿证编号（止）"},
    "radicals": {"traded_on": "交易⽇期", "production_month": "电量⽣产年⽉"},
}


def _headers() -> list[Case]:
    found = []
    for name, names in SYNONYMS.items():
        lines = _body(line(1), line(2), header=[*(CANONICAL | names).values()])
        found.append(_case(f"header_{name}", lines, reads(2, 200)))
    for name in (1, 2):
        names = [names[min(name, len(names) - 1)] for names in HEADERS.values()]
        found.append(_case(f"header_of_kind_{name}", _body(line(1), line(2), header=names), reads(2, 200)))
    back = _body(line(1)[::-1], line(2)[::-1], header=HEADER[::-1])
    found.append(_case("columns_from_right_to_left", back, reads(2, 200, cells={"quantity": 100, "price": "5.20"})))
    more = _body(*(["1", "甲", *line(n), "x", "y"] for n in (1, 2)), header=["序号", "区域", *HEADER, "签约人", "附件"])
    found.append(_case("columns_nobody_knows", more, reads(2, 200)))
    fewer = {field: name for field, name in CANONICAL.items() if field not in ("mode", "seller_usci", "province")}
    rows = [[row(n)[field] for field in fewer] for n in (1, 2)]
    found.append(_case("columns_that_may_lack", _body(*rows, header=[*fewer.values()]), reads(2, 200)))
    for field in ("order", "quantity", "amount", "status"):
        left = {one: name for one, name in CANONICAL.items() if one != field}
        lines = _body([row(1)[one] for one in left], header=[*left.values()])
        found.append(_case(f"column_missing_{field}", lines, refused("column_missing", line=4)))
    twin = _body([*line(1), "100"], header=[*HEADER, "绿证数量（张）"])
    found.append(_case("column_twice", twin, refused("column_ambiguous", line=4)))
    energy = _body([*line(1), "100.000"], [*line(2), "100.000"], header=[*HEADER, "交易电量（兆瓦时）"])
    found.append(_case("column_of_energy_beside", energy, reads(2, 200)))
    return [*found, *_headers_of_two_rows()]


GROUPS = {
    "buyer_name": ("买方", "名称"), "buyer_usci": ("买方", "统一社会信用代码"), "seller_name": ("卖方", "名称"),
    "project_name": ("项目", "名称"), "project_code": ("项目", "建档立卡编码"), "quantity": ("绿证", "数量（个）"),
    "code_first": ("绿证编号", "起"), "code_last": ("绿证编号", "止"),
}  # fmt: skip


def _headers_of_two_rows() -> list[Case]:
    groups = [GROUPS.get(field, (name, ""))[0] for field, name in CANONICAL.items()]
    names = [GROUPS.get(field, ("", ""))[1] for field in CANONICAL]
    sparse = [one if at == 0 or one != groups[at - 1] else "" for at, one in enumerate(groups)]
    lines = [TITLE, PERIOD, UNITS, sparse, names, line(1), line(2)]
    again = [*lines[:6], sparse, names, line(2), total("200", "1040.00")]
    buyer, seller = HEADER.index(CANONICAL["buyer_name"]), HEADER.index(CANONICAL["seller_name"])
    turned, sold = [*groups], line(2)
    turned[buyer], turned[seller] = turned[seller], turned[buyer]
    sold[buyer], sold[seller] = sold[seller], sold[buyer]
    name = {"1.buyer_name": row(2)["buyer_name"]}
    return [
        _case("header_of_two_rows", lines, reads(2, 200, cells={"project_code": PROJECT})),
        _case("header_of_two_rows_filled", [*lines[:3], groups, *lines[4:]], reads(2, 200)),
        _case("header_of_two_rows_again", again, reads(2, 200, control="exact")),
        _case("header_of_two_rows_turned", [*lines[:6], turned, names, sold], reads(2, 200, cells=name)),
    ]


def _preambles() -> list[Case]:
    found = []
    for count in (0, 1, 12, 18, 19):
        lines = _body(line(1), line(2), above=[["报送材料"]] * count)
        found.append(_case(f"preamble_of_{count}", lines, reads(2, 200)))
    late = _body(line(1), line(2), above=[["报送材料"]] * 20)
    found.append(_case("preamble_of_20", late, refused("layout_unknown")))
    wordy = [
        TITLE,
        PERIOD,
        ["交易平台：中国绿色电力证书交易平台", "", "打印时间：2024-08-02 09:10"],
        ["买方", "青海黄河鑫业有限公司"],
        ["订单编号", "共2笔", "成交数量", "200"],
        UNITS,
    ]
    lines = _body(line(1), line(2), above=wordy)
    return [*found, _case("preamble_of_words_like_a_header", lines, reads(2, 200))]


def _totals() -> list[Case]:
    rows = (line(1), line(2))
    found = []
    for name, label in {
        "he_ji": "合计",
        "he_ji_spaced": "合　计",
        "zong_ji": "总计",
        "he_ji_unit": "合计（个）",
        "running": "累计",
    }.items():
        lines = _body(*rows, total("200", "1,040.00", label))
        found.append(_case(f"total_{name}", lines, reads(2, 200, control="exact")))
    wan = total("0.02万", "0.104万元")
    far = ["", *total("200", "1040.00")[1:]]
    far[HEADER.index("绿证数量（个）") - 1] = "合计"
    no, exact = reads(2, 200, control="no"), reads(2, 200, control="exact")
    found += [
        _case("total_of_other_quantity", _body(*rows, total("300", "1,040.00")), no),
        _case("total_of_other_amount", _body(*rows, total("200", "1,040.01")), no),
        _case("total_of_quantity_only", _body(*rows, total("200", "")), exact),
        _case("total_of_amount_only", _body(*rows, total("", "1,040.00")), exact),
        _case("total_of_other_amount_only", _body(*rows, total("", "1,050.00")), no),
        _case("total_none", _body(*rows), reads(2, 200, control="none")),
        _case("total_in_wan", _body(*rows, wan), exact),
        _case(
            "total_rounded",
            _body(line(1, quantity="31249", amount="162494.80"), total("3.12万", "162494.80")),
            reads(1, 31_249, control="within_rounding"),
        ),
        _case(
            "total_rounded_too_far",
            _body(line(1, quantity="31251", amount="162505.20"), total("3.12万", "162505.20")),
            reads(1, 31_251, control="no"),
        ),
        _case("total_label_beside_the_figure", _body(*rows, far), exact),
        _case("total_approximate", _body(*rows, total("约200", "1040.00")), reads(2, 200, (7, "number_approximate"))),
        _case("total_not_computed", _body(*rows, total("#REF!", "1040.00")), reads(2, 200, (7, "formula_error"))),
        _case(
            "total_without_the_withdrawn",
            _body(line(1), line(2, status="已撤单", transferred_on=""), total("100", "520.00")),
            reads(2, 100, control="exact"),
        ),
        _case(
            "total_counts_a_bad_row",
            _body(line(1), line(2, quantity="x"), total("200", "1040.00")),
            reads(1, 100, (6, "number_malformed"), control="no"),
        ),
    ]
    return found


def _totals_that_do_not_cover_all() -> list[Case]:
    """Page totals, subtotals and running totals beside, or in place of, a total of all."""
    one, two, exact = total("100", "520.00", "本页小计"), total("200", "1040.00"), reads(2, 200, control="exact")
    named = total("100", "520.00", "海南州示例新能源有限公司2024年7月小计")
    year = total("9,200", "47,840.00", "本年累计")
    return [
        _case("subtotals_and_total", _body(line(1), one, line(2), one, two), exact),
        _case("subtotals_only", _body(line(1), one, line(2), one), exact),
        _case(
            "subtotals_wrong", _body(line(1), one, line(2), total("90", "520.00", "小计")), reads(2, 200, control="no")
        ),
        _case("subtotals_of_sellers", _body(line(1), named, line(2), named, two), exact),
        _case("totals_by_group_only", _body(line(1), total("100", "520.00"), line(2), total("100", "520.00")), exact),
        _case("total_and_year_to_date", _body(line(1), line(2), two, year), exact),
        _case(
            "totals_by_group_wrong",
            _body(line(1), total("100", "520.00"), line(2), total("90", "520.00")),
            reads(2, 200, control="no"),
        ),
        _case(
            "totals_by_group_and_of_all",
            _body(line(1), total("100", "520.00"), line(2), total("100", "520.00"), two),
            exact,
        ),
        _case(
            "running_totals_by_page",
            _body(line(1), total("100", "520.00", "累计"), line(2), total("200", "1040.00", "累计")),
            exact,
        ),
        _case(
            "subtotal_right_total_wrong",
            _body(line(1), one, line(2), one, total("300", "1560.00", "总计")),
            reads(2, 200, control="no"),
        ),
    ]


def _furniture() -> list[Case]:
    rows, exact = (line(1), line(2), total("200", "1040.00")), reads(2, 200, control="exact")
    below = {
        "signatures": [["制表人：张三", "", "审核：李四", "", "盖章：", "2024年8月2日"]],
        "signatures_spaced": [["制 表 人：", "", "复 核：", "", "负责人："]],
        "stamp": [["青海电力交易中心有限公司（盖章）"], ["2024年8月2日"]],
        "notes": [["注：1.本表数据以平台最终结果为准；2.单价为含税价。"]],
        "notes_without_a_mark": [["以上数据以国家绿证核发交易系统2024年8月1日数据为准。"]],
        "pages": [["第1页 共1页"]],
        "blank_below": [["以下空白"]],
        "count_of_rows": [["共2条记录"]],
    }
    found = [_case(f"below_{name}", _body(*rows, *lines), exact) for name, lines in below.items()]
    found.append(_case("between_note", _body(line(1), ["注：以下为补充导出"], line(2)), reads(2, 200)))
    found.append(_case("between_unit", _body(line(1), ["单位：万张、元"], line(2, price="")), Flagged(6)))
    found.append(_case("between_another_month", _body(line(1), ["交易月份：2024年8月"], line(2)), Flagged(6)))
    found.append(_case("below_note_that_voids", _body(*rows, ["以上第二笔交易经双方确认作废。"]), Flagged(8)))
    found.append(_case("below_order_cut_short", _body(line(1), ["青电2024070500"]), Flagged(6)))
    return found


def _pages() -> list[Case]:
    """Headers printed again: as before, in another order, with another unit, and another table below."""
    again = [TITLE, PERIOD, UNITS, HEADER]
    back = _body(line(1), HEADER[::-1], line(2)[::-1], line(3)[::-1])
    names = {field: name for field, name in CANONICAL.items() if field != "price"}
    first = [row(1)[field] for field in names]
    second = [row(2, quantity="1", amount="52000.00")[field] for field in names]
    wan = names | {"quantity": "绿证数量（万张）"}
    foreign = [["序号", "企业名称", "联系人"], ["1", "甲公司", "张三"]]
    return [
        _case("header_again", _body(line(1), *again, line(2)), reads(2, 200)),
        _case("header_again_in_other_order", back, reads(3, 300, cells={"2.quantity": 100, "2.line": 8})),
        _case(
            "header_again_in_other_unit",
            _body(first, [*wan.values()], second, header=[*names.values()]),
            reads(2, 10_100),
        ),
        _case("another_table_below", _body(line(1), line(2), [], *foreign), Flagged(8)),
    ]


def _dittos() -> list[Case]:
    same = {"buyer_name": "同上", "seller_name": "同上", "traded_on": "同上"}
    seller = "样例光伏有限公司"
    sub = total("100", "520.00", "小计")
    return [
        _case("ditto", _body(line(1), line(2, **same)), reads(2, 200, cells={"1.seller_name": seller})),
        _case("ditto_mark", _body(line(1), line(2, seller_name="〃")), reads(2, 200, cells={"1.seller_name": seller})),
        _case(
            "ditto_with_a_blank",
            _body(line(1), line(2, seller_name="同上　")),
            reads(2, 200, cells={"1.seller_name": seller}),
        ),
        _case(
            "ditto_below_a_subtotal",
            _body(line(1), sub, line(2, **same), sub),
            reads(2, 200, cells={"1.seller_name": seller}),
        ),
        _case(
            "ditto_below_a_header",
            _body(line(1), HEADER, line(2, **same)),
            reads(2, 200, cells={"1.seller_name": seller}),
        ),
        _case(
            "ditto_in_the_first_row", _body(line(1, seller_name="同上"), line(2)), reads(1, 100, (5, "value_missing"))
        ),
    ]


def _repeats() -> list[Case]:
    """The same trade again in other writing: it counts once, at its furthest."""
    waits = {"status": "已成交待划转", "transferred_on": ""}
    again: dict[str, tuple[Row, Row]] = {
        "as_it_was": ({}, {}),
        "remark": ({}, {"remark": "重复导出"}),
        "other_forms": (
            {},
            {"quantity": "１００", "amount": "520", "traded_on": "2024/7/5", "production_month": "202403"},
        ),
        "other_unit": ({}, {"quantity": "0.01万张", "price": "5.2", "amount": "0.052万元"}),
        "alias_of_one_usci": ({}, {"buyer_name": "黄河鑫业"}),
        "usci_in_small_letters": ({}, {"buyer_usci": "91630000test00001x"}),
        "usci_missing": ({}, {"buyer_usci": ""}),
        "price_missing": ({}, {"price": "—"}),
        "mode_missing": ({"mode": ""}, {}),
        "progressed": (waits, {}),
        "progressed_backwards": ({}, waits),
        "codes_later": ({}, {"code_first": CODE, "code_last": CODE}),
        "withdrawn_later": ({}, {"status": "已撤单", "transferred_on": ""}),
        "project_in_small_letters": ({}, {"project_code": PROJECT.lower()}),
        "order_in_small_letters": ({}, {"order": "t00000001"}),
    }
    found = []
    for name, (one, other) in again.items():
        count = 100 if name == "withdrawn_later" else 200
        lines = _body(line(1, **one), line(2), line(1, **other))
        found.append(_case(f"repeat_{name}", lines, reads(3, count, duplicates=1)))
    return found


def _conflicts() -> list[Case]:
    """The same trade again with another story: neither of the two counts."""
    found = []
    for name, cells in {
        "quantity": {"quantity": "200", "amount": "1040.00"},
        "price": {"price": "5.21", "amount": "521.00"},
        "buyer": {"buyer_name": "别家有限公司", "buyer_usci": "91630000TEST00002X"},
        "seller": {"seller_name": "别家有限公司"},
        "day": {"traded_on": "2024-07-06"},
    }.items():
        lines = _body(line(1), line(2), line(1, **cells))
        found.append(_case(f"conflict_{name}", lines, reads(3, 100, conflicts=1)))
    month = _body(line(1), line(1, production_month="2024-02"))
    return [*found, _case("one_order_of_two_months", month, reads(2, 200))]


def _corrections() -> list[Case]:
    """Domain case T12, and what else takes a trade back."""
    first = {"quantity": "2000", "amount": "10400.00"}
    back = {"quantity": "-2000", "amount": "-10400.00", "remark": "冲销"}
    right = {"quantity": "1800", "amount": "9360.00", "remark": "更正"}
    bracketed = back | {"quantity": "（2,000）", "amount": "(10,400.00)"}
    void = _body(line(1), line(2, remark="作废"))
    return [
        _case("correction_t12", _body(line(1, **first), line(1, **back), line(1, **right)), reads(3, 1_800)),
        _case("correction_in_brackets", _body(line(1, **first), line(1, **bracketed)), reads(2, 0)),
        _case("correction_without_its_original", _body(line(1), line(2, **back)), reads(2, -1_900)),
        _case("void_by_its_remark", void, Flagged(6)),
        _case("reversal_by_its_remark", _body(line(1), line(1, remark="冲销")), Flagged(6)),
        _case("void_by_its_status", _body(line(1), line(2, status="作废", transferred_on="")), reads(2, 100)),
    ]


def _quotes() -> list[Case]:
    sound = text(_body(line(1), line(2), line(3)), encoding="utf-8")
    name = "样例光伏有限公司".encode()

    def broken(new: bytes, nth: int = 2) -> bytes:
        parts = sound.split(name)
        return name.join(parts[:nth]) + new + name.join(parts[nth:])

    many = _body(line(1), line(2, remark="第一行\r\n第二行\n\n第四行"), line(3, quantity="x"))
    return [
        Case(
            "trades_quote_with_text_behind",
            "t.csv",
            partial(broken, b'"' + name + b'"x'),
            reads(2, 200, (6, "quotes_broken")),
        ),
        Case(
            "trades_quote_inside_a_quote",
            "t.csv",
            partial(broken, b'"' + name[:6] + b'"' + name[6:] + b'"'),
            reads(2, 200, (6, "quotes_broken")),
        ),
        Case("trades_quote_inside_a_cell", "t.csv", partial(broken, name[:6] + b'"' + name[6:]), reads(3, 300)),
        Case("trades_quote_never_closed", "t.csv", partial(broken, b'"' + name), refused("quote_not_closed", line=6)),
        Case("trades_comma_without_quotes", "t.csv", partial(broken, name + b",x"), reads(2, 200, (6, SOME))),
        Case(
            "trades_thousands_without_quotes",
            "t.csv",
            partial(sound.replace, b"100,5.20,520.00", b"12,000,5.20,62,400.00", 1),
            reads(2, 200, (5, SOME)),
        ),
        Case("trades_cell_too_few", "t.csv", partial(sound.replace, name + b",", b"", 1), reads(2, 200, (5, SOME))),
        Case("trades_row_cut_short", "t.csv", partial(bytes, sound[: sound.rindex(b"5.20")]), reads(2, 200, (7, SOME))),
        _case("line_ends_in_quotes", many, reads(2, 200, (10, "number_malformed"))),
    ]


def _periods() -> list[Case]:
    def of(period: str, traded: str = "2024-07-05", **cells: str) -> list[Line]:
        return _body(line(1, traded_on=traded, **cells), above=[TITLE, [period]])

    year = "查询条件：交易日期 2026年1月1日至2026年1月31日"
    new = {"production_month": "2025-12", "transferred_on": "2026-01-08"}
    december = {"transferred_on": "1月3日", "production_month": "2024-11"}
    printed = "查询条件：交易日期 2024年7月1日至2024年7月31日    打印时间：2024-08-02"
    two = ["北京电力交易中心、广州电力交易中心 绿证交易明细"]
    return [
        _case("of_2026", of(year, "1月5日", **new), reads(1, 100, cells={"traded_on": "2026-01-05"})),
        _case("of_no_period_without_years", of("交易清单", "7月5日"), reads(0, 0, (4, "date_without_year"))),
        _case(
            "of_month_13",
            of("查询条件：交易日期 2025年13月1日至2025年13月31日", "7月5日"),
            reads(0, 0, (4, "date_without_year")),
        ),
        _case("of_a_month", of("统计月份：2024年7月", "7月5日"), reads(1, 100, cells={"traded_on": "2024-07-05"})),
        _case("of_compact_days", of("交易日期：20240701-20240731", "7月5日"), reads(1, 100)),
        _case("of_days_and_the_print_in_one_line", of(printed, "7月5日"), reads(1, 100)),
        _case("of_the_day_it_was_printed", of("打印日期：2024-07-31", "7月5日"), reads(0, 0, (4, "date_without_year"))),
        _case(
            "of_the_day_it_was_filled_in", of("填报日期：2024-07-31", "7月5日"), reads(0, 0, (4, "date_without_year"))
        ),
        _case(
            "transfer_after_new_year",
            of("2024年12月1日至2024年12月31日", "2024-12-20", **december),
            reads(1, 100, cells={"transferred_on": "2025-01-03"}),
        ),
        _case(
            "outside_its_period", of("2024年6月1日至2024年6月30日"), reads(1, 100, warned=((4, "date_outside_period"),))
        ),
        _case(
            "of_beijing",
            _body(line(1), above=[["北京电力交易中心 绿证交易明细"]]),
            reads(1, 100, cells={"platform": "BEIJING"}),
        ),
        _case(
            "of_guangzhou_by_its_name",
            _body(line(1), above=[TITLE]),
            reads(1, 100, cells={"platform": "GUANGZHOU"}),
            file="广州电力交易中心绿证交易.csv",
        ),
        _case("of_two_platforms", _body(line(1), above=[two]), refused("platform_ambiguous")),
    ]
