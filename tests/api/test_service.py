"""What surrounds the ledger: the document, its pages, metrics, logs and request ids; none tells a secret."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import structlog

from ledger.core.reasons import REASONS
from ledger.store.schema import LOGINS
from tests.api.conftest import A, Service, make_keys, problem_of, transfer
from tests.conftest import Park, Server

OUTSIDE = re.compile(r"https?://(?!www\.w3\.org/)")


def test_the_document_is_openapi_3_1(service: Service) -> None:
    """Every operation has an id, a summary, a tag, security where it is needed, and its problems in one form."""
    answer = service.nobody.get("/openapi.json")
    document = answer.json()
    assert answer.headers["content-type"] == "application/json" and document["openapi"].startswith("3.1.")
    operations = [(p, m, o) for p, item in document["paths"].items() for m, o in item.items()]
    assert len({o["operationId"] for _, _, o in operations}) == len(operations) >= 16
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    for path, method, operation in operations:
        assert operation["summary"] and operation["tags"], path
        assert operation.get("security", document["security"]) == (
            [] if path in {"/healthz", "/readyz"} else [{"key": []}]
        )
        failing = {status: response for status, response in operation["responses"].items() if status >= "400"}
        assert {"400", "405"} <= set(failing)
        for status, response in failing.items():
            assert response["content"] == problem, (path, status)
            assert "Content-Language" in response["headers"]
        if path.startswith("/v1/"):
            assert {"401", "403", "404", "422", "429", "503"} <= set(failing)
        if method == "post":
            assert {"409", "413", "415"} <= set(failing)
            # A file is known by its content, an import by itself.
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            assert path.startswith("/v1/imports") or path.endswith("/files") or "Idempotency-Key" in named


def test_no_body_takes_unknown_fields_and_no_problem_has_an_undeclared_status(service: Service) -> None:
    """Every object a caller sends is closed, and every reason of the catalogue has a status the writes declare."""
    document = service.nobody.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    sent = [name for name in schemas if name.endswith(("In", "Item"))]
    assert len(sent) >= 10 and all(schemas[name]["additionalProperties"] is False for name in sent)
    declared = set(document["paths"]["/v1/batches"]["post"]["responses"])
    assert {str(reason.status) for reason in REASONS.values()} <= declared


@pytest.mark.parametrize("language", ["en", "zh-CN,zh;q=0.9", "fr", "zh;q=0.2,en;q=0.8", "*", "zh;q=x", ""])
def test_a_problem_speaks_the_callers_language(service: Service, language: str) -> None:
    """Chinese where Chinese is the first language of ours that the caller takes, else English; codes never change."""
    for answer in (
        service["a"].get("/v1/transactions/99999", headers={"Accept-Language": language}),
        service["a"].get("/v1/nothing", headers={"Accept-Language": language}),
        service.nobody.get("/v1/accounts", headers={"Accept-Language": language}),
        service["a"].delete("/v1/accounts", headers={"Accept-Language": language}),
        service["a"].get("/v1/accounts?limit=x", headers={"Accept-Language": language}),
    ):
        found = problem_of(answer, answer.status_code)
        chinese = language == "zh-CN,zh;q=0.9"
        assert answer.headers["Content-Language"] == ("zh-CN" if chinese else "en")
        assert "Accept-Language" in answer.headers["Vary"]
        assert found["detail"].endswith("未作任何记账。" if chinese else "Nothing was posted.")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE"])
def test_another_method_is_told_the_right_ones(service: Service, method: str) -> None:
    """405 with Allow, on every path."""
    for path, allowed in (("/v1/accounts", "GET"), ("/v1/transfers", "POST"), (f"/v1/accounts/{A}/balances", "GET")):
        answer = service["a"].request(method, path)
        problem_of(answer, 405, "method_not_allowed")
        assert allowed in answer.headers["Allow"].split(", ") and method not in answer.headers["Allow"]


def test_the_pages_load_nothing_from_outside(service: Service) -> None:
    """The page and its two assets are served here, with their types, and name no other host to load from."""
    page = service.nobody.get("/docs")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert not OUTSIDE.search(page.text)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(loaded) == 2 and all(url.startswith("/docs/assets/") for url in loaded)
    kinds = {"css": "text/css", "js": "text/javascript"}
    for url in loaded:
        asset = service.nobody.get(url)
        assert asset.status_code == 200 and len(asset.content) > 10_000
        assert asset.headers["content-type"].startswith(kinds[url.rpartition(".")[2]])
    assert not re.search(r"url\(\s*['\"]?https?:", service.nobody.get("/docs/assets/swagger-ui.css").text)
    for name in ("swagger-ui-bundle.js.map", "..%2F__init__.py", "index.html", "../../etc/passwd"):
        problem_of(service.nobody.get(f"/docs/assets/{name}"), 404)


def test_metrics_count_requests_and_show_the_queue(service: Service) -> None:
    """Requests by method, route and status, times, and what waits; routes are templates, so no name is in them."""
    line = 'greenledger_requests_total{method="GET",route="/v1/transactions/{transaction}",status="404"} '

    def count() -> float:
        found = re.search(re.escape(line) + r"([0-9.]+)", service.nobody.get("/metrics").text)
        return float(found[1]) if found else 0

    before = count()
    for _ in range(3):
        service["a"].get("/v1/transactions/99999")
    assert count() == before + 3
    text = service.nobody.get("/metrics").text
    assert "\ngreenledger_queue_waiting 0.0" in text and "greenledger_request_seconds_bucket" in text
    service.nobody.get("/v1/gl_secret/path?key=gl_secret", headers={"Authorization": "Bearer gl_secret"})
    text = service.nobody.get("/metrics").text
    assert "gl_" not in text and not [key for key in service.keys.values() if key in text] and A not in text


@pytest.mark.parametrize(
    ("given", "echoed"),
    [
        ("abc-123", True), ("4bf92f3577b34da6a3ce929d0e0e4736", True), ("a" * 64, True), ("a" * 65, False),
        ("a b", False), ("é", False), ("gl_0123456789ab_secret", False), ("", False),
    ],
)  # fmt: skip
def test_a_request_id_is_echoed_where_it_is_a_plain_one(service: Service, given: str, echoed: bool) -> None:
    """Every answer has an id: the caller's, or one of ours where there is none, or none that a log should hold."""
    for path in ("/v1/limits", "/v1/nothing", "/healthz"):
        answer = service["a"].get(path, headers={"X-Request-Id": given.encode()})
        assert (answer.headers["X-Request-Id"] == given) is echoed
        assert re.fullmatch(r"[A-Za-z0-9._:/+=-]{1,64}", answer.headers["X-Request-Id"])
    ids = {service["a"].get("/v1/limits").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_fault_of_ours_is_told_without_its_trace(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug answers 500 as a problem that shows nothing of us; the log has its trace under the request's id."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("inner words")

    monkeypatch.setattr(service.app.state.reading, "accounts", broken)
    with structlog.testing.capture_logs() as entries:
        answer = service["a"].get("/v1/accounts", headers={"X-Request-Id": "find-me"})
    found = problem_of(answer, 500, "internal_fault")
    assert "inner words" not in answer.text and "Traceback" not in answer.text and "posted" in found["detail"]
    assert any(e["event"] == "internal_fault" and e["request_id"] == "find-me" for e in entries)


def test_a_database_that_is_gone_is_503(fresh: Service) -> None:
    """Reads and writes say so with when to come back, readiness turns, liveness does not; all return with it."""
    assert fresh.nobody.get("/readyz").json() == {"status": "ready"}
    with psycopg.connect(fresh.database.server.postgres.url(), autocommit=True) as admin:
        logins = [f"greenledger_{login}" for login in LOGINS]
        admin.execute(f"alter database {fresh.database.name} allow_connections false")  # type: ignore[arg-type]
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = any(%s)",
            (fresh.database.name, logins),
        )
        try:
            answer = fresh["a"].write("/v1/transfers", transfer(1), key="later")
            problem_of(answer, 503, "unavailable")
            assert answer.headers["Retry-After"] and fresh.nobody.get("/healthz").status_code == 200
        finally:
            admin.execute(f"alter database {fresh.database.name} allow_connections true")  # type: ignore[arg-type]
    deadline = time.monotonic() + 20
    while fresh["a"].write("/v1/transfers", transfer(1), key="later").status_code != 201:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert fresh["a"].get("/v1/accounts").status_code == 200


@pytest.fixture
def served(durable_server: Server, tmp_path: Path) -> Iterator[tuple[str, dict[str, str], Path]]:
    """`greenledger serve` in a process of its own: its URL, keys and the file of its standard error."""
    park = Park(durable_server.clone("template_park"))
    keys = make_keys(park)
    park.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "GREENLEDGER_"))}
    environment |= {f"DATABASE_URL_{login.upper()}": getattr(park.database.urls, login) for login in LOGINS}
    command = [sys.executable, "-m", "ledger.cli", "serve", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment | {"GREENLEDGER_HOME": str(tmp_path)}, stderr=log)
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 30
            while True:
                try:
                    httpx.get(f"{url}/readyz").raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                    time.sleep(0.1)
            yield url, keys, tmp_path / "log"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            park.database.drop()


