"""Carbon methods: the domain's cases T1 to T4, its table of factors, and that no claim goes below zero."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.activity import Meter, Reading
from ledger.core.carbon import Claim, Result, Use, emissions
from ledger.core.carbon_rules import Factor, FactorFallback, ProcessMethod, SupplyRoute, ValueChain
from ledger.core.factors import factor
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.core.refusal import Refusal
from ledger.core.seed import SEED

FS22, FS23 = "2025-06-30", "2026-06-30"
"""Days on which the sets of 2022 and of 2023 are the newest."""
MWH, TONNE = 10**6, 10**6


def book(rows: tuple[PolicyRow, ...] = SEED) -> PolicyBook:
    """The rules of a new ledger."""
    found = PolicyBook()
    for index, row in enumerate(rows, start=1):
        found.add(index, row)
    return found


def use(
    quantity: int, material: str = "electricity", *, site: str = "works", route: str | None = "GRID", stage: str = "all"
) -> Use:
    """A meter with one reading."""
    meter = Meter("M", 1, "GH-001", site, stage, material, route if material == "electricity" else None)
    return Use(meter, (Reading(2, "M", "2024-01-01", "2024-01-31", quantity),))


def process(material: str, method: str, value: str) -> PolicyRow:
    """A factor for each tonne that somebody found a source for."""
    rule = Factor(
        data_year="2017", factor_set="TEST", material=material, method=method, of="EMISSION", per="t", region="CN",
        value=value,
    )  # fmt: skip
    return PolicyRow(in_force_from="2017-01-01", rule=rule, source="a test")


def claim(quantity: int, *, site: str | None = None, purpose: str = "VOLUNTARY") -> Claim:
    """So many certificates retired."""
    return Claim(transaction=3, purpose=purpose, site=site, quantity=quantity, effective_on="2025-01-31")


def result(*parts: Use | Claim, on: str = FS22, rules: PolicyBook | None = None) -> Result:
    """The year of an enterprise with these meters and claims."""
    uses = [part for part in parts if isinstance(part, Use)]
    found = emissions(uses, [one for one in parts if isinstance(one, Claim)], rules or book(), on=on)
    assert isinstance(found, Result), found
    return found


def shown(value: Decimal | Fraction, places: str = "0.01") -> str:
    """As a report rounds it."""
    exact = value if isinstance(value, Decimal) else Decimal(value.numerator) / Decimal(value.denominator)
    return str(exact.quantize(Decimal(places), ROUND_HALF_UP))


def scopes(found: Result) -> tuple[str, str]:
    """Location-based and market-based."""
    return shown(found.total("2_location")), shown(found.total("2_market"))


def test_t1_without_certificates() -> None:
    """T1: 100,000 MWh by the set of 2022."""
    assert scopes(result(use(100_000 * MWH))) == ("15670.00", "58560.00")


@pytest.mark.parametrize(
    ("retired", "market"), [(60_000, "23424.00"), (80_000, "11712.00"), (0, "58560.00"), (73_242, "15669.48")]
)
def test_t2_with_certificates(retired: int, market: str) -> None:
    """T2: location-based never changes; held and not retired counts as nothing."""
    found = result(use(100_000 * MWH), *([claim(retired)] if retired else []))
    assert scopes(found) == ("15670.00", market) and (found.claimed, found.consumed) == (retired, Decimal(100_000))


def test_t2_where_market_meets_location() -> None:
    """T2: 73,242 certificates are the fewest with which market-based is no more than location-based."""
    below, above = (result(use(100_000 * MWH), claim(retired)) for retired in (73_242, 73_241))
    assert below.total("2_market") == Decimal("15669.4848") <= below.total("2_location")
    assert above.total("2_market") == Decimal("15670.0704") > above.total("2_location")


def test_t3_over_retirement() -> None:
    """T3: never below zero; the excess is told and stays where it is."""
    found = result(use(100_000 * MWH), claim(105_000))
    assert (found.total("2_market"), found.excess) == (Decimal(0), Decimal(5_000))


def test_t4_smelter() -> None:
    """T4: a smelter of 250,000 t at 13,480 kWh/t; certificates never touch Scope 1."""
    power, metal = use(250_000 * 13_480 * 1_000), use(250_000 * TONNE, "aluminium")
    assert power.quantity == 3_370_000 * MWH
    without, covered = result(power, metal), result(power, metal, claim(2_359_000))
    tonnes = without.products["aluminium"]
    for found, market, each in ((without, "1973472.00", "7.8939"), (covered, "592041.60", "2.3682")):
        assert scopes(found) == ("528079.00", market)
        assert shown(Fraction(found.total("2_location")) / Fraction(tonnes), "0.0001") == "2.1123"
        assert shown(Fraction(found.total("2_market")) / Fraction(tonnes), "0.0001") == each
        assert [line.emissions for line in found.lines if line.scope == "1"] == [Decimal(356_000), Decimal(36_350)]
        assert found.total("1") == Decimal(392_350)
    assert covered.total("2_market") > covered.total("2_location")


def test_t5_uncovered_by_the_set_of_2023() -> None:
    """T5: of 50,000 MWh 35,000 are covered."""
    assert shown(result(use(50_000 * MWH), claim(35_000), on=FS23).total("2_market")) == "9144.00"


@pytest.mark.parametrize(
    ("of", "region", "values"),
    [
        ("GRID_AVERAGE", "CN", ("0.5568", "0.5366", "0.5306")),
        ("GRID_AVERAGE", "NW", ("0.5951", "0.5857", "0.5543")),
        ("NATIONAL_RESIDUAL", "CN", ("0.5942", "0.5856", "0.6096")),
        ("FOSSIL_ONLY", "CN", ("0.8426", "0.8325", "0.8273")),
        ("GRID_AVERAGE", "QH", ("0.1326", "0.1567", "0.1567")),
    ],
)
def test_table_of_factors(of: str, region: str, values: tuple[str, ...]) -> None:
    """Section 4.2, by the day of the report: the newest set published then, and for Qinghai 2023 an earlier one."""
    days = ("2024-12-19", FS22, FS23)
    found = [factor(book(), of, "electricity", region=region, on=day) for day in days]  # type: ignore[arg-type]  # one
    assert tuple(one.rule.value for one in found if not isinstance(one, Refusal)) == values


def test_a_fallback_is_told() -> None:
    """The Qinghai factor of 2023 was not found: what stands in for it says so, and by which rule."""
    found = factor(book(), "GRID_AVERAGE", "electricity", region="QH", on=FS23)
    assert not isinstance(found, Refusal) and (found.rule.factor_set, found.instead_of) == ("CN-2022", "CN-2023 QH")
    before = factor(book(), "GRID_AVERAGE", "electricity", region="QH", on=FS22)
    assert not isinstance(before, Refusal) and found.fallback is not None and before.fallback is None


def test_a_missing_factor_is_refused_by_name() -> None:
    """Without the rule that lets another stand in there is no figure, whatever else is known."""
    rows = tuple(row for row in SEED if not isinstance(row.rule, FactorFallback))
    found = emissions([use(MWH)], [], book(rows), on=FS23)
    assert isinstance(found, Refusal) and (found.code, found.figures["region"]) == ("factor_missing", "QH")
    coal = emissions([use(TONNE, "raw_coal")], [], book(), on=FS23)
    assert isinstance(coal, Refusal) and (coal.code, coal.figures["material"]) == ("factor_missing", "raw_coal")


def test_a_footprint_factor_is_none_of_an_inventory() -> None:
    """With nothing but footprint factors an inventory of electricity is refused."""
    rows = tuple(row for row in SEED if not isinstance(row.rule, Factor) or row.rule.of == "FOOTPRINT")
    found = emissions([use(MWH)], [], book(rows), on=FS23)
    assert isinstance(found, Refusal) and found.code == "factor_missing"


def test_self_used_power_counts_once() -> None:
    """It is no grid power; market-based it is zero by its own certificates, which then cover nothing else."""
    power = use(60 * MWH), use(40 * MWH, route="SELF_USE")
    found = result(*power, claim(40))
    assert (found.consumed, found.residual, found.excess) == (Decimal(100), Decimal(100), Decimal(0))
    assert found.total("2_location") == 60 * Decimal("0.1567")
    assert found.total("2_market") == 60 * Decimal("0.5856")
    rows = tuple(
        msgspec.structs.replace(row, rule=SupplyRoute(route="SELF_USE", location="ZERO", market="ZERO"))
        if getattr(row.rule, "route", "") == "SELF_USE" and isinstance(row.rule, SupplyRoute)
        else row
        for row in SEED
    )
    zero = result(*power, claim(80), rules=book(rows))
    assert (zero.residual, zero.excess, zero.total("2_market")) == (Decimal(60), Decimal(20), Decimal(0))


def test_a_claim_for_an_event_covers_no_works() -> None:
    """Only purposes that a rule names count."""
    found = result(use(100 * MWH), claim(60, purpose="EVENT"))
    assert (found.claimed, found.total("2_market")) == (0, Decimal("58.56"))


def test_limestone_of_a_clinker_works_counts_once() -> None:
    """Its emission is in the clinker's factor; a lime kiln's is its own, and so is a works' that made no clinker."""
    works, kiln = use(100 * TONNE, "limestone"), use(100 * TONNE, "limestone", site="kiln", route=None)
    found = result(works, use(70 * TONNE, "clinker"), kiln)
    assert [(line.site, line.material) for line in found.lines] == [("kiln", "limestone"), ("works", "clinker")]
    assert found.total("1") == Decimal("43.97") + Decimal("36.75")
    assert result(works, use(0, "clinker")).total("1") == Decimal("43.97")


