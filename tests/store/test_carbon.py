"""What the writer keeps of meters and claims is right whatever is in flight, and one command's figures stop nobody."""

import itertools
from typing import Any

import pytest

from ledger.core.carbon_rules import ClaimLimit
from ledger.core.command import Command, RecordReading, RegisterMeter, Request, SetPolicy, SubmitInventory
from ledger.core.events import Evidence, Retire
from ledger.core.policy import PolicyRow
from ledger.store.outcomes import Outcome, Posted, Refused
from tests.conftest import DOCUMENT, Park

E, MWH = "GH-001", 10**6
PROVED = Evidence(level="CONFIRMED", document=DOCUMENT)
LIMIT = SetPolicy(row=PolicyRow(in_force_from="2026-01-01", rule=ClaimLimit(), source="domain 3.5, invariant 9"))


def meter(name: str = "M", enterprise: str = E) -> RegisterMeter:
    """A meter of grid power."""
    return RegisterMeter(meter=name, enterprise=enterprise, site="s", stage="a", material="electricity", route="GRID")


def read(quantity: int, month: int = 1, **more: Any) -> RecordReading:
    """Four weeks of 2026."""
    days = {"first_on": f"2026-{month:02}-01", "last_on": f"2026-{month:02}-28"}
    return RecordReading(meter="M", quantity=quantity, unit="Wh", evidence=PROVED, confirmed=True, **days, **more)


def claim(quantity: int) -> Retire:
    """A claim for 2026."""
    return Retire(enterprise=E, quantity=quantity, purpose="VOLUNTARY", year="2026", evidence=PROVED)


def asked(park: Park, command: Command) -> Request:
    """By whoever may."""
    return park.admin(command) if isinstance(command, SetPolicy) else park.operator(command)


@pytest.fixture
def metered(park: Park) -> Park:
    """100 MWh are metered, 500 certificates held, and claims limited to consumption."""
    park.expect_posted(park.operator(meter()), park.operator(read(100 * MWH)), park.admin(LIMIT))
    park.give(E, 500, lot="A")
    return park


def claimed(park: Park) -> int:
    """What the tables say is claimed."""
    return int(park.database.value("select coalesce(sum(e.quantity), 0) from claim c join event e using (log_index)"))


def codes(outcomes: list[Outcome]) -> list[str]:
    """posted, or why not."""
    return [one.refusal.code if isinstance(one, Refused) else type(one).__name__.lower() for one in outcomes]


STEPS: dict[str, Command] = {"more": read(50 * MWH, 2), "claim 60": claim(60), "claim 90": claim(90), "limit": LIMIT}


@pytest.mark.parametrize("order", itertools.permutations(STEPS), ids=" ".join)
def test_the_limit_holds_whatever_is_in_flight(metered: Park, order: tuple[str, ...]) -> None:
    """Facts sent at once to a writer that has just begun anew: no more is claimed than metered, no less than fits."""
    metered.restart()
    metered.together([asked(metered, STEPS[name]) for name in order])
    room = 150 - claimed(metered)
    assert room >= 0
    assert codes([metered.submit(metered.operator(claim(room + 1)))]) == ["claim_above_consumption"]
    metered.expect_posted(*([metered.operator(claim(room))] if room else []))
    assert claimed(metered) == 150


def test_a_correction_in_flight_counts(metered: Park) -> None:
    """What it takes away cannot be claimed by what comes right behind it."""
    reading = metered.database.value("select log_index from reading")
    metered.restart()
    lower = metered.operator(read(10 * MWH, corrects=reading))
    assert codes(metered.together([lower, metered.operator(claim(50))]))[1] in {"posted", "claim_above_consumption"}
    assert codes([metered.submit(metered.operator(claim(50)))]) == ["claim_above_consumption"]


def test_absurd_figures_stop_nobody_else(park: Park) -> None:
    """A reading that no column holds is refused by itself; the others of its group are posted."""
    outcomes = park.together(
        [
            park.operator(meter()),
            park.operator(read(2**64)),
            park.operator(read(9 * 10**18, 2)),
            park.operator(read(5, 3)),
            park.operator(meter("Z", "GH-002")),
        ]
    )
    assert codes(outcomes) == ["posted", "reading_absurd", "reading_absurd", "posted", "posted"]


def test_an_inventory_by_a_process_that_is_behind_is_asked_again(park: Park) -> None:
    """Its book does not have the size yet; nothing is posted, and the caller is told to try again."""
    park.expect_posted(park.operator(meter()))
    other = park.run(park.start_writer())
    park.run(other.submit(park.operator(read(5 * MWH))))
    size = park.database.value("select size from head")
    command = SubmitInventory(
        enterprise=E, year="2026", tree_size=size, factors_on="2026-06-30", digest="d" * 64, figures={}
    )
    first = park.submit(park.operator(command))
    assert codes([first]) in (["unavailable"], ["posted"])
    if not isinstance(first, Posted):
        park.expect_posted(park.operator(read(6 * MWH, 2)), park.operator(command))
    park.run(other.stop())
