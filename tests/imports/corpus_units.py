"""Every unit that a statement may be written in: beside the figure, in the header, in a line above it.

All files of one group say the same: 30,000 certificates at 5.20 yuan, in three rows of which the second differs only
in its writing. A unit that is missed turns that into three certificates, or into three hundred million.
"""

from collections.abc import Sequence
from functools import partial

from tests.imports.corpus import SOME, Case, Verdict, reads, refused
from tests.imports.corpus_files import text
from tests.imports.statement_files import CANONICAL, Row, row

TITLE, PERIOD = ["绿证交易明细"], ["查询条件：交易日期 2024年7月1日至2024年7月31日"]
IN_CELLS = {
    "ge": ("120个", 120),
    "zhang": ("120张", 120),
    "qian": ("1.2千", 1_200),
    "wan": ("1.2万", 12_000),
    "wan_full_width": ("３．１２万", 31_200),
    "wan_zhang": ("333万张", 3_330_000),
    "wan_ge_with_blanks": ("1.2 万 个", 12_000),
    "yi": ("0.0333亿", 3_330_000),
    "mwh": ("120兆瓦时", 120),
    "mwh_with_a_point": ("120MW·h", 120),
    "kwh": ("120000千瓦时", 120),
    "kwh_with_a_point": ("120000kW·h", 120),
    "wan_du": ("12万度", 120),
    "wan_kwh": ("1.2万千瓦时", 12),
    "yi_kwh": ("33.3亿千瓦时", 3_330_000),
    "gwh": ("0.12GWh", 120),
}
FALSE_IN_CELLS = {
    "less_than_one": ("0.5千瓦时", "count_not_whole"),
    "unit_of_power": ("120兆瓦", "unit_unknown"),
    "two_units": ("120个张", "unit_unknown"),
}
IN_HEADERS = {
    "zhang": ("绿证数量（张）", "10000"),
    "square_brackets": ("绿证数量【个】", "10000"),
    "unit_in_words": ("绿证数量（单位：万张）", "1"),
    "on_a_line_of_its_own": ("绿证数量\n（万张）", "1"),
    "on_a_line_of_its_own_in_words": ("绿证数量\n单位：万张", "1"),
    "either_name": ("绿证数量（个/张）", "10000"),
    "wan_zhang": ("绿证数量（万张）", "1"),
    "bai_wan_zhang": ("绿证数量（百万张）", "0.01"),
    "mwh": ("交易电量（兆瓦时）", "10,000.000"),
    "mwh_with_a_point": ("交易电量（MW·h）", "10000"),
    "wan_kwh": ("交易电量（万千瓦时）", "1000"),
    "kwh": ("成交电量（千瓦时）", "10000000"),
    "yi_kwh": ("绿证对应电量（亿千瓦时）", "0.1"),
    "cell_outranks_header": ("绿证数量（万张）", "10000个"),
    "scale_in_the_cell": ("绿证数量（个）", "1万"),
    "scale_twice": ("绿证数量（万张）", "1万张"),
}
FALSE_HEADERS = {
    "energy_without_unit": ("交易电量", refused("unit_missing", line=4)),
    "tonnes": ("绿证数量（吨）", refused("column_missing", line=4)),
    "money": ("绿证数量（元）", SOME),
}
IN_TITLES = {
    "wan_zhang": (["单位：万张、元"], "1", "52000.00"),
    "wan_zhang_wan_yuan": (["单位：万张、万元"], "1", "5.2"),
    "wan_zhang_slash": (["单位：万张/万元"], "1", "5.2"),
    "wan_zhang_semicolon": (["单位：万张；万元"], "1", "5.2"),
    "wan_zhang_blank": (["单位：万张 万元"], "1", "5.2"),
    "wan_zhang_named": (["单位：数量万张、金额万元"], "1", "5.2"),
    "wan_zhang_named_in_brackets": (["单位：数量（万张）、金额（万元）"], "1", "5.2"),
    "wan_zhang_two_lines": (["数量单位：万张", "金额单位：万元"], "1", "5.2"),
    "wan_zhang_in_a_sentence": (["说明：本表数量单位为万张，金额单位为万元。"], "1", "5.2"),
    "wan_zhang_in_brackets": (["（单位：万张、万元）"], "1", "5.2"),
    "wan_zhang_measured": (["计量单位：万张、万元"], "1", "5.2"),
    "wan_zhang_spaced": (["单 位：万张、万元"], "1", "5.2"),
    "wan_zhang_beside_another_unit": (["填报单位：园区管委会    单位：万张、万元"], "1", "5.2"),
}
PRICES = {
    "yuan_per_mwh": ("单价（元/兆瓦时）", "5.20"),
    "yuan_per_kwh": ("单价（元/千瓦时）", "0.0052"),
    "yuan_per_wan_kwh": ("单价（元/万千瓦时）", "52"),
    "fen_per_kwh": ("单价（分/千瓦时）", "0.52"),
    "none": ("成交价", "5.20"),
    "in_the_cell": ("单价", "5.20元/个"),
    "in_the_cell_per_kwh": ("单价", "0.0052元/千瓦时"),
    "per_in_words": ("单价（元每个）", "5.20"),
    "wan_yuan_per_wan": ("单价（万元/万张）", "5.2"),
}
AMOUNTS = {
    "wan_yuan": ("成交金额（万元）", "5.2"),
    "fen": ("成交金额（分）", "5200000"),
    "in_the_cell": ("成交金额", "5.2万元"),
}


