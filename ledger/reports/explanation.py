"""Any figure of an inventory down to its sources: park, enterprise, line, meter, reading.

Each level sums to the one above, to the last digit. A reading and a factor are records; certificates lead to their
retirement's statement, which lists serials and codes.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Literal

import msgspec

from ledger.core.activity import reported
from ledger.core.carbon import EXACT, Claim, Line, Result, Use, amount, by_site, total
from ledger.core.factors import ChosenFactor
from ledger.core.inventory import FactorUsed, Inputs, factor_used
from ledger.core.quantity import plain
from ledger.core.refusal import Refusal, refuse

Figure = Literal[
    "scope1", "scope2_location", "scope2_market", "scope2_heat", "scope3", "tce_calorific", "tce_equivalent",
    "consumed_mwh", "residual_mwh", "claimed_mwh", "excess_mwh", "aluminium_t", "clinker_t", "lime_t",
    "calcium_carbide_t", "pvc_t", "polysilicon_t", "carbon_fibre_t", "battery_t",
]  # fmt: skip
"""Tonnes of CO2e by scope, of standard coal by basis; MWh; tonnes of each product."""
CLAIMS = "~certificates"
"""What a path calls the part of certificates: no meter can have this name."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a figure."""

    name: str
    value: str
    """In the figure's unit; what certificates take off is below zero."""
    path: str | None = None
    """What to ask for to see what it is made of; None at the end."""
    record: str | None = None
    """The log index of the record that says so: a reading, or a retirement's posting."""
    quantity: str | None = None
    unit: str | None = None
    """Of the quantity, which a factor may have made the value of."""
    days: str | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its parts, which sum to it exactly."""

    figure: str
    unit: str
    """Of all values: tCO2e, tce, MWh or t."""
    year: str
    tree_size: str
    path: str
    value: str
    factor: FactorUsed | None
    parts: list[Part]
    left_out: list[str]
    """Of the park: enterprises whose emissions cannot be told, which are no part of it."""


class _Term(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a figure: what meters showed and what claims are of, times a factor where there is one."""

    name: str
    uses: tuple[Use, ...] = ()
    claims: tuple[tuple[Claim, Decimal], ...] = ()
    """With the MWh that count, below zero where they take something off."""
    factor: ChosenFactor | None = None

    def times(self, quantity: Decimal) -> Decimal:
        """The value of a quantity."""
        return quantity if self.factor is None else EXACT.multiply(quantity, self.factor.value)

    @property
    def claimed(self) -> Decimal:
        """The MWh of all claims together."""
        return total(quantity for _, quantity in self.claims)

    @property
    def value(self) -> Decimal:
        """Exact."""
        return self.times(EXACT.add(amount(self.uses), self.claimed))


def explain(
    inputs: dict[str, Inputs], figure: Figure, path: tuple[str, ...], *, year: str, size: int
) -> Explanation | Refusal:
    """The parts of a figure at a path: enterprises; its lines; a line's meters; a meter's readings.

    `not_found` where the path leads nowhere; enterprises whose emissions cannot be told are no part of the park's,
    and of such a one only what needs no factor is told: what was metered, and claimed.
    """
    chosen, left_out = None, []
    if not path:
        parts = []
        for one, own in inputs.items():
            result = own.emissions()
            if isinstance(result, Refusal):
                left_out.append(one)
            else:
                parts.append(_part(one, one, total(term.value for term in _terms(own, result, figure))))
    else:
        if path[0] not in inputs:
            return refuse("not_found", what=f"enterprise {path[0]}")
        own = inputs[path[0]]
        result = own.emissions()
        if isinstance(result, Refusal) and not _is_plain(figure):
            return result
        lines = list(_terms(own, result, figure))
        parts = [_line_part(term, f"{path[0]}/{at}") for at, term in enumerate(lines, start=1)]
        if path[1:]:
            line = _numbered(lines, path[1])
            below = None if line is None else _below(line, path)
            if line is None or below is None:
                return refuse("not_found", what=f"part {'/'.join(path)}")
            parts, chosen = below, None if line.factor is None else factor_used(line.factor)
    whole = total(Decimal(part.value) for part in parts)
    return Explanation(
        figure=figure, unit=_unit(figure), year=year, tree_size=str(size), path="/".join(path), value=plain(whole),
        factor=chosen, parts=parts, left_out=left_out,
    )  # fmt: skip


def _unit(figure: Figure) -> str:
    if figure.startswith("scope"):
        return "tCO2e"
    return "tce" if figure.startswith("tce") else {"_mwh": "MWh"}.get(figure[-4:], "t")


