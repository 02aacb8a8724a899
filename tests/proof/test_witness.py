"""A witness cosigns only what extends the last checkpoint it saw, and its signature counts for the reader's quorum."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.proof.merkle import leaf_hash, root_of
from ledger.proof.note import WITNESS, Checkpoint, Note, SignerKey
from ledger.proof.pinned import Pinned
from ledger.proof.verifier import verify
from ledger.proof.witness import NotCosigned, Seen, cosign, keep, read_seen
from tests.proof.logs import KEY, ORIGIN, PINNED, THIEF, bundle_of, busy_park, rules
from tests.proof.test_merkle import consistency_proof

WITNESSES = [SignerKey.make(f"witness.example/{n}", bytes([n]) * 32, kind=WITNESS) for n in range(3)]
LEAVES = [leaf_hash(b"%d" % index) for index in range(40)]


def note_of(size: int, leaves: Sequence[bytes] = LEAVES, *, origin: str = ORIGIN, key: SignerKey = KEY) -> Note:
    """The log's own checkpoint at a size."""
    return Checkpoint(origin, size, root_of(leaves[:size])).note().signed(key)


def seen_at(size: int) -> Seen:
    """What a witness remembers of the true log."""
    return Seen(note_of(size).encode().decode())


def cosigned(note: Note, proof: Sequence[bytes], seen: Seen | None) -> Note:
    """What the first witness makes of it."""
    return cosign(note, proof, seen=seen, pinned=PINNED, key=WITNESSES[0], timestamp=1_800_000_000)


def test_log_that_grows_is_cosigned() -> None:
    """Every later size, with its proof; the same one again; and the first one ever, as it is shown."""
    for size in range(1, 41):
        for earlier in range(1, size + 1):
            proof = consistency_proof(LEAVES[:size], earlier)
            made = cosigned(note_of(size), proof, seen_at(earlier))
            assert made.signers([WITNESSES[0].verifier]) and made.signers([KEY.verifier])
    assert cosigned(note_of(7), (), None)


OTHER = [*LEAVES[:9], leaf_hash(b"other"), *LEAVES[10:]]
REFUSED = {
    "another history": (note_of(30, OTHER), consistency_proof(OTHER[:30], 20), seen_at(20), "does not extend"),
    "another log of the same size": (note_of(20, OTHER), (), seen_at(20), "does not extend"),
    "a shorter log": (note_of(15), (), seen_at(20), "20 were seen before"),
    "no proof": (note_of(30), (), seen_at(20), "does not extend"),
    "a proof of other sizes": (note_of(30), consistency_proof(LEAVES[:30], 19), seen_at(20), "does not extend"),
    "another ledger": (note_of(30, origin="x.example/y"), (), seen_at(20), "x.example/y"),
    "another key": (note_of(30, key=THIEF), consistency_proof(LEAVES[:30], 20), seen_at(20), "no key pinned"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_log_that_was_changed_is_not(case: str) -> None:
    """A fork, a rollback, a missing or wrong proof, another log or key: refused, and says how it differs."""
    note, proof, seen, why = REFUSED[case]
    with pytest.raises(NotCosigned, match=why):
        cosigned(note, proof, seen)


def test_without_memory_a_fork_would_be_cosigned() -> None:
    """The twin: it is what the witness saw before that stops it."""
    note, proof, _, _ = REFUSED["another history"]
    assert cosigned(note, proof, None)


def test_memory_comes_back_or_is_an_alarm(tmp_path: Path) -> None:
    """What was cosigned is read back; a damaged file is not taken for a new witness's."""
    file = tmp_path / "seen"
    assert read_seen(file) is None
    keep(file, note_of(12))
    seen = read_seen(file)
    assert seen is not None and seen.checkpoint == Checkpoint.of(note_of(12))
    for damaged in ("", "{}", '{"note":"x"}'):
        file.write_text(damaged)
        with pytest.raises(NotCosigned, match="damaged"):
            read_seen(file)


def test_cosignatures_count_for_the_quorum(tmp_path: Path) -> None:
    """Notes of two witnesses beside the bundle: enough for a quorum of two, not of three, nor one of them twice."""
    park = busy_park()
    bundle, leaves = bundle_of(park.contents), [leaf_hash(content) for content in park.contents]
    newest = note_of(len(leaves), leaves)
    notes = [cosign(newest, (), seen=None, pinned=PINNED, key=key, timestamp=1) for key in WITNESSES[:2]]
    keys = tuple(key.verifier for key in WITNESSES)
    file = tmp_path / "bundle"
    file.write_bytes(bundle)
    other = cosign(note_of(20), (), seen=None, pinned=PINNED, key=WITNESSES[2], timestamp=1)
    for quorum, given, clean in ((2, notes, True), (2, notes[:1] * 2, False), (3, [*notes, other], False)):
        with file.open("rb") as stream:
            report = verify(stream, Pinned(PINNED.signers, keys, quorum), cosigned=given)
        assert rules(report.findings) == (set() if clean else {"quorum"})
