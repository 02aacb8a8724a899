"""Freezing and releasing: certificates change place, never number, and nobody uses what is frozen."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.account import account_name
from ledger.core.command import RegisterParty
from ledger.core.events import (
    Evidence,
    Freeze,
    Unfreeze,
)
from tests.core.park import CONFIRMED, ONE, Park, ranges, transfer

HELD, FROZEN, LOT = account_name("holding_ent", "GH-001"), account_name("frozen", "GH-001"), "2025-09"


def freeze(quantity: int, serials: str = "", kind: type = Freeze, **more: object) -> Freeze | Unfreeze:
    """A freeze of GH-001's certificates, or its end, on the authority of a document."""
    named = {"lot": LOT, "serials": ranges(serials)} if serials else {}
    fields = {"enterprise": "GH-001", "reason": "dispute", "evidence": CONFIRMED} | named | more
    return kind(quantity=quantity, **fields)


@pytest.fixture
def park() -> Park:
    """A park in which GH-001 holds serials 1 to 10,000 of one lot."""
    found = Park()
    found.give(HELD, 10_000, lot=LOT, serials="1-10000", month="2025-09")
    return found


def test_a_freeze_locks_the_serials_it_names(park: Park) -> None:
    """Domain case T7, its freeze: 3,501 to 4,000 lie apart, the sum stays 10,000, and the account opened by itself."""
    park.post(freeze(500, "3501-4000"))
    assert (park.balance(HELD), park.balance(FROZEN)) == (9_500, 500)
    assert park.serials(FROZEN, LOT) == ranges("3501-4000")
    assert park.serials(HELD, LOT) == ranges("1-3500,4001-10000")
    assert park.book.accounts[FROZEN, "GEC"].owner == "GH-001"


def test_frozen_certificates_cannot_be_moved(park: Park) -> None:
    """Neither by serial nor by count, until they are released; then as before."""
    park.post(freeze(500, "3501-4000"))
    named = transfer(f"{HELD} -1 GEC {LOT} 3600-3600\nHolding:Ent:GH-002 1 GEC {LOT} 3600-3600")
    many = transfer(f"{HELD} -9501 GEC\nHolding:Ent:GH-002 9501 GEC")
    assert park.refused(named, by=ONE).code == "serial_not_held"
    refusal = park.refused(many, by=ONE)
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", "9500")
    park.post(freeze(500, kind=Unfreeze))
    assert park.post(named, by=ONE).legs and park.balance(FROZEN) == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (freeze(10_001), "insufficient_balance"),
        (freeze(2, "9999-10001"), "serials_mismatch"),
        (freeze(2, "10000-10001"), "serial_not_held"),
        (freeze(1, kind=Unfreeze), "insufficient_balance"),
        (freeze(1, enterprise="GH-009"), "unknown_party"),
        (freeze(1, evidence=Evidence(level="REPORTED")), "authority_needed"),
        (freeze(1, lot="no such lot"), "unknown_lot"),
        (freeze(1, enterprise="S-1"), "move_not_allowed"),
    ],
)
def test_what_cannot_be_frozen_is_refused(park: Park, command: Freeze | Unfreeze, code: str) -> None:
    """More than is held, what is not held, a stranger's, or without a document: a stable code, and the book stays."""
    assert park.refused(command).code == code


def test_an_enterprise_freezes_nothing(park: Park) -> None:
    """Not even its own: the moves are the operator's."""
    assert park.refused(freeze(1), by=ONE).code == "move_not_allowed"


@given(st.lists(st.tuples(st.sampled_from([Freeze, Unfreeze]), st.integers(1, 6_000)), max_size=6))
def test_held_and_frozen_are_always_what_came_in(steps: list[tuple[type, int]]) -> None:
    """Whatever is frozen and released, every serial lies in exactly one of the two accounts."""
    park = Park()
    park.give(HELD, 10_000, lot=LOT, serials="1-10000", month="2025-09")
    park.post(RegisterParty(party="GH-010", kind="enterprise", name="又一家"))  # accounts opened in between
    for kind, quantity in steps:
        park.ask(freeze(quantity, kind=kind))
    frozen = park.serials(FROZEN, LOT) if (FROZEN, "GEC") in park.book.accounts else ()
    held = park.serials(HELD, LOT)
    pieces = sorted((*held, *frozen))
    assert pieces[0].first == 1 and pieces[-1].end == 10_001
    assert all(one.end == two.first for one, two in itertools.pairwise(pieces))
    assert sum(piece.count for piece in held) == park.balance(HELD)
