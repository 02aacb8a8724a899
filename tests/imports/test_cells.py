"""Cell texts become exact values, or say which rule they break."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.imports.cells import (
    CellError,
    Period,
    half_unit,
    is_null,
    parse_amount_fen,
    parse_code,
    parse_count,
    parse_date,
    parse_day,
    parse_identifier,
    parse_month,
    parse_number,
    parse_price,
    squeeze,
)

FULL_WIDTH = {48 + digit: 0xFF10 + digit for digit in range(10)} | {
    ord(","): "，",
    ord("."): "．",
    ord("-"): "－",
}
JULY = Period(datetime.date(2024, 7, 1), datetime.date(2024, 7, 31))


def written(count: int) -> list[str]:
    """List the ways in which statements write one count of certificates."""
    plain, grouped = str(count), f"{count:,}"
    ten_thousands = format(Decimal(count) / 10_000, "f")
    return [
        plain, grouped, plain.translate(FULL_WIDTH), grouped.translate(FULL_WIDTH), f"'{plain}",
        f'="{plain}"',
        f"{plain}个", f"{grouped} 张", f"　{plain}　", f"{ten_thousands}万张",
        f"{ten_thousands}万".translate(FULL_WIDTH),
        f"{plain}.000", f"{plain}兆瓦时", f"{count}000千瓦时", f"{format(Decimal(count) / 10, 'f')}万千瓦时",
        f"{format(Decimal(count) / 100_000, 'f')}亿千瓦时", f"{plain}MWh",
    ]  # fmt: skip


@given(st.integers(-(10**9), 10**9), st.data())
def test_a_count_reads_back_however_it_was_written(count: int, data: st.DataObject) -> None:
    """Every supported way of writing a count gives the same whole certificates."""
    assert parse_count(data.draw(st.sampled_from(written(count)))) == count


@given(st.integers(0, 10**11), st.sampled_from(("{}", "¥{}", "{}元", "'{}")), st.booleans())
def test_an_amount_reads_back_to_the_fen(fen: int, form: str, grouped: bool) -> None:
    """Money is exact in fen, with or without thousands."""
    yuan = f"{fen // 100:,}" if grouped else str(fen // 100)
    assert parse_amount_fen(form.format(f"{yuan}.{fen % 100:02}")) == fen


@given(st.dates(datetime.date(2000, 1, 1), datetime.date(2099, 12, 31)), st.data())
def test_a_date_reads_back_however_it_was_written(day: datetime.date, data: st.DataObject) -> None:
    """All printed forms of a day, the Excel serial too, give that day."""
    serial = str((day - datetime.date(1899, 12, 30)).days)
    forms = [
        day.isoformat(), f"{day.year}/{day.month}/{day.day}", f"{day.year}.{day.month}.{day.day}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日", serial, f"{day} 10:20:30", f"{day:%Y-%m-%d}T10:20",
        f"{day.year}年{day.month}月{day.day}日".translate(FULL_WIDTH),
    ]  # fmt: skip
    assert parse_day(data.draw(st.sampled_from(forms))) == day


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No cell text makes a reader fail in another way than CellError."""
    for parse in (parse_count, parse_amount_fen, parse_price, parse_date, parse_identifier):
        try:
            parse(text)
        except CellError as error:
            assert error.rule and error.expected


@pytest.mark.parametrize(
    ("text", "column_unit", "count"),
    [
        ("333万张", None, 3_330_000),
        ("３．１２万", None, 31_200),
        ("1，200", None, 1_200),
        ("33.3亿千瓦时", None, 3_330_000),
        ("1.2万千瓦时", None, 12),
        ("3.33百万", None, 3_330_000),
        ("333", "万张", 3_330_000),
        ("3.12万", "万张", 31_200),
        ("1200个", "万张", 1_200),
        ("1.2", "万千瓦时", 12),
        ("1.2万", "千瓦时", 12),
        ("-100", None, -100),
        ("－100", None, -100),
        ("(100)", None, -100),
        ("（1,100）", None, -1_100),
        ("0", None, 0),
        ("12.000", "兆瓦时", 12),
    ],
)
def test_count_examples(text: str, column_unit: str | None, count: int) -> None:
    """A cell's own unit outranks the column's, and a bare 万 scales the column's noun once."""
    assert parse_count(text, column_unit) == count


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("12.5个", "count_not_whole"),
        ("0.5千瓦时", "count_not_whole"),
        ("约333万", "number_approximate"),
        ("333余万", "number_approximate"),
        ("333万以上", "number_approximate"),
        ("近3万张", "number_approximate"),
        ("1,2345", "number_malformed"),
        ("12,00", "number_malformed"),
        ("１２ab", "unit_unknown"),
        ("9.16301E+17", "number_damaged"),
        ("", "value_missing"),
        ("—", "value_missing"),
        ("100元", "unit_unexpected"),
        ("5%", "unit_unexpected"),
        ("--5", "number_malformed"),
        ("(-5)", "number_malformed"),
        ("1" * 30, "number_too_large"),
        ("#DIV/0!", "formula_error"),
        ("#FORMULA!", "formula_without_value"),
        ("三百万", "number_malformed"),
    ],
)
def test_counts_that_are_refused(text: str, rule: str) -> None:
    """What is not exactly a whole number of certificates names the rule it breaks."""
    with pytest.raises(CellError) as refused:
        parse_count(text)
    assert refused.value.rule == rule


