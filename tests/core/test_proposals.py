"""Four eyes: what policy says so waits for a second person, reserves nothing, and is decided again when approved."""

import pytest

from ledger.core.account import account_name
from ledger.core.command import Approve, Principal, Reject, SetPolicy
from ledger.core.events import Retire, Reverse
from ledger.core.policy import Approval, PolicyRow
from ledger.core.record import JudgementBody, PostingBody, ProposalBody
from tests.core.park import ADMIN, CONFIRMED, ONE, OPERATOR, transfer
from tests.core.test_reversals import Reversing

HELD, OTHER = account_name("holding_ent", "GH-001"), account_name("holding_ent", "GH-002")
CLAIMED = account_name("retired", "GH-001", "OTHER", "2026")
SECOND = Principal(actor="key-2", role="operator", subject="person:zoe")


@pytest.fixture
def park() -> Reversing:
    """GH-001 retired 5 of the 50 it held, by mistake; the operator has proposed to take that back."""
    found = Reversing()
    found.give(HELD, 50, lot="c")
    found.post(Retire(enterprise="GH-001", quantity=5, purpose="OTHER", year="2026", lot="c"), by=ONE)
    found.original = found.last
    found.asked = found.post(Reverse(transaction=found.original, reason="error", evidence=CONFIRMED))
    found.proposal = found.last
    return found


def test_a_proposal_is_a_fact_that_posts_and_reserves_nothing(park: Reversing) -> None:
    """The record says who wishes what; balances are as before."""
    assert isinstance(park.asked, ProposalBody)
    assert (park.asked.subject, park.balance(CLAIMED)) == (OPERATOR.subject, 5)


def test_a_second_person_approves_and_it_is_posted(park: Reversing) -> None:
    """Judgement and posting are one command's records; a second judgement comes too late."""
    decision = park.ask(Approve(proposal=park.proposal), by=SECOND)
    assert [type(body) for body in decision.bodies] == [JudgementBody, PostingBody]
    assert (park.balance(CLAIMED), park.balance(HELD)) == (0, 50)
    assert park.refused(Approve(proposal=park.proposal), by=SECOND).code == "proposal_decided"


def test_a_second_person_rejects_and_nothing_is_posted(park: Reversing) -> None:
    """What was rejected stays rejected."""
    assert isinstance(park.post(Reject(proposal=park.proposal), by=SECOND), JudgementBody)
    assert park.balance(CLAIMED) == 5
    assert park.refused(Approve(proposal=park.proposal), by=SECOND).figures["state"] == "rejected"


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (OPERATOR, "second_person_needed"),
        (Principal(actor="other-key", role="operator", subject=OPERATOR.subject), "second_person_needed"),
        (Principal(actor="k", role="operator", subject="system:robot"), "second_person_needed"),
        (Principal(actor="k", role="regulator", subject="person:zoe"), "forbidden"),
        (ONE, "forbidden"),
    ],
)
@pytest.mark.parametrize("judgement", [Approve, Reject])
def test_nobody_judges_their_own_wish(park: Reversing, judgement: type, by: Principal, code: str) -> None:
    """Another key of the same person is the same person, and no system is one."""
    assert park.refused(judgement(proposal=park.proposal), by=by).code == code


def test_what_can_no_longer_be_is_refused_and_stays_open(park: Reversing) -> None:
    """Two people proposed the same reversal: one is approved, the other then finds nothing left to take back."""
    again = Principal(actor="key-3", role="operator", subject="person:eve")
    park.post(Reverse(transaction=park.original, reason="duplicate", evidence=CONFIRMED), by=again)
    twin = park.last
    park.post(Approve(proposal=park.proposal), by=SECOND)
    assert park.refused(Approve(proposal=twin), by=SECOND).code == "reversal_above_original"
    park.post(Reject(proposal=twin), by=SECOND)


def test_what_cannot_be_is_refused_before_it_is_proposed(park: Reversing) -> None:
    """Nobody's time is asked for what no rule allows."""
    assert park.refused(Reverse(transaction=park.original, reason="error")).code == "registry_evidence_needed"
    assert park.refused(Approve(proposal=10**6), by=SECOND).code == "proposal_unknown"


def test_a_dated_row_says_what_needs_a_second_person(park: Reversing) -> None:
    """Put in force for retirements: an enterprise's claim waits, and is the enterprise's when it is approved."""
    row = PolicyRow(
        in_force_from="2026-01-01", rule=Approval(command="retire", of="", role="operator"), source="the park's rule"
    )
    park.post(SetPolicy(row=row), by=ADMIN)
    claim = Retire(enterprise="GH-001", quantity=7, purpose="OTHER", year="2026", lot="c", proof="HX-9")
    park.post(claim, by=ONE, evidence_key="proof:HX-9")
    waiting = park.last
    decision = park.ask(Approve(proposal=waiting), by=SECOND)
    assert (park.balance(CLAIMED), decision.evidence_key) == (12, "proof:HX-9")


def test_other_reversals_need_nobody_else(park: Reversing) -> None:
    """The twin: a transfer is taken back by one person, so the rule above is what holds the retirement."""
    park.post(transfer(f"{HELD} -1 GEC c\n{OTHER} 1 GEC c"))
    assert isinstance(park.post(Reverse(transaction=park.last, reason="error")), PostingBody)
