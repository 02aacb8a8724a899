"""Where the serials of one lot lie, as a verifier follows them: ranges that never overlap, each with its account.

Two ranges that touch are of different accounts, so that whatever an account gives lies in one of its ranges. They are
kept in blocks: a hostile log may have millions in any order, and each change moves the few of its own block only.
"""

from bisect import bisect_right
from typing import NamedTuple

BLOCK_MAX = 1_024
"""Ranges in one block; a fuller one is cut in two."""


class _Block(NamedTuple):
    firsts: list[int]
    ends: list[int]
    accounts: list[str]


class Places:
    """The ranges of a lot inside the book, in order."""

    __slots__ = ("_blocks", "_bounds")

    def __init__(self) -> None:
        self._blocks = [_Block([], [], [])]
        self._bounds = [0]
        """The lowest serial that may begin a range of each block; none is empty but a single one."""

    def take(self, account: str, first: int, end: int) -> bool:
        """Take [first, end) out of the account; False, and nothing taken, unless all of it lies there."""
        number, at = self._last_from(first)
        if at < 0:
            return False
        block = self._blocks[number]
        low, high = block.firsts[at], block.ends[at]
        if high < end or block.accounts[at] != account:
            return False
        if low < first:
            block.ends[at] = first
        else:
            self._remove(number, at)
        if end < high:
            self._insert(end, high, account)
        return True

    def put(self, account: str, first: int, end: int) -> bool:
        """Put [first, end) into the account, joined with what it has beside it; False where any of it lies anywhere."""
        number, at = self._last_from(first)
        block = self._blocks[number]
        if at >= 0 and block.ends[at] > first:
            return False
        after = (number, at + 1) if at + 1 < len(block.firsts) else (number + 1, 0)
        following = self._blocks[after[0]] if after[0] < len(self._blocks) and block.firsts else None
        if following is not None and following.firsts[after[1]] <= end:
            if following.firsts[after[1]] < end:
                return False
            if following.accounts[after[1]] == account:
                end = following.ends[after[1]]
                self._remove(*after)
        if at >= 0 and block.ends[at] == first and block.accounts[at] == account:
            block.ends[at] = end
        else:
            self._insert(first, end, account)
        return True

    def all(self) -> list[tuple[str, int, int]]:
        """(account, first, end) of every range."""
        return [(account, first, end) for block in self._blocks for first, end, account in zip(*block, strict=True)]

    def _last_from(self, serial: int) -> tuple[int, int]:
        """(block, place) of the last range that begins at or before the serial; place -1 where there is none."""
        number = bisect_right(self._bounds, serial) - 1
        at = bisect_right(self._blocks[number].firsts, serial) - 1
        if at < 0 < number:
            return number - 1, len(self._blocks[number - 1].firsts) - 1
        return number, at

    def _insert(self, first: int, end: int, account: str) -> None:
        number = bisect_right(self._bounds, first) - 1
        block = self._blocks[number]
        at = bisect_right(block.firsts, first)
        for column, value in zip(block, (first, end, account), strict=True):
            column.insert(at, value)  # type: ignore[arg-type]  # each column its own
        if len(block.firsts) > BLOCK_MAX:
            half = len(block.firsts) // 2
            right = _Block(block.firsts[half:], block.ends[half:], block.accounts[half:])
            for column in block:
                del column[half:]
            self._blocks.insert(number + 1, right)
            self._bounds.insert(number + 1, right.firsts[0])

    def _remove(self, number: int, at: int) -> None:
        block = self._blocks[number]
        for column in block:
            del column[at]
        if not block.firsts and len(self._blocks) > 1:
            del self._blocks[number], self._bounds[number]
            self._bounds[0] = 0
