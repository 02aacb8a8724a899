"""Statements as a whole: rows, totals, repeats and contradictions."""

import datetime
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.imports.documents import SummaryStatement, TradeRow
from ledger.imports.enterprises import read_enterprises
from ledger.imports.matching import (
    control_total_ok,
    match,
    summary_controls,
)
from ledger.imports.readers import StatementUnreadable
from ledger.imports.trades import _contradictions, _plainly_sound
from tests.imports.reading import TradeStatement, control_total, distinct_trades, read_statement
from tests.imports.statement_files import (
    CANONICAL,
    PROJECT,
    row,
    statement,
    total,
    written,
)


def read(rows: list[dict[str, str]], after: list[list[str]] | None = None) -> TradeStatement:
    found = read_statement("trades.csv", statement(rows, after=after))
    assert isinstance(found, TradeStatement)
    return found


def rules(found: TradeStatement | SummaryStatement) -> list[tuple[int, str | None, str]]:
    return [(problem.line, problem.column, problem.rule) for problem in found.problems]


def test_a_sound_row_is_read_whole() -> None:
    """Every field has its exact value; nothing is left as text that is a figure."""
    (one,) = read([row()]).rows
    assert (one.quantity, one.price, one.price_fen, one.amount_fen) == (100, "5.20", 520, 52_000)
    assert (one.mode, one.state, one.tradable, one.energy_source) == ("LISTING", "TRANSFERRED", True, "solar")
    assert (one.traded_on, one.transferred_on) == (datetime.date(2024, 7, 5), datetime.date(2024, 7, 8))
    assert one.identity == ("T00000001", PROJECT, "2024-03")
    assert one.line == 5


