"""What a group changed in the projections besides its postings, and how that is written."""

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ledger.core.account import Account, kind_of
from ledger.core.activity import Meter
from ledger.core.book import Book, PlacedPiece, PostingRow, serial_ranges
from ledger.core.certificate import Lot
from ledger.core.facts import InventoryFacts, OfferFacts, ProposalFacts, TradeFacts
from ledger.core.held_range import HeldRange
from ledger.core.record import (
    AccountBody,
    AnswerBody,
    InventoryBody,
    JudgementBody,
    LotBody,
    MeterBody,
    OfferBody,
    PartyBody,
    PartyChangeBody,
    PostingBody,
    ProposalBody,
    ReadingBody,
    RetirementBody,
)
from ledger.core.serial_range import Ranges, SerialRange
from ledger.store.carbon import claim_values, inventory_values, meter_values, reading_values
from ledger.store.literals import numbers, texts
from ledger.store.unit_of_work import Entry, Statement


class Changes(msgspec.Struct):
    """What a group changed in the projections besides the postings, as it stands after the group."""

    accounts: list[tuple[Account, int]] = msgspec.field(default_factory=list)
    lots: list[Lot] = msgspec.field(default_factory=list)
    parties: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    party_changes: list[tuple[int, PartyChangeBody]] = msgspec.field(default_factory=list)
    trades: dict[str, TradeFacts] = msgspec.field(default_factory=dict)
    gone: list[PlacedPiece] = msgspec.field(default_factory=list)
    """Serial ranges that lie where they lay no more."""
    new: list[PlacedPiece] = msgspec.field(default_factory=list)
    marks: dict[tuple[int, str, int], Ranges] = msgspec.field(default_factory=dict)
    """(lot id, event, log index) -> the serials it was done to; none where it was undone."""
    proposals: dict[int, ProposalFacts] = msgspec.field(default_factory=dict)
    offers: dict[int, OfferFacts] = msgspec.field(default_factory=dict)
    events: list[tuple[int, PostingBody]] = msgspec.field(default_factory=list)
    """What postings were, other than plain transfers."""
    meters: list[Meter] = msgspec.field(default_factory=list)
    readings: dict[int, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    """New ones, by log index, as columns."""
    corrected: dict[int, int] = msgspec.field(default_factory=dict)
    """Earlier reading -> the one that took its place."""
    claims: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    inventories: dict[int, InventoryFacts] = msgspec.field(default_factory=dict)
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
            case PartyChangeBody() as body:
                self.party_changes.append((entry.index, body))
            case AccountBody() as body:
                self._opened(book, body.accounts, entry.index)
            case RetirementBody() as body:
                self.claims.append(claim_values(entry.index + 1, body))
            case MeterBody() as body:
                self.meters.append(book.carbon.meters[body.meter])
            case ReadingBody() as body:
                reading = book.carbon.readings[body.meter][entry.index]
                self.readings[entry.index] = reading_values(reading, body)
                if body.corrects is not None:
                    self.corrected[int(body.corrects)] = entry.index
            case InventoryBody() as body:
                self._inventory(book, entry.index, body)

    def _inventory(self, book: Book, index: int, body: InventoryBody) -> None:
        """One submitted, or decided; a verified one may have restated another."""
        facts = book.carbon.inventories[index if body.inventory is None else int(body.inventory)]
        touched = [facts.log_index] + ([facts.restates] if facts.restates is not None else [])
        self.inventories.update((one, book.carbon.inventories[one]) for one in touched)

    def _opened(self, book: Book, names: tuple[str, ...], index: int) -> None:
        for name in names:
            kind = kind_of(name)
            assert kind is not None
            self.accounts += [(book.accounts[name, commodity], index) for commodity in kind.commodities]

    def settle(self, book: Book) -> None:
        """Fix the serial ranges and marks as they are now, at the end of the group."""
        self.gone, self.new = book.take_pieces()
        for lot_id, event, index in book.take_marked():
            self.marks[lot_id, event, index] = book.marks[lot_id, event][index]


def statements(ledger_id: int, changes: Changes, *, first_index: int) -> Iterator[Statement]:
    """What writes the projections that change seldom: accounts, lots, parties, trades, serials, proposals, offers.

    One statement for each table, so that all of a group travels in one round trip.
    """
    yield from _inserted("account", ledger_id, [account_values(a, index) for a, index in changes.accounts])
    yield from _inserted("lot", ledger_id, [lot_values(lot) for lot in changes.lots])
    yield from _inserted("party", ledger_id, changes.parties)
    changes_of_parties = [party_change_values(index, body) for index, body in changes.party_changes]
    yield from _inserted("party_change", ledger_id, changes_of_parties)
    yield from _trades(ledger_id, list(changes.trades.values()), first_index)
    yield from _ranges(ledger_id, changes.gone, changes.new)
    yield from _marks(ledger_id, changes.marks, first_index)
    yield from _with_state("proposal", ledger_id, list(changes.proposals.values()), first_index)
    yield from _with_state("offer", ledger_id, list(changes.offers.values()), first_index)
    yield from _inserted("serial_move", ledger_id, [(lot_id, _range(r), index) for lot_id, index, r in changes.moves])
    yield from _inserted("event", ledger_id, [event_values(index, body) for index, body in changes.events])
    yield from _carbon(ledger_id, changes, first_index)


_TYPES = {
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
_INSERT = {
    table: f"insert into {table} select %s::int, u.* from unnest({', '.join(f'%s::{t}[]' for t in types.split())}) as u"
    for table, types in _TYPES.items()
}  # fmt: skip
_NUMBERS = {"int", "bigint"}


def _inserted(table: str, ledger_id: int, rows: Sequence[tuple[Any, ...]]) -> Iterator[Statement]:
    """INSERT rows whose columns after the ledger are these values; dates, ranges and flags as texts."""
    if rows:
        columns = zip(_TYPES[table].split(), zip(*rows, strict=True), strict=True)
        arrays = [numbers(values) if kind in _NUMBERS else texts(values) for kind, values in columns]
        yield Statement(_INSERT[table], (ledger_id, *arrays))


def account_values(account: Account, opened_index: int) -> tuple[Any, ...]:
    """An account's columns after the ledger, in the table's order."""
    return account.account_id, account.name, account.kind.code, account.commodity, account.owner, opened_index


def lot_values(lot: Lot) -> tuple[Any, ...]:
    """A lot's columns after the ledger, in the table's order."""
    f = lot.facts
    flags = ("true" if f.numbered else "false", "true" if f.tradable else "false")
    kept = (f.code, f.scheme, f.project, f.production_month, *flags)
    return lot.lot_id, *kept, f.energy_class, f.trade_class, f.source, f.province


def party_change_values(index: int, body: PartyChangeBody) -> tuple[Any, ...]:
    """A change's columns after the ledger, in the table's order."""
    return index, body.party, body.change, body.on, body.into


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


def _range(r: SerialRange | HeldRange) -> str:
    return f"[{r.first},{r.end})"


def _multirange(ranges: Ranges) -> str:
    return "{" + ",".join(map(_range, ranges)) + "}"


def _trades(ledger_id: int, trades: Sequence[TradeFacts], first_index: int) -> Iterator[Statement]:
    yield from _inserted(
        "trade", ledger_id, [trade_values(trade) for trade in trades if trade.log_index >= first_index]
    )
    if moved := [trade for trade in trades if trade.log_index < first_index]:
        yield Statement(
            """
            update trade t set transferred_index = u.transferred_index, state = u.state, lot_id = u.lot_id,
                serials = u.serials, voided = u.voided, delivered_index = u.delivered_index
            from unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::int8multirange[], %s::bigint[],
                %s::bigint[]) as u (trade_id, transferred_index, state, lot_id, serials, voided, delivered_index)
            where t.ledger_id = %s and t.trade_id = u.trade_id
            """,
            (
                texts(t.trade_id for t in moved),
                numbers([t.transferred_index for t in moved]),
                texts(t.state for t in moved),
                numbers([t.lot_id for t in moved]),
                texts(_multirange(t.ranges) for t in moved),
                numbers([t.voided for t in moved]),
                numbers([t.delivered_index for t in moved]),
                ledger_id,
            ),
        )


def _ranges(ledger_id: int, gone: Sequence[PlacedPiece], new: Sequence[PlacedPiece]) -> Iterator[Statement]:
    """Moves are DELETE then INSERT; the exclusion constraint looks when the group commits.

    Only the ranges that changed are touched: a holder may have thousands of others.
    """
    if gone:
        accounts, lots, pieces = zip(*gone, strict=True)
        yield Statement(
            """
            delete from serial_position where ctid = any(array(
                select found.place
                from unnest(%s::int[], %s::bigint[], %s::bigint[]) as k (account_id, lot_id, first_serial)
                cross join lateral (
                    select s.ctid as place from serial_position s
                    where s.ledger_id = %s and s.account_id = k.account_id and s.lot_id = k.lot_id
                        and lower(s.serials) = k.first_serial
                    limit 1  -- so that each is looked up by the index, however small the table was when planned
                ) as found
            ))
            """,
            (numbers(accounts), numbers(lots), numbers([piece.first for piece in pieces]), ledger_id),
        )
    rows = [
        (lot_id, account_id, _range(piece), datetime.date.fromordinal(piece.since).isoformat())
        for account_id, lot_id, piece in new
    ]
    yield from _inserted("serial_position", ledger_id, rows)


def _marks(ledger_id: int, marks: dict[tuple[int, str, int], Ranges], first_index: int) -> Iterator[Statement]:
    """What may happen to a serial once; the exclusion constraint looks when the group commits."""
    if before := [key for key in marks if key[2] < first_index]:
        lots, events, indexes = zip(*before, strict=True)
        yield Statement(
            """
            delete from serial_mark where ctid = any(array(
                select found.place
                from unnest(%s::bigint[], %s::text[], %s::bigint[]) as k (lot_id, event, log_index)
                cross join lateral (
                    select m.ctid as place from serial_mark m
                    where m.ledger_id = %s and m.lot_id = k.lot_id and m.event = k.event
                        and m.log_index = k.log_index
                    offset 0  -- looked up by the index, as above
                ) as found
            ))
            """,
            (numbers(lots), texts(events), numbers(indexes), ledger_id),
        )
    rows = [(*key, _range(r)) for key, serials in marks.items() for r in serials]
    yield from _inserted("serial_mark", ledger_id, rows)


def _with_state(
    table: str, ledger_id: int, facts: Sequence[ProposalFacts | OfferFacts], first_index: int
) -> Iterator[Statement]:
    """Proposals or offers: new ones whole; of earlier ones what came of them, which their last two columns say."""
    yield from _inserted(
        table, ledger_id, [msgspec.structs.astuple(one) for one in facts if one.log_index >= first_index]
    )
    for one in facts:
        if one.log_index < first_index:
            state, decided = one.__struct_fields__[-2:]
            yield Statement(
                f"update {table} set {state} = %s, {decided} = %s where ledger_id = %s and log_index = %s",
                (getattr(one, state), getattr(one, decided), ledger_id, one.log_index),
            )


def _carbon(ledger_id: int, changes: Changes, first_index: int) -> Iterator[Statement]:
    """Meters, readings, claims and inventories; of earlier readings and inventories what came of them."""
    yield from _inserted("meter", ledger_id, [meter_values(meter) for meter in changes.meters])
    if before := {old: new for old, new in changes.corrected.items() if old < first_index}:
        yield Statement(
            """
            update reading r set corrected_by = u.corrected_by
            from unnest(%s::bigint[], %s::bigint[]) as u (log_index, corrected_by)
            where r.ledger_id = %s and r.log_index = u.log_index
            """,
            (numbers(list(before)), numbers(list(before.values())), ledger_id),
        )
    yield from _inserted("reading", ledger_id, list(changes.readings.values()))
    yield from _inserted("claim", ledger_id, changes.claims)
    inventories = changes.inventories.values()
    yield from _inserted(
        "inventory", ledger_id, [inventory_values(one) for one in inventories if one.log_index >= first_index]
    )
    for one in inventories:
        if one.log_index < first_index:
            yield Statement(
                """
                update inventory set findings = %s, state = %s, judged_index = %s
                where ledger_id = %s and log_index = %s
                """,
                (one.findings, one.state, one.judged_index, ledger_id, one.log_index),
            )
