"""Batches: a result for each item in order, all or nothing or each on its own, under keys of their own."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.writer import BATCH_MAX
from tests.api.conftest import GIVEN, A, B, Client, Service, problem_of, trade, transfer
from tests.conftest import code

NDJSON = "application/x-ndjson"
GOOD = {"type": "transfer"} | transfer(1)
POOR = {"type": "transfer"} | transfer(2**62)
WRONG = {"type": "transfer"} | transfer(2**63)


def subscription(quantity: int, **more: Any) -> dict[str, Any]:
    """A subscription as an item."""
    return {"type": "subscription", "quantity": str(quantity)} | more


def batch(
    caller: Client,
    items: list[dict[str, Any]],
    *,
    mode: str = "independent",
    form: str = "array",
    key: str | None = None,
) -> httpx.Response:
    """Send items as a JSON array or as NDJSON."""
    headers = {"Idempotency-Key": key} if key else {}
    if form == "array":
        return caller.send_bytes(f"/v1/batches?mode={mode}", json.dumps(items).encode(), headers=headers)
    content = b"\r\n".join(json.dumps(item).encode() for item in items) + b"\n\n"
    return caller.send_bytes(f"/v1/batches?mode={mode}", content, kind=NDJSON, headers=headers)


@pytest.mark.parametrize("form", ["array", "ndjson"])
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from([GOOD, POOR, WRONG]), min_size=1, max_size=8))
def test_each_item_has_its_own_result_in_order(service: Service, form: str, items: list[dict[str, Any]]) -> None:
    """Independent items are judged one by one; what was refused moves nothing."""
    held = service["a"].balance(A)
    answer = batch(service["a"], items, form=form, key=None).json()
    expected = ["posted" if item is GOOD else "refused" for item in items]
    assert [item["status"] for item in answer["items"]] == expected
    assert [item.get("code") for item in answer["items"]] == [
        None if item is GOOD else "insufficient_balance" if item is POOR else "invalid_quantity" for item in items
    ]
    assert answer["posted"] == expected.count("posted") and answer["refused"] == expected.count("refused")
    assert service["a"].balance(A) == held - expected.count("posted")


@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_all_kinds_of_facts_post_in_one_batch(fresh: Service, form: str) -> None:
    """A batch carries trades, their transfers, subscriptions and transfers; later items build on earlier ones."""
    sold = trade(50, order="BATCH1")
    items = [
        {"type": "trade"} | sold,
        {"type": "trade_transfer", "trade": "GEC/BATCH1/P1/2026-05"},
        subscription(9, enterprise=A),
        {"type": "transfer"} | transfer(50, lot="GEC/BATCH1/P1/2026-05"),
        {"type": "trade"} | trade(7, order="BATCH2", project=f"{'P1':0>17}"),
        {
            "type": "trade_identification",
            "trade": f"GEC/BATCH2/{'P1':0>17}/2026-05",
            "code_first": code("P1", "2026-05", 1, "CD"),
            "code_last": code("P1", "2026-05", 7, "CD"),
        },
        {"type": "trade_void", "trade": f"GEC/BATCH2/{'P1':0>17}/2026-05"},
    ]
    answer = batch(fresh["operator"], items, mode="all_or_nothing", form=form)
    assert answer.status_code == 200 and answer.json()["posted"] == len(items)
    ids = [int(item["receipt"]["transaction"]) for item in answer.json()["items"]]
    assert ids == sorted(ids)
    assert fresh["b"].balance(B) == GIVEN + 50
    records = {record["index"]: record for record in fresh.records()}
    assert [records[str(i)]["batch"]["i"] for i in ids] == [str(i) for i in range(1, len(items) + 1)]


@pytest.mark.parametrize("failing", [POOR, WRONG])
def test_an_atomic_batch_posts_nothing_where_one_item_is_refused(fresh: Service, failing: dict[str, Any]) -> None:
    """The problem is the failing item's; every other item reads batch_refused."""
    size, held = fresh.size, fresh["a"].balance(A)
    answer = batch(fresh["a"], [GOOD, GOOD, failing, GOOD], mode="all_or_nothing")
    found = problem_of(answer, 422)
    cause = found["code"]
    assert [item["code"] for item in found["items"]] == ["batch_refused", "batch_refused", cause, "batch_refused"]
    assert found["items"][0]["figures"] == {"item": "3", "refused_code": cause}
    assert fresh["a"].balance(A) == held
    assert fresh.size == size + (failing is POOR)


def test_the_same_items_post_where_they_are_independent(fresh: Service) -> None:
    """The twin: what holds the items back is the mode alone."""
    held = fresh["a"].balance(A)
    assert batch(fresh["a"], [GOOD, GOOD, POOR, GOOD], mode="independent").json()["posted"] == 3
    assert fresh["a"].balance(A) == held - 3


