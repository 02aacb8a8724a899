"""Which factor judges: the newest set published by the day of the report, and what may stand in for it. Pure.

There is no silent default: a missing factor is a refusal that names it, or a fallback that a rule allows and the result
shows (domain reference, section 4.2).
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from ledger.core.carbon_rules import Factor, FactorFallback, FactorKind
from ledger.core.policy import PolicyBook
from ledger.core.refusal import Refusal, refuse

EARLIER_SET = "EARLIER_SET"
NATION = "CN"


class ChosenFactor(msgspec.Struct, frozen=True, kw_only=True):
    """A factor with the record that declares it, and what it stands in for."""

    record: int
    rule: Factor
    fallback: int | None = None
    """The record of the rule that let it stand in for a missing one."""
    instead_of: str | None = None
    """What is missing: set and region."""

    @property
    def value(self) -> Decimal:
        """Tonnes for each unit of `rule.per`."""
        return Decimal(self.rule.value)


def factor(
    policies: PolicyBook, of: FactorKind, material: str, *, region: str = NATION, method: str = "", on: str
) -> ChosenFactor | Refusal:
    """The factor of the newest set published on or before `on`; else a fallback in force; else `factor_missing`.

    A footprint factor is of another kind, and is never found where an inventory asks (domain reference, 4.2).
    """
    known = list(_newest_first(policies, of, material, method, on))
    newest = known[0][1].factor_set if known else "-"
    for index, rule in known:
        if rule.region == region and rule.factor_set == newest:
            return ChosenFactor(record=index, rule=rule)
    for allowed, fallback in policies.of_kind(FactorFallback, on):
        if (fallback.of, fallback.region) != (of, region):
            continue
        for index, rule in known:
            earlier = fallback.use == EARLIER_SET and rule.region == region
            other = rule.region == fallback.use and rule.factor_set == newest
            if earlier or other:
                missing = f"{newest} {region}"
                return ChosenFactor(record=index, rule=rule, fallback=allowed, instead_of=missing)
    return refuse("factor_missing", of=of, material=material, method=method or "-", region=region, on=on)


def _newest_first(
    policies: PolicyBook, of: FactorKind, material: str, method: str, on: str
) -> Iterator[tuple[int, Factor]]:
    """The rows that could judge, by year of their data; of one year the last declared is first."""
    rows = [
        (index, rule)
        for index, rule in policies.of_kind(Factor, on)
        if (rule.of, rule.material, rule.method) == (of, material, method)
    ]
    yield from sorted(rows, key=lambda row: row[1].data_year, reverse=True)
