"""Rows that projections did not have before, and ranges that lie where they lay no more: all by one statement.

It is the one that writes the group: every statement by itself costs a small group some of its time.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.store.literals import numbers, texts

NewRows = Mapping[str, Sequence[tuple[Any, ...]]]
"""By table: its columns after the ledger, in the table's order. `gone` is no table, but what `_GONE` looks up."""

_TYPES = {
    "evidence": "text bigint",
    "account": "int text text text text bigint",
    "lot": "bigint text text text text bool bool text text text text",
    "party": "text text bigint",
    "party_change": "bigint text text date text",
    "trade": "text bigint text text text bigint int8multirange bigint text bigint text bigint bigint bigint",
    "serial_position": "bigint int int8range date",
    "gone": "int bigint bigint",
    "serial_mark": "bigint text bigint int8range",
    "serial_move": "bigint int8range bigint",
    "event": "bigint text date date text text bigint text bigint",
    "meter": "text bigint text text text text text text bigint",
    "reading": "bigint text date date bigint text bigint",
    "claim": "bigint text text text text text",
    "inventory": "bigint text text text bigint date text bigint text text text bigint",
    "proposal": "bigint text text text text text text bigint",
    "offer": "bigint text text date text bigint",
}
"""Of each table's columns after the ledger, in its order; of ranges that are gone, what they are found by."""
_NUMBERS = {"int", "bigint"}
_BY_BOX = {"serial_position", "serial_mark", "serial_move"}
"""Serials are found there by boxes, each lot beside the one before: one after the other they would widen every page
of the index above them. So lots go in mixed, a lot's own ranges in their order: a third less WAL is written for them.
"""


# It sees what lay there before the statement: a new range that begins where a gone one began stays. The exclusion
# constraint looks when the group commits. Only ranges that changed are touched: a holder may have thousands of others.
_GONE = """
    gone as (
        delete from serial_position where ctid = any(array(
            select found.place
            from unnest(%(gone_0)s::int[], %(gone_1)s::bigint[], %(gone_2)s::bigint[])
                as k (account_id, lot_id, first_serial)
            cross join lateral (
                select s.ctid as place from serial_position s
                where s.ledger_id = %(ledger)s and s.account_id = k.account_id and s.lot_id = k.lot_id
                    and lower(s.serials) = k.first_serial
                limit 1  -- so that each is looked up by the index, however small the table was when planned
            ) as found
        ))
    )
"""


@functools.cache  # a few kinds of groups make up nearly all
def parts(tables: tuple[str, ...]) -> str:
    """Parts of a WITH that insert into each of these tables: the parameter `ledger`, and what `columns` names."""
    return ", ".join(_GONE if table == "gone" else _insert(table) for table in tables)


def _insert(table: str) -> str:
    columns = ", ".join(f"%({table}_{at})s::{kind}[]" for at, kind in enumerate(_TYPES[table].split()))
    return f"{table}_new as (insert into {table} select %(ledger)s::int, u.* from unnest({columns}) as u)"


def _mixed(row: tuple[Any, ...]) -> int:
    """By lot, in an order that has nothing to do with their numbers."""
    return row[0] * 2_654_435_761 % 2**32


def columns(rows: NewRows) -> dict[str, str]:
    """The columns of the rows by the names of parameters; dates, ranges and flags as texts."""
    mixed = {table: sorted(rows[table], key=_mixed) for table in _BY_BOX.intersection(rows)}
    return {
        f"{table}_{at}": numbers(values) if kind in _NUMBERS else texts(values)
        for table, of in {**rows, **mixed}.items()
        for at, (kind, values) in enumerate(zip(_TYPES[table].split(), zip(*of, strict=True), strict=True))
    }
