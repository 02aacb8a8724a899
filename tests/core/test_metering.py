"""Meters and readings: what cannot be true is refused, what is corrected stays, no day is read twice."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.activity import reported, smallest
from ledger.core.carbon_rules import ClaimLimit
from ledger.core.command import Approve, Command, Principal, RecordReading, RegisterMeter, SetPolicy
from ledger.core.events import Retire, Reverse
from ledger.core.policy import PolicyRow
from ledger.core.record import MeterBody, PostingBody, ProposalBody, ReadingBody
from ledger.core.refusal import Refusal
from tests.core.park import ADMIN, CONFIRMED, ONE, TWO, Park

MWH = 10**6


def meter(
    name: str = "M-1", enterprise: str = "GH-001", material: str = "electricity", **more: object
) -> RegisterMeter:
    """A meter of the works."""
    given_ = {"route": "GRID"} if material == "electricity" else {}
    return RegisterMeter(
        meter=name, enterprise=enterprise, site="works", stage="potline", material=material, **(given_ | more)
    )


def read(quantity: int, month: int = 1, **more: object) -> RecordReading:
    """A reading of a whole month of 2026."""
    last = (datetime.date(2026, month, 28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)
    days = {"first_on": f"2026-{month:02}-01", "last_on": last.isoformat()}
    return RecordReading(**({"meter": "M-1", "quantity": quantity, "unit": "Wh"} | days | more))


@pytest.fixture
def park() -> Park:
    """A park with one meter of electricity."""
    park = Park()
    park.post(meter(rating=10**9))
    return park


@given(st.lists(st.tuples(st.integers(1, 28), st.integers(1, 28), st.integers(0, 10**9)), min_size=1, max_size=12))
def test_no_day_is_read_twice(readings: list[tuple[int, int, int]]) -> None:
    """Whatever days come, those that stand never share one; each refused one names the reading it meets."""
    park, taken = Park(), set()
    park.post(meter())
    for first, last, quantity in readings:
        days = set(range(first, last + 1))
        command = RecordReading(
            meter="M-1",
            first_on=f"2026-03-{first:02}",
            last_on=f"2026-03-{last:02}",
            quantity=quantity,
            unit="Wh",
            confirmed=True,
        )
        if not days:
            assert park.refused(command).code == "reading_period"
        elif days & taken:
            assert park.refused(command).code == "reading_overlaps"
        else:
            body = park.post(command)
            assert isinstance(body, ReadingBody) and body.quantity == str(quantity)
            taken |= days


def test_a_correction_takes_the_place_of_a_reading(park: Park) -> None:
    """It is a new fact that names the old one; what stands no more cannot be corrected again."""
    park.post(read(100 * MWH))
    first = park.book.size - 1
    park.post(read(120 * MWH, corrects=first))
    standing = [one for one in park.book.carbon.readings["M-1"].values() if one.corrected_by is None]
    assert [one.quantity for one in standing] == [120 * MWH]
    assert park.refused(read(130 * MWH, corrects=first)).code == "reading_not_standing"


REFUSALS: list[tuple[Command, str]] = [
    (meter(), "meter_exists"),
    (meter("M-2", "GH-404"), "unknown_party"),
    (meter("M-2", material="gold"), "unknown_material"),
    (meter("M-2", under="M-9"), "unknown_meter"),
    (meter("M-2", "GH-002", under="M-1"), "meter_unfit"),
    (meter("M-2", material="clinker", route="GRID"), "meter_unfit"),
    (meter("M-2", route=None), "meter_unfit"),
    (meter("表一"), "meter_unfit"),
    (read(1, meter="M-9"), "unknown_meter"),
    (read(1, unit="kJ"), "unit_unfit"),
    (read(-1), "reading_negative"),
    (read(1, last_on="2026-02-28"), "reading_period"),
    (read(1, last_on="2026-01-32"), "reading_period"),
    (read(1, first_on="1999-12-01", last_on="1999-12-31"), "reading_period"),
    (read(5 * 10**9 * 24 * 31 + 1), "reading_absurd"),
    (read(1, hours=(1,)), "reading_hours"),
    (read(24, first_on="2026-01-31", hours=(1,) * 23 + (2,)), "reading_hours"),
    (read(10**9 * 24 * 31 + 1), "reading_above_rating"),
    (read(10**9 + 23, first_on="2026-01-31", hours=(10**9 + 1,) + (1,) * 22 + (0,)), "reading_above_rating"),
]


@pytest.mark.parametrize(("command", "code"), REFUSALS, ids=lambda one: one if isinstance(one, str) else "")
def test_what_cannot_be_is_refused(park: Park, command: Command, code: str) -> None:
    """Each with its code, and the book as it was."""
    assert park.refused(command).code == code


@pytest.mark.parametrize("times", [5, 10, 100, 1_000, 10_000, 50_000])
def test_a_reading_in_another_unit_is_suspect(park: Park, times: int) -> None:
    """Against its own history, both ways; somebody who looked may confirm it."""
    for month in (1, 2, 3):
        park.post(read(28 * MWH, month, last_on=f"2026-{month:02}-28"))
    for quantity in (30 * MWH * times, 30 * MWH // times):
        if quantity <= 10**9 * 24 * 30:  # else the rating says so
            refusal = park.refused(read(quantity, 4))
            assert (refusal.code, refusal.figures["times"]) == ("reading_unit_suspect", str(times))
    park.post(read(30 * MWH // times, 4, confirmed=True))
    park.post(read(3 * 31 * MWH, 5))  # three times as much is a busy month, not another unit


@pytest.mark.parametrize(("times", "is_taken"), [(100, True), (499, True), (501, False), (1_000, False)])
def test_one_reading_tells_what_is_out_of_the_question(park: Park, times: int, is_taken: bool) -> None:
    """A meter may begin slowly; a thousand times as much is another unit."""
    park.post(read(31 * 1_000, 1))
    command = read(31 * 1_000 * times, 3)
    if is_taken:
        park.post(command)
    else:
        assert park.refused(command).code == "reading_unit_suspect"


def test_an_enterprise_reads_its_own_meters_only(park: Park) -> None:
    """Another's meter is as one that does not exist."""
    park.post(read(5), by=ONE)
    assert park.refused(read(5, 2), by=TWO).code == "unknown_meter"
    assert park.refused(meter("M-2"), by=ONE).code == "forbidden"


