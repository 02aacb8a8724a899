"""Trades against each other and against the printed totals: repeats, contradictions, control figures.

The same trade may stand in a file twice, written differently; it counts once. Two rows of one identity
that disagree on what was traded contradict each other, and then neither is offered for posting.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from ledger.imports.cells import squeeze
from ledger.imports.documents import (
    REVERSAL,
    REVERSAL_PART,
    REVERSAL_WHOLE,
    TRADED,
    TRANSFERRED,
    WITHDRAWN,
    Match,
    RowProblem,
    SummaryStatement,
    TradeRow,
)

_PROGRESS = {TRADED: 0, TRANSFERRED: 1, WITHDRAWN: 2}


class Chain(NamedTuple):
    """The rows of one trade in a file as they follow each other: booked, taken back, booked anew (domain 3.4)."""

    kept: list[TradeRow]
    """What posts, in order; a trade booked anew after all of it was taken back has a number of its own."""
    duplicates: int
    conflicts: list[RowProblem]


def chain_of(rows: list[TradeRow], *, file: str, name_key: Callable[[str], str]) -> Chain:
    """Follow the rows of one trade; where they contradict each other nothing of them is kept."""
    kept: list[TradeRow] = []
    versions: list[int] = []
    """Where in `kept` each booking of the trade stands; the last of them stands while anything of it is left."""
    duplicates, left, before, conflicts = 0, 0, 0, list[RowProblem]()
    for row in rows:
        if row.quantity < 0:
            if any(_same_reversal(row, earlier) for earlier in kept):
                duplicates += 1
                continue
            has_original = bool(versions) and left > 0
            left = left + row.quantity if has_original else 0
            if left < 0:
                original = kept[versions[-1]]
                conflicts.append(_conflict(file, original, row, ("quantity",)))
            state = (REVERSAL_PART if left else REVERSAL_WHOLE) if has_original else REVERSAL
            kept.append(_numbered(replace(row, state=state), before + len(versions)))
            continue
        same = next((at for at in versions if not differing_fields(kept[at], row, name_key=name_key)), None)
        if same is not None:
            duplicates += 1
            kept[same] = progressed(kept[same], row)
        elif left > 0:
            earlier = kept[versions[-1]]
            conflicts.append(_conflict(file, earlier, row, differing_fields(earlier, row, name_key=name_key)))
        else:
            before = 1 if kept and not versions else before  # what was taken back first is in the book already
            versions.append(len(kept))
            kept.append(_numbered(row, before + len(versions)))
            left = row.quantity
    return Chain([] if conflicts else kept, duplicates, conflicts)


def _numbered(row: TradeRow, version: int) -> TradeRow:
    """The row under its order number, or under that of the booking it belongs to from the second on."""
    # Rows may be followed a second time, once they carry it.
    is_numbered = version <= 1 or row.order.endswith(f".{version}")
    return row if is_numbered else replace(row, order=f"{row.order}.{version}")


def _same_reversal(one: TradeRow, other: TradeRow) -> bool:
    fields = ("quantity", "amount_fen", "traded_on", "transferred_on", "code_first", "code_last")
    return other.quantity < 0 and all(getattr(one, field) == getattr(other, field) for field in fields)


def differing_fields(
    earlier: TradeRow, later: TradeRow, *, name_key: Callable[[str], str] = squeeze
) -> tuple[str, ...]:
    """Name what two rows of one identity disagree on; what only one of them says is filled in."""
    fields = [
        field
        for field in ("quantity", "amount_fen", "traded_on", "tradable")
        if getattr(earlier, field) != getattr(later, field)
    ]
    if not _same_buyer(earlier, later, name_key):
        fields.append("buyer_name")
    sellers = (earlier.seller_name, later.seller_name)
    if None not in sellers and name_key(sellers[0] or "") != name_key(sellers[1] or ""):
        fields.append("seller_name")
    for field in ("price", "mode", "code_first", "code_last", "transferred_on"):
        values = (getattr(earlier, field), getattr(later, field))
        if None not in values and values[0] != values[1]:
            fields.append(field)
    return tuple(fields)


def progressed(earlier: TradeRow, later: TradeRow) -> TradeRow:
    """Give the row as far as it has come, with the codes and date that either of the two names."""
    ahead, behind = (later, earlier) if _PROGRESS[later.state] > _PROGRESS[earlier.state] else (earlier, later)
    filled = {
        field: getattr(behind, field)
        for field in ("price", "price_fen", "mode", "code_first", "code_last", "transferred_on", "buyer_usci")
        if getattr(ahead, field) is None and getattr(behind, field) is not None
    }
    return replace(ahead, **filled) if filled else ahead


def match(found: int, printed: int | None, *, within: int) -> Match | None:
    """Compare a sum with a printed figure: equal, no further off than `within`, or neither."""
    if printed is None:
        return None
    if found == printed:
        return "exact"
    return "within_rounding" if abs(found - printed) <= within else "no"


def summary_controls(statement: SummaryStatement) -> dict[str, Match | None]:
    """Compare a summary's columns with its own total line: enterprises, subscribed, traded.

    Subscriptions are exact as printed; only the printed total may be coarser. The traded column is
    rounded row by row, so its sum may be off by one half-unit for each figure.
    """
    totals = statement.totals
    if totals is None:
        return {"enterprises": None, "subscribed": None, "traded": None}
    rounded = [row.traded_half_unit for row in statement.rows if row.traded is not None]
    coarser = totals.traded_half_unit if totals.traded_half_unit > max(rounded, default=0) else 0
    return {
        "enterprises": match(statement.enterprises, totals.enterprises_printed, within=0),
        "subscribed": match(statement.subscribed, totals.subscribed, within=totals.subscribed_half_unit),
        "traded": match(statement.traded, totals.traded, within=sum(rounded) + coarser),
    }


def control_total_ok(controls: Iterable[Match | None]) -> Match | None:
    """Give the worst of several comparisons; None where nothing was printed to compare with."""
    found = [control for control in controls if control is not None]
    for worst in ("no", "within_rounding", "exact"):
        if worst in found:
            return worst
    return None


def _same_buyer(one: TradeRow, other: TradeRow, key: Callable[[str], str]) -> bool:
    """An enterprise may appear by alias; its credit code, where both rows give it, decides."""
    if one.buyer_usci and other.buyer_usci:
        return one.buyer_usci.upper() == other.buyer_usci.upper()
    return key(one.buyer_name) == key(other.buyer_name)


def _conflict(file: str, earlier: TradeRow, later: TradeRow, fields: tuple[str, ...]) -> RowProblem:
    return RowProblem(
        file=file,
        sheet=later.sheet,
        line=later.line,
        column=fields[0],
        rule="trade_conflict",
        given=", ".join(f"{field} {getattr(later, field)}" for field in fields),
        expected=f"as in line {earlier.line}: " + ", ".join(f"{field} {getattr(earlier, field)}" for field in fields),
    )