CODE = PROJECT + "202403" + "0000001" + "11"


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"quantity": "12.5"}, "绿证数量（个）", "count_not_whole"),
        ({"quantity": "约100"}, "绿证数量（个）", "number_approximate"),
        ({"quantity": "0", "amount": "0.00"}, "绿证数量（个）", "quantity_not_positive"),
        ({"quantity": "-"}, "绿证数量（个）", "value_missing"),
        ({"amount": "520.02"}, "成交金额（元）", "amount_not_quantity_times_price"),
        ({"price": "5.201"}, "成交金额（元）", "amount_not_quantity_times_price"),
        ({"order": ""}, "订单编号", "value_missing"),
        ({"order": "2.02407E+14"}, "订单编号", "identifier_damaged"),
        ({"buyer_name": "—"}, "买方名称", "value_missing"),
        ({"buyer_usci": "9.16301E+17"}, "买方统一社会信用代码", "identifier_damaged"),
        ({"buyer_usci": "91630000TEST0001X"}, "买方统一社会信用代码", "usci_not_18_characters"),
        ({"project_code": PROJECT[:-1]}, "项目建档立卡编码", "project_code_not_17_characters"),
        ({"production_month": "2024-13"}, "电量生产年月", "date_impossible"),
        ({"production_month": "2024-08"}, "电量生产年月", "production_after_trade"),
        ({"traded_on": "7/5"}, "交易日期", "date_malformed"),
        ({"traded_on": "2024-07"}, "交易日期", "date_without_day"),
        ({"transferred_on": "2024-07-04"}, "划转日期", "transfer_before_trade"),
        ({"transferred_on": "—"}, "划转日期", "transfer_date_missing"),
        ({"status": "已成交待划转"}, "划转日期", "transfer_date_without_transfer"),
        ({"status": "待定"}, "交易状态", "state_unknown"),
        ({"mode": "抽签"}, "交易方式", "mode_unknown"),
        ({"code_first": CODE[:-1], "code_last": CODE}, "绿证编号起", "code_not_32_characters"),
        ({"code_first": "1.2E+31", "code_last": CODE}, "绿证编号起", "code_damaged"),
        ({"code_first": CODE}, "绿证编号止", "code_range_incomplete"),
        ({"code_first": "9" + CODE[1:], "code_last": CODE}, "绿证编号起", "code_of_another_project"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_read(cells: dict[str, str], column: str, rule: str) -> None:
    """File, line, column and rule are named; the rows around it stay."""
    found = read([row(1), row(2, **cells), row(3)])
    assert rules(found) == [(6, column, rule)]
    assert [one.order for one in found.rows] == ["T00000001", "T00000003"]


def test_every_bad_cell_of_a_row_is_reported() -> None:
    """One pass tells the operator all that is wrong."""
    found = read([row(1, quantity="x", traded_on="?", status="待定")])
    assert [rule for _, _, rule in rules(found)] == ["number_malformed", "date_malformed", "state_unknown"]


def test_an_unquoted_thousands_comma_is_seen() -> None:
    """A cell too many means that some comma was not a separator."""
    content = statement([row(1), row(2)]).replace(b"520.00", b"520.00,", 1)
    found = read_statement("trades.csv", content)
    assert [one.order for one in found.rows] == ["T00000002"]
    assert found.problems[0].line == 5


@pytest.mark.parametrize("label", ["合计", "合　计：", "总计", "合计（个）", "累计"])
def test_totals_are_never_rows(label: str) -> None:
    """A total is compared, not posted."""
    found = read([row(1), row(2)], after=[total("200", "1,040.00", label), ["制表人：", "", "审核：", "", "盖章"]])
    assert len(found.rows) == 2
    assert found.problems == ()
    assert control_total(found) == ("exact", "exact")
    assert control_total(read([row(1)], after=[total("200", "1,040.00", label)])) == ("no", "no")


def test_page_totals_and_repeated_headers_are_no_rows() -> None:
    """A paged export repeats its titles; the whole's total outranks the pages'."""
    page = [total("100", "520.00", "本页合计"), ["绿证交易明细"], [*CANONICAL.values()]]
    tail = [[*row(2).values()], total("100", "520.00", "第2页小计")]
    whole = total("200", "1,040.00", "总计")
    for ending in ([], [whole], [total("200", "1040.00", "累计"), ["第2页 共2页"]]):
        found = read([row(1)], after=[*page, *tail, *ending])
        assert found.problems == ()
        assert len(found.rows) == 2
        assert control_total(found) == ("exact", "exact")


def test_a_statement_without_a_total_has_no_control() -> None:
    """Nothing printed is not a match."""
    assert control_total(read([row(1)])) == (None, None)


def test_withdrawn_rows_are_kept_but_count_nothing() -> None:
    """已撤单 and its kin stay visible and out of every sum."""
    rows = [
        row(1),
        *(row(n, status=s, transferred_on="") for n, s in enumerate(("已撤单", "已失效", "作废"), start=2)),
    ]
    found = read(rows, after=[total("100", "520.00")])
    assert [one.state for one in found.rows] == ["TRANSFERRED", *["WITHDRAWN"] * 3]
    assert control_total(found) == ("exact", "exact")


def test_a_repeat_in_other_writing_is_a_duplicate() -> None:
    """Running number, alias, width and date form make no second trade."""
    again = row(
        1,
        buyer_name="黄河鑫业　",
        quantity="１００",
        traded_on="2024年7月5日",
        production_month="202403",
        remark="重复导出",
    )
    found = distinct_trades(read([row(1), again]).rows)
    assert (len(found.distinct), found.duplicates, found.conflicts) == (1, 1, ())


def test_a_repeat_may_progress() -> None:
    """A later row may bring status, transfer date and codes; the furthest state stands."""
    waiting = row(1, status="已成交待划转", transferred_on="")
    for rows in (
        [waiting, row(1, code_first=CODE, code_last=CODE)],
        [row(1, code_first=CODE, code_last=CODE), waiting],
    ):
        (one,) = distinct_trades(read(rows).rows).distinct
        assert (one.state, one.code_first) == ("TRANSFERRED", CODE)


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"quantity": "200", "amount": "1040.00"}, "quantity"),
        ({"price": "5.21", "amount": "521.00"}, "price"),
        ({"buyer_name": "别家", "buyer_usci": "91630000TEST00002X"}, "buyer_name"),
        ({"seller_name": "别家"}, "seller_name"),
        ({"traded_on": "2024-07-06"}, "traded_on"),
        ({"transferred_on": "2024-07-09"}, "transferred_on"),
    ],
)
def test_a_repeat_that_differs_is_a_conflict(cells: dict[str, str], field: str) -> None:
    """Two stories of one trade: both are shown, neither is offered for posting."""
    found = distinct_trades(read([row(1), row(2), row(1, **cells)]).rows, file="trades.csv")
    assert [one.order for one in found.distinct] == ["T00000002"]
    (conflict,) = found.conflicts
    assert (conflict.rule, conflict.line, conflict.file) == ("trade_conflict", 7, "trades.csv")
    assert field in conflict.given and "line 5" in conflict.expected


