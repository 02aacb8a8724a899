"""The process that reads a file from outside: it has no database, no network and little of anything else.

Run as `python -m ledger.imports.child KIND NAME PATH [LAYOUTS]`. Before it looks at the file it takes limits upon
itself, so that the worst a file can do is to end this process. What it reads leaves by standard output, as frames.
"""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from ledger.imports import frames
from ledger.imports.documents import RowProblem
from ledger.imports.frames import (
    Frame,
    MeterReadings,
    MetersClosed,
    TradeRows,
    TradesClosed,
    TradesOpened,
    Unreadable,
    Whole,
)
from ledger.imports.layouts import SETTLEMENTS, STATEMENTS, TRADES, Layout, best_table, known_layouts, recognise
from ledger.imports.meter_file import read_meters
from ledger.imports.preamble import platform_of
from ledger.imports.readers import read_sheets
from ledger.imports.settlements import read_settlement
from ledger.imports.sheets import StatementUnreadable
from ledger.imports.summary import read_summary
from ledger.imports.trades import TradeReading, control_of

MEMORY_BYTES_MAX = 1024 * 1024 * 1024
CPU_SECONDS_MAX = 120
STATEMENT, READINGS = "statement", "readings"


def main() -> None:
    """Read the file and tell what it says; a file that cannot be read is told, too, and nothing is raised."""
    kind, name, path, *layouts = sys.argv[1:5]
    content = Path(path).read_bytes()
    _take_limits()
    try:
        if kind == READINGS:
            found = read_readings(name, content)
        else:
            found = read(name, content, known_layouts(Path(layouts[0]) if layouts and layouts[0] else None))
        for frame in found:
            _send(sys.stdout.buffer, frame)
    except StatementUnreadable as why:
        _send(sys.stdout.buffer, Unreadable(why.rule, why.message, why.line))
    except MemoryError:
        _send(sys.stdout.buffer, Unreadable("too_large", f"{name} takes more memory than a statement may."))
    sys.stdout.buffer.flush()


def _take_limits() -> None:
    """No more memory, time, files or processes than reading takes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def read(name: str, content: bytes, layouts: tuple[Layout, ...] = STATEMENTS) -> Iterator[Frame]:
    """What a file says, frame by frame; StatementUnreadable where it says nothing that can be read."""
    sheets = read_sheets(name, content)
    tables = recognise(name, sheets, layouts)
    hidden = tuple(
        RowProblem(name, sheet.name, 1, None, "hidden_sheet", "", "a visible sheet; nothing of it is read")
        for sheet in sheets
        if sheet.hidden and best_table(name, sheet, layouts) is not None
    )
    layout = tables[0].layout.name
    if layout == SETTLEMENTS.name:
        settlement = read_settlement(name, tables)
        yield Whole(settlement=replace(settlement, warnings=(*settlement.warnings, *hidden)))
        return
    if layout != TRADES.name:
        summary = read_summary(name, tables)
        yield Whole(summary=replace(summary, warnings=(*summary.warnings, *hidden)))
        return
    readings = [TradeReading(name, table) for table in tables]
    preamble = [text for table in tables for text in table.preamble]
    yield TradesOpened(tables[0].sheet.encoding, platform_of(preamble, name), readings[0].period)
    for reading in readings:
        rows = []
        for row in reading:
            rows.append(row)
            if len(rows) == frames.ROWS_IN_FRAME:
                yield TradeRows(rows)
                rows = []
        if rows:
            yield TradeRows(rows)
    total = control_of(readings)
    yield TradesClosed(
        control_count=total.count,
        control_amount_fen=total.amount_fen,
        control_half_unit=total.half_unit,
        problems=tuple(problem for reading in readings for problem in reading.problems),
        problem_count=sum(reading.problem_count for reading in readings),
        warnings=(*hidden, *(warning for reading in readings for warning in reading.warnings)),
    )


def read_readings(name: str, content: bytes) -> Iterator[Frame]:
    """What a file of meter readings says, frame by frame."""
    readings, problems = read_meters(name, read_sheets(name, content))
    for at in range(0, len(readings), frames.READINGS_IN_FRAME):
        yield MeterReadings(readings[at : at + frames.READINGS_IN_FRAME])
    yield MetersClosed(problems)


def _send(out: BinaryIO, frame: Frame) -> None:
    content = frames.encode(frame)
    out.write(len(content).to_bytes(4, "big"))
    out.write(content)


if __name__ == "__main__":
    main()
