"""What each posting command means: its legs, before any look at balances.

A plan names the lots and serials it is sure of. The posting engine judges a plan; nothing is decided here
but what the chart of accounts says of the event (domain reference, section 3.3).
"""

import msgspec

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.certificate import LotFacts, read_code_range
from ledger.core.command import Evidence, Leg, Posting, Subscribe, Trade, Transfer, TransferTrade
from ledger.core.record import TradeState
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges


class Plan(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A transaction as asked for."""

    command: str
    legs: tuple[Leg, ...]
    occurred_on: str | None
    effective_on: str | None
    evidence: Evidence
    lot: LotFacts | None = None
    """A lot to declare first, where the book does not have it."""
    policies: tuple[int, ...] = ()
    """Rows that were needed to make the plan."""
    findings: tuple[str, ...] = ()
    trade: TradeState | None = None
    status: str | None = None


def plan_of(command: Posting, book: Book) -> Plan | Refusal:
    """The plan of a posting command, or why the event cannot be."""
    match command:
        case Transfer():
            return _plan("transfer", command, command.legs)
        case Subscribe():
            return _subscription(command, book)
        case Trade():
            return _trade(command, book)
        case TransferTrade():
            return _transfer_of_trade(command, book)


def legs_of(command: Posting, coming: dict[str, list[Trade]], book: Book) -> tuple[Leg, ...]:
    """The legs the command would have if all it names exists; `coming` are trades that stand in the same group.

    For loading only: nothing is checked, so that a command may follow those it depends on in one group.
    """
    match command:
        case Transfer():
            return command.legs
        case Subscribe():
            return _subscription_legs(command)
        case Trade():
            return _trade_legs(command, units_of(command, book))
        case TransferTrade():
            legs: tuple[Leg, ...] = ()
            if (known := book.trades.get(command.trade_id)) is not None:
                legs = _transfer_legs(known.platform, known.buyer, known.quantity, known.lot, known.ranges)
            for trade in coming.get(command.trade_id, ()):
                units = units_of(trade, book)
                legs += _transfer_legs(trade.platform, trade.buyer, trade.quantity, units.lot.code, units.serials)
            return legs


class Units(msgspec.Struct, frozen=True):
    """What a trade's units are: numbered ones of a series, or counted ones of its own source line."""

    lot: LotFacts
    serials: Ranges = ()
    policy: int | None = None
    """The code layout that read the codes."""


def units_of(trade: Trade, book: Book) -> Units:
    """Read the trade's codes by the layout in force on its day; units whose codes cannot be read stay counted."""
    if trade.code_first is None or trade.code_last is None:
        return Units(trade.lot)
    found = book.policies.code_layout(trade.occurred_on or _LATEST)
    if found is None:
        return Units(trade.lot)
    index, layout = found
    read = read_code_range(trade.code_first, trade.code_last, trade.quantity, layout)
    if read is None or read.project != trade.lot.project or read.production_month != trade.lot.production_month:
        return Units(trade.lot)
    facts = msgspec.structs.replace(
        trade.lot, code=read.series, numbered=True, energy_class=read.energy_class, trade_class=read.trade_class
    )
    return Units(facts, (read.serials,), index)


def _plan(name: str, command: Posting, legs: tuple[Leg, ...], **more: object) -> Plan:
    return Plan(
        command=name,
        legs=legs,
        occurred_on=command.occurred_on,
        effective_on=command.effective_on,
        evidence=command.evidence,
        **more,  # type: ignore[arg-type]  # every caller below passes Plan's own fields
    )


def _subscription(command: Subscribe, book: Book) -> Plan | Refusal:
    if command.enterprise is not None and command.enterprise not in book.parties:
        return refuse("unknown_party", party=command.enterprise)
    status = None if command.status == "commitment" else command.status
    return _plan("subscribe", command, _subscription_legs(command), status=status)


def _subscription_legs(command: Subscribe) -> tuple[Leg, ...]:
    unallocated = account_name("commitment_unallocated")
    target = unallocated if command.enterprise is None else account_name("commitment_ent", command.enterprise)
    contra = account_name("commitment_contra")
    return Leg(contra, "GECSUB", -command.quantity), Leg(target, "GECSUB", command.quantity)


def _trade(command: Trade, book: Book) -> Plan | Refusal:
    for party in (command.buyer, command.seller):
        if party not in book.parties:
            return refuse("unknown_party", party=party)
    if (known := book.trades.get(command.trade_id)) is not None:
        return refuse("trade_exists", trade=command.trade_id, transaction=known.log_index)
    units = units_of(command, book)
    unread = command.code_first is not None and not units.serials
    trade = TradeState(
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
    return _plan(
        "trade",
        command,
        _trade_legs(command, units),
        lot=units.lot,
        trade=trade,
        policies=() if units.policy is None else (units.policy,),
        findings=("codes_unread",) if unread else (),
    )


def _trade_legs(command: Trade, units: Units) -> tuple[Leg, ...]:
    lot, serials = units.lot.code, units.serials
    legs = (
        Leg(account_name("external", command.seller), "GEC", -command.quantity, lot, serials),
        Leg(account_name("clearing", command.platform), "GEC", command.quantity, lot, serials),
    )
    if not command.amount_fen:
        return legs
    return (
        *legs,
        Leg(account_name("payable", command.buyer), "CNY", -command.amount_fen, lot),
        Leg(account_name("inventory_gec", command.buyer), "CNY", command.amount_fen, lot),
    )


def _transfer_of_trade(command: TransferTrade, book: Book) -> Plan | Refusal:
    trade = book.trades.get(command.trade_id)
    if trade is None:
        return refuse("trade_unknown", trade=command.trade_id)
    if trade.state != "TRADED":
        return refuse("trade_not_in_transit", trade=command.trade_id, state=trade.state)
    legs = _transfer_legs(trade.platform, trade.buyer, trade.quantity, trade.lot, trade.ranges)
    state = TradeState(state="TRANSFERRED", trade_id=command.trade_id)
    return _plan("transfer_trade", command, legs, trade=state)


def _transfer_legs(platform: str, buyer: str, quantity: int, lot: str, serials: Ranges) -> tuple[Leg, ...]:
    return (
        Leg(account_name("clearing", platform), "GEC", -quantity, lot, serials),
        Leg(account_name("holding_ent", buyer), "GEC", quantity, lot, serials),
    )


_LATEST = "9999-12-31"
"""A trade without a date of its own is judged by the newest rules."""
