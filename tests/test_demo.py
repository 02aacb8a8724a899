"""The demo: what the article says of the park, the same on every run, on a machine with nothing but this clone."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ledger.database import Database as LedgerDatabase
from ledger.demo import ENTERPRISES, SUBSCRIBED, TRADED, DemoResult, run_demo
from ledger.settings import Settings
from tests.conftest import Database, Server


@pytest.fixture
def durable(durable_server: Server) -> Iterator[Database]:
    """A migrated database of a server that a ledger may be kept on."""
    found = durable_server.clone("template_empty")
    yield found
    found.drop()


def run(database: Database, home: Path) -> DemoResult:
    """The demo on a database of the test server."""
    return asyncio.run(run_demo(LedgerDatabase(database.urls, database.admin_url), Settings(home=home)))


def test_the_demo_twice_is_the_demo_once(durable: Database, tmp_path: Path) -> None:
    """34 enterprises, 3,330,000 subscribed, 31,200 traded, totals of zero; a second run changes nothing at all."""
    first, second = run(durable, tmp_path), run(durable, tmp_path)
    assert (ENTERPRISES, SUBSCRIBED, TRADED) == (34, 3_330_000, 31_200)
    for result in (first, second):
        document = result.document()
        assert result.is_right and document["right"]
        assert (document["enterprises"], document["subscribed"], document["traded"]) == (34, 3_330_000, 31_200)
        assert set(document["trial_balance"].values()) == {0}
    assert (first.overview.root, first.overview.tree_size) == (second.overview.root, second.overview.tree_size)
    assert [report.posted > 0 for report in first.imports] == [True, True]
    assert [report.replayed for report in second.imports] == [True, True]
    assert first.keys == second.keys
    file = tmp_path / "demo-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and json.loads(file.read_text()) == first.keys
    assert not [key for key in first.keys.values() if key in json.dumps(first.document())]
    first.overview.enterprises[0].subscribed -= 1
    assert not first.is_right and not first.document()["right"]  # the twin: one certificate less is wrong


def test_demo_once_runs_from_nothing_and_leaves_nothing_running() -> None:
    """`greenledger demo --once --json` on an empty data folder: one document, exit 0, and its server ends."""
    with tempfile.TemporaryDirectory(prefix="gl-demo-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABASE_")}
        done = subprocess.run(
            [sys.executable, "-m", "ledger.cli", "demo", "--once", "--json"],
            env=environment | {"GREENLEDGER_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["right"] and document["keys_file"] == str(home / "demo-keys.json")
        assert stat.S_IMODE((home / "demo-keys.json").stat().st_mode) == 0o600
        deadline = 200
        while deadline and [
            p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or ())
        ]:
            deadline -= 1
            time.sleep(0.1)
        assert deadline, "a process of the demo is still running"
