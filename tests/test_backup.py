"""Backup and restore: the same root, the same ledger going on, and no secret in the file."""

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledger.backup import RestoreRefused, backup, restore
from ledger.core.events import (
    Leg,
    Transfer,
)
from ledger.keys import make_key
from ledger.store.rebuild import check
from ledger.store.session import connect_sync
from tests.api.conftest import make_keys
from tests.conftest import Database, Park, Server, holding
from tests.test_cli import Shell

A, B = "GH-001", "GH-002"


def transfer(quantity: int) -> Transfer:
    """Between two enterprises."""
    return Transfer(legs=(Leg(holding(A), "GEC", -quantity), Leg(holding(B), "GEC", quantity)))


@pytest.fixture
def empty(server: Server) -> Iterator[Database]:
    """A database of the server with nothing in it."""
    server.execute("create database restored template template0 encoding 'UTF8'")
    found = Database(server, "restored")
    yield found
    found.drop()


@pytest.fixture
def kept(park: Park, tmp_path: Path) -> Iterator[tuple[Park, Path]]:
    """A park with some history, and its backup."""
    park.give(A, 500, lot="L1")
    park.give_serials(A, 1, 100)
    park.expect_posted(park.enterprise(A, transfer(30), key="before"))
    park.run(park.writer.stop())
    file = tmp_path / "ledger.backup"
    (state,) = backup(park.database.admin_url, file)
    assert (state.ledger, state.size) == ("ganhe", park.database.value("select size from head"))
    yield park, file


def secrets_file(server: Server) -> Path:
    """Where the server's logins have their passwords: they belong to the server, not to one database."""
    return server._secrets


def test_a_restored_ledger_has_the_same_root_and_goes_on(
    server: Server, kept: tuple[Park, Path], empty: Database
) -> None:
    """The restored root is the backup's, projections equal the journal, the next transfer posts, an old one replays."""
    park, file = kept
    with connect_sync(park.database.admin_url) as connection:
        before = check(connection, park.ledger.ledger_id, "ganhe")
    (after,) = restore(empty.admin_url, file, secrets_file=secrets_file(server))
    assert after.is_equal and (after.records, after.root) == (before.records, before.root)
    going_on = Park(empty)
    again, posted = going_on.expect_posted(
        going_on.enterprise(A, transfer(30), key="before"), going_on.enterprise(A, transfer(7))
    )
    assert again.replayed and posted.index == after.records
    assert {b.account: b.balance for b in posted.balances} == {holding(A): 600 - 37}
    going_on.close()
    with connect_sync(empty.admin_url) as connection:
        assert check(connection, park.ledger.ledger_id, "ganhe").is_equal


def test_a_restored_ledger_is_guarded_as_before(server: Server, kept: tuple[Park, Path], empty: Database) -> None:
    """Grants and triggers come with the backup: the writer cannot change a fact, the reader sees no table."""
    _, file = kept
    restore(empty.admin_url, file, secrets_file=secrets_file(server))
    for login, statement in (
        (empty.urls.writer, "update posting set quantity = 1"),
        (empty.urls.writer, "delete from journal_segment"),
        (empty.urls.reader, "select * from posting"),
        (empty.admin_url, "truncate posting"),
    ):
        with connect_sync(login) as connection, pytest.raises(Exception, match=r"refused|permission denied"):
            connection.execute(statement)


def test_restoring_over_a_ledger_is_refused(server: Server, kept: tuple[Park, Path]) -> None:
    """A database that holds a ledger keeps it, to the byte."""
    park, file = kept
    before = park.database.rows("select * from head")
    with pytest.raises(RestoreRefused, match="holds a ledger already"):
        restore(park.database.admin_url, file, secrets_file=secrets_file(server))
    assert park.database.rows("select * from head") == before


def test_a_backup_is_never_overwritten(kept: tuple[Park, Path]) -> None:
    """A file that exists stays as it is."""
    park, file = kept
    content = file.read_bytes()
    with pytest.raises(FileExistsError):
        backup(park.database.admin_url, file)
    assert file.read_bytes() == content and stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_backup_holds_no_password_and_no_key(server: Server, park: Park, tmp_path: Path) -> None:
    """No login's password and no API key stands in the unpacked dump; what should be there is found in it."""
    keys = make_keys(park)
    file = tmp_path / "ledger.backup"
    backup(park.database.admin_url, file)
    unpack = server.postgres.binaries.folder / "pg_restore"
    text = subprocess.run([unpack, "--file=-", file], capture_output=True, text=True, check=True).stdout
    assert "企业GH-001" in text and keys["a"].split("_")[1] in text  # the twin: what is there is found
    passwords = json.loads(secrets_file(server).read_text()).values()
    hidden = [key[16:] for key in keys.values()] + list(passwords)
    hidden += [str(urlsplit(getattr(server.urls, login)).password) for login in ("writer", "reader", "signer")]
    assert not [secret for secret in hidden if secret in text]
    assert make_key().text[16:] not in text


def test_backup_and_restore_on_the_command_line(durable_server: Server, tmp_path: Path) -> None:
    """backup and restore print one document each, with the same size and root; a second restore exits 2."""
    shell = Shell(durable_server.clone("template_empty"), tmp_path)
    shell.environment["GREENLEDGER_HOME"] = str(secrets_file(durable_server).parent)
    shell.json("migrate")
    file = tmp_path / "b"
    saved = shell.json("backup", file)
    assert saved["ledgers"][0]["ledger"] == "ganhe" and len(saved["ledgers"][0]["root"]) == 64
    assert shell.run("backup", file).returncode == 2
    durable_server.execute("create database restored_cli template template0 encoding 'UTF8'")
    other = Shell(Database(durable_server, "restored_cli"), tmp_path)
    home = tmp_path / "home2"
    home.mkdir()
    (home / "logins.json").write_bytes(secrets_file(durable_server).read_bytes())
    other.environment["GREENLEDGER_HOME"] = str(home)
    for login in ("WRITER", "READER", "SIGNER"):
        other.environment.pop(f"DATABASE_URL_{login}")
    assert other.json("restore", file) == saved
    refused = other.run("restore", file)
    assert refused.returncode == 2 and "holds a ledger already" in refused.stderr
    garbage = shell.file("garbage", b"not a backup")
    durable_server.execute("create database restored_garbage template template0 encoding 'UTF8'")
    other.environment["DATABASE_URL"] = Database(durable_server, "restored_garbage").admin_url
    broken = other.run("restore", garbage)
    assert broken.returncode == 2 and "Traceback" not in broken.stderr, broken.stderr
    for database in (
        shell.database,
        Database(durable_server, "restored_cli"),
        Database(durable_server, "restored_garbage"),
    ):
        database.drop()
