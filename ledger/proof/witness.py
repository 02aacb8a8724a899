"""A witness: somebody apart who cosigns a log's checkpoints, each only if it extends the last one it saw.

As many witnesses as a reader asks for make it impossible to show two readers two logs, whoever has the log's key.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ledger.proof.merkle import is_consistent
from ledger.proof.note import BadNote, Checkpoint, Note, SignerKey
from ledger.proof.pinned import Pinned
from ledger.proof.synced import write_synced


class NotCosigned(Exception):
    """What was shown is not a later state of the log that was seen before; the message says how it differs."""


class Seen(msgspec.Struct, frozen=True):
    """The last checkpoint a witness cosigned, as a note."""

    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return Checkpoint.of(Note.parse(self.note.encode()))


def read_seen(file: Path) -> Seen | None:
    """What the witness saw last; None where it has no file yet. NotCosigned where the file is damaged."""
    if not file.exists():
        return None
    try:
        seen = msgspec.json.decode(file.read_bytes(), type=Seen)
        Checkpoint.of(Note.parse(seen.note.encode()))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, BadNote) as fault:
        raise NotCosigned(f"the witness's own file is damaged: {fault}") from fault
    return seen


def cosign(
    note: Note, proof: Sequence[bytes], *, seen: Seen | None, pinned: Pinned, key: SignerKey, timestamp: int
) -> Note:
    """The note with this witness's signature, made at that POSIX second; NotCosigned where it does not extend `seen`.

    The first checkpoint is taken as it is shown: from then on the log is held to it.
    """
    checkpoint = Checkpoint.of(note)
    try:
        signers = pinned.signers_of(note, checkpoint.size)
    except BadNote as fault:
        raise NotCosigned(f"the checkpoint at {checkpoint.size}: {fault}") from fault
    if not signers or checkpoint.origin not in {one.name for one in signers}:
        raise NotCosigned(f"no key pinned for {checkpoint.size} signed the checkpoint of {checkpoint.origin}")
    if seen is not None:
        _extends(checkpoint, seen.checkpoint, proof)
    return note.cosigned(key, timestamp=timestamp)


def keep(file: Path, note: Note) -> None:
    """Remember what was cosigned, before anybody is shown the cosignature."""
    write_synced(file, msgspec.json.encode(Seen(note.encode().decode())))


def _extends(new: Checkpoint, old: Checkpoint, proof: Sequence[bytes]) -> None:
    if new.origin != old.origin:
        raise NotCosigned(f"this is {new.origin}, and {old.origin} was seen before")
    if new.size < old.size:
        raise NotCosigned(f"the log has {new.size} records, and {old.size} were seen before")
    if not is_consistent(size=old.size, root=old.root, later_size=new.size, later_root=new.root, proof=proof):
        raise NotCosigned(
            f"the log of {new.size} records does not extend the one of {old.size} that was seen: its root there was"
            f" {old.root.hex()}"
        )
