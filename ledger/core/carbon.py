"""Carbon methods: activity x factor, Scope 1, both kinds of Scope 2, named categories of Scope 3. Small, pure, exact.

Every figure is a decimal without rounding, in tonnes of CO2e; who shows one rounds it, half up. Location-based
emissions never change because of a certificate; market-based ones change by retired certificates only. In Qinghai
market-based is above location-based until about 73 % are covered (domain reference, sections 0 and 4.3-4.4).
"""

import decimal
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from ledger.core.activity import MATERIALS, Meter, Reading, reported
from ledger.core.carbon_rules import ClaimPurpose, GridRegion, ProcessMethod, SupplyRoute, ValueChain
from ledger.core.factors import ChosenFactor, factor
from ledger.core.policy import PolicyBook
from ledger.core.refusal import Refusal, refuse

EXACT = decimal.Context(prec=80, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero])
"""Products and sums in this context are exact, or fail."""
METHODS = {
    ("aluminium", "anode"),
    ("aluminium", "anode_effect"),
    ("clinker", "calcination"),
    ("limestone", "calcination"),
}
"""Process emissions by material and method: aluminium by its product (CETS-AG-04.01-V01-2024), clinker by its product
(CETS-AG-02.01-V01-2024), lime by the limestone it is burnt from (domain reference, 4.1). Further ones are rules."""
BURNT = frozenset({"lime", "calcium_carbide", "pvc"})
"""Products that lime is burnt for. Limestone of a clinker works is in the factor of its clinker, and counts once."""


class Use(msgspec.Struct, frozen=True):
    """What one meter showed in the year, by its standing readings."""

    meter: Meter
    readings: tuple[Reading, ...]

    @property
    def quantity(self) -> int:
        """In the material's smallest unit."""
        return sum(reading.quantity for reading in self.readings)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates retired for a beneficiary and year, as much of them as stands."""

    transaction: int
    purpose: str
    site: str | None
    quantity: int
    effective_on: str
    """The day from which the certificates are no more held."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One product of activity and factor, with all it came of."""

    scope: str
    """1, 2_location, 2_market, 2_heat, 3."""
    method: str
    site: str | None
    material: str
    route: str | None = None
    quantity: Decimal
    """In the factor's unit; of market-based electricity what no claim covers."""
    factor: ChosenFactor
    uses: tuple[Use, ...]
    covering: tuple[tuple[Claim, Decimal], ...] = ()
    """The claims that cover something, with the MWh of it."""
    covered: Decimal | None = None
    """MWh that claims cover, of market-based electricity."""

    @property
    def emissions(self) -> Decimal:
        """Tonnes of CO2e, exact."""
        return EXACT.multiply(self.quantity, self.factor.value)


class Coal(msgspec.Struct, frozen=True, kw_only=True):
    """Energy as standard coal, with the coefficient that was used."""

    basis: str
    """COAL_CALORIFIC or COAL_EQUIVALENT."""
    material: str
    quantity: Decimal
    factor: ChosenFactor
    uses: tuple[Use, ...]

    @property
    def tce(self) -> Decimal:
        """Tonnes of standard coal, exact."""
        return EXACT.multiply(self.quantity, self.factor.value)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """An enterprise's year."""

    lines: tuple[Line, ...]
    coal: tuple[Coal, ...]
    consumed: Decimal
    """MWh of electricity by all routes."""
    residual: Decimal
    """MWh by routes that count as the residual mix, which claims may cover: all but what a rule calls zero."""
    counted: tuple[Claim, ...]
    """The claims of the year whose purpose counts."""
    excess: Decimal
    """MWh claimed above what could be covered: shown, not moved to another year (domain case T3)."""
    products: dict[str, Decimal]

    @property
    def claimed(self) -> int:
        """MWh retired for the year, by purposes that count."""
        return sum(claim.quantity for claim in self.counted)

    def total(self, scope: str) -> Decimal:
        """The sum of a scope's lines."""
        return total(line.emissions for line in self.lines if line.scope == scope)


def total(values: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, value)
    return found


def emissions(uses: Sequence[Use], claims: Sequence[Claim], policies: PolicyBook, *, on: str) -> Result | Refusal:
    """An enterprise's emissions in a year, by the rules and factors in force on `on`.

    `uses` without sub-meters; the claims are all of the beneficiary's year. Or `factor_missing`, `policy_missing`.
    """
    lines: list[Line] = []
    counted = counting(claims, policies, on)
    for part in (
        _process(uses, policies, on),
        _fuels(uses, policies, on),
        _electricity(uses, counted, policies, on),
        _value_chain(uses, policies, on),
    ):
        if isinstance(part, Refusal):
            return part
        lines += part
    coal = _standard_coal(uses, policies, on)
    if isinstance(coal, Refusal):
        return coal
    market = [line for line in lines if line.scope == "2_market"]
    covered = total(line.covered or Decimal(0) for line in market)
    return Result(
        lines=tuple(lines), coal=coal, consumed=amount(_of_role(uses, "electricity")),
        residual=total(EXACT.add(line.quantity, line.covered or Decimal(0)) for line in market),
        counted=counted,
        excess=EXACT.subtract(Decimal(sum(claim.quantity for claim in counted)), covered),
        products={m: amount(_of(uses, m)) for m in sorted({u.meter.material for u in _of_role(uses, "product")})},
    )  # fmt: skip


