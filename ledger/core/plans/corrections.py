"""Plans of a settlement, or a trade, that is corrected downwards (domain 2.3, 3.4), also before it itself has come.

A statement may correct what is not in the book yet. The certificates, their cost and the rest of a MWh then wait in
suspense, under the lot the settlement will bring, or one of the trade's own, until a link takes them off the original.
"""

import msgspec

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.events import CorrectBundle, CorrectTrade, Leg, LinkCorrection, LinkTrade
from ledger.core.plans.costs import cost_of, owed_no_more
from ledger.core.plans.incoming import energy_carried
from ledger.core.plans.plan import KWH_PER_CERTIFICATE, Plan, holding_of, missing_party, moved, planned
from ledger.core.refusal import Refusal, refuse
from ledger.core.settlement import settlement_key


def correction(command: CorrectBundle, book: Book, _: str) -> Plan | Refusal:
    """Certificates go back from the buyer to the seller; from suspense, where the buyer has none of them (yet)."""
    wrong = missing_party(book, enterprise=command.buyer) or missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    settled = book.evidence.get(settlement_key(command.buyer, command.contract, command.lot))
    held = _held(account_name("holding_ent", command.buyer), "GEC", command.lot.code, book)
    if settled is not None and held >= command.quantity:
        return _taken_back(command, settled, book)
    finding = "original_missing" if settled is None else "units_moved_on"
    places = [account_name(kind, command.platform) for kind in _SUSPENSE]
    return planned(
        "correct_bundle",
        command,
        _waiting_legs(command, command.lot.code, book) + _energy_legs(command, "suspense_energy"),
        lot=command.lot,
        status=finding,
        findings=(finding,),
        corrects=settled,
        opens=(*((place, None) for place in places), *_energy_accounts(command)),
    )


