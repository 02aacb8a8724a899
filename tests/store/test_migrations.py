"""Migrations: linted, repeatable, and what they leave behind."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from ledger.store import schema

VERSIONS = sorted((schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
SQUAWK = Path(sys.executable).parent / "squawk"
NOT_FOR_US = {
    "require-lock-timeout": "these migrations make new tables: nobody can hold or wait for a lock on them",
    "require-statement-timeout": "a statement that makes an empty table takes no time",
    "prefer-bigint-over-int": "a database holds few ledgers and accounts; ids of what grows are bigint",
    "prefer-bigint-over-smallint": "legs, tile levels and commodities are bounded by the record format",
}
"""squawk's rules that do not fit, each with its reason."""
LATER_ONLY = re.compile(r"\b(drop\s+(table|column)|alter\s+column\s+\w+\s+type|rename\s+(to|column))\b", re.I)


def sql_of(file: Path) -> str:
    """All the SQL a migration sends, recorded by running it against nothing."""
    sent: list[str] = []

    class Recorder:
        """Stands where alembic's operations stand."""

        @staticmethod
        def execute(statement: str) -> None:
            """Keep the statement."""
            sent.append(statement.strip().rstrip(";") + ";")

    source = file.read_text("utf-8").replace("from alembic import op", "")
    names: dict[str, Any] = {"op": Recorder, "__name__": file.stem}
    exec(compile(source, str(file), "exec"), names)
    names["upgrade"]()
    return "\n".join(sent) + "\n"


def lint(sql: str, folder: Path, *, exclude: dict[str, str] = NOT_FOR_US) -> subprocess.CompletedProcess[str]:
    """squawk on this SQL."""
    file = folder / "migration.sql"
    file.write_text(sql, "utf-8")
    options = ["--pg-version=15.0", "--assume-in-transaction", *(f"--exclude={rule}" for rule in exclude)]
    return subprocess.run([SQUAWK, *options, str(file)], capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_migration_passes_squawk(file: Path, tmp_path: Path) -> None:
    """No statement locks or breaks what runs beside it, but for the rules listed with their reasons."""
    done = lint(sql_of(file), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "bad",
    [
        "alter table posting add column remark text not null;",
        "drop table posting;",
        "alter table posting alter column quantity type integer;",
        "alter table lot rename column code to name;",
        "create table x (n char(5));",
        "create tabel x ();",
    ],
)
def test_bad_migration_would_be_found(bad: str, tmp_path: Path) -> None:
    """The twin: statements that break running code, or are no SQL, fail the same lint."""
    assert lint(bad, tmp_path).returncode != 0


@pytest.mark.parametrize("rule", NOT_FOR_US)
def test_each_excluded_rule_is_needed(rule: str, tmp_path: Path) -> None:
    """An exclusion that excludes nothing is taken out of the list."""
    others = {name: why for name, why in NOT_FOR_US.items() if name != rule}
    assert any(lint(sql_of(file), tmp_path, exclude=others).returncode != 0 for file in VERSIONS)


def test_migrations_form_one_line() -> None:
    """One head, numbered in order, each following the one before."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    assert [script.revision for script in scripts] == [file.name[:4] for file in VERSIONS]
    assert [script.down_revision for script in scripts] == [None, *(script.revision for script in scripts[:-1])]


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_migration_says_when_it_runs(file: Path) -> None:
    """Each opens by saying whether it runs before or after the code that needs it, and takes nothing away."""
    assert re.search(r"Runs (before|after) the code", file.read_text("utf-8"))
    assert not LATER_ONLY.search(sql_of(file))


def shape(database: Any) -> list[tuple[Any, ...]]:
    """Everything the catalogue says of our schema: relations, columns, functions, grants, triggers."""
    return database.rows(
        """
        select 'relation', c.relname, c.relkind::text, c.relacl::text, pg_get_userbyid(c.relowner)::text from pg_class c
            where c.relnamespace = 'greenledger'::regnamespace
        union all
        select 'column', a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            where c.relnamespace = 'greenledger'::regnamespace and a.attnum > 0
        union all
        select 'function', p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid)), p.proacl::text, ''
            from pg_proc p where p.pronamespace = 'greenledger'::regnamespace
        union all
        select 'trigger', t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text, '' from pg_trigger t
            join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'greenledger'::regnamespace
        order by 1, 2, 3
        """
    )


def test_migrating_again_changes_nothing(database: Any, tmp_path: Path) -> None:
    """A second run leaves every relation, column, function, grant and trigger as it was, and returns the same URLs."""
    given = {login: getattr(database.urls, login) for login in schema.LOGINS}
    before = shape(database)
    secrets = tmp_path / "secrets.json"
    first = schema.migrate(database.admin_url, secrets_file=secrets, given=dict(given))
    again = schema.migrate(database.admin_url, secrets_file=secrets, given=dict(given))
    assert shape(database) == before
    assert first == again == database.urls
    assert len(before) > 100


def test_logins_own_nothing_and_the_owner_cannot_log_in(database: Any) -> None:
    """Design D8: all of the schema belongs to a role nobody can be; run-time logins have no power over roles."""
    owners = database.rows(
        "select distinct pg_get_userbyid(relowner)::text from pg_class where relnamespace = 'greenledger'::regnamespace"
    )
    assert owners == [(schema.OWNER,)]
    roles = dict(
        database.rows(
            """
            select rolname::text, array[rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication]
            from pg_roles where rolname like 'greenledger%%'
            """
        )
    )
    assert roles.pop(schema.OWNER)[0] is False
    assert {name: flags for name, flags in roles.items() if flags != [True, *[False] * 5]} == {}
    members = database.rows("select 1 from pg_auth_members where roleid = %s::regrole and member in "
                            "(select oid from pg_roles where rolname like 'greenledger%%')", schema.OWNER)  # fmt: skip
    assert members == []


def test_secrets_are_kept_in_a_file_of_the_owner_only(database: Any, tmp_path: Path) -> None:
    """Passwords made here are random, kept once, mode 0600, and the same on the next run."""
    secrets = tmp_path / "home" / "secrets.json"
    urls = schema._login_urls(database.admin_url, secrets, {})
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert schema._login_urls(database.admin_url, secrets, {}) == urls
    assert len({urls.writer, urls.reader, urls.signer}) == 3
    other = schema._login_urls(database.admin_url, tmp_path / "other.json", {})
    assert not {urls.writer, urls.reader, urls.signer} & {other.writer, other.reader, other.signer}
