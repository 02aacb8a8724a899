"""What a group of commands touches: the accounts, lots and days that must be loaded before it is decided. No SQL."""

from typing import get_args

from ledger.core.book import NO_LOT, Book
from ledger.core.command import ChangeParty, Request
from ledger.core.events import Leg, ListForSale, Posting, Retire, Succeed, TradeEvent, Transfer, is_posting
from ledger.core.plans import legs_of
from ledger.core.quantity import COMMODITIES

_TRADE_EVENTS = frozenset(get_args(TradeEvent))


def trade_events(requests: list[Request]) -> dict[str, list[TradeEvent]]:
    """What the group wants to do with each trade, in order."""
    events: dict[str, list[TradeEvent]] = {}
    for request in requests:
        command = request.command
        if type(command) in _TRADE_EVENTS:
            events.setdefault(command.trade_id, []).append(command)  # type: ignore[union-attr,arg-type]  # by its type
    return events


def touched_by(
    book: Book, requests: list[Request], events: dict[str, list[TradeEvent]]
) -> list[tuple[Posting, tuple[Leg, ...]]]:
    """Each posting command with all it may touch."""
    changes = [request.command for request in requests if isinstance(request.command, ChangeParty)]
    merging = {change.party: change.into for change in changes if change.into is not None}
    return [
        (command, command.legs if type(command) is Transfer else legs_of(command, events, merging, book))
        for request in requests
        if is_posting(command := request.command)
    ]


def used_by(book: Book, touched: list[tuple[Posting, tuple[Leg, ...]]], named: set[int]) -> set[tuple[str, int]]:
    """(enterprise, lot id) of what may be retired, or succeeded to: more of it may still be in transit."""
    used: set[tuple[str, int]] = set()
    for command, legs in touched:
        if isinstance(command, Succeed) and legs:
            source = book.accounts.get((legs[0].account, "GEC"))
            held = book.account_lots.get(source.account_id, {}) if source is not None else {}
            used.update((command.party, lot_id) for lot_id in {*held, *named})
        if isinstance(command, Retire):
            holding, lot = book.accounts.get((legs[0].account, "GEC")), book.lots.get(command.lot or "")
            held = book.account_lots.get(holding.account_id, {}) if holding is not None and command.lot is None else {}
            lots = {*held, *named} if lot is None else {lot.lot_id}
            used.update((command.enterprise, lot_id) for lot_id in lots)
    return used


def offered_by(book: Book, touched: list[tuple[Posting, tuple[Leg, ...]]]) -> set[int]:
    """The lots that are offered for sale, named or to be selected: a certificate is traded once."""
    lots: set[int] = set()
    for command, legs in touched:
        if isinstance(command, ListForSale):
            source = book.accounts.get((legs[0].account, "GEC"))
            held = book.account_lots.get(source.account_id, {}) if source is not None else {}
            named = book.lots.get(command.lot or "")
            lots.update(held if named is None else (named.lot_id,))
    return lots


class Needs:
    """What the legs of a group touch that is not in the book yet."""

    def __init__(self) -> None:
        self.pairs: set[tuple[int, int]] = set()
        self.days: set[tuple[int, int]] = set()
        self.dated: dict[tuple[int, int], int] = {}
        """(account id, lot id) -> the earliest day asked for."""
        self.selecting: dict[int, int] = {}
        """Accounts whose lots are to be selected from -> the earliest day asked for."""
        self.costing: dict[int, int] = {}
        """Accounts whose cost of the selected lots is looked at -> the earliest day asked for."""
        self.named: set[int] = set()
        """Lots that the group names: a selection may come upon them in the same group."""

    def add(self, book: Book, leg: Leg, day: int) -> None:
        """Take in one leg; accounts and lots are loaded already, or do not exist."""
        account = book.accounts.get((leg.account, leg.commodity))
        if account is None:
            return
        account_id = account.account_id
        if (account_id, day) not in book.day_balances:
            self.days.add((account_id, day))
        if leg.lot is None and COMMODITIES[leg.commodity].lot_bearing:
            self.days.add((account_id, day))
            self.selecting[account_id] = min(day, self.selecting.get(account_id, day))
            return
        if leg.lot is None and leg.commodity == "CNY":
            self.costing[account_id] = min(day, self.costing.get(account_id, day))
        lot = book.lots.get(leg.lot) if leg.lot is not None else None
        key = (account_id, NO_LOT if lot is None else lot.lot_id)
        if lot is not None:
            self.named.add(lot.lot_id)
        if key not in book.lot_balances or day < floor_of(book, key) or (lot is not None and lot.facts.numbered):
            self.pairs.add(key)
            if not account.kind.may_go_below_zero:  # else nobody asks what it had on a day
                self.dated[key] = min(day, self.dated.get(key, day))

    def add_selected(self, book: Book) -> None:
        """Any lot of one selecting account may go to, or come from, any other."""
        if not self.selecting:
            return
        lots = self.named | {lot_id for account_id in self.selecting for lot_id in book.account_lots[account_id]}
        for account_id, day in (*self.selecting.items(), *self.costing.items()):
            for lot_id in lots:
                self.pairs.add((account_id, lot_id))
                self.dated[account_id, lot_id] = min(day, self.dated.get((account_id, lot_id), day))


def floor_of(book: Book, key: tuple[int, int]) -> int:
    """The day after which all quantities by day of this (account id, lot id) are in memory."""
    return book.lot_floors[key][0] if key in book.lot_floors else book.lot_balances[key][1]
