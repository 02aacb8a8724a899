"""Months are closed in order, take no more facts, and are opened again by two people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.command import Approve, ClosePeriod, Principal, ReopenPeriod, SetPolicy
from ledger.core.events import Evidence, Leg, Transfer
from ledger.core.periods import first_open_day
from ledger.core.policy import Period, PolicyRow
from ledger.core.record import CloseBody, PostingBody, ProposalBody
from tests.core.park import ADMIN, CONFIRMED, ONE, SELLER, Park, trade

SECOND = Principal(actor="key-2", role="operator", subject="person:second")
REPORTED = Evidence(level="REPORTED", document="e" * 64)


def closing(month: str, state: str = "closed") -> ClosePeriod:
    """Close a month with these figures."""
    figures = {"GEC/holding_ent": "0"}
    kind: Any = state
    return ClosePeriod(month=month, state=kind, tree_size=9, figures=figures, positions="f" * 64)


def posted(park: Park, trade_id: str, **more: object) -> PostingBody:
    """A trade that must post."""
    body = park.post(trade(5, trade_id=trade_id, **more))
    assert isinstance(body, PostingBody)
    return body


@given(months=st.lists(st.sampled_from([f"2026-{month:02}" for month in range(1, 13)]), max_size=12))
def test_months_are_closed_in_order_and_once_they_are_over(months: list[str]) -> None:
    """Whatever is asked, the closed months only grow, and never reach the month of today (2026-11)."""
    park, closed = Park(), ""
    for month in months:
        if closed < month < "2026-11":
            assert isinstance(park.post(closing(month)), CloseBody)
            closed = month
        else:
            assert park.refused(closing(month)).code == "period_out_of_order"
        assert park.book.policies.closed_through == closed


def test_a_late_fact_counts_from_the_first_open_day_on() -> None:
    """It keeps the day it occurred on, and names the month it adjusts; months before the closed one are closed too."""
    park = Park()
    park.post(closing("2026-07"))
    for occurred_on in ("2026-07-15", "2026-03-01"):
        body = posted(park, occurred_on, occurred_on=occurred_on, evidence=CONFIRMED)
        assert (body.occurred_on, body.effective_on, body.adjusts_period) == (
            occurred_on,
            "2026-08-01",
            occurred_on[:7],
        )
    body = posted(park, "open", occurred_on="2026-08-02", evidence=CONFIRMED)
    assert (body.effective_on, body.adjusts_period) == ("2026-08-02", None)


def test_an_explicit_day_inside_is_refused() -> None:
    """Nobody can say that a fact counts in a closed month."""
    park = Park()
    park.post(closing("2026-07"))
    asked = trade(5, occurred_on="2026-07-15", effective_on="2026-07-31", evidence=CONFIRMED)
    refusal = park.refused(asked)
    assert (refusal.code, refusal.figures["closed"]) == ("period_closed", "2026-07")


def test_a_softly_closed_month_takes_confirmed_facts_only() -> None:
    """What an enterprise reports counts from the next month on; what the platform confirms still counts inside."""
    park = Park()
    park.post(closing("2026-07", "soft"))
    assert posted(park, "c", occurred_on="2026-07-15", evidence=CONFIRMED).effective_on == "2026-07-15"
    assert posted(park, "r", occurred_on="2026-07-15", evidence=REPORTED).effective_on == "2026-08-01"
    park.post(closing("2026-07"))
    assert posted(park, "d", occurred_on="2026-07-15", evidence=CONFIRMED).effective_on == "2026-08-01"


def test_nothing_may_stand_in_suspense() -> None:
    """With a lot in suspense the month closes softly but not for good; lots that cancel each other out are no zero."""
    park = Park()
    park.open("Suspense:Import:gec")
    park.give("Suspense:Import:gec", 7, lot="A", other=f"External:{SELLER}")
    park.give("Suspense:Import:gec", -7, lot="B", other=f"External:{SELLER}")
    refusal = park.refused(closing("2026-07"))
    assert (refusal.code, refusal.figures["account"]) == ("suspense_not_empty", "Suspense:Import:gec")
    park.post(closing("2026-07", "soft"))
    park.give("Suspense:Import:gec", -7, lot="A", other=f"External:{SELLER}")
    park.give("Suspense:Import:gec", 7, lot="B", other=f"External:{SELLER}")
    park.post(closing("2026-07"))


def test_only_the_latest_is_opened_again_and_by_two_people() -> None:
    """The request waits; the second person's approval opens it, and the month before is still closed."""
    park = Park()
    park.post(closing("2026-06"))
    park.post(closing("2026-07"))
    assert park.refused(ReopenPeriod(month="2026-06", reason="error")).code == "period_not_latest"
    assert isinstance(park.post(ReopenPeriod(month="2026-07", reason="late_fact")), ProposalBody)
    proposal = park.book.size - 1
    assert park.book.policies.closed_through == "2026-07"
    assert park.refused(Approve(proposal=proposal)).code == "second_person_needed"
    body = park.post(Approve(proposal=proposal), by=SECOND)
    assert isinstance(body, CloseBody) and (body.state, body.figures) == ("open", {"reason": "late_fact"})
    assert park.book.policies.closed_through == "2026-06"
    assert posted(park, "x", occurred_on="2026-07-15", evidence=CONFIRMED).effective_on == "2026-07-15"
    assert posted(park, "y", occurred_on="2026-06-15", evidence=CONFIRMED).effective_on == "2026-07-01"


@pytest.mark.parametrize("command", [closing("2026-07"), ReopenPeriod(month="2026-07", reason="error")])
def test_only_operators_close_and_open(command: ClosePeriod | ReopenPeriod) -> None:
    """An enterprise and an administrator may not; nor can a rule be set past the command."""
    park = Park()
    for caller in (ONE, ADMIN):
        assert park.refused(command, by=caller).code == "forbidden"
    row = PolicyRow(in_force_from="2000-01-01", rule=Period(month="2026-07", state="closed"), source="x")
    assert park.refused(SetPolicy(row=row), by=ADMIN).code == "rule_unsound"


def test_an_enterprise_goes_on_in_the_month_of_today() -> None:
    """Its own commands occur today, which no close can reach."""
    park = Park()
    park.give("Holding:Ent:GH-001", 10, lot="A")
    park.post(closing("2026-10"))
    move = Transfer(legs=(Leg("Holding:Ent:GH-001", "GEC", -1, "A"), Leg("Holding:Ent:GH-002", "GEC", 1, "A")))
    body = park.post(move, by=ONE)
    assert isinstance(body, PostingBody) and body.adjusts_period is None


@pytest.mark.parametrize(("month", "day"), [("2024-02", "2024-03-01"), ("2024-12", "2025-01-01")])
def test_the_first_open_day_is_the_next_months(month: str, day: str) -> None:
    """Also over a leap day and a year's end."""
    assert first_open_day(month) == day
