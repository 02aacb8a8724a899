"""What changed between two states of knowledge: the difference of two reads, with the transactions that made it."""

import datetime
from typing import Any

import pytest

from tests.api.conftest import UNITS, A, B, Client, Service, problem_of, transfer
from tests.conftest import day, today


def balance(client: Client, party: str, size: str, on: str) -> int:
    """What an enterprise held on a day, as known at a size: the read that the changes must agree with."""
    found = client.get(
        f"/v1/accounts/Holding:Ent:{party}/balances", params={"effective_as_of": on, "known_as_of": size}
    ).json()
    return int(next(one["quantity"] for one in found["balances"] if one["commodity"] == "GEC"))


def changes(client: Client, **asked: str) -> dict[str, Any]:
    """The answer, once it is one."""
    answer = client.get("/v1/audit/changes", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def late(service: Service, quantity: int, on: str) -> str:
    """Certificates that A held before the book began, told late by a document; its transaction."""
    body = UNITS | {"enterprise": A, "quantity": str(quantity), "occurred_on": on, "reference": f"late-{on}"}
    answer = service["operator"].write("/v1/openings", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction"]


def test_late_facts_of_a_month_are_found(fresh: Service) -> None:
    """After a report of a month two facts come in: one of the month, one of today. Asked for the month, one shows."""
    month_end = (datetime.date.fromisoformat(today()).replace(day=1) - datetime.timedelta(days=1)).isoformat()
    fresh["operator"].write("/v1/transfers", transfer(5))
    reported = str(fresh.size)
    of_month = late(fresh, 30, month_end)
    of_today = fresh["a"].write("/v1/transfers", transfer(7)).json()["transaction"]
    found = changes(fresh["regulator"], from_size=reported, effective_as_of=month_end)
    assert [(m["month"], m["transactions"], m["late"]) for m in found["months"]] == [(month_end[:7], "1", "1")]
    moved = {one["account"]: one for one in found["balances"]}
    assert moved.keys() == {f"Holding:Ent:{A}", f"Opening:{A}"}
    one = moved[f"Holding:Ent:{A}"]
    assert one["transactions"] == [of_month] and one["postings"] == "1"
    assert int(one["before"]) == balance(fresh["auditor"], A, reported, month_end)
    assert int(one["after"]) == balance(fresh["auditor"], A, found["to_size"], month_end)
    assert int(one["after"]) - int(one["before"]) == 30
    assert (moved[f"Opening:{A}"]["before"], moved[f"Opening:{A}"]["after"]) == ("0", "-30")
    held = {(one["party"], one["figure"]): int(one["after"]) - int(one["before"]) for one in found["positions"]}
    assert held == {(A, "held"): 30}
    everything = changes(fresh["regulator"], from_size=reported)
    assert {m["month"]: m["late"] for m in everything["months"]} == {month_end[:7]: "1", today()[:7]: "0"}
    assert {t for one in everything["balances"] for t in one["transactions"]} == {of_month, of_today}


def test_nothing_changed_between_a_size_and_itself(service: Service) -> None:
    """The same state twice: no month, balance or position differs."""
    size = str(service.size)
    found = changes(service["auditor"], from_size=size, to_size=size)
    assert (found["months"], found["balances"], found["positions"]) == ([], [], [])


def test_pages_together_are_the_whole(fresh: Service) -> None:
    """Balances come page by page, each account once."""
    late(fresh, 3, day(-2))
    whole = changes(fresh["auditor"], from_size="0")["balances"]
    pages, cursor = [], None
    while True:
        asked = {"from_size": "0", "limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = changes(fresh["auditor"], **asked)
        pages += page["balances"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == whole and len(whole) > 4


def test_enterprise_sees_what_changed_of_its_own(fresh: Service) -> None:
    """B's changes have B's accounts, and nobody else's."""
    size = str(fresh.size)
    fresh["a"].write("/v1/transfers", transfer(2))
    found = changes(fresh["b"], from_size=size)
    assert {one["account"] for one in found["balances"]} == {f"Holding:Ent:{B}"}
    assert {one["party"] for one in found["positions"]} == {B}
    assert f"Holding:Ent:{A}" not in str(found)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "malformed_request"),
        ({"from_size": "yesterday"}, 400, "malformed_request"),
        ({"from_size": "90000000"}, 422, "not_yet_known"),
        ({"from_size": "50", "to_size": "20"}, 404, "not_found"),
    ],
)
def test_wrong_question_is_refused(service: Service, asked: dict[str, str], status: int, code: str) -> None:
    """No start, no size, one that is not yet known, or backwards."""
    problem_of(service["auditor"].get("/v1/audit/changes", params=asked), status, code)
