"""Allowances and reductions: surrendered for verified emissions only, never more, and never lowered by certificates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.command import Approve, Command, JudgeInventory, Principal, SubmitInventory
from ledger.core.events import AllocateAllowances, BuyCcer, Leg, Reverse, Surrender, Transfer
from ledger.core.record import PostingBody, ProposalBody
from tests.core.park import CONFIRMED, ONE, OPERATOR, TWO, Park

SECOND = Principal(actor="key-op2", role="operator", subject="person:eve")


def allocated(quantity: int, enterprise: str = "GH-001") -> AllocateAllowances:
    """Allowances of 2025."""
    return AllocateAllowances(enterprise=enterprise, quantity=quantity, year="2025", evidence=CONFIRMED)


def given_up(cea: int, ccer: int = 0, **more: object) -> Surrender:
    """A surrender of GH-001 for 2025."""
    return Surrender(**({"enterprise": "GH-001", "year": "2025", "cea": cea, "ccer": ccer} | more))


def verified(park: Park, scope1: str) -> None:
    """An inventory of 2025 that somebody else verified."""
    command = SubmitInventory(
        enterprise="GH-001", year="2025", tree_size=1, factors_on="2026-06-30", digest="d" * 64,
        figures={"scope1": scope1},
    )  # fmt: skip
    park.post(command, by=ONE)
    park.post(JudgeInventory(inventory=park.book.size - 1, verdict="verified", findings="no_findings"))


@pytest.fixture
def park() -> Park:
    """T4's smelter: 392,350 tCO2e verified, allowances and reductions enough."""
    park = Park()
    park.post(allocated(400_000))
    park.post(BuyCcer(enterprise="GH-001", quantity=50_000, evidence=CONFIRMED))
    verified(park, "392350")
    return park


def test_who_never_had_allowances_may_be_given_some(park: Park) -> None:
    """The receiver's account opens with the transfer; of a party that is not registered there is none."""
    for commodity in ("CEA", "CCER"):
        legs = [Leg(f"{commodity}:Ent:GH-00{n}", commodity, q) for n, q in ((1, -70), (2, 70))]
        park.post(Transfer(legs=tuple(legs)), by=ONE)
        assert park.balance(f"{commodity}:Ent:GH-002", commodity) == 70
        park.post(Transfer(legs=tuple(Leg(leg.account, commodity, -leg.quantity) for leg in legs)), by=TWO)
        nobody = (legs[0], Leg(f"{commodity}:Ent:GH-404", commodity, 70))
        assert park.refused(Transfer(legs=nobody), by=ONE).code == "unknown_account"


def test_t4_the_obligation_and_the_share_of_reductions(park: Park) -> None:
    """T4: 392,350 to surrender, at most 19,617 of them CCER; certificates do not lower either."""
    park.give("Holding:Ent:GH-001", 2_359_000, lot="A")
    refusal = park.refused(given_up(372_732, 19_618), by=ONE)
    assert (refusal.code, refusal.figures["limit"]) == ("ccer_above_limit", "19617")
    park.post(given_up(372_733, 19_617), by=ONE)
    assert park.balance("CEA:Surrendered:GH-001:2025", "CEA") == 372_733
    assert park.balance("CCER:Surrendered:GH-001:2025", "CCER") == 19_617
    refusal = park.refused(given_up(1), by=ONE)
    assert (refusal.code, refusal.figures["before"]) == ("surrender_above_obligation", "392350")


@given(st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 20_000)).filter(any), min_size=1, max_size=8))
def test_whatever_is_asked_no_more_is_surrendered_than_is_due(asked: list[tuple[int, int]]) -> None:
    """In any order: the sums stay within the obligation, the share and what was held; held against plain sums."""
    park = Park()
    park.post(allocated(350_000))
    park.post(BuyCcer(enterprise="GH-001", quantity=50_000, evidence=CONFIRMED))
    verified(park, "392349.2")
    cea = ccer = 0
    for more_cea, more_ccer in asked:
        fits = cea + ccer + more_cea + more_ccer <= 392_350 and ccer + more_ccer <= 19_617 and cea + more_cea <= 350_000
        command = given_up(more_cea, more_ccer)
        if fits:
            park.post(command)
            cea, ccer = cea + more_cea, ccer + more_ccer
        else:
            codes = {"surrender_above_obligation", "ccer_above_limit", "insufficient_balance"}
            assert park.refused(command).code in codes
    for kind, quantity in (("CEA", cea), ("CCER", ccer)):
        name = f"{kind}:Surrendered:GH-001:2025"
        assert (name, kind) not in park.book.accounts or park.balance(name, kind) == quantity


@pytest.mark.parametrize(
    ("command", "by", "code"),
    [
        (given_up(1, year="2024"), ONE, "inventory_needed"),
        (given_up(1, enterprise="GH-404"), OPERATOR, "unknown_party"),
        (allocated(1, "GH-404"), OPERATOR, "unknown_party"),
        (given_up(392_350), ONE, None),
        (given_up(1), TWO, "not_your_account"),
    ],
)
def test_what_cannot_be_is_refused(park: Park, command: Command, by: Principal, code: str | None) -> None:
    """Without a verified inventory nothing is due, and nobody surrenders for another."""
    if code is None:
        park.post(command, by=by)
    else:
        assert park.refused(command, by=by).code == code


def test_allowances_move_between_enterprises(park: Park) -> None:
    """By a transfer; they are no certificates, which move otherwise."""
    park.post(allocated(1, "GH-002"))
    legs = (Leg("CEA:Ent:GH-001", "CEA", -500), Leg("CEA:Ent:GH-002", "CEA", 500))
    park.post(Transfer(legs=legs), by=ONE)
    assert park.balance("CEA:Ent:GH-002", "CEA") == 501
    assert park.refused(Transfer(legs=(legs[0], Leg("Holding:Ent:GH-001", "GEC", 500))), by=ONE).code == "unbalanced"


def test_a_surrender_is_taken_back_by_two_people(park: Park) -> None:
    """As our own booking error; then it may be made again."""
    body = park.post(given_up(392_350))
    index = park.book.size - 1
    assert isinstance(body, PostingBody)
    park.book.originals[index], park.book.reversals[index] = body, {}
    assert isinstance(park.post(Reverse(transaction=index, reason="error", evidence=CONFIRMED)), ProposalBody)
    park.post(Approve(proposal=park.book.size - 1), by=SECOND)
    assert park.balance("CEA:Surrendered:GH-001:2025", "CEA") == 0
    park.post(given_up(392_350))
