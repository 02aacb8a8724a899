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


class HeldRange(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Serials an account holds, and the day (ordinal) from which on they are effective there."""

    first: int
    end: int
    since: int


Ranges = tuple[SerialRange, ...]
Holdings = tuple[HeldRange, ...]
FOREVER = 2**31
"""A day after all others."""


def count(ranges: Ranges) -> int:
    """How many certificates the ranges hold together."""
    return sum(r.end - r.first for r in ranges)


def merge(*groups: Ranges) -> Ranges:
    """All the ranges as the fewest sorted ones; two that overlap are a fault of the caller."""
    merged: list[SerialRange] = []
    for piece in sorted(piece for group in groups for piece in group):
        assert not merged or merged[-1].end <= piece.first, "serial ranges overlap"
        if merged and merged[-1].end == piece.first:
            merged[-1] = SerialRange(merged[-1].first, piece.end)
        else:
            merged.append(piece)
    return tuple(merged)


def receive(held: Holdings, ranges: Ranges, since: int) -> Holdings:
    """`held` with `ranges` added from the day `since` on, as the fewest sorted pieces."""
    joined: list[HeldRange] = []
    at = 0
    for r in sorted(ranges):
        before = bisect_left(held, HeldRange(r.first, r.end, since), lo=at)
        _extend(joined, held[at:before])
        _extend(joined, (HeldRange(r.first, r.end, since),))
        at = before
    _extend(joined, held[at:])
    return tuple(joined)


def _extend(joined: list[HeldRange], pieces: Holdings) -> None:
    """Go on with pieces of which only the first may join the last so far."""
    if not pieces:
        return
    first = pieces[0]
    if joined:
        last = joined[-1]
        assert last.end <= first.first, "serial ranges overlap"
        if (last.end, last.since) == (first.first, first.since):
            first = HeldRange(joined.pop().first, first.end, first.since)
    joined.append(first)
    joined += pieces[1:]


def give(held: Holdings, taken: Ranges) -> Holdings:
    """`held` without the serials of `taken`, each of which must be among them."""
    assert holds(held, taken, FOREVER), "serials given that are not held"
    left: list[HeldRange] = []
    at, rest = 0, None
    for t in sorted(taken):
        start, stop = _span(held, t)
        if start < at and rest is not None:  # out of the same piece as the one before
            piece = rest
        else:
            left += () if rest is None else (rest,)
            left += held[at:start]
            piece = held[start]
        if piece.first < t.first:
            left.append(HeldRange(piece.first, t.first, piece.since))
        last = held[stop - 1]
        rest = HeldRange(t.end, last.end, last.since) if t.end < last.end else None
        at = stop
    left += () if rest is None else (rest,)
    left += held[at:]
    return tuple(left)


def _span(held: Holdings, r: SerialRange) -> tuple[int, int]:
    """Where the pieces that share serials with `r` start and stop in `held`."""
    # Found by halves, not by going through: a holder may have thousands of pieces.
    start = bisect_left(held, HeldRange(r.first, r.first, 0))
    if start and held[start - 1].end > r.first:
        start -= 1
    return start, bisect_left(held, HeldRange(r.end, r.end, 0), lo=start)


def touching(held: Holdings, r: SerialRange) -> Holdings:
    """The pieces that share serials with `r` or lie right beside it: all that adding or taking `r` can change."""
    start, stop = _span(held, SerialRange(max(0, r.first - 1), r.end + 1))
    return held[start:stop]


def held_among(held: Holdings, wanted: Ranges) -> Ranges:
    """Which of the wanted serials are held, on whatever day."""
    found = []
    for r in wanted:
        start, stop = _span(held, r)
        found += [SerialRange(max(h.first, r.first), min(h.end, r.end)) for h in held[start:stop]]
    return merge(tuple(found))


def holds(held: Holdings, wanted: Ranges, day: int) -> bool:
    """Whether every wanted serial is held and effective by this day."""
    for r in wanted:
        start, stop = _span(held, r)
        reached = r.first
        for piece in held[start:stop]:
            if piece.first > reached or piece.since > day:
                return False
            reached = piece.end
        if reached < r.end:
            return False
    return True


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


def contains(ranges: Ranges, wanted: Ranges) -> bool:
    """Whether every wanted serial lies in `ranges` (both merged)."""
    return all(any(r.first <= w.first and w.end <= r.end for r in ranges) for w in wanted)


def overlaps(ranges: Ranges, other: SerialRange) -> bool:
    """Whether any serial of `other` lies in `ranges`."""
    return any(r.first < other.end and other.first < r.end for r in ranges)


def intersect(ranges: Ranges, other: Ranges) -> Ranges:
    """The serials that lie in both (both merged)."""
    pairs = ((one, two) for one in ranges for two in other if one.first < two.end and two.first < one.end)
    return tuple(SerialRange(max(one.first, two.first), min(one.end, two.end)) for one, two in pairs)


def subtract(ranges: Ranges, taken: Ranges) -> Ranges:
    """`ranges` without the serials of `taken`, each of which must lie in them."""
    assert contains(ranges, taken), "serials taken that are not there"
    left = list(ranges)
    for t in taken:
        at = next(i for i, r in enumerate(left) if r.first <= t.first and t.end <= r.end)
        whole = left[at]
        pieces = (SerialRange(whole.first, t.first), SerialRange(t.end, whole.end))
        left[at : at + 1] = [piece for piece in pieces if piece.count]
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
