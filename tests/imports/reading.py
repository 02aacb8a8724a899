"""A statement read at once, for tests: the frames that the product's child tells, put together."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ledger.imports.cells import Period, squeeze
from ledger.imports.child import read
from ledger.imports.documents import (
    WITHDRAWN,
    Match,
    RowProblem,
    SettlementStatement,
    SummaryStatement,
    TradeRow,
)
from ledger.imports.frames import TradeRows, TradesClosed, TradesOpened, Whole
from ledger.imports.matching import chain_of, match


class TradeStatement(NamedTuple):
    """All that a platform's statement says."""

    file: str
    platform: str
    encoding: str
    period: Period | None
    rows: tuple[TradeRow, ...]
    control_count: int | None
    control_amount_fen: int | None
    control_half_unit: int
    problems: tuple[RowProblem, ...]
    warnings: tuple[RowProblem, ...]


def read_statement(name: str, content: bytes) -> TradeStatement | SettlementStatement | SummaryStatement:
    """What a file says, whatever it is; StatementUnreadable as the product has it."""
    frames = list(read(name, content))
    if isinstance(frames[0], Whole):
        statement = frames[0].settlement or frames[0].summary
        assert statement is not None
        return statement
    opened, closed = frames[0], frames[-1]
    assert isinstance(opened, TradesOpened) and isinstance(closed, TradesClosed)
    rows = tuple(row for frame in frames[1:-1] if isinstance(frame, TradeRows) for row in frame.rows)
    return TradeStatement(
        name, opened.platform, opened.encoding, opened.period, rows, closed.control_count, closed.control_amount_fen,
        closed.control_half_unit, closed.problems, closed.warnings,
    )  # fmt: skip


class DistinctTrades(NamedTuple):
    """Each trade as what posts of it, how many rows repeat another, and what contradicts."""

    distinct: tuple[TradeRow, ...]
    duplicates: int
    conflicts: tuple[RowProblem, ...]


def distinct_trades(
    rows: Iterable[TradeRow], *, file: str = "", name_key: Callable[[str], str] = squeeze
) -> DistinctTrades:
    """Follow each trade's rows, in the order in which the file first names it."""
    groups: dict[tuple[str, str, str], list[TradeRow]] = {}
    for row in rows:
        groups.setdefault(row.identity, []).append(row)
    chains = [chain_of(group, file=file, name_key=name_key) for group in groups.values()]
    return DistinctTrades(
        tuple(row for chain in chains for row in chain.kept),
        sum(chain.duplicates for chain in chains if not chain.conflicts),
        tuple(conflict for chain in chains for conflict in chain.conflicts),
    )


def control_total(statement: TradeStatement) -> tuple[Match | None, Match | None]:
    """What stands, beside the printed count and amount."""
    standing = [row for row in distinct_trades(statement.rows).distinct if row.state != WITHDRAWN]
    count, amount = sum(row.quantity for row in standing), sum(row.amount_fen for row in standing)
    return (
        match(count, statement.control_count, within=statement.control_half_unit),
        match(amount, statement.control_amount_fen, within=0),
    )
