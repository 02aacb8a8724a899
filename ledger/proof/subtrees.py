"""Proofs from stored hashes: which subtrees a proof is made of, and which hashes of which tiles give their roots.

A subtree is a range of leaves [start, end) that RFC 9162 splits off: it begins at a multiple of the power of two that
holds it. Tiles are those of C2SP tlog-tiles, 256 hashes wide: the hash at (level, index) is the root of the 256^level
leaves from index * 256^level on.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ledger.proof.merkle import TILE_HEIGHT, node_hash, root_of


class Subtree(NamedTuple):
    """The leaves from start to end, without it."""

    start: int
    end: int


class Span(NamedTuple):
    """So many hashes of one level, from an index on; all in one tile, and their root is that of a complete subtree."""

    level: int
    first: int
    count: int


def inclusion_subtrees(*, index: int, size: int) -> list[Subtree]:
    """The subtrees whose roots are the audit path of leaf `index` (RFC 9162, 2.1.3.1), the leaf's sibling first."""
    assert 0 <= index < size
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(Subtree(middle, end))
            end = middle
        else:
            path.append(Subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_subtrees(*, size: int, later_size: int) -> list[Subtree]:
    """The subtrees whose roots prove the tree of `size` a prefix of the later one (RFC 9162, 2.1.4.1)."""
    assert 0 < size <= later_size
    path, start, end, whole = [], 0, later_size, True
    while end != size:
        middle = start + _split(end - start)
        if size <= middle:
            path.append(Subtree(middle, end))
            end = middle
        else:
            path.append(Subtree(start, middle))
            start, whole = middle, False
    return [*([] if whole else [Subtree(start, end)]), *path[::-1]]


def spans(subtree: Subtree) -> Iterator[Span]:
    """The complete subtrees that make up this one, largest and leftmost first."""
    start, end = subtree
    while start < end:
        height = (end - start).bit_length() - 1
        level, below = divmod(height, TILE_HEIGHT)
        yield Span(level, start >> (TILE_HEIGHT * level), 1 << below)
        start += 1 << height


def root_of_spans(subtree: Subtree, hashes: Mapping[Span, list[bytes]]) -> bytes:
    """The subtree's root, from the hashes of its spans."""
    roots = [root_of(hashes[span]) for span in spans(subtree)]
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
