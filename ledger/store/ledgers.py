"""Which ledgers a database holds."""

from typing import Any

import msgspec
import psycopg

from ledger.core.policy import PolicyRow
from ledger.proof.merkle import Frontier

ZONE = "Asia/Shanghai"
ORIGIN = "greenledger.example/{name}"


def find(connection: psycopg.Connection[Any], name: str) -> tuple[int, str, str] | None:
    """(ledger id, name, zone) of the ledger of this name, or None."""
    return connection.execute("select ledger_id, name, zone from ledger where name = %s", (name,)).fetchone()


def rules(connection: psycopg.Connection[Any], ledger_id: int) -> list[PolicyRow]:
    """Every policy row ever recorded in the ledger, in log order; none before it is opened."""
    text = "select content from policy where ledger_id = %s order by log_index"
    return [msgspec.convert(content, PolicyRow) for (content,) in connection.execute(text, (ledger_id,))]


def add(connection: psycopg.Connection[Any], name: str) -> tuple[int, str, str]:
    """Make an empty ledger (no record yet) and return (ledger id, name, zone); the name must be free."""
    row = connection.execute("select coalesce(max(ledger_id), 0) + 1 from ledger").fetchone()
    assert row is not None
    connection.execute("insert into ledger values (%s, %s, %s, %s)", (row[0], name, ORIGIN.format(name=name), ZONE))
    connection.execute("insert into head values (%s, 0, 'epoch', %s, 0)", (row[0], Frontier().encode()))
    return row[0], name, ZONE
