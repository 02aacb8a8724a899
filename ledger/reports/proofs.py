"""Checkpoints, proofs, receipts and tiles, from the hashes that are stored. Everybody's proofs are made of the same."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import HASH_BYTES, TILE_WIDTH, root_of
from ledger.proof.subtrees import Span, Subtree, consistency_subtrees, inclusion_subtrees, root_of_spans, spans
from ledger.reports.reading import HEAD, Reading
from ledger.store.session import Query, Scope

ROOTS_MAX = 200_000
"""Roots of complete tiles kept in memory, some 20 MB; above it they are read again."""
SIZE_MAX = 2**53
"""No log is so large: what is asked beyond it is refused before any tile is looked for."""


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
        """The audit path of a record in the tree of this size (RFC 9162, 2.1.3.1); `not_yet_known`, `not_found`."""
        if 0 <= index < size:
            return await self._roots_of(scope, inclusion_subtrees(index=index, size=size), size)
        return await self._beyond(scope, size) or refuse("not_found", what=f"record {index} in a tree of {size}")

    async def consistency(self, scope: Scope, *, size: int, later_size: int) -> list[bytes] | Refusal:
        """The proof that one size's tree is a prefix of a later one's (RFC 9162, 2.1.4.1)."""
        if 0 < size <= later_size:
            return await self._roots_of(scope, consistency_subtrees(size=size, later_size=later_size), later_size)
        found = f"a tree of {size} in one of {later_size}"
        return await self._beyond(scope, later_size) or refuse("not_found", what=found)

    async def edge(self, scope: Scope, size: int) -> list[bytes]:
        """The roots of the complete subtrees that make up the tree of this size, largest first; it must be there."""
        pieces = list(spans(Subtree(0, size)))
        hashes = await self._hashes(scope, pieces, size)
        assert not isinstance(hashes, Refusal)
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
        found = await self._hashes(scope, [span], (span.first + width) << (8 * level))
        if isinstance(found, Refusal):
            return refuse("not_found", what=f"tile {level}/{index} of width {width}")
        return b"".join(found[span])

    async def _beyond(self, scope: Scope, size: int) -> Refusal | None:
        ((head,),) = await self._reading.reader.fetch(scope, HEAD)
        return _not_yet(size, head[0])

    async def _roots_of(self, scope: Scope, subtrees: Sequence[Subtree], size: int) -> list[bytes] | Refusal:
        hashes = await self._hashes(scope, {span for subtree in subtrees for span in spans(subtree)}, size)
        return hashes if isinstance(hashes, Refusal) else [root_of_spans(subtree, hashes) for subtree in subtrees]

    async def _hashes(self, scope: Scope, wanted: Iterable[Span], size: int) -> dict[Span, list[bytes]] | Refusal:
        """The hashes of spans of the tree of a size, in one round trip; `not_yet_known`.

        From its tile, or, where a tree of this size does not fill that, from what lies below it.
        """
        if size > SIZE_MAX:
            return await self._beyond(scope, size) or refuse("not_found", what=f"a tree of {size}")
        in_tiles, cut = [], []
        for span in wanted:
            (in_tiles if _fills_its_tile(span, size) else cut).append(span)
        leaves = [span for span in cut if span.level == 0]
        below = {span: range(span.first, span.first + span.count) for span in cut if span.level}
        roots = {(span.level - 1, index) for span, indexes in below.items() for index in indexes}
        known = {tile: root for tile in roots if (root := self._roots.get((scope.ledger_id, *tile))) is not None}
        missing = roots - known.keys()
        asked = {(span.level, span.first // TILE_WIDTH) for span in in_tiles} | missing
        queries = [_leaves_of(span) for span in leaves]
        ((head,), tile_rows, *leaf_rows) = await self._reading.reader.fetch(
            scope, HEAD, Query(_TILES, ([level for level, _ in asked], [index for _, index in asked])), *queries
        )
        if (wrong := _not_yet(size, head[0])) is not None:
            return wrong
        tiles = {(level, index): _split(hashes) for level, index, hashes in tile_rows}
        if len(self._roots) > ROOTS_MAX:
            self._roots.clear()
        known |= {tile: root_of(tiles[tile]) for tile in missing}
        self._roots.update({(scope.ledger_id, *tile): root for tile, root in known.items()})
        found = {span: _of_tile(span, tiles) for span in in_tiles}
        found |= {
            span: _split(b"".join(part for (part,) in rows)) for span, rows in zip(leaves, leaf_rows, strict=True)
        }
        for span, indexes in below.items():
            found[span] = [known[span.level - 1, index] for index in indexes]
        return found


def _fills_its_tile(span: Span, size: int) -> bool:
    """Whether a tree of this size completes the tile the span lies in."""
    return (span.first // TILE_WIDTH + 1) * TILE_WIDTH << (8 * span.level) <= size


def _of_tile(span: Span, tiles: Mapping[tuple[int, int], list[bytes]]) -> list[bytes]:
    at = span.first % TILE_WIDTH
    return tiles[span.level, span.first // TILE_WIDTH][at : at + span.count]


def _leaves_of(span: Span) -> Query:
    first, end = span.first, span.first + span.count
    return Query(_LEAVES, (first, end, first, end, first, first))


def _not_yet(size: int, head: int) -> Refusal | None:
    return refuse("not_yet_known", asked=size, size=head) if size > head else None


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
        and first_index + record_count > %s
    order by first_index
"""
