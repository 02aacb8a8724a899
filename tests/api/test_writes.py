"""Every write: its receipt, its replay, and one effect however often and from wherever it is asked for."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import GIVEN, LOT, PROVED, A, B, Service, freeze, problem_of, retirement, trade, transfer
from tests.conftest import code

LOT_OF_A = {"lot": LOT}


def writes(service: Service) -> list[tuple[str, str, dict[str, Any], dict[str, Any], str]]:
    """(caller, path, body, another body under the same key, the field that differs) for every write route."""
    posted = trade(7)
    assert service["operator"].write("/v1/trades", posted).status_code == 201
    again = trade(8)
    assert service["operator"].write("/v1/trades", again).status_code == 201
    ids = ["/".join(("GEC", t["order"], "P1", "2026-05")) for t in (posted, again)]
    counted = trade(7, project=f"{'P1':0>17}")
    assert service["operator"].write("/v1/trades", counted).status_code == 201
    codes = {"code_first": code("P1", "2026-05", 1, "CD"), "code_last": code("P1", "2026-05", 7, "CD")}
    arrived = {"trade": f"GEC/{counted['order']}/{counted['project']}/2026-05"} | codes
    fresh = trade(9)
    return [
        ("a", "/v1/transfers", transfer(3), transfer(4), "legs[0].quantity, legs[1].quantity"),
        ("operator", "/v1/transfers", transfer(3), transfer(3, target="GH-003"), "legs[1].account"),
        ("a", "/v1/subscriptions", {"quantity": "5"}, {"quantity": "6"}, "quantity"),
        ("operator", "/v1/subscriptions", {"quantity": "5", "enterprise": A}, {"quantity": "5"}, "enterprise"),
        ("operator", "/v1/trades", fresh, fresh | {"price": "5.20"}, "price"),
        ("operator", "/v1/trades/transfers", {"trade": ids[0]}, {"trade": ids[1]}, "trade_id"),
        (
            "operator",
            "/v1/trades/identifications",
            arrived,
            arrived | {"code_last": arrived["code_first"]},
            "code_last",
        ),
        ("a", "/v1/retirements", retirement(2), retirement(2, purpose="EVENT"), "purpose"),
        ("operator", "/v1/retirements", retirement(2, enterprise=A), retirement(2, enterprise=B), "enterprise"),
        ("operator", "/v1/freezes", freeze(2), freeze(3), "quantity"),
        ("operator", "/v1/freezes/releases", freeze(1), freeze(1, reason="error"), "reason"),
        ("operator", "/v1/trades/voids", {"trade": ids[0]}, {"trade": ids[1]}, "trade_id"),
    ]


def test_every_write_answers_a_receipt_and_replays_it_to_the_byte(service: Service) -> None:
    """A write has its log index, time, size and balances; the same again is the same bytes; another body is refused."""
    for caller, path, body, other, differing in writes(service):
        size = service.size
        first = service[caller].write(path, body, key=f"k{path}{caller}")
        again = service[caller].write(path, body, key=f"k{path}{caller}")
        receipt = first.json()
        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
        assert first.content == again.content
        assert int(receipt["tree_size"]) == int(receipt["transaction"]) + 1 == service.size
        assert receipt["recorded_at"].endswith("Z") and service.size > size
        reused = problem_of(service[caller].write(path, other, key=f"k{path}{caller}"), 422, "request_key_reused")
        assert reused["figures"]["fields"] == differing


def test_a_receipt_shows_what_the_caller_holds_and_nobody_else(fresh: Service) -> None:
    """An enterprise sees its own balance after; the operator those of both sides; both as reads show them."""
    mine = fresh["a"].write("/v1/transfers", transfer(10, **LOT_OF_A)).json()
    assert mine["balances"] == [{"account": f"Holding:Ent:{A}", "commodity": "GEC", "quantity": str(GIVEN + 1000 - 10)}]
    both = fresh["operator"].write("/v1/transfers", transfer(10, **LOT_OF_A)).json()
    assert {b["account"]: b["quantity"] for b in both["balances"]} == {
        f"Holding:Ent:{A}": str(GIVEN + 1000 - 20),
        f"Holding:Ent:{B}": str(GIVEN + 20),
    }
    known = fresh["a"].get(f"/v1/accounts/Holding:Ent:{A}/balances", params={"known_as_of": mine["tree_size"]}).json()
    assert known["balances"][0]["quantity"] == mine["balances"][0]["quantity"]


def test_one_key_on_32_connections_has_one_effect(fresh: Service) -> None:
    """All callers of one key get the same bytes, one of them first and the others replayed."""
    size = fresh.size
    clients = [fresh.client(fresh.keys["a"]) for _ in range(32)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda client: client.write("/v1/transfers", transfer(5), key="storm"), clients))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert fresh.size == size + 1
    assert fresh["a"].balance(A) == GIVEN + 1000 - 5


def test_different_keys_on_32_connections_have_32_effects(fresh: Service) -> None:
    """The twin of the storm: without the one key every request counts, so the key is what held them together."""
    clients = [fresh.client(fresh.keys["a"]) for _ in range(32)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda client: client.write("/v1/transfers", transfer(5)), clients))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["transaction"] for answer in answers}) == 32
    assert fresh["a"].balance(A) == GIVEN + 1000 - 5 * 32


def test_a_refusal_is_frozen_under_its_key(fresh: Service) -> None:
    """A refusal by the state of the book is answered for ever, even after the balance would do."""
    body = transfer(GIVEN + 5, **LOT_OF_A)
    first = fresh["a"].write("/v1/transfers", body, key="frozen")
    problem = problem_of(first, 422, "insufficient_balance")
    assert problem["figures"]["available"] == str(GIVEN) and problem["record"] == str(fresh.size - 1)
    back = transfer(1000, source=B, target=A)
    assert fresh["b"].write("/v1/transfers", back).status_code == 201
    assert fresh["a"].write("/v1/transfers", transfer(2000, **LOT_OF_A)).status_code == 201
    assert fresh["a"].write("/v1/transfers", body, key="frozen").json() == problem
    assert fresh["a"].write("/v1/transfers", transfer(1), key="frozen").json()["code"] == "request_key_reused"


def test_a_malformed_request_does_not_use_its_key_up(fresh: Service) -> None:
    """What was wrong with the request itself may be put right under the same key."""
    problem_of(fresh["a"].write("/v1/transfers", {"postings": []}, key="again"), 400)
    problem_of(fresh["a"].write("/v1/transfers", transfer(1, target="GH-999"), key="again"), 422)
    assert fresh["a"].write("/v1/transfers", transfer(1), key="again").status_code == 201


def test_two_enterprises_may_use_the_same_key(fresh: Service) -> None:
    """A key belongs to its tenant: neither is told of the other's request."""
    assert fresh["a"].write("/v1/subscriptions", {"quantity": "1"}, key="same").status_code == 201
    other = fresh["b"].write("/v1/subscriptions", {"quantity": "2"}, key="same")
    assert other.status_code == 201 and "Idempotent-Replayed" not in other.headers


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 400_000)), min_size=1, max_size=6))
def test_transfers_move_what_they_say_or_nothing(service: Service, moves: list[tuple[str, int]]) -> None:
    """Whatever is asked for, the sum of both holdings stays, and each moves by what was posted."""
    held = {"a": service["a"].balance(A), "b": service["b"].balance(B)}
    party = {"a": A, "b": B}
    for source, quantity in moves:
        target = "b" if source == "a" else "a"
        body = transfer(quantity, source=party[source], target=party[target])
        answer = service[source].write("/v1/transfers", body)
        if answer.status_code == 201:
            held[source] -= quantity
            held[target] += quantity
        else:
            problem_of(answer, 422, "insufficient_balance")
            assert quantity > held[source]
    assert held == {"a": service["a"].balance(A), "b": service["b"].balance(B)}