def _is_plain(figure: Figure) -> bool:
    """Whether it waits for no factor: what was metered, and claimed."""
    return figure in {"consumed_mwh", "claimed_mwh"} or figure.endswith("_t")


def _terms(inputs: Inputs, result: Result | Refusal, figure: Figure) -> Iterator[_Term]:
    """The lines of an enterprise's figure."""
    if figure == "claimed_mwh":
        yield from _of_claims((claim, Decimal(claim.quantity)) for claim in inputs.counting())
    elif _is_plain(figure):
        yield from _metered(inputs.uses, "electricity" if figure == "consumed_mwh" else figure.removesuffix("_t"))
    if isinstance(result, Refusal) or _is_plain(figure):
        return
    market = [line for line in result.lines if line.scope == "2_market"]
    match figure:
        case "tce_calorific" | "tce_equivalent":
            basis = figure.replace("tce", "coal").upper()
            for coal in result.coal:
                if coal.basis == basis:
                    yield _Term(name=coal.material, uses=coal.uses, factor=coal.factor)
        case "residual_mwh":
            yield from (_Term(name=_name(line), uses=line.uses) for line in market)
        case "excess_mwh":
            used = {claim.transaction: quantity for line in market for claim, quantity in line.covering}
            yield from _of_claims(
                (claim, EXACT.subtract(Decimal(claim.quantity), used.get(claim.transaction, Decimal(0))))
                for claim in result.counted
            )
        case _:
            for line in result.lines:
                if line.scope == figure.removeprefix("scope"):
                    taken = tuple((claim, -quantity) for claim, quantity in line.covering)
                    yield _Term(name=_name(line), uses=line.uses, claims=taken, factor=line.factor)


def _name(line: Line) -> str:
    return " ".join(part for part in (line.method, line.material, line.site, line.route) if part is not None)


def _metered(uses: Iterable[Use], material: str) -> Iterator[_Term]:
    for (site, _), own in by_site(use for use in uses if use.meter.material == material).items():
        yield _Term(name=f"{material} {site}", uses=own)


def _of_claims(claims: Iterable[tuple[Claim, Decimal]]) -> Iterator[_Term]:
    if counted := tuple((claim, quantity) for claim, quantity in claims if quantity):
        yield _Term(name="certificates", claims=counted)


def _numbered(terms: list[_Term], number: str) -> _Term | None:
    at = int(number) if number.isascii() and number.isdigit() else 0
    return terms[at - 1] if 0 < at <= len(terms) else None


def _below(term: _Term, path: tuple[str, ...]) -> list[Part] | None:
    """The meters of a line, or the readings of one of them, or the retirements it counts."""
    here = "/".join(path[:2])
    if len(path) == 2:
        parts = [_use_part(use, term, f"{here}/{use.meter.meter}") for use in term.uses]
        if term.claims:
            parts.append(_part(CLAIMS, f"{here}/{CLAIMS}", term.times(term.claimed)))
        return parts
    if path[2] == CLAIMS and term.claims:
        return list(_retirements(term))
    use = next((use for use in term.uses if use.meter.meter == path[2]), None)
    return None if use is None else list(_readings(use, term))


def _part(name: str, path: str | None, value: Decimal) -> Part:
    return Part(name=name, path=path, value=plain(value))


def _line_part(term: _Term, path: str) -> Part:
    quantity = plain(EXACT.add(amount(term.uses), term.claimed))
    unit = reported(0, term.uses[0].meter.material)[1] if term.uses else "MWh"
    return Part(name=term.name, path=path, value=plain(term.value), quantity=quantity, unit=unit)


def _use_part(use: Use, term: _Term, path: str) -> Part:
    quantity, unit = reported(use.quantity, use.meter.material)
    return Part(
        name=use.meter.meter, path=path, value=plain(term.times(quantity)), quantity=plain(quantity), unit=unit,
        record=str(use.meter.log_index),
    )  # fmt: skip


def _readings(use: Use, term: _Term) -> Iterable[Part]:
    for one in use.readings:
        quantity, unit = reported(one.quantity, use.meter.material)
        yield Part(
            name=f"reading {one.log_index}", value=plain(term.times(quantity)), record=str(one.log_index),
            quantity=plain(quantity), unit=unit, days=f"{one.first_on}/{one.last_on}",
        )  # fmt: skip


def _retirements(term: _Term) -> Iterable[Part]:
    """The retirements, each as far as it counts."""
    for claim, quantity in term.claims:
        yield Part(
            name=f"retirement {claim.transaction}", value=plain(term.times(quantity)), record=str(claim.transaction),
            quantity=plain(abs(quantity)), unit="MWh",
        )  # fmt: skip
