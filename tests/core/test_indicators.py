"""Shares, targets and published claims: the domain's cases T13, T14 and T16, number by number."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.carbon_rules import IndustryOf, SavingCap
from ledger.core.indicators import Judged, Standing, industry_of, judge, province_saving, ranked, reproduce, summed
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.core.refusal import Refusal
from ledger.core.seed import SEED

ON = "2025-12-31"


def book(*more: PolicyRow, rows: tuple[PolicyRow, ...] = SEED) -> PolicyBook:
    """The rules of a new ledger, and more."""
    found = PolicyBook()
    for index, row in enumerate((*rows, *more), start=1):
        found.add(index, row)
    return found


def standing(party: str, counted: int, consumed: int | None) -> Standing:
    """An enterprise's year."""
    return Standing(party=party, counted=counted, consumed=None if consumed is None else Decimal(consumed))


def percent(share: Fraction | None) -> str:
    """As a report prints it, to four places."""
    assert share is not None
    exact = Decimal(100 * share.numerator) / Decimal(share.denominator)
    return str(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP))


ALUMINIUM = standing("aluminium", 1_500_000 + 600_000 + 300_000, 3_370_000)
CEMENT, POLYSILICON = standing("cement", 90_000, 180_000), standing("polysilicon", 828_000, 1_200_000)


def judged(one: Standing, industry: str | None = None) -> Judged:
    """Held against the target of its industry in 2025."""
    return judge(one, book(), industry=industry or one.party, year="2025", on=ON)


@pytest.mark.parametrize(
    ("one", "share", "meets", "mode"),
    [
        (ALUMINIUM, "71.2166", True, "ASSESSED"),
        (CEMENT, "50.0000", False, "MONITORED"),
        (POLYSILICON, "69.0000", False, "MONITORED"),
    ],
)
def test_t13_shares_of_the_industries(one: Standing, share: str, meets: bool, mode: str) -> None:
    """T13: only aluminium is assessed; the others are watched."""
    found = judged(one)
    assert (percent(one.share), found.meets, found.mode) == (share, meets, mode)


def test_t13_the_park_is_no_mean_of_shares() -> None:
    """T13: sums over sums; 63.41 % would be the mean, and is wrong."""
    park = summed("park", [ALUMINIUM, CEMENT, POLYSILICON])
    assert (park.counted, park.consumed, percent(park.share)) == (3_318_000, Decimal(4_750_000), "69.8526")


def test_t13_a_share_is_compared_unrounded() -> None:
    """T13: 69.996 % does not meet 70 %, even if it is printed 70.00 %."""
    found = judged(standing("aluminium", 69_996, 100_000))
    assert (found.meets, found.gap) == (False, 4)
    assert judged(standing("aluminium", 70_000, 100_000)).meets is True


def test_the_gap_is_in_whole_certificates() -> None:
    """max(0, ceil(target x consumption) - counted)."""
    assert judged(standing("aluminium", 0, 101)).gap == 71
    assert judged(standing("aluminium", 80, 101)).gap == 0


def test_without_data_there_is_no_share() -> None:
    """Neither 0 nor 100 %, last in the ranking, and in no sum."""
    nothing = standing("GH-009", 5, None)
    found = judged(nothing, "aluminium")
    assert (nothing.share, found.meets, found.gap) == (None, None, None)
    order = [one.standing.party for one in ranked([found, judged(CEMENT), judged(ALUMINIUM)])]
    assert order == ["aluminium", "cement", "GH-009"]
    assert summed("park", [nothing, CEMENT]) == standing("park", 90_000, 180_000)
    assert summed("park", [nothing]).share is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6) | st.none()), min_size=2, max_size=8))
def test_ranking_never_rises(given_: list[tuple[int, int | None]]) -> None:
    """Shares fall from the first to the last that has one; who has none comes after."""
    order = ranked(judged(standing(f"GH-{at:03}", *one), "aluminium") for at, one in enumerate(given_))
    shares = [one.standing.share for one in order]
    known = [share for share in shares if share is not None]
    assert known == sorted(known, reverse=True) and shares[: len(known)] == known


def test_an_industry_is_a_dated_rule() -> None:
    """Without one an enterprise has no target of its own."""
    row = PolicyRow(
        in_force_from="2025-01-01", rule=IndustryOf(enterprise="GH-001", industry="cement"), source="a list"
    )
    assert industry_of(book(row), "GH-001", ON) == "cement" and industry_of(book(row), "GH-001", "2024-12-31") is None
    assert judge(CEMENT, book(), industry=None, year="2025", on=ON).target is None


def test_t14_the_saving_of_a_province_is_capped() -> None:
    """T14: 5,000,000 certificates are 614,500 tce, of which 500,000 count."""
    found = province_saving(Decimal(1_000_000), 5_000_000, book(), on=ON)
    assert not isinstance(found, Refusal)
    assert (found.bought, found.cap, found.counted) == (Decimal(614_500), Decimal(500_000), Decimal(500_000))
    below = province_saving(Decimal(1_000_000), 1_000, book(), on=ON)
    assert not isinstance(below, Refusal) and below.counted == Decimal("122.9")
    without = book(rows=tuple(row for row in SEED if not isinstance(row.rule, SavingCap)))
    missing = province_saving(Decimal(1), 1, without, on=ON)
    assert isinstance(missing, Refusal) and missing.code == "policy_missing"


def test_t16_a_published_claim_is_not_reproducible() -> None:
    """T16: 65.81 GWh, 16,750 tce, 4,389 tCO2: neither figure comes of a known factor, and that is the answer."""
    energy = Decimal(65_810)
    coal, carbon = (reproduce(energy, *one, book(), on=ON) for one in (("16750", "tce"), ("4389", "tCO2")))
    assert (f"{float(coal.implied):.4f}", f"{float(carbon.implied):.4f}") == ("0.2545", "0.0667")
    assert not coal.reproducible and not carbon.reproducible
    given_ = {(rule.of, rule.region, rule.data_year): given for _, rule, given in (*coal.by, *carbon.by)}
    assert round(given_["COAL_CALORIFIC", "CN", "2020"]) == 8_088
    assert round(given_["GRID_AVERAGE", "QH", "2022"]) == 10_312


def test_a_published_claim_by_a_known_factor_is_reproducible() -> None:
    """The twin: to half a unit of the last digit that was printed."""
    for published in ("8088", "8088.0", "8088.05"):
        assert reproduce(Decimal(65_810), published, "tce", book(), on=ON).reproducible
    assert not reproduce(Decimal(65_810), "8088.2", "tce", book(), on=ON).reproducible