def test_limestone_of_a_works_that_makes_clinker_and_lime() -> None:
    """What is burnt to lime counts beside the clinker, however little of that; told by the stage, never guessed."""
    clinker, lime = use(TONNE, "clinker", stage="kiln"), use(40 * TONNE, "lime", stage="shaft")
    burnt, raw_meal = (use(100 * TONNE, "limestone", stage=stage) for stage in ("shaft", "kiln"))
    assert result(clinker, lime, burnt, raw_meal).total("1") == Decimal("0.525") + Decimal("43.97")
    for stage in ("all", "quarry"):
        refused = emissions([clinker, lime, use(TONNE, "limestone", stage=stage)], [], book(), on=FS22)
        assert isinstance(refused, Refusal) and refused.code == "limestone_unassigned"
    assert result(clinker, use(0, "lime", stage="shaft"), use(TONNE, "limestone", stage="quarry")).total(
        "1"
    ) == Decimal("0.525")


def test_clinker_of_carbide_slag_has_a_factor_of_its_own() -> None:
    """Domain 4.1: lower with carbide slag, by how much no source says: refused by name until a rule does."""
    uses = [use(100 * TONNE, "clinker"), use(40 * TONNE, "carbide_slag"), use(10 * TONNE, "clinker", site="other")]
    refused = emissions(uses, [], book(), on=FS22)
    assert isinstance(refused, Refusal) and refused.code == "factor_missing"
    assert "calcination_with_slag" in refused.detail()
    found = result(*uses, rules=book((*SEED, process("clinker", "calcination_with_slag", "0.3"))))
    assert [(line.site, line.emissions) for line in found.lines] == [
        ("other", Decimal("5.250")),
        ("works", Decimal("30")),
    ]
    assert result(use(100 * TONNE, "clinker"), use(0, "carbide_slag")).total("1") == Decimal("52.5")
    before = book(tuple(row for row in SEED if not isinstance(row.rule, ProcessMethod)))
    assert result(*uses, rules=before).total("1") == Decimal("57.75")  # as it was before the rule, for ever


