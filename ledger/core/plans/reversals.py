"""Plans that take a transaction back (冲销): its exact mirror, whole or by lot, the parts never above the original."""

from collections.abc import Iterable

import msgspec

from ledger.core.book import Book, serial_ranges
from ledger.core.events import Leg, Reverse
from ledger.core.plans.plan import Plan, planned
from ledger.core.record import PostedLeg, PostingBody
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges, contains, intersect, subtract
from ledger.core.serial_range import count as count_of

REVERSIBLE = frozenset(
    {
        "transfer", "subscribe", "reduce_subscription", "issue", "open_balance", "settle_bundle",
        "transfer_with_energy", "receive_for_province", "allocate", "list", "delist", "freeze", "unfreeze", "retire",
        "expire", "cancel_for_ccer", "succeed", "correct_bundle", "link_correction",
        "allocate_allowances", "buy_ccer", "surrender", "make_product", "sell_product", "receive_product",
    }
)  # fmt: skip
"""What can be taken back so; a trade is withdrawn by its own event, which knows what became of its units."""


class Left(msgspec.Struct, frozen=True):
    """What still stands of one posting of a transaction."""

    leg: Leg
    whole: int
    """Its quantity as it was posted."""


def reversal(command: Reverse, book: Book, _: str) -> Plan | Refusal:
    """The mirror of what still stands of a transaction, or of the parts asked for."""
    original = book.originals.get(command.transaction)
    if original is None:
        return refuse("transaction_unknown", transaction=command.transaction)
    if original.command == "reverse":
        return refuse("reversal_of_reversal", transaction=command.transaction)
    if original.command not in REVERSIBLE:
        return refuse("not_reversible", transaction=command.transaction, command=original.command)
    if original.command == "retire" and (command.evidence.level != "CONFIRMED" or command.evidence.document is None):
        return refuse("registry_evidence_needed", transaction=command.transaction)
    left = standing(original, book.reversals.get(command.transaction, {}).values())
    legs: tuple[Leg, ...] | Refusal = tuple(one.leg for one in left)
    if command.parts:
        legs = _parts(command, left)
    if isinstance(legs, Refusal):
        return legs
    if not legs:
        return refuse("reversal_above_original", transaction=command.transaction, given="all", limit=0)
    mirrored = tuple(msgspec.structs.replace(leg, quantity=-leg.quantity) for leg in reversed(legs))
    return planned("reverse", command, mirrored, status=command.reason, reverses=command.transaction)


def standing(original: PostingBody, reversals: Iterable[PostingBody]) -> list[Left]:
    """What the reversals so far have left of each posting."""
    back: dict[tuple[str, str, str | None], tuple[int, Ranges]] = {}
    for reversed_leg in (leg for body in reversals for leg in body.legs):
        quantity, serials = back.get(_key(reversed_leg), (0, ()))
        taken = tuple(sorted((*serials, *serial_ranges(reversed_leg.serials))))
        back[_key(reversed_leg)] = quantity - int(reversed_leg.quantity), taken
    found = []
    for leg in original.legs:
        whole, serials = int(leg.quantity), serial_ranges(leg.serials)
        gone, taken = back.get(_key(leg), (0, ()))
        gone = max(gone, whole) if whole < 0 else min(gone, whole)
        if gone:
            back[_key(leg)] = back[_key(leg)][0] - gone, taken
        for piece in intersect(serials, taken):
            serials = subtract(serials, (piece,))
        if whole != gone:
            found.append(Left(Leg(leg.account, leg.commodity, whole - gone, leg.lot, serials), whole))
    return found


def _key(leg: PostedLeg) -> tuple[str, str, str | None]:
    return leg.account, leg.commodity, leg.lot


def _parts(command: Reverse, left: list[Left]) -> tuple[Leg, ...] | Refusal:
    """The part of each lot asked for, and its share of the cost; energy that was metered stays metered."""
    legs: list[Leg] = []
    for part in command.parts:
        of_lot = [one for one in left if one.leg.commodity == "GEC" and one.leg.lot == part.lot]
        if len(of_lot) != 2:
            if of_lot:
                return refuse("reversal_whole_only", transaction=command.transaction, lot=part.lot)
            return refuse("reversal_above_original", transaction=command.transaction, given=part.quantity, limit=0)
        limit, serials = abs(of_lot[0].leg.quantity), of_lot[0].leg.serials
        if part.quantity > limit:
            return refuse("reversal_above_original", transaction=command.transaction, given=part.quantity, limit=limit)
        if serials and (count_of(part.serials) != part.quantity or not contains(serials, part.serials)):
            return refuse("serials_mismatch", lot=part.lot, given=count_of(part.serials), quantity=part.quantity)
        legs += [_cut(one, part.quantity, part.serials) for one in of_lot]
        money = [one for one in left if one.leg.commodity == "CNY" and one.leg.lot == part.lot]
        share = [_share(one, limit, part.quantity, whole=abs(of_lot[0].whole)) for one in money]
        legs += [leg for leg in share if leg.quantity]
    return tuple(legs)


def _cut(one: Left, quantity: int, serials: Ranges) -> Leg:
    sign = 1 if one.leg.quantity > 0 else -1
    return msgspec.structs.replace(one.leg, quantity=sign * quantity, serials=serials)


def _share(one: Left, limit: int, quantity: int, *, whole: int) -> Leg:
    """What `quantity` of the `limit` still standing cost: whole fen, and the last of them takes what is left."""
    sign, amount = (1 if one.whole > 0 else -1), abs(one.whole)
    fen = amount * limit // whole - amount * (limit - quantity) // whole
    return msgspec.structs.replace(one.leg, quantity=sign * fen)


def reversal_legs(command: Reverse, book: Book) -> tuple[Leg, ...]:
    """All that the original touched."""
    original = book.originals.get(command.transaction)
    if original is None:
        return ()
    return tuple(Leg(leg.account, leg.commodity, -int(leg.quantity), leg.lot) for leg in original.legs)