def test_approximate_figures_are_marked() -> None:
    """约, 近, 余 and 以上 are read and remembered."""
    assert parse_number("约333万").approximate
    assert parse_number("约333万").unit == "万"
    assert not parse_number("333万张").approximate


@pytest.mark.parametrize("text", ["-", "--", "—", "——", "－", "/", "／", "无", "", "　", "'", "N/A"])
def test_null_markers_are_not_nought(text: str) -> None:
    """Nothing is not zero."""
    assert is_null(text)
    assert not is_null("0")


@pytest.mark.parametrize(
    ("text", "unit", "price"),
    [
        ("5.20", None, "5.20"),
        ("5.2", "元/个", "5.20"),
        ("5", None, "5.00"),
        ("5.125", None, "5.125"),
        ("0.5", "分/千瓦时", "5.00"),
        ("52", "元/万千瓦时", "5.20"),
        ("5.20元/张", "元/个", "5.20"),
        ("10", None, "10.00"),
        ("100", None, "100.00"),
        ("—", None, None),
    ],
)
def test_prices_are_exact_text_in_yuan_for_one_certificate(text: str, unit: str | None, price: str | None) -> None:
    """A price keeps every decimal and at least two."""
    assert parse_price(text, unit) == price


def test_parts_of_a_fen_are_refused() -> None:
    """Money ends at the fen."""
    with pytest.raises(CellError, match="amount_not_whole_fen"):
        parse_amount_fen("62400.005")
    assert parse_amount_fen("6.24", "万元") == 6_240_000


@pytest.mark.parametrize("text", ["9.16301E+17", "9.16301e17", "'1.2E+31"])
def test_damaged_identifiers_are_refused(text: str) -> None:
    """A code in scientific notation has lost its digits."""
    with pytest.raises(CellError, match="identifier_damaged"):
        parse_identifier(text)


def test_codes_have_an_exact_length() -> None:
    """Wrappers fall away, a missing character does not go unseen."""
    assert parse_code('="91630000TEST00001X"', 18, "wrong") == "91630000TEST00001X"
    assert parse_code("'９1630000TEST00001X　", 18, "wrong") == "91630000TEST00001X"
    with pytest.raises(CellError, match="wrong"):
        parse_code("91630000TEST00001", 18, "wrong")


def test_a_date_without_year_takes_it_from_the_period() -> None:
    """7月5日 needs a statement period; a transfer may fall a little after it."""
    assert parse_day("7月5日", JULY) == datetime.date(2024, 7, 5)
    assert parse_day("8月2日", JULY) == datetime.date(2024, 8, 2)
    december = Period(datetime.date(2024, 12, 1), datetime.date(2024, 12, 31))
    assert parse_day("1月3日", december) == datetime.date(2025, 1, 3)
    for text, period in (("7月5日", None), ("3月5日", JULY), ("2月30日", JULY)):
        with pytest.raises(CellError, match="date_without_year"):
            parse_day(text, period)


@pytest.mark.parametrize(
    "text",
    ["202402", "2024-02", "2024年2月", "2024/2", "2024.2", "２０２４年２月", "2024-02-29", "2024年2月份"],
)
def test_months_have_one_form(text: str) -> None:
    """A production month is YYYY-MM whatever the export wrote."""
    assert parse_month(text) == "2024-02"


@pytest.mark.parametrize("text", ["2024-13", "2024-02-30", "1999-01-01", "05/07/2024", "昨天", "7/5", "202400"])
def test_dates_that_are_refused(text: str) -> None:
    """A date that could mean two days, or none, is not guessed."""
    with pytest.raises(CellError):
        parse_date(text, JULY)


def test_half_units_follow_the_printed_digits() -> None:
    """0.28 in a 万张 column stands for anything within 50 certificates."""
    assert half_unit("0.28", "万张") == 50
    assert half_unit("333", "万张") == 5_000
    assert half_unit("31,200", None) == 0


def test_names_compare_without_width_and_blanks() -> None:
    """Full-width brackets and trailing blanks make no other enterprise."""
    assert squeeze("亚洲硅业（青海） 股份有限公司　") == squeeze("亚洲硅业(青海)股份有限公司")
