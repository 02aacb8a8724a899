"""An inventory's life: pinned when submitted, verified or returned by a second person, restated and never changed."""

import pytest

from ledger.core.command import Command, JudgeInventory, Principal, SubmitInventory
from ledger.core.record import InventoryBody
from tests.core.park import ONE, OPERATOR, TWO, Park, day

SECOND = Principal(actor="key-op2", role="operator", subject="person:eve")
SYSTEM = Principal(actor="key-sys", role="operator", subject="system:erp")


def inventory(enterprise: str = "GH-001", **more: object) -> SubmitInventory:
    """A submission of 2025."""
    given = {"tree_size": 9, "factors_on": "2026-06-30", "digest": "d" * 64, "figures": {"scope1": "1"}, "year": "2025"}
    return SubmitInventory(**({"enterprise": enterprise} | given | more))


def verify(index: int, verdict: str = "verified", findings: str = "no_findings") -> JudgeInventory:
    """A second person's word."""
    return JudgeInventory(inventory=index, verdict=verdict, findings=findings)  # type: ignore[arg-type]  # literals


@pytest.fixture
def park() -> Park:
    """A park with one submitted inventory."""
    park = Park()
    park.post(inventory(), by=ONE)
    return park


def newest(park: Park) -> int:
    """The log index of the last record."""
    return park.book.size - 1


def states(park: Park) -> list[str]:
    """Of all inventories in order."""
    return [one.state for _, one in sorted(park.book.carbon.inventories.items())]


def test_submitted_verified_restated(park: Park) -> None:
    """Each step is a record; the one restated stands until what takes its place is verified."""
    first = newest(park)
    body = park.post(verify(first))
    assert isinstance(body, InventoryBody) and (body.state, body.subject) == ("verified", OPERATOR.subject)
    park.post(inventory(restates=first, digest="e" * 64), by=ONE)
    assert states(park) == ["verified", "submitted"]
    park.post(verify(newest(park)))
    assert states(park) == ["restated", "verified"]


@pytest.mark.parametrize(
    ("year", "on", "is_taken"),
    [
        ("2025", "2025-12-31", True), ("2025", "2025-12-30", False), ("2025", day(1), False), ("2026", day(0), True),
        ("2026", day(-1), True), ("2026", day(-2), False), ("2031", day(0), False), ("2031", "2031-12-31", False),
    ],
)  # fmt: skip
def test_the_day_of_a_report(year: str, on: str, is_taken: bool) -> None:
    """From the last day of the year, or today where the year goes on (yesterday, if asked at midnight), up to today."""
    command = inventory(year=year, factors_on=on)
    if is_taken:
        Park().post(command, by=ONE)
    else:
        assert Park().refused(command, by=ONE).code == "inventory_day"


def test_what_is_not_verified_may_be_submitted_anew(park: Park) -> None:
    """Only the newest is judged."""
    first = newest(park)
    park.post(inventory(digest="e" * 64), by=ONE)
    second = newest(park)
    assert park.refused(verify(first)).code == "inventory_decided"
    park.post(verify(second, "returned", "material"))
    assert states(park) == ["submitted", "returned"]
    park.post(inventory(digest="f" * 64))


@pytest.mark.parametrize(
    ("command", "by", "code"),
    [
        (inventory("GH-404"), OPERATOR, "unknown_party"),
        (inventory("GH-002"), ONE, "unknown_party"),
        (inventory(restates=3), ONE, "inventory_not_verified"),
        (verify(4), OPERATOR, "inventory_unknown"),
        (verify(0), TWO, "forbidden"),
        (verify(0, "verified", "material"), SECOND, "inventory_findings"),
        (verify(0), SYSTEM, "inventory_second_person"),
    ],
)
def test_what_cannot_be_is_refused(park: Park, command: Command, by: Principal, code: str) -> None:
    """Each with its code; index 0 stands for the one that was submitted."""
    if isinstance(command, JudgeInventory) and command.inventory == 0:
        command = verify(newest(park), command.verdict, command.findings)
    assert park.refused(command, by=by).code == code


def test_nobody_verifies_what_he_submitted() -> None:
    """Whatever key he uses."""
    park = Park()
    park.post(inventory())
    assert park.refused(verify(newest(park))).code == "inventory_second_person"
    park.post(verify(newest(park)), by=SECOND)


def test_a_verified_inventory_is_restated_not_changed(park: Park) -> None:
    """A submission that does not name it is refused, by whomever."""
    park.post(verify(newest(park)))
    for by in (ONE, OPERATOR):
        assert park.refused(inventory(digest="e" * 64), by=by).code == "inventory_verified"
    park.post(inventory(year="2024"), by=ONE)