@pytest.mark.parametrize("caller", ["regulator", "auditor", "admin"])
def test_only_enterprises_and_operators_post(service: Service, caller: str) -> None:
    """A regulator, an auditor and an administrator can post nothing, and nothing is recorded."""
    size = service.size
    for _, path, body, _, _ in writes(service):
        problem_of(service[caller].write(path, body), 403, "forbidden")
    problem_of(service[caller].write("/v1/batches", [{"type": "subscription", "quantity": "1"}]), 403, "forbidden")
    problem_of(service[caller].post("/v1/imports", files={"file": ("x.csv", b"a")}), 403, "forbidden")
    assert service.size == size + 6  # the three trades that `writes` makes as the operator, each with its lot


def test_a_proof_of_retirement_is_used_once(fresh: Service) -> None:
    """The same proof number, brought by another enterprise or again, claims nothing; the problem names it."""
    first = fresh["a"].write("/v1/retirements", retirement(5, proof="HX-2026/1"))
    assert first.status_code == 201
    names = {b["account"]: b["quantity"] for b in first.json()["balances"]}
    assert names[f"Retired:{A}:COMPLIANCE_SHARE:2026"] == "5"
    for caller in ("a", "b"):
        found = problem_of(fresh[caller].write("/v1/retirements", retirement(1, proof="HX-2026/1")), 409)
        assert found["code"] == "evidence_used"


