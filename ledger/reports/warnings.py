"""Early warnings: what would be too late to notice later (domain reference, section 5.4).

Each is read off the book as it was known at a size, on a day; nothing is stored and nothing is sent.
"""

import datetime
from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal, LiteralString

import msgspec

from ledger.core.carbon_rules import FactorKind, GridRegion
from ledger.core.certificate import valid_until
from ledger.core.factors import NATION, factor
from ledger.core.facts import InventoryFacts
from ledger.core.inventory import causes
from ledger.core.policy import PolicyBook, VintageMatch, in_force
from ledger.core.price import PRICES_MIN, is_far_off
from ledger.core.quantity import rounded
from ledger.core.refusal import Refusal
from ledger.reports.footprint import RULES_MAX, Footprint, Pin
from ledger.reports.indicators import EnterpriseIndicators, indicators, provinces_of, rule_of_year
from ledger.reports.positions import Position, positions
from ledger.reports.reading import Moment, Reading
from ledger.store.session import Query, Scope

EXPIRY_DAYS = (30, 60, 90)
"""Certificates that lapse within so many days, the shortest that fits."""
CLEARING_DAYS_MAX = 15
"""Days after a trade by which the registry should have moved it."""
DAYS_LEFT = 60
"""With fewer days left in the year a gap to the target is told."""
IDLE_DAYS = 90
"""Days without a trade after which a promise that is not fulfilled is told."""
PRICE_DAYS = 30
"""Trades of so many days are held against the median price of their vintage."""
FACTOR_YEARS_MAX = 2
"""How much older than the year its factors' data may be: those of 2023 came out in January 2026, in time for the
reports of 2025 (domain reference, section 4.2)."""

_OF_ELECTRICITY: dict[FactorKind, str | None] = {"GRID_AVERAGE": None, "NATIONAL_RESIDUAL": NATION}
"""Both methods of Scope 2, and the region of the factor where it is not the park's."""

Kind = Literal[
    "expiring", "vintage_unusable", "region_unusable", "clearing_overdue", "gap_near_year_end",
    "claimed_above_consumption", "promise_without_trade", "surrendered_above_obligation", "emissions_unknown",
    "rule_lapsed", "rule_missing", "price_outlier", "factor_outdated", "factor_missing", "summary_differs",
    "restatement_due",
]  # fmt: skip


class EarlyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody should look at."""

    kind: Kind
    enterprise: str | None = None
    """Whose matter it is; None where it is the park's."""
    on: str | None = None
    """The day it turns on: of lapse, of the trade (the oldest, the last), the last day of a rule."""
    quantity: str | None = None
    """Certificates, or tonnes of CO2e where something was surrendered; of a summary how far it is off."""
    figures: dict[str, str] = {}


class Warnings(msgspec.Struct, frozen=True, kw_only=True):
    """All warnings of a day, by kind, then enterprise."""

    year: str
    tree_size: str
    effective_as_of: str
    warnings: list[EarlyWarning]


