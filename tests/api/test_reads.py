"""Reads: balances on both time axes, pages that join up, a trial balance of zero, and the journal's own bytes."""

import base64
import datetime
import hashlib
import itertools
import threading
import time
from typing import Any

import pytest

from ledger.proof.merkle import Frontier, leaf_hash
from tests.api.conftest import GIVEN, LOT, A, B, Client, Service, problem_of, trade, transfer
from tests.conftest import DOCUMENT, day

MINE = f"/v1/accounts/Holding:Ent:{A}"


def pages(caller: Client, path: str, limit: int) -> list[Any]:
    """All items of a list, page by page."""
    found, cursor = [], None
    while True:
        page = caller.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        assert 0 < len(page["items"]) <= limit or (cursor is None and not page["items"])
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def post_some(service: Service, count: int = 7) -> None:
    """Let A and B trade back and forth, today and on other days."""
    for at in range(count):
        assert service["a"].write("/v1/transfers", transfer(10 + at)).status_code == 201
        body = transfer(1 + at, source=B, target=A) | {
            "occurred_on": day(-at),
            "effective_on": day(at),
            "evidence": {"level": "REPORTED", "document": DOCUMENT},
        }
        assert service["operator"].write("/v1/transfers", body).status_code == 201


def test_accounts_are_listed_once_each_in_the_order_they_were_opened(service: Service) -> None:
    """Pages of any size join up to the same whole; an enterprise has its own accounts only."""
    whole = pages(service["operator"], "/v1/accounts", 500)
    keys = [(row["account"], row["commodity"]) for row in whole]
    assert len(set(keys)) == len(keys) > 20
    for limit in (1, 7, len(whole), len(whole) + 1):
        assert pages(service["operator"], "/v1/accounts", limit) == whole
    own = pages(service["a"], "/v1/accounts", 2)
    assert own == [row for row in whole if row["owner"] == A]
    assert service["a"].get(MINE).json() == [row for row in own if row["account"] == f"Holding:Ent:{A}"]


def test_balances_now_show_lots_and_serials(fresh: Service) -> None:
    """Every lot of an account with its quantity, both ends of each range included."""
    (held,) = fresh["a"].get(f"{MINE}/balances").json()["balances"]
    assert held["quantity"] == str(GIVEN + 1000) and held["unit"] == "certificate"
    lots = {lot["lot"]: lot for lot in held["lots"]}
    assert lots[LOT] == {"lot": LOT, "quantity": str(GIVEN), "serials": []}
    (numbered,) = (lot for lot in held["lots"] if lot["serials"])
    assert numbered["quantity"] == "1000" and numbered["serials"] == [["1", "1000"]]


def test_known_as_of_a_size_is_the_same_for_ever(fresh: Service) -> None:
    """The same pair of axes gives the same bytes however much is posted, registered or refused afterwards."""
    post_some(fresh)
    size = fresh.size
    asked = [
        (path, {"effective_as_of": on, "known_as_of": str(known)})
        for path in ("/v1/balances", f"{MINE}/balances", f"/v1/accounts/Holding:Ent:{B}/balances")
        for on in (day(-3), day(0), day(2), "9999-12-31")
        for known in (size, size - 3, 30)
    ]
    before = [fresh["operator"].get(path, params=params).content for path, params in asked]
    post_some(fresh)
    assert fresh["operator"].write("/v1/trades", trade(5)).status_code == 201
    assert [fresh["operator"].get(path, params=params).content for path, params in asked] == before


def test_a_party_registered_later_changes_no_earlier_answer(fresh: Service) -> None:
    """Accounts that were not yet open at a size are neither counted nor found at it."""
    early = fresh["operator"].get("/v1/balances", params={"known_as_of": "14"})
    assert early.status_code == 200
    assert all(line["kind"] not in {"holding_ent", "commitment_ent", "retired"} for line in early.json()["lines"])
    problem_of(fresh["operator"].get(f"{MINE}/balances", params={"known_as_of": "14"}), 404, "not_found")
    assert fresh["operator"].get("/v1/balances", params={"known_as_of": "0"}).json()["lines"] == []


