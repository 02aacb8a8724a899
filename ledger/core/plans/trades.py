"""Plans of a trade and what becomes of it: transfer, identification, withdrawal, delivery on a subscription."""

from collections.abc import Iterator

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.certificate import LotFacts
from ledger.core.events import (
    Deliver,
    IdentifyTrade,
    Leg,
    SettleBreak,
    Trade,
    TradeEvent,
    TransferTrade,
    VoidTrade,
)
from ledger.core.facts import TradeFacts
from ledger.core.held_range import FOREVER, NOTHING, holds
from ledger.core.plans.corrections import broken_code
from ledger.core.plans.costs import owed, owed_no_more
from ledger.core.plans.plan import Plan, Units, holding_of, missing_party, moved, numbered, planned, units_of
from ledger.core.record import TradeState
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import contains, written
from ledger.core.serial_range import count as count_of
from ledger.core.trading import judge_route


def trade(command: Trade, book: Book, today: str) -> Plan | Refusal:
    """Units leave the seller for clearing. A project sells what it holds or has listed; others sell from outside."""
    for party in (command.buyer, command.seller):
        if party not in book.parties:
            return refuse("unknown_party", party=party)
    if (known := book.trades.get(command.trade_id)) is not None:
        return refuse("trade_exists", trade=command.trade_id, transaction=known.log_index)
    units = units_of(command, book.policies, today=today)
    seller = book.parties[command.seller].kind
    if seller == "enterprise":
        # What an enterprise holds was traded already, or can never be.
        tradable = units.lot.tradable and (units.lot.code not in book.lots or book.lots[units.lot.code].facts.tradable)
        if not tradable:
            return refuse("not_tradable", lot=units.lot.code, route="UNBUNDLED_TRADE")
        return refuse("already_traded", lot=units.lot.code, serials=written(units.serials))
    if seller != "seller" and units.lot.code not in book.lots:
        return refuse("unknown_lot", lot=units.lot.code)
    facts = book.lots[units.lot.code].facts if units.lot.code in book.lots else units.lot
    judged = judge_route(facts, "UNBUNDLED_TRADE", book.policies, on=command.occurred_on or today)
    if isinstance(judged, Refusal):
        return judged
    unread = command.code_first is not None and not units.serials
    state = TradeState(
        amount_fen=None if command.amount_fen is None else str(command.amount_fen),
        buyer=command.buyer,
        codes=(command.code_first or "", command.code_last or "") if unread else (),
        mode=command.mode,
        platform=command.platform,
        price=command.price,
        quantity=str(command.quantity),
        seller=command.seller,
        state="TRADED",
        trade_id=command.trade_id,
    )
    return planned(
        "trade",
        command,
        _trade_legs(command, units, book),
        lot=units.lot,
        trade=state,
        policies=(*units.policies, *judged),
        findings=("codes_unread",) if unread else (),
        once="traded",
        for_sale=seller != "seller",
    )


def _trade_legs(command: Trade, units: Units, book: Book) -> tuple[Leg, ...]:
    source, lot = _offered_at(command, book), units.lot.code
    clearing = account_name("clearing", command.platform)
    return (
        *moved(source, clearing, command.quantity, lot, units.serials),
        *owed(command.buyer, command.amount_fen, lot),
    )


def _offered_at(command: Trade, book: Book) -> str:
    """Where the units of a trade are sold from: a listing, for a project whose trade came about by one."""
    source = holding_of(command.seller, book)
    if command.mode == "LISTING" and source.startswith("Holding:Project:"):
        return account_name("listed", command.platform, command.seller)
    return source


def transfer_of_trade(command: TransferTrade, book: Book, _: str) -> Plan | Refusal:
    """The units in clearing become the buyer's."""
    known = book.trades.get(command.trade_id)
    if known is None:
        return refuse("trade_unknown", trade=command.trade_id)
    if known.state != "TRADED":
        return refuse("trade_not_in_transit", trade=command.trade_id, state=known.state)
    clearing, holding = account_name("clearing", known.platform), account_name("holding_ent", known.buyer)
    legs = moved(clearing, holding, known.standing, known.lot, known.ranges)
    state = TradeState(state="TRANSFERRED", trade_id=command.trade_id)
    return planned("transfer_trade", command, legs, trade=state)


def identification(command: IdentifyTrade, book: Book, today: str) -> Plan | Refusal:
    """Where they lie, the counted units go out through Identification and come back numbered; totals stay."""
    known = _standing(command, book)
    if isinstance(known, Refusal):
        return known
    if book.lots[known.lot].facts.numbered:
        return refuse("already_identified", trade=command.trade_id, lot=known.lot)
    units = _identified(command, known, book, today)
    if not units.serials:
        codes = {"first": command.code_first, "last": command.code_last, "quantity": known.standing}
        return refuse("codes_unreadable", trade=command.trade_id, **codes)
    if units.lot.code in book.lots and not book.lots[units.lot.code].facts.tradable:
        # They came otherwise before, as what cannot be traded; then this trade is of others, or none.
        return refuse("not_tradable", lot=units.lot.code, route="UNBUNDLED_TRADE")
    at, through, new = _place_of(known), account_name("identification", known.platform), units.lot.code
    legs = (
        *moved(at, through, known.standing, known.lot),
        *moved(through, at, known.standing, new, units.serials),
    )
    if owing := known.standing_fen:
        inventory = account_name("inventory_gec", known.buyer)
        legs += (Leg(inventory, "CNY", -owing, known.lot), Leg(inventory, "CNY", owing, new))
    state = TradeState(state="IDENTIFIED", trade_id=command.trade_id)
    once = book.policies.trade_once(command.occurred_on or today)
    policies = (*units.policies, *(() if once is None else once[:1]))
    return planned("identify_trade", command, legs, lot=units.lot, trade=state, policies=policies, once="traded")


