"""Ranges of certificate serials inside one series, half-open, kept sorted and apart."""

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
    for piece in sorted((*held, *(HeldRange(r.first, r.end, since) for r in ranges))):
        last = joined[-1] if joined else None
        assert last is None or last.end <= piece.first, "serial ranges overlap"
        if last is not None and last.end == piece.first and last.since == piece.since:
            joined[-1] = HeldRange(last.first, piece.end, last.since)
        else:
            joined.append(piece)
    return tuple(joined)


def give(held: Holdings, taken: Ranges) -> Holdings:
    """`held` without the serials of `taken`, each of which must be among them."""
    assert contains(held_on(held, _FOREVER), taken), "serials given that are not held"
    left: list[HeldRange] = []
    for piece in held:
        first = piece.first
        for t in taken:
            if t.end <= first or piece.end <= t.first:
                continue
            if first < t.first:
                left.append(HeldRange(first, t.first, piece.since))
            first = max(first, t.end)
        if first < piece.end:
            left.append(HeldRange(first, piece.end, piece.since))
    return tuple(left)


def held_on(held: Holdings, day: int) -> Ranges:
    """The serials that are effective by this day, as the fewest sorted ranges."""
    return merge(tuple(SerialRange(h.first, h.end) for h in held if h.since <= day))


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


_FOREVER = 2**31
