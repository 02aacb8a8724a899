"""Plans of embodied carbon: what one enterprise passes on the next receives, to the gram.

A product lot has two accounts of its owner's: `Stock` in grams of product, `CO2E` in grams of CO2e. Whoever takes some
of a lot takes as much of its carbon; shares are rounded once, by largest remainder, so that nothing is lost or made
(domain reference, section 3.2).
"""

import datetime
from collections.abc import Sequence

from ledger.core.account import account_name
from ledger.core.book import NO_LOT, Book, ordinal
from ledger.core.carbon_events import ProductPart
from ledger.core.events import Leg, MakeProduct, ReceiveProduct, SellProduct
from ledger.core.plans.plan import Plan, missing_party, planned
from ledger.core.refusal import Refusal, refuse

CARBON, MASS = "CO2E", "PRODUCT"
Opens = tuple[tuple[str, str | None], ...]


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Whole shares of a total in proportion to weights, by largest remainder; ties go to the earlier one."""
    whole = sum(weights)
    assert whole > 0 and total >= 0
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in by_remainder[: total - sum(shares)]:
        shares[at] += 1
    return shares


def making(command: MakeProduct, book: Book, today: str) -> Plan | Refusal:
    """Outputs embody what their inputs did, and the emissions, in proportion to their mass.

    Or `unknown_party`, `product_insufficient`, `product_out_of_order`, `product_lot_exists`, and `product_unfit`
    where a lot is named twice or nothing is made.
    """
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    lots = [part.lot for part in (*command.inputs, *command.outputs)]
    if not command.outputs or len(lots) != len(set(lots)):
        return refuse("product_unfit", problem="Something is made, of other lots, and no lot is named twice.")
    if (known := _known(book, command.enterprise, *(part.lot for part in command.outputs))) is not None:
        return known
    legs: list[Leg] = []
    embodied, on = command.emissions, command.effective_on or command.occurred_on or today
    for part in command.inputs:
        taken = _taken(book, command.enterprise, part, on)
        if isinstance(taken, Refusal):
            return taken
        embodied += taken
        legs += _moved(command.enterprise, part, -1, taken)
    shares = split(embodied, [part.quantity for part in command.outputs])
    for part, share in zip(command.outputs, shares, strict=True):
        legs += _moved(command.enterprise, part, 1, share)
    made = account_name("stock_made", command.enterprise)
    net = sum(part.quantity for part in command.inputs) - sum(part.quantity for part in command.outputs)
    legs += _leg(made, MASS, net) + _leg(account_name("co2e_emitted", command.enterprise), CARBON, -command.emissions)
    return planned("make_product", command, tuple(legs), opens=_opens(legs, command.enterprise))


def sale(command: SellProduct, book: Book, today: str) -> Plan | Refusal:
    """As much of the lot's carbon as of its mass goes with it, into a lot that is new to the receiver.

    Or `unknown_party`, `product_insufficient`, `product_out_of_order`, `product_lot_exists`.
    """
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    receiver = command.receiver
    if receiver is not None and (wrong := missing_party(book, enterprise=receiver)) is not None:
        return wrong
    part = ProductPart(command.lot, command.quantity)
    taken = _taken(book, command.enterprise, part, command.effective_on or command.occurred_on or today)
    if isinstance(taken, Refusal):
        return taken
    given = _moved(command.enterprise, part, -1, taken)
    if receiver is None:
        got = [
            *_leg(account_name("stock_outside", command.enterprise), MASS, command.quantity),
            *_leg(account_name("co2e_outside", command.enterprise), CARBON, taken),
        ]
        return planned("sell_product", command, (*given, *got), opens=_opens((*given, *got), command.enterprise))
    if receiver == command.enterprise:
        return refuse("product_unfit", problem="A product is sold to another enterprise.")
    if (known := _known(book, receiver, command.receiver_lot or command.lot)) is not None:
        return known
    got = _moved(receiver, ProductPart(command.receiver_lot or command.lot, command.quantity), 1, taken)
    opens = (*_opens(given, command.enterprise), *_opens(got, receiver))
    return planned("sell_product", command, (*given, *got), opens=opens)


def receipt(command: ReceiveProduct, book: Book, _: str) -> Plan | Refusal:
    """A lot from outside with the footprint that came with it; or `unknown_party`, `product_lot_exists`."""
    if (wrong := missing_party(book, enterprise=command.enterprise)) is not None:
        return wrong
    if (known := _known(book, command.enterprise, command.lot)) is not None:
        return known
    legs = [
        *_leg(account_name("stock_outside", command.enterprise), MASS, -command.quantity),
        *_leg(account_name("co2e_outside", command.enterprise), CARBON, -command.emissions),
        *_moved(command.enterprise, ProductPart(command.lot, command.quantity), 1, command.emissions),
    ]
    return planned("receive_product", command, tuple(legs), opens=_opens(legs, command.enterprise))


def touches(command: MakeProduct | SellProduct | ReceiveProduct, _: Book) -> tuple[Leg, ...]:
    """For loading: both accounts of every lot that is named, and those the lots come from or go to."""
    own = command.enterprise
    if isinstance(command, MakeProduct):
        lots = [(own, part.lot) for part in (*command.inputs, *command.outputs)]
    else:
        lots = [(own, command.lot)]
    if isinstance(command, SellProduct) and command.receiver is not None:
        lots.append((command.receiver, command.receiver_lot or command.lot))
    more = [account_name(kind, own) for kind in ("stock_made", "stock_outside", "co2e_emitted", "co2e_outside")]
    named = [account_name(kind, *lot) for lot in lots for kind in ("stock", "co2e")]
    return tuple(Leg(name, MASS if name.startswith("Stock") else CARBON, 1) for name in (*named, *more))


def _known(book: Book, owner: str, *lots: str) -> Refusal | None:
    """A lot comes into being once: what others blended into it would be its owner's, unasked."""
    for lot in lots:
        if (account_name("stock", owner, lot), MASS) in book.accounts:
            return refuse("product_lot_exists", enterprise=owner, lot=lot)
    return None


