"""Any figure of an inventory down to its sources: park, enterprise, line, meter, reading.

Each level sums to the one above, to the last digit. A reading and a factor are records; certificates lead to their
retirement's statement, which lists serials and codes.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from ledger.core.activity import reported
from ledger.core.carbon import EXACT, Line, Result, Use, total
from ledger.core.inventory import FactorUsed, Inputs, factor_used
from ledger.core.quantity import plain
from ledger.core.refusal import Refusal, refuse

Figure = Literal["scope1", "scope2_location", "scope2_market", "scope2_heat", "scope3"]
CLAIMS = "~certificates"
"""What a path calls the part that certificates take off: no meter can have this name."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a figure."""

    name: str
    tco2e: str
    path: str | None = None
    """What to ask for to see what it is made of; None at the end."""
    record: str | None = None
    """The log index of the record that says so: a reading, or a retirement's posting."""
    quantity: str | None = None
    unit: str | None = None
    days: str | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its parts, which sum to it exactly."""

    figure: str
    year: str
    tree_size: str
    path: str
    tco2e: str
    factor: FactorUsed | None
    parts: list[Part]


def explain(
    inputs: dict[str, Inputs], figure: Figure, path: tuple[str, ...], *, year: str, size: int
) -> Explanation | Refusal:
    """The parts of a figure at a path: enterprises; its lines; a line's meters; a meter's readings.

    `not_found` where the path leads nowhere; enterprises whose emissions cannot be told are no part of the park's.
    """
    scope, chosen = figure.removeprefix("scope"), None
    results = {one: own.emissions() for one, own in inputs.items() if not path or one == path[0]}
    known = {one: result for one, result in results.items() if isinstance(result, Result)}
    if not path:
        parts = [_part(one, one, result.total(scope)) for one, result in known.items()]
    else:
        if path[0] not in known:
            found = results.get(path[0])
            return found if isinstance(found, Refusal) else refuse("not_found", what=f"enterprise {path[0]}")
        lines = [line for line in known[path[0]].lines if line.scope == scope]
        parts = [_line_part(at, line, path[0]) for at, line in enumerate(lines, start=1)]
        if path[1:]:
            line = _numbered(lines, path[1])
            below = None if line is None else _below(line, path)
            if line is None or below is None:
                return refuse("not_found", what=f"part {'/'.join(path)}")
            parts, chosen = below, factor_used(line.factor)
    whole = total(Decimal(part.tco2e) for part in parts)
    at = "/".join(path)
    return Explanation(
        figure=figure, year=year, tree_size=str(size), path=at, tco2e=plain(whole), factor=chosen, parts=parts
    )


def _numbered(lines: list[Line], number: str) -> Line | None:
    at = int(number) if number.isascii() and number.isdigit() else 0
    return lines[at - 1] if 0 < at <= len(lines) else None


def _below(line: Line, path: tuple[str, ...]) -> list[Part] | None:
    """The meters of a line, or the readings of one of them, or the retirements that cover a part of it."""
    here = "/".join(path[:2])
    if len(path) == 2:
        parts = [_use_part(use, line, f"{here}/{use.meter.meter}") for use in line.uses]
        if line.covered:
            parts.append(_part(CLAIMS, f"{here}/{CLAIMS}", -EXACT.multiply(line.covered, line.factor.value)))
        return parts
    if path[2] == CLAIMS and line.covered:
        return list(_covering(line))
    use = next((use for use in line.uses if use.meter.meter == path[2]), None)
    return None if use is None else list(_readings(use, line))


def _part(name: str, path: str | None, tco2e: Decimal) -> Part:
    return Part(name=name, path=path, tco2e=plain(tco2e))


def _line_part(at: int, line: Line, enterprise: str) -> Part:
    name = " ".join(part for part in (line.method, line.material, line.site, line.route) if part is not None)
    quantity, unit = plain(line.quantity), line.factor.rule.per
    return Part(name=name, path=f"{enterprise}/{at}", tco2e=plain(line.emissions), quantity=quantity, unit=unit)


def _use_part(use: Use, line: Line, path: str) -> Part:
    quantity, unit = reported(use.quantity, use.meter.material)
    tco2e = plain(EXACT.multiply(quantity, line.factor.value))
    record = str(use.meter.log_index)
    return Part(name=use.meter.meter, path=path, tco2e=tco2e, quantity=plain(quantity), unit=unit, record=record)


def _readings(use: Use, line: Line) -> Iterable[Part]:
    for one in use.readings:
        quantity, unit = reported(one.quantity, use.meter.material)
        yield Part(
            name=f"reading {one.log_index}", tco2e=plain(EXACT.multiply(quantity, line.factor.value)),
            record=str(one.log_index), quantity=plain(quantity), unit=unit, days=f"{one.first_on}/{one.last_on}",
        )  # fmt: skip


def _covering(line: Line) -> Iterable[Part]:
    """The retirements, each as far as it covers something; what is in excess is no part."""
    for claim, used in line.covering:
        yield Part(
            name=f"retirement {claim.transaction}", tco2e=plain(-EXACT.multiply(used, line.factor.value)),
            record=str(claim.transaction), quantity=plain(used), unit="MWh",
        )  # fmt: skip
