"""A throwaway PostgreSQL for each run, a clone of one migrated database for each test, and a park to write to.

Tests below `tests/store` and `tests/machine` run on the newest PostgreSQL and on every other major version found
on the machine; all others on the newest. `LEDGER_TEST_POSTGRES` (majors by comma, such as `15`) overrides both.
"""

import asyncio
import datetime
import os
import secrets
import shutil
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import psycopg
import pytest
import uvloop

from ledger.core.certificate import LotFacts
from ledger.core.command import (
    Command,
    OpenLedger,
    Principal,
    RegisterParty,
    Request,
    canonical,
)
from ledger.core.events import (
    Evidence,
    Trade,
    TransferTrade,
)
from ledger.core.seed import SEED
from ledger.embedded import Binaries, EmbeddedPostgres, installed_binaries
from ledger.store import ledgers, schema
from ledger.store.outcomes import Outcome, Posted
from ledger.store.session import OPTIONS, Scope, connect_sync
from ledger.writer import Ledger, Writer

QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "autovacuum": "off",
}
ENTERPRISES = tuple(f"GH-{number:03}" for number in range(1, 7))
SELLER, PLATFORM = "S-0001", "GEC"
PROJECT, PROVINCE = f"{'P1':0>17}", "QH"
ZONE = ZoneInfo("Asia/Shanghai")
DOCUMENT = "d0" * 32


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of one coroutine, on a loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def today() -> str:
    """The ledger's civil day."""
    return datetime.datetime.now(ZONE).date().isoformat()


def day(offset: int) -> str:
    """The civil day so many days from today."""
    return (datetime.date.fromisoformat(today()) + datetime.timedelta(days=offset)).isoformat()


def holding(party: str) -> str:
    """The account an enterprise holds its certificates in."""
    return f"Holding:Ent:{party}"


def code(project: str, month: str, serial: int, classes: str = "AB") -> str:
    """A certificate code as the seeded layout cuts it: 17 + 6 + 7 + 2 characters."""
    return f"{project:0>17}{month.replace('-', '')}{serial:07}{classes}"