def _identified(command: IdentifyTrade, known: Trade | TradeFacts, book: Book, today: str) -> Units:
    is_known = isinstance(known, TradeFacts)
    lot = book.lots[known.lot].facts if is_known else known.lot
    codes = (command.code_first, command.code_last)
    quantity = known.standing if is_known else None
    return numbered(lot, quantity, codes, command.occurred_on or today, book.policies)


def void(command: VoidTrade, book: Book, _: str) -> Plan | Refusal:
    """The mirror of the trade and, where there was one, of its transfer; the pass through clearing cancels out.

    In part, the units go back but stay traded: only voiding the whole of a trade undoes that (domain 3.4).
    """
    known = _standing(command, book)
    if isinstance(known, Refusal):
        return known
    quantity = command.quantity or known.standing
    if quantity > known.standing:
        figures = {"given": quantity, "limit": known.standing}
        return refuse("reversal_above_original", transaction=known.log_index, **figures)
    serials = command.serials or (known.ranges if quantity == known.standing else ())
    if serials and (count_of(serials) != quantity or not contains(known.ranges, serials)):
        return refuse("serials_mismatch", lot=known.lot, given=count_of(serials), quantity=quantity)
    if quantity < known.standing and not serials and known.ranges:
        return refuse("serials_needed", trade=command.trade_id)
    fen = known.standing_fen - known.fen_of(known.standing - quantity)
    whole = quantity == known.standing
    place, back = _place_of(known), holding_of(known.seller, book)
    legs: tuple[Leg, ...] = moved(place, back, quantity, known.lot, serials)
    broken: LotFacts | None = None
    is_certain = command.evidence.level == "CONFIRMED"
    if whole and is_certain and back.startswith("External:") and not _still_there(place, known, book):
        # It happened, whatever became of the units: what our book still shows elsewhere is a break in suspense.
        broken = broken_lot(known, book)
        place = account_name("suspense", known.platform)
        legs = moved(place, back, quantity, broken.code)
    legs += owed_no_more(known.buyer, fen, known.lot, book)
    if known.delivered:
        commitment = account_name("commitment_ent", known.buyer)
        legs += (
            Leg(account_name("commitment_contra"), "GECSUB", -quantity),
            Leg(commitment, "GECSUB", quantity),
        )
    state = TradeState(state="VOID" if whole else "VOID_IN_PART", trade_id=command.trade_id)
    return planned(
        "void_trade",
        command,
        legs,
        lot=broken,
        trade=state,
        reverses=known.log_index,
        findings=() if broken is None else ("units_moved_on",),
        opens=() if broken is None else ((place, None),),
    )


def broken_lot(known: TradeFacts, book: Book) -> LotFacts:
    """The lot of a withdrawn trade whose units had moved on: counted, whatever the units themselves are."""
    facts = book.lots[known.lot].facts
    return LotFacts(
        code=broken_code(known.trade_id),
        numbered=False,
        production_month=facts.production_month,
        project=facts.project,
        tradable=False,
    )


def _still_there(place: str, known: TradeFacts, book: Book) -> bool:
    """Whether the units that stand are all where the trade brought them."""
    account = book.accounts[place, "GEC"]
    key = (account.account_id, known.lot_id)
    held, _ = book.lot_balances.get(key, (0, 0))
    return held >= known.standing and holds(book.ranges.get(key, NOTHING), known.ranges, FOREVER)


def settlement(command: SettleBreak, book: Book, _: str) -> Plan | Refusal:
    """Units that were to go back with a withdrawn trade are found: they go back, and the break shrinks."""
    known = book.trades.get(command.trade_id)
    if known is None:
        return refuse("trade_unknown", trade=command.trade_id)
    broken = book.lots.get(broken_code(command.trade_id))
    if broken is None:
        return refuse("trade_not_broken", trade=command.trade_id)
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    suspense = book.accounts[account_name("suspense", known.platform), "GEC"]
    missing = -book.lot_balances.get((suspense.account_id, broken.lot_id), (0, 0))[0]
    if command.quantity > missing:
        figures = {"given": command.quantity, "limit": missing}
        return refuse("reversal_above_original", transaction=known.log_index, **figures)
    return planned("settle_break", command, settlement_legs(command, book))


