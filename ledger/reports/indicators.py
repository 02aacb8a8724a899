"""Indicators of a year by enterprise, industry and park: numerator and denominator beside every share.

What counts as green power follows the year's rules: certificates held or retired, of the vintages that may be used. A
promise counts as neither. Who has no meter has no share.
"""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import LiteralString

import msgspec

from ledger.core.carbon import Result, amount
from ledger.core.carbon_rules import DeclaredFigure
from ledger.core.indicators import Judged, Standing, industry_of, judge, ranked, summed
from ledger.core.inventory import Inputs
from ledger.core.policy import ComplianceBasis, PolicyBook, VintageMatch
from ledger.core.quantity import plain, rounded
from ledger.core.refusal import Refusal
from ledger.reports.footprint import Footprint, Pin
from ledger.reports.positions import Position, positions
from ledger.reports.reading import Moment, Reading
from ledger.store.session import ALL_TENANTS, Query, Scope

PARK, ALL_INDUSTRIES = "park", "all"
_SCOPES = ("1", "2_location", "2_market")
_OVER_THE_GRID = {"GRID", "GREEN_POWER_BUNDLE"}


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates over MWh, and the target they are held against."""

    counted: int | None
    """None where no rule says what counts for the year."""
    consumed_mwh: str | None
    percent: str | None
    """To four places; whether it meets its target is told by the exact share."""
    grid_mwh: str | None
    """Of what was consumed, what came over the public grid."""
    grid_percent: str | None
    """What counts as a share of that alone."""
    target_percent: str | None = None
    target_mode: str | None = None
    target_record: str | None = None
    meets: bool | None = None
    gap: int | None = None
    gap_yuan: str | None = None
    """What the gap costs at the last price, to the fen."""


class EnterpriseIndicators(msgspec.Struct, frozen=True, kw_only=True):
    """One enterprise's year."""

    rank: int | None
    """By compliance share; None without data, and to an enterprise, which sees no other."""
    enterprise: str
    industry: str | None
    compliance: Share
    consumption_level: str | None
    """The weakest evidence that its consumption rests on: CONFIRMED, REPORTED or DECLARED."""
    held: int | None
    """Certificates held at the day that may be used for the year; None where no rule says which may."""
    held_percent: str | None
    """Of those and the retired ones, each once, in consumption."""
    retired: int
    """Claimed for the year, by purposes that count."""
    retired_percent: str | None
    """Of those in consumption."""
    excess_mwh: str | None
    """Claimed above consumption."""
    subscribed: int
    delivered: int
    """By linked trades, of what was promised."""
    fulfilment_percent: str | None
    traded: int
    trade_ratio_percent: str | None
    """Traded of promised: a ratio, and no fulfilment."""
    scope1: str | None
    scope2_location: str | None
    scope2_market: str | None
    per_tonne: dict[str, str]
    """The three of each tonne of product, to four places, where one product is metered and no other."""
    refused: str | None = None
    """Why its emissions cannot be told."""


class LastPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The newest trade of certificates that may be used for the year, among those the caller sees, and its price."""

    yuan: str
    """For each certificate, to four places."""
    amount_fen: int
    quantity: int
    vintage: str
    record: str

    def of(self, gap: int | None) -> str | None:
        """What so many certificates cost at this price, unrounded before."""
        return None if gap is None else rounded(Fraction(self.amount_fen, 100 * self.quantity) * gap, places=2)


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the park that was declared: no numerator and no denominator of it is in the book."""

    figure: str
    as_of: str
    percent: str
    level: str
    """DECLARED, REPORTED or CONFIRMED."""
    source: str
    record: str


