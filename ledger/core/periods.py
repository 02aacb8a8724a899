"""Periods: a month is closed with all before it, and the latest can be opened again by two people (design D6). Pure."""

import datetime
from collections.abc import Iterable

from ledger.core.account import kind_of
from ledger.core.book import Book
from ledger.core.command import ClosePeriod, ReopenPeriod
from ledger.core.policy import Period, PolicyRow
from ledger.core.record import CloseBody, PolicyBody, Posted
from ledger.core.refusal import Refusal, refuse

SUSPENSE = ("suspense", "suspense_cost", "suspense_energy")
"""Kinds of accounts that must be empty before a month is closed."""
_SINCE = "2000-01-01"


def first_open_day(closed: str) -> str:
    """The first day after a month, where what belongs to that month or one before it counts instead."""
    return (datetime.date.fromisoformat(f"{closed}-28") + datetime.timedelta(days=4)).replace(day=1).isoformat()


def days_of(book: Book, given: str, closing: Iterable[str]) -> set[str]:
    """The days a fact of this day may count on, also once these months are closed before it."""
    through = {book.policies.closed_through, book.policies.soft_through, *closing}
    return {given} | {first_open_day(month) for month in through if month and given[:7] <= month}


def close(book: Book, command: ClosePeriod, *, today: str) -> Posted | Refusal:
    """Close a month, softly or for good: over by today, not closed yet, and for good only with nothing in suspense."""
    closed = book.policies.closed_through
    if command.month >= today[:7] or command.month <= closed:
        return refuse("period_out_of_order", month=command.month, closed=closed or "-", today=today)
    if command.state == "closed" and (waiting := _in_suspense(book)) is not None:
        return waiting
    body = CloseBody(
        figures=command.figures,
        month=command.month,
        positions=command.positions,
        state=command.state,
        tree_size=str(command.tree_size),
    )
    return Posted((_state(command.month, command.state), body))


def reopen(book: Book, command: ReopenPeriod) -> Posted | Refusal:
    """Open the latest closed month again; none before it."""
    if command.month != book.policies.closed_through:
        return refuse("period_not_latest", month=command.month, closed=book.policies.closed_through or "-")
    body = CloseBody(figures={"reason": command.reason}, month=command.month, state="open", tree_size=str(book.size))
    return Posted((_state(command.month, "open"), body))


def _state(month: str, state: str) -> PolicyBody:
    rule = Period(month=month, state=state)  # type: ignore[arg-type]  # the command's states are the rule's
    return PolicyBody(row=PolicyRow(in_force_from=_SINCE, rule=rule, source="design D6: period close"))


def _in_suspense(book: Book) -> Refusal | None:
    """`suspense_not_empty`, with the first account that holds anything of any lot."""
    names = {account.account_id: account for account in book.accounts.values() if account.kind.code in SUSPENSE}
    for (account_id, lot_id), (quantity, _) in sorted(book.lot_balances.items()):
        if account_id in names and quantity:
            lot = book.lot_by_id[lot_id].facts.code if lot_id in book.lot_by_id else "-"
            account = names[account_id]
            assert kind_of(account.name) is not None
            return refuse("suspense_not_empty", account=account.name, quantity=quantity, lot=lot)
    return None