class Server:
    """One PostgreSQL of the run: an empty migrated database and one with an open park, to be cloned."""

    def __init__(self, binaries: Binaries, *, settings: dict[str, str], folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "pg", binaries=binaries, settings=settings)
        self.major, self.folder = binaries.major, folder
        self._secrets = folder / "secrets.json"
        self._made = 0

    def __enter__(self) -> "Server":
        self.postgres.start()
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute("create database template_empty template template0 encoding 'UTF8'")
        url = self.postgres.url("template_empty")
        self.urls = schema.migrate(url, secrets_file=self._secrets)
        opened = self.clone("template_empty", name="template_park")
        Park.open(opened)
        return self

    def __exit__(self, *_: object) -> None:
        self.postgres.stop()

    def clone(self, template: str, *, name: str | None = None) -> "Database":
        """A new database that equals the template."""
        self._made += 1
        name = name or f"test_{self._made}_{secrets.token_hex(3)}"
        self.execute(f"create database {name} template {template}")
        return Database(self, name)

    def execute(self, statement: str) -> None:
        """Run one statement as superuser, outside any transaction."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(statement)


class Database:
    """One database of a server, with the URLs of the superuser and of the run-time logins."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.admin_url = server.postgres.url(name)
        at = {login: _in_database(getattr(server.urls, login), name) for login in schema.LOGINS}
        self.urls = schema.Urls(**at)

    def drop(self) -> None:
        """Remove it, whoever is connected."""
        self.server.execute(f"drop database if exists {self.name} with (force)")

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a statement returns to the superuser, committed."""
        with psycopg.connect(self.admin_url, options=OPTIONS) as connection:
            cursor = connection.execute(text, parameters or None)  # type: ignore[arg-type]  # constants of the tests
            return cursor.fetchall() if cursor.description else []

    def value(self, text: str, *parameters: Any) -> Any:
        """The first column of the first row."""
        return self.rows(text, *parameters)[0][0]


class Park:
    """The ledger `ganhe` with six enterprises, a seller and a platform, and a writer on a loop of its own."""

    def __init__(self, database: Database, *, start: bool = True, **options: Any) -> None:
        self.database = database
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        with connect_sync(database.urls.writer) as connection:
            found = ledgers.find(connection, "ganhe") or ledgers.add(connection, "ganhe")
        self.ledger = Ledger(*found)
        self.options = options
        if start:
            self.writer = self.run(self.start_writer())

    @classmethod
    def open(cls, database: Database) -> None:
        """Open the ledger and register everybody; leaves nothing running."""
        park = cls(database)
        assert all(isinstance(outcome, Posted) for outcome in map(park.submit, opening_requests()))
        park.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine on the park's loop, where its writers live."""
        return self.runner.run(work)

    async def start_writer(self) -> Writer:
        """Another writer of this ledger, started."""
        writer = Writer(self.database.urls.writer, self.ledger, **self.options)
        await writer.start()
        return writer

    def restart(self) -> None:
        """Stop the writer and start a new one, which knows only what is stored."""
        self.run(self.writer.stop())
        self.writer = self.run(self.start_writer())

    def close(self) -> None:
        """Stop the writer and end the loop."""
        self.run(self.writer.stop())
        self.runner.close()

    def submit(self, request: Request) -> Outcome:
        """The outcome of one request."""
        return self.run(self.writer.submit(request))

    def together(self, requests: Sequence[Request]) -> list[Outcome]:
        """The outcomes of requests that callers send at the same moment, in this order."""

        async def work() -> list[Outcome]:
            return await asyncio.gather(*(self.writer.submit(request) for request in requests))

        return self.run(work())

    def batch(self, requests: Sequence[Request], *, atomic: bool) -> list[Outcome]:
        """The outcomes of one batch."""
        return self.run(self.writer.submit_batch(requests, atomic=atomic))

    def operator(self, command: Command, *, key: str | None = None, evidence_key: str | None = None) -> Request:
        """A request of the park's operator."""
        principal = Principal(actor="local:clerk", role="operator", subject="person:clerk")
        return request_of(command, principal, key=key, evidence_key=evidence_key)

    def admin(self, command: Command, *, key: str | None = None) -> Request:
        """A request of the administrator."""
        return request_of(command, Principal(actor="local:root", role="admin", subject="person:root"), key=key)

    def enterprise(self, party: str, command: Command, *, key: str | None = None) -> Request:
        """A request under an enterprise's own key."""
        principal = Principal(actor=f"key-{party}", role="enterprise", subject=f"system:{party}", tenant=party)
        return request_of(command, principal, key=key)

    def trade(self, trade_id: str, buyer: str, quantity: int, **more: Any) -> Trade:
        """A trade of count-only units in a lot of their own, unless `more` says otherwise."""
        month = more.pop("month", "2026-05")
        project = more.pop("project", "P1")
        lot = LotFacts(code=more.pop("lot", f"L-{trade_id}"), numbered=False, production_month=month, project=project)
        return Trade(
            trade_id=trade_id, buyer=buyer, seller=SELLER, platform=PLATFORM, quantity=quantity, lot=lot, **more
        )

    def give(self, party: str, quantity: int, *, lot: str, month: str = "2026-05") -> None:
        """Let the enterprise hold count-only units of a lot."""
        trade = self.trade(f"t/{lot}/{party}", party, quantity, lot=lot, month=month)
        self.expect_posted(self.operator(trade), self.operator(TransferTrade(trade_id=trade.trade_id)))

    def give_serials(self, party: str, first: int, last: int, *, on: str | None = None, month: str = "2026-05") -> str:
        """Let the enterprise hold numbered units; the code of their lot."""
        project = f"{'P1':0>17}"
        dates: dict[str, Any] = (
            {}
            if on is None
            else {"occurred_on": today(), "effective_on": on, "evidence": Evidence(level="REPORTED", document=DOCUMENT)}
        )
        trade = self.trade(
            f"n/{first}/{party}",
            party,
            last - first + 1,
            project=project,
            month=month,
            code_first=code("P1", month, first),
            code_last=code("P1", month, last),
        )
        transfer = TransferTrade(trade_id=trade.trade_id, **dates)
        self.expect_posted(self.operator(trade), self.operator(transfer))
        return f"{project}/{month}/AB"

    def expect_posted(self, *requests: Request) -> list[Posted]:
        """Submit one after another; every one must be posted."""
        outcomes = [self.submit(request) for request in requests]
        assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
        return outcomes

    def scope(self, tenant: str = "*") -> Scope:
        """What a reader of this ledger sees, as one tenant or all."""
        return Scope(self.ledger.ledger_id, tenant)