def test_both_axes_agree_with_the_postings_shown(fresh: Service) -> None:
    """A balance on any day at any size is the sum of the postings known by then and effective by that day."""
    post_some(fresh)
    rows = pages(fresh["a"], f"{MINE}/postings", 500)
    sizes = sorted({int(row["transaction"]) + 1 for row in rows})
    for known in sizes[::3]:
        for on in (day(-5), day(-1), day(0), day(1), day(4), day(9)):
            params = {"known_as_of": known, "effective_as_of": on}
            shown = fresh["a"].get(f"{MINE}/balances", params=params).json()["balances"][0]["quantity"]
            summed = sum(
                int(row["quantity"]) for row in rows if int(row["transaction"]) < known and row["effective_on"] <= on
            )
            assert int(shown) == summed, params


def test_an_instant_is_a_size(fresh: Service) -> None:
    """The instant of a receipt shows the receipt's balance; the microsecond before does not; the future is unknown."""
    receipt = fresh["a"].write("/v1/transfers", transfer(5)).json()
    moment = datetime.datetime.fromisoformat(receipt["recorded_at"].replace("Z", "+00:00"))
    before = moment - datetime.timedelta(microseconds=1)
    shanghai = moment.astimezone(datetime.timezone(datetime.timedelta(hours=8))).isoformat()
    for asked, size in ((receipt["recorded_at"], receipt["tree_size"]), (shanghai, receipt["tree_size"])):
        found = fresh["a"].get(f"{MINE}/balances", params={"known_as_of": asked}).json()
        assert found["tree_size"] == size and found["balances"][0]["quantity"] == receipt["balances"][0]["quantity"]
    found = fresh["a"].get(f"{MINE}/balances", params={"known_as_of": before.isoformat()}).json()
    assert int(found["tree_size"]) < int(receipt["tree_size"])
    future = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)).isoformat()
    for unknown in (future, str(fresh.size + 1), "2999-01-01T00:00:00Z"):
        for path in (f"{MINE}/balances", "/v1/balances"):
            problem_of(fresh["a"].get(path, params={"known_as_of": unknown}), 422, "not_yet_known")


@pytest.mark.parametrize(
    "known_as_of", ["-1", "x", "1e3", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "１２", "1" * 19, ""]
)
def test_what_is_no_size_and_no_instant_is_refused(service: Service, known_as_of: str) -> None:
    """An axis that cannot be read is malformed, never taken for now."""
    problem_of(service["a"].get("/v1/balances", params={"known_as_of": known_as_of}), 400, "malformed_request")


def test_a_mistyped_axis_is_not_taken_for_now(service: Service) -> None:
    """A parameter nobody declared, or one given twice, is refused by name."""
    found = problem_of(service["a"].get("/v1/balances", params={"known_as_off": "3"}), 400, "malformed_request")
    assert "known_as_off" in found["detail"]
    problem_of(service["a"].get("/v1/balances?known_as_of=3&known_as_of=4"), 400, "malformed_request")


def test_postings_are_newest_first_and_join_up(fresh: Service) -> None:
    """Pages of any size give every posting once, each with the balance after it, also while others post."""
    post_some(fresh)
    whole = pages(fresh["a"], f"{MINE}/postings", 500)
    keys = [(int(row["transaction"]), row["leg"]) for row in whole]
    assert keys == sorted(set(keys), reverse=True)
    assert int(whole[0]["balance"]) == fresh["a"].balance(A)
    for newer, older in itertools.pairwise(whole):
        assert int(newer["balance"]) == int(older["balance"]) + int(newer["quantity"])
    for limit in (1, 2, 5, len(whole)):
        assert pages(fresh["a"], f"{MINE}/postings", limit) == whole
    first = fresh["a"].get(f"{MINE}/postings", params={"limit": 3}).json()
    post_some(fresh, 1)
    rest = fresh["a"].get(f"{MINE}/postings", params={"limit": 500, "cursor": first["next_cursor"]}).json()
    assert first["items"] + rest["items"] == whole


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!MTA", "MTA=", "LTE", "MSwy", "MSwyLDM", "MV8w", "/" * 8, "A" * 201, "MTI\n", ""]
)
def test_a_cursor_of_another_making_is_refused(service: Service, cursor: str) -> None:
    """Only a cursor that this list gave continues it."""
    for path in (f"{MINE}/postings", "/v1/accounts"):
        if (path, cursor) != (f"{MINE}/postings", "MSwy"):  # "1,2": two numbers, as postings have
            problem_of(service["a"].get(path, params={"cursor": cursor}), 400, "malformed_request")
    if cursor != "MSwy":
        problem_of(service["auditor"].get("/v1/audit/records", params={"cursor": cursor}), 400, "malformed_request")


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1.5", "", "１０", "99999999999999999999"])
def test_a_limit_out_of_bounds_is_refused(service: Service, limit: str) -> None:
    """A page has 1 to 500 rows."""
    for path in ("/v1/accounts", f"{MINE}/postings", "/v1/audit/records"):
        problem_of(service["operator"].get(path, params={"limit": limit}), 400, "malformed_request")


