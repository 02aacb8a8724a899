"""What a merged enterprise holds goes to the one it merged into, by transactions that name it."""

from collections.abc import Iterator

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.certificate import Lot
from ledger.core.events import Leg, Succeed
from ledger.core.held_range import NOTHING
from ledger.core.plans.costs import part_of_cost
from ledger.core.plans.plan import Plan, missing_party, moved, planned
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import SerialRange
from ledger.core.serial_range import count as count_of

PIECES = 150
"""Postings and serial ranges that one transaction of a succession takes; what is left, the next one does."""


def succession(command: Succeed, book: Book, today: str) -> Plan | Refusal:
    """All its holdings, lot by lot with their costs, and its promise, as far as one transaction takes them."""
    if (wrong := missing_party(book, enterprise=command.party)) is not None:
        return wrong
    known = book.parties[command.party]
    on = command.occurred_on or today
    if known.into is None or known.exited_on is None or known.exited_on > on:
        return refuse("party_not_merged", party=command.party, on=on)
    if command.evidence.document is None:
        return refuse("evidence_needed", command="succeed")
    promise = _promise(command.party, known.into, book)
    legs = (*promise, *_lots(command.party, known.into, book))
    if not legs:
        return refuse("nothing_to_succeed", party=command.party, into=known.into)
    return planned("succeed", command, legs, status=known.into)


def _promise(party: str, into: str, book: Book) -> tuple[Leg, ...]:
    names = [account_name("commitment_ent", one) for one in (party, into)]
    promised = book.totals[book.accounts[names[0], "GECSUB"].account_id][0]
    return (Leg(names[0], "GECSUB", -promised), Leg(names[1], "GECSUB", promised)) if promised else ()


def _lots(party: str, into: str, book: Book) -> Iterator[Leg]:
    """The oldest lots first."""
    source, target = account_name("holding_ent", party), account_name("holding_ent", into)
    account_id, left = book.accounts[source, "GEC"].account_id, PIECES
    for lot_id in sorted(book.account_lots.get(account_id, ())):
        lot = book.lot_by_id[lot_id]
        quantity = book.lot_balances[account_id, lot_id][0]
        pieces: tuple[SerialRange, ...] = ()
        if lot.facts.numbered:
            held = book.ranges.get((account_id, lot_id), NOTHING)
            pieces = tuple(SerialRange(piece.first, piece.end) for piece in held)[: max(0, (left - 4) // 2)]
            quantity = count_of(pieces)
        if quantity <= 0 or left < 4:
            continue
        left -= 4 + 2 * len(pieces)
        yield from moved(source, target, quantity, lot.facts.code, pieces)
        yield from _cost(party, into, lot, quantity, book)


def _cost(party: str, into: str, lot: Lot, quantity: int, book: Book) -> tuple[Leg, ...]:
    fen = part_of_cost(party, lot, quantity, book)
    names = [account_name("inventory_gec", one) for one in (party, into)]
    return (Leg(names[0], "CNY", -fen, lot.facts.code), Leg(names[1], "CNY", fen, lot.facts.code)) if fen else ()


def succession_touches(party: str, merging: dict[str, str], book: Book) -> tuple[Leg, ...]:
    """For loading only: all that either of them has; `merging` are the parties the same group merges, into which."""
    known = book.parties.get(party)
    into = merging.get(party) if known is None or known.into is None else known.into
    if into is None or (known is not None and known.kind != "enterprise"):
        return ()
    return tuple(
        Leg(account_name(kind, one), commodity, 1)
        for one in (party, into)
        for kind, commodity in (
            ("holding_ent", "GEC"),
            ("offered", "GEC"),
            ("frozen", "GEC"),
            ("inventory_gec", "CNY"),
            ("commitment_ent", "GECSUB"),
        )
    )
