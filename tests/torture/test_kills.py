"""kill -9 of the writing process and of PostgreSQL under load: nothing acknowledged is lost, nothing is doubled.

Every key that was asked has one outcome in the end, and after each kill the ledger fits together. The twins run
with the protection off (answers before the commit; commits that do not wait for the log) and must be caught.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ledger.store.outcomes import Posted
from tests.conftest import Database, Park, Server, versions
from tests.store.journal_checks import check_ledger
from tests.torture.load_process import request_for

KILLS = 20
STOCK = 10**9
REPOSITORY = Path(__file__).parents[2]
DURABLE = {"shared_buffers": "64MB"}
CARELESS = DURABLE | {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """A load of a test that failed ends with the test: left alone it would go on for ever."""
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


class Load:
    """The load process and what it said; `lines` grows as they are read."""

    def __init__(self, database: Database, prefix: str, *options: str) -> None:
        argv = [sys.executable, "-m", "tests.torture.load_process", database.urls.writer, prefix, *options]
        self._said = database.server.folder / f"{database.name}-{prefix}.txt"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(argv, cwd=REPOSITORY, stdout=said, stderr=subprocess.DEVNULL)
        STARTED.append(self.process)

    def lines(self) -> list[list[str]]:
        """Every whole line said so far, as words."""
        return [line.split() for line in self._said.read_text().split("\n")[:-1]]

    def said(self, word: str) -> list[list[str]]:
        """The rest of the lines that begin with this word."""
        return [rest for first, *rest in self.lines() if first == word]

    def wait_for(self, count: int) -> None:
        """Return when so many commands are acknowledged."""
        end = time.monotonic() + 30
        while len(self.said("posted")) < count:
            assert self.process.poll() is None, "the load process ended by itself"
            assert time.monotonic() < end, "no progress"
            time.sleep(0.005)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped, so that what is stored stands still."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(0.02)  # a COMMIT on its way to the server may still end
        yield
        self.process.send_signal(signal.SIGCONT)


def until_gone(database: Database) -> None:
    """Return when the server has ended what the killed process began: else a COMMIT may come between two looks."""
    writers = (
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'greenledger_writer'"
    )
    end = time.monotonic() + 30
    while database.value(writers):
        assert time.monotonic() < end, "somebody still writes"
        time.sleep(0.005)


def check_load(database: Database, loads: list[Load]) -> None:
    """What was acknowledged is there under its index, once; the ledger fits together; nobody was told a falsehood."""
    stored = dict(database.rows("select request_key, log_index from request where tenant = 'GH-001'"))
    indexes = set()
    for load in loads:
        for key, index in load.said("posted"):
            assert stored.get(key) == int(index), f"{key} was acknowledged as {index} and is {stored.get(key)}"
            indexes.add(int(index))
        assert not load.said("lied")
    assert len(indexes) == sum(len(load.said("posted")) for load in loads)
    check_ledger(database)


def resolve(database: Database, loads: list[Load]) -> None:
    """Ask every key again: each is posted, and as many units moved as there are keys."""
    park = Park(database)
    keys = {key for load in loads for (key,) in load.said("asked")}
    acknowledged = {key: int(index) for load in loads for key, index in load.said("posted")}
    outcomes = dict(zip(sorted(keys), park.together([request_for(key) for key in sorted(keys)]), strict=True))
    park.close()
    for key, outcome in outcomes.items():
        assert isinstance(outcome, Posted)
        assert acknowledged.get(key, outcome.index) == outcome.index
    left = database.value(
        "select sum(quantity)::bigint from posting p join account a using (account_id) "
        "where a.name = 'Holding:Ent:GH-001'"
    )
    assert left == STOCK - len(keys)
    check_load(database, loads)


@pytest.fixture
def stocked(durable_server: Server) -> Iterator[Database]:
    """A durable database in which GH-001 holds more than the load can move."""
    yield from _stocked(durable_server)


def _stocked(server: Server) -> Iterator[Database]:
    park = Park(server.clone("template_park"))
    park.give("GH-001", STOCK, lot="A")
    park.close()
    yield park.database
    park.database.drop()


@pytest.fixture
def own_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that a test may kill, with these settings."""
    folder = Path(tempfile.mkdtemp(prefix="gl-"))
    folder.chmod(0o755)
    try:
        with Server(versions(every=False)[0], settings=getattr(request, "param", DURABLE), folder=folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def killable(own_server: Server) -> Iterator[Database]:
    """A stocked database on a server of the test's own."""
    yield from _stocked(own_server)


def kill_postgres(server: Server) -> None:
    """kill -9 of the postmaster and of every process below it; returns when they are gone, as kill() does not."""
    assert server.postgres.pid is not None
    postmaster = psutil.Process(server.postgres.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive


def test_killed_writer_keeps_its_word(stocked: Database) -> None:
    """After each of 20 kills of the writing process the next one goes on with all that was acknowledged."""
    dice, loads = random.Random(1), []
    for number in range(KILLS):
        load = Load(stocked, f"r{number}")
        loads.append(load)
        load.wait_for(dice.randint(1, 60))
        load.kill()
        until_gone(stocked)
        check_load(stocked, [load])
    resolve(stocked, loads)


def test_two_processes_take_turns_until_one_is_killed(stocked: Database) -> None:
    """Two processes write one ledger; when one is killed, the other goes on."""
    one, other = Load(stocked, "one"), Load(stocked, "other")
    one.wait_for(100)
    other.wait_for(100)
    one.kill()
    other.wait_for(len(other.said("posted")) + 100)
    other.kill()
    resolve(stocked, [one, other])


def test_killed_postgres_keeps_its_word(own_server: Server, killable: Database) -> None:
    """After each of 20 kills of PostgreSQL the writer reconnects, asks again, and nothing is lost or doubled."""
    dice, load = random.Random(2), Load(killable, "p")
    try:
        for _ in range(KILLS):
            load.wait_for(len(load.said("posted")) + dice.randint(1, 60))
            kill_postgres(own_server)
            own_server.postgres.start()
            with load.paused():
                check_load(killable, [load])
        load.wait_for(len(load.said("posted")) + 10)
    finally:
        load.kill()
    assert load.said("open"), "some outcome was unknown"
    resolve(killable, [load])


def test_answers_before_the_commit_are_caught(stocked: Database) -> None:
    """The twin: a writer that answers before it commits is found to have lied."""
    with pytest.raises(AssertionError, match="was acknowledged as"):
        for number in range(KILLS):
            load = Load(stocked, f"early{number}", "early")
            load.wait_for(20 + number)
            load.kill()
            until_gone(stocked)
            check_load(stocked, [load])


@pytest.mark.parametrize("own_server", [CARELESS], indirect=True, ids=["synchronous_commit=off"])
def test_commits_that_do_not_wait_are_caught(own_server: Server, killable: Database) -> None:
    """The twin: with synchronous_commit off a killed PostgreSQL is found to have lost what was acknowledged."""
    load = Load(killable, "careless")
    try:
        load.wait_for(100)
        kill_postgres(own_server)
        own_server.postgres.start()
        os.kill(load.process.pid, signal.SIGSTOP)
        with pytest.raises(AssertionError, match="was acknowledged as"):
            check_load(killable, [load])
    finally:
        load.kill()
