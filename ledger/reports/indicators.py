"""Indicators of a year by enterprise, industry and park: numerator and denominator beside every share.

What counts as green power follows the year's rules: certificates held or retired, of the vintages that may be used. A
promise counts as neither. Who has no meter has no share.
"""

import datetime
from collections.abc import Iterable
from fractions import Fraction
from typing import LiteralString

import msgspec

from ledger.core.carbon import Result
from ledger.core.carbon_rules import DeclaredFigure
from ledger.core.indicators import Judged, Standing, industry_of, judge, ranked, summed
from ledger.core.inventory import Inputs
from ledger.core.policy import ComplianceBasis, PolicyBook, VintageMatch
from ledger.core.quantity import plain, rounded
from ledger.core.refusal import Refusal, refuse
from ledger.reports.footprint import Footprint, Pin
from ledger.reports.positions import Position, positions
from ledger.reports.reading import Moment, Reading
from ledger.store.session import ALL_TENANTS, Query, Scope

PARK, ALL_INDUSTRIES = "park", "all"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates over MWh, and the target they are held against."""

    counted: int
    consumed_mwh: str | None
    percent: str | None
    """To four places; whether it meets its target is told by the exact share."""
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
    held: int
    """Certificates held at the day that may be used for the year."""
    retired: int
    """Claimed for the year, by purposes that count."""
    excess_mwh: str | None
    """Claimed above consumption."""
    subscribed: int
    fulfilment_percent: str | None
    """Delivered by linked trades, of what was promised."""
    trade_ratio_percent: str | None
    """Traded of promised: a ratio, and no fulfilment."""
    scope1: str | None
    scope2_location: str | None
    scope2_market: str | None
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
    basis: str
    """HELD or RETIRED."""
    vintage: str
    """SAME_YEAR or WITHIN_VALIDITY."""
    last_price: LastPrice | None
    """None where no trade of such certificates has a price."""
    park: Share
    industries: dict[str, Share]
    enterprises: list[EnterpriseIndicators]
    declared: list[Declared]
    """Each series up to the day, the oldest first."""


async def indicators(reading: Reading, footprint: Footprint, scope: Scope, pin: Pin) -> Indicators | Refusal:
    """The indicators of a year as known at a size; what is held counts on its last day, or on the report's.

    Or `policy_missing` where no rule says what counts for the year.
    """
    day = min(pin.on, datetime.date(int(pin.year), 12, 31))
    inputs = await footprint.inputs(pin)
    policies = await footprint.policies(pin.size)
    basis = rule_of_year(policies, ComplianceBasis, pin)
    vintage = rule_of_year(policies, VintageMatch, pin)
    if basis is None or vintage is None:
        missing = "compliance basis" if basis is None else "vintage"
        return refuse("policy_missing", rule=f"{missing} for {pin.year}", on=pin.on)
    moment = Moment(day, pin.size)
    by_vintage = await positions(reading, scope, moment, today=day, by="vintage")
    whole = await positions(reading, scope, moment, today=day)
    held = _usable(by_vintage.lines, pin.year if vintage.match == "SAME_YEAR" else None)
    results = {party: own.emissions() for party, own in inputs.items()}
    standings = {
        party: _standing(party, inputs.get(party), results.get(party), held.get(party, 0), basis.basis, day)
        for party in await footprint.enterprises(pin.size)
    }
    industry = {party: industry_of(policies, party, pin.on.isoformat()) for party in standings}
    judged = [
        judge(one, policies, industry=industry[party], year=pin.year, on=pin.on.isoformat())
        for party, one in standings.items()
    ]
    groups: dict[str, list[Standing]] = {}
    for party, name in industry.items():
        if name is not None:
            groups.setdefault(name, []).append(standings[party])
    promises = {line.party: line for line in whole.lines}
    price = await _last_price(reading, scope, pin, day, None if vintage.match == "WITHIN_VALIDITY" else pin.year)
    is_park = scope.tenant == ALL_TENANTS  # of one enterprise alone there is no ranking
    enterprises = [
        _enterprise(at if is_park else None, one, industry[one.standing.party], held, results, promises, price)
        for at, one in enumerate(ranked(judged), start=1)
    ]
    return Indicators(
        year=pin.year, tree_size=str(pin.size), effective_as_of=day.isoformat(), basis=basis.basis,
        vintage=vintage.match, last_price=price,
        park=_group(PARK, ALL_INDUSTRIES, standings.values(), policies, pin, price),
        industries={name: _group(name, name, of, policies, pin, price) for name, of in sorted(groups.items())},
        enterprises=enterprises, declared=_declared(policies, day),
    )  # fmt: skip


def rule_of_year(policies: PolicyBook, kind, pin: Pin):  # type: ignore[no-untyped-def]  # either kind has these fields
    """The newest rule of this kind for the consumption of the pinned year, or None."""
    rules = (rule for _, rule in policies.of_kind(kind, pin.on.isoformat()))
    return next((rule for rule in rules if rule.consumed_from <= pin.year < rule.consumed_before), None)


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


def _standing(
    party: str, inputs: Inputs | None, result: Result | Refusal | None, held: int, basis: str, day: datetime.date
) -> Standing:
    """What counts: retired; or held on the day, and retired by then, so that no certificate counts as both."""
    known = result if isinstance(result, Result) and inputs is not None else None
    if known is None or inputs is None:
        return Standing(party=party, counted=held if basis == "HELD" else 0, consumed=None)
    counted = known.claimed
    if basis == "HELD":
        later = sum(one.quantity for one in known.counted if one.effective_on > day.isoformat())
        counted += held - later
    return Standing(party=party, counted=counted, consumed=known.consumed if inputs.uses else None)


def _enterprise(
    at: int | None,
    judged: Judged,
    industry: str | None,
    held: dict[str, int],
    results: dict[str, Result | Refusal],
    promises: dict[str, Position],
    price: LastPrice | None,
) -> EnterpriseIndicators:
    party = judged.standing.party
    result, promise = results.get(party), promises.get(party, Position(party=party, kind="enterprise"))
    known = result if isinstance(result, Result) else None
    delivered = promise.subscribed - promise.outstanding
    return EnterpriseIndicators(
        rank=at if judged.standing.share is not None else None, enterprise=party, industry=industry,
        compliance=_share(judged, price), held=held.get(party, 0), retired=0 if known is None else known.claimed,
        excess_mwh=None if known is None else plain(known.excess), subscribed=promise.subscribed,
        fulfilment_percent=_of_promised(delivered, promise),
        trade_ratio_percent=_of_promised(promise.traded, promise),
        scope1=None if known is None else plain(known.total("1")),
        scope2_location=None if known is None else plain(known.total("2_location")),
        scope2_market=None if known is None else plain(known.total("2_market")),
        refused=result.code if isinstance(result, Refusal) else None,
    )  # fmt: skip


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
        percent=None if one.share is None else rounded(100 * one.share, places=4),
        target_percent=judged.percent,
        target_mode=judged.mode, target_record=None if judged.record is None else str(judged.record),
        meets=judged.meets, gap=judged.gap, gap_yuan=None if price is None else price.of(judged.gap),
    )  # fmt: skip


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