class Indicators(msgspec.Struct, frozen=True, kw_only=True):
    """The park's year."""

    year: str
    tree_size: str
    effective_as_of: str
    basis: str | None
    """HELD or RETIRED; None where no rule says so for the year."""
    vintage: str | None
    """SAME_YEAR or WITHIN_VALIDITY; None where no rule says so for the year."""
    provinces: list[str] | None
    """Whose certificates serve the year, where a rule says so; None: any."""
    missing_rules: list[str]
    """Which of both there are none of: without them nothing counts, and no share is made up."""
    last_price: LastPrice | None
    """None where no trade of such certificates has a price."""
    park: Share | None
    """None to an enterprise, which sees no other."""
    industries: dict[str, Share]
    enterprises: list[EnterpriseIndicators]
    declared: list[Declared]
    """Each series up to the day, the oldest first."""


class _Year(msgspec.Struct, frozen=True, kw_only=True):
    """What an enterprise's year is made of."""

    party: str
    result: Result | Refusal | None
    is_read: bool
    """Whether any meter was."""
    consumed: Decimal | None
    """None where no electricity was. A share of green power waits for no factor: it is of electricity alone."""
    grid: Decimal | None
    held: int | None
    retired: int
    """Claimed for the year."""
    later: int
    """Of the retired certificates those that were still held on the day: each counts once."""

    @property
    def together(self) -> int | None:
        """Held or retired."""
        return None if self.held is None else self.held + self.retired - self.later

    def standing(self, basis: str | None) -> Standing:
        """What counts by the year's basis: retired; or held on the day, and retired by then."""
        counted = {"HELD": self.together, "RETIRED": self.retired}.get(basis or "")
        return Standing(party=self.party, counted=counted, consumed=self.consumed, grid=self.grid)

    def percent(self, quantity: int | None) -> str | None:
        """Of consumption, to four places."""
        return _percent(Standing(party=self.party, counted=quantity, consumed=self.consumed).share)


async def indicators(reading: Reading, footprint: Footprint, scope: Scope, pin: Pin) -> Indicators:
    """The indicators of a year as known at a size; what is held counts on its last day, or on the report's."""
    day = min(pin.on, datetime.date(int(pin.year), 12, 31))
    inputs = await footprint.inputs(pin)
    policies = await footprint.policies(pin.size)
    basis_rule, vintage_rule = (rule_of_year(policies, kind, pin) for kind in (ComplianceBasis, VintageMatch))
    basis = None if basis_rule is None else basis_rule.basis
    vintage = None if vintage_rule is None else vintage_rule.match
    missing = ["compliance basis"] * (basis is None) + ["vintage"] * (vintage is None)
    moment = Moment(day, pin.size)
    provinces = provinces_of(policies, pin)
    by_vintage = await positions(reading, scope, moment, today=day, by="vintage", provinces=provinces)
    whole = await positions(reading, scope, moment, today=day)
    (levels,) = await reading.reader.fetch(scope, Query(_LEVELS, (pin.year, pin.size, pin.size)))
    held = None if vintage is None else _usable(by_vintage.lines, pin.year if vintage == "SAME_YEAR" else None)
    years = [_year(party, inputs.get(party), held, day) for party in await footprint.enterprises(pin.size)]
    industry = {one.party: industry_of(policies, one.party, pin.on.isoformat()) for one in years}
    of_party = {one.party: one for one in years}
    judged = [
        judge(one.standing(basis), policies, industry=industry[one.party], year=pin.year, on=pin.on.isoformat())
        for one in years
    ]
    groups: dict[str, list[Standing]] = {}
    for one in years:
        if (name := industry[one.party]) is not None:
            groups.setdefault(name, []).append(one.standing(basis))
    promises = {line.party: line for line in whole.lines}
    price = await _last_price(reading, scope, pin, day, pin.year if vintage == "SAME_YEAR" else None)
    is_park = scope.tenant == ALL_TENANTS  # of one enterprise alone there is no ranking, and no sum
    enterprises = [
        _enterprise(
            at if is_park else None, one, of_party[one.standing.party], industry[one.standing.party], promises, price,
            dict(levels),
        )
        for at, one in enumerate(ranked(judged), start=1)
    ]  # fmt: skip
    whole_park = [one.standing(basis) for one in years]
    return Indicators(
        year=pin.year, tree_size=str(pin.size), effective_as_of=day.isoformat(), basis=basis, vintage=vintage,
        provinces=provinces, missing_rules=missing, last_price=price,
        park=_group(PARK, ALL_INDUSTRIES, whole_park, policies, pin, price) if is_park else None,
        industries={
            name: _group(name, name, of, policies, pin, price) for name, of in sorted(groups.items()) if is_park
        },
        enterprises=enterprises, declared=_declared(policies, day),
    )  # fmt: skip


