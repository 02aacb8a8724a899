"""Columns are found by what their headers mean, wherever they stand."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.imports.explaining import explain
from ledger.imports.layouts import (
    LAYOUTS_FILE,
    STATEMENTS,
    header_name,
    header_unit,
    known_layouts,
    match_columns,
    recognise,
)
from ledger.imports.readers import StatementUnreadable, read_sheets
from tests.imports.reading import read_statement
from tests.imports.statement_files import (
    CANONICAL,
    HEADERS,
    row,
    shuffled,
    statement,
    written,
)

ROWS = [
    row(1),
    row(2, quantity="31200", amount="162240.00"),
    row(3, production_month="2023-11", traded_on="2024-07-31", transferred_on="", status="已成交待划转"),
]


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_column_order_names_forms_and_encoding_do_not_matter(seed: int) -> None:
    """The same trades come out of any writing of the same rows."""
    expected = read_statement("a.csv", statement(ROWS))
    read = read_statement("b.csv", shuffled(ROWS, random.Random(seed)))
    assert read.problems == ()
    assert [as_facts(one) for one in read.rows] == [as_facts(one) for one in expected.rows]


def as_facts(one: object) -> list[object]:
    return [getattr(one, field) for field in one.__struct_fields__ if field not in ("line", "sheet")]


def test_no_synonym_means_two_fields() -> None:
    """Within a layout a header name has one meaning."""
    for layout in STATEMENTS:
        owners: dict[str, str] = {}
        for field in layout.fields:
            for synonym in field.synonyms:
                assert owners.setdefault(synonym, field.name) == field.name, synonym


def test_synonyms_are_written_as_headers_are_normalised() -> None:
    """A synonym that normalising would change could never be found."""
    for layout in STATEMENTS:
        for field in layout.fields:
            for synonym in field.synonyms:
                assert header_name(synonym) == synonym


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("绿证数量（个）", "绿证数量", "个"),
        ("数量 （万张）", "数量", "万张"),
        ("单价(元/个)", "单价", "元/个"),
        ("数量/个", "数量", "个"),
        ("绿证编号（起）", "绿证编号起", None),
        ("认购/数量（万张）", "认购数量", "万张"),
        ("*买方名称：", "买方名称", None),
        ("成交\n数量", "成交数量", None),
        ("交易电量【万千瓦时】", "交易电量", "万千瓦时"),
    ],
)
def test_headers_are_split_into_name_and_unit(header: str, name: str, unit: str | None) -> None:
    """Brackets hold a unit, or belong to the name."""
    assert (header_name(header), header_unit(header)) == (name, unit)


def test_a_header_in_two_rows_is_joined() -> None:
    """Groups over columns are read as one name, filled forward where cells were merged."""
    group = [
        "序号",
        "订单编号",
        "交易方式",
        "买方",
        "",
        "卖方",
        "项目",
        "",
        "",
        "",
        "电量生产年月",
        "绿证类型",
        "成交",
        "",
        "",
        "",
        "划转日期",
        "交易状态",
    ]
    below = [
        "",
        "",
        "",
        "名称",
        "统一社会信用代码",
        "名称",
        "名称",
        "建档立卡编码",
        "类型",
        "所在省份",
        "",
        "",
        "数量（个）",
        "单价（元/个）",
        "金额（元）",
        "日期",
        "",
        "",
    ]
    cells = ["1", *(value for key, value in row().items() if not key.startswith("code") and key != "remark")]
    read = read_statement("a.csv", written([["绿证交易明细"], group, below, cells], "utf-8"))
    assert read.problems == ()
    assert (read.rows[0].quantity, read.rows[0].line, read.rows[0].project_code) == (
        100,
        4,
        row()["project_code"],
    )


def test_units_come_from_the_header_the_title_or_the_cell() -> None:
    """The nearest unit wins: cell, then header, then title line."""
    header = [*CANONICAL.values()]
    header[list(CANONICAL).index("quantity")] = "绿证数量"
    cells = [*row(quantity="0.01").values()]
    title = ["单位：万张、元"]
    assert read_statement("a.csv", written([title, header, cells], "utf-8")).rows[0].quantity == 100
    cells = [*row(quantity="100个").values()]
    assert read_statement("a.csv", written([title, header, cells], "utf-8")).rows[0].quantity == 100
    header[list(CANONICAL).index("quantity")] = "交易电量（万千瓦时）"
    cells = [*row(quantity="10").values()]
    assert read_statement("a.csv", written([title, header, cells], "utf-8")).rows[0].quantity == 100


def test_energy_without_a_unit_is_refused() -> None:
    """A column of energy could be off by a thousand, so its unit must be printed."""
    with pytest.raises(StatementUnreadable) as refused:
        read_statement("a.csv", statement([row()], headers=CANONICAL | {"quantity": "交易电量"}))
    assert refused.value.rule == "unit_missing"


def test_a_missing_column_is_named_with_what_was_found() -> None:
    """The refusal tells the operator which column to look for."""
    headers = {field: name for field, name in CANONICAL.items() if field != "status"}
    with pytest.raises(StatementUnreadable) as refused:
        read_statement("a.csv", statement([row()], headers=headers))
    assert refused.value.rule == "column_missing"
    assert refused.value.line == 4
    assert "status" in refused.value.message and "订单编号" in refused.value.message


def test_two_columns_of_one_name_are_refused() -> None:
    """Which of two equal headers counts is not guessed."""
    lines = [[*CANONICAL.values(), "绿证数量"], [*row().values(), "100"]]
    with pytest.raises(StatementUnreadable) as refused:
        read_statement("a.csv", written(lines, "utf-8"))
    assert refused.value.rule == "column_ambiguous"


def test_a_header_below_the_first_twenty_rows_is_not_sought() -> None:
    """A statement opens with its header, not with a book."""
    lines = [["说明"]] * 25 + [[*CANONICAL.values()], [*row().values()]]
    with pytest.raises(StatementUnreadable):
        read_statement("a.csv", written(lines, "utf-8"))


@pytest.mark.parametrize("field", list(HEADERS))
def test_every_test_header_means_its_field(field: str) -> None:
    """The names that exports use are all understood."""
    for name in HEADERS[field]:
        assert match_columns(STATEMENTS[0], [name]) == {field: 0}


def test_a_recognised_table_knows_its_preamble() -> None:
    """Lines above the header stay with the table: they hold the period and the units."""
    (table,) = recognise("a.csv", read_sheets("a.csv", statement([row()])))
    assert table.layout.name == "A"
    assert table.preamble[0] == "绿证交易明细"
    assert table.header_line_last == 4


OWN = """
[platform_trades]
buyer_name = ["买受企业"]
quantity = ["张数合计"]
"""


def test_an_operator_adds_header_names_without_code(tmp_path: Path) -> None:
    """A file whose headers nobody knew is refused; named in the operator's own file they mean their fields."""
    headers = CANONICAL | {"buyer_name": "买受企业", "quantity": "张数合计（个）"}
    content = statement([row()], headers=headers)
    with pytest.raises(StatementUnreadable) as refused:
        recognise("a.csv", read_sheets("a.csv", content))
    assert refused.value.rule == "column_missing"
    own = tmp_path / LAYOUTS_FILE
    own.write_text(OWN, "utf-8")
    (table,) = recognise("a.csv", read_sheets("a.csv", content), known_layouts(own))
    assert (table.headers["buyer_name"], table.headers["quantity"]) == ("买受企业", "张数合计（个）")
    (told,) = explain("a.csv", content, known_layouts(own))
    assert (told.layout, told.absent) == ("platform_trades", ["sequence", "seller_usci"])
    quantity = next(column for column in told.columns if column.field == "quantity")
    assert (quantity.unit, quantity.values) == ("个", ["100"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trades]\nbuyer_name = ['x']", "trades"),
        ("[platform_trades]\nbuyer = ['x']", "buyer"),
        ("[", "cannot be read"),
    ],
)
def test_an_unsound_file_of_header_names_is_told(tmp_path: Path, text: str, said: str) -> None:
    """A layout or a field that there is not, or no TOML at all: what it is, and nothing is guessed."""
    own = tmp_path / LAYOUTS_FILE
    own.write_text(text, "utf-8")
    with pytest.raises(StatementUnreadable) as refused:
        known_layouts(own)
    assert refused.value.rule == "layouts_unsound" and said in refused.value.message


def test_a_name_can_be_given_to_another_field(tmp_path: Path) -> None:
    """编号 is a sequence by itself; an operator whose platform means the order by it says so."""
    own = tmp_path / LAYOUTS_FILE
    own.write_text('[platform_trades]\norder = ["编号"]\n', "utf-8")
    content = statement([row()], headers=CANONICAL | {"order": "编号"})
    (table,) = recognise("a.csv", read_sheets("a.csv", content), known_layouts(own))
    assert table.headers["order"] == "编号" and "sequence" not in table.columns
