"""What each posting command means: its legs, before any look at balances.

A plan names the lots and serials it is sure of. The posting engine judges a plan; nothing is decided here
but what the chart of accounts says of the event (domain reference, section 3.3).
"""

from collections.abc import Iterator

import msgspec

from ledger.core.account import account_name
from ledger.core.book import Book, TradeFacts
from ledger.core.certificate import LotFacts, read_code_range
from ledger.core.events import (
    Evidence,
    Freeze,
    IdentifyTrade,
    Leg,
    Posting,
    Retire,
    Subscribe,
    Trade,
    TradeEvent,
    Transfer,
    TransferTrade,
    Unfreeze,
    VoidTrade,
)
from ledger.core.policy import PolicyBook
from ledger.core.record import RetirementBody, TradeState
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
    claim: RetirementBody | None = None
    """What the certificates are claimed for: only those that may be are selected or accepted."""
    opens: tuple[tuple[str, str], ...] = ()
    """Accounts to open first, with their owners, where the book does not have them."""
    reverses: int | None = None
    """The transaction this one takes back."""


class Units(msgspec.Struct, frozen=True):
    """What a trade's units are: numbered ones of a series, or counted ones of its own source line."""

    lot: LotFacts
    serials: Ranges = ()
    policy: int | None = None
    """The code layout that read the codes."""


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
        case IdentifyTrade():
            return _identification(command, book)
        case VoidTrade():
            return _void(command, book)
        case Freeze() | Unfreeze():
            return _freeze(command, book)
        case Retire():
            return _retirement(command, book)


def legs_of(command: Posting, coming: dict[str, list[TradeEvent]], book: Book) -> tuple[Leg, ...]:
    """All that the command may touch if all it names exists; `coming` are the trade events of the same group.

    For loading only: nothing is checked, so that a command may follow those it depends on in one group. For an
    event of a trade these are all the places its units may be in, under every lot they may have by then.
    """
    match command:
        case Transfer():
            return command.legs
        case Subscribe():
            return _subscription_legs(command)
        case Freeze() | Unfreeze():
            return _freeze_legs(command)
        case Retire():
            return _retirement_legs(command)
    known = book.trades.get(command.trade_id)
    trades = _trades(command.trade_id, coming, book)
    lots = {units.lot.code for units in units_named(command.trade_id, coming, book)}
    if known is not None:
        lots.add(known.lot)
    return tuple(leg for trade in trades for lot in sorted(lots) for leg in _everywhere(trade, lot))


def units_named(trade_id: str, coming: dict[str, list[TradeEvent]], book: Book) -> list[Units]:
    """The units that events of one trade name, by the codes they bring."""
    found = []
    for event in coming[trade_id]:
        if isinstance(event, Trade):
            found.append(units_of(event, book.policies))
        elif isinstance(event, IdentifyTrade):
            found += [_identified(event, trade, book) for trade in _trades(trade_id, coming, book)]
    return found


def _trades(trade_id: str, coming: dict[str, list[TradeEvent]], book: Book) -> list[Trade | TradeFacts]:
    """The trade as it is in the book, and as it may come to be."""
    found: list[Trade | TradeFacts] = [event for event in coming[trade_id] if isinstance(event, Trade)]
    known = book.trades.get(trade_id)
    return found if known is None else [*found, known]


def _everywhere(trade: Trade | TradeFacts, lot: str) -> Iterator[Leg]:
    for kind, owner in (
        ("external", trade.seller),
        ("clearing", trade.platform),
        ("identification", trade.platform),
        ("holding_ent", trade.buyer),
    ):
        yield Leg(account_name(kind, owner), "GEC", 1, lot)
    for kind in ("payable", "inventory_gec"):
        yield Leg(account_name(kind, trade.buyer), "CNY", 1, lot)


def units_of(trade: Trade, policies: PolicyBook) -> Units:
    """Read the trade's codes by the layout in force on its day; units whose codes cannot be read stay counted."""
    if trade.code_first is None or trade.code_last is None:
        return Units(trade.lot)
    return _numbered(trade.lot, trade.quantity, (trade.code_first, trade.code_last), trade.occurred_on, policies)


