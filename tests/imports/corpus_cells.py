"""Cells of a platform's trades: figures, days, months, identifiers, words, each in a file of three rows.

The second row holds the odd cell, in line 6; the rows around it must be read whatever it is.
"""

from functools import partial

from tests.imports.corpus import SOME, Case, Verdict, reads
from tests.imports.statement_files import PROJECT, Row, row, statement

CODE = PROJECT + "202403" + "0000001" + "11"

COUNTS = {
    "thousands": ("12,000", 12_000),
    "full_width_digits": ("８０００", 8_000),
    "full_width_point": ("１２０．０", 120),
    "ideographic_blanks": ("　120　", 120),
    "grouped_by_blanks": ("12 000", 12_000),
    "zero_width_blank": ("1\u200b20", 120),
    "formula_wrapper": ('="120"', 120),
}
FALSE_COUNTS = {
    "approximate_about": ("约120", "number_approximate"),
    "approximate_near": ("近1.2万", "number_approximate"),
    "approximate_more_wan": ("333余万", "number_approximate"),
    "approximate_above": ("120以上", "number_approximate"),
    "fraction": ("12.5个", "count_not_whole"),
    "grouped_in_fours": ("1,2000", "number_malformed"),
    "scientific": ("1.2E+04", "number_damaged"),
    "two_signs": ("--5", "number_malformed"),
    "triangle_for_minus": ("△120", "number_malformed"),
    "chinese_numerals": ("一百二十", "number_malformed"),
    "letter_o_for_nought": ("12O", SOME),
    "money_unit": ("120元", "unit_unexpected"),
    "yuan_sign": ("￥120", SOME),
    "nought": ("0", "quantity_not_positive"),
    "blank": ("", "value_missing"),
    "long_dash": ("—", "value_missing"),
    "division_by_nought": ("#DIV/0!", "formula_error"),
    "boolean": ("TRUE", "number_malformed"),
    "thirty_digits": ("9" * 30, "number_too_large"),
    "two_lines": ("100\n20", "number_malformed"),
}
AMOUNTS = {
    "thousands": ("62,400.00", "12000"),
    "full_width": ("６２，４００．００", "12000"),
    "yuan_sign": ("¥62,400.00", "12000"),
    "yuan": ("62,400.00元", "12000"),
    "wan_yuan": ("6.24万元", "12000"),
}
FALSE_AMOUNTS = {
    "off_by_two_fen": ("520.02", "amount_not_quantity_times_price"),
    "off_by_ten": ("5200.00", "amount_not_quantity_times_price"),
    "dollar_sign": ("$520.00", SOME),
    "euro_sign": ("€520.00", SOME),
    "blank": ("", "value_missing"),
    "certificates": ("520个", "unit_unexpected"),
    "approximate": ("约520", "number_approximate"),
    "formula_error": ("#VALUE!", "formula_error"),
}
DAYS = {
    "in_words": "2024年7月5日",
    "in_words_full_width": "２０２４年７月５日",
    "slashes": "2024/07/05",
    "points": "2024.7.5",
    "compact": "20240705",
    "serial": "45478",
    "clock": "2024-07-05 10:20:30",
    "clock_in_words": "2024年7月5日 10时20分",
    "without_year": "7月5日",
}
FALSE_DAYS = {
    "february_30": ("2024-02-30", "date_impossible"),
    "month_13": ("2024-13-05", "date_impossible"),
    "month_only": ("2024年7月", "date_without_day"),
    "american": ("07/05/2024", "date_malformed"),
    "english": ("5-Jul-24", "date_malformed"),
    "chinese_numerals": ("二〇二四年七月五日", "date_malformed"),
    "yesterday": ("昨天", "date_malformed"),
    "without_year_out_of_period": ("3月5日", "date_without_year"),
    "blank": ("", "value_missing"),
    "formula_error": ("#NAME?", "formula_error"),
}
MONTHS = {
    "in_words": "2024年3月",
    "compact": "202403",
    "point": "2024.3",
    "full_width": "２０２４－０３",
    "full_day": "2024-03-31",
    "serial": "45352",
}
FALSE_MONTHS = {
    "month_13": ("2025-13", "date_impossible"),
    "quarter": ("2024年一季度", "date_malformed"),
    "after_the_trade": ("2024-08", "production_after_trade"),
    "without_year": ("3月", "date_without_year"),
    "blank": ("", "value_missing"),
}
SAME = {
    "usci_apostrophe": {"buyer_usci": "'91630000TEST00001X"},
    "usci_full_width_apostrophe": {"buyer_usci": "＇91630000TEST00001X"},
    "usci_formula_wrapper": {"buyer_usci": '="91630000TEST00001X"'},
    "usci_full_width": {"buyer_usci": "９１６３００００ＴＥＳＴ００００１Ｘ"},
    "order_formula_wrapper": {"order": '="T00000002"'},
    "order_full_width": {"order": "Ｔ０００００００２"},
    "project_lower_case": {"project_code": PROJECT.lower()},
    "project_like_a_power_of_ten": {"project_code": "12345E78901234567"},
    "project_like_a_power_of_ten_apostrophe": {"project_code": "'12345E78901234567"},
    "codes": {"code_first": CODE, "code_last": PROJECT + "202403" + "0000100" + "11"},
    "codes_null": {"code_first": "—", "code_last": "/"},
    "price_null": {"price": "—"},
    "price_three_decimals": {"price": "5.125", "amount": "512.50"},
    "mode_null": {"mode": "/"},
    "source_unheard_of": {"energy_source": "可控核聚变"},
    "seller_null": {"seller_name": "无"},
    "status_waits": {"status": "已成交待划转", "transferred_on": "—"},
    "not_tradable": {"tradability": "不可交易"},
    "traditional_names": {"buyer_name": "青海黃河鑫業有限公司"},
    "radicals_in_the_name": {"buyer_name": "⻘海⻩河鑫业有限公司"},
    "line_end_in_the_remark": {"remark": "第一行\n第二行"},
    "quotes_in_the_name": {"seller_name": '样例"光伏"有限公司'},
    "comma_in_the_name": {"seller_name": "样例,光伏"},
    "rare_characters": {"seller_name": "𠮷林𬭎光伏有限公司"},
}
FALSE = {
    "usci_rounded": ({"buyer_usci": "9.16301E+17"}, "identifier_damaged"),
    "usci_17": ({"buyer_usci": "91630000TEST0001X"}, "usci_not_18_characters"),
    "usci_cyrillic": ({"buyer_usci": "91630000TEST00001Х"}, "usci_not_18_characters"),
    "usci_formula_error": ({"buyer_usci": "#REF!"}, "formula_error"),
    "order_blank": ({"order": ""}, "value_missing"),
    "order_rounded": ({"order": "2.02407E+13"}, "identifier_damaged"),
    "order_of_words": ({"order": "见合同"}, "order_malformed"),
    "order_too_long": ({"order": "T" + "1" * 64}, "order_malformed"),
    "order_cyrillic": ({"order": "Т00000002"}, "order_malformed"),
    "project_rounded": ({"project_code": "1.23457E+16"}, "identifier_damaged"),
    "project_blank": ({"project_code": ""}, "value_missing"),
    "code_31": ({"code_first": CODE[:-1], "code_last": CODE}, "code_not_32_characters"),
    "code_rounded": ({"code_first": "1.2E+31", "code_last": CODE}, "code_damaged"),
    "code_alone": ({"code_first": CODE}, "code_range_incomplete"),
    "code_of_another_project": ({"code_first": "9" + CODE[1:], "code_last": CODE}, "code_of_another_project"),
    "buyer_null": ({"buyer_name": "—"}, "value_missing"),
    "status_unheard_of": ({"status": "审核中"}, "state_unknown"),
    "status_blank": ({"status": ""}, "value_missing"),
    "mode_unheard_of": ({"mode": "抽签"}, "mode_unknown"),
    "tradability_unheard_of": ({"tradability": "视情况"}, "tradability_unknown"),
    "price_approximate": ({"price": "约5.20"}, "number_approximate"),
    "amount_negative_without_a_price": ({"price": "", "amount": "-520.00"}, SOME),
    "transfer_before_the_trade": ({"transferred_on": "2024-07-04"}, "transfer_before_trade"),
    "transfer_without_a_day": ({"transferred_on": "—"}, "transfer_date_missing"),
    "transfer_day_too_early": ({"status": "已成交待划转"}, "transfer_date_without_transfer"),
}
WARNED = {
    "price_above_50": ({"price": "60", "amount": "6000.00"}, "price_suspect"),
    "price_nought": ({"price": "0", "amount": "0.00"}, "price_suspect"),
    "day_out_of_period": ({"traded_on": "2024-06-30"}, "date_outside_period"),
}