def cases() -> list[Case]:
    """Every case of this module."""
    found = []
    for name, (given, count) in IN_CELLS.items():
        cells = {"quantity": given, "amount": f"{count * 520 // 100}.{count * 520 % 100:02}"}
        found.append(_case(f"cell_{name}", cells, verdict=reads(3, 20_000 + count)))
    for name, (given, rule) in FALSE_IN_CELLS.items():
        cells = {"quantity": given, "price": "", "amount": "0.00"}
        found.append(_case(f"cell_{name}", cells, verdict=reads(2, 20_000, (6, rule))))
    for name, (header, given) in IN_HEADERS.items():
        found.append(_case(f"header_{name}", {"quantity": given}, headers={"quantity": header}, whole=True))
    for name, (header, verdict) in FALSE_HEADERS.items():
        wanted = verdict if verdict != SOME else reads(0, 0, *((line, "unit_unexpected") for line in (5, 6, 7)))
        found.append(_case(f"header_{name}", {}, headers={"quantity": header}, whole=True, verdict=wanted))
    for name, (lines, count, amount) in IN_TITLES.items():
        headers = {"quantity": "绿证数量", "price": "单价（元/张）", "amount": "成交金额"}
        cells = {"quantity": count, "amount": amount}
        found.append(_case(f"title_{name}", cells, headers=headers, whole=True, lines=lines))
    found.append(_case("title_energy", {"quantity": "1000"}, headers={"quantity": "交易电量"}, whole=True,
                       lines=["单位：万千瓦时、元"]))  # fmt: skip
    found.append(_case("title_certificates_over_energy", {}, headers={"quantity": "交易电量"}, whole=True,
                       lines=["单位：个、元"], verdict=refused("unit_missing", line=4)))  # fmt: skip
    found.append(_case("title_outranked_by_header", {}, whole=True, lines=["单位：万张、元"]))
    for name, (header, given) in PRICES.items():
        cells = {"price": given}
        verdict = reads(3, 30_000, cells={"price": "5.20", "amount_fen": 5_200_000})
        found.append(_case(f"price_{name}", cells, headers={"price": header}, whole=True, verdict=verdict))
    for name, (header, given) in AMOUNTS.items():
        cells = {"amount": given}
        verdict = reads(3, 30_000, cells={"price": "5.20", "amount_fen": 5_200_000})
        found.append(_case(f"amount_{name}", cells, headers={"amount": header}, whole=True, verdict=verdict))
    return found + [_case_under_the_header()]


def _case(
    name: str, cells: Row, *, headers: Row | None = None, whole: bool = False,
    lines: Sequence[str] = ("单位：个、元",), verdict: Verdict | None = None,
) -> Case:  # fmt: skip
    """A file of three rows: all of them in this writing, or only the second."""
    make = partial(_three, cells, headers or {}, whole, lines)
    return Case(f"unit_{name}", "trades.csv", make, verdict or reads(3, 30_000))


def _three(cells: Row, headers: Row, whole: bool, lines: Sequence[str]) -> bytes:
    sound = {"quantity": "10000", "amount": "52000.00"}
    rows = [row(n, **(sound | (cells if whole or n == 2 else {}))) for n in (1, 2, 3)]
    names = [*(CANONICAL | headers).values()]
    return text([TITLE, PERIOD, *([line] for line in lines), names, *([*one.values()] for one in rows)])


def _case_under_the_header() -> Case:
    """Units that stand in a row of their own, below the names."""
    names = CANONICAL | {"quantity": "绿证数量", "price": "单价", "amount": "成交金额"}
    units = {"quantity": "（万张）", "price": "（元/张）", "amount": "（万元）"}
    cells = {"quantity": "1", "amount": "5.2"}
    lines = [TITLE, PERIOD, [*names.values()], [units.get(field, "") for field in names]]
    lines += [[*row(n, **cells).values()] for n in (1, 2, 3)]
    return Case("unit_row_of_its_own", "trades.csv", partial(text, lines), reads(3, 30_000))
