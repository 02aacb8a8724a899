"""Positions: what every party was promised, bought, holds and used, on both time axes, by vintage, source and route.

Figures are certificates, and different things: they are never added up across columns. A promise is no certificate.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Any, Literal

import msgspec

from ledger.core.certificate import valid_until
from ledger.core.policy import PolicyRow, Validity, in_force
from ledger.core.quantity import QUANTITY_MAX, rounded
from ledger.reports.reading import HEAD, LAST_DAY, Moment, Reading
from ledger.store.session import Query, Scope

Group = Literal["vintage", "source"]
Levels = dict[str, int]


class Position(msgspec.Struct, kw_only=True):
    """One party's figures, of one vintage (production month) or source, or all."""

    party: str
    kind: str
    """enterprise, project, province or park (what is subscribed by nobody in particular)."""
    group: str | None = None
    subscribed: int = 0
    """Promised, also what was delivered since."""
    outstanding: int = 0
    """Promised and not delivered by a linked trade."""
    traded: int = 0
    transferred: int = 0
    in_transit: int = 0
    """Traded and not yet transferred."""
    held: int = 0
    held_expired: int = 0
    """The part of `held` whose validity has passed."""
    offered: int = 0
    """Offered to another enterprise and not yet answered; still the offerer's."""
    listed: int = 0
    frozen: int = 0
    retired: int = 0
    expired: int = 0
    cancelled: int = 0


class RouteLine(msgspec.Struct, kw_only=True):
    """What came to an enterprise by one route, of one vintage and source, and what it cost where a price is known."""

    party: str
    route: str
    vintage: str | None
    source: str | None
    received: int = 0
    priced: int = 0
    """Bought at a known price, also what is still in transit."""
    cost_fen: int = 0

    @property
    def average_yuan(self) -> str | None:
        """Yuan for each certificate bought at a known price, to four places."""
        return rounded(Fraction(self.cost_fen, 100 * self.priced), places=4) if self.priced else None


