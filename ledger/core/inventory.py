"""An enterprise's emissions of a year as a document: the same inputs give the same bytes for ever. Pure."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from ledger.core.carbon import EXACT, Claim, Line, Result, Use, counting, emissions
from ledger.core.carbon_rules import Factor, FactorFallback
from ledger.core.factors import ChosenFactor
from ledger.core.policy import PolicyBook, in_force
from ledger.core.quantity import plain
from ledger.core.record import ENGINE_VERSION
from ledger.core.refusal import Refusal

SCOPES = ("1", "2_location", "2_market", "2_heat", "3")
ALWAYS = "0001-01-01"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that an inventory comes of, as known at a size."""

    enterprise: str
    year: str
    uses: Sequence[Use]
    """Of meters that are added up."""
    claims: Sequence[Claim]
    policies: PolicyBook
    on: str
    """The day of the report: the newest factors published by then judge, and days after it are no gap."""

    def emissions(self) -> Result | Refusal:
        """What the methods make of it."""
        return emissions(self.uses, self.claims, self.policies, on=self.on)

    def counting(self) -> tuple[Claim, ...]:
        """The claims whose purpose counts, whatever factor is missing."""
        return counting(self.claims, self.policies, self.on)


class Gap(msgspec.Struct, frozen=True):
    """Days of the year for which a meter has no reading. Nothing is filled in for them."""

    meter: str
    first_on: str
    last_on: str


class FactorUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A factor with where it comes from."""

    record: str
    factor_set: str
    value: str
    per: str
    fallback: str | None = None
    """The record of the rule that let it stand in, for what `instead_of` names."""
    instead_of: str | None = None


class LineOut(msgspec.Struct, frozen=True, kw_only=True):
    """Activity x factor."""

    scope: str
    method: str
    site: str | None
    material: str
    route: str | None
    quantity: str
    """In the factor's unit; of market-based electricity what no certificate covers."""
    covered: str | None
    factor: FactorUsed
    tco2e: str
    meters: tuple[str, ...]
    retirements: tuple[str, ...]


class CoalOut(msgspec.Struct, frozen=True, kw_only=True):
    """Energy as standard coal, with its coefficient."""

    basis: str
    material: str
    quantity: str
    factor: FactorUsed
    tce: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An inventory, pinned to a tree size, its root, the day of its factors and the engine."""

    enterprise: str
    year: str
    tree_size: str
    root: str
    factors_on: str
    engine: str
    figures: dict[str, str]
    """Exact: tCO2e by scope, MWh consumed, claimed and in excess, tonnes made."""
    lines: tuple[LineOut, ...]
    coal: tuple[CoalOut, ...]
    gaps: tuple[Gap, ...]

    def content(self) -> bytes:
        """Its bytes: what a submission's digest is of."""
        return _ENCODER.encode(self)


_ENCODER = msgspec.json.Encoder(order="sorted")


def document(inputs: Inputs, *, tree_size: int, root: str) -> Document | Refusal:
    """The inventory of these inputs, or `factor_missing`, `policy_missing`."""
    found = inputs.emissions()
    if isinstance(found, Refusal):
        return found
    return Document(
        enterprise=inputs.enterprise, year=inputs.year, tree_size=str(tree_size), root=root, factors_on=inputs.on,
        engine=ENGINE_VERSION, figures=figures(found), lines=tuple(map(_line_out, found.lines)),
        coal=tuple(
            CoalOut(
                basis=coal.basis, material=coal.material, quantity=plain(coal.quantity),
                factor=factor_used(coal.factor), tce=plain(coal.tce),
            )
            for coal in found.coal
        ),
        gaps=tuple(gaps(inputs.uses, inputs.year, until=inputs.on)),
    )  # fmt: skip


def figures(found: Result) -> dict[str, str]:
    """The totals of a year, exact, as records and answers write them; of Scope 3 where rules name anything of it."""
    told = SCOPES if any(line.scope == "3" for line in found.lines) else SCOPES[:-1]
    scopes = {f"scope{scope}": plain(found.total(scope)) for scope in told}
    energy = {
        "consumed_mwh": plain(found.consumed), "residual_mwh": plain(found.residual),
        "claimed_mwh": str(found.claimed), "excess_mwh": plain(found.excess),
    }  # fmt: skip
    return scopes | energy | {f"{product}_t": plain(tonnes) for product, tonnes in found.products.items()}


