"""What a group changed in the projections besides its postings, and how that is written."""

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.types.multirange import Int8Multirange
from psycopg.types.range import Int8Range

from ledger.core.account import Account, kind_of
from ledger.core.book import Book, OfferFacts, Pieces, PostingRow, ProposalFacts, TradeFacts, serial_ranges
from ledger.core.certificate import Lot
from ledger.core.record import (
    AccountBody,
    AnswerBody,
    JudgementBody,
    LotBody,
    OfferBody,
    PartyBody,
    PostingBody,
    ProposalBody,
)
from ledger.core.serial_range import Ranges, SerialRange
from ledger.store.unit_of_work import Entry

Connection = psycopg.AsyncConnection[Any]


class Changes(msgspec.Struct):
    """What a group changed in the projections besides the postings, as it stands after the group."""

    accounts: list[tuple[Account, int]] = msgspec.field(default_factory=list)
    lots: list[Lot] = msgspec.field(default_factory=list)
    parties: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    trades: dict[str, TradeFacts] = msgspec.field(default_factory=dict)
    pieces: dict[tuple[int, int], tuple[Pieces, Pieces]] = msgspec.field(default_factory=dict)
    """(account id, lot id) -> the serial ranges that lie there no more, and the new ones."""
    marks: dict[tuple[int, str, int], Ranges] = msgspec.field(default_factory=dict)
    """(lot id, event, log index) -> the serials it was done to; none where it was undone."""
    proposals: dict[int, ProposalFacts] = msgspec.field(default_factory=dict)
    offers: dict[int, OfferFacts] = msgspec.field(default_factory=dict)
    events: list[tuple[int, PostingBody]] = msgspec.field(default_factory=list)
    """What postings were, other than plain transfers."""
    moves: list[tuple[int, int, SerialRange]] = msgspec.field(default_factory=list)
    """(lot id, log index, serials) of what changed places."""

    def note(self, book: Book, entry: Entry) -> None:
        """Take in what one record changed."""
        match entry.body:
            case PostingBody() as body:
                if body.command != "transfer":
                    self.events.append((entry.index, body))
                if body.trade is not None:
                    self.trades[body.trade.trade_id] = book.trades[body.trade.trade_id]
                self.moves += serial_moves(entry.index, body, entry.rows)
            case ProposalBody():
                self.proposals[entry.index] = book.proposals[entry.index]
            case JudgementBody() as body:
                self.proposals[int(body.proposal)] = book.proposals[int(body.proposal)]
            case OfferBody():
                self.offers[entry.index + 1] = book.offers[entry.index + 1]
            case AnswerBody() as body:
                self.offers[int(body.offer)] = book.offers[int(body.offer)]
            case LotBody() as body:
                self.lots.append(book.lots[body.lot.code])
            case PartyBody() as body:
                self.parties.append((body.party, body.kind, entry.index))
                self._opened(book, body.accounts, entry.index)
            case AccountBody() as body:
                self._opened(book, body.accounts, entry.index)

    def _opened(self, book: Book, names: tuple[str, ...], index: int) -> None:
        for name in names:
            kind = kind_of(name)
            assert kind is not None
            self.accounts += [(book.accounts[name, commodity], index) for commodity in kind.commodities]

    def settle(self, book: Book) -> None:
        """Fix the serial ranges and marks as they are now, at the end of the group."""
        self.pieces = book.take_pieces()
        for lot_id, event, index in book.take_marked():
            self.marks[lot_id, event, index] = book.marks[lot_id, event][index]


async def write_changes(connection: Connection, ledger_id: int, changes: Changes, *, first_index: int) -> None:
    """Write the projections that change seldom: accounts, lots, parties, trades, serials, proposals."""
    accounts = [
        (ledger_id, a.account_id, a.name, a.kind.code, a.commodity, a.owner, index) for a, index in changes.accounts
    ]
    await _write_many(connection, "account", accounts)
    await _write_many(connection, "lot", [(ledger_id, *lot_values(lot)) for lot in changes.lots])
    await _write_many(connection, "party", [(ledger_id, *party) for party in changes.parties])
    await _write_trades(connection, ledger_id, list(changes.trades.values()), first_index)
    await _write_ranges(connection, ledger_id, changes.pieces)
    await _write_marks(connection, ledger_id, changes.marks, first_index)
    await _write_proposals(connection, ledger_id, list(changes.proposals.values()), first_index)
    await _write_offers(connection, ledger_id, list(changes.offers.values()), first_index)
    moves = [(ledger_id, lot_id, Int8Range(r.first, r.end), index) for lot_id, index, r in changes.moves]
    await _write_many(connection, "serial_move", moves)
    await _write_many(connection, "event", [(ledger_id, *event_values(index, body)) for index, body in changes.events])


async def _write_proposals(
    connection: Connection, ledger_id: int, proposals: Sequence[ProposalFacts], first_index: int
) -> None:
    new = [(ledger_id, *msgspec.structs.astuple(one)) for one in proposals if one.log_index >= first_index]
    await _write_many(connection, "proposal", new)
    for one in proposals:
        if one.log_index < first_index:
            await connection.execute(
                "update proposal set state = %s, judged_index = %s where ledger_id = %s and log_index = %s",
                (one.state, one.judged_index, ledger_id, one.log_index),
            )


