"""Rows that projections did not have before: all of a group go in by the one statement that writes the group."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.store.literals import numbers, texts

NewRows = Mapping[str, Sequence[tuple[Any, ...]]]
"""By table: its columns after the ledger, in the table's order."""

_TYPES = {
    "evidence": "text bigint",
    "account": "int text text text text bigint",
    "lot": "bigint text text text text bool bool text text text text",
    "party": "text text bigint",
    "party_change": "bigint text text date text",
    "trade": "text bigint text text text bigint int8multirange bigint text bigint text bigint bigint bigint",
    "serial_position": "bigint int int8range date",
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
"""Of each table's columns after the ledger, in its order."""
_NUMBERS = {"int", "bigint"}


@functools.cache  # a few kinds of groups make up nearly all
def inserts(tables: tuple[str, ...]) -> str:
    """A part of a WITH that inserts into each of these tables: the parameter `ledger`, and what `columns` names."""
    return ", ".join(
        f"{table}_new as (insert into {table} select %(ledger)s::int, u.* from unnest("
        + ", ".join(f"%({table}_{at})s::{kind}[]" for at, kind in enumerate(_TYPES[table].split()))
        + ") as u)"
        for table in tables
    )


def columns(rows: NewRows) -> dict[str, str]:
    """The columns of the rows by the names of parameters; dates, ranges and flags as texts."""
    return {
        f"{table}_{at}": numbers(values) if kind in _NUMBERS else texts(values)
        for table, of in rows.items()
        for at, (kind, values) in enumerate(zip(_TYPES[table].split(), zip(*of, strict=True), strict=True))
    }