def _of(uses: Iterable[Use], material: str) -> tuple[Use, ...]:
    return tuple(use for use in uses if use.meter.material == material)


def _of_role(uses: Iterable[Use], role: str) -> tuple[Use, ...]:
    return tuple(use for use in uses if MATERIALS[use.meter.material].role == role)


def amount(uses: Iterable[Use]) -> Decimal:
    """What meters showed together, in the unit that factors and reports of their material are in."""
    return total(reported(use.quantity, use.meter.material)[0] for use in uses)


def _unread(uses: Iterable[Use]) -> bool:
    """Whether no meter was read: then there is a gap, and no factor is missed for it."""
    return not any(use.readings for use in uses)


def by_site(uses: Iterable[Use]) -> dict[tuple[str, str], tuple[Use, ...]]:
    """Uses by site and material, in order."""
    found: dict[tuple[str, str], tuple[Use, ...]] = defaultdict(tuple)
    for use in uses:
        found[use.meter.site, use.meter.material] += (use,)
    return dict(sorted(found.items()))


def _process(uses: Sequence[Use], policies: PolicyBook, on: str) -> list[Line] | Refusal:
    """Scope 1 of what is made: each method of each material once, site by site."""
    lines, places = [], by_site(uses)
    for (site, material), metered in places.items():
        own = metered if material != "limestone" else _burnt(metered, _shown_at(site, uses))
        if isinstance(own, Refusal):
            return own
        if not own:
            continue
        there = {use.meter.material for use in _shown_at(site, uses)}
        for method in _methods(material, there, policies, on):
            chosen = factor(policies, "EMISSION", material, method=method, on=on)
            if isinstance(chosen, Refusal):
                if _unread(own):
                    continue
                return chosen
            lines.append(
                Line(
                    scope="1", method=method, site=site, material=material, quantity=amount(own), factor=chosen,
                    uses=own,
                )
            )  # fmt: skip
    return lines


def _shown_at(site: str, uses: Iterable[Use]) -> list[Use]:
    return [use for use in uses if use.meter.site == site and use.quantity]


def _burnt(limestone: Iterable[Use], there: Sequence[Use]) -> tuple[Use, ...] | Refusal:
    """The limestone of a site that emits by itself; or `limestone_unassigned` where clinker and lime are made `there`,
    and a meter's stage does not tell for which.
    """
    clinker = {use.meter.stage for use in there if use.meter.material == "clinker"}
    lime = {use.meter.stage for use in there if use.meter.material in BURNT}
    found: tuple[Use, ...] = ()
    for use in limestone:
        stage = use.meter.stage
        if clinker and lime and (stage in clinker) == (stage in lime):
            if not use.readings:
                continue
            return refuse("limestone_unassigned", meter=use.meter.meter, site=use.meter.site, stage=stage)
        if not clinker or (lime and stage in lime):
            found += (use,)
    return found


def _methods(material: str, there: set[str], policies: PolicyBook, on: str) -> list[str]:
    """The methods of a material at a site where `there` is metered."""
    found = {method for of, method in METHODS if of == material}
    for _, rule in policies.of_kind(ProcessMethod, on):
        if rule.material == material and (not rule.beside or rule.beside in there):
            found = (found - {rule.instead_of}) | {rule.method}
    return sorted(found)


def _fuels(uses: Sequence[Use], policies: PolicyBook, on: str) -> list[Line] | Refusal:
    """Scope 1 of fuels burnt, and Scope 2 of heat bought."""
    lines = []
    for (site, material), own in by_site(uses).items():
        role = MATERIALS[material].role
        if role not in {"fuel", "heat"}:
            continue
        chosen = factor(policies, "EMISSION", material, on=on)
        if isinstance(chosen, Refusal):
            if _unread(own):
                continue
            return chosen
        scope, method = ("1", "combustion") if role == "fuel" else ("2_heat", "purchased_heat")
        lines.append(
            Line(
                scope=scope, method=method, site=site, material=material, quantity=amount(own), factor=chosen, uses=own
            )
        )
    return lines