def _taken(book: Book, owner: str, part: ProductPart, on: str) -> int | Refusal:
    """The carbon that goes with so much of a lot, on a day not before the lot's last."""
    mass, carbon = (_balance(book, kind, commodity, owner, part.lot) for kind, commodity in _ACCOUNTS)
    if part.quantity > mass:
        return refuse("product_insufficient", enterprise=owner, lot=part.lot, held=mass, asked=part.quantity)
    stock = book.accounts[account_name("stock", owner, part.lot), MASS]
    last_on = book.lot_balances[stock.account_id, NO_LOT][1]
    if ordinal(on) < last_on:
        last = datetime.date.fromordinal(last_on).isoformat()
        return refuse("product_out_of_order", enterprise=owner, lot=part.lot, last_on=last, on=on)
    return split(carbon, (part.quantity, mass - part.quantity))[0]


_ACCOUNTS = (("stock", MASS), ("co2e", CARBON))


def _balance(book: Book, kind: str, commodity: str, owner: str, lot: str) -> int:
    account = book.accounts.get((account_name(kind, owner, lot), commodity))
    return 0 if account is None else book.totals[account.account_id][0]


def _moved(owner: str, part: ProductPart, sign: int, carbon: int) -> list[Leg]:
    """Product and carbon into a lot's accounts, or out of them."""
    stock, embodied = account_name("stock", owner, part.lot), account_name("co2e", owner, part.lot)
    return _leg(stock, MASS, sign * part.quantity) + _leg(embodied, CARBON, sign * carbon)


def _leg(account: str, commodity: str, quantity: int) -> list[Leg]:
    return [Leg(account, commodity, quantity)] if quantity else []


def _opens(legs: Sequence[Leg], owner: str) -> Opens:
    return tuple((leg.account, owner) for leg in legs)
