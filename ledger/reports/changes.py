"""What changed between two states of knowledge: which balances, positions and months differ, and by which transactions.

A regulator who holds a report of December asks, in March, what has moved in December since: the facts that came to be
known between the two sizes and count up to that day.
"""

import datetime

import msgspec

from ledger.reports.positions import Position, positions
from ledger.reports.reading import Moment, Reading
from ledger.store.session import Query, Scope

TRANSACTIONS_SHOWN = 20
"""Of each balance that differs; the first ones. The postings route has all."""
FIGURES = tuple(name for name in Position.__struct_fields__ if name not in {"party", "kind", "group"})


class BalanceChange(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a commodity, as it was known before and as it is known now, up to the same day."""

    account_id: int
    account: str
    commodity: str
    before: int
    after: int
    postings: int
    transactions: tuple[int, ...]
    """Log indexes of the first that changed it."""


class MonthChange(msgspec.Struct, frozen=True, kw_only=True):
    """A month in which something counts that was not known before."""

    month: str
    transactions: int
    late: int
    """Of these, recorded after the month was over: a report of the month did not have them."""


class PositionChange(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a party's position that differs."""

    party: str
    figure: str
    before: int
    after: int


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs between two sizes."""

    months: list[MonthChange]
    balances: list[BalanceChange]
    """In the order the accounts were opened; a page of them."""
    positions: list[PositionChange]


async def changes(
    reading: Reading,
    scope: Scope,
    *,
    before: Moment,
    after: Moment,
    today: datetime.date,
    from_account: int,
    limit: int,
) -> Changes:
    """What is known at `after` and was not at `before`, both up to the same day; balances after an account's number."""
    assert before.effective_as_of == after.effective_as_of and before.known_as_of <= after.known_as_of
    sizes, day = (before.known_as_of, after.known_as_of), after.effective_as_of
    months, balances = await reading.reader.fetch(
        scope,
        Query(_MONTHS, (*sizes, day)),
        Query(_BALANCES, (day, sizes[0], day, sizes[1], TRANSACTIONS_SHOWN, *sizes, day, from_account, limit)),
    )
    was = await positions(reading, scope, before, today=today)
    now = await positions(reading, scope, after, today=today)
    return Changes(
        months=[MonthChange(month=month, transactions=count, late=late) for month, count, late in months],
        balances=[_balance(*row) for row in balances],
        positions=_differences(was.lines, now.lines),
    )


def _balance(
    account_id: int, account: str, commodity: str, postings: int, transactions: list[int], before: int, after: int
) -> BalanceChange:
    return BalanceChange(
        account_id=account_id,
        account=account,
        commodity=commodity,
        before=before,
        after=after,
        postings=postings,
        transactions=tuple(transactions),
    )


def _differences(was: list[Position], now: list[Position]) -> list[PositionChange]:
    before = {line.party: line for line in was}
    after = {line.party: line for line in now}
    return [
        PositionChange(party=party, figure=figure, before=old, after=new)
        for party in sorted(before.keys() | after.keys())
        for figure in FIGURES
        if (old := getattr(before.get(party), figure, 0)) != (new := getattr(after.get(party), figure, 0))
    ]


# A month is over, for a fact, where it was recorded on a later month's day in the ledger's zone.
_MONTHS = """
    select to_char(p.effective_on, 'YYYY-MM'), count(distinct p.log_index),
        count(distinct p.log_index) filter (
            where to_char(s.recorded_at at time zone l.zone, 'YYYY-MM') > to_char(p.effective_on, 'YYYY-MM'))
    from visible_posting p cross join visible_ledger l
    cross join lateral (
        select recorded_at from visible_moment m where m.first_index <= p.log_index order by m.first_index desc limit 1
    ) as s
    where p.log_index >= %s and p.log_index < %s and p.effective_on <= %s
    group by 1 order by 1
"""
_BALANCES = """
    select a.account_id, a.name, a.commodity, c.postings, c.transactions,
        balance_as_of(a.account_id, %s, %s), balance_as_of(a.account_id, %s, %s)
    from (
        select account_id, count(*) as postings, (array_agg(distinct log_index order by log_index))[:%s] as transactions
        from visible_posting where log_index >= %s and log_index < %s and effective_on <= %s and account_id > %s
        group by 1 order by 1 limit %s
    ) as c join visible_account a using (account_id)
    order by 1
"""
