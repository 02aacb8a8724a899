"""New rows of projections as columns: every row once, and in an order that indexes of boxes take in cheaply."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ledger.store.new_rows import NewRows, columns

MOVES = st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 9), st.integers(1, 10**6)), min_size=1)


def moves(rows: list[tuple[int, int, int]]) -> NewRows:
    """Rows of the table of moves: lot, serials, log index."""
    return {"serial_move": [(lot, f"[{first},{first + 1})", index) for lot, first, index in rows]}


def written(rows: NewRows) -> list[tuple[int, str, int]]:
    """The rows of the table of moves in the order in which they are written."""
    found = columns(rows)
    by_place = [json.loads(f"[{found[f'serial_move_{at}'][1:-1]}]") for at in range(3)]
    return list(zip(*by_place, strict=True))


@given(MOVES)
def test_every_row_is_written_once_and_a_lots_own_in_their_order(rows: list[tuple[int, int, int]]) -> None:
    """Whatever the lots: nothing lost or doubled, and ranges of one lot lie beside each other as they came."""
    asked = moves(rows)["serial_move"]
    found = written(moves(rows))
    assert sorted(found) == sorted(asked)
    for lot in {row[0] for row in asked}:
        assert [row for row in found if row[0] == lot] == [row for row in asked if row[0] == lot]


def test_lots_issued_one_after_the_other_are_not_written_so() -> None:
    """Each would widen every page of the index above the last one; about half come after a later one instead."""
    lots = [row[0] for row in written(moves([(lot, 1, lot + 1) for lot in range(1, 2_001, 2)]))]
    assert sum(one > other for one, other in pairwise(lots)) > 250
