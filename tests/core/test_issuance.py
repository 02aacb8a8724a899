"""Issuance: whole MWh become certificates, the rest is carried, and each serial is issued once (domain case T9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.account import account_name
from ledger.core.command import RegisterParty
from ledger.core.events import Trade
from tests.core.park import (
    CONFIRMED,
    PLATFORM,
    PROJECT,
    SELLER,
    Park,
    codes,
    facts,
    issue,
    ranges,
    series,
)

MADE, HELD = account_name("issuance", PROJECT), account_name("holding_project", PROJECT)
CARRY, METERED = account_name("carry", PROJECT), account_name("metered", PROJECT)
OUTSIDE, CLEARING = account_name("external", SELLER), account_name("clearing", PLATFORM)


def sold_from_outside(park: Park, first: int, last: int) -> None:
    """Certificates of the project come into the book before their issuance does."""
    lot = facts("line-1")
    lot = type(lot)(code="line-1", numbered=False, production_month="2026-05", project=PROJECT)
    trade = Trade(
        trade_id=f"T-{first}", buyer="GH-001", seller=SELLER, platform=PLATFORM, quantity=last - first + 1, lot=lot,
        **codes(first, last),
    )  # fmt: skip
    park.post(trade)


def test_t9_the_rest_of_a_mwh_is_carried_to_the_next_month() -> None:
    """1,234,567; 987,654; 1,500,499; 277,280 kWh make 1,234; 988; 1,500; 278 and leave 567; 221; 720; 0."""
    park, made, carried = Park(), [], []
    for month, energy in (("01", 1_234_567), ("02", 987_654), ("03", 1_500_499), ("04", 277_280)):
        before = park.balance(HELD)
        park.post(issue(energy, month=f"2026-{month}"))
        made.append(park.balance(HELD) - before)
        carried.append(park.balance(CARRY, "KWH"))
    assert made == [1_234, 988, 1_500, 278]
    assert carried == [567, 221, 720, 0]
    assert (park.balance(HELD), park.balance(MADE)) == (4_000, -4_000)


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=12))
def test_certificates_and_carry_are_the_energy(energies: list[int]) -> None:
    """Whatever is metered: 1,000 kWh a certificate, less than one MWh carried, and energy is double entry too."""
    park = Park()
    for at, energy in enumerate(energies):
        park.post(issue(energy, reference=f"N-{at}"))
        assert 0 <= park.balance(CARRY, "KWH") < 1_000
        assert park.balance(CARRY, "KWH") == -park.balance(METERED, "KWH")
    assert park.balance(HELD) * 1_000 + park.balance(CARRY, "KWH") == sum(energies)


def test_less_than_a_mwh_makes_no_certificate() -> None:
    """999 kWh are carried; one more makes the first certificate, in the lot of the issuance that completed it."""
    park = Park()
    park.post(issue(999))
    assert (park.balance(HELD), park.balance(CARRY, "KWH")) == (0, 999)
    park.post(issue(1, reference="N-2"))
    assert (park.balance(HELD), park.balance(CARRY, "KWH")) == (1, 0)
    assert park.balance(HELD, lot=f"{PROJECT}/2026-05/N-2") == 1


def test_serials_in_the_book_are_adopted_and_the_rest_is_the_projects() -> None:
    """401 to 500 came from outside before: the issuance makes them good outside, and the project has 1 to 400."""
    park = Park()
    sold_from_outside(park, 401, 500)
    park.post(issue(500_000, seller=SELLER, **codes(1, 500)))
    assert park.serials(HELD, series()) == ranges("1-400")
    assert park.serials(CLEARING, series()) == ranges("401-500")
    assert [park.balance(name) for name in (MADE, OUTSIDE, CLEARING, HELD)] == [-500, 0, 100, 400]


@pytest.mark.parametrize("seller", [None, "S-2"])
def test_serials_in_the_book_that_came_from_elsewhere_are_a_conflict(seller: str | None) -> None:
    """Adopting needs the party they came from; nobody's, or another's, is two certificates with one serial."""
    park = Park()
    park.post(RegisterParty(party="S-2", kind="seller", name="另一卖方"))
    sold_from_outside(park, 1, 10)
    refusal = park.refused(issue(10_000, seller=seller, **codes(1, 10)))
    assert (refusal.code, refusal.figures["serials"]) == ("serial_conflict", "1-10")


@pytest.mark.parametrize("again", [(1, 10), (10, 12), (3, 4)])
def test_a_serial_is_issued_once(again: tuple[int, int]) -> None:
    """Issued serials cannot be issued again, adopted or not, whole or in part."""
    park = Park()
    sold_from_outside(park, 1, 5)
    park.post(issue(10_000, seller=SELLER, **codes(1, 10)))
    count = again[1] - again[0] + 1
    refusal = park.refused(issue(1_000 * count, reference="N-2", seller=SELLER, **codes(*again)))
    assert refusal.code in {"already_issued", "serial_conflict"}


def test_two_issuances_of_neighbouring_serials_make_one_range() -> None:
    """1 to 10, then 11 to 20: one range of 20 lies with the project."""
    park = Park()
    park.post(issue(10_000, **codes(1, 10)))
    park.post(issue(10_000, reference="N-2", **codes(11, 20)))
    assert park.serials(HELD, series()) == ranges("1-20")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (issue(5_000, quantity=6), "quantity_mismatch"),
        (issue(5_000, **codes(1, 6)), "codes_mismatch"),
        (issue(5_000, **codes(1, 5, "2026-06")), "codes_mismatch"),
        (issue(5_000, code_first="9.16E+17", code_last="9.16E+17"), "codes_mismatch"),
        (issue(5_000, code_first="A" * 31, code_last="A" * 31), "codes_mismatch"),
        (issue(5_000, seller="nobody"), "unknown_party"),
    ],
)
def test_what_does_not_fit_the_energy_is_refused(command: object, code: str) -> None:
    """A stated number, a code range or a damaged code that does not fit what energy and carry make."""
    assert Park().refused(command).code == code


def test_an_unknown_project_is_refused_by_name() -> None:
    """Also where the name is another party's."""
    for name in ("nowhere", SELLER):
        command = type(issue(1))(project=name, reference="N", energy_kwh=1000, lot=facts("x"), evidence=CONFIRMED)
        refusal = Park().refused(command)
        assert (refusal.code, refusal.figures["project"]) == ("unknown_project", name)