def _line_out(line: Line) -> LineOut:
    return LineOut(
        scope=line.scope, method=line.method, site=line.site, material=line.material, route=line.route,
        quantity=plain(line.quantity), covered=None if line.covered is None else plain(line.covered),
        factor=factor_used(line.factor), tco2e=plain(line.emissions),
        meters=tuple(use.meter.meter for use in line.uses),
        retirements=tuple(str(claim.transaction) for claim, _ in line.covering),
    )  # fmt: skip


def factor_used(chosen: ChosenFactor) -> FactorUsed:
    """A factor as answers show it."""
    return FactorUsed(
        record=str(chosen.record), factor_set=chosen.rule.factor_set, value=chosen.rule.value, per=chosen.rule.per,
        fallback=None if chosen.fallback is None else str(chosen.fallback), instead_of=chosen.instead_of,
    )  # fmt: skip


def gaps(uses: Iterable[Use], year: str, *, until: str) -> Iterator[Gap]:
    """The days of the year, up to `until`, that a meter's readings leave out, month by month."""
    days = _days(f"{year}-01-01", min(f"{year}-12-31", until))
    for use in uses:
        read = {day for reading in use.readings for day in _days(reading.first_on, reading.last_on)}
        for first, last in _stretches([day for day in days if day not in read]):
            yield Gap(use.meter.meter, _iso(first), _iso(last))


def _days(first_on: str, last_on: str) -> range:
    """The day numbers from one day to another, both included."""
    first, last = (datetime.date.fromisoformat(day).toordinal() for day in (first_on, last_on))
    return range(first, last + 1)


def _iso(day: int) -> str:
    return datetime.date.fromordinal(day).isoformat()


def _stretches(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of days without a break."""
    starts = [at for at, day in enumerate(days) if at == 0 or day - days[at - 1] > 1]
    for at, start in enumerate(starts):
        end = starts[at + 1] if at + 1 < len(starts) else len(days)
        yield days[start], days[end - 1]


def causes(before: Inputs, after: Inputs) -> dict[str, dict[str, str]] | Refusal:
    """What of the difference between two inventories of a year came of methods, factors, readings and retirements, by
    figure; a retirement that counts for less is named, also where the figures are as they were.

    One is changed after the other, so that their sum is the whole difference, to the last digit. The rules come first:
    what is metered since may need a factor that came since. A step that cannot be told alone is told with the next.
    """
    rules = _judging(after, factors_of=before)
    steps = {
        "method": msgspec.structs.replace(before, policies=rules),
        "factor": msgspec.structs.replace(before, policies=after.policies, on=after.on),
        "activity": msgspec.structs.replace(after, claims=before.claims),
        "retirement": after,
    }
    known = before.emissions()
    if isinstance(known, Refusal):
        return known
    found: dict[str, dict[str, str]] = {}
    for cause, step in steps.items():
        now = step.emissions()
        if isinstance(now, Refusal):
            if step is after:
                return now
            continue
        if changed := _difference(known, now):
            found[cause] = changed
        known = now
    return found


def _difference(before: Result, after: Result) -> dict[str, str]:
    """Figure -> by how much it is another; and which retirements count for less, though others may make up for them."""
    known, now = figures(before), figures(after)
    changed = {
        name: EXACT.subtract(Decimal(now.get(name, "0")), Decimal(known.get(name, "0")))
        for name in sorted(known.keys() | now.keys())
    }
    left = {claim.transaction: claim.quantity for claim in after.counted}
    for claim in before.counted:
        if (gone := claim.quantity - left.get(claim.transaction, 0)) > 0:
            changed[f"retirement_{claim.transaction}"] = Decimal(-gone)
    return {name: plain(change) for name, change in changed.items() if change}


def _judging(inputs: Inputs, *, factors_of: Inputs) -> PolicyBook:
    """The rows that judge an inventory, whatever the day, with the factors of another one."""
    book = PolicyBook()
    for source, takes_factors in ((factors_of, True), (inputs, False)):
        for index, row in source.policies.rows:
            if in_force(row, source.on) and isinstance(row.rule, Factor | FactorFallback) == takes_factors:
                book.add(index, msgspec.structs.replace(row, in_force_from=ALWAYS, in_force_to=None))
    return book