def test_a_carbide_furnace_emits() -> None:
    """Domain 4.1: lime burning and the furnace; the second has no factor with a source, so it is never left out."""
    uses = [use(100 * TONNE, "limestone"), use(50 * TONNE, "calcium_carbide")]
    refused = emissions(uses, [], book(), on=FS22)
    assert isinstance(refused, Refusal) and refused.code == "factor_missing"
    found = result(*uses, rules=book((*SEED, process("calcium_carbide", "furnace", "1.1"))))
    assert found.total("1") == Decimal("43.97") + Decimal("55")


def test_categories_of_scope_3_are_rules() -> None:
    """Nothing counts in Scope 3 by itself; what a rule names needs a factor of its category, and adds to no other."""
    uses = [use(10 * MWH), use(7 * TONNE, "anode"), use(3 * TONNE, "anode", site="b")]
    plainly = result(*uses)
    assert plainly.total("3") == 0 and not [line for line in plainly.lines if line.scope == "3"]
    named = (
        PolicyRow(in_force_from="2017-01-01", rule=ValueChain(category=category, material=material), source="a test")
        for category, material in (("1", "anode"), ("1", "anode"), ("3", "electricity"))
    )
    rules = (*SEED, *named, process("anode", "category_1", "3.5"))
    refused = emissions(uses, [], book(rules), on=FS22)
    assert isinstance(refused, Refusal) and "category_3" in refused.detail()
    upstream = Factor(
        data_year="2017", factor_set="TEST", material="electricity", method="category_3", of="EMISSION", per="MWh",
        region="CN", value="0.02",
    )  # fmt: skip
    row = PolicyRow(in_force_from="2017-01-01", rule=upstream, source="a test")
    found = result(*uses, rules=book((*rules, row)))
    assert [(line.method, line.site, line.emissions) for line in found.lines if line.scope == "3"] == [
        ("category_1", "b", Decimal("10.5")),
        ("category_1", "works", Decimal("24.5")),
        ("category_3", "works", Decimal("0.2")),
    ]
    assert [found.total(scope) for scope in ("1", "2_location")] == [plainly.total(s) for s in ("1", "2_location")]


