"""Holdings against plain dictionaries of serial to day, with blocks so small that they are cut and emptied."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core import held_range
from ledger.core.held_range import NOTHING, Change, Holdings, held_among, holds, lowest_held
from ledger.core.serial_range import SerialRange
from tests.strategies import ranges_of


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """As few pieces to a block as there can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_range, "BLOCK_MAX", 2)
        yield


def moved(change: Change, before: Holdings) -> Holdings:
    """The holding after a change, which must say rightly what it took away and added."""
    assert set(change.after) == set(before) - set(change.dropped) | set(change.added)
    assert not set(change.dropped) & set(change.added)
    return change.after


def holding(since: dict[int, int], days: list[int]) -> Holdings:
    """Serials received, day by day in this order."""
    held = NOTHING
    for day in days:
        for piece in ranges_of({serial for serial, came in since.items() if came == day}):
            held = moved(held.received(piece, day), held)
    return held


@given(st.dictionaries(st.integers(0, 40), st.integers(1, 5)), st.permutations(range(1, 6)), st.data())
def test_holdings_know_from_which_day_each_serial_counts(
    since: dict[int, int], days: list[int], data: st.DataObject
) -> None:
    """Serials received and given in any order are held on a day exactly if they came by then and have not left."""
    held = holding(since, days)
    gone = data.draw(st.sets(st.sampled_from(sorted(since) or [0]))) & set(since)
    for piece in data.draw(st.permutations(ranges_of(gone))):
        held = moved(held.given(piece), held)
    chosen = data.draw(st.sets(st.integers(0, 42), min_size=1))
    for day in range(7):
        by_then = {s for s, came in since.items() if came <= day and s not in gone}
        assert lowest_held(held, 99, day=day) == ranges_of(by_then)
        few = sorted(by_then - chosen)[:3]
        assert lowest_held(held, 3, day=day, without=ranges_of(chosen)) == ranges_of(set(few))
        assert holds(held, ranges_of(chosen), day) == (chosen <= by_then)
    assert held_among(held, ranges_of(chosen)) == ranges_of(chosen & set(since) - gone)
    pieces = tuple(held)
    for piece in ranges_of(chosen):
        assert held.sharing(piece) == tuple(p for p in pieces if p.first < piece.end and piece.first < p.end)
    assert pieces == tuple(sorted(pieces)) == tuple(Holdings.of(pieces))
    assert all(piece.first < piece.end for piece in pieces)
    assert not any(one.end == two.first and one.since == two.since for one, two in itertools.pairwise(pieces))


@given(st.dictionaries(st.integers(0, 40), st.integers(1, 5), min_size=1), st.data())
def test_a_holding_loaded_goes_on_as_one_that_grew(since: dict[int, int], data: st.DataObject) -> None:
    """However its pieces lie in blocks, a holding changes in the same way."""
    held = holding(since, [1, 2, 3, 4, 5])
    loaded = Holdings.of(tuple(held))
    serial = data.draw(st.sampled_from(sorted(since)))
    piece = SerialRange(serial, serial + 1)
    assert tuple(held.given(piece).after) == tuple(loaded.given(piece).after)
    assert held.given(piece)[1:] == loaded.given(piece)[1:]
    assert tuple(held) == tuple(holding(since, [1, 2, 3, 4, 5])), "a holding itself never changes"


def test_giving_serials_that_are_not_held_is_a_fault() -> None:
    """Neither serials of others nor a serial twice can leave, or come."""
    held = NOTHING.received(SerialRange(1, 5), 1).after
    with pytest.raises(AssertionError, match="not held"):
        held.given(SerialRange(4, 6))
    with pytest.raises(AssertionError, match="not held"):
        NOTHING.given(SerialRange(4, 6))
    with pytest.raises(AssertionError, match="overlap"):
        held.received(SerialRange(4, 6), 2)