def test_the_trial_balance_is_zero_for_every_commodity(fresh: Service) -> None:
    """Over the whole park every total is zero, now and on both axes."""
    post_some(fresh)
    assert fresh["a"].write("/v1/subscriptions", {"quantity": "77"}).status_code == 201
    for params in (
        {},
        {"effective_as_of": day(2)},
        {"known_as_of": "35"},
        {"known_as_of": "35", "effective_as_of": day(-1)},
    ):
        found = fresh["regulator"].get("/v1/balances", params=params).json()
        assert set(found["totals"].values()) <= {"0"}
    now = fresh["regulator"].get("/v1/balances").json()
    assert set(now["totals"]) >= {"GEC", "GECSUB"}
    lines = {(line["commodity"], line["kind"]): line["quantity"] for line in now["lines"]}
    assert lines["GECSUB", "commitment_ent"] == "77" and lines["GECSUB", "commitment_contra"] == "-77"


def test_a_transaction_reads_back_as_posted(fresh: Service) -> None:
    """Both parties read it with their own side shown and the other withheld; the park's roles read all."""
    index = fresh["a"].write("/v1/transfers", transfer(5, lot=LOT)).json()["transaction"]
    for caller, own in (("a", A), ("b", B)):
        legs = fresh[caller].get(f"/v1/transactions/{index}").json()["postings"]
        assert {leg["account"] for leg in legs} == {f"Holding:Ent:{own}", "withheld"}
        assert {leg["account"] == "withheld" for leg in legs if leg["balance"] == "withheld"} == {True}
    found = fresh["regulator"].get(f"/v1/transactions/{index}").json()
    assert {leg["account"] for leg in found["postings"]} == {f"Holding:Ent:{A}", f"Holding:Ent:{B}"}
    assert (found["transaction"], found["command"], found["occurred_on"]) == (index, "transfer", day(0))


def test_audit_records_are_the_bytes_that_lead_to_the_root(fresh: Service) -> None:
    """Every page's bytes hash to their leaf, and all leaves together to the root shown."""
    post_some(fresh)
    for limit in (7, 100, 500):
        frontier, cursor, index = Frontier(), None, 0
        while True:
            page = fresh["auditor"].get(
                "/v1/audit/records", params={"limit": limit} | ({"cursor": cursor} if cursor else {})
            )
            found = page.json()
            for item in found["items"]:
                content = base64.b64decode(item["bytes"])
                assert leaf_hash(content).hex() == item["leaf_hash"] == hashlib.sha256(b"\0" + content).hexdigest()
                assert item["record"]["index"] == item["index"] == str(index)
                assert content in page.content
                frontier.append(leaf_hash(content))
                index += 1
            cursor = found["next_cursor"]
            if cursor is None:
                break
        assert frontier.root().hex() == found["root"] and str(index) == found["tree_size"]
    later = fresh["auditor"].get("/v1/audit/records", params={"from": 20, "limit": 1}).json()["items"]
    assert [item["index"] for item in later] == ["20"]
    assert fresh["auditor"].get("/v1/audit/records", params={"from": 2**53}).json()["items"] == []


def test_a_balance_and_its_size_are_of_one_moment(fresh: Service) -> None:
    """While others post, a read's figures are those of the size it names, as asking for that size shows."""
    stop = threading.Event()

    def post() -> None:
        with fresh.client(fresh.keys["a"]) as caller:
            while not stop.is_set():
                caller.write("/v1/transfers", transfer(1, lot=LOT))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        seen = []
        began = time.monotonic()
        while time.monotonic() - began < 3:
            for path in (f"{MINE}/balances", "/v1/balances"):
                seen.append((path, fresh["operator"].get(path).json()))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for path, found in seen:
        known = fresh["operator"].get(path, params={"known_as_of": found["tree_size"]}).json()
        if path == "/v1/balances":
            assert known["lines"] == found["lines"]
        else:
            assert known["balances"][0]["quantity"] == found["balances"][0]["quantity"]


def test_limits_are_told(service: Service) -> None:
    """What one request may carry is known before it is sent."""
    found = service["a"].get("/v1/limits").json()
    assert found["batch_items_max"] == 10_000 and found["page_max"] == 500 and found["quantity_max"] == str(2**63 - 1)
