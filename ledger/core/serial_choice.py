"""Which serials a transaction moves: those the caller named, else the lowest the source holds. Pure."""

from collections.abc import Mapping

import msgspec

from ledger.core import serial_range
from ledger.core.account import Account
from ledger.core.book import Book
from ledger.core.certificate import Lot
from ledger.core.held_range import NOTHING, held_among, holds, lowest_held
from ledger.core.quantity import COMMODITIES
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A leg with what it touches resolved; without a lot where the engine is to select."""

    account: Account
    lot: Lot | None
    lot_id: int
    quantity: int
    serials: Ranges = ()


class Choice(msgspec.Struct, frozen=True, gc=False):
    """What limits the choice besides what is held."""

    day: int
    """Only serials that are effective by then."""
    once: str | None = None
    """Only serials to which this was not done yet: they are `issued` or `traded` once."""
    adopts: Ranges = ()
    """Serials in the book already that may come in all the same."""
    passed_over: Mapping[int, Ranges] = {}
    """By lot id, serials that are taken only where they are named."""


def choose_serials(book: Book, legs: list[Placed], choice: Choice) -> list[Placed] | Refusal:
    """Name the serials of every leg in a numbered lot: as asked, else the lowest the source may give."""
    chosen: list[Placed] = []
    rest: list[Placed] = []
    by_lot: dict[str, list[Placed]] = {}
    for leg in legs:
        (by_lot.setdefault(_lot_code(leg), []) if _moves_serials(leg) else rest).append(leg)
    for lot in sorted(by_lot):
        moved = _serials_of_lot(book, by_lot[lot], choice)
        if isinstance(moved, Refusal):
            return moved
        chosen += moved
    return chosen + rest


def _moves_serials(leg: Placed) -> bool:
    lot_bearing = COMMODITIES[leg.account.commodity].lot_bearing
    return lot_bearing and leg.lot is not None and leg.lot.facts.numbered


def _lot_code(leg: Placed) -> str:
    assert leg.lot is not None
    return leg.lot.facts.code


def _serials_of_lot(book: Book, legs: list[Placed], choice: Choice) -> list[Placed] | Refusal:
    sources = [leg for leg in legs if leg.quantity < 0]
    targets = [leg for leg in legs if leg.quantity > 0]
    placed, pool = [], ()
    for source in _named_first(sources):
        taken = _taken(book, source, pool, choice)
        if isinstance(taken, Refusal):
            return taken
        pool = serial_range.merge(pool, taken)
        placed.append(source if source.serials else msgspec.structs.replace(source, serials=taken))
    # A target gets exactly what the sources gave: what it names, else the lowest left.
    for target in _named_first(targets):
        got = target.serials or serial_range.take_lowest(pool, target.quantity)
        if not serial_range.contains(pool, got):
            return _not_held(target, got)
        pool = serial_range.subtract(pool, got)
        placed.append(target if target.serials else msgspec.structs.replace(target, serials=got))
    return placed


def _named_first(legs: list[Placed]) -> list[Placed]:
    return [leg for leg in legs if leg.serials] + [leg for leg in legs if not leg.serials]


def _taken(book: Book, source: Placed, before: Ranges, choice: Choice) -> Ranges | Refusal:
    """The serials a source gives, none of which an earlier posting of the transaction gave (`before`)."""
    assert source.lot is not None
    if before and any(serial_range.overlaps(before, piece) for piece in source.serials):
        return _not_held(source, source.serials)
    lot_id, account_id = source.lot.lot_id, source.account.account_id
    done = book.marked(lot_id, choice.once) if choice.once is not None else ()
    if source.account.kind.outside:
        return _entering(book, source, choice.adopts) or _done_already(source, done, choice) or source.serials
    held = book.ranges.get((account_id, lot_id), NOTHING)
    if source.serials:
        if not holds(held, source.serials, choice.day):
            return _not_held(source, source.serials)
        return _done_already(source, done, choice) or source.serials
    left_out = serial_range.merge(done, before, choice.passed_over.get(lot_id, ()))
    found = lowest_held(held, -source.quantity, day=choice.day, without=left_out)
    # Enough by count may still be serials that come in, or have left, on a later day.
    if (given := serial_range.count(found)) < -source.quantity:
        return refuse("serials_mismatch", lot=_lot_code(source), given=given, quantity=-source.quantity)
    return found


def _done_already(source: Placed, done: Ranges, choice: Choice) -> Refusal | None:
    """Why serials may not be issued, or traded, a second time."""
    again = serial_range.intersect(done, source.serials)
    if not again:
        return None
    if choice.once == "issued":
        return refuse("already_issued", lot=_lot_code(source), serials=serial_range.written(again))
    return refuse("already_traded", lot=_lot_code(source), serials=serial_range.written(again))


def _entering(book: Book, source: Placed, adopts: Ranges) -> Refusal | None:
    """Serials that come in from outside must be named, and nowhere in the book yet."""
    assert source.lot is not None
    if not source.serials:
        return refuse("serials_mismatch", lot=_lot_code(source), given=0, quantity=-source.quantity)
    for account_id in book.holders.get(source.lot.lot_id, ()):
        inside = held_among(book.ranges.get((account_id, source.lot.lot_id), NOTHING), source.serials)
        if serial_range.subtract(inside, serial_range.intersect(inside, adopts)):
            return refuse("serial_conflict", serials=serial_range.written(source.serials), lot=_lot_code(source))
    return None


def _not_held(leg: Placed, serials: Ranges) -> Refusal:
    return refuse(
        "serial_not_held", account=leg.account.name, lot=_lot_code(leg), serials=serial_range.written(serials)
    )