def cases() -> list[Case]:
    """Every case of this module."""
    found = []
    for name, (given, count) in COUNTS.items():
        cells = {"quantity": given, "amount": priced(count)}
        found.append(_case(f"count_{name}", cells, reads(3, 200 + count)))
    for name, (given, rule) in FALSE_COUNTS.items():
        cells = {"quantity": given, "price": "", "amount": "0.00"}
        found.append(_case(f"count_{name}", cells, _bad(rule)))
    for name, (given, count) in AMOUNTS.items():
        verdict = reads(3, 200 + int(count), cells={"1.amount_fen": int(count) * 520})
        found.append(_case(f"amount_{name}", {"amount": given, "quantity": count}, verdict))
    for name, (given, rule) in FALSE_AMOUNTS.items():
        found.append(_case(f"amount_{name}", {"amount": given}, _bad(rule)))
    for name, given in DAYS.items():
        verdict = reads(3, 300, cells={"1.traded_on": "2024-07-05"})
        found.append(_case(f"day_{name}", {"traded_on": given}, verdict))
    for name, (given, rule) in FALSE_DAYS.items():
        found.append(_case(f"day_{name}", {"traded_on": given}, _bad(rule)))
    for name, given in MONTHS.items():
        verdict = reads(3, 300, cells={"1.production_month": "2024-03"})
        found.append(_case(f"month_{name}", {"production_month": given}, verdict))
    for name, (given, rule) in FALSE_MONTHS.items():
        found.append(_case(f"month_{name}", {"production_month": given}, _bad(rule)))
    found += [_case(name, cells, reads(3, 300)) for name, cells in SAME.items()]
    found += [_case(name, cells, _bad(rule)) for name, (cells, rule) in FALSE.items()]
    found += [_case(name, cells, reads(3, 300, warned=((6, rule),))) for name, (cells, rule) in WARNED.items()]
    return found


def priced(count: int) -> str:
    """The amount of so many certificates at 5.20 yuan."""
    return f"{count * 520 // 100}.{count * 520 % 100:02}"


def _bad(rule: str) -> Verdict:
    return reads(2, 200, (6, rule))


def _case(name: str, cells: Row, verdict: Verdict) -> Case:
    return Case(f"cell_{name}", "trades.csv", partial(_three, cells), verdict)


def _three(cells: Row) -> bytes:
    return statement([row(1), row(2, **cells), row(3)])
