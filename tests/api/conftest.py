"""The API of one park on a loopback port, with a key for each role; everything a caller could do goes through HTTP."""

import contextlib
import itertools
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from ledger.core.command import CreateCredential, DeclareSigningKey
from ledger.keys import make_key
from ledger.settings import Settings
from tests.conftest import DOCUMENT, PLATFORM, PROJECT, Database, Park, Server
from tests.proof.logs import KEY
from tests.sealed import seal

A, B = "GH-001", "GH-002"
ROLES = {
    "a": ("enterprise", A),
    "b": ("enterprise", B),
    "operator": ("operator", None),
    "second": ("operator", None),
    "regulator": ("regulator", None),
    "auditor": ("auditor", None),
    "admin": ("admin", None),
}
"""Callers of every test by the name their key goes by: two enterprises and the four park-wide roles."""
GIVEN = 1_000_000
LOT, LOT_B = "LOT-A-7351", "LOT-B-9182"
PROVED = {"document": DOCUMENT, "level": "CONFIRMED"}
UNITS = {"project": PROJECT, "production_month": "2026-05", "quantity": "1", "evidence": PROVED}
"""One certificate of the project, by a document."""


class Service:
    """The API of a park, served by uvicorn in a thread of its own until `close`."""

    def __init__(self, database: Database, *, keys: dict[str, str], **settings: Any) -> None:
        self.database, self.keys = database, keys
        self.folder = Path(tempfile.mkdtemp(prefix="gl-signer-"))
        urls = database.urls
        settings = {"home": self.folder} | settings
        self.app = create_app(Settings(writer_url=urls.writer, reader_url=urls.reader, **settings))
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=0,
            loop="uvloop",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive() and time.monotonic() < deadline, "the API does not start"
            time.sleep(0.005)
        self.clients = {name: self.client(key) for name, key in keys.items()}
        self.nobody = self.client(None)

    def client(self, key: str | None, **headers: str) -> "Client":
        """A caller with this key."""
        given = headers if key is None else {"Authorization": f"Bearer {key}"} | headers
        return Client(base_url=self.url, headers=given, timeout=30)

    def __getitem__(self, name: str) -> "Client":
        return self.clients[name]

    @property
    def size(self) -> int:
        """The ledger's size, as stored."""
        return self.database.value("select size from head")

    def records(self) -> list[dict[str, Any]]:
        """Every record, through the API."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self["auditor"].get(
                "/v1/audit/records", params={"limit": 500} | ({"cursor": cursor} if cursor else {})
            )
            found += [item["record"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return found

    def seal(self) -> int:
        """Sign what is new; the newest size that is signed."""
        seal(self.database, self.folder)
        return self.database.value("select max(size) from checkpoint")

    def close(self) -> None:
        """End the server as SIGTERM would, and let the database go."""
        for client in (*self.clients.values(), self.nobody):
            client.close()
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._listener.close()
        self.database.drop()
        shutil.rmtree(self.folder)


class Client(httpx.Client):
    """An HTTP caller that makes up request keys where a test does not care."""

    def write(self, path: str, body: Any, *, key: str | None = None, **more: Any) -> httpx.Response:
        """POST a JSON body under a request key."""
        headers = {"Idempotency-Key": key or secrets.token_hex(8)} | more.pop("headers", {})
        return self.post(path, json=body, headers=headers, **more)

    def judge(self, proposal: str, judgement: str) -> httpx.Response:
        """Approve or reject a proposal; the request has no body."""
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        return self.post(f"/v1/proposals/{proposal}/{judgement}", headers=headers)

    def send_bytes(self, path: str, content: bytes, *, kind: str = "application/json", **more: Any) -> httpx.Response:
        """POST these very bytes under a fresh request key."""
        headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": kind} | more.pop("headers", {})
        return self.post(path, content=content, headers=headers, **more)

    def balance(self, party: str, commodity: str = "GEC") -> int:
        """What an enterprise holds now."""
        found = self.get(f"/v1/accounts/Holding:Ent:{party}/balances").json()["balances"]
        return int(next(b["quantity"] for b in found if b["commodity"] == commodity))


_numbers = itertools.count(1)


def transfer(quantity: int | str = 1, *, source: str = A, target: str = B, **more: Any) -> dict[str, Any]:
    """The body of a transfer between two enterprises' holdings."""
    quantity = str(quantity)
    given = quantity[1:] if quantity.startswith("-") else f"-{quantity}"
    return {
        "postings": [
            {"account": f"Holding:Ent:{source}", "commodity": "GEC", "quantity": given} | more,
            {"account": f"Holding:Ent:{target}", "commodity": "GEC", "quantity": quantity} | more,
        ]
    }


def trade(quantity: int = 100, *, buyer: str = A, order: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of a trade under an order of its own."""
    return {
        "platform": "GEC",
        "order": order or f"O{next(_numbers)}",
        "project": "P1",
        "production_month": "2026-05",
        "buyer": buyer,
        "seller": "S-0001",
        "quantity": str(quantity),
    } | more


def freeze(quantity: int, enterprise: str = A, **more: Any) -> dict[str, Any]:
    """The body of a freeze, or of its end, on the authority of a document."""
    return {"enterprise": enterprise, "quantity": str(quantity), "reason": "dispute", "evidence": PROVED} | more


def issuance(energy_kwh: int, **more: Any) -> dict[str, Any]:
    """The body of an issuance for the project's energy of a month."""
    body = {"project": PROJECT, "production_month": "2026-05", "energy_kwh": str(energy_kwh)}
    return body | {"reference": f"N{next(_numbers)}"} | more


def listing(quantity: int, **more: Any) -> dict[str, Any]:
    """The body of a listing by the project, or of its end."""
    return {"project": PROJECT, "platform": PLATFORM, "quantity": str(quantity)} | more


def retirement(quantity: int, **more: Any) -> dict[str, Any]:
    """The body of a claim for the year the lots of these tests were produced in."""
    return {"quantity": str(quantity), "purpose": "COMPLIANCE_SHARE", "year": "2026"} | more


def make_keys(park: Park) -> dict[str, str]:
    """A key for each of ROLES, by its name."""
    keys = {}
    for name, (role, tenant) in ROLES.items():
        new = make_key()
        command = CreateCredential(
            credential=new.credential,
            role=role,
            tenant=tenant,
            subject=f"person:{name}",
            secret_sha256=new.secret_sha256,
        )
        park.expect_posted(park.admin(command))
        keys[name] = new.text
    return keys


def open_service(server: Server, **settings: Any) -> Service:
    """A new park with a key for each role; enterprises A and B hold GIVEN certificates each, in lots of their own."""
    park = Park(server.clone("template_park"))
    keys = make_keys(park)
    park.give(A, GIVEN, lot=LOT)
    park.give(B, GIVEN, lot=LOT_B)
    park.give_serials(A, 1, 1000)
    park.expect_posted(park.admin(DeclareSigningKey(key=str(KEY.verifier))))
    park.close()
    service = Service(park.database, keys=keys, **settings)
    service.seal()
    return service


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """One park's API for all tests of a module."""
    with contextlib.closing(open_service(server)) as found:
        yield found


@pytest.fixture
def fresh(server: Server) -> Iterator[Service]:
    """A park's API for one test alone."""
    with contextlib.closing(open_service(server)) as found:
        yield found


def problem_of(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document an answer must be, in the one form all of them have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] in {"en", "zh-CN"}
    found = answer.json()
    assert found["status"] == status and found["type"] == f"urn:greenledger:problem:{found['code']}"
    assert found["title"] and found["detail"]
    if code is not None:
        assert found["code"] == code, found
    return found
