"""Quantities as text and whole numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.quantity import COMMODITIES, COMMODITY_BY_NUMBER, QUANTITY_MAX, parse_quantity


@given(st.integers(-QUANTITY_MAX, QUANTITY_MAX).filter(bool))
def test_every_whole_quantity_survives_its_text(quantity: int) -> None:
    """A quantity other than zero is read back exactly as it was written."""
    assert parse_quantity(str(quantity)) == quantity


@pytest.mark.parametrize("text", ["0", "-0", "+1", "007", "", "-", " 1", "1 ", "1\n", "1.0", "1e3", "1,000", "１", "٣"])
def test_text_that_is_not_a_plain_whole_number_is_no_quantity(text: str) -> None:
    """Zero, signs, leading zeros, blanks, fractions and foreign digits are refused."""
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", -(2**63) + 1),
        ("9223372036854775808", None),
        ("-9223372036854775808", None),
        ("99999999999999999999", None),
    ],
)
def test_quantity_ends_at_two_to_the_63rd_less_one(text: str, quantity: int | None) -> None:
    """The bounds are the same on both sides of zero, and the database's bigint holds them."""
    assert parse_quantity(text) == quantity


@given(st.text(max_size=24))
def test_any_text_is_a_quantity_only_in_its_one_written_form(text: str) -> None:
    """Whatever is accepted writes back to the same text, so a quantity has one form only."""
    quantity = parse_quantity(text)
    assert quantity is None or str(quantity) == text


def test_commodity_numbers_are_fixed() -> None:
    """Numbers stand in stored postings: they never change, and certificates are number 1 (the sum trigger says so)."""
    assert {c.number: c.code for c in COMMODITIES.values()} == {
        1: "GEC", 2: "GECSUB", 3: "CNY", 4: "KWH", 5: "CEA", 6: "CCER", 7: "CO2E", 8: "PRODUCT",
    }  # fmt: skip
    assert {number: c.code for number, c in COMMODITY_BY_NUMBER.items()} == {
        c.number: c.code for c in COMMODITIES.values()
    }


def test_only_certificates_carry_lots() -> None:
    """A certificate has an identity; money, promises and allowances have none."""
    assert [c.code for c in COMMODITIES.values() if c.lot_bearing] == ["GEC"]
