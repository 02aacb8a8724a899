"""The command line: one JSON document and nothing else, exit codes, and one clear line where it cannot run."""

import contextlib
import io
import json
import os
import secrets
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from ledger import cli, logs
from ledger.core.command import RegisterMeter
from ledger.database import expect_posted, local_principal, open_ledger, request
from tests.conftest import Database, Server, run
from tests.imports.statement_files import row, statement, total

REGISTER = (
    "id,name,aliases,sector,usci,grid_user\nGH-001,青海黄河鑫业有限公司,黄河鑫业;鑫业,电解铝,91630000TEST00001X,1\n"
)
ROWS = [row(1), row(2, transferred_on="", status="已成交待划转")]


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """`greenledger` on a database of the test server."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "GREENLEDGER_"))} | {
            "DATABASE_URL": database.admin_url, "GREENLEDGER_HOME": str(folder / "home"), "COLUMNS": "200"
        }  # fmt: skip
        self._use_logins_of(database)

    def _use_logins_of(self, database: Database) -> None:
        # The logins are the server's, and their passwords already made: every database of the run shares them.
        for login in ("writer", "reader", "signer"):
            self.environment[f"DATABASE_URL_{login.upper()}"] = getattr(database.urls, login)

    def run(self, *arguments: str | Path) -> "Done":
        """Run a command to its end, in this process: `main` reads nothing but its arguments and the environment."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", ["greenledger", *map(str, arguments)]),
            mock.patch.object(logs, "configure"),  # which would bind this test's standard error for good
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.folder),
            warnings.catch_warnings(action="ignore"),  # cyclopts asks whether a test means its own arguments
        ):
            try:
                cli.main()
            except SystemExit as end:
                return Done(int(end.code or 0), out.getvalue(), err.getvalue())
            except Exception:
                return Done(1, out.getvalue(), err.getvalue() + traceback.format_exc())
        raise AssertionError("a command ends with an exit code")

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """The one JSON document a command prints, and its exit code."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    def file(self, name: str, content: bytes | str) -> Path:
        """A file to give to a command."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def shell(durable_server: Server, tmp_path: Path) -> Iterator[Shell]:
    """A shell on a migrated database without any ledger."""
    found = Shell(durable_server.clone("template_empty"), tmp_path)
    yield found
    found.database.drop()