async def warnings(
    reading: Reading, footprint: Footprint, scope: Scope, pin: Pin, *, besides: Iterable[EarlyWarning] = ()
) -> Warnings:
    """What to look at on the day of `pin`, for its year, as known at its size; an enterprise hears of its own.

    `besides` are those that come of files which are not in the book.
    """
    moment, found = Moment(pin.on, pin.size), list(besides)
    policies = await footprint.policies(pin.size)
    judged = await indicators(reading, footprint, scope, pin)
    stock = await positions(reading, scope, moment, today=pin.on, by="vintage")
    whole = await positions(reading, scope, moment, today=pin.on)
    overdue, traded, promised, surrendered, prices = await reading.reader.fetch(
        scope,
        Query(_OVERDUE, (pin.size, pin.on - datetime.timedelta(days=CLEARING_DAYS_MAX), pin.size, pin.size)),
        Query(_LAST_TRADES, (pin.size,)),
        Query(_FIRST_PROMISES, (pin.on, pin.size)),
        Query(_SURRENDERED, (pin.on, pin.size)),
        Query(_PRICES, (pin.size, pin.on, pin.size, PRICES_MIN, pin.on - datetime.timedelta(days=PRICE_DAYS))),
    )
    found += _of_stock(stock.lines, policies, pin)
    if (provinces := provinces_of(policies, pin)) is not None:
        serving = await positions(reading, scope, moment, today=pin.on, by="vintage", provinces=provinces)
        found += _of_other_regions(stock.lines, serving.lines, provinces)
    for buyer, trades, quantity, oldest in overdue:
        figures = {"trades": str(trades)}
        found.append(
            EarlyWarning(
                kind="clearing_overdue", enterprise=buyer, on=str(oldest), quantity=str(quantity), figures=figures
            )
        )
    found += _idle(whole.lines, dict(traded), dict(promised), pin.on)
    found += _of_prices(prices)
    found += _of_factors(policies, pin)
    found += [EarlyWarning(kind="rule_missing", figures={"rule": rule}) for rule in judged.missing_rules]
    for line in judged.enterprises:
        found += _of_enterprise(line, pin)
    verified = _verified(await footprint.submissions(after=-1, limit=RULES_MAX), pin.size)
    found += _surrendered_too_much(surrendered, verified)
    found += [one async for one in _restatements(footprint, verified, pin)]
    found += _lapsed(policies, pin.on.isoformat())
    found.sort(key=lambda one: (one.kind, one.enterprise or "", one.on or ""))
    return Warnings(
        year=pin.year, tree_size=str(pin.size), effective_as_of=pin.on.isoformat(), warnings=found
    )  # fmt: skip


def _of_stock(lines: list[Position], policies: PolicyBook, pin: Pin) -> Iterator[EarlyWarning]:
    """What enterprises hold that lapses soon, or is valid and cannot be used for the year."""
    rules = policies.validities(pin.on.isoformat())
    usable = rule_of_year(policies, VintageMatch, pin)
    same_year = usable is not None and usable.match == "SAME_YEAR"
    for line in lines:
        valid = line.held - line.held_expired
        if line.kind != "enterprise" or line.group is None or valid <= 0:
            continue
        vintage = {"vintage": line.group}
        last = valid_until(line.group, rules)
        left = None if last is None else (last - pin.on).days
        within = [] if left is None else [days for days in EXPIRY_DAYS if left <= days]
        if within:
            figures = vintage | {"within_days": str(within[0])}
            on = str(last)
            yield EarlyWarning(kind="expiring", enterprise=line.party, on=on, quantity=str(valid), figures=figures)
        if same_year and line.group[:4] != pin.year:
            yield EarlyWarning(
                kind="vintage_unusable", enterprise=line.party, quantity=str(valid), figures=vintage
            )  # fmt: skip


def _of_other_regions(stock: list[Position], of_region: list[Position], provinces: list[str]) -> Iterator[EarlyWarning]:
    """What enterprises hold that is valid, and of no province that serves the year."""
    serving = {(line.party, line.group): line.held - line.held_expired for line in of_region}
    for line in stock:
        idle = line.held - line.held_expired - serving.get((line.party, line.group), 0)
        if line.kind == "enterprise" and line.group is not None and idle > 0:
            figures = {"vintage": line.group, "provinces": " ".join(provinces)}
            yield EarlyWarning(kind="region_unusable", enterprise=line.party, quantity=str(idle), figures=figures)


def _idle(
    lines: list[Position], traded: dict[str, datetime.date], promised: dict[str, datetime.date], on: datetime.date
) -> Iterator[EarlyWarning]:
    """Promises that nothing was done about for long: since the last trade, or since they were made."""
    for line in lines:
        since = traded.get(line.party) or promised.get(line.party)
        if line.kind == "enterprise" and line.outstanding > 0 and since is not None and (on - since).days > IDLE_DAYS:
            quantity = str(line.outstanding)
            yield EarlyWarning(kind="promise_without_trade", enterprise=line.party, on=str(since), quantity=quantity)