def request_of(
    command: Command, principal: Principal, *, key: str | None = None, evidence_key: str | None = None
) -> Request:
    """The request this principal makes."""
    return Request(
        command=command,
        principal=principal,
        request_key=key or secrets.token_hex(8),
        evidence_key=evidence_key,
        canonical=canonical(command),
        salt_seed=secrets.token_bytes(32),
    )


def opening_requests() -> list[Request]:
    """What a park begins with: the ledger, its rules, six enterprises, a seller and a platform."""
    clerk = Principal(actor="local:clerk", role="operator", subject="person:clerk")
    parties = [RegisterParty(party=p, kind="enterprise", name=f"企业{p}") for p in ENTERPRISES]
    parties.append(RegisterParty(party=SELLER, kind="seller", name="卖方"))
    parties.append(RegisterParty(party=PLATFORM, kind="platform", name="绿证平台"))
    parties.append(RegisterParty(party=PROJECT, kind="project", name="茶卡示例光伏"))
    parties.append(RegisterParty(party=PROVINCE, kind="province", name="青海省级绿证账户"))
    opening = OpenLedger(origin="greenledger.example/ganhe", zone="Asia/Shanghai", rows=SEED)
    root = Principal(actor="local:root", role="admin", subject="person:root")
    return [request_of(opening, root, key="open"), *(request_of(c, clerk, key=f"register {c.party}") for c in parties)]


def versions(*, every: bool) -> list[Binaries]:
    """The newest PostgreSQL found, or one of every major version."""
    found = {binaries.major: binaries for binaries in reversed(installed_binaries())}
    wanted = os.environ.get("LEDGER_TEST_POSTGRES")
    majors = sorted(map(int, wanted.split(",")) if wanted else found, reverse=True)
    return [found[major] for major in (majors if every else majors[:1])]


def pytest_configure(config: pytest.Config) -> None:
    """Register our own marker."""
    config.addinivalue_line("markers", "newest_only: run on the newest PostgreSQL only, to save time")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that need a server one of each version they are to run on."""
    if "server" in metafunc.fixturenames:
        every = bool({"store", "machine"} & set(metafunc.definition.path.parts))
        every = every and metafunc.definition.get_closest_marker("newest_only") is None
        found = versions(every=every)
        metafunc.parametrize("server", found, ids=[f"pg{b.major}" for b in found], indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server without durability, for tests that kill nothing."""
    yield from _served(request.param, QUICK)


@pytest.fixture(scope="session")
def durable_server() -> Iterator[Server]:
    """A server with every durability setting on, as in production."""
    yield from _served(versions(every=False)[0], {"shared_buffers": "64MB"})


def _served(binaries: Binaries, settings: dict[str, str]) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="gl-"))
    folder.chmod(0o755)
    try:
        with Server(binaries, settings=settings, folder=folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A migrated database without any ledger."""
    found = server.clone("template_empty")
    yield found
    found.drop()


@pytest.fixture
def park(server: Server) -> Iterator[Park]:
    """The open park with a started writer."""
    found = Park(server.clone("template_park"))
    yield found
    found.close()
    found.database.drop()


def _in_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))