def rule_of_year(policies: PolicyBook, kind, pin: Pin):  # type: ignore[no-untyped-def]  # either kind has these fields
    """The newest rule of this kind for the consumption of the pinned year, or None."""
    rules = (rule for _, rule in policies.of_kind(kind, pin.on.isoformat()))
    return next((rule for rule in rules if rule.consumed_from <= pin.year < rule.consumed_before), None)


def provinces_of(policies: PolicyBook, pin: Pin) -> list[str] | None:
    """Whose certificates may be claimed for the pinned year; None where no rule says so."""
    found = policies.claim_region(pin.year, pin.on.isoformat())
    return None if found is None else found[1].provinces.split()


def _declared(policies: PolicyBook, day: datetime.date) -> list[Declared]:
    """What was declared for days up to this one; of two rows for the same day the later record stands."""
    stands: dict[tuple[str, str], Declared] = {}
    for index, row in policies.rows:
        if isinstance(rule := row.rule, DeclaredFigure) and rule.as_of <= day.isoformat():
            stands[rule.figure, rule.as_of] = Declared(
                figure=rule.figure, as_of=rule.as_of, percent=rule.percent, level=rule.level, source=row.source,
                record=str(index),
            )  # fmt: skip
    return [one for _, one in sorted(stands.items())]


def _usable(lines: list[Position], year: str | None) -> dict[str, int]:
    """What each party holds of vintages that may be used: of one year, or of all that are valid."""
    found: dict[str, int] = {}
    for line in lines:
        if line.kind == "enterprise" and (year is None or (line.group or "")[:4] == year):
            found[line.party] = found.get(line.party, 0) + line.held - line.held_expired
    return found


def _year(party: str, own: Inputs | None, held: dict[str, int] | None, day: datetime.date) -> _Year:
    result = None if own is None else own.emissions()
    read = [] if own is None else [use for use in own.uses if use.readings]
    power = [use for use in read if use.meter.material == "electricity"]
    counted = () if own is None else own.counting()
    return _Year(
        party=party, result=result, is_read=bool(read), consumed=amount(power) if power else None,
        grid=amount(use for use in power if use.meter.route in _OVER_THE_GRID) if power else None,
        held=None if held is None else held.get(party, 0), retired=sum(one.quantity for one in counted),
        later=sum(one.quantity for one in counted if one.effective_on > day.isoformat()),
    )  # fmt: skip


def _enterprise(
    at: int | None,
    judged: Judged,
    year: _Year,
    industry: str | None,
    promises: dict[str, Position],
    price: LastPrice | None,
    levels: dict[str, str],
) -> EnterpriseIndicators:
    party, result = year.party, year.result
    promise = promises.get(party, Position(party=party, kind="enterprise"))
    known = result if isinstance(result, Result) and year.is_read else None
    delivered = promise.subscribed - promise.outstanding
    totals = {} if known is None else {f"scope{scope}": known.total(scope) for scope in _SCOPES}
    told = {name: plain(tonnes) for name, tonnes in totals.items()}
    return EnterpriseIndicators(
        rank=at if judged.standing.share is not None else None, enterprise=party, industry=industry,
        compliance=_share(judged, price), consumption_level=levels.get(party),
        held=year.held, held_percent=year.percent(year.together),
        retired=year.retired, retired_percent=year.percent(year.retired),
        excess_mwh=plain(result.excess) if isinstance(result, Result) else None, subscribed=promise.subscribed,
        delivered=delivered, fulfilment_percent=_of_promised(delivered, promise),
        traded=promise.traded, trade_ratio_percent=_of_promised(promise.traded, promise),
        scope1=told.get("scope1"), scope2_location=told.get("scope2_location"), scope2_market=told.get("scope2_market"),
        per_tonne={} if known is None else _per_tonne(known, totals),
        refused=result.code if isinstance(result, Refusal) else None,
    )  # fmt: skip


