"""Places against a dictionary of single serials, with blocks so small that every edge is met."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof import places
from ledger.proof.places import Places

steps = st.lists(
    st.tuples(st.sampled_from(["take", "put"]), st.sampled_from("AB"), st.integers(0, 40), st.integers(1, 9)),
    max_size=80,
)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Cut blocks at three ranges."""
    kept, places.BLOCK_MAX = places.BLOCK_MAX, 3
    yield
    places.BLOCK_MAX = kept


def ranges(held: dict[int, str]) -> list[tuple[str, int, int]]:
    """The fewest ranges of single serials, in order."""
    found: list[tuple[str, int, int]] = []
    for serial in sorted(held):
        if found and found[-1][0] == held[serial] and found[-1][2] == serial:
            found[-1] = (held[serial], found[-1][1], serial + 1)
        else:
            found.append((held[serial], serial, serial + 1))
    return found


@given(steps)
def test_places_are_what_single_serials_are(wanted: list[tuple[str, str, int, int]]) -> None:
    """What is taken was there, what is put was nowhere, and what lies where is the same after every step."""
    made, held = Places(), dict[int, str]()
    for what, account, first, count in wanted:
        serials = range(first, first + count)
        if what == "take":
            possible = all(held.get(serial) == account for serial in serials)
            assert made.take(account, first, first + count) is possible
            for serial in serials if possible else ():
                del held[serial]
        else:
            possible = not any(serial in held for serial in serials)
            assert made.put(account, first, first + count) is possible
            held.update(dict.fromkeys(serials, account) if possible else {})
        assert made.all() == ranges(held)


def test_blocks_stay_small_whatever_the_order() -> None:
    """Ranges that come in falling order, or leave in any, do not gather in one block."""
    made = Places()
    for first in range(4_000, 0, -2):
        assert made.put("A", first, first + 1)
    assert max(len(block.firsts) for block in made._blocks) <= 3
    assert all(made.take("A", first, first + 1) for first in range(2, 4_001, 2)) and made.all() == []