def _of_prices(rows: list[tuple[str, str, datetime.date, str, int, Decimal, Decimal]]) -> Iterator[EarlyWarning]:
    """Trades whose price is far off the median of all that is known of their vintage."""
    for buyer, trade_id, on, vintage, quantity, price, median in rows:
        if is_far_off(price, median):
            figures = {"trade": trade_id, "vintage": vintage}
            figures |= {"yuan": rounded(Fraction(price), places=4), "median_yuan": rounded(Fraction(median), places=4)}
            yield EarlyWarning(
                kind="price_outlier", enterprise=buyer, on=str(on), quantity=str(quantity), figures=figures
            )


def _of_factors(policies: PolicyBook, pin: Pin) -> Iterator[EarlyWarning]:
    """The factors of electricity that an inventory of the year would take: missing, standing in for one, or old."""
    on = pin.on.isoformat()
    region = next((rule.region for _, rule in policies.of_kind(GridRegion, on)), NATION)
    for of, where in _OF_ELECTRICITY.items():
        chosen = factor(policies, of, "electricity", region=where or region, on=on)
        if isinstance(chosen, Refusal):
            yield EarlyWarning(kind="factor_missing", figures=chosen.figures)
        elif chosen.instead_of is not None or int(pin.year) - int(chosen.rule.data_year) > FACTOR_YEARS_MAX:
            figures = {"of": of, "factor_set": chosen.rule.factor_set, "data_year": chosen.rule.data_year}
            figures |= {"record": str(chosen.record)}
            figures |= {} if chosen.instead_of is None else {"instead_of": chosen.instead_of}
            yield EarlyWarning(kind="factor_outdated", figures=figures)


def _of_enterprise(line: EnterpriseIndicators, pin: Pin) -> Iterator[EarlyWarning]:
    left = (datetime.date(int(pin.year), 12, 31) - pin.on).days
    if line.compliance.gap and 0 <= left < DAYS_LEFT:
        figures = {"days_left": str(left), "target_percent": line.compliance.target_percent or ""}
        figures |= {"yuan": line.compliance.gap_yuan} if line.compliance.gap_yuan is not None else {}
        quantity = str(line.compliance.gap)
        yield EarlyWarning(kind="gap_near_year_end", enterprise=line.enterprise, quantity=quantity, figures=figures)
    if line.excess_mwh is not None and Decimal(line.excess_mwh) > 0:
        yield EarlyWarning(kind="claimed_above_consumption", enterprise=line.enterprise, quantity=line.excess_mwh)
    if line.refused is not None:
        yield EarlyWarning(kind="emissions_unknown", enterprise=line.enterprise, figures={"code": line.refused})


def _verified(submissions: list[InventoryFacts], size: int) -> dict[tuple[str, str], InventoryFacts]:
    """(enterprise, year) -> the inventory that was verified last, as known at a size."""
    verified = {}
    for one in sorted(submissions, key=lambda one: one.judged_index or 0):
        if one.state in {"verified", "restated"} and one.judged_index is not None and one.judged_index < size:
            verified[one.enterprise, one.year] = one
    return verified


async def _restatements(
    footprint: Footprint, verified: dict[tuple[str, str], InventoryFacts], pin: Pin
) -> AsyncIterator[EarlyWarning]:
    """Verified inventories of the year that would be others by what is known by now, and by the same factors."""
    for one in verified.values():
        then = Pin(one.year, one.tree_size, datetime.date.fromisoformat(one.factors_on))
        if one.year != pin.year or isinstance(before := await footprint.of(then, one.enterprise), Refusal):
            continue
        since = causes(before, await footprint.now(before, Pin(one.year, pin.size, then.on)))
        figures = {"inventory": str(one.log_index)}
        if isinstance(since, Refusal):
            figures |= {"refused": since.code}
        else:
            figures |= {f"{cause}/{scope}": value for cause, found in since.items() for scope, value in found.items()}
        if since:
            yield EarlyWarning(kind="restatement_due", enterprise=one.enterprise, figures=figures)