def test_aliases_are_resolved_by_the_caller() -> None:
    """Without a credit code only the register knows that two names mean one buyer."""
    rows = read([row(1, buyer_usci=""), row(1, buyer_usci="", buyer_name="黄河鑫业")]).rows
    assert len(distinct_trades(rows).conflicts) == 1
    assert distinct_trades(rows, name_key=lambda name: "GH-001" if "黄河" in name else name).duplicates == 1


def test_the_same_order_in_two_months_is_two_trades() -> None:
    """An identity is order, project and production month."""
    assert len(distinct_trades(read([row(1), row(1, production_month="2024-02")]).rows).distinct) == 2


@given(
    st.integers(-1, 200), st.sampled_from((None, 519, 520)), st.integers(51_999, 52_003),
    st.sampled_from("ABC"),
    st.sampled_from((None, -1, 0, 3)), st.sampled_from((None, CODE, "9" * 32)), st.sampled_from((None, CODE)),
)  # fmt: skip
def test_the_short_check_agrees_with_the_full_one(
    quantity: int,
    price: int | None,
    amount: int,
    state: str,
    late: int | None,
    first: str | None,
    last: str | None,
) -> None:
    """A row waved through quickly has no contradiction; one without is doubted only for want of a price."""
    day = datetime.date(2024, 7, 5)
    one = TradeRow(
        line=1, sheet=None, order="T1", mode=None, buyer_name="甲", buyer_usci=None, seller_name=None,
        project_name=None, project_code=PROJECT, energy_source="solar", province=None,
        production_month="2024-07",
        tradable=True, quantity=quantity, price=None if price is None else f"{price // 100}.{price % 100:02}",
        price_fen=price, amount_fen=amount, traded_on=day,
        transferred_on=None if late is None else day + datetime.timedelta(days=late),
        state={"A": "TRADED", "B": "TRANSFERRED", "C": "WITHDRAWN"}[state], code_first=first, code_last=last,
        remark=None,
    )  # fmt: skip
    if _plainly_sound(one):
        assert not list(_contradictions(one))


def test_suspects_are_warnings() -> None:
    """An odd price or a date outside the period is shown, not refused."""
    found = read([row(1, price="60", amount="6000.00"), row(2, traded_on="2024-06-30")])
    assert found.problems == ()
    assert [warning.rule for warning in found.warnings] == ["price_suspect", "date_outside_period"]


def test_a_trade_statement_may_be_a_workbook() -> None:
    """Typed cells, real dates and serial numbers mean what the text forms mean."""
    book = openpyxl.Workbook()
    book.create_sheet("说明").append(["本表由平台导出"])
    book.active.append(["绿证交易明细"])
    book.active.append([*CANONICAL.values()])
    typed: dict[str, object] = {
        "quantity": 100, "price": 5.2, "amount": 520.0, "production_month": 202403,
        "traded_on": datetime.datetime(2024, 7, 5, 9, 30), "transferred_on": 45481,
    }  # fmt: skip
    book.active.append([*(row(1) | typed).values()])
    book.active.append([*(row(2) | typed | {"buyer_usci": 916301000000000000}).values()])
    book.active.append(["合计", *[None] * 10, 100, None, 520])
    packed = io.BytesIO()
    book.save(packed)
    found = read_statement("trades.xlsx", packed.getvalue())
    assert isinstance(found, TradeStatement)
    (one,) = found.rows
    assert (one.quantity, one.price, one.amount_fen, one.production_month) == (100, "5.20", 52_000, "2024-03")
    assert (one.traded_on, one.transferred_on) == (datetime.date(2024, 7, 5), datetime.date(2024, 7, 8))
    assert (one.sheet, one.line) == ("Sheet", 3)
    assert rules(found) == [(4, "买方统一社会信用代码", "identifier_damaged")]
    assert control_total(found) == ("exact", "exact")


def summary(
    *rows: list[object], preamble: str = "截至：2024年7月   单位：万张", header: list[object] | None = None
) -> SummaryStatement:
    book = openpyxl.Workbook()
    book.active.append(["甘河工业园区绿证认购、交易情况汇总表"])
    book.active.append([preamble])
    for line in [
        header or ["序号", "企业名称", "认购数量", "认购日期", "认购依据", "交易数量", "核销数量", "备注"],
        *rows,
    ]:
        book.active.append(line)
    packed = io.BytesIO()
    book.save(packed)
    found = read_statement("summary.xlsx", packed.getvalue())
    assert isinstance(found, SummaryStatement)
    return found


