"""Every event's plan: the one transaction it asks for, or why the event cannot be; and what loading it needs."""

from collections.abc import Callable
from typing import Any, get_args

from ledger.core import events
from ledger.core.book import Book
from ledger.core.events import Incoming, Leg, Posting, Succeed, Trade, TradeEvent, Transfer
from ledger.core.plans import (
    allowances,
    corrections,
    embodied,
    holdings,
    incoming,
    offers,
    reversals,
    subscriptions,
    successions,
    trades,
    transfers,
)
from ledger.core.plans.plan import Plan, Units, units_of
from ledger.core.refusal import Refusal

__all__ = ["Plan", "Units", "legs_of", "plan_of", "units_entering", "units_of"]


_PLANS: dict[type, Callable[[Any, Book, str], Plan | Refusal]] = {
    Transfer: transfers.transfer,
    events.Subscribe: subscriptions.subscription,
    events.ReduceSubscription: subscriptions.reduction,
    Trade: trades.trade,
    events.TransferTrade: trades.transfer_of_trade,
    events.IdentifyTrade: trades.identification,
    events.VoidTrade: trades.void,
    events.Deliver: trades.delivery,
    events.SettleBreak: trades.settlement,
    events.Issue: incoming.issuance,
    events.OpenBalance: incoming.opening,
    events.SettleBundle: incoming.bundle,
    events.TransferWithEnergy: incoming.with_energy,
    events.ReceiveForProvince: incoming.for_province,
    events.Allocate: incoming.allocation,
    events.ListForSale: holdings.listing,
    events.Delist: holdings.listing,
    events.Freeze: holdings.freeze,
    events.Unfreeze: holdings.freeze,
    events.CancelForCcer: holdings.cancellation,
    events.Retire: holdings.retirement,
    events.Expire: holdings.expiry,
    events.Reverse: reversals.reversal,
    events.Offer: offers.offer,
    events.AnswerOffer: offers.answer,
    events.Succeed: successions.succession,
    events.CorrectBundle: corrections.correction,
    events.LinkCorrection: corrections.link,
    events.CorrectTrade: corrections.of_a_trade,
    events.LinkTrade: corrections.trade_link,
    events.AllocateAllowances: allowances.allocation,
    events.BuyCcer: allowances.purchase,
    events.Surrender: allowances.surrender,
    events.MakeProduct: embodied.making,
    events.SellProduct: embodied.sale,
    events.ReceiveProduct: embodied.receipt,
}

_LEGS: dict[type, Callable[[Any, Book], tuple[Leg, ...]]] = {
    events.Subscribe: subscriptions.subscription_legs,
    events.ReduceSubscription: subscriptions.reduction_legs,
    events.Allocate: incoming.allocation_legs,
    events.ListForSale: holdings.listing_legs,
    events.Delist: holdings.listing_legs,
    events.Freeze: holdings.freeze_legs,
    events.Unfreeze: holdings.freeze_legs,
    events.CancelForCcer: holdings.cancellation_legs,
    events.Retire: holdings.retirement_touches,
    events.Expire: holdings.expiry_legs,
    events.Reverse: reversals.reversal_legs,
    events.Offer: offers.offer_legs,
    events.SettleBreak: trades.settlement_legs,
    events.AnswerOffer: offers.answer_legs,
    events.CorrectBundle: corrections.correction_touches,
    events.LinkCorrection: corrections.link_touches,
    events.CorrectTrade: corrections.trade_touches,
    events.LinkTrade: corrections.trade_link_touches,
    events.AllocateAllowances: allowances.allocation_legs,
    events.BuyCcer: allowances.purchase_legs,
    events.Surrender: allowances.surrender_touches,
    events.MakeProduct: embodied.touches,
    events.SellProduct: embodied.touches,
    events.ReceiveProduct: embodied.touches,
}
_LEGS |= dict.fromkeys(get_args(Incoming), incoming.incoming_legs)


def plan_of(command: Posting, book: Book, *, today: str) -> Plan | Refusal:
    """The plan of an event, or why the event cannot be."""
    return _PLANS[type(command)](command, book, today)


def legs_of(
    command: Posting, coming: dict[str, list[TradeEvent]], merging: dict[str, str], book: Book
) -> tuple[Leg, ...]:
    """All that the event may touch if all it names exists.

    `coming` are the trade events of the same group, `merging` the parties it merges, into which. For loading only:
    nothing is checked, so that an event may follow in one group those it depends on.
    """
    if isinstance(command, Succeed):
        return successions.succession_touches(command.party, merging, book)
    if isinstance(command, TradeEvent):
        return trades.event_legs(command, coming, book)
    return _LEGS[type(command)](command, book)


def units_entering(commands: list[Posting], coming: dict[str, list[TradeEvent]], book: Book) -> list[Units]:
    """The numbered units that a group brings in or offers: what of them is in the book already must be known."""
    found = [units for trade in coming for units in trades.units_named(trade, coming, book)]
    found += [incoming.named(command, book) for command in commands if isinstance(command, Incoming)]
    return [units for units in found if units.serials]