def _surrendered_too_much(
    surrendered: list[tuple[str, str, int]], verified: dict[tuple[str, str], InventoryFacts]
) -> Iterator[EarlyWarning]:
    """A verified inventory was restated below what was surrendered for it."""
    for enterprise, year, tonnes in surrendered:
        known = verified.get((enterprise, year))
        if known is not None and tonnes > known.obligation:
            figures = {"year": year, "obligation": str(known.obligation), "inventory": str(known.log_index)}
            kind: Kind = "surrendered_above_obligation"
            yield EarlyWarning(kind=kind, enterprise=enterprise, quantity=str(tonnes), figures=figures)


def _lapsed(policies: PolicyBook, on: str) -> Iterator[EarlyWarning]:
    """Kinds of rules of which none is in force any more."""
    named = [(str(row.rule.__struct_config__.tag), index, row) for index, row in policies.rows]
    in_force_now = {kind for kind, _, row in named if in_force(row, on)}
    last: dict[str, tuple[str, int]] = {}
    for kind, index, row in named:
        if row.in_force_to is not None and row.in_force_to < on and kind not in in_force_now:
            last[kind] = max(last.get(kind, ("", 0)), (row.in_force_to, index))
    for kind, (ended, index) in last.items():
        yield EarlyWarning(kind="rule_lapsed", on=ended, figures={"rule": kind, "record": str(index)})


_OVERDUE: LiteralString = """
    select t.buyer, count(*)::bigint, sum(t.quantity - coalesce(v.gone, 0))::bigint, min(e.occurred_on)
    from visible_trade t join visible_event e on e.log_index = t.log_index
    left join lateral (
        select sum(d.quantity) as gone from visible_event d
        where d.trade_id = t.trade_id and d.command = 'void_trade' and d.log_index < %s
    ) as v on t.voided > 0
    where e.occurred_on < %s and t.log_index < %s and coalesce(t.transferred_index, 2^62::bigint) >= %s
        and t.quantity > coalesce(v.gone, 0)
    group by 1
"""
_LAST_TRADES: LiteralString = """
    select t.buyer, max(e.occurred_on) from visible_trade t join visible_event e on e.log_index = t.log_index
    where t.log_index < %s group by 1
"""
_FIRST_PROMISES: LiteralString = """
    select p.owner, min(e.occurred_on)
    from event_legs('{subscribe}', '{commitment_ent}', %s, %s) p join visible_event e using (log_index)
    group by 1
"""
# In yuan for each certificate; a trade that was withdrawn, whole or in part, has no price.
_PRICES: LiteralString = """
    with priced as materialized (
        select t.buyer, t.trade_id, e.occurred_on, left(t.production_month, 4) as vintage, t.quantity,
            t.amount_fen::numeric / (100 * t.quantity) as price
        from visible_trade t join visible_event e on e.log_index = t.log_index
        where t.amount_fen > 0 and t.log_index < %s and e.occurred_on <= %s
            and not exists (
                select from visible_event v
                where t.voided > 0 and v.trade_id = t.trade_id and v.command = 'void_trade' and v.log_index < %s
            )
    ), usual as (
        select vintage, percentile_disc(0.5) within group (order by price) as median from priced
        group by vintage having count(*) >= %s
    )
    select p.buyer, p.trade_id, p.occurred_on, p.vintage, p.quantity, p.price, u.median
    from priced p join usual u using (vintage) where p.occurred_on > %s
"""
_SURRENDERED: LiteralString = """
    select split_part(a.name, ':', 3), split_part(a.name, ':', 4), sum(balance_as_of(a.account_id, %s, %s))::bigint
    from visible_account a where a.kind in ('cea_surrendered', 'ccer_surrendered') group by 1, 2
"""