@pytest.fixture(scope="module")
def opened(durable_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell on a ledger with one enterprise, for tests that only ask."""
    found = Shell(durable_server.clone("template_empty"), tmp_path_factory.mktemp("cli"))
    found.json("register", found.file("r.csv", REGISTER))
    yield found
    found.database.drop()


def test_a_park_from_migrate_to_rebuild(shell: Shell) -> None:
    """migrate, register, import (dry, wet, again) and rebuild --check each print one document and exit 0."""
    assert shell.json("migrate")["ledger"] == "ganhe"
    register = shell.file("r.csv", REGISTER)
    told = shell.json("register", register)
    assert (told["enterprises"], told["registered"], told["known"], told["problems"]) == (1, 1, 0, [])
    assert shell.json("register", register)["replayed"]
    trades = shell.file("t.csv", statement(ROWS, after=[total("200", "1,040.00")]))
    size = shell.database.value("select size from head")
    dry = shell.json("import", trades, "--dry-run")
    assert shell.database.value("select size from head") == size and (dry["posted"], dry["dry_run"]) == (0, True)
    wet = shell.json("import", trades)
    assert wet["posted"] > 0 and wet == dry | {"posted": wet["posted"], "dry_run": False}
    assert shell.json("import", trades) == wet | {"posted": 0, "replayed": True}
    assert (wet["traded"], wet["transferred"], wet["in_transit"], wet["control_total_ok"]) == (200, 100, 100, "exact")
    check = shell.json("rebuild", "--check")
    assert check["equal"] and check["findings"] == [] and len(check["root"]) == 64
    assert check["holds"] and [one["number"] for one in check["invariants"]] == list(range(1, 13))


def test_readings_are_imported_once(shell: Shell) -> None:
    """A file of a registered meter posts; again it posts nothing; what is no table of meters is refused in a line."""
    shell.json("register", shell.file("r.csv", REGISTER))

    async def meter() -> None:
        writer = await open_ledger(shell.database.urls, "ganhe")
        command = RegisterMeter(
            meter="E1", enterprise="GH-001", site="w", stage="s", material="electricity", route="GRID"
        )
        await expect_posted(writer.submit(request(command, local_principal())))
        await writer.stop()

    run(meter())
    file = shell.file("m.csv", "表号,年月,用电量（MWh）\nE1,2026-01,12.5\nE9,2026-01,1\n")
    told = shell.json("readings", file, code=1)
    assert (told["readings"], told["posted"], [one["rule"] for one in told["problems"]]) == (2, 1, ["unknown_meter"])
    again = shell.json("readings", file, code=1)
    assert (again["posted"], again["replayed"]) == (0, 1)
    done = shell.run("readings", shell.file("x.csv", "a,b,c\n1,2,3\n"))
    assert done.returncode == 2 and "layout_unknown" in done.stderr and "Traceback" not in done.stderr


def test_expire_makes_visible_what_has_lapsed(shell: Shell) -> None:
    """Certificates of 2023 lapsed long ago; the job shows it once, and running it again does nothing."""
    shell.json("register", shell.file("r.csv", REGISTER))
    shell.json("import", shell.file("t.csv", statement([row(1, production_month="2023-05")])))
    told = shell.json("expire")
    assert (told["certificates"], told["transactions"], told["refused"]) == (100, 1, [])
    assert shell.json("expire")["transactions"] == 0
    rows = shell.database.rows(
        "select a.kind, sum(p.quantity)::int, max(p.effective_on)::text from posting p join account a "
        "using (ledger_id, account_id) where a.kind in ('expired', 'holding_ent') group by 1 order by 1"
    )
    assert [tuple(one)[:2] for one in rows] == [("expired", 100), ("holding_ent", 0)]
    assert shell.json("rebuild", "--check")["holds"]


def test_what_is_refused_exits_1_with_its_problems(opened: Shell) -> None:
    """A bad row, a name nobody has, a broken register: exit 1, a document with the problem, nothing posted."""
    size = opened.database.value("select size from head")
    bad = opened.json("import", opened.file("bad.csv", statement([row(1, buyer_name="谁")])), code=1)
    assert [(p["line"], p["rule"]) for p in bad["problems"]] == [(5, "unknown_name")] and bad["posted"] == 0
    assert opened.json("import", opened.file("x.pdf", b"%PDF-1.4"), code=1)["problems"]
    assert opened.json("register", opened.file("empty.csv", ""), code=1)["problems"]
    assert opened.database.value("select size from head") == size
    plain = opened.run("import", opened.folder / "bad.csv")
    assert plain.returncode == 1 and "unknown_name" in plain.stderr and "Nothing was posted." in plain.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("import", "no-such-file.csv"), "no-such-file.csv cannot be read"),
        (("register", "no-such-file.csv"), "no-such-file.csv cannot be read"),
        (("restore", "no-such-file"), "no-such-file cannot be read"),
        (("import", "."), "cannot be read"),
        (("key", "create", "--role", "king", "--subject", "person:x"), "role king is not one of"),
        (("key", "create", "--role", "enterprise", "--subject", "person:x"), "enterprise"),
        (("key", "create", "--role", "enterprise", "--enterprise", "GH-099", "--subject", "person:x"), "GH-099"),
        (("key", "revoke", "0123456789ab"), "0123456789ab does not exist"),
        (("rebuild", "--check", "--ledger", "nowhere"), "there is no ledger nowhere"),
        (("rebuild",), "--check"),
        (("register", "r.csv", "--ledger", "No Such Name"), "No Such Name"),
        (("import", "r.csv", "--layout", "mine"), "layout mine"),
        (("frobnicate",), "frobnicate"),
        (("import",), "FILE"),
        (("serve", "--port", "many"), "many"),
    ],
)
def test_what_cannot_run_exits_2_with_one_clear_line(opened: Shell, arguments: tuple[str, ...], says: str) -> None:
    """Exit 2, nothing on standard output but help, what was wrong on standard error, and no traceback."""
    done = opened.run(*arguments)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert says.lower() in " ".join((done.stderr + done.stdout).split()).lower()
    assert "Traceback" not in done.stderr
    if "--json" not in arguments:
        assert "Traceback" not in done.stdout


def test_without_a_database_it_says_so(opened: Shell) -> None:
    """A server that is not there, and a URL that is none, are one line and exit 2."""
    for url in ("postgresql://postgres@127.0.0.1:1/none", "nonsense://", "postgresql://127.0.0.1:1/%00"):
        shell = Shell(opened.database, opened.folder)
        shell.environment["DATABASE_URL"] = url
        done = shell.run("migrate")
        assert done.returncode == 2 and "Traceback" not in done.stderr, (url, done.stderr)
        assert done.stderr.startswith("greenledger: ") and not done.stdout


def test_keys_are_shown_once_and_stored_hashed(opened: Shell) -> None:
    """create prints the key, no table holds it, revoke ends it, and revoking again is refused."""
    made = opened.json("key", "create", "--role", "enterprise", "--enterprise", "GH-001", "--subject", "system:erp")
    assert made["key"].startswith(f"gl_{made['credential']}_") and made["role"] == "enterprise"
    secret = made["key"].rsplit("_", 1)[0]
    plain = opened.run("key", "create", "--role", "auditor", "--subject", "person:x")
    assert plain.returncode == 0 and plain.stdout.count("gl_") == 1
    dump = opened.database.rows("select (t.*)::text from credential t")
    assert dump and not [line for (line,) in dump if made["key"][len(secret) :] in line]
    revoked = opened.json("key", "revoke", made["credential"])
    assert revoked["state"] == "revoked" and int(revoked["record"]) > 0
    assert opened.run("key", "revoke", made["credential"], "--json").returncode == 2


def test_another_ledger_is_another_book(opened: Shell) -> None:
    """--ledger makes and uses a ledger of its own; the first is untouched."""
    name = f"park-{secrets.token_hex(3)}"
    size = opened.database.value("select size from head where ledger_id = 1")
    assert opened.json("migrate", "--ledger", name)["ledger"] == name
    assert opened.json("register", opened.folder / "r.csv", "--ledger", name)["registered"] == 1
    assert opened.json("rebuild", "--check", "--ledger", name)["ledger"] == name
    assert opened.database.value("select size from head where ledger_id = 1") == size