async def _write_offers(connection: Connection, ledger_id: int, offers: Sequence[OfferFacts], first_index: int) -> None:
    new = [(ledger_id, *msgspec.structs.astuple(one)) for one in offers if one.log_index >= first_index]
    await _write_many(connection, "offer", new)
    for one in offers:
        if one.log_index < first_index:
            await connection.execute(
                "update offer set state = %s, answered_index = %s where ledger_id = %s and log_index = %s",
                (one.state, one.answered_index, ledger_id, one.log_index),
            )


def event_values(index: int, body: PostingBody) -> tuple[Any, ...]:
    """What a posting was, as columns after the ledger, in the table's order."""
    reverses = None if body.reverses is None else int(body.reverses)
    trade_id = None if body.trade is None else body.trade.trade_id
    certificates = [leg for leg in body.legs if leg.commodity == "GEC"] or body.legs
    quantity = sum(max(0, int(leg.quantity)) for leg in certificates if leg.commodity in {"GEC", "GECSUB"})
    days = body.occurred_on, body.effective_on
    return index, body.command, *days, body.evidence.level, body.status, reverses, trade_id, quantity


def serial_moves(index: int, body: PostingBody, rows: Sequence[PostingRow]) -> Iterator[tuple[int, int, SerialRange]]:
    """(lot id, log index, serials) of the certificates that a posting moved."""
    for row, leg in zip(rows, body.legs, strict=True):
        if leg.serials and row.quantity > 0:
            for serials in serial_ranges(leg.serials):
                yield row.lot_id, index, serials


async def _write_marks(
    connection: Connection, ledger_id: int, marks: dict[tuple[int, str, int], Ranges], first_index: int
) -> None:
    """What may happen to a serial once; the exclusion constraint looks when the group commits."""
    if before := [key for key in marks if key[2] < first_index]:
        lots, events, indexes = map(list, zip(*before, strict=True))
        await connection.execute(
            """
            delete from serial_mark m
            using unnest(%s::bigint[], %s::text[], %s::bigint[]) as k (lot_id, event, log_index)
            where m.ledger_id = %s and m.lot_id = k.lot_id and m.event = k.event and m.log_index = k.log_index
            """,
            (lots, events, indexes, ledger_id),
        )
    rows = [(ledger_id, *key, Int8Range(r.first, r.end)) for key, serials in marks.items() for r in serials]
    await _write_many(connection, "serial_mark", rows)


def lot_values(lot: Lot) -> tuple[Any, ...]:
    """A lot's columns after the ledger, in the table's order."""
    f = lot.facts
    return (
        lot.lot_id,
        f.code,
        f.scheme,
        f.project,
        f.production_month,
        f.numbered,
        f.tradable,
        f.energy_class,
        f.trade_class,
        f.source,
        f.province,
    )


async def _write_many(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)


async def _write_trades(connection: Connection, ledger_id: int, trades: Sequence[TradeFacts], first_index: int) -> None:
    new = [trade for trade in trades if trade.log_index >= first_index]
    await _write_many(connection, "trade", [(ledger_id, *trade_values(trade)) for trade in new])
    if moved := [trade for trade in trades if trade.log_index < first_index]:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "update trade set transferred_index = %s, state = %s, lot_id = %s, serials = %s, voided = %s, "
                "delivered_index = %s where ledger_id = %s and trade_id = %s",
                [
                    (
                        t.transferred_index,
                        t.state,
                        t.lot_id,
                        _multirange(t.ranges),
                        t.voided,
                        t.delivered_index,
                        ledger_id,
                        t.trade_id,
                    )
                    for t in moved
                ],
            )


def trade_values(trade: TradeFacts) -> tuple[Any, ...]:
    """A trade's columns after the ledger, in the table's order."""
    return (
        trade.trade_id,
        trade.log_index,
        trade.buyer,
        trade.seller,
        trade.platform,
        trade.lot_id,
        _multirange(trade.ranges),
        trade.quantity,
        trade.price,
        trade.amount_fen,
        trade.state,
        trade.transferred_index,
        trade.voided,
        trade.delivered_index,
    )


def _multirange(ranges: Ranges) -> Int8Multirange:
    return Int8Multirange([Int8Range(r.first, r.end) for r in ranges])


async def _write_ranges(
    connection: Connection, ledger_id: int, pieces: dict[tuple[int, int], tuple[Pieces, Pieces]]
) -> None:
    """Moves are DELETE then INSERT; the exclusion constraint looks when the group commits.

    Only the ranges that changed are touched: a holder may have thousands of others.
    """
    gone = [(lot_id, r.first, r.end) for (_, lot_id), (dropped, _) in pieces.items() for r in dropped]
    if gone:
        lots, firsts, ends = map(list, zip(*gone, strict=True))
        await connection.execute(
            """
            delete from serial_position s
            using unnest(%s::bigint[], %s::bigint[], %s::bigint[]) as k (lot_id, first_serial, end_serial)
            where s.ledger_id = %s and s.lot_id = k.lot_id and s.serials = int8range(k.first_serial, k.end_serial)
            """,
            (lots, firsts, ends, ledger_id),
        )
    rows = [
        (ledger_id, lot_id, account_id, Int8Range(r.first, r.end), datetime.date.fromordinal(r.since))
        for (account_id, lot_id), (_, added) in pieces.items()
        for r in added
    ]
    await _write_many(connection, "serial_position", rows)
