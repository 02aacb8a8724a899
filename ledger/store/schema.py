"""Bring a database to this version: logins, schema, migrations, and the ledger itself.

The owner of all tables cannot log in. The run-time logins own nothing; their passwords are made here and kept
in one 0600 file, or their whole URLs come from the environment. Passwords are random, never defaults.
"""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

OWNER = "greenledger_owner"
LOGINS = ("writer", "reader", "signer")
MIGRATIONS = Path(__file__).parents[2] / "migrations"
SERVER_VERSION_MIN = 150000


class Urls(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run-time logins connect. Each is a secret."""

    writer: str
    reader: str
    signer: str


class UnfitDatabase(Exception):
    """The database cannot be trusted with a ledger; the message says what was found and what is expected."""


def migrate(admin_url: str, *, secrets_file: Path, given: dict[str, str] | None = None) -> Urls:
    """Create or upgrade the schema on `admin_url` and return the logins' URLs; running it again changes nothing.

    `given` are URLs the operator set for writer, reader or signer; the rest are made and kept in `secrets_file`.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        urls = prepare(connection, admin_url, secrets_file=secrets_file, given=given)
    _run_migrations(admin_url)
    return urls


def prepare(
    connection: psycopg.Connection, admin_url: str, *, secrets_file: Path, given: dict[str, str] | None = None
) -> Urls:
    """Make what comes before any table: the owner, the logins, the extension, an empty schema."""
    if connection.info.server_version < SERVER_VERSION_MIN:
        raise UnfitDatabase(f"PostgreSQL {connection.info.server_version // 10000} was found; 15 is the oldest.")
    urls = _login_urls(admin_url, secrets_file, dict(given or {}))
    _make_logins(connection, urls)
    _make_schema(connection)
    return urls


def _login_urls(admin_url: str, secrets_file: Path, given: dict[str, str]) -> Urls:
    kept = json.loads(secrets_file.read_text()) if secrets_file.exists() else {}
    for login in LOGINS:
        password = kept.setdefault(login, secrets.token_urlsafe(24))
        given.setdefault(login, _url_for(admin_url, f"greenledger_{login}", password))
    if not secrets_file.exists():
        secrets_file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(secrets_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(kept, file)
    return Urls(**given)


def _url_for(admin_url: str, user: str, password: str) -> str:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user)}:{quote(password, safe='')}@{host}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def _make_logins(connection: psycopg.Connection, urls: Urls) -> None:
    _make_role(connection, OWNER, sql.SQL("nologin"))
    for login in LOGINS:
        parts = urlsplit(getattr(urls, login))
        assert parts.password is not None, "a run-time login has a password"
        _make_role(connection, parts.username or "", sql.SQL("login"))
        password = sql.Literal(psycopg.conninfo.conninfo_to_dict(getattr(urls, login))["password"])
        connection.execute(
            sql.SQL("alter role {} login nosuperuser nocreatedb nocreaterole password {}").format(
                sql.Identifier(parts.username or ""), password
            )
        )


def _make_role(connection: psycopg.Connection, name: str, attribute: sql.SQL) -> None:
    found = connection.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone()
    if found is None:
        connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(name), attribute))


def _make_schema(connection: psycopg.Connection) -> None:
    connection.execute("create extension if not exists btree_gist")
    owner = sql.Identifier(OWNER)
    connection.execute(sql.SQL("grant {} to current_user").format(owner))
    connection.execute(sql.SQL("create schema if not exists greenledger authorization {}").format(owner))


def _run_migrations(admin_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(_sqlalchemy_url(admin_url), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"set role {OWNER}")
        connection.exec_driver_sql("set search_path = greenledger, public")
        # A migration runs beside the code before it: it may not wait for a lock, nor hold one, for long.
        connection.exec_driver_sql("set lock_timeout = '4s'")
        connection.exec_driver_sql("set statement_timeout = '5s'")
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()


def _sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def check_fitness(connection: psycopg.Connection) -> None:
    """Refuse to serve where a run-time login is too strong or durability is off.

    Raises UnfitDatabase naming the setting or the role.
    """
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        row = connection.execute("select current_setting(%s)", [setting]).fetchone()
        if row is None or row[0] == "off":
            raise UnfitDatabase(f"{setting} is off; a ledger that may lose an answered write is not served.")
    row = connection.execute(
        """
        select r.rolsuper or r.rolbypassrls or r.rolcreaterole
            or pg_has_role(r.oid, %s, 'member')
        from pg_roles r where r.rolname = current_user
        """,
        [OWNER],
    ).fetchone()
    if row is None or row[0]:
        raise UnfitDatabase("the run-time login is a superuser or may act as the owner of the journal.")
