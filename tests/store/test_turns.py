"""Writers of one ledger take turns: who asks first for its lock has it first, however slowly it decides."""

import asyncio
import time
from typing import Any

import psycopg
import pytest

from ledger.store import unit_of_work
from ledger.store.outcomes import Posted
from ledger.store.session import connect
from ledger.writer import Writer
from tests.conftest import Park
from tests.store.journal_checks import check_ledger
from tests.store.test_writer import transfer

IN_ORDER = ["second", "third", "first again"]


async def _served(park: Park) -> list[str]:
    """In what order three get the lock: the first has it and asks again when two wait, at once, in one message."""
    ledger_id, order = park.ledger.ledger_id, []
    first, *others = [await connect(park.database.urls.writer) for _ in range(3)]
    for connection in (first, *others):
        await unit_of_work.prepare_lock(connection)
    await unit_of_work.lock_head(first, ledger_id)

    async def take(name: str, connection: psycopg.AsyncConnection[Any]) -> None:
        await unit_of_work.lock_head(connection, ledger_id)
        order.append(name)
        await unit_of_work.release_head(connection)

    waiting = []
    for name, connection in zip(("second", "third"), others, strict=True):
        waiting.append(asyncio.create_task(take(name, connection)))
        await asyncio.to_thread(_until_waiting, park, len(waiting))
    again = psycopg.AsyncClientCursor(first)
    await again.execute("commit; " + unit_of_work._LOCK_HEAD, (ledger_id, ledger_id, "{}", "{}"))
    order.append("first again")
    await unit_of_work.release_head(first)
    await asyncio.gather(*waiting)
    for connection in (first, *others):
        await connection.close()
    return order


def _until_waiting(park: Park, many: int) -> None:
    """Return once so many wait for a lock."""
    blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    deadline = time.monotonic() + 10
    while park.database.value(blocked) < many:
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


def test_whoever_asks_first_has_the_lock_first(park: Park) -> None:
    """A writer that is done and asks again at once comes after all that wait already."""
    for _ in range(5):
        assert park.run(_served(park)) == IN_ORDER


def test_without_a_queue_whoever_had_the_lock_has_it_again(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with the row's lock alone, the one that is awake takes it before those that waited wake up."""
    queueless = unit_of_work._LOCK_HEAD.replace("pg_advisory_xact_lock(0, %s)", "%s")
    monkeypatch.setattr(unit_of_work, "_LOCK_HEAD", queueless)
    assert any(park.run(_served(park)) != IN_ORDER for _ in range(20))


def _slow_turns(park: Park, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a quick writer posts between a slow one's first decision and its posting; 60 at most.

    How often it does before that is a matter of its speed, not of turns.
    """
    decide = Writer._decide

    async def work() -> int:
        slow = await park.start_writer()
        decided = asyncio.Event()

        async def dawdling(self: Writer, tickets: list[Any]) -> Any:
            found = await decide(self, tickets)
            if self is slow:
                await asyncio.sleep(0.05)
                decided.set()
            return found

        monkeypatch.setattr(Writer, "_decide", dawdling)
        waiting = asyncio.create_task(slow.submit(park.enterprise("GH-001", transfer("GH-001", "GH-002", 1))))
        quick = 0
        while not waiting.done() and quick < 60:
            await park.writer.submit(park.enterprise("GH-001", transfer("GH-001", "GH-003", 1)))
            quick += decided.is_set()
        posted = await asyncio.wait_for(waiting, 10)
        assert isinstance(posted, Posted)
        await slow.stop()
        return quick

    return park.run(work())


def test_slow_writer_gets_its_turn(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that decides slowly is not passed over for ever by one that writes all the time."""
    park.give("GH-001", 1_000, lot="A")
    assert _slow_turns(park, monkeypatch) < 60
    check_ledger(park.database)


def test_writer_that_decides_before_it_locks_is_passed_over(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: deciding anew without the lock, the slow one finds the head moved on while the quick one writes."""

    async def decide_first(self: Writer, tickets: list[Any]) -> Any:
        while True:
            self._book = None
            group = await self._try_decide(tickets)
            assert group is not None
            status = await self._flush(group)
            if status.name != "STALE":
                return status

    monkeypatch.setattr(Writer, "_take_turn", decide_first)
    park.give("GH-001", 1_000, lot="A")
    assert _slow_turns(park, monkeypatch) == 60
