"""Which lots a transaction moves where its legs name none: soonest expiry first, then the oldest lot. Pure."""

from collections.abc import Callable, Iterable

from ledger.core.account import Account
from ledger.core.availability import insufficient
from ledger.core.book import Book, ordinal
from ledger.core.certificate import Lot, LotFacts
from ledger.core.claim import passed_over
from ledger.core.held_range import NOTHING, held_among
from ledger.core.plans import Plan
from ledger.core.record import RetirementBody
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_choice import Placed
from ledger.core.serial_range import count

SELECTION = "soonest_expiry_lowest_serial"
"""As records name this choice, and the one of serials that follows it."""
TO_SELECT = -2
"""In place of a lot's id, on the two legs that name none."""


def select_lots(
    book: Book, plan: Plan, placed: list[Placed], *, effective_on: str, may: Callable[[LotFacts], bool]
) -> list[Placed] | Refusal:
    """Spread the legs that name no lot over the source's lots, of which only some `may` be claimed, or offered."""
    open_legs = [leg for leg in placed if leg.lot_id == TO_SELECT]
    rest = [leg for leg in placed if leg.lot_id != TO_SELECT]
    source, target = min(open_legs, key=_quantity), max(open_legs, key=_quantity)
    commodity = source.account.commodity
    alone = len(open_legs) == 2 and not any(leg.account.commodity == commodity for leg in rest)
    if not alone or source.account.kind.may_go_below_zero:
        return refuse("lot_needed", commodity=commodity)

    def fits(lot: Lot) -> bool:
        return (plan.match is None or plan.match.fits(lot.facts)) and may(lot.facts)

    lots, day = _lots_by_expiry(book, source.account), ordinal(effective_on)
    selected, short = _spread(book, filter(fits, lots), source, target, day, plan.claim)
    if short:  # perhaps for want of what may be claimed again with a proof only, which is told later
        selected, short = _spread(book, filter(fits, lots), source, target, day, None)
    if short:
        return insufficient(source.account, target.quantity - short, target.quantity, effective_on)
    return selected + rest


def _quantity(leg: Placed) -> int:
    return leg.quantity


def _lots_by_expiry(book: Book, account: Account) -> list[Lot]:
    # An earlier production month never expires later (domain 1.7), so the month orders by expiry.
    lots = [book.lot_by_id[lot_id] for lot_id in book.account_lots.get(account.account_id, ())]
    return sorted(lots, key=lambda lot: (lot.facts.production_month, lot.lot_id))


def _spread(
    book: Book, lots: Iterable[Lot], source: Placed, target: Placed, day: int, claim: RetirementBody | None
) -> tuple[list[Placed], int]:
    """A quantity over lots, but for what the claim passes over; and how much of it found none."""
    wanted, selected, account_id = target.quantity, list[Placed](), source.account.account_id
    for lot in lots:
        spared = held_among(book.ranges.get((account_id, lot.lot_id), NOTHING), passed_over(book, claim, lot.lot_id))
        took = min(wanted, max(0, book.available(account_id, lot.lot_id, day) - count(spared)))
        if took:
            selected.append(Placed(source.account, lot, lot.lot_id, -took))
            selected.append(Placed(target.account, lot, lot.lot_id, took))
            wanted -= took
        if not wanted:
            break
    return selected, wanted
