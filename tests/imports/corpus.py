"""Broken and odd statement files, each with the verdict an auditor would give, before any program read it.

A verdict rests on the domain reference and on common sense; it is never a copy of an answer. `Reads` are the figures
of a file that is read, with the rows in it that are not; `Refused` names the rule by which a whole file is turned away.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SOME = "any rule"
"""Stands for the rule of a problem where it only matters that the row is reported."""


class Reads(NamedTuple):
    """What is read: rows, certificates that count, and each bad row with the rule it breaks."""

    rows: int
    quantity: int
    """Trades that stand, each once; certificates of a settlement; certificates subscribed."""
    problems: tuple[tuple[int, str], ...] = ()
    control: str | None = None
    """How the printed totals compare: exact, within_rounding, no, none; None where it does not matter."""
    duplicates: int = 0
    conflicts: int = 0
    warned: tuple[tuple[int, str], ...] = ()
    """Warnings there must be among others."""
    cells: Mapping[str, Any] = {}
    """Values of fields: of the first row, or of another by its index, as in `1.quantity`; `layout`, `platform`."""


class Refused(NamedTuple):
    """The file is turned away as a whole, by one of these rules, where given at this line."""

    rules: tuple[str, ...]
    line: int | None = None


class Flagged(NamedTuple):
    """Read or not, somebody must be told about this line; `None` is the file as a whole."""

    line: int | None


class Answered(NamedTuple):
    """Made to keep its reader busy: read or refused, but in time."""

    why: str = ""


Verdict = Reads | Refused | Flagged | Answered


class Case(NamedTuple):
    """One file of the corpus; its bytes are made when they are asked for."""

    name: str
    file: str
    make: Callable[[], bytes]
    verdict: Verdict


def reads(rows: int, quantity: int, *problems: tuple[int, str], **more: Any) -> Reads:
    """The verdict on a file that is read."""
    return Reads(rows, quantity, problems, **more)


def refused(*rules: str, line: int | None = None) -> Refused:
    """The verdict on a file that is turned away."""
    return Refused(rules, line)


def cases() -> list[Case]:
    """The whole corpus."""
    from tests.imports import (
        corpus_bombs,
        corpus_broken,
        corpus_cells,
        corpus_settlements,
        corpus_summaries,
        corpus_trades,
        corpus_units,
        corpus_workbooks,
    )

    modules = (
        corpus_bombs, corpus_cells, corpus_units, corpus_trades, corpus_workbooks, corpus_settlements,
        corpus_summaries, corpus_broken,
    )  # fmt: skip
    return [case for module in modules for case in module.cases()]