def test_a_summary_tells_firms_lumps_and_intentions_apart() -> None:
    """Only a firm's own row is its commitment."""
    found = summary(
        [1, "黄河鑫业", 120, "2024.3", "承诺书", 0.28, 0, None],
        [2, "弗迪", 10, "4月", None, "/", "—", "待签"],
        ["3-5", "其余3家", 1.85, None, None, 0, 0, "明细另附"],
        ["合计", "5家", "131.85", None, None, "0.28", None, None],
    )
    assert found.problems == ()
    firm, intention, lump = found.rows
    assert (firm.kind, firm.subscribed, firm.subscribed_on) == (
        "ENTERPRISE",
        1_200_000,
        datetime.date(2024, 3, 31),
    )
    assert (firm.traded, firm.traded_half_unit, firm.retired) == (2_800, 50, 0)
    assert (intention.kind, intention.traded, intention.subscribed_on) == (
        "INTENTION",
        None,
        datetime.date(2024, 4, 30),
    )
    assert (lump.kind, lump.lump_count, lump.subscribed, lump.subscribed_on) == ("LUMP", 3, 18_500, None)
    assert summary_controls(found) == {"enterprises": "exact", "subscribed": "exact", "traded": "exact"}


def test_a_month_later_than_the_summary_is_of_the_year_before() -> None:
    """11月 in a summary as of July was last November."""
    found = summary([1, "甲", 1, "11月", None, 0, 0, None])
    assert found.rows[0].subscribed_on == datetime.date(2023, 11, 30)


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ([1, None, 120, None, None, 0, 0, None], "value_missing"),
        ([1, "甲", "约120", None, None, 0, 0, None], "number_approximate"),
        ([1, "甲", 0.00005, None, None, 0, 0, None], "count_not_whole"),
        ([1, "甲", 1, "2024.12", None, 0, 0, None], "date_after_as_of"),
        ([1, "甲", -1, None, None, 0, 0, None], "count_negative"),
        (["3-5", "其余4家", 1, None, None, 0, 0, None], "lump_count_differs"),
        ([1, "其余企业", 1, None, None, 0, 0, None], "lump_count_missing"),
    ],
)
def test_a_bad_summary_row_is_reported(cells: list[object], rule: str) -> None:
    """It is named with sheet and line, and left out."""
    found = summary(cells, [2, "乙", 1, None, None, 0, 0, None])
    assert [(problem.line, problem.rule, problem.sheet) for problem in found.problems] == [(4, rule, "Sheet")]
    assert [one.name for one in found.rows] == ["乙"]


def test_a_summary_without_a_month_is_refused() -> None:
    """Its subscriptions could not be dated."""
    with pytest.raises(StatementUnreadable) as refused:
        summary([1, "甲", 1, None, None, 0, 0, None], preamble="单位：万张")
    assert refused.value.rule == "as_of_missing"


def test_printed_rounding_is_allowed_and_no_more() -> None:
    """333万 stands for anything within 5,000 certificates of it (domain case T15)."""
    assert match(3_329_600, 3_330_000, within=5_000) == "within_rounding"
    assert match(3_324_999, 3_330_000, within=5_000) == "no"
    assert match(3_330_000, 3_330_000, within=0) == "exact"
    assert control_total_ok(["exact", None, "within_rounding"]) == "within_rounding"


def test_a_register_row_with_a_taken_name_is_left_out() -> None:
    """A name means one enterprise."""
    lines = [
        ["id", "name", "aliases", "sector", "usci", "grid_user"],
        ["GH-001", "青海甲有限公司", "甲；甲公司", "铝", "91630000TEST00001X", "63010000001"],
        ["GH-002", "乙", "甲公司　", "", "", ""],
        ["GH-003", "丙（青海）", "", "", "9.16E+17", ""],
        ["GH-001", "丁", "", "", "", ""],
        ["GH-004", "戊", "", "", "", ""],
    ]
    found = read_enterprises("enterprises.csv", written(lines, "gb18030"))
    assert [(one.id, one.aliases) for one in found.rows] == [("GH-001", ("甲", "甲公司")), ("GH-004", ())]
    assert [(one.line, one.rule) for one in found.problems] == [
        (3, "name_taken"),
        (4, "identifier_damaged"),
        (5, "id_repeated"),
    ]