def test_only_the_failing_item_of_a_refused_batch_is_frozen(fresh: Service) -> None:
    """The other items post later under the same keys; the failing one stays refused for ever."""
    items = [GOOD | {"key": "one"}, POOR | {"key": "two"}, GOOD | {"key": "three"}]
    problem_of(batch(fresh["a"], items, mode="all_or_nothing"), 422, "insufficient_balance")
    assert fresh["a"].write("/v1/transfers", transfer(1), key="one").status_code == 201
    frozen = fresh["a"].write("/v1/transfers", transfer(2**62), key="two")
    problem_of(frozen, 422, "insufficient_balance")
    assert fresh["a"].write("/v1/transfers", transfer(2), key="two").json()["code"] == "request_key_reused"
    assert fresh["a"].write("/v1/transfers", transfer(7), key="three").status_code == 201


@pytest.mark.parametrize("mode", ["independent", "all_or_nothing"])
def test_a_repeated_batch_replays_every_item(fresh: Service, mode: str) -> None:
    """The same batch under the same key has the same receipts, marked replayed, in either form of body."""
    items = [subscription(3), subscription(4, key="own"), GOOD]
    first = batch(fresh["a"], items, mode=mode, key="batch").json()
    size = fresh.size
    again = batch(fresh["a"], items, mode=mode, form="ndjson", key="batch").json()
    assert [item["key"] for item in first["items"]] == ["batch/1", "own", "batch/3"]
    assert all(item["replayed"] for item in again["items"]) and not any(item.get("replayed") for item in first["items"])
    assert [item["receipt"] for item in again["items"]] == [item["receipt"] for item in first["items"]]
    assert fresh.size == size


def test_an_item_and_a_single_request_share_their_keys(fresh: Service) -> None:
    """A key freezes one outcome, whichever way it came in."""
    alone = fresh["a"].write("/v1/subscriptions", {"quantity": "5"}, key="shared").json()
    (item,) = batch(fresh["a"], [subscription(5, key="shared")]).json()["items"]
    assert item["replayed"] and item["receipt"] == alone
    (other,) = batch(fresh["a"], [subscription(6, key="shared")]).json()["items"]
    assert other["code"] == "request_key_reused"


def test_two_items_of_one_key_are_one_fact(fresh: Service) -> None:
    """Within a batch too: the same item again is a replay, another one is refused."""
    items = [subscription(5, key="k"), subscription(5, key="k"), subscription(6, key="k")]
    first, again, other = batch(fresh["a"], items).json()["items"]
    assert first["receipt"] == again["receipt"] and again["replayed"] and other["code"] == "request_key_reused"
    held = fresh["a"].get(f"/v1/accounts/Commitment:Ent:{A}/balances").json()["balances"][0]["quantity"]
    assert held == "5"
    found = problem_of(
        batch(fresh["a"], [subscription(1, key="m"), subscription(2, key="m")], mode="all_or_nothing"), 422
    )
    assert found["code"] == "request_key_reused"


def test_more_than_ten_thousand_items_are_refused(service: Service) -> None:
    """A batch has 1 to 10,000 items; one more is refused whole, and so is none."""
    size = service.size
    for count, form in ((0, "array"), (0, "ndjson"), (BATCH_MAX + 1, "array"), (BATCH_MAX + 1, "ndjson")):
        found = problem_of(batch(service["a"], [subscription(1)] * count, form=form), 400, "malformed_request")
        assert str(count) in found["detail"] and str(BATCH_MAX) in found["detail"]
    assert service.size == size


def test_ten_thousand_items_post_at_once(fresh: Service) -> None:
    """The largest batch there may be is one request and one segment."""
    answer = batch(fresh["a"], [subscription(1)] * BATCH_MAX, form="ndjson", mode="all_or_nothing")
    assert answer.status_code == 200 and answer.json()["posted"] == BATCH_MAX
    assert fresh.database.value("select max(record_count) from journal_segment") == BATCH_MAX


@pytest.mark.parametrize(
    ("items", "names"),
    [
        ([GOOD, {"type": "gift"}], "[1].type"),
        ([GOOD, {"quantity": "1"}], "[1]"),
        ([subscription(1), {"type": "subscription", "quantity": 5}], "[1].quantity: 5 was given"),
        ([subscription(1, key="a b")], "[0].key"),
        ([subscription(1, memo="x")], "memo"),
        ([1], "[0]"),
    ],
)
@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_an_item_that_is_none_refuses_the_batch(service: Service, items: list[Any], names: str, form: str) -> None:
    """A batch with a malformed item is malformed: the item and the field are named and nothing is posted."""
    size = service.size
    found = problem_of(batch(service["a"], items, form=form), 400, "malformed_request")
    assert names in found["detail"]
    assert service.size == size


def test_an_object_is_no_batch(service: Service) -> None:
    """A batch is an array."""
    problem_of(service["a"].write("/v1/batches", GOOD), 400, "malformed_request")
    problem_of(service["a"].write("/v1/batches?mode=some", [GOOD]), 400, "malformed_request")
