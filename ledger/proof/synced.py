"""Small files that must survive a crash whole: keys, and what was signed or verified last."""

import contextlib
import os
from pathlib import Path


def write_synced(file: Path, content: bytes) -> None:
    """Replace a 0600 file so that after a crash either the old or the new content is there, whole."""
    part = file.with_name(file.name + ".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    rename_synced(part, file)


def rename_synced(file: Path, to: Path) -> None:
    """Let a file take the place of another, for good once this returns."""
    file.replace(to)
    handle = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
