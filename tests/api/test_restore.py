"""A database that is older than its log, or other, is not served, whatever it looks like, until it is put right."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.proof.merkle import Frontier, leaf_hash
from ledger.signer import Alarm
from tests.api.conftest import Service, open_service, problem_of, transfer
from tests.conftest import Server
from tests.sealed import seal
from tests.store.journal_checks import split
from tests.test_signer import superuser


@pytest.fixture
def restored(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Service, Path]]:
    """A service that has seen its log signed; then yesterday's backup takes the database's place."""
    monkeypatch.setattr("api.history.EVERY_SECONDS", 0.0)
    with contextlib.closing(open_service(server)) as service:
        shutil.copytree(service.folder, tmp_path / "signer")
        yesterday = service.size
        for _ in range(3):
            assert service["a"].write("/v1/transfers", transfer(1)).status_code == 201
        service.seal()
        assert service["a"].get("/v1/balances").status_code == 200
        frontier = service.database.value("select note from checkpoint where size = %s", yesterday)
        assert frontier, "yesterday was signed too"
        _go_back(service, yesterday)
        yield service, tmp_path / "signer"


def _go_back(service: Service, size: int) -> None:
    """Make the database what it was at that size, as a backup of then would."""
    rows = service.database.rows(
        "select records from journal_segment where first_index < %s order by first_index", size
    )
    tree = Frontier()
    tree.extend(leaf_hash(content) for (records,) in rows for content in split(records))
    assert tree.size == size
    superuser(
        service.database,
        f"delete from journal_segment where first_index >= {size}",
        f"delete from checkpoint where size > {size}",
        f"delete from posting where log_index >= {size}",
        f"delete from request where log_index >= {size}",
        f"update head set size = {size}, balance_size = least(balance_size, {size}), "
        f"frontier = '\\x{tree.encode().hex()}'",
    )


def test_restored_database_is_not_served(restored: tuple[Service, Path]) -> None:
    """Reads and writes are refused in both languages, and nothing is posted; the signer signs nothing either."""
    service, _ = restored
    size = service.size
    for answer in (
        service["a"].get("/v1/balances"),
        service["a"].write("/v1/transfers", transfer(1)),
        service["auditor"].get("/v1/proofs/bundle"),
    ):
        found = problem_of(answer, 503, "history_differs")
        assert found["figures"]["size"] == str(size) and answer.headers["Retry-After"]
    chinese = service["a"].get("/v1/balances", headers={"Accept-Language": "zh"}).json()
    assert "签" in chinese["detail"]
    assert service.size == size
    with pytest.raises(Alarm, match="older than its log"):
        seal(service.database, service.folder)
    assert service.nobody.get("/healthz").status_code == 200


def test_without_what_was_seen_it_would_be_served(restored: tuple[Service, Path]) -> None:
    """The twin: to a service that remembers nothing yesterday's database is as good as any, and it forks the log."""
    service, _ = restored
    (service.folder / "seen" / "ganhe.json").unlink()
    assert service["a"].get("/v1/balances").status_code == 200


def test_database_put_right_is_served_again(restored: tuple[Service, Path]) -> None:
    """The verdict is renewed: once the database is what was signed, nobody has to restart anything."""
    service, _ = restored
    problem_of(service["a"].get("/v1/balances"), 503, "history_differs")
    kept = (service.folder / "seen" / "ganhe.json").read_bytes()
    (service.folder / "seen" / "ganhe.json").unlink()
    assert service["a"].get("/v1/balances").status_code == 200
    (service.folder / "seen" / "ganhe.json").write_bytes(kept)
    problem_of(service["a"].get("/v1/balances"), 503, "history_differs")


def test_changed_past_is_not_served(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as before, and another past: the root at the size that was seen differs."""
    monkeypatch.setattr("api.history.EVERY_SECONDS", 0.0)
    with contextlib.closing(open_service(server)) as service:
        assert service["a"].get("/v1/balances").status_code == 200
        # The last leaf of all: the root of a complete tile is kept in memory, and the signer looks at those. How many
        # records a segment holds depends on how the commands arrived, so its first leaf may lie in such a tile.
        last = "length(leaves) - 1"
        superuser(
            service.database,
            f"update journal_segment set leaves = set_byte(leaves, {last}, get_byte(leaves, {last}) # 1)"
            " where first_index = (select max(first_index) from journal_segment)",
        )
        problem_of(service["a"].get("/v1/balances"), 503, "history_differs")


@pytest.mark.parametrize("row", [f"1, {2**62}, 'x'", "1, (select size from head), 'x'"])
def test_planted_checkpoint_is_told_as_such(server: Server, monkeypatch: pytest.MonkeyPatch, row: str) -> None:
    """A checkpoint that nobody signed, beyond the log or no note at all: refused with the reason, no fault of ours."""
    monkeypatch.setattr("api.history.EVERY_SECONDS", 0.0)
    with contextlib.closing(open_service(server)) as service:
        assert service["a"].write("/v1/transfers", transfer(1)).status_code == 201
        superuser(service.database, f"insert into checkpoint values ({row})")
        problem_of(service["a"].get("/v1/balances"), 503, "history_differs")
