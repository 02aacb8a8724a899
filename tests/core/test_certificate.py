"""Validity of certificates, and what a 32-character code yields."""

import calendar
import datetime
import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.certificate import LotFacts, read_code, read_code_range, valid_until
from ledger.core.plans.plan import Units, numbered
from ledger.core.policy import CodeLayout, PolicyBook, PolicyRow, Validity
from ledger.core.seed import SEED
from ledger.core.serial_range import SerialRange

FIRST, LAST = "1A2B2023630100077202403000000111", "1A2B2023630100077202403001200011"
"""The codes of domain 2.2, row 1: sequences 0000001 to 0012000, energy class 1, trade class 1."""


def seed() -> PolicyBook:
    """The rules a new ledger starts with."""
    book = PolicyBook()
    for index, row in enumerate(SEED, start=1):
        book.add(index, row)
    return book


def layout() -> CodeLayout:
    """The seeded code layout: 17 + 6 + 7 + 2."""
    found = seed().code_layout("2026-11-23")
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("month", "last"),
    [
        ("2017-08", "2025-12-31"),
        ("2022-05", "2025-12-31"),
        ("2023-11", "2025-12-31"),
        ("2023-12", "2025-12-31"),
        ("2024-01", "2025-12-31"),
        ("2024-02", "2026-01-31"),
        ("2024-03", "2026-02-28"),
        ("2024-07", "2026-06-30"),
        ("2025-12", "2027-11-30"),
        ("2026-03", "2028-02-29"),
    ],
)
def test_certificate_is_valid_until_the_day_of_domain_1_7(month: str, last: str) -> None:
    """Every row of the validity table, and a leap February."""
    assert valid_until(month, seed().validities("2026-11-23")) == datetime.date.fromisoformat(last)


@given(st.integers(2024, 2080), st.integers(1, 12))
def test_validity_ends_with_the_month_23_months_on(year: int, month: int) -> None:
    """From 2024 on the last valid day is the end of production month + 23 months, counted another way here."""
    ends = datetime.date(year, month, 1)
    for _ in range(23):
        ends = (ends.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
    ends = ends.replace(day=calendar.monthrange(ends.year, ends.month)[1])
    assert valid_until(f"{year}-{month:02}", seed().validities("2026-11-23")) == ends


def test_month_that_no_rule_covers_has_no_last_day() -> None:
    """A missing rule is said to be missing, never guessed."""
    assert valid_until("1999-12", seed().validities("2026-11-23")) is None
    assert valid_until("2024-05", ()) is None


def test_newer_validity_rule_wins_over_the_one_it_changes() -> None:
    """A rule put in force later judges the months it names, though the older row was never closed."""
    book = seed()
    rule = Validity(produced_from="2026-01", produced_before="9999-12", months=12)
    book.add(99, PolicyRow(in_force_from="2026-06-01", rule=rule, source="a notice"))
    assert valid_until("2026-03", book.validities("2026-11-23")) == datetime.date(2027, 2, 28)
    assert valid_until("2026-03", book.validities("2026-05-31")) == datetime.date(2028, 2, 29)


def test_codes_of_the_statement_yield_series_and_serials() -> None:
    """Domain 2.2, row 1: the two codes are one series of 12 000 certificates."""
    read = read_code_range(FIRST, LAST, layout())
    assert read is not None
    assert (read.project, read.production_month) == ("1A2B2023630100077", "2024-03")
    assert (read.energy_class, read.trade_class) == ("1", "1")
    assert read.serials == SerialRange(1, 12_001)


def test_series_is_all_of_a_code_but_its_number() -> None:
    """Two ranges are one series exactly when project, month and classes agree."""
    base = read_code_range(FIRST, FIRST, layout())
    other_month = FIRST[:17] + "202404" + FIRST[23:]
    other_class = FIRST[:-1] + "2"
    other_project = "2" + FIRST[1:]
    assert base is not None
    assert base.series == read_code_range(LAST, LAST, layout()).series
    for code in (other_month, other_class, other_project):
        assert read_code_range(code, code, layout()).series != base.series
        assert read_code_range(FIRST, code[:23] + LAST[23:30] + code[30:], layout()) is None


@pytest.mark.parametrize("quantity", [0, 1, 11_999, 12_001, -12_000])
def test_units_of_a_range_that_is_not_as_long_as_the_quantity_stay_counted(quantity: int) -> None:
    """Last - first + 1 must equal the stated quantity, else the codes stay text."""
    lot = LotFacts(code="line", numbered=False, production_month="2024-03", project=FIRST[:17])
    read = functools.partial(numbered, lot, codes=(FIRST, LAST), on="2024-07-05", policies=seed())
    assert read(quantity=quantity) == Units(lot)
    assert read(quantity=12_000).serials == read(quantity=None).serials == (SerialRange(1, 12_001),)


def test_range_backwards_is_refused() -> None:
    """First and last swapped name no certificates."""
    assert read_code_range(LAST, FIRST, layout()) is None


@pytest.mark.parametrize(
    "code",
    [
        "", FIRST[:-1], FIRST + "1", FIRST.lower(), FIRST[:5] + " " + FIRST[6:], FIRST[:-1] + "\n",
        "1.A2B2E+31".ljust(32, "0"), FIRST[:17] + "202413" + FIRST[23:], FIRST[:17] + "202400" + FIRST[23:],
        FIRST[:25] + "X" + FIRST[26:], FIRST[:-1] + "１", FIRST[:17] + "2024AB" + FIRST[23:],
    ],
)  # fmt: skip
def test_damaged_code_yields_nothing(code: str) -> None:
    """A code of another length, alphabet or month is kept as text by others; nothing is read out of it."""
    assert read_code(code, layout()) is None
    assert read_code_range(FIRST, code, layout()) is None


@given(st.text("0123456789ABCXYZ -", min_size=30, max_size=33))
def test_code_that_is_read_writes_back_to_itself(code: str) -> None:
    """Reading loses nothing: the parts put together are the code."""
    read = read_code(code, layout())
    if read is not None:
        project, month, classes, serial = read
        assert project + month.replace("-", "") + f"{serial:07}" + classes == code