def _taken_back(command: CorrectBundle, settled: int, book: Book) -> Plan | Refusal:
    carried = energy_carried(book, account_name("carry_contract", command.buyer, command.contract))
    quantity = -((carried - command.energy_kwh) // KWH_PER_CERTIFICATE)
    if quantity != command.quantity:
        figures = {"given": command.quantity, "made": quantity, "carried": carried, "energy": command.energy_kwh}
        return refuse("quantity_mismatch", **figures)
    source, target = account_name("holding_ent", command.buyer), holding_of(command.seller, book)
    lot = command.lot.code
    legs = (
        *moved(source, target, quantity, lot),
        *owed_no_more(command.buyer, command.amount_fen or 0, lot, book),
        *_energy_legs(command, "carry_contract"),
    )
    return planned("correct_bundle", command, legs, corrects=settled, opens=_energy_accounts(command))


def _waiting_legs(command: CorrectBundle | CorrectTrade, lot: str, book: Book) -> tuple[Leg, ...]:
    waiting = account_name("suspense", command.platform)
    legs: tuple[Leg, ...] = moved(waiting, holding_of(command.seller, book), command.quantity, lot)
    if command.amount_fen:
        payable, cost = account_name("payable", command.buyer), account_name("suspense_cost", command.platform)
        legs += (Leg(cost, "CNY", -command.amount_fen, lot), Leg(payable, "CNY", command.amount_fen, lot))
    return legs


def _energy_legs(command: CorrectBundle, kind: str) -> tuple[Leg, ...]:
    """What went back beyond whole certificates, or fell short of them: carried by the contract, or waiting."""
    rest = command.quantity * KWH_PER_CERTIFICATE - command.energy_kwh
    if not rest:
        return ()
    metered = account_name("metered_contract", command.buyer, command.contract)
    is_waiting = kind == "suspense_energy"
    place = account_name(kind, command.platform) if is_waiting else account_name(kind, command.buyer, command.contract)
    return Leg(metered, "KWH", -rest), Leg(place, "KWH", rest, command.lot.code if is_waiting else None)


def _energy_accounts(command: CorrectBundle) -> tuple[tuple[str, str | None], ...]:
    kinds = ("metered_contract", "carry_contract")
    return tuple((account_name(kind, command.buyer, command.contract), command.buyer) for kind in kinds)


def link(command: LinkCorrection, book: Book, _: str) -> Plan | Refusal:
    """All that waits under the settlement's lot comes off what the buyer has of it."""
    if (wrong := missing_party(book, enterprise=command.buyer)) is not None:
        return wrong
    waiting, cost, energy = (
        _held(account_name(kind, command.platform), commodity, command.lot.code, book)
        for kind, commodity in zip(_SUSPENSE, _COMMODITIES, strict=True)
    )
    settled = book.evidence.get(settlement_key(command.buyer, command.contract, command.lot))
    if settled is None or waiting >= 0:
        return refuse("nothing_to_link", lot=command.lot.code)
    holding, suspense = account_name("holding_ent", command.buyer), account_name("suspense", command.platform)
    legs: tuple[Leg, ...] = moved(holding, suspense, -waiting, command.lot.code)
    if cost:
        kept = min(-cost, max(0, cost_of(command.buyer, command.lot.code, book)))
        shares = (("inventory_gec", kept), ("expense_gec", -cost - kept))
        legs += tuple(
            Leg(account_name(kind, command.buyer), "CNY", -fen, command.lot.code) for kind, fen in shares if fen
        )
        legs += (Leg(account_name("suspense_cost", command.platform), "CNY", -cost, command.lot.code),)
    if energy:
        carry = account_name("carry_contract", command.buyer, command.contract)
        legs += (
            Leg(account_name("suspense_energy", command.platform), "KWH", -energy, command.lot.code),
            Leg(carry, "KWH", energy),
        )
    return planned("link_correction", command, legs, corrects=settled)


def of_a_trade(command: CorrectTrade, book: Book, _: str) -> Plan | Refusal:
    """Certificates of a trade that is not in the book are back with the seller; what the buyer had is in suspense."""
    wrong = missing_party(book, enterprise=command.buyer) or missing_party(book, seller=command.seller)
    if wrong is not None:
        return wrong
    if (known := book.trades.get(command.trade_id)) is not None:
        return refuse("trade_exists", trade=command.trade_id, transaction=known.log_index)
    places = [account_name(kind, command.platform) for kind in ("suspense", "suspense_cost")]
    lot = msgspec.structs.replace(command.lot, code=broken_code(command.trade_id), numbered=False, tradable=False)
    return planned(
        "correct_trade",
        command,
        _waiting_legs(command, lot.code, book),
        lot=lot,
        status="original_missing",
        findings=("original_missing",),
        opens=tuple((place, None) for place in places),
    )


def broken_code(trade_id: str) -> str:
    """The counted lot of what went back of a trade and cannot be taken off it (yet)."""
    return f"void/{trade_id}"


def trade_link(command: LinkTrade, book: Book, _: str) -> Plan | Refusal:
    """All that waits of a trade, once as much was taken off the trade itself."""
    known = book.trades.get(command.trade_id)
    if known is None:
        return refuse("trade_unknown", trade=command.trade_id)
    lot = broken_code(command.trade_id)
    waiting = _held(account_name("suspense", known.platform), "GEC", lot, book)
    cost = _held(account_name("suspense_cost", known.platform), "CNY", lot, book)
    if waiting >= 0 or known.voided < -waiting:
        return refuse("nothing_to_link", lot=lot)
    suspense, payable = account_name("suspense", known.platform), account_name("payable", known.buyer)
    legs: tuple[Leg, ...] = moved(holding_of(known.seller, book), suspense, -waiting, lot)
    if cost:
        legs += (Leg(payable, "CNY", cost, lot), Leg(account_name("suspense_cost", known.platform), "CNY", -cost, lot))
    return planned("link_trade", command, legs, corrects=known.log_index)


_SUSPENSE = ("suspense", "suspense_cost", "suspense_energy")
_COMMODITIES = ("GEC", "CNY", "KWH")


def _held(account: str, commodity: str, lot: str, book: Book) -> int:
    known = book.accounts.get((account, commodity))
    if known is None or lot not in book.lots:
        return 0
    return book.lot_balances.get((known.account_id, book.lots[lot].lot_id), (0, 0))[0]


# For loading only: all that the events may touch.


def correction_touches(command: CorrectBundle, book: Book) -> tuple[Leg, ...]:
    """The buyer's and the seller's accounts, and those in which a correction waits."""
    lot = command.lot.code
    seller = Leg(holding_of(command.seller, book), "GEC", 1, lot)
    payable = Leg(account_name("payable", command.buyer), "CNY", 1, lot)
    metered = Leg(account_name("metered_contract", command.buyer, command.contract), "KWH", 1)
    return (seller, payable, metered, *_touches(command, lot))


def trade_touches(command: CorrectTrade, book: Book) -> tuple[Leg, ...]:
    """The seller's account, and those in which a correction waits, which are opened whether or not it has a price."""
    return _trade_places(command.seller, command.buyer, command.platform, command.trade_id, book)


def trade_link_touches(command: LinkTrade, book: Book) -> tuple[Leg, ...]:
    """The same, and what the buyer owes; none for a trade that is not in the book before its group."""
    if (known := book.trades.get(command.trade_id)) is None:
        return ()
    return _trade_places(known.seller, known.buyer, known.platform, command.trade_id, book)


def _trade_places(seller: str, buyer: str, platform: str, trade_id: str, book: Book) -> tuple[Leg, ...]:
    lot = broken_code(trade_id)
    return (
        Leg(holding_of(seller, book), "GEC", 1, lot),
        Leg(account_name("suspense", platform), "GEC", 1, lot),
        Leg(account_name("suspense_cost", platform), "CNY", 1, lot),
        Leg(account_name("payable", buyer), "CNY", 1, lot),
    )


def link_touches(command: LinkCorrection, _: Book) -> tuple[Leg, ...]:
    """The buyer's accounts, and those in which the correction waits."""
    return _touches(command, command.lot.code)


def _touches(command: CorrectBundle | LinkCorrection, lot: str) -> tuple[Leg, ...]:
    waiting = zip(_SUSPENSE, _COMMODITIES, strict=True)
    return (
        *(Leg(account_name(kind, command.platform), commodity, 1, lot) for kind, commodity in waiting),
        Leg(account_name("holding_ent", command.buyer), "GEC", 1, lot),
        *(Leg(account_name(kind, command.buyer), "CNY", 1, lot) for kind in ("inventory_gec", "expense_gec")),
        Leg(account_name("carry_contract", command.buyer, command.contract), "KWH", 1),
    )
