"""Bad input: a clear refusal with a stable code, in two languages, and nothing posted."""

import json
import re
import socket
import time
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger.writer
from tests.api.conftest import A, B, Service, problem_of, trade, transfer
from tests.conftest import day

HAN = re.compile("[\u4e00-\u9fff]")
MIB = 1024 * 1024


def changed(**changes: Any) -> dict[str, Any]:
    """A transfer whose first posting has these fields changed."""
    body = transfer(1)
    body["postings"][0] |= changes
    return body


def quantity(given: Any) -> dict[str, Any]:
    """A subscription of this quantity."""
    return {"quantity": given}


CASES: dict[str, tuple[str, Any, int, str, str]] = {
    # name: path, body, status, code, what the answer must name
    "unbalanced": ("/v1/transfers", changed(quantity="-2"), 422, "unbalanced", "-1"),
    "one posting": ("/v1/transfers", {"postings": transfer(1)["postings"][:1]}, 422, "too_few_postings", "1"),
    "too many postings": ("/v1/transfers", {"postings": transfer(1)["postings"] * 101}, 422, "too_many_pieces", "202"),
    "unknown account": ("/v1/transfers", transfer(1, target="GH-999"), 422, "unknown_account", "Holding:Ent:GH-999"),
    "unknown commodity": ("/v1/transfers", transfer(1, commodity="GOLD"), 422, "unknown_commodity", "GOLD"),
    "unknown lot": ("/v1/transfers", transfer(1, lot="L-nowhere"), 422, "", "L-nowhere|available"),
    "overdraft": ("/v1/transfers", transfer(2**62), 422, "insufficient_balance", str(2**62)),
    "beyond 2^63": ("/v1/transfers", transfer(2**63), 422, "invalid_quantity", str(2**63)),
    "far beyond 2^63": ("/v1/transfers", transfer("9" * 400), 400, "malformed_request", "999"),
    "zero": ("/v1/transfers", changed(quantity="0"), 400, "malformed_request", '"0"'),
    "minus zero": ("/v1/transfers", changed(quantity="-0"), 400, "malformed_request", '"-0"'),
    "float": ("/v1/transfers", changed(quantity=-1.5), 400, "malformed_request", "-1.5"),
    "huge float": ("/v1/transfers", changed(quantity=1e400), 400, "malformed_request", "quantity|not JSON"),
    "number": ("/v1/transfers", changed(quantity=-1), 400, "malformed_request", "-1"),
    "boolean": ("/v1/transfers", changed(quantity=True), 400, "malformed_request", "true"),
    "null": ("/v1/transfers", changed(quantity=None), 400, "malformed_request", "null"),
    "full-width digits": ("/v1/subscriptions", quantity("１００"), 400, "malformed_request", "１００.*ASCII digits"),
    "arabic digits": ("/v1/subscriptions", quantity("١٢"), 400, "malformed_request", "ASCII digits"),
    "thousands": ("/v1/subscriptions", quantity("1,000"), 400, "malformed_request", "1,000"),
    "negative": ("/v1/subscriptions", quantity("-5"), 400, "malformed_request", "-5"),
    "trailing newline": ("/v1/subscriptions", quantity("5\n"), 400, "malformed_request", "U\\+000A"),
    "nul": ("/v1/transfers", changed(account="Holding:Ent:GH-001\0"), 400, "malformed_request", "U\\+0000"),
    "chinese account": ("/v1/transfers", changed(account="持有:企业"), 400, "malformed_request", "持有:企业"),
    "chinese lot": ("/v1/transfers", changed(lot="批次"), 400, "malformed_request", "批次"),
    "unknown field": ("/v1/transfers", changed(memo="x"), 400, "malformed_request", "memo"),
    "unknown top field": ("/v1/subscriptions", quantity("1") | {"note": "x"}, 400, "malformed_request", "note"),
    "missing field": ("/v1/subscriptions", {}, 400, "malformed_request", "quantity"),
    "not an object": ("/v1/subscriptions", ["1"], 400, "malformed_request", "array"),
    "null body": ("/v1/subscriptions", None, 400, "malformed_request", "null"),
    "no such day": (
        "/v1/subscriptions",
        quantity("1") | {"occurred_on": "2026-02-30"},
        400,
        "malformed_request",
        "02-30",
    ),
    "future": ("/v1/subscriptions", quantity("1") | {"occurred_on": day(3)}, 422, "future_date_not_permitted", day(3)),
    "past": ("/v1/subscriptions", quantity("1") | {"occurred_on": day(-3)}, 422, "past_date_not_permitted", day(-3)),
    "another's account": ("/v1/transfers", transfer(1, source=B, target=A), 403, "not_your_account", B),
    "another's promise": ("/v1/subscriptions", quantity("1") | {"enterprise": B}, 403, "not_your_account", B),
    "serials backwards": (
        "/v1/transfers",
        changed(lot="L-a", serials=[{"first": "9", "last": "2"}]),
        422,
        "serials_mismatch",
        "-6",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_clearly_in_both_languages(service: Service, name: str) -> None:
    """The answer names what was given, ends with the effect, and at most a refusal is recorded."""
    path, body, status, code, names = CASES[name]
    size, before = service.size, service.database.value("select count(*) from posting")
    content = json.dumps(body).encode()
    answer = service["a"].send_bytes(path, content)
    found = problem_of(answer, status, code or None)
    assert answer.headers["Content-Language"] == "en" and "Nothing was posted." in found["detail"]
    assert re.search(names, found["detail"]), found["detail"]
    answer = service["a"].send_bytes(path, content, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    chinese = problem_of(answer, status, found["code"])
    assert answer.headers["Content-Language"] == "zh-CN" and chinese["detail"].endswith("未作任何记账。")
    assert HAN.search(chinese["title"])
    recorded = 2 if "record" in found else 0
    assert service.size == size + recorded
    assert service.database.value("select count(*) from posting") == before


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n", "empty"),
    "not json": (b"quantity=5", "not JSON"),
    "cut off": (b'{"quantity": "5"', "not JSON"),
    "two values": (b'{"quantity":"5"}{"quantity":"6"}', "not JSON"),
    "duplicate key": (b'{"quantity":"5","quantity":"6"}', "'quantity'"),
    "duplicate key within": (b'{"quantity":"5","evidence":{"level":"REPORTED","level":"DECLARED"}}', "'level'"),
    "duplicate key spelled otherwise": (b'{"quantity":"5","quantit\\u0079":"6"}', "'quantity'"),
    "deep arrays": (b"[" * 100_000, "deep"),
    "deep arrays, closed": (b'{"quantity":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
    "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deep"),
    "invalid utf-8": (b'{"quantity":"\xff"}', "UTF-8"),
    "utf-16": ('{"quantity":"5"}'.encode("utf-16"), "UTF-8"),
    "surrogate": (b'{"quantity":"\\ud800"}', "U\\+D800"),
    "surrogate in a name": (b'{"quantity":"5","\\udfff":"1"}', "U\\+DFFF"),
    "not a number": (b'{"quantity":NaN}', "NaN"),
    "endless number": (b'{"quantity":' + b"9" * 10_000 + b"}", "not JSON|quantity"),
}


@pytest.mark.parametrize("path", ["/v1/subscriptions", "/v1/batches"])
@pytest.mark.parametrize("name", BODIES)
def test_a_broken_body_is_malformed(service: Service, name: str, path: str) -> None:
    """Bytes that are no request are refused as such, at once, and nothing is recorded."""
    content, names = BODIES[name]
    size, began = service.size, time.monotonic()
    found = problem_of(service["a"].send_bytes(path, content), 400, "malformed_request")
    assert path == "/v1/batches" or re.search(names, found["detail"]), found["detail"]
    assert time.monotonic() - began < 2
    assert service.size == size


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/plain", "application/x-www-form-urlencoded", "*/*", "json", ""]
)
def test_another_media_type_is_not_read(service: Service, kind: str) -> None:
    """A body must say what it is: 415 otherwise."""
    for path in (
        "/v1/subscriptions",
        "/v1/transfers",
        "/v1/trades",
        "/v1/batches",
        "/v1/imports",
        "/v1/readings/files",
    ):
        answer = service["operator"].send_bytes(path, b'{"quantity":"5"}', kind=kind)
        problem_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("key", [None, "", "a b", "a\tb", "é", "键", "x" * 201])
def test_a_write_needs_a_plain_request_key(service: Service, key: str | None) -> None:
    """A missing or malformed Idempotency-Key is refused before anything is looked at."""
    headers = {} if key is None else {"Idempotency-Key": key.encode()}
    size = service.size
    for path, body in (
        ("/v1/subscriptions", quantity("1")),
        ("/v1/batches", [{"type": "subscription", "quantity": "1"}]),
    ):
        found = problem_of(service["a"].post(path, json=body, headers=headers), 400, "malformed_request")
        assert "Idempotency-Key" in found["detail"]
    assert service.size == size


def test_another_ledger_is_refused(service: Service) -> None:
    """A credential belongs to one ledger; naming another in the header is refused, naming the own one is not."""
    for role in service.keys:
        problem_of(service[role].get("/v1/limits", headers={"Ledger": "other"}), 403, "forbidden")
        assert service[role].get("/v1/limits", headers={"Ledger": "ganhe"}).status_code == 200


def test_a_hundred_megabytes_are_refused_before_they_are_sent(service: Service) -> None:
    """The size that a request announces is enough to refuse it, within a second."""
    head = (
        f"POST /v1/transfers HTTP/1.1\r\nHost: x\r\nIdempotency-Key: big\r\n"
        f"Authorization: Bearer {service.keys['a']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {100 * MIB}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as caller:
        began = time.monotonic()
        caller.sendall(head.encode() + b" " * 1000)
        assert caller.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/transfers", 16), ("/v1/batches", 16), ("/v1/imports", 512), ("/v1/readings/files", 64)]
)
def test_a_stream_without_end_is_cut_off_at_the_limit(service: Service, path: str, limit: int) -> None:
    """A body of unknown size is read up to the limit only: the server's memory does not grow by what is sent."""
    sent, held = 0, psutil.Process().memory_info().rss
    is_form = path in {"/v1/imports", "/v1/readings/files"}
    kind = "multipart/form-data; boundary=x" if is_form else "application/json"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: big\r\n"
        f"Authorization: Bearer {service.keys['operator']}\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as caller:
        caller.sendall(head.encode())
        chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
        opening = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        if is_form:
            caller.sendall(f"{len(opening):x}\r\n".encode() + opening + b"\r\n")
        caller.settimeout(0.001)
        answer = b""
        while sent < 2 * limit * MIB and not answer:
            try:
                answer = caller.recv(4096)
            except TimeoutError:
                caller.settimeout(5)
                caller.sendall(chunk)
                sent += MIB
                caller.settimeout(0.001)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert sent <= (limit + 16) * MIB
    grown = psutil.Process().memory_info().rss - held
    assert grown < 64 * MIB


def test_a_full_queue_is_told_with_when_to_come_back(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above QUEUE_MAX every write hears 503 and Retry-After, a batch as a whole; with room again it posts."""
    size = fresh.size
    monkeypatch.setattr(ledger.writer, "QUEUE_MAX", 0)
    items = [{"type": "subscription", "quantity": "1"}]
    for answer in (
        fresh["a"].write("/v1/transfers", transfer(1), key="k"),
        fresh["operator"].write("/v1/trades", trade()),
        fresh["a"].write("/v1/batches", items),
        fresh["a"].write("/v1/batches?mode=independent", items),
    ):
        assert problem_of(answer, 503, "queue_full")["figures"]["limit"] == "0"
        assert int(answer.headers["Retry-After"]) > 0
    assert fresh.size == size
    monkeypatch.undo()
    assert fresh["a"].write("/v1/transfers", transfer(1), key="k").status_code == 201


def test_too_many_refusals_are_not_recorded(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the quota a refusal is 429 with Retry-After and leaves no record; others are not slowed."""
    monkeypatch.setattr(fresh.app.state.writers, "_refusals_per_minute", 3)
    answers = [fresh["a"].write("/v1/transfers", transfer(2**62)) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429, 429]
    assert problem_of(answers[-1], 429, "quota_exceeded") and answers[-1].headers["Retry-After"]
    assert fresh["b"].write("/v1/transfers", transfer(2**62, source=B, target=A)).status_code == 422


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"quantity": text}).encode()))
def test_no_bytes_make_the_service_fail(service: Service, content: bytes) -> None:
    """Whatever the bytes, the answer is a receipt or a problem, never a fault of ours."""
    answer = service["a"].send_bytes("/v1/subscriptions", content)
    assert answer.status_code in {201, 400, 422}
    if answer.status_code != 201:
        problem_of(answer, answer.status_code)


@pytest.mark.parametrize(("language", "words"), [("en", "Expected one of"), ("zh-CN", "应为以下之一")])
def test_a_word_that_is_none_of_the_choices_is_told_them(service: Service, language: str, words: str) -> None:
    """The problem says what was given and every word that would do, in either language."""
    body = {"quantity": "1", "purpose": "WISH", "year": "2026"}
    answer = service["a"].write("/v1/retirements", body, headers={"Accept-Language": language})
    (error,) = problem_of(answer, 400, "malformed_request")["errors"]
    assert (error["field"], error["given"]) == ("purpose", '"WISH"')
    assert error["problem"].startswith(words)
    assert all(choice in error["problem"] for choice in ("COMPLIANCE_SHARE", "VOLUNTARY", "EVENT", "OTHER"))
