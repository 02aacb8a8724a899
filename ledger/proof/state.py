"""What a reader verified before, kept in a file of the reader's own: any later bundle must extend it."""

from pathlib import Path

import msgspec

from ledger.proof.findings import Known
from ledger.proof.note import Checkpoint, Note
from ledger.proof.synced import write_synced

CHECKPOINTS_MAX = 10_000
"""Above it every second one of the older half is dropped: the first and the newest stay."""


class BadState(ValueError):
    """A state file that cannot be read; the message says why. It is never overwritten."""


def read_state(file: Path) -> Known | None:
    """The checkpoints verified before; None where there is no file yet."""
    if not file.exists():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Known)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, OSError) as fault:
        raise BadState(f"the state file {file.name} cannot be read: {fault}") from fault


def keep(file: Path, known: Known | None, newest: str) -> None:
    """Add a checkpoint that was just verified, so that after a crash either the old or the new file is there, whole."""
    checkpoint = Checkpoint.of(Note.parse(newest.encode()))
    kept = dict(known.checkpoints if known is not None else ()) | {checkpoint.size: checkpoint.root.hex()}
    sizes = sorted(kept)
    if len(sizes) > CHECKPOINTS_MAX:
        half = len(sizes) // 2
        sizes = [*sizes[:half:2], *sizes[half:]]
    made = Known(origin=checkpoint.origin, checkpoints=tuple((size, kept[size]) for size in sizes))
    write_synced(file, msgspec.json.encode(made))