def settlement_legs(command: SettleBreak, book: Book) -> tuple[Leg, ...]:
    """Out of the book where they were found, and against what suspense shows of the trade."""
    known = book.trades.get(command.trade_id)
    if known is None:
        return ()
    outside, broken = account_name("external", known.seller), broken_code(command.trade_id)
    found = account_name("holding_ent", command.enterprise)
    return (
        *moved(found, outside, command.quantity, command.lot, command.serials),
        *moved(outside, account_name("suspense", known.platform), command.quantity, broken),
    )


def delivery(command: Deliver, book: Book, _: str) -> Plan | Refusal:
    """A transferred trade takes as much off its buyer's promise as it brought, once."""
    known = _standing(command, book)
    if isinstance(known, Refusal):
        return known
    if known.state != "TRANSFERRED" or known.delivered:
        state = "DELIVERED" if known.delivered else known.state
        return refuse("trade_not_deliverable", trade=command.trade_id, state=state)
    legs = (
        Leg(account_name("commitment_ent", known.buyer), "GECSUB", -known.standing),
        Leg(account_name("commitment_contra"), "GECSUB", known.standing),
    )
    return planned("deliver", command, legs, trade=TradeState(state="DELIVERED", trade_id=command.trade_id))


def _standing(command: TradeEvent, book: Book) -> TradeFacts | Refusal:
    known = book.trades.get(command.trade_id)
    if known is None:
        return refuse("trade_unknown", trade=command.trade_id)
    return refuse("trade_void", trade=command.trade_id) if known.state == "VOID" else known


def _place_of(known: TradeFacts) -> str:
    """The account a standing trade brought its units to."""
    if known.state == "TRADED":
        return account_name("clearing", known.platform)
    return account_name("holding_ent", known.buyer)


# For loading only: nothing is checked, so that an event may follow in one group the events it depends on.


def event_legs(command: TradeEvent, coming: dict[str, list[TradeEvent]], book: Book) -> tuple[Leg, ...]:
    """All the places an event of a trade may look at, under every lot its units may have by then."""
    known = book.trades.get(command.trade_id)
    lots = {units.lot.code for units in units_named(command.trade_id, coming, book)}
    if known is not None:
        lots.add(known.lot)
    if isinstance(command, VoidTrade):
        lots.add(broken_code(command.trade_id))
    trades = _trades(command.trade_id, coming, book)
    kinds = _TOUCHED[type(command)]
    legs = tuple(leg for one in trades for lot in sorted(lots) for leg in _at(kinds, one, lot))
    if isinstance(command, VoidTrade):  # a link may follow in the same group
        costs = (account_name("suspense_cost", one.platform) for one in trades)
        legs += tuple(Leg(cost, "CNY", 1, broken_code(command.trade_id)) for cost in costs)
    return legs


def units_named(trade_id: str, coming: dict[str, list[TradeEvent]], book: Book) -> list[Units]:
    """The units that events of one trade name, by the codes they bring."""
    found = []
    for event in coming[trade_id]:
        if isinstance(event, Trade):
            found.append(units_of(event, book.policies, today=_LATEST))
        elif isinstance(event, IdentifyTrade):
            found += [_identified(event, one, book, _LATEST) for one in _trades(trade_id, coming, book)]
    return found


def _trades(trade_id: str, coming: dict[str, list[TradeEvent]], book: Book) -> list[Trade | TradeFacts]:
    """The trade as it is in the book, and as it may come to be."""
    found: list[Trade | TradeFacts] = [event for event in coming[trade_id] if isinstance(event, Trade)]
    known = book.trades.get(trade_id)
    return found if known is None else [*found, known]


def _at(kinds: tuple[str, ...], one: Trade | TradeFacts, lot: str) -> Iterator[Leg]:
    for kind in kinds:
        commodity, *parts = _PLACES[kind]
        name = account_name(kind, *[getattr(one, part) for part in parts])
        yield Leg(name, commodity, 1, None if commodity == "GECSUB" else lot)


_PLACES = {
    "external": ("GEC", "seller"),
    "holding_project": ("GEC", "seller"),
    "listed": ("GEC", "platform", "seller"),
    "clearing": ("GEC", "platform"),
    "identification": ("GEC", "platform"),
    "suspense": ("GEC", "platform"),
    "holding_ent": ("GEC", "buyer"),
    "payable": ("CNY", "buyer"),
    "inventory_gec": ("CNY", "buyer"),
    "expense_gec": ("CNY", "buyer"),
    "commitment_ent": ("GECSUB", "buyer"),
    "commitment_contra": ("GECSUB",),
}
"""Where units of a trade, what they cost and what they deliver may stand: commodity, and which parties are meant."""
_TOUCHED: dict[type, tuple[str, ...]] = {
    Trade: ("external", "holding_project", "listed", "clearing", "payable", "inventory_gec"),
    TransferTrade: ("clearing", "holding_ent"),
    IdentifyTrade: ("clearing", "holding_ent", "identification", "inventory_gec"),
    VoidTrade: tuple(_PLACES),
    Deliver: ("commitment_ent", "commitment_contra"),
}
"""By event, which of them."""
_LATEST = "9999-12-31"
"""When only loading, an event without a date of its own is read by the newest rules: no day is known yet."""
