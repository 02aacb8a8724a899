"""Every ordered pair of account kinds as every role: only the seeded moves go through.

The chart has 35 kinds, so 1,225 pairs for each of 5 roles; each is posted as a generic transfer of one commodity that
both accounts count, or of two where they share none. Every account is funded first, so that nothing but the rules
stands between a caller and a move.
"""

import itertools

import pytest

from ledger.core.account import KINDS, account_name
from ledger.core.command import Principal
from ledger.core.decision import decide
from ledger.core.events import (
    Leg,
    Transfer,
)
from ledger.core.policy import ROLES, Move, PolicyBook
from ledger.core.record import LotBody, Posted, PostedLeg
from ledger.core.seed import SEED
from tests.core.park import TODAY, Park, contents, facts, posting

HONEST = {"move_not_allowed", "not_your_account", "unknown_account", "unbalanced", "policy_missing"}
PAIRS = list(itertools.product(KINDS, KINDS))
OWNERS = ("GH-001", "GH-002")


def account_of(kind: str, owner: str) -> str:
    """One account of this kind, belonging to this enterprise where a kind has an owner at all."""
    return account_name(kind, *[owner, "CLAIM", "2026"][: KINDS[kind].parts])


def funded_park() -> Park:
    """A park with accounts of every kind in the name of two enterprises, each holding 100 of lot L or of money."""
    park = Park()
    park.learn(LotBody(lot=facts("L")))
    for kind, owner in itertools.product(KINDS, OWNERS):
        name, commodity = account_of(kind, owner), KINDS[kind].commodities[0]
        if (name, commodity) not in park.book.accounts:
            park.open(name, owner=owner)
        if not KINDS[kind].may_go_below_zero:
            lot = "L" if commodity == "GEC" else None
            leg = PostedLeg(account=name, commodity=commodity, lot=lot, quantity="100")
            park.learn(posting((leg,)))
    return park


def caller(role: str) -> Principal:
    """A caller of this role; the enterprise is GH-001."""
    return Principal(actor="k", role=role, subject="person:x", tenant="GH-001" if role == "enterprise" else None)


def one_move(source: str, target: str) -> Transfer:
    """Move 1 out of an account of one kind into one of another, both of them the caller's own."""
    given, got = KINDS[source].commodities[0], KINDS[target].commodities[0]
    origin, goal = account_of(source, "GH-001"), account_of(target, "GH-002" if source == target else "GH-001")
    if given != got:
        return Transfer(legs=(Leg(origin, given, -1, "L"), Leg(goal, got, 1, "L")))
    lot = "L" if given == "GEC" else None
    return Transfer(legs=(Leg(origin, given, -1, lot), Leg(goal, given, 1, lot)))


def outcomes(park: Park, role: str) -> tuple[set[tuple[str, str]], set[str]]:
    """The pairs of kinds that went through as this role, and the codes of all the refusals."""
    allowed, codes = set(), set()
    for source, target in PAIRS:
        request = park.request(one_move(source, target), by=caller(role))
        decision = decide(park.book, request, today=TODAY)
        if isinstance(decision, Posted):
            allowed.add((source, target))
        else:
            codes.add(decision.code)
    return allowed, codes


def seeded(role: str) -> set[tuple[str, str]]:
    """The pairs the seed allows this role to move by a generic transfer."""
    moves = [row.rule for row in SEED if isinstance(row.rule, Move)]
    return {(move.source, move.target) for move in moves if move.command == "transfer" and move.role == role}


@pytest.fixture(scope="module")
def park() -> Park:
    """The funded park; deciding touches nothing, which each test asserts."""
    return funded_park()


def test_chart_has_forty_kinds() -> None:
    """A kind added to the chart joins this test by itself; this line makes somebody think of its moves."""
    assert len(PAIRS) == 40 * 40


@pytest.mark.parametrize("role", ROLES)
def test_generic_transfer_makes_only_the_seeded_moves(park: Park, role: str) -> None:
    """Of 1,225 pairs exactly those the policy names go through as this role, and deciding leaves the book unchanged."""
    before = contents(park.book)
    allowed, codes = outcomes(park, role)
    assert allowed == seeded(role)
    assert codes <= HONEST
    assert contents(park.book) == before


def test_generic_transfer_goes_between_what_enterprises_hold() -> None:
    """Design D4 in plain words, so that a change of the seed must change this line too."""
    assert {role: seeded(role) for role in ROLES} == {
        "enterprise": {("holding_ent", "holding_ent"), ("cea_ent", "cea_ent"), ("ccer_ent", "ccer_ent")},
        "operator": {
            ("holding_ent", "holding_ent"),
            ("cea_ent", "cea_ent"),
            ("ccer_ent", "ccer_ent"),
            ("cash", "payable"),
        },
        "regulator": set(),
        "auditor": set(),
        "admin": set(),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_enterprise_moves_nothing_out_of_another_enterprises_account(park: Park, kind: str) -> None:
    """Whatever its kind, an account of GH-002 is not GH-001's to give from."""
    commodity = KINDS[kind].commodities[0]
    lot = "L" if commodity == "GEC" else None
    theirs, mine = account_of(kind, "GH-002"), account_of(kind, "GH-001")
    command = Transfer(legs=(Leg(theirs, commodity, -1, lot), Leg(mine, commodity, 1, lot)))
    decision = decide(park.book, park.request(command, by=caller("enterprise")), today=TODAY)
    # Accounts without parts are the park's; a rule refuses those, before or after the question whose they are.
    assert decision.code in ("not_your_account", "move_not_allowed")[: 2 if KINDS[kind].parts == 0 else 1]


@pytest.mark.parametrize("role", ROLES)
def test_without_the_policy_check_far_more_would_move(park: Park, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with the rules switched off the pairs above do go through, so the first test can fail."""
    monkeypatch.setattr(PolicyBook, "move", lambda *_, **__: 1)
    allowed, _ = outcomes(park, role)
    same = {(one, two) for one, two in PAIRS if KINDS[one].commodities == KINDS[two].commodities}
    assert len(allowed - seeded(role)) > 100
    assert allowed <= same
