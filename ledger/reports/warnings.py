"""Early warnings: what would be too late to notice later (domain reference, section 5.4).

Each is read off the book as it was known at a size, on a day; nothing is stored and nothing is sent.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, LiteralString

import msgspec

from ledger.core.certificate import valid_until
from ledger.core.facts import InventoryFacts
from ledger.core.policy import PolicyBook, VintageMatch, in_force
from ledger.core.refusal import Refusal
from ledger.reports.footprint import RULES_MAX, Footprint, Pin
from ledger.reports.indicators import EnterpriseIndicators, indicators, rule_of_year
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

Kind = Literal[
    "expiring", "vintage_unusable", "clearing_overdue", "gap_near_year_end", "claimed_above_consumption",
    "promise_without_trade", "surrendered_above_obligation", "emissions_unknown", "rule_lapsed", "rule_missing",
]  # fmt: skip


class EarlyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody should look at."""

    kind: Kind
    enterprise: str | None = None
    """Whose matter it is; None where it is the park's."""
    on: str | None = None
    """The day it turns on: of lapse, of the oldest trade, of the last trade, the last day of a rule."""
    quantity: str | None = None
    """Certificates, or tonnes of CO2e where something was surrendered."""
    figures: dict[str, str] = {}


class Warnings(msgspec.Struct, frozen=True, kw_only=True):
    """All warnings of a day, by kind, then enterprise."""

    year: str
    tree_size: str
    effective_as_of: str
    warnings: list[EarlyWarning]


async def warnings(reading: Reading, footprint: Footprint, scope: Scope, pin: Pin) -> Warnings:
    """What to look at on the day of `pin`, for its year, as known at its size; an enterprise hears of its own."""
    moment, found = Moment(pin.on, pin.size), list[EarlyWarning]()
    policies = await footprint.policies(pin.size)
    judged = await indicators(reading, footprint, scope, pin)
    stock = await positions(reading, scope, moment, today=pin.on, by="vintage")
    whole = await positions(reading, scope, moment, today=pin.on)
    overdue, traded, promised, surrendered = await reading.reader.fetch(
        scope,
        Query(_OVERDUE, (pin.size, pin.on - datetime.timedelta(days=CLEARING_DAYS_MAX), pin.size, pin.size)),
        Query(_LAST_TRADES, (pin.size,)),
        Query(_FIRST_PROMISES, (pin.on, pin.size)),
        Query(_SURRENDERED, (pin.on, pin.size)),
    )
    found += _of_stock(stock.lines, policies, pin)
    for buyer, trades, quantity, oldest in overdue:
        figures = {"trades": str(trades)}
        found.append(
            EarlyWarning(
                kind="clearing_overdue", enterprise=buyer, on=str(oldest), quantity=str(quantity), figures=figures
            )
        )
    found += _idle(whole.lines, dict(traded), dict(promised), pin.on)
    if isinstance(judged, Refusal):
        found.append(EarlyWarning(kind="rule_missing", figures=judged.figures))
    else:
        for line in judged.enterprises:
            found += _of_enterprise(line, pin)
    submissions = await footprint.submissions(after=-1, limit=RULES_MAX)
    found += _surrendered_too_much(surrendered, submissions, pin.size)
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


def _idle(
    lines: list[Position], traded: dict[str, datetime.date], promised: dict[str, datetime.date], on: datetime.date
) -> Iterator[EarlyWarning]:
    """Promises that nothing was done about for long: since the last trade, or since they were made."""
    for line in lines:
        since = traded.get(line.party) or promised.get(line.party)
        if line.kind == "enterprise" and line.outstanding > 0 and since is not None and (on - since).days > IDLE_DAYS:
            quantity = str(line.outstanding)
            yield EarlyWarning(kind="promise_without_trade", enterprise=line.party, on=str(since), quantity=quantity)


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


def _surrendered_too_much(
    surrendered: list[tuple[str, str, int]], submissions: list[InventoryFacts], size: int
) -> Iterator[EarlyWarning]:
    """A verified inventory was restated below what was surrendered for it."""
    verified = {}
    for one in sorted(submissions, key=lambda one: one.judged_index or 0):
        if one.state in {"verified", "restated"} and one.judged_index is not None and one.judged_index < size:
            verified[one.enterprise, one.year] = one
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
_SURRENDERED: LiteralString = """
    select split_part(a.name, ':', 3), split_part(a.name, ':', 4), sum(balance_as_of(a.account_id, %s, %s))::bigint
    from visible_account a where a.kind in ('cea_surrendered', 'ccer_surrendered') group by 1, 2
"""
