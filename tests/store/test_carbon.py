"""What the writer keeps of meters and claims is right whatever is in flight, and one command's figures stop nobody."""

import itertools
from typing import Any

import psycopg
import pytest

from ledger.core.book import Book
from ledger.core.carbon_rules import ClaimLimit
from ledger.core.command import Command, RecordReading, RegisterMeter, Request, SetPolicy, SubmitInventory
from ledger.core.decision import decide, learn
from ledger.core.events import Evidence, Retire
from ledger.core.policy import PolicyRow
from ledger.core.refusal import Refusal
from ledger.store import balances
from ledger.store import carbon as store_carbon
from ledger.store.carbon import load_carbon
from ledger.store.outcomes import Outcome, Refused
from ledger.store.session import connect
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
    assert codes(metered.together([lower, metered.operator(claim(50))])) == ["posted", "claim_above_consumption"]
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


@pytest.mark.parametrize(
    ("fault", "others"),
    [(psycopg.errors.NumericValueOutOfRange, "posted"), (psycopg.OperationalError, "unavailable")],
)
def test_what_fits_no_column_stops_its_own_request_only(
    park: Park, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], others: str
) -> None:
    """One of a group is at fault: each is tried alone. The twin: a lost connection is nobody's fault, told to all."""
    loaded = balances.load

    async def load(connection: Any, ledger_id: int, book: Book, requests: list[Request], *, today: str) -> None:
        if any(getattr(request.command, "meter", "") == "BAD" for request in requests):
            raise fault("out of range")
        await loaded(connection, ledger_id, book, requests, today=today)

    monkeypatch.setattr("ledger.writer.balances.load", load)
    names = ["M0", "M1", "M2", "M3", "BAD", "M5", "M6", "M7"]
    told = dict(zip(names, codes(park.together([park.operator(meter(name)) for name in names])), strict=True))
    assert told.pop("BAD") == "unavailable" and others in set(told.values())
    assert others == "unavailable" or set(told.values()) == {"posted"}


def test_an_inventory_by_a_process_that_is_behind_is_decided_again(park: Park) -> None:
    """Its book does not have the size yet: it is decided again with a book that has."""
    park.expect_posted(park.operator(meter()))
    other = park.run(park.start_writer())
    park.run(other.submit(park.operator(read(5 * MWH))))
    size = park.database.value("select size from head")
    command = SubmitInventory(
        enterprise=E, year="2025", tree_size=size, factors_on="2026-06-30", digest="d" * 64, figures={}
    )
    assert codes([park.submit(park.operator(command))]) == ["posted"]
    park.run(other.stop())


async def metered_in_memory(park: Park) -> int:
    """What a book says is metered once a reading is learnt that the database has not yet, and a claim comes behind."""
    connection = await connect(park.database.urls.writer)
    ledger_id, book = park.ledger.ledger_id, Book("ganhe")
    late = park.operator(read(50 * MWH, 2))
    await load_carbon(connection, ledger_id, book, [late])
    decision = decide(book, late, today="2026-11-26")
    assert not isinstance(decision, Refusal)
    learn(book, book.size, decision.bodies[0])
    await load_carbon(connection, ledger_id, book, [park.operator(claim(60))])
    await connection.close()
    return book.carbon.metered[E, "2026"]


def test_a_reading_on_its_way_to_the_database_counts(metered: Park) -> None:
    """Its year is loaded before it is learnt."""
    assert metered.run(metered_in_memory(metered)) == 150 * MWH


def test_a_year_loaded_too_late_would_miss_it(metered: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: loaded with the claim only, the sum is the database's."""
    monkeypatch.setattr(store_carbon, "_read_years", lambda *_: set())
    assert metered.run(metered_in_memory(metered)) == 100 * MWH


OVERLAPPING = """
    insert into reading select ledger_id, log_index + 1, meter_id, last_on, last_on, 1, level, null from reading
"""


def test_no_day_of_a_meter_is_read_twice_whoever_writes(metered: Park) -> None:
    """The database refuses it at COMMIT; without the constraint, the twin, it would not."""
    with pytest.raises(psycopg.errors.ExclusionViolation):
        metered.database.rows(OVERLAPPING)
    (name,) = metered.database.rows(
        "select conname from pg_constraint where conrelid = 'greenledger.reading'::regclass and contype = 'x'"
    )[0]
    metered.database.rows(f"alter table reading drop constraint {name}")
    metered.database.rows(OVERLAPPING)
    assert metered.database.value("select count(*) from reading") == 2
