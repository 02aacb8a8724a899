"""The journal: segments of records, sealed into bytes, leaves and tiles; read back in log order."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg

from ledger.core.record import RECORD_BYTES_MAX, Envelope, decode
from ledger.proof.merkle import HASH_BYTES, TILE_WIDTH, Frontier, leaf_hash, root_of

_LENGTH = struct.Struct(">H")


class Segment(msgspec.Struct, frozen=True):
    """The records of one group commit, as they are stored."""

    first_index: int
    count: int
    records: bytes
    offsets: bytes
    leaves: bytes


def seal(first_index: int, records: Sequence[bytes], frontier: Frontier) -> Segment:
    """Lay the records out as a segment and extend the tree by them; `frontier` is changed."""
    assert frontier.size == first_index, "a segment starts where the tree ends"
    parts, offsets, leaves, at = [], [], [], 0
    for record in records:
        assert len(record) <= RECORD_BYTES_MAX
        leaf = leaf_hash(record)
        frontier.append(leaf)
        leaves.append(leaf)
        offsets.append(at)
        parts.append(_LENGTH.pack(len(record)))
        parts.append(record)
        at += 2 + len(record)
    return Segment(
        first_index,
        len(records),
        b"".join(parts),
        struct.pack(f">{len(offsets)}I", *offsets),
        b"".join(leaves),
    )


def split_records(content: bytes) -> Iterator[bytes]:
    """The records of a segment's bytes; ValueError where the lengths do not add up."""
    at, end = 0, len(content)
    while at < end:
        if at + 2 > end:
            raise ValueError("a segment ends inside a length")
        (length,) = _LENGTH.unpack_from(content, at)
        if at + 2 + length > end:
            raise ValueError("a segment ends inside a record")
        yield content[at + 2 : at + 2 + length]
        at += 2 + length


class TileBuffer:
    """Hashes of tiles that are not complete yet, by level; complete ones are taken out to be stored."""

    def __init__(self) -> None:
        self._levels: dict[int, list[bytes]] = {}

    def take_complete(self, nodes: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
        """Add nodes (level, index, hash) in order; the (level, tile index, 256 hashes) they complete."""
        complete = []
        for level, index, node in nodes:
            hashes = self._levels.setdefault(level, [])
            assert len(hashes) == index % TILE_WIDTH, "tiles are filled in order"
            hashes.append(node)
            if len(hashes) == TILE_WIDTH:
                complete.append((level, index // TILE_WIDTH, b"".join(hashes)))
                hashes.clear()
        return complete


class Tree(msgspec.Struct):
    """The right edge of a ledger's Merkle tree: frontier and tiles that are not complete yet."""

    frontier: Frontier
    tiles: TileBuffer

    def take_complete_tiles(self) -> list[tuple[int, int, bytes]]:
        """The tiles completed by the leaves appended since the last call."""
        complete = self.tiles.take_complete(self.frontier.completed)
        self.frontier.completed.clear()
        return complete

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves that are stored already, tiles and all."""
        for leaf in leaves:
            self.frontier.append(leaf)
        self.take_complete_tiles()


_TILES = "select tile_index, hashes from hash_tile where ledger_id = %s and level = %s and tile_index >= %s order by 1"


async def read_tree(connection: psycopg.AsyncConnection[Any], ledger_id: int, size: int, frontier: bytes) -> Tree:
    """The tree of a ledger of `size`, from its stored frontier, tiles and newest leaves."""
    tiles, level, complete = TileBuffer(), 0, size // TILE_WIDTH
    first = complete * TILE_WIDTH
    leaves = await read_leaves(connection, ledger_id, first)
    tiles.take_complete((0, first + at, leaf) for at, leaf in enumerate(leaves[: size - first]))
    while complete:
        # What stands in the incomplete tile one level up are the roots of the newest complete tiles here.
        rows = await (await connection.execute(_TILES, (ledger_id, level, complete - complete % TILE_WIDTH))).fetchall()
        tiles.take_complete(
            (level + 1, index, root_of(_hashes(content))) for index, content in rows if index < complete
        )
        level, complete = level + 1, complete // TILE_WIDTH
    return Tree(Frontier.decode(size, frontier), tiles)


_LEAVES = """
    select first_index, leaves from journal_segment where ledger_id = %(ledger)s and first_index >= coalesce(
        (select max(first_index) from journal_segment where ledger_id = %(ledger)s and first_index <= %(first)s), 0)
    order by first_index
"""


async def read_leaves(connection: psycopg.AsyncConnection[Any], ledger_id: int, first: int) -> list[bytes]:
    """The leaf hashes from index `first` on."""
    cursor = await connection.execute(_LEAVES, {"ledger": ledger_id, "first": first})
    found: list[bytes] = []
    for first_index, leaves in await cursor.fetchall():
        found += _hashes(leaves)[max(0, first - first_index) :]
    return found


def _hashes(content: bytes) -> list[bytes]:
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def read_records(connection: psycopg.Connection[Any], ledger_id: int) -> Iterator[bytes]:
    """Every record of a ledger in log order, a segment at a time."""
    with connection.cursor(name="records") as cursor:
        cursor.itersize = 16
        cursor.execute("select records from journal_segment where ledger_id = %s order by first_index", (ledger_id,))
        for (records,) in cursor:
            yield from split_records(records)


_RECORDS = """
    select i, substr(s.records, p.at + 3, p.length)
    from unnest(%s::bigint[]) as i
    join lateral (
        select first_index, record_count, records, offsets from journal_segment
        where ledger_id = %s and first_index <= i order by first_index desc limit 1
    ) as s on i < s.first_index + s.record_count
    cross join lateral (
        select o.at, get_byte(substr(s.records, o.at + 1, 2), 0) * 256
            + get_byte(substr(s.records, o.at + 1, 2), 1) as length
        from (
            select ('x' || encode(substr(s.offsets, (4 * (i - s.first_index))::int + 1, 4), 'hex'))::bit(32)::int as at
        ) as o
    ) as p
"""


async def records_at(
    connection: psycopg.AsyncConnection[Any], ledger_id: int, indexes: Sequence[int]
) -> dict[int, Envelope]:
    """The records of these log indexes, as far as the journal has them."""
    rows = await (await connection.execute(_RECORDS, (list(indexes), ledger_id))).fetchall()
    return {index: decode(content) for index, content in rows}
