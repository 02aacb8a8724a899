"""The money side of certificates: what they cost stays with their lot, until they are used (domain 3.3 rows 6, 13)."""

from collections.abc import Iterable

from ledger.core.account import Account, account_name
from ledger.core.book import Book, ordinal
from ledger.core.certificate import Lot
from ledger.core.events import Leg
from ledger.core.serial_choice import Placed

_STILL_THERE = ("holding_ent", "offered", "frozen")
"""Where an enterprise's certificates lie that it can still use, besides those in transit to it."""


def owed(buyer: str, amount_fen: int | None, lot: str) -> tuple[Leg, ...]:
    """What certificates cost: owed by the buyer, and theirs at that price. None where no price is known."""
    if not amount_fen:
        return ()
    payable, inventory = account_name("payable", buyer), account_name("inventory_gec", buyer)
    return Leg(payable, "CNY", -amount_fen, lot), Leg(inventory, "CNY", amount_fen, lot)


def owed_no_more(buyer: str, amount_fen: int, lot: str, book: Book) -> tuple[Leg, ...]:
    """A debt taken back: the cost of those not used comes off the inventory, that of those used off the expense."""
    if not amount_fen:
        return ()
    kept = min(amount_fen, max(0, cost_of(buyer, lot, book)))
    legs = [
        Leg(account_name(kind, buyer), "CNY", -fen, lot)
        for kind, fen in (("inventory_gec", kept), ("expense_gec", amount_fen - kept))
        if fen
    ]
    return *legs, Leg(account_name("payable", buyer), "CNY", amount_fen, lot)


def cost_of(enterprise: str, lot: str, book: Book) -> int:
    """What the enterprise's unused certificates of a lot cost, in fen."""
    account = book.accounts.get((account_name("inventory_gec", enterprise), "CNY"))
    if account is None or lot not in book.lots:
        return 0
    return book.lot_balances.get((account.account_id, book.lots[lot].lot_id), (0, 0))[0]


def has_costs(enterprise: str, book: Book) -> bool:
    """Whether any of the enterprise's certificates has a known cost."""
    account = book.accounts.get((account_name("inventory_gec", enterprise), "CNY"))
    return account is not None and book.totals[account.account_id][0] > 0


def expensed(
    enterprise: str, legs: Iterable[Placed], expense: Account | None, book: Book, effective_on: str
) -> list[Placed]:
    """What the certificates that are used cost, from the inventory to the expense, by lot.

    No more than what the inventory has from that day on: a price that counts only later does not hold a claim up.
    """
    found: list[Placed] = []
    for leg in legs:
        if leg.quantity > 0 or leg.lot is None or expense is None:
            continue
        inventory = book.accounts[account_name("inventory_gec", enterprise), "CNY"]
        there = book.available(inventory.account_id, leg.lot_id, ordinal(effective_on))
        if (share := min(there, part_of_cost(enterprise, leg.lot, -leg.quantity, book))) > 0:
            found += [
                Placed(inventory, leg.lot, leg.lot_id, -share),
                Placed(expense, leg.lot, leg.lot_id, share),
            ]
    return found


def part_of_cost(enterprise: str, lot: Lot, quantity: int, book: Book) -> int:
    """What so many certificates cost, in fen: the average of their lot, and the last of a lot take what is left."""
    fen, units = cost_of(enterprise, lot.facts.code, book), _units(enterprise, lot.lot_id, book)
    # A cost may be left where the certificates were passed on; more than there are is refused by their balance.
    return fen * quantity // units if fen > 0 and units >= quantity else 0


def _units(enterprise: str, lot_id: int, book: Book) -> int:
    """The certificates of a lot that the enterprise has not used, those in transit among them."""
    accounts = (book.accounts.get((account_name(kind, enterprise), "GEC")) for kind in _STILL_THERE)
    held = (book.lot_balances.get((one.account_id, lot_id), (0, 0))[0] for one in accounts if one is not None)
    return sum(held) + book.coming(enterprise, lot_id)
