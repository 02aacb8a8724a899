"""A witness on its own machine looks at a served log, over HTTP."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import witnessing
from ledger.proof.note import Checkpoint, Note
from ledger.proof.pinned import read_pinned
from ledger.proof.verifier import verify
from ledger.proof.witness import NotCosigned
from tests.api.conftest import Service, transfer
from tests.proof.logs import KEY


@pytest.fixture
def folder(service: Service, tmp_path: Path) -> Path:
    """A witness's folder: a key of the service that may read, and the log's pinned key."""
    (tmp_path / "api-key").write_text(service.keys["auditor"] + "\n")
    (tmp_path / "pinned").write_text(f"signer {KEY.verifier} 0\n")
    return tmp_path


def greenledger(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command, in the witness's folder."""
    command = [sys.executable, "-m", "ledger.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def look(service: Service, folder: Path) -> subprocess.CompletedProcess[str]:
    """One look at the service."""
    files = {"--key": "witness.key", "--keys": "pinned", "--state": "seen", "--api-key-file": "api-key"}
    words = [word for pair in files.items() for word in pair]
    return greenledger("witness", "look", service.url, *words, "--cosigned", "cosigned", cwd=folder)


def test_witness_cosigns_a_log_that_grows_and_no_other(service: Service, folder: Path) -> None:
    """It makes its key, cosigns, cosigns again what was added, counts in the reader's quorum; a rollback it refuses."""
    made = greenledger("witness", "init", "witness.example/w1", "--key", "witness.key", cwd=folder)
    assert made.returncode == 0, made.stderr
    pin = " ".join(made.stdout.split("\n")[1:]).strip()
    assert look(service, folder).returncode == 0
    service["a"].write("/v1/transfers", transfer(1))
    service.seal()
    done = look(service, folder)
    assert done.returncode == 0, done.stderr
    note = Note.parse((folder / "cosigned").read_bytes())
    bundle = service["auditor"].get("/v1/proofs/bundle").content
    pinned = read_pinned((folder / "pinned").read_text() + pin + "\nquorum 1\n")
    assert verify(io.BytesIO(bundle), pinned, cosigned=[note]).findings == []
    assert [f.rule for f in verify(io.BytesIO(bundle), pinned).findings] == ["quorum"]
    seen = (folder / "seen").read_bytes()
    earlier = service["auditor"].get("/v1/proofs/checkpoint").text
    assert Checkpoint.of(note) == Checkpoint.of(Note.parse(earlier.encode()))
    later = Checkpoint("greenledger.example/ganhe", Checkpoint.of(note).size + 5, b"\0" * 32).note().signed(KEY)
    (folder / "seen").write_text(seen.decode().replace(note.text.replace("\n", "\\n"), later.text.replace("\n", "\\n")))
    done = look(service, folder)
    assert (done.returncode, "NOT COSIGNED" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:9", "nowhere"])
def test_what_is_no_service_is_told_so(folder: Path, address: str) -> None:
    """Another kind of address, or nobody there: unusable, with the reason, and nothing signed."""
    greenledger("witness", "init", "witness.example/w1", "--key", "witness.key", cwd=folder)
    with pytest.raises(witnessing.Unreachable):
        witnessing.look(address, "k", key=folder / "witness.key", keys=folder / "pinned", state=folder / "seen")
    assert not (folder / "seen").exists()


def test_wrong_proof_is_not_cosigned() -> None:
    """What cannot be read as a proof is a refusal, not a crash."""
    with pytest.raises(NotCosigned):
        witnessing._proof(b"[]")