def _numbered(
    lot: LotFacts, quantity: int, codes: tuple[str, str], occurred_on: str | None, policies: PolicyBook
) -> Units:
    """The units of a counted lot as these codes number them; still counted where codes and lot do not agree."""
    found = policies.code_layout(occurred_on or _LATEST)
    if found is None:
        return Units(lot)
    index, layout = found
    read = read_code_range(*codes, quantity, layout)
    if read is None or read.project != lot.project or read.production_month != lot.production_month:
        return Units(lot)
    facts = msgspec.structs.replace(
        lot, code=read.series, numbered=True, energy_class=read.energy_class, trade_class=read.trade_class
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
    units = units_of(command, book.policies)
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


def _identified(command: IdentifyTrade, trade: Trade | TradeFacts, book: Book) -> Units:
    lot = trade.lot if isinstance(trade, Trade) else book.lots[trade.lot].facts
    codes = (command.code_first, command.code_last)
    return _numbered(lot, trade.quantity, codes, command.occurred_on, book.policies)


def _identification(command: IdentifyTrade, book: Book) -> Plan | Refusal:
    """Where they lie, the counted units go out through Identification and come back numbered; totals stay."""
    trade = book.trades.get(command.trade_id)
    if trade is None:
        return refuse("trade_unknown", trade=command.trade_id)
    if trade.state == "VOID":
        return refuse("trade_void", trade=command.trade_id)
    if book.lots[trade.lot].facts.numbered:
        return refuse("already_identified", trade=command.trade_id, lot=trade.lot)
    units = _identified(command, trade, book)
    if not units.serials:
        codes = {"first": command.code_first, "last": command.code_last, "quantity": trade.quantity}
        return refuse("codes_unreadable", trade=command.trade_id, **codes)
    at, through, new = _place_of(trade), account_name("identification", trade.platform), units.lot.code
    legs = [
        Leg(at, "GEC", -trade.quantity, trade.lot),
        Leg(through, "GEC", trade.quantity, trade.lot),
        Leg(through, "GEC", -trade.quantity, new, units.serials),
        Leg(at, "GEC", trade.quantity, new, units.serials),
    ]
    if trade.amount_fen:
        inventory = account_name("inventory_gec", trade.buyer)
        legs += [
            Leg(inventory, "CNY", -trade.amount_fen, trade.lot),
            Leg(inventory, "CNY", trade.amount_fen, new),
        ]
    state = TradeState(state="IDENTIFIED", trade_id=command.trade_id)
    policies = () if units.policy is None else (units.policy,)
    return _plan("identify_trade", command, tuple(legs), lot=units.lot, trade=state, policies=policies)


def _void(command: VoidTrade, book: Book) -> Plan | Refusal:
    """The mirror of the trade and, where there was one, of its transfer; the pass through clearing cancels out."""
    trade = book.trades.get(command.trade_id)
    if trade is None:
        return refuse("trade_unknown", trade=command.trade_id)
    if trade.state == "VOID":
        return refuse("trade_void", trade=command.trade_id)
    legs = (
        Leg(_place_of(trade), "GEC", -trade.quantity, trade.lot, trade.ranges),
        Leg(account_name("external", trade.seller), "GEC", trade.quantity, trade.lot, trade.ranges),
    )
    if trade.amount_fen:
        legs += (
            Leg(account_name("inventory_gec", trade.buyer), "CNY", -trade.amount_fen, trade.lot),
            Leg(account_name("payable", trade.buyer), "CNY", trade.amount_fen, trade.lot),
        )
    state = TradeState(state="VOID", trade_id=command.trade_id)
    return _plan("void_trade", command, legs, trade=state, reverses=trade.log_index)


def _freeze(command: Freeze | Unfreeze, book: Book) -> Plan | Refusal:
    if command.enterprise not in book.parties:
        return refuse("unknown_party", party=command.enterprise)
    if command.evidence.document is None:
        return refuse("authority_needed", enterprise=command.enterprise)
    name = "freeze" if isinstance(command, Freeze) else "unfreeze"
    opens = ((account_name("frozen", command.enterprise), command.enterprise),)
    return _plan(name, command, _freeze_legs(command), status=command.reason, opens=opens)


def _freeze_legs(command: Freeze | Unfreeze) -> tuple[Leg, ...]:
    names = [account_name(kind, command.enterprise) for kind in ("holding_ent", "frozen")]
    source, target = names if isinstance(command, Freeze) else reversed(names)
    return (
        Leg(source, "GEC", -command.quantity, command.lot, command.serials),
        Leg(target, "GEC", command.quantity, command.lot, command.serials),
    )


def _retirement(command: Retire, book: Book) -> Plan | Refusal:
    beneficiary = command.beneficiary or command.enterprise
    for party in (command.enterprise, beneficiary):
        if party not in book.parties:
            return refuse("unknown_party", party=party)
    claim = RetirementBody(
        beneficiary=beneficiary,
        enterprise=command.enterprise,
        from_month=command.from_month,
        proof=command.proof,
        purpose=command.purpose,
        site=command.site,
        to_month=command.to_month,
        year=command.year,
    )
    legs = _retirement_legs(command)
    opens = ((legs[1].account, command.enterprise),)
    return _plan("retire", command, legs, claim=claim, opens=opens)


def _retirement_legs(command: Retire) -> tuple[Leg, Leg]:
    retired = account_name("retired", command.enterprise, command.purpose, command.year)
    return (
        Leg(account_name("holding_ent", command.enterprise), "GEC", -command.quantity, command.lot, command.serials),
        Leg(retired, "GEC", command.quantity, command.lot, command.serials),
    )


def _place_of(trade: TradeFacts) -> str:
    """The account a standing trade brought its units to."""
    if trade.state == "TRADED":
        return account_name("clearing", trade.platform)
    return account_name("holding_ent", trade.buyer)


def _transfer_legs(platform: str, buyer: str, quantity: int, lot: str, serials: Ranges) -> tuple[Leg, ...]:
    return (
        Leg(account_name("clearing", platform), "GEC", -quantity, lot, serials),
        Leg(account_name("holding_ent", buyer), "GEC", quantity, lot, serials),
    )


_LATEST = "9999-12-31"
"""A trade without a date of its own is judged by the newest rules."""
