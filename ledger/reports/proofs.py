"""Checkpoints, proofs, receipts and tiles, from the hashes that are stored. Everybody's proofs are made of the same."""

from collections.abc import Iterable, Sequence

import msgspec

from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import HASH_BYTES, TILE_WIDTH, root_of
from ledger.proof.subtrees import Span, Subtree, consistency_subtrees, inclusion_subtrees, root_of_spans, spans
from ledger.reports.reading import HEAD, Reading
from ledger.store.session import Query, Scope

ROOTS_MAX = 200_000
"""Roots of complete tiles kept in memory, some 20 MB; above it they are read again."""


class SealedSize(msgspec.Struct, frozen=True):
    """A size that was signed, and the note that is kept for it. What the note says is for its reader to check."""

    size: int
    note: bytes


class Receipt(msgspec.Struct, frozen=True):
    """All it takes to prove a record to somebody else: its bytes, the path to a root, and who signed that."""

    index: int
    record: bytes
    path: tuple[bytes, ...]
    sealed: SealedSize


class Proofs:
    """Proofs of the ledgers a reader sees."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._roots: dict[tuple[int, int, int], bytes] = {}
        """(ledger, level, tile) -> root of a complete tile. It never changes, and the newest are in no tile yet."""

    async def sealed(self, scope: Scope, *, size: int | None = None) -> SealedSize | Refusal:
        """The newest checkpoint, or the one at a size; `not_sealed` where there is none."""
        text = "select size, note from visible_checkpoint where size = %s" if size is not None else _NEWEST
        (rows,) = await self._reading.reader.fetch(scope, Query(text, () if size is None else (size,)))
        if not rows:
            return refuse("not_sealed", size="any" if size is None else size)
        return SealedSize(rows[0][0], bytes(rows[0][1]))

    async def keys(self, scope: Scope) -> list[tuple[int, str, str | None]]:
        """(log index, key, the one it replaces) of the signing keys that records name."""
        (rows,) = await self._reading.reader.fetch(scope, Query(KEYS))
        return [(index, key, replaces) for index, key, replaces in rows]

    async def sealing(self, scope: Scope, index: int) -> SealedSize | Refusal:
        """The first checkpoint that covers a record; `not_sealed` where none does yet."""
        (rows,) = await self._reading.reader.fetch(scope, Query(_COVERING, (index,)))
        return SealedSize(rows[0][0], bytes(rows[0][1])) if rows else refuse("not_sealed", size=index + 1)

    async def inclusion(self, scope: Scope, *, index: int, size: int) -> list[bytes] | Refusal:
        """The audit path of a record in the tree of this size (RFC 9162, 2.1.3.1)."""
        if (wrong := await self._beyond(scope, size)) is not None:
            return wrong
        if not 0 <= index < size:
            return refuse("not_found", what=f"record {index} in a tree of {size}")
        return await self._roots_of(scope, inclusion_subtrees(index=index, size=size))

    async def consistency(self, scope: Scope, *, size: int, later_size: int) -> list[bytes] | Refusal:
        """The proof that one size's tree is a prefix of a later one's (RFC 9162, 2.1.4.1)."""
        if (wrong := await self._beyond(scope, later_size)) is not None:
            return wrong
        if not 0 < size <= later_size:
            return refuse("not_found", what=f"a tree of {size} in one of {later_size}")
        return await self._roots_of(scope, consistency_subtrees(size=size, later_size=later_size))

    async def edge(self, scope: Scope, size: int) -> list[bytes]:
        """The roots of the complete subtrees that make up the tree of this size, largest first."""
        pieces = list(spans(Subtree(0, size)))
        hashes = await self._hashes(scope, pieces)
        return [root_of(hashes[piece]) for piece in pieces]

    async def receipt(self, scope: Scope, index: int) -> Receipt | Refusal:
        """A record's bytes, for those it concerns, with the path to the first checkpoint that covers it."""
        found = await self._reading.record(scope, index)
        if isinstance(found, Refusal):
            return found
        sealed = await self.sealing(scope, index)
        if isinstance(sealed, Refusal):
            return sealed
        path = await self.inclusion(scope, index=index, size=sealed.size)
        if isinstance(path, Refusal):
            return path
        return Receipt(index, found[0], tuple(path), sealed)

    async def tile(self, scope: Scope, *, level: int, index: int, width: int) -> bytes | Refusal:
        """The first hashes of a tile, so many; `not_found` where the tree has not that many there."""
        span = Span(level, index * TILE_WIDTH, width)
        ((head,),) = await self._reading.reader.fetch(scope, HEAD)
        if (span.first + width) << (8 * level) > head[0]:
            return refuse("not_found", what=f"tile {level}/{index} of width {width}")
        found = await self._hashes(scope, [span])
        return b"".join(found[span])

    async def _beyond(self, scope: Scope, size: int) -> Refusal | None:
        ((head,),) = await self._reading.reader.fetch(scope, HEAD)
        return refuse("not_yet_known", asked=size, size=head[0]) if size > head[0] else None

    async def _roots_of(self, scope: Scope, subtrees: Sequence[Subtree]) -> list[bytes]:
        hashes = await self._hashes(scope, {span for subtree in subtrees for span in spans(subtree)})
        return [root_of_spans(subtree, hashes) for subtree in subtrees]

    async def _hashes(self, scope: Scope, wanted: Iterable[Span]) -> dict[Span, list[bytes]]:
        """The hashes of each span: from its tile, or, where that is not complete, from what lies below it."""
        spans_of = list(wanted)
        tiles = await self._tiles(scope, {(span.level, span.first // TILE_WIDTH) for span in spans_of})
        found: dict[Span, list[bytes]] = {}
        for span in spans_of:
            hashes = tiles.get((span.level, span.first // TILE_WIDTH))
            if hashes is not None:
                at = span.first % TILE_WIDTH
                found[span] = hashes[at : at + span.count]
            elif span.level == 0:
                found[span] = await self._leaves(scope, span)
            else:
                found[span] = await self._tile_roots(scope, span)
        return found

    async def _tile_roots(self, scope: Scope, span: Span) -> list[bytes]:
        """The roots of complete tiles one level down."""
        level, indexes = span.level - 1, range(span.first, span.first + span.count)
        missing = {(level, index) for index in indexes if (scope.ledger_id, level, index) not in self._roots}
        if missing:
            if len(self._roots) + len(missing) > ROOTS_MAX:
                self._roots.clear()
                missing = {(level, index) for index in indexes}
            for (_, index), hashes in (await self._tiles(scope, missing)).items():
                self._roots[scope.ledger_id, level, index] = root_of(hashes)
        return [self._roots[scope.ledger_id, level, index] for index in indexes]

    async def _tiles(self, scope: Scope, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], list[bytes]]:
        """Those of the tiles (level, index) that are complete."""
        if not wanted:
            return {}
        levels, indexes = map(list, zip(*wanted, strict=True))
        (rows,) = await self._reading.reader.fetch(scope, Query(_TILES, (levels, indexes)))
        return {(level, index): _split(hashes) for level, index, hashes in rows}

    async def _leaves(self, scope: Scope, span: Span) -> list[bytes]:
        first, end = span.first, span.first + span.count
        parameters = (first, end, first, end, first)
        (rows,) = await self._reading.reader.fetch(scope, Query(_LEAVES, parameters))
        found = _split(b"".join(leaves for (leaves,) in rows))
        assert len(found) == span.count, "the journal has every leaf below its size"
        return found


def _split(hashes: bytes) -> list[bytes]:
    return [bytes(hashes[at : at + HASH_BYTES]) for at in range(0, len(hashes), HASH_BYTES)]


KEYS = "select log_index, key, replaces from visible_signing_key order by log_index"
_NEWEST = "select size, note from visible_checkpoint order by size desc limit 1"
_COVERING = "select size, note from visible_checkpoint where size > %s order by size limit 1"
# Each is looked up by the index, however many there are.
_TILES = """
    select w.level, w.tile_index, t.hashes from unnest(%s::smallint[], %s::bigint[]) as w (level, tile_index)
    cross join lateral (
        select hashes from visible_tile v where v.level = w.level and v.tile_index = w.tile_index limit 1
    ) as t
"""
# The part of each segment's leaves that lies between first and end.
_LEAVES = """
    select substr(leaves, (greatest(%s - first_index, 0) * 32 + 1)::integer,
        ((least(%s, first_index + record_count) - greatest(%s, first_index)) * 32)::integer)
    from visible_leaves
    where first_index < %s and first_index >= coalesce(
        (select max(first_index) from visible_leaves where first_index <= %s), 0)
    order by first_index
"""
