"""Shares of green power against their targets, published claims, and the saving a province may count. Pure.

A share is compared with its target unrounded: 69.996 % does not meet 70 %, however it is printed. A group's share is
the sum of numerators over the sum of denominators, never a mean of shares (domain reference, sections 4.8 and 5).
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from ledger.core.carbon import total
from ledger.core.carbon_rules import Factor, IndustryOf, SavingCap, Target
from ledger.core.factors import NATION, factor
from ledger.core.policy import PolicyBook
from ledger.core.refusal import Refusal, refuse

Mode = Literal["ASSESSED", "MONITORED"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What counts, of what was consumed; `consumed` is None where nothing was read."""

    party: str
    counted: int | None
    """Certificates, that is MWh; None where no rule says what counts."""
    consumed: Decimal | None
    """MWh by all routes, what was generated for one's own use among them."""
    grid: Decimal | None = None
    """MWh of it that came over the public grid."""

    @property
    def share(self) -> Fraction | None:
        """Unrounded; None without data, which is neither 0 nor 100 %."""
        return self.of(self.consumed)

    def of(self, consumed: Decimal | None) -> Fraction | None:
        """What counts as a share of so much; None where either is not known."""
        return Fraction(self.counted) / Fraction(consumed) if self.counted is not None and consumed else None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A standing held against a target."""

    standing: Standing
    percent: str | None
    """The target as its rule writes it; None where none is set."""
    mode: Mode | None
    record: int | None
    """Of the target's rule."""

    @property
    def target(self) -> Fraction | None:
        """The target as a share."""
        return None if self.percent is None else Fraction(self.percent) / 100

    @property
    def meets(self) -> bool | None:
        """Whether the unrounded share reaches the target; None where there is no share or no target."""
        share = self.standing.share
        return None if share is None or self.target is None else share >= self.target

    @property
    def gap(self) -> int | None:
        """Certificates that are missing: max(0, ceil(target x consumption) - counted)."""
        if self.target is None or self.standing.consumed is None or self.standing.counted is None:
            return None
        needed = self.target * Fraction(self.standing.consumed)
        return max(0, -(-needed.numerator // needed.denominator) - self.standing.counted)


def judge(standing: Standing, policies: PolicyBook, *, industry: str | None, year: str, on: str) -> Judged:
    """Hold a standing against the newest target of its industry and year."""
    for record, rule in policies.of_kind(Target, on):
        if (rule.industry, rule.year) == (industry, year):
            return Judged(standing=standing, percent=rule.percent, mode=rule.mode, record=record)
    return Judged(standing=standing, percent=None, mode=None, record=None)


def industry_of(policies: PolicyBook, enterprise: str, on: str) -> str | None:
    """The industry that a rule in force says an enterprise is of."""
    return next((rule.industry for _, rule in policies.of_kind(IndustryOf, on) if rule.enterprise == enterprise), None)


def summed(party: str, standings: Iterable[Standing]) -> Standing:
    """A group's standing: of those that have data."""
    known = [one for one in standings if one.consumed]
    counted = [one.counted for one in known if one.counted is not None]
    return Standing(
        party=party, counted=sum(counted) if len(counted) == len(known) else None,
        consumed=_sum(one.consumed for one in known), grid=_sum(one.grid for one in known),
    )  # fmt: skip


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """None where there are none."""
    known = [value for value in values if value is not None]
    return total(known) if known else None


def ranked(judged: Iterable[Judged]) -> list[Judged]:
    """By share, then the smaller gap, then the party; those without data last."""

    def place(one: Judged) -> tuple[bool, Fraction, int, str]:
        share = one.standing.share
        return share is None, -(share or Fraction(0)), one.gap or 0, one.standing.party

    return sorted(judged, key=place)


class Reproduced(msgspec.Struct, frozen=True, kw_only=True):
    """A published figure beside what known factors make of the same energy."""

    published: str
    unit: Literal["tce", "tCO2"]
    implied: Fraction
    """Published over energy: tonnes for each MWh."""
    by: tuple[tuple[int, Factor, Decimal], ...]
    """(record, factor, what it gives) of every factor that could have been used, the newest record first."""

    @property
    def reproducible(self) -> bool:
        """Whether any factor gives the figure, to half a unit of its last digit."""
        half = Decimal(5).scaleb(_exponent(self.published) - 1)
        return any(abs(given - Decimal(self.published)) <= half for _, _, given in self.by)


_KINDS = {
    "tce": {"COAL_CALORIFIC", "COAL_EQUIVALENT"},
    "tCO2": {"GRID_AVERAGE", "NATIONAL_RESIDUAL", "FOSSIL_ONLY", "FOOTPRINT"},
}


def reproduce(
    energy_mwh: Decimal, published: str, unit: Literal["tce", "tCO2"], policies: PolicyBook, *, on: str
) -> Reproduced:
    """Hold a published figure of so much electricity against every factor known on a day (domain case T16)."""
    known = [
        (record, rule, energy_mwh * Decimal(rule.value))
        for record, rule in policies.of_kind(Factor, on)
        if rule.material == "electricity" and rule.of in _KINDS[unit]
    ]
    implied = Fraction(Decimal(published)) / Fraction(energy_mwh)
    return Reproduced(published=published, unit=unit, implied=implied, by=tuple(known))


def _exponent(text: str) -> int:
    return -len(text.partition(".")[2])


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """Energy that a province may count as saved by certificates from other provinces, in tce."""

    bought: Decimal
    cap: Decimal
    counted: Decimal
    coefficient: str


def province_saving(needed: Decimal, certificates: int, policies: PolicyBook, *, on: str) -> Saving | Refusal:
    """Certificates bought across provinces x the calorific value, up to a share of the saving needed (113号).

    Those bought inside the province, and those that came with power, count nothing here. Or `policy_missing`.
    """
    cap = next((rule for _, rule in policies.of_kind(SavingCap, on)), None)
    if cap is None:
        return refuse("policy_missing", rule="cap on savings by certificates", on=on)
    chosen = factor(policies, "COAL_CALORIFIC", "electricity", region=NATION, on=on)
    if isinstance(chosen, Refusal):
        return chosen
    bought, most = certificates * chosen.value, needed * Decimal(cap.percent) / 100
    return Saving(bought=bought, cap=most, counted=min(bought, most), coefficient=chosen.rule.value)
