"""Ranges of certificate serials inside one series, half-open, kept sorted and apart."""

from bisect import bisect_left

import msgspec


class SerialRange(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Serials `first` up to but without `end` of one series."""

    first: int
    end: int

    @property
    def count(self) -> int:
        """How many certificates the range holds."""
        return self.end - self.first


Ranges = tuple[SerialRange, ...]


def count(ranges: Ranges) -> int:
    """How many certificates the ranges hold together."""
    return sum(r.end - r.first for r in ranges)


def merge(*groups: Ranges) -> Ranges:
    """All the ranges as the fewest sorted ones; two that overlap are a fault of the caller."""
    pieces = [piece for group in groups for piece in group]
    if len(pieces) < 2:
        return tuple(pieces)
    merged: list[SerialRange] = []
    for piece in sorted(pieces):
        assert not merged or merged[-1].end <= piece.first, "serial ranges overlap"
        if merged and merged[-1].end == piece.first:
            merged[-1] = SerialRange(merged[-1].first, piece.end)
        else:
            merged.append(piece)
    return tuple(merged)


def contains(ranges: Ranges, wanted: Ranges) -> bool:
    """Whether each wanted range lies in one of `ranges` (merged)."""
    for w in wanted:
        at = bisect_left(ranges, SerialRange(w.first + 1, 0)) - 1
        if at < 0 or ranges[at].end < w.end:
            return False
    return True


def overlaps(ranges: Ranges, other: SerialRange) -> bool:
    """Whether any serial of `other` lies in `ranges` (merged)."""
    at = bisect_left(ranges, SerialRange(other.end, 0)) - 1
    return at >= 0 and other.first < ranges[at].end


def intersect(ranges: Ranges, other: Ranges) -> Ranges:
    """The serials that lie in both (both merged)."""
    found: list[SerialRange] = []
    one = two = 0
    while one < len(ranges) and two < len(other):
        a, b = ranges[one], other[two]
        first, end = max(a.first, b.first), min(a.end, b.end)
        if first < end:
            found.append(SerialRange(first, end))
        if a.end < b.end:
            one += 1
        else:
            two += 1
    return tuple(found)


def subtract(ranges: Ranges, taken: Ranges) -> Ranges:
    """`ranges` (merged) without the serials of `taken`, each of which must lie in them."""
    assert contains(ranges, taken), "serials taken that are not there"
    left: list[SerialRange] = []
    gone = sorted(taken)
    at = 0
    for r in ranges:
        first = r.first
        while at < len(gone) and gone[at].first < r.end:
            if first < gone[at].first:
                left.append(SerialRange(first, gone[at].first))
            first = gone[at].end
            at += 1
        if first < r.end:
            left.append(SerialRange(first, r.end))
    return tuple(left)


def written(ranges: Ranges) -> str:
    """The ranges as people read them: first and last serial, both included."""
    return ", ".join(f"{r.first}-{r.end - 1}" for r in ranges)


def take_lowest(ranges: Ranges, quantity: int) -> Ranges:
    """The lowest `quantity` serials of `ranges`, which must hold at least so many."""
    taken: list[SerialRange] = []
    for piece in ranges:
        if quantity == 0:
            break
        took = SerialRange(piece.first, min(piece.end, piece.first + quantity))
        taken.append(took)
        quantity -= took.count
    assert quantity == 0, "fewer serials than were asked for"
    return tuple(taken)