def test_standard_coal_by_both_values() -> None:
    """Section 4.7: 10 MWh are 1.229 tce by the calorific value; the coefficient stands beside each figure."""
    found = {line.basis: line for line in result(use(10 * MWH)).coal}
    assert found["COAL_CALORIFIC"].tce == Decimal("1.229") and found["COAL_EQUIVALENT"].tce == Decimal("3.00")
    assert found["COAL_CALORIFIC"].factor.rule.value == "0.1229"


sites = st.sampled_from(["a", "b", "c"])
quantities = st.integers(min_value=0, max_value=10**15)


@given(
    uses=st.lists(
        st.builds(lambda site, quantity: use(quantity, site=site), sites, quantities), min_size=1, max_size=6
    ),
    claims=st.lists(
        st.builds(lambda site, quantity: claim(quantity, site=site), st.none() | sites, quantities), max_size=6
    ),
)
def test_certificates_cover_no_more_than_was_consumed(uses: list[Use], claims: list[Claim]) -> None:
    """What is covered, and what is in excess, is all that was claimed; a site's claims stay with the site.

    Held against sums by site made here, in whole watt-hours.
    """
    found = result(*uses, *claims)
    left = {site: sum(one.quantity for one in uses if one.meter.site == site) for site in "abc"}
    consumed = sum(left.values())
    named = {site: MWH * sum(one.quantity for one in claims if one.site == site) for site in left}
    rest = sum(used - min(used, named[site]) for site, used in left.items())
    rest -= min(rest, MWH * sum(one.quantity for one in claims if one.site is None))
    assert found.total("2_market") == Decimal(rest) / MWH * Decimal("0.5856")
    (line,) = (one for one in found.lines if one.scope == "2_market")
    assert sum((used for _, used in line.covering), Decimal(0)) == line.covered
    assert all(0 < used <= one.quantity for one, used in line.covering)
    assert found.excess * MWH == MWH * sum(one.quantity for one in claims) - (consumed - rest)
    assert found.total("2_location") == Decimal(consumed) / MWH * Decimal("0.1567")
