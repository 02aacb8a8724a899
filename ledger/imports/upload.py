"""A file from outside: kept as it came, by its hash, and read by a child process that has limits of its own."""

import asyncio
import hashlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Literal

import msgspec

from ledger.imports import frames
from ledger.imports.frames import FRAME_BYTES_MAX, Frame, Unreadable
from ledger.imports.sheets import StatementUnreadable

Kind = Literal["statement", "readings"]
SECONDS_MAX = 240
"""How long the reading of one file may take."""


class Files:
    """The raw files, each under the SHA-256 of its content, in the data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, source: IO[bytes]) -> str:
        """Keep a file for good and return its hash; it is on the disk before this returns.

        It is written under a name of its own first, so that no half of a file ever stands under a whole one's hash.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        coming, digest = self.folder / f"coming-{secrets.token_hex(16)}", hashlib.sha256()
        coming.touch(mode=0o600, exist_ok=False)
        try:
            with coming.open("wb") as file:
                while piece := source.read(1 << 20):
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            path = self.path_of(digest.hexdigest())
            path.parent.mkdir(mode=0o700, exist_ok=True)
            coming.replace(path)
        finally:
            coming.unlink(missing_ok=True)
        for folder in (path.parent, self.folder):
            handle = os.open(folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        return digest.hexdigest()

    def path_of(self, document: str) -> Path:
        """Where the file of this hash is."""
        return self.folder / document[:2] / document


async def read_in_child(
    name: str, path: Path, layouts: Path | None = None, *, kind: Kind = "statement"
) -> AsyncIterator[Frame]:
    """What a file says, frame by frame, read by a process with limits; StatementUnreadable where it cannot be read.

    `layouts` is the operator's own file of header names, where there is one.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "ledger.imports.child", kind, name, str(path), str(layouts or ""),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}, limit=1 << 20,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while head := await child.stdout.read(4):
                frame = frames.decode(await _body(child.stdout, head))
                if isinstance(frame, Unreadable):
                    raise StatementUnreadable(frame.rule, frame.message, frame.line)
                yield frame
            code = await child.wait()
    except TimeoutError:
        raise StatementUnreadable("too_slow", f"{name} took longer than {SECONDS_MAX} s to read.") from None
    except (asyncio.IncompleteReadError, msgspec.DecodeError):
        code = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code:
        raise _ended(name, code)


async def _body(stream: asyncio.StreamReader, head: bytes) -> bytes:
    head += await stream.readexactly(4 - len(head))
    length = int.from_bytes(head, "big")
    if length > FRAME_BYTES_MAX:
        raise msgspec.DecodeError("a frame of this length is none of ours")
    return await stream.readexactly(length)


def _ended(name: str, code: int) -> StatementUnreadable:
    """Why the child ended before it had told all: a limit was reached, of time or else of memory."""
    if -code == signal.SIGXCPU:
        return StatementUnreadable("too_slow", f"{name} takes longer to read than a statement may.")
    return StatementUnreadable("too_large", f"{name} takes more memory to read than a statement may.")
