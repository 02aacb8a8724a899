"""Where the ledger lives: a real server by its URL, or the embedded one; migrated, with its ledger opened."""

import contextlib
import getpass
import hashlib
import secrets
from collections.abc import Iterator

import msgspec
import psycopg
from psycopg import sql

from ledger.core.command import (
    Command,
    OpenLedger,
    Principal,
    Request,
    Role,
    SetPolicy,
    canonical,
)
from ledger.core.seed import SEED
from ledger.embedded import EmbeddedPostgres
from ledger.settings import Settings
from ledger.store import ledgers, schema
from ledger.store.backfill import backfill
from ledger.store.outcomes import Outcome, Posted, Refused
from ledger.store.session import connect_sync
from ledger.writer import Ledger, Writer

DATABASE = "greenledger"


class Database(msgspec.Struct, frozen=True):
    """A migrated database and the URLs of its run-time logins."""

    urls: schema.Urls
    admin_url: str | None = None
    """The migrator's; None where only the run-time logins were given."""
    server: EmbeddedPostgres | None = None


@contextlib.contextmanager
def open_database(settings: Settings, *, migrated: bool = True) -> Iterator[Database]:
    """The database, started and (unless told otherwise) migrated where that is ours to do; released at the end.

    Raises embedded.PostgresUnavailable, schema.UnfitDatabase or psycopg.OperationalError.
    """
    if settings.database_url is None and settings.writer_url and settings.reader_url:
        urls = schema.Urls(writer=settings.writer_url, reader=settings.reader_url, signer=settings.signer_url or "")
        yield Database(urls)
        return
    if settings.database_url is not None:
        admin_url = settings.database_url
        yield Database(_migrate(settings, admin_url) if migrated else _NO_LOGINS, admin_url)
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    with EmbeddedPostgres(settings.home / "postgres") as server:
        admin_url = server.url(DATABASE)
        make_database(server.url("postgres"), DATABASE)
        yield Database(_migrate(settings, admin_url) if migrated else _NO_LOGINS, admin_url, server)


_NO_LOGINS = schema.Urls(writer="", reader="", signer="")
"""What a restore begins with: logins come with the restored database."""


def make_database(server_url: str, name: str) -> None:
    """Create the database where the server does not have it: UTF8 always."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            text = sql.SQL("create database {} template template0 encoding 'UTF8'").format(sql.Identifier(name))
            connection.execute(text)


def _migrate(settings: Settings, admin_url: str) -> schema.Urls:
    given = {"writer": settings.writer_url, "reader": settings.reader_url, "signer": settings.signer_url}
    return schema.migrate(
        admin_url,
        secrets_file=settings.home / "logins.json",
        given={login: url for login, url in given.items() if url is not None},
    )


async def open_ledger(
    urls: schema.Urls, name: str, *, refusals_per_minute: int | None = None, continues: str | None = None
) -> Writer:
    """A started writer of the ledger, which is made and opened with the seed rules where it does not exist.

    A new one may name the ledger it goes on from (`continues`: origin, size, root).

    A ledger opened by an earlier version is given the seed rules that came since, each as a fact of its own, and the
    projections that came since, from its journal.
    """
    with connect_sync(urls.writer) as connection:
        schema.check_fitness(connection)
        found = ledgers.find(connection, name)
        if found is None:
            found = ledgers.add(connection, name)
            connection.commit()
        backfill(connection, found[0], name)
        connection.commit()
        recorded = ledgers.rules(connection, found[0])
    more = {} if refusals_per_minute is None else {"refusals_per_minute": refusals_per_minute}
    writer = Writer(urls.writer, Ledger(*found), **more)
    await writer.start()
    admin = local_principal("admin")
    # Keys make each of these happen once, whoever comes first.
    if not recorded:
        opening = OpenLedger(origin=ledgers.ORIGIN.format(name=name), zone=found[2], rows=SEED, continues=continues)
        await expect_posted(writer.submit(request(opening, admin, key="open-ledger", private=False)))
        return writer
    for row in SEED:
        if row not in recorded:
            command = SetPolicy(row=row)
            key = f"seed:{hashlib.sha256(canonical(command)).hexdigest()}"
            await expect_posted(writer.submit(request(command, admin, key=key, private=False)))
    return writer


async def expect_posted(outcome) -> Posted:  # type: ignore[no-untyped-def]  # any awaitable of an Outcome
    """The receipt of a command that must not fail; RuntimeError with the refusal's own words otherwise."""
    result: Outcome = await outcome
    if isinstance(result, Posted):
        return result
    raise RuntimeError(result.refusal.detail() if isinstance(result, Refused) else "the outcome is not known")


def local_principal(role: Role = "operator") -> Principal:
    """Who acts on the command line: `local:<OS user>`, for whoever owns the data folder."""
    user = getpass.getuser()
    return Principal(actor=f"local:{user}", role=role, subject=f"person:{user}")


def request(
    command: Command,
    principal: Principal,
    *,
    key: str | None = None,
    evidence_key: str | None = None,
    private: bool = True,
) -> Request:
    """A request with its canonical bytes; a key is made up where the caller has none to repeat."""
    return Request(
        command=command,
        principal=principal,
        request_key=key or secrets.token_hex(16),
        evidence_key=evidence_key,
        canonical=canonical(command),
        salt_seed=secrets.token_bytes(32) if private else b"",
    )
