"""RFC 9162 Merkle tree: hashes, roots, inclusion and consistency proofs.

A tree is never held whole. The writer keeps a `Frontier` (the roots of the complete subtrees to the left,
at most 64 hashes); what proofs are made of stands in `subtrees`. Section numbers are those of RFC 9162.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(record: bytes) -> bytes:
    """Hash of a leaf (2.1.1): SHA-256(0x00 || record)."""
    return hashlib.sha256(b"\x00" + record).digest()


def leaf_hashes(records: Iterable[bytes]) -> list[bytes]:
    """Hashes of leaves, many at once."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + record).digest() for record in records]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (2.1.1): SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a tree of `size` leaves: one hash for each set bit of the size, highest first.

    `tiles` collects the hashes that complete C2SP tlog-tiles (256 wide, 8 levels apart) since `take_tiles`.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        assert len(hashes) == size.bit_count(), "one hash for each set bit of the size"
        self.size = size
        self.hashes = list(hashes)
        self.completed: list[tuple[int, int, bytes]] = []
        """(level, index at that level, hash) of nodes that stand in tiles: level counts tiles, not tree levels."""

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.completed.append((0, self.size, leaf))
        node, height, size = leaf, 0, self.size
        hashes = self.hashes
        while size & 1:
            node = hashlib.sha256(b"\x01" + hashes.pop() + node).digest()
            size >>= 1
            height += 1
            if not height % TILE_HEIGHT:
                self.completed.append((height // TILE_HEIGHT, size, node))
        hashes.append(node)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, where nobody keeps tiles: level by level, faster than one by one."""
        sha256, nodes, size = hashlib.sha256, list(leaves), self.size
        self.size += len(nodes)
        edge: list[bytes] = []  # lowest first
        while nodes or size:
            if size & 1:
                nodes.insert(0, self.hashes.pop())
            if len(nodes) & 1:
                edge.append(nodes.pop())
            pairs = zip(nodes[::2], nodes[1::2], strict=True)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            size >>= 1
        self.hashes = edge[::-1]

    def root(self) -> bytes:
        """The root (2.1.1)."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def encode(self) -> bytes:
        """The hashes as stored beside the head."""
        return b"".join(self.hashes)

    @classmethod
    def decode(cls, size: int, content: bytes) -> "Frontier":
        """The frontier that `encode` wrote for a tree of `size`; ValueError where the bytes are not so many."""
        if size < 0 or len(content) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(content)} bytes are not the edge of a tree of {size}")
        return cls(size, [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)])


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root of these leaf hashes (2.1.1)."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def root_from_inclusion(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root an audit path leads to (2.1.3.2), or None where the path does not fit index and size."""
    if not 0 <= index < size:
        return None
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def is_consistent(*, size: int, root: bytes, later_size: int, later_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the earlier tree is a prefix of the later one (2.1.4.2)."""
    if not 0 < size <= later_size:
        return False
    if size == later_size:
        return not proof and root == later_root
    path = list(proof) if size & (size - 1) else [root, *proof]
    if not path:
        return False
    position, last = size - 1, later_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == root and second == later_root