def _value_chain(uses: Sequence[Use], policies: PolicyBook, on: str) -> list[Line] | Refusal:
    """Scope 3, category by category: what rules in force name, and nothing else."""
    named, lines = {(rule.category, rule.material) for _, rule in policies.of_kind(ValueChain, on)}, []
    for category, wanted in sorted(named, key=lambda one: (int(one[0]), one[1])):
        for (site, material), own in by_site(_of(uses, wanted)).items():
            chosen = factor(policies, "EMISSION", material, method=f"category_{category}", on=on)
            if isinstance(chosen, Refusal):
                if _unread(own):
                    continue
                return chosen
            line = Line(
                scope="3", method=f"category_{category}", site=site, material=material, quantity=amount(own),
                factor=chosen, uses=own,
            )  # fmt: skip
            lines.append(line)
    return lines


def _electricity(uses: Sequence[Use], claims: tuple[Claim, ...], policies: PolicyBook, on: str) -> list[Line] | Refusal:
    """Scope 2 of electricity, location-based by site and route, market-based in one line with the claims."""
    power, lines = _of_role(uses, "electricity"), []
    residual: list[Use] = []
    for route in sorted({use.meter.route or "GRID" for use in power}):
        rule = next((rule for _, rule in policies.of_kind(SupplyRoute, on) if rule.route == route), None)
        if rule is None:
            return refuse("policy_missing", rule=f"supply route {route}", on=on)
        own = [use for use in power if (use.meter.route or "GRID") == route]
        residual += own if rule.market == "RESIDUAL" else []
        if rule.location == "GRID":
            located = _located(own, route, policies, on)
            if isinstance(located, Refusal):
                return located
            lines += located
    market = _market(residual, claims, policies, on) if residual else []
    return market if isinstance(market, Refusal) else lines + market


def _located(uses: Iterable[Use], route: str, policies: PolicyBook, on: str) -> list[Line] | Refusal:
    region = next((rule.region for _, rule in policies.of_kind(GridRegion, on)), None)
    if region is None:
        return refuse("policy_missing", rule="grid region", on=on)
    chosen = factor(policies, "GRID_AVERAGE", "electricity", region=region, on=on)
    if isinstance(chosen, Refusal):
        return chosen
    return [
        Line(
            scope="2_location", method="grid_average", site=site, material=material, route=route, quantity=amount(own),
            factor=chosen, uses=own,
        )
        for (site, material), own in by_site(uses).items()
    ]  # fmt: skip


def counting(claims: Iterable[Claim], policies: PolicyBook, on: str) -> tuple[Claim, ...]:
    """The claims whose purpose counts in an inventory."""
    purposes = {rule.purpose for _, rule in policies.of_kind(ClaimPurpose, on)}
    return tuple(claim for claim in claims if claim.purpose in purposes)


def _market(uses: Sequence[Use], claims: tuple[Claim, ...], policies: PolicyBook, on: str) -> list[Line] | Refusal:
    """(consumption - retired certificates) x national residual, never below zero.

    A claim that names a site covers that site only; the others cover what is left anywhere.
    """
    chosen = factor(policies, "NATIONAL_RESIDUAL", "electricity", on=on)
    if isinstance(chosen, Refusal):
        return chosen
    left = {site: amount(own) for (site, _), own in by_site(uses).items()}
    consumed, covering = total(left.values()), []
    for claim in claims:
        if claim.site is not None:
            used = min(left.get(claim.site, Decimal(0)), Decimal(claim.quantity))
            left[claim.site] = EXACT.subtract(left.get(claim.site, Decimal(0)), used)
            covering.append((claim, used))
    rest = total(left.values())
    for claim in claims:
        if claim.site is None:
            used = min(rest, Decimal(claim.quantity))
            rest = EXACT.subtract(rest, used)
            covering.append((claim, used))
    line = Line(
        scope="2_market", method="residual_mix", site=None, material="electricity", quantity=rest, factor=chosen,
        uses=tuple(uses), covering=tuple(one for one in covering if one[1]), covered=EXACT.subtract(consumed, rest),
    )  # fmt: skip
    return [line]


def _standard_coal(uses: Sequence[Use], policies: PolicyBook, on: str) -> tuple[Coal, ...] | Refusal:
    """Energy as standard coal, electricity by its calorific and by its equivalent value."""
    found = []
    energy = [use for use in uses if MATERIALS[use.meter.material].role in {"electricity", "heat", "fuel"}]
    for material in sorted({use.meter.material for use in energy}):
        for basis in ("COAL_CALORIFIC", "COAL_EQUIVALENT"):
            chosen = factor(policies, basis, material, on=on)  # type: ignore[arg-type]  # both are kinds of factors
            own = _of(energy, material)
            if isinstance(chosen, Refusal):
                if _unread(own):
                    continue
                return chosen
            found.append(Coal(basis=basis, material=material, quantity=amount(own), factor=chosen, uses=own))
    return tuple(found)
