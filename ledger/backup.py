"""Backup and restore of a whole database, by PostgreSQL's own tools; a restored ledger must have the same root.

The passwords of the logins and the keys of signers are never in a backup.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger.embedded import PostgresUnavailable, installed_binaries
from ledger.proof.merkle import Frontier
from ledger.store import schema
from ledger.store.rebuild import Check, check
from ledger.store.session import OPTIONS


class LedgerState(msgspec.Struct, frozen=True):
    """A ledger's size and root."""

    ledger: str
    size: int
    root: str


class RestoreRefused(Exception):
    """The restore cannot go on; the message says what was found and what is expected."""


class ToolFailed(Exception):
    """One of PostgreSQL's own tools failed; the message has its words."""


def backup(admin_url: str, file: Path) -> list[LedgerState]:
    """Write the database to `file` (pg_dump's custom format) at one snapshot; the ledgers' states in it.

    Raises FileExistsError rather than overwrite, and ToolFailed with pg_dump's own words.
    """
    if file.exists():
        raise FileExistsError(f"{file} exists; a backup is never overwritten.")
    with psycopg.connect(admin_url, options=OPTIONS) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot(), current_setting('server_version_num')::int").fetchone()
        assert row is not None
        states = _states(connection)
        part = file.with_name(file.name + ".part")
        _run(
            "pg_dump",
            row[1] // 10000,
            admin_url,
            "--format=custom",
            "--schema=greenledger",
            "--no-sync",
            f"--snapshot={row[0]}",
            f"--file={part}",
        )
    part.chmod(0o600)
    part.replace(file)
    return states


def restore(admin_url: str, file: Path, *, secrets_file: Path) -> list[Check]:
    """Restore a backup into a database that has no ledger yet, and prove every ledger equal to its journal.

    Raises RestoreRefused where the database holds a ledger already, or the proof fails.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if connection.execute("select to_regclass('greenledger.head')").fetchone() != (None,):
            raise RestoreRefused("the database holds a ledger already; restore into an empty one.")
        version = connection.info.server_version // 10000
        schema.prepare(connection, admin_url, secrets_file=secrets_file)
        connection.execute("drop schema greenledger")
    database = str(conninfo_to_dict(admin_url)["dbname"])
    _run("pg_restore", version, admin_url, f"--dbname={database}", "--single-transaction", "--exit-on-error", str(file))
    with psycopg.connect(admin_url, options=OPTIONS) as connection:
        names = connection.execute("select ledger_id, name from ledger order by 1").fetchall()
        connection.rollback()
        checks = []
        for ledger_id, name in names:
            checks.append(check(connection, ledger_id, name))
            connection.rollback()
    if bad := [found for found in checks if not found.is_equal]:
        raise RestoreRefused(f"ledger {bad[0].ledger} differs from its journal: {bad[0].findings[0]}")
    return checks


def _states(connection: psycopg.Connection[Any]) -> list[LedgerState]:
    rows = connection.execute(
        "select name, size, frontier from ledger join head using (ledger_id) order by 1"
    ).fetchall()
    return [
        LedgerState(name, size, Frontier.decode(size, bytes(frontier)).root().hex()) for name, size, frontier in rows
    ]


def _run(tool: str, major: int, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's tools of the server's version or newer; the password travels in the environment."""
    fitting = sorted((b for b in installed_binaries() if b.major >= major), key=lambda b: b.major)
    if not fitting:
        raise PostgresUnavailable(f"{tool} {major} or newer is needed and was not found.")
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    environment = os.environ | {names[key]: value for key, value in parts.items() if key in names}
    done = subprocess.run(  # noqa: S603 (our own binaries, no shell)
        [fitting[0].folder / tool, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolFailed(f"{tool} failed: {done.stderr.strip()[-2000:]}")
