"""Opening a ledger: made once, and brought up to the rules of a newer version by facts of their own."""

import asyncio
from collections.abc import Iterator

import pytest

from ledger import database
from ledger.core.policy import Move
from ledger.core.seed import SEED
from ledger.database import open_ledger
from tests.conftest import Database, Server
from tests.store.journal_checks import check_ledger


@pytest.fixture
def empty(durable_server: Server) -> Iterator[Database]:
    """A migrated database without a ledger."""
    found = durable_server.clone("template_empty")
    yield found
    found.drop()


def opened(place: Database) -> int:
    """The ledger's size after it was opened, once more or for the first time."""

    async def work() -> None:
        await (await open_ledger(place.urls, "ganhe")).stop()

    asyncio.run(work())
    return place.value("select size from head")


def rules(place: Database) -> list[object]:
    """The rules recorded, in log order."""
    return [content for (content,) in place.rows("select content from policy order by log_index")]


def test_a_ledger_is_opened_once(empty: Database) -> None:
    """The second opening writes nothing."""
    size = opened(empty)
    assert size == len(SEED) + 2 and opened(empty) == size


def test_an_older_ledger_is_given_the_rules_that_came_since(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing seed row is a record of its own, once; rows that are there are left alone."""
    older = tuple(row for row in SEED if not (isinstance(row.rule, Move) and row.rule.command == "retire"))
    monkeypatch.setattr(database, "SEED", older)
    size = opened(empty)
    monkeypatch.undo()
    came = len(SEED) - len(older)
    assert came > 0 and opened(empty) == size + came
    assert opened(empty) == size + came and len(rules(empty)) == len(SEED)
    assert {row["rule"]["command"] for row in rules(empty)[-came:]} == {"retire"}
    check_ledger(empty)