def _per_tonne(known: Result, totals: dict[str, Decimal]) -> dict[str, str]:
    """Emissions over the tonnes of the one product that is metered: of several, no meter tells which emitted what."""
    made = [quantity for quantity in known.products.values() if quantity]
    if len(made) != 1:
        return {}
    return {name: rounded(Fraction(tonnes) / Fraction(made[0]), places=4) for name, tonnes in totals.items()}


def _of_promised(part: int, promise: Position) -> str | None:
    return rounded(Fraction(100 * part, promise.subscribed), places=4) if promise.subscribed else None


def _group(
    name: str, industry: str, standings: Iterable[Standing], policies: PolicyBook, pin: Pin, price: LastPrice | None
) -> Share:
    judged = judge(summed(name, standings), policies, industry=industry, year=pin.year, on=pin.on.isoformat())
    return _share(judged, price)


def _share(judged: Judged, price: LastPrice | None) -> Share:
    one = judged.standing
    return Share(
        counted=one.counted, consumed_mwh=None if one.consumed is None else plain(one.consumed),
        percent=_percent(one.share),
        grid_mwh=None if one.grid is None else plain(one.grid), grid_percent=_percent(one.of(one.grid)),
        target_percent=judged.percent,
        target_mode=judged.mode, target_record=None if judged.record is None else str(judged.record),
        meets=judged.meets, gap=judged.gap, gap_yuan=None if price is None else price.of(judged.gap),
    )  # fmt: skip


def _percent(share: Fraction | None) -> str | None:
    return None if share is None else rounded(100 * share, places=4)


async def _last_price(
    reading: Reading, scope: Scope, pin: Pin, day: datetime.date, of_year: str | None
) -> LastPrice | None:
    """The last vintage price (domain reference, section 5.2): of a year's certificates, or of any; none of a trade
    that was withdrawn, whole or in part.
    """
    (rows,) = await reading.reader.fetch(scope, Query(_LAST_PRICE, (pin.size, day, of_year, of_year, pin.size)))
    for record, month, amount_fen, quantity in rows:
        yuan = rounded(Fraction(amount_fen, 100 * quantity), places=4)
        return LastPrice(yuan=yuan, amount_fen=amount_fen, quantity=quantity, vintage=month, record=str(record))
    return None


_LEVELS: LiteralString = """
    select m.enterprise, (array['CONFIRMED', 'REPORTED', 'DECLARED'])[
        max(array_position(array['CONFIRMED', 'REPORTED', 'DECLARED'], r.level))
    ]
    from visible_meter m join visible_reading r using (meter_id)
    where m.under is null and m.material = 'electricity' and left(r.first_on::text, 4) = %s and r.log_index < %s
        and (r.corrected_by is null or r.corrected_by >= %s)
    group by 1
"""
_LAST_PRICE: LiteralString = """
    select t.log_index, t.production_month, t.amount_fen, t.quantity
    from visible_trade t join visible_event e on e.log_index = t.log_index
    where t.amount_fen > 0 and t.log_index < %s and e.occurred_on <= %s
        and (%s::text is null or left(t.production_month, 4) = %s)
        and not exists (
            select from visible_event v
            where t.voided > 0 and v.trade_id = t.trade_id and v.command = 'void_trade' and v.log_index < %s
        )
    order by e.occurred_on desc, t.log_index desc limit 1
"""