def test_logs_are_json_with_request_ids_and_no_secret(served: tuple[str, dict[str, str], Path]) -> None:
    """Every line on standard error is one JSON document; what was refused has its id; no key, body or name is there."""
    url, keys, log = served
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {keys['a']}", "X-Request-Id": "call-17"}) as a:
        body = transfer(1, lot="BODY-TEXT")
        assert a.post("/v1/transfers", json=body, headers={"Idempotency-Key": "KEY-TEXT"}).status_code == 422
        assert a.get(f"/v1/accounts/{keys['b']}").status_code == 404
        assert a.get("/v1/accounts", headers={"Authorization": f"Bearer {keys['b']}x"}).status_code == 401
        assert a.get("/v1/accounts").status_code == 200
        assert a.post("/v1/batches", content=b"[" * 10_000, headers={"Idempotency-Key": "k"}).status_code == 415
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    answered = [line for line in lines if line["event"] == "answered"]
    assert [line["status"] for line in answered if line["request_id"] == "call-17"] == [422, 404, 401, 415]
    assert all({"level", "timestamp", "route", "ms"} <= set(line) for line in answered)
    text = log.read_text()
    hidden = ["BODY-TEXT", "KEY-TEXT", "GH-001", "gl_", "企业", *(key[16:] for key in keys.values())]
    assert not [secret for secret in hidden if secret in text]
