"""Offers by their days: what can be accepted until when, and what lapses."""

import datetime

import pytest

from ledger.core.account import account_name
from ledger.core.decision import decide
from ledger.core.events import AnswerOffer, Offer
from ledger.core.record import Posted, PostingBody
from ledger.core.refusal import Refusal
from tests.core.park import ONE, TODAY, TWO, Park, day

HELD, OFFERED = account_name("holding_ent", "GH-001"), account_name("offered", "GH-001")


@pytest.fixture
def park() -> Park:
    """GH-001 offered 10 of its 100 to GH-002, until today."""
    found = Park()
    found.give(HELD, 100, lot="a")
    body = found.post(Offer(enterprise="GH-001", receiver="GH-002", quantity=10, lot="a", expires_on=TODAY), by=ONE)
    assert isinstance(body, PostingBody)
    found.book.originals[found.book.size - 1] = body
    return found


def answered(park: Park, answer: str, *, today: str, by=TWO) -> Posted | Refusal:
    """What the newest offer's answer becomes on a day."""
    return decide(park.book, park.request(AnswerOffer(offer=park.book.size - 1, answer=answer), by=by), today=today)


def test_an_offer_can_be_accepted_to_its_last_day_and_lapses_after_it(park: Park) -> None:
    """Today it is accepted and does not lapse; tomorrow it lapses and is not accepted."""
    tomorrow = day(1)
    assert (datetime.date.fromisoformat(tomorrow) - datetime.date.fromisoformat(TODAY)).days == 1
    assert isinstance(answered(park, "accept", today=TODAY), Posted)
    late = answered(park, "accept", today=tomorrow)
    assert isinstance(late, Refusal) and late.code == "offer_lapsed"
    early = answered(park, "lapse", today=TODAY)
    assert isinstance(early, Refusal) and early.code == "offer_open"
    assert isinstance(answered(park, "lapse", today=tomorrow, by=ONE), Posted)
    assert (park.balance(HELD), park.balance(OFFERED)) == (90, 10), "deciding alone changes nothing"
