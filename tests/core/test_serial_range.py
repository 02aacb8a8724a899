"""Serial ranges against plain sets of serials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.serial_range import (
    SerialRange,
    contains,
    count,
    intersect,
    merge,
    overlaps,
    subtract,
    take_lowest,
)
from tests.strategies import ranges_of, serial_ranges


def serials(ranges: tuple[SerialRange, ...]) -> list[int]:
    """Every serial of the ranges, one by one."""
    return [serial for piece in ranges for serial in range(piece.first, piece.end)]


@given(serial_ranges(), st.data())
def test_split_and_merge_preserve_the_union(held: tuple[SerialRange, ...], data: st.DataObject) -> None:
    """However a range is cut apart, merging the pieces in any order gives back the same certificates."""
    chosen = data.draw(st.sets(st.sampled_from(serials(held) or [0])))
    taken = ranges_of(chosen & set(serials(held)))
    left = subtract(held, taken)
    assert sorted(serials(left) + serials(taken)) == serials(held)
    assert merge(left, taken) == merge(taken, left) == held


@given(serial_ranges(), st.data())
def test_take_lowest_takes_the_lowest_and_loses_none(held: tuple[SerialRange, ...], data: st.DataObject) -> None:
    """Taking n gives the n lowest serials; what is left are all the others."""
    wanted = data.draw(st.integers(0, count(held)))
    taken = take_lowest(held, wanted)
    assert serials(taken) == serials(held)[:wanted]
    assert serials(subtract(held, taken)) == serials(held)[wanted:]


@given(serial_ranges())
def test_count_is_the_number_of_serials(held: tuple[SerialRange, ...]) -> None:
    """The count is found without walking the serials, and agrees with walking them."""
    assert count(held) == len(serials(held)) == sum(piece.count for piece in held)


@given(serial_ranges(), serial_ranges())
def test_contains_and_overlaps_agree_with_sets(held: tuple[SerialRange, ...], other: tuple[SerialRange, ...]) -> None:
    """Both questions are answered as sets of serials would answer them."""
    mine, theirs = set(serials(held)), set(serials(other))
    assert contains(held, other) == (theirs <= mine)
    assert any(overlaps(held, piece) for piece in other) == bool(mine & theirs)


@given(serial_ranges(), serial_ranges())
def test_intersection_agrees_with_sets(held: tuple[SerialRange, ...], other: tuple[SerialRange, ...]) -> None:
    """The serials in both, as the fewest ranges."""
    assert intersect(held, other) == ranges_of(set(serials(held)) & set(serials(other)))


@given(serial_ranges(), serial_ranges())
def test_merging_what_overlaps_is_a_fault(one: tuple[SerialRange, ...], other: tuple[SerialRange, ...]) -> None:
    """A certificate cannot be in two places, so merging two holders' ranges must never meet it twice."""
    if set(serials(one)) & set(serials(other)):
        with pytest.raises(AssertionError, match="overlap"):
            merge(one, other)
    else:
        assert merge(one, other) == ranges_of({*serials(one), *serials(other)})


def test_subtracting_what_is_not_there_is_a_fault() -> None:
    """Serials that an account does not hold cannot leave it."""
    with pytest.raises(AssertionError, match="not there"):
        subtract((SerialRange(1, 5),), (SerialRange(4, 6),))


def test_taking_more_than_there_is_is_a_fault() -> None:
    """The engine asks for the balance first, so this can only be a mistake of ours."""
    with pytest.raises(AssertionError, match="fewer"):
        take_lowest((SerialRange(1, 5),), 5)


def test_partial_retirement_of_domain_t7_leaves_the_upper_serials() -> None:
    """Of 1..10000, after 3500 and then 500 are taken lowest first, 4001..10000 are left (domain 4.8, T7)."""
    held = (SerialRange(1, 10_001),)
    retired = take_lowest(held, 3_500)
    frozen = take_lowest(subtract(held, retired), 500)
    assert (retired, frozen) == ((SerialRange(1, 3_501),), (SerialRange(3_501, 4_001),))
    assert subtract(subtract(held, retired), frozen) == (SerialRange(4_001, 10_001),)
