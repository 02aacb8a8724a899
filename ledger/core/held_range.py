"""Holdings: the certificate serials of one series that an account holds, and from which day on. Pure.

A holder may have tens of thousands of pieces. They are kept sorted and apart in blocks, so that a change copies one
block and not all of them; a holding itself never changes, so that an atomic batch can go back to the one before.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple, Self

import msgspec

from ledger.core.serial_range import Ranges, SerialRange, intersect, merge, subtract

BLOCK_MAX = 256
"""Pieces in one block; a fuller one is cut in two."""
FOREVER = 2**31
"""A day after all others."""


class HeldRange(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Serials an account holds, and the day (ordinal) from which on they are effective there."""

    first: int
    end: int
    since: int


Pieces = tuple[HeldRange, ...]


class Change(NamedTuple):
    """A holding after some serials came or left, and which pieces that took away and added."""

    after: "Holdings"
    dropped: Pieces
    added: Pieces


class Holdings:
    """Sorted pieces that share no serial; two that touch differ in their day."""

    __slots__ = ("_blocks", "_firsts")

    def __init__(self, blocks: tuple[Pieces, ...], firsts: tuple[int, ...]) -> None:
        self._blocks = blocks
        self._firsts = firsts
        """The first serial of each block."""

    @classmethod
    def of(cls, pieces: Pieces) -> Self:
        """The holding of these pieces, sorted and apart."""
        blocks = tuple(pieces[at : at + BLOCK_MAX // 2] for at in range(0, len(pieces), BLOCK_MAX // 2))
        return cls(blocks, tuple(block[0].first for block in blocks))

    def __iter__(self) -> Iterator[HeldRange]:
        for block in self._blocks:
            yield from block

    def sharing(self, r: SerialRange) -> Pieces:
        """The pieces that have serials in common with `r`."""
        if not self._blocks:
            return ()
        low, start, high, stop = self._span(r.first, r.end)
        if low == high:
            return self._blocks[low][start:stop]
        between = (piece for block in self._blocks[low + 1 : high] for piece in block)
        return (*self._blocks[low][start:], *between, *self._blocks[high][:stop])

    def received(self, r: SerialRange, since: int) -> Change:
        """With the serials of `r` added from the day `since` on, as the fewest pieces."""
        if not self._blocks:
            return self._changed(r, (), (HeldRange(r.first, r.end, since),))
        beside = self.sharing(SerialRange(max(0, r.first - 1), r.end + 1))
        joining = [piece for piece in beside if piece.since == since]
        assert all(piece.end <= r.first or r.end <= piece.first for piece in beside), "serial ranges overlap"
        first = min([r.first, *(piece.first for piece in joining)])
        end = max([r.end, *(piece.end for piece in joining)])
        return self._changed(r, tuple(joining), (HeldRange(first, end, since),))

    def given(self, r: SerialRange) -> Change:
        """Without the serials of `r`, each of which must be held."""
        dropped = self.sharing(r)
        assert _covers(dropped, r, FOREVER), "serials given that are not held"
        low, high = dropped[0], dropped[-1]
        left = (HeldRange(low.first, r.first, low.since),) if low.first < r.first else ()
        right = (HeldRange(r.end, high.end, high.since),) if r.end < high.end else ()
        return self._changed(r, dropped, left + right)

    def _span(self, first: int, end: int) -> tuple[int, int, int, int]:
        """(block, place) of the first piece that ends after `first`; (block, place) right after the last before `end`.

        Where there is none, both are the same place: where it would be.
        """
        low = max(0, bisect_right(self._firsts, first) - 1)
        start = bisect_left(self._blocks[low], HeldRange(first, first, 0))
        if start and self._blocks[low][start - 1].end > first:
            start -= 1
        high = max(low, bisect_left(self._firsts, end) - 1)
        return low, start, high, bisect_left(self._blocks[high], HeldRange(end, end, 0))

    def _changed(self, r: SerialRange, dropped: Pieces, added: Pieces) -> Change:
        """`added` in the place of `dropped`, which lie in and around `r`."""
        if not self._blocks:
            return Change(Holdings((added,), (added[0].first,)), dropped, added)
        first, end = (dropped[0].first, dropped[-1].end) if dropped else (r.first, r.end)
        low, start, high, stop = self._span(first, end)
        block = self._blocks[low][:start] + added + self._blocks[high][stop:]
        new: tuple[Pieces, ...] = (block,) if block else ()
        if len(block) > BLOCK_MAX:
            new = (block[: len(block) // 2], block[len(block) // 2 :])
        blocks = self._blocks[:low] + new + self._blocks[high + 1 :]
        firsts = self._firsts[:low] + tuple([one[0].first for one in new]) + self._firsts[high + 1 :]
        return Change(Holdings(blocks, firsts), dropped, added)


NOTHING = Holdings((), ())


def _covers(pieces: Pieces, r: SerialRange, day: int) -> bool:
    """Whether sorted pieces cover `r` without a gap, all of them effective by this day."""
    reached = r.first
    for piece in pieces:
        if piece.first > reached or piece.since > day:
            return False
        reached = piece.end
    return reached >= r.end


def holds(held: Holdings, wanted: Ranges, day: int) -> bool:
    """Whether every wanted serial is held and effective by this day."""
    return all(_covers(held.sharing(r), r, day) for r in wanted)


def held_among(held: Holdings, wanted: Ranges) -> Ranges:
    """Which of the wanted serials are held, on whatever day."""
    found = [SerialRange(max(h.first, r.first), min(h.end, r.end)) for r in wanted for h in held.sharing(r)]
    return merge(tuple(found))


def lowest_held(held: Holdings, quantity: int, *, day: int, without: Ranges = ()) -> Ranges:
    """The lowest `quantity` serials that are effective by this day and not among `without`; all, where fewer are."""
    found: list[SerialRange] = []
    for piece in held:
        if quantity <= 0:
            break
        if piece.since > day:
            continue
        free: Ranges = (SerialRange(piece.first, piece.end),)
        if without:
            free = subtract(free, intersect(free, without))
        for r in free:
            took = min(quantity, r.count)
            found += [SerialRange(r.first, r.first + took)] if took else []
            quantity -= took
    return merge(tuple(found))
