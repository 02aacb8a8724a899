"""Rules are data: read by anybody, put in force by the administrator through the journal, judged by their days."""

from typing import Any

import pytest

from tests.api.conftest import A, Service, freeze, problem_of, retirement
from tests.conftest import day


def rule(service: Service, judged: dict[str, Any], **dates: str) -> str:
    """Put a rule in force; the log index of its record."""
    body = {"in_force_from": "2020-01-01", "source": "test decree 7", "rule": judged} | dates
    answer = service["admin"].write("/v1/policies", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction"]


def test_every_rule_has_its_source_and_its_days(service: Service) -> None:
    """Page by page, in the order they were made, for whoever may read the book."""
    found, cursor = [], None
    while True:
        page = service["b"].get("/v1/policies", params={"limit": 40} | ({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) > 90 and all(one["source"] and one["in_force_from"] for one in found)
    assert {"move", "validity", "vintage_match", "compliance_basis", "trade_once", "approval"} <= {
        one["rule"]["kind"] for one in found
    }


def test_the_newest_rule_in_force_judges_and_the_record_names_it(service: Service) -> None:
    """Certificates of 2026 made to lapse at once cannot be retired; a rule for other days changes nothing."""
    body = retirement(1, enterprise=A)
    assert service["operator"].write("/v1/retirements", body).status_code == 201
    lapse = {"kind": "validity", "produced_from": "2026-01", "produced_before": "2027-01", "valid_until": "2026-06-30"}
    rule(service, lapse, in_force_from="2020-01-01", in_force_to="2020-12-31")
    assert service["operator"].write("/v1/retirements", body).status_code == 201
    number = rule(service, lapse, in_force_to=day(0))
    found = problem_of(service["operator"].write("/v1/retirements", body), 422)
    assert found["code"] in {"insufficient_balance", "expired"}
    normal = lapse | {"valid_until": "", "months": "24"}
    newest = rule(service, normal)
    posted = service["operator"].write("/v1/retirements", body).json()["transaction"]
    named = service["auditor"].get(f"/v1/transactions/{posted}").json()["policies"]
    assert newest in named and number not in named


def test_a_freeze_waits_for_a_second_person_where_a_rule_says_so(service: Service) -> None:
    """Nothing is frozen before somebody else approves; the proposer cannot."""
    held = service["operator"].balance(A)
    rule(service, {"kind": "approval", "command": "freeze", "of": "", "role": "operator"})
    proposed = service["operator"].write("/v1/freezes", freeze(5))
    assert (proposed.status_code, proposed.json()["status"]) == (202, "proposed")
    assert service["operator"].balance(A) == held
    number = proposed.json()["transaction"]
    problem_of(service["operator"].judge(number, "approvals"), 403, "second_person_needed")
    assert service["second"].judge(number, "approvals").status_code == 201
    assert service["operator"].balance(A) == held - 5


@pytest.mark.parametrize(
    "judged",
    [
        {"kind": "wish"},
        {"kind": "trade_once", "more": "1"},
        {"kind": "validity", "produced_from": "2026-01", "produced_before": "2027-01", "months": "many"},
        {
            "kind": "validity",
            "produced_from": "2026-01",
            "produced_before": "2027-01",
            "months": "24",
            "valid_until": "x",
        },
        {"kind": "validity", "produced_from": "2026-01", "produced_before": "2027-01", "valid_until": "2026-02-31"},
        {"kind": "validity", "produced_from": "2026", "produced_before": "2027-01", "months": "24"},
        {"kind": "compliance_basis", "consumed_from": "26", "consumed_before": "27", "basis": "HELD"},
        {"kind": "claim_region", "consumed_from": "2026", "consumed_before": "2027", "provinces": "青海"},
        {"kind": "claim_region", "consumed_from": "26", "consumed_before": "2027", "provinces": "QH GS"},
        {"kind": "vintage_match", "consumed_from": "now", "consumed_before": "2027", "match": "SAME_YEAR"},
        {"kind": "code_layout", "project": "17", "month": "6", "serial": "7", "classes": "3"},
        {"kind": "move", "command": "x", "commodity": "GEC", "role": "king", "source": "frozen", "target": "frozen"},
        {"kind": "move", "command": "x", "commodity": "GEC", "role": "operator", "source": "moon", "target": "frozen"},
    ],
)
def test_a_rule_that_can_judge_nothing_is_refused(service: Service, judged: dict[str, str]) -> None:
    """With what is wrong about it; nothing is recorded."""
    size = service.size
    body = {"in_force_from": "2026-01-01", "source": "x", "rule": judged}
    found = problem_of(
        service["admin"].write("/v1/policies", body), 400 if "wish" in str(judged) or "more" in judged else 422
    )
    assert found["code"] in {"malformed_request", "rule_unsound"}
    assert service.size == size
