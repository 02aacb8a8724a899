"""What the child that reads a file tells its parent: frames of MessagePack, each after its length in four bytes."""

import msgspec

from ledger.imports.cells import Period
from ledger.imports.documents import RowProblem, SettlementStatement, SummaryStatement, TradeRow
from ledger.imports.meter_file import MeterReading

FRAME_BYTES_MAX = 64 * 1024 * 1024
ROWS_IN_FRAME = 1_000
READINGS_IN_FRAME = 50


class TradesOpened(msgspec.Struct, frozen=True, tag="trades_opened"):
    """A platform's trade statement: its rows follow, and at the end its totals."""

    encoding: str
    platform: str
    period: Period | None


class TradeRows(msgspec.Struct, frozen=True, tag="trade_rows"):
    """Some of a trade statement's rows, in their order."""

    rows: list[TradeRow]


class TradesClosed(msgspec.Struct, frozen=True, tag="trades_closed"):
    """What a trade statement prints under its rows, and what was wrong with them."""

    control_count: int | None
    control_amount_fen: int | None
    control_half_unit: int
    problems: tuple[RowProblem, ...]
    """The first of them."""
    problem_count: int
    warnings: tuple[RowProblem, ...]


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """A statement small enough to be told at once."""

    settlement: SettlementStatement | None = None
    summary: SummaryStatement | None = None


class MeterReadings(msgspec.Struct, frozen=True, tag="meter_readings"):
    """Some of the readings that a file of meters has."""

    readings: list[MeterReading]


class MetersClosed(msgspec.Struct, frozen=True, tag="meters_closed"):
    """What was wrong with other rows of such a file."""

    problems: list[RowProblem]


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """The file is refused as a whole."""

    rule: str
    message: str
    line: int | None = None


Frame = TradesOpened | TradeRows | TradesClosed | Whole | MeterReadings | MetersClosed | Unreadable
encode = msgspec.msgpack.Encoder().encode
encode_row = encode
row_of = msgspec.msgpack.Decoder(TradeRow).decode
"""A trade's row, as it is kept between reading and posting."""
_DECODER = msgspec.msgpack.Decoder(Frame)


def decode(content: bytes) -> Frame:
    """The frame these bytes are; msgspec.DecodeError where the child was not itself."""
    return _DECODER.decode(content)
