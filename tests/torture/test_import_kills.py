"""kill -9 of an importing process at random points: run again, it ends as if nothing had happened.

LEDGER_KILLS=200 makes as many kills as the release is measured with.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server
from tests.imports.statement_files import row, statement
from tests.test_acceptance import BUYER, Office
from tests.test_statement_orders import positions

KILLS = int(os.environ.get("LEDGER_KILLS", "12"))
REPOSITORY = Path(__file__).parents[2]
ROWS = 120


def content() -> bytes:
    """Trades in transit and transferred, some of them twice."""
    waiting = {"transferred_on": "", "status": "已成交待划转"}
    rows = [row(number, **(waiting if number % 5 == 0 else {})) for number in range(ROWS)]
    return statement([*rows, rows[7], rows[60]])


class Run:
    """An office whose file is imported by a process of its own."""

    def __init__(self, server: Server, *options: str) -> None:
        self.office = Office(server.clone("template_empty"))
        self.office.register(BUYER)
        self.file = self.office.home / "trades.csv"
        self.file.write_bytes(content())
        urls = self.office.database.urls
        self._argv = [sys.executable, "-m", "tests.torture.import_process", urls.writer, urls.reader]
        self._argv += [str(self.office.home), str(self.file), *options]

    def kill_after(self, seconds: float) -> bool:
        """Start the import and kill it; whether it was still at work."""
        process = subprocess.Popen(self._argv, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        was_running = process.poll() is None
        process.kill()
        process.wait()
        return was_running

    def finish(self) -> dict[str, Any]:
        """Let the import run to its end, and give its report."""
        done = subprocess.run(self._argv, cwd=REPOSITORY, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    def state(self) -> tuple[Any, ...]:
        """All that the book holds of the file: balances, trades, evidence, and how many records there are."""
        database = self.office.database
        trades = database.rows("select trade_id, state, quantity from trade order by 1")
        evidence = database.rows("select evidence_key from evidence order by 1")
        return positions(self.office), trades, evidence, self.office.size


def undisturbed(server: Server, *options: str) -> tuple[tuple[Any, ...], float]:
    """(the state after an import that nobody kills, how long it took)."""
    run = Run(server, *options)
    began = time.monotonic()
    report = run.finish()
    took = time.monotonic() - began
    assert report["problems"] == [] and report["trades"] == ROWS and report["duplicates"] == 2
    state = run.state()
    run.office.close()
    return state, took


@pytest.mark.parametrize("mode", ["chunks", "whole"])
def test_a_killed_import_ends_in_the_same_state(durable_server: Server, mode: str) -> None:
    """Whenever it is killed, a second run posts what is missing and nothing twice; a third adds nothing."""
    expected, took = undisturbed(durable_server, mode)
    dice, hits = random.Random(20261126), 0
    while hits < KILLS // 2:
        run = Run(durable_server, mode)
        for _ in range(dice.randint(1, 3)):
            hits += run.kill_after(dice.uniform(0.25, took))
        run.finish()
        assert run.state() == expected
        again = run.finish()
        assert (again["posted"], again["replayed"], run.state()) == (0, True, expected)
        run.office.close()


def test_a_chunk_noted_before_it_is_posted_would_be_seen(durable_server: Server) -> None:
    """The twin: a job that runs ahead of its postings loses rows, and the comparison finds that."""
    expected, took = undisturbed(durable_server)
    dice = random.Random(7)
    for _ in range(60):
        run = Run(durable_server, "hasty")
        run.kill_after(dice.uniform(took / 2, took))
        run.finish()
        found = run.state()
        run.office.close()
        if found != expected:
            return
    pytest.fail("no kill fell between the note and the posting")