def test_an_operator_says_whose_certificates_are_retired(service: Service) -> None:
    """Without an enterprise an operator's claim is refused; an enterprise cannot claim for another."""
    problem_of(service["operator"].write("/v1/retirements", retirement(1)), 422, "enterprise_needed")
    problem_of(service["a"].write("/v1/retirements", retirement(1, enterprise=B)), 403, "not_your_account")


def test_what_is_owed_for_a_trade_is_paid(fresh: Service) -> None:
    """An operator records the payment; the enterprise's cash account opens with it, and it sees both."""
    operator, a = fresh["operator"], fresh["a"]
    sold = operator.write("/v1/trades", trade(100, order="paid", amount_fen="50000", evidence=PROVED))
    assert sold.status_code == 201, sold.text
    lot = "GEC/paid/P1/2026-05"
    legs = [
        {"account": f"{name}:{A}", "commodity": "CNY", "quantity": fen, "lot": lot}
        for name, fen in (("Cash", "-50000"), ("Payable", "50000"))
    ]
    answer = operator.write("/v1/transfers", {"postings": legs, "evidence": PROVED})
    assert answer.status_code == 201, answer.text
    assert a.get(f"/v1/accounts/Payable:{A}/balances").json()["balances"][0]["quantity"] == "0"
    assert a.get(f"/v1/accounts/Cash:{A}/balances").json()["balances"][0]["quantity"] == "-50000"
    assert fresh["b"].get(f"/v1/accounts/Cash:{A}/balances").status_code == 404


def test_sums_beyond_a_bigint_are_told(fresh: Service) -> None:
    """Each account keeps within it; all of one kind together need not."""
    most = 2**63 - 1
    for party in (A, B):
        legs = [
            {"account": f"{name}:{party}", "commodity": "CNY", "quantity": str(sign * most)}
            for name, sign in (("Cash", -1), ("Payable", 1))
        ]
        assert fresh["operator"].write("/v1/transfers", {"postings": legs}).status_code == 201
    for asked in ({}, {"effective_as_of": "2030-01-01"}):
        found = fresh["regulator"].get("/v1/balances", params=asked).json()
        assert set(found["totals"].values()) == {"0"} and str(-2 * most) in str(found)


def test_a_trade_s_province_is_its_lot_s(fresh: Service) -> None:
    """What is known of the units comes with the trade that brings them."""
    sold = fresh["operator"].write("/v1/trades", trade(100, order="of-gansu", province="GS", evidence=PROVED))
    assert sold.status_code == 201, sold.text
    (found,) = fresh.database.rows("select province from lot where code = 'GEC/of-gansu/P1/2026-05'")
    assert found == ("GS",)
