"""What all commands share: the console, their common options, a database opened and released, refusals to run."""

import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import psycopg
from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ledger import logs
from ledger.backup import RestoreRefused, ToolFailed
from ledger.database import Database, open_database, open_ledger
from ledger.embedded import PostgresUnavailable
from ledger.settings import read_settings
from ledger.store.schema import UnfitDatabase
from ledger.writer import Writer

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print one JSON document and nothing else.")]
LedgerName = Annotated[str | None, Parameter(name="--ledger", help="The ledger; by default ganhe.")]

out = Console()
err = Console(stderr=True)


class Unusable(Exception):
    """The command cannot run here; the message says what was found and what to do."""


async def opened(
    database: Database,
    ledger: str | None,
    work: Callable[[Writer], Awaitable[Any]],
    *,
    continues: str | None = None,
) -> Any:
    """Run `work` with a started writer of the ledger; a new one may name the ledger it goes on from."""
    settings = read_settings()
    if re.fullmatch(r"[a-z][a-z0-9-]{0,62}", ledger or settings.ledger) is None:
        name = ledger or settings.ledger
        raise Unusable(f"{name} is no name of a ledger: a small letter, then letters, digits and dashes, 63 at most.")
    writer = await open_ledger(database.urls, ledger or settings.ledger, continues=continues)
    try:
        return await work(writer)
    finally:
        await writer.stop()


@contextmanager
def at_database(*, migrated: bool = True) -> Iterator[Database]:
    """The database, opened and at the end released; Unusable where there is none, or it is not fit."""
    logs.configure()
    try:
        with open_database(read_settings(), migrated=migrated) as database:
            yield database
    except (PostgresUnavailable, UnfitDatabase, RestoreRefused, FileExistsError, ToolFailed) as why:
        raise Unusable(str(why)) from why
    except psycopg.ProgrammingError as why:
        if why.sqlstate is not None:
            raise
        raise Unusable(f"the database's URL cannot be read: {why}") from why
    except psycopg.OperationalError as why:
        raise Unusable(f"the database cannot be reached: {why}") from why


def admin(database: Database) -> str:
    """The migrator's URL; Unusable where only run-time logins were given."""
    if database.admin_url is None:
        raise Unusable("this command needs the migrator's DATABASE_URL.")
    return database.admin_url


def read(file: Path) -> bytes:
    """A file's content; Unusable where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as why:
        raise Unusable(f"{file} cannot be read: {why.strerror}.") from why


@contextmanager
def opened_file(file: Path) -> Iterator[BinaryIO]:
    """A file, open for reading; Unusable where it cannot be."""
    try:
        source = file.open("rb")
    except OSError as why:
        raise Unusable(f"{file} cannot be read: {why.strerror}.") from why
    with source:
        yield source


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Something that moves on standard error while there is work of unknown length."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as moving:
        moving.add_task(what, total=None)
        yield


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error that hears (done, of all)."""
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
