"""What a group changed in the projections besides its postings, and how that is written."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
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
from ledger.store.new_rows import NewRows
from ledger.store.unit_of_work import Entry, Ready, Statement, lay_out


class Changes(msgspec.Struct):
    """What a group changed in the projections besides the postings, as it stands after the group."""

    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    """Keys used up, with the log index."""
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
        if (key := entry.evidence_key) is not None:
            self.evidence.append((key, entry.index))
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


def ready(ledger_id: int, entries: Sequence[Entry], changes: Changes, *, first_index: int) -> Ready:
    """A group laid out for the database, but for what depends on when it is recorded."""
    before, rows = moved(ledger_id, changes, first_index=first_index), new_rows(changes, first_index=first_index)
    return lay_out(ledger_id, entries, before, rows)


def moved(ledger_id: int, changes: Changes, *, first_index: int) -> Iterator[Statement]:
    """What writes that earlier rows of the projections are otherwise than before."""
    yield from _trades_moved(ledger_id, [t for t in changes.trades.values() if t.log_index < first_index])
    yield from _marks_undone(ledger_id, [key for key in changes.marks if key[2] < first_index])
    for table, facts in (("proposal", changes.proposals), ("offer", changes.offers)):
        yield from _decided(table, ledger_id, [one for one in facts.values() if one.log_index < first_index])
    yield from _carbon_changed(ledger_id, changes, first_index)


def new_rows(changes: Changes, *, first_index: int) -> NewRows:
    """By table, the rows that were not there before, and the ranges that are `gone`."""

    def new(facts: Iterable[Any]) -> list[Any]:
        return [one for one in facts if one.log_index >= first_index]

    rows: dict[str, Sequence[tuple[Any, ...]]] = {
        "evidence": changes.evidence,
        "account": [account_values(account, index) for account, index in changes.accounts],
        "lot": [lot_values(lot) for lot in changes.lots],
        "party": changes.parties,
        "party_change": [party_change_values(index, body) for index, body in changes.party_changes],
        "trade": [trade_values(trade) for trade in new(changes.trades.values())],
        "serial_position": [position_values(*placed) for placed in changes.new],
        "gone": [(account_id, lot_id, piece.first) for account_id, lot_id, piece in changes.gone],
        "serial_mark": [(*key, _range(r)) for key, serials in changes.marks.items() for r in serials],
        "serial_move": [(lot_id, _range(r), index) for lot_id, index, r in changes.moves],
        "event": [event_values(index, body) for index, body in changes.events],
        "meter": [meter_values(meter) for meter in changes.meters],
        "reading": list(changes.readings.values()),
        "claim": changes.claims,
        "inventory": [inventory_values(one) for one in new(changes.inventories.values())],
        "proposal": [msgspec.structs.astuple(one) for one in new(changes.proposals.values())],
        "offer": [msgspec.structs.astuple(one) for one in new(changes.offers.values())],
    }
    return {table: of for table, of in rows.items() if of}


def account_values(account: Account, opened_index: int) -> tuple[Any, ...]:
    """An account's columns after the ledger, in the table's order."""
    return account.account_id, account.name, account.kind.code, account.commodity, account.owner, opened_index


def lot_values(lot: Lot) -> tuple[Any, ...]:
    """A lot's columns after the ledger, in the table's order."""
    f = lot.facts
    flags = ("true" if f.numbered else "false", "true" if f.tradable else "false")
    kept = (f.code, f.scheme, f.project, f.production_month, *flags)
    return lot.lot_id, *kept, f.energy_class, f.trade_class, f.source, f.province


def position_values(account_id: int, lot_id: int, piece: HeldRange) -> tuple[Any, ...]:
    """Where a piece lies, as columns after the ledger, in the table's order."""
    return lot_id, account_id, _range(piece), datetime.date.fromordinal(piece.since).isoformat()


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


def _trades_moved(ledger_id: int, moved: Sequence[TradeFacts]) -> Iterator[Statement]:
    if moved:
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


def _marks_undone(ledger_id: int, before: Sequence[tuple[int, str, int]]) -> Iterator[Statement]:
    """What may happen to a serial once; the exclusion constraint looks when the group commits."""
    if before:
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
                    offset 0  -- so that each is looked up by the index, however small the table was when planned
                ) as found
            ))
            """,
            (numbers(lots), texts(events), numbers(indexes), ledger_id),
        )


def _decided(table: str, ledger_id: int, facts: Sequence[ProposalFacts | OfferFacts]) -> Iterator[Statement]:
    """What came of earlier proposals or offers, which their last two columns say."""
    for one in facts:
        state, decided = one.__struct_fields__[-2:]
        yield Statement(
            f"update {table} set {state} = %s, {decided} = %s where ledger_id = %s and log_index = %s",
            (getattr(one, state), getattr(one, decided), ledger_id, one.log_index),
        )


def _carbon_changed(ledger_id: int, changes: Changes, first_index: int) -> Iterator[Statement]:
    """What came of earlier readings and inventories."""
    if before := {old: new for old, new in changes.corrected.items() if old < first_index}:
        yield Statement(
            """
            update reading r set corrected_by = u.corrected_by
            from unnest(%s::bigint[], %s::bigint[]) as u (log_index, corrected_by)
            where r.ledger_id = %s and r.log_index = u.log_index
            """,
            (numbers(list(before)), numbers(list(before.values())), ledger_id),
        )
    for one in changes.inventories.values():
        if one.log_index < first_index:
            yield Statement(
                """
                update inventory set findings = %s, state = %s, judged_index = %s
                where ledger_id = %s and log_index = %s
                """,
                (one.findings, one.state, one.judged_index, ledger_id, one.log_index),
            )