class Reckoning(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the promises: by linked deliveries only (A), or if all that was traded fulfils them (C)."""

    subscribed: int
    traded: int
    outstanding: int
    fulfilment_percent: str | None = None
    """Traded of subscribed, in percent; in reading A it is not known."""


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """The positions of all parties the scope shows, as of a moment."""

    size: int
    lines: list[Position]
    subscribed_levels: Levels
    """Promises by how far they are confirmed: CONFIRMED, REPORTED, DECLARED."""
    traded_levels: Levels

    def total(self, figure: str) -> int:
        """A figure of all lines together."""
        return sum(getattr(line, figure) for line in self.lines)

    def readings(self) -> dict[str, "Reckoning"]:
        """What is subscribed and traded, as reading A and as reading C has it (domain reference, section 3.6)."""
        subscribed, traded = self.total("subscribed"), self.total("traded")
        share = None if not subscribed else Fraction(100 * traded, subscribed)
        return {
            "A": Reckoning(subscribed=subscribed, traded=traded, outstanding=self.total("outstanding")),
            "C": Reckoning(
                subscribed=subscribed,
                traded=traded,
                outstanding=subscribed - traded,
                fulfilment_percent=None if share is None else rounded(share, places=4),
            ),
        }


_KIND_OF_ACCOUNT = {
    "holding_ent": "held", "holding_project": "held", "holding_province": "held", "offered": "offered",
    "listed": "listed", "frozen": "frozen", "retired": "retired", "expired": "expired", "cancelled": "cancelled",
}  # fmt: skip
NOW = Moment(LAST_DAY, QUANTITY_MAX)
"""Everything there is at a snapshot."""
PARK = "-"
"""The party of what is subscribed by nobody in particular."""


async def positions(
    reading: Reading,
    scope: Scope,
    moment: Moment | None,
    *,
    today: datetime.date,
    by: Group | None = None,
    provinces: Collection[str] | None = None,
) -> Positions:
    """The positions now, or at a moment, each party's as one line or one for each group; by party, then group.

    Of what lies somewhere, only certificates of these provinces, where some are named.
    """
    at = moment or NOW
    axes = _axes(at)
    stock = Query(_STOCK_NOW) if moment is None else Query(_STOCK_AS_OF, axes)
    # At one snapshot, so that the size is that of the figures.
    head, parties, holders, stocks, promises, trades, policies = await reading.reader.fetch(
        scope,
        HEAD,
        Query(_PARTIES),
        Query(_HOLDERS, (list(_KIND_OF_ACCOUNT),)),
        stock,
        Query(_PROMISES, axes),
        Query(_TRADES, axes),
        Query("select content from visible_policy where content -> 'rule' ->> 'kind' = 'validity'"),
    )
    found = _Lines(dict(parties), by)
    on = min(at.effective_as_of, today)
    rules = _validities(policies, on)
    accounts = {account_id: (kind, party) for account_id, kind, party in holders}
    for account_id, month, source, province, quantity in stocks:
        if account_id not in accounts or not quantity:  # a lot of later, or of which nothing is left, is no line
            continue
        if provinces is not None and province not in provinces:
            continue
        kind, party = accounts[account_id]
        line = found.line(party, month, source)
        _add(line, _KIND_OF_ACCOUNT[kind], quantity)
        last = valid_until(month, rules) if kind.startswith("holding") else None
        if last is not None and last < on:
            line.held_expired += quantity
    subscribed: Levels = defaultdict(int)
    for party, level, delivering, quantity in promises:
        line = found.line(party or PARK, None, None)
        line.outstanding += quantity
        if not delivering:
            line.subscribed += quantity
            subscribed[level] += quantity
    traded: Levels = defaultdict(int)
    for party, month, source, level, moved, quantity in trades:
        _add(found.line(party, month, source), moved, quantity)
        if moved == "traded":
            traded[level] += quantity
    for line in found.lines.values():
        line.in_transit = line.traded - line.transferred
    return Positions(
        size=_size(moment, head), lines=found.sorted(), subscribed_levels=dict(subscribed), traded_levels=dict(traded)
    )


async def routes(reading: Reading, scope: Scope, moment: Moment | None) -> tuple[int, list[RouteLine]]:
    """(size, what came by each route): trades, bundles, with energy, from the province, as a take-on balance."""
    axes = _axes(moment or NOW)
    head, came, bought = await reading.reader.fetch(scope, HEAD, Query(_ROUTES, axes), Query(_BOUGHT, axes))
    lines: dict[tuple[str, ...], RouteLine] = {}

    def line(party: str, route: str, vintage: str | None, source: str | None) -> RouteLine:
        key = (party, route, vintage or "", source or "")
        return lines.setdefault(key, RouteLine(party=party, route=route, vintage=vintage, source=source))

    for party, command, status, vintage, source, quantity, fen, priced in came:
        route = _route(command, status)
        one = line(party, route, vintage, source)
        one.received += quantity
        one.cost_fen += fen
        if route == "GREEN_POWER_BUNDLE":  # of trades, also what is in transit was bought
            one.priced += priced
    for party, vintage, source, quantity in bought:
        line(party, "UNBUNDLED_TRADE", vintage, source).priced += quantity
    kept = [one for _, one in sorted(lines.items()) if one.received or one.priced or one.cost_fen]
    return _size(moment, head), kept


def _size(moment: Moment | None, head: list[Any]) -> int:
    return head[0][0] if moment is None else moment.known_as_of


def _route(command: str, status: str | None) -> str:
    plain = {
        "settle_bundle": "GREEN_POWER_BUNDLE", "correct_bundle": "GREEN_POWER_BUNDLE",
        "link_correction": "GREEN_POWER_BUNDLE", "allocate": "PROVINCIAL_ALLOCATION", "open_balance": "OPENING",
    }  # fmt: skip
    if command == "transfer_with_energy":
        return status or "SELF_USE"
    return plain.get(command, "UNBUNDLED_TRADE")


def _axes(moment: Moment) -> tuple[Any, ...]:
    return moment.effective_as_of, moment.known_as_of


def _add(line: Position, figure: str, quantity: int) -> None:
    setattr(line, figure, getattr(line, figure) + quantity)


def _validities(policies: Iterable[Any], on: datetime.date) -> tuple[Validity, ...]:
    rows = [msgspec.convert(content, PolicyRow) for (content,) in policies]
    return tuple(row.rule for row in rows if isinstance(row.rule, Validity) and in_force(row, on.isoformat()))


class _Lines:
    """Lines by party and group; every party has at least one."""

    def __init__(self, kinds: dict[str, str], by: Group | None) -> None:
        self.kinds, self.by = kinds, by
        self.lines: dict[tuple[str, str], Position] = {}
        if by is None:
            for party, kind in kinds.items():
                if kind == "enterprise":
                    self.line(party, None, None)

    def line(self, party: str, month: str | None, source: str | None) -> Position:
        group = {"vintage": month, "source": source, None: None}[self.by]
        kind = self.kinds.get(party, "park" if party == PARK else "outside")
        return self.lines.setdefault((party, group or ""), Position(party=party, kind=kind, group=group))

    def sorted(self) -> list[Position]:
        return [self.lines[key] for key in sorted(self.lines)]


_PARTIES = "select party_id, kind from visible_party where kind in ('enterprise', 'project', 'province') order by 1"
# Whose an account is, is looked up in memory and not by a join: before tables are analysed, it was walked in circles.
_HOLDERS = """
    select account_id, kind, coalesce(owner, regexp_replace(name, '^.*:', '')) from visible_account
    where kind = any(%s)
"""
_STOCK_NOW = """
    select b.account_id, l.production_month, l.source, l.province, sum(b.quantity)::bigint
    from visible_balance b join visible_lot l using (lot_id) group by 1, 2, 3, 4
"""
_STOCK_AS_OF = """
    select s.account_id, l.production_month, l.source, l.province, sum(s.quantity)::bigint
    from lot_balances_as_of(%s, %s) s join visible_lot l using (lot_id) group by 1, 2, 3, 4
"""
_PROMISES = """
    select owner, level, command in ('deliver', 'void_trade'), sum(quantity)::bigint
    from event_legs('{subscribe,reduce_subscription,deliver,void_trade}',
        '{commitment_ent,commitment_unallocated}', %s, %s)
    group by 1, 2, 3
"""
_TRADES = """
    select t.buyer, t.production_month, t.source, e.level, m.what, sum(m.quantity)::bigint
    from visible_event e join visible_trade t using (trade_id)
    cross join lateral (
        select 'traded' as what, case e.command when 'trade' then e.quantity else -e.quantity end as quantity
        where e.command in ('trade', 'void_trade')
        union all
        select 'transferred', case e.command when 'transfer_trade' then e.quantity else -e.quantity end
        where e.command = 'transfer_trade' or (e.command = 'void_trade' and t.transferred_index < e.log_index)
    ) as m
    where e.effective_on <= %s and e.log_index < %s
    group by 1, 2, 3, 4, 5
"""
_ROUTES = """
    select owner, command, status, production_month, source, sum(quantity)::bigint, sum(fen)::bigint,
        coalesce(sum(quantity) filter (where fen <> 0), 0)::bigint
    from (
        select p.log_index, p.owner, p.command, p.status, l.production_month, l.source,
            coalesce(sum(p.quantity) filter (where p.kind = 'holding_ent'), 0) as quantity,
            coalesce(sum(p.quantity) filter (where p.kind = 'inventory_gec'), 0) as fen
        from event_legs(
            '{trade,transfer_trade,identify_trade,void_trade,settle_bundle,correct_bundle,link_correction,
                transfer_with_energy,allocate,open_balance}',
            '{holding_ent,inventory_gec}', %s, %s
        ) p
        join visible_lot l using (lot_id)
        group by 1, 2, 3, 4, 5, 6
    ) as each
    group by 1, 2, 3, 4, 5
"""
_BOUGHT = """
    select t.buyer, t.production_month, t.source,
        sum(case e.command when 'trade' then e.quantity else -e.quantity end)::bigint
    from visible_event e join visible_trade t using (trade_id)
    where e.command in ('trade', 'void_trade') and t.amount_fen is not null
        and e.effective_on <= %s and e.log_index < %s
    group by 1, 2, 3
"""
