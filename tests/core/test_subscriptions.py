"""Promises: made, fulfilled by trades that say so, made smaller, never confused with certificates."""

import pytest

from ledger.core.account import account_name
from ledger.core.events import Deliver, ReduceSubscription, Subscribe, TransferTrade, VoidTrade
from tests.core.park import CONFIRMED, ONE, Park, trade

OWED, CONTRA = account_name("commitment_ent", "GH-001"), account_name("commitment_contra")


@pytest.fixture
def park() -> Park:
    """GH-001 promised 100 and bought 60, which were transferred."""
    found = Park()
    found.post(Subscribe(enterprise="GH-001", quantity=100), by=ONE)
    found.post(trade(60))
    return found


def test_a_transferred_trade_fulfils_its_buyers_promise_once(park: Park) -> None:
    """In transit it fulfils nothing; then 60 of 100, and not again."""
    assert park.refused(Deliver(trade_id="T-1")).code == "trade_not_deliverable"
    park.post(TransferTrade(trade_id="T-1"))
    park.post(Deliver(trade_id="T-1"))
    assert park.balance(OWED, "GECSUB") == 40
    assert park.refused(Deliver(trade_id="T-1")).code == "trade_not_deliverable"


def test_only_an_explicit_link_fulfils_a_promise(park: Park) -> None:
    """A trade that says nothing of it leaves the promise as it was, and one above the promise cannot fulfil it."""
    park.post(TransferTrade(trade_id="T-1"))
    assert park.balance(OWED, "GECSUB") == 100
    park.post(trade(101, trade_id="T-2"))
    park.post(TransferTrade(trade_id="T-2"))
    assert park.refused(Deliver(trade_id="T-2")).code == "insufficient_balance"


def test_a_void_delivery_is_owed_again(park: Park) -> None:
    """Withdrawn in part, then whole: what went back is promised again."""
    park.post(TransferTrade(trade_id="T-1"))
    park.post(Deliver(trade_id="T-1"))
    park.post(VoidTrade(trade_id="T-1", quantity=10, evidence=CONFIRMED))
    assert park.balance(OWED, "GECSUB") == 50
    park.post(VoidTrade(trade_id="T-1", evidence=CONFIRMED))
    assert park.balance(OWED, "GECSUB") == 100
    assert park.balance(CONTRA, "GECSUB") == -100


def test_a_promise_is_made_smaller_for_a_reason_and_never_less_than_none(park: Park) -> None:
    """30 of 100 withdrawn; 71 more cannot be."""
    body = park.post(ReduceSubscription(enterprise="GH-001", quantity=30, reason="withdrawn"))
    assert (body.status, park.balance(OWED, "GECSUB")) == ("withdrawn", 70)
    more = ReduceSubscription(enterprise="GH-001", quantity=71, reason="reduced")
    assert park.refused(more).code == "insufficient_balance"