def test_a_sub_meter_stands_under_its_own(park: Park) -> None:
    """And says what it measures as the one above it does."""
    body = park.post(meter("M-2", under="M-1"))
    assert isinstance(body, MeterBody) and body.under == "M-1"


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("１２．５", "万千瓦时", 125_000_000),
        ("1,234.567", "MWh", 1_234_567_000),
        ("0.3", "亿千瓦时", 30_000_000_000),
        ("1.5", "GJ", 1_500_000),
        ("2.000001", "t", 2_000_001),
        ("12", "万立方米", 120_000_000),
        ("3", "m³", 3_000),
        ("2", "万Nm³", 20_000_000),
        ("2", "万度", 20_000_000),
        ("2", "kW·h", 2_000),
        ("1", "万张", "unit_unknown"),
        ("0.0001", "kWh", "reading_malformed"),
        ("约12", "MWh", "reading_malformed"),
        ("1e9", "MWh", "reading_malformed"),
        ("9" * 20, "亿千瓦时", "reading_malformed"),
    ],
)
def test_units_are_read_as_people_write_them(text: str, unit: str, expected: int | str) -> None:
    """Full-width digits, thousands and Chinese units are everyday input; what is not whole is refused."""
    found = smallest(text, unit)
    assert (found.code if isinstance(found, Refusal) else found[0]) == expected


@given(st.integers(0, 2**63 - 1))
def test_a_quantity_is_reported_exactly(quantity: int) -> None:
    """MWh and watt-hours are the same figure."""
    shown, unit = reported(quantity, "electricity")
    assert unit == "MWh" and smallest(f"{shown:f}", "MWh") == (quantity, "Wh")


def retire(quantity: int, **more: object) -> Retire:
    """A claim of GH-001 for 2026."""
    return Retire(enterprise="GH-001", quantity=quantity, purpose="VOLUNTARY", year="2026", evidence=CONFIRMED, **more)


@pytest.fixture
def limited(park: Park) -> Park:
    """A rule holds claims to consumption, which is 100 MWh; the enterprise holds 500 certificates."""
    row = PolicyRow(in_force_from="2026-01-01", rule=ClaimLimit(), source="domain 3.5, invariant 9")
    park.post(SetPolicy(row=row), by=ADMIN)
    park.book.carbon.claimed["GH-001", "2026"] = park.book.carbon.metered["GH-001", "2026"] = 0
    park.post(read(100 * MWH))
    park.give("Holding:Ent:GH-001", 500, lot="A")
    return park


def test_no_more_is_claimed_than_was_consumed(limited: Park) -> None:
    """The last certificate that fits is claimed; a late reading, or a reversal, makes room again."""
    limited.post(retire(60))
    refusal = limited.refused(retire(41))
    assert refusal.code == "claim_above_consumption"
    assert (refusal.figures["claimed"], refusal.figures["asked"], refusal.figures["metered"]) == ("60", "41", "100")
    limited.post(retire(40))
    assert limited.refused(retire(1)).code == "claim_above_consumption"
    limited.post(read(1 * MWH, 2))
    limited.post(retire(1))


def test_a_correction_takes_room_away(limited: Park) -> None:
    """What is claimed already stays claimed."""
    reading = next(iter(limited.book.carbon.readings["M-1"]))
    limited.post(retire(60))
    limited.post(read(50 * MWH, corrects=reading))
    assert limited.refused(retire(1)).code == "claim_above_consumption"


def test_without_the_rule_the_excess_is_told_and_not_refused(park: Park) -> None:
    """The twin: domain case T3 flags it in the inventory."""
    park.give("Holding:Ent:GH-001", 500, lot="A")
    park.post(retire(500))


def test_a_claim_taken_back_makes_room(limited: Park) -> None:
    """By an approved booking error."""
    claimed = limited.post(retire(100))
    retirement = limited.book.size - 1
    assert isinstance(claimed, PostingBody)
    limited.book.originals[retirement], limited.book.reversals[retirement] = claimed, {}
    proposal = limited.post(Reverse(transaction=retirement, reason="error", evidence=CONFIRMED))
    assert isinstance(proposal, ProposalBody)
    second = Principal(actor="key-op2", role="operator", subject="person:eve")
    limited.post(Approve(proposal=limited.book.size - 1), by=second)
    limited.post(retire(100, proof="HX-2"))
