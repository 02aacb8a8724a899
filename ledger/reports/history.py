"""Whether a database still has the log that was signed: what a process saw last is kept in a file outside it.

A database restored from an older backup, or whose past differs, looks as healthy as any other. Whoever goes on writing
there forks the log: receipts that were handed out are worth nothing, and no verifier will ever be content again.
"""

from pathlib import Path

import msgspec

from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import Frontier
from ledger.proof.note import BadNote, Checkpoint, Note
from ledger.proof.synced import write_synced
from ledger.reports.proofs import Proofs
from ledger.reports.reading import HEAD, Reading
from ledger.store.session import Scope


class SeenLog(msgspec.Struct, frozen=True):
    """The newest signed size that was seen, and its root in hexadecimal."""

    size: int
    root: str


class History:
    """Remembers the newest checkpoint of each ledger, and holds the database to it."""

    def __init__(self, reading: Reading, proofs: Proofs, folder: Path) -> None:
        self._reading, self._proofs, self._folder = reading, proofs, folder

    async def differs(self, scope: Scope, ledger: str) -> Refusal | None:
        """`history_differs` where the database is shorter than what was signed, or its past is another; else None.

        A newer checkpoint that the log does lead to is remembered, before it is relied on.
        """
        file = self._folder / f"{ledger}.json"
        seen = msgspec.json.decode(file.read_bytes(), type=SeenLog) if file.exists() else SeenLog(0, "")
        ((head,),) = await self._reading.reader.fetch(scope, HEAD)
        if head[0] < seen.size:
            return refuse("history_differs", signed=seen.size, size=head[0])
        if seen.size and await self._root(scope, seen.size) != seen.root:
            return refuse("history_differs", signed=seen.size, size=head[0])
        newest = await self._proofs.sealed(scope)
        if isinstance(newest, Refusal) or newest.size <= seen.size:
            return None
        root = await self._root(scope, newest.size) if newest.size <= head[0] else None
        if root is None or _root_signed(newest.note) != root:
            return refuse("history_differs", signed=newest.size, size=head[0])
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_synced(file, msgspec.json.encode(SeenLog(newest.size, root)))
        return None

    async def _root(self, scope: Scope, size: int) -> str:
        """The root of the tree of this size, from the hashes that are stored."""
        return Frontier(size, await self._proofs.edge(scope, size)).root().hex()


def _root_signed(note: bytes) -> str | None:
    try:
        return Checkpoint.of(Note.parse(note)).root.hex()
    except BadNote:
        return None
