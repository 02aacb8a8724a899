"""Rebuild every projection from the journal in memory and compare it with what the tables hold.

Checks, in one pass over the records: canonical bytes, indexes without a gap, time strictly forward by segment,
the tree (leaves, tiles, frontier), every posting row with its running figures, and at the end accounts, lots,
balances, serial positions, trades, parties, policy, credentials, both kinds of keys and the salted names.
"""

import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg

from ledger.core.book import Book
from ledger.core.decision import learn
from ledger.core.record import (
    CredentialBody,
    Envelope,
    MalformedRecord,
    PartyBody,
    PartyChangeBody,
    PolicyBody,
    PostingBody,
    ReadingBody,
    RefusalBody,
    RetirementBody,
    SigningKeyBody,
    decode,
)
from ledger.proof.merkle import Frontier, leaf_hash, leaf_hashes
from ledger.store.carbon import claim_values, inventory_values, meter_values, reading_values
from ledger.store.changes import event_values, lot_values, party_change_values, serial_moves, trade_values
from ledger.store.journal import TileBuffer, split_records

Connection = psycopg.Connection[Any]
FINDINGS_MAX = 100


class Finding(msgspec.Struct, frozen=True):
    """One difference between the journal and a projection."""

    where: str
    problem: str


class Check(msgspec.Struct):
    """What a rebuild found: no findings means that every projection is equal to the journal."""

    ledger: str
    records: int = 0
    postings: int = 0
    root: str = ""
    findings: list[Finding] = msgspec.field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.findings

    def note(self, where: str, problem: str) -> None:
        """Take in a difference, up to FINDINGS_MAX."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(where, problem))


def check(
    connection: Connection, ledger_id: int, name: str, *, progress: Callable[[int, int], None] = lambda *_: None
) -> Check:
    """Compare a ledger's tables with its journal, at one snapshot; `progress` hears (records done, of all)."""
    connection.execute("set transaction isolation level repeatable read read only")
    return _Rebuild(connection, ledger_id, Check(name), progress).run()


class _Rebuild:
    def __init__(
        self, connection: Connection, ledger_id: int, result: Check, progress: Callable[[int, int], None]
    ) -> None:
        self.connection = connection
        self.ledger_id = ledger_id
        self.result = result
        self.progress = progress
        self.book = Book(result.ledger)
        self.frontier = Frontier()
        self.tiles = TileBuffer()
        self.credentials: dict[str, tuple[Any, ...]] = {}
        self.policies: dict[int, Any] = {}
        self.requests: dict[tuple[str, str], tuple[int, str | None]] = {}
        self.evidence: dict[str, int] = {}
        self.hashes: dict[int, tuple[str, tuple[str, ...]]] = {}
        self.party_changes: set[tuple[Any, ...]] = set()
        self.signing_keys: set[tuple[Any, ...]] = set()
        self.events: set[tuple[Any, ...]] = set()
        self.moves: set[tuple[int, ...]] = set()
        self.claims: set[tuple[Any, ...]] = set()
        self.read: dict[int, ReadingBody] = {}

    def run(self) -> Check:
        head = self._rows("select size, frontier, recorded_at from head where ledger_id = %s")
        if not head:
            self.result.note("head", f"ledger {self.ledger_id} has no head")
            return self.result
        size, frontier, recorded_at = head[0]
        stored = self._postings()
        last = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        for first, count, moment, records, leaves in self._segments():
            if moment <= last:
                self.result.note(f"segment {first}", "recorded_at does not increase")
            last = moment
            self._segment(first, count, bytes(records), bytes(leaves), stored)
            self.progress(self.frontier.size, size)
        if next(stored, None) is not None:
            self.result.note("posting", "there are rows that no record makes")
        if self.frontier.size != size or self.frontier.encode() != bytes(frontier) or last != recorded_at:
            self.result.note("head", f"head says size {size}; the journal gives {self.frontier.size}, or another tree")
        self.result.records, self.result.root = self.frontier.size, self.frontier.root().hex()
        self._tables()
        return self.result

    def _segment(self, first: int, count: int, records: bytes, leaves: bytes, stored: Iterator[Any]) -> None:
        if first != self.frontier.size:
            self.result.note(f"segment {first}", f"the journal has {self.frontier.size} records before it")
        contents = list(split_records(records))
        if len(contents) != count or b"".join(leaf_hashes(contents)) != leaves:
            self.result.note(f"segment {first}", "records and leaf hashes do not agree")
        for content in contents:
            index = self.frontier.size
            self.frontier.append(leaf_hash(content))
            try:
                self._record(index, decode(content), stored)
            except (MalformedRecord, AssertionError, KeyError) as fault:
                self.result.note(f"record {index}", f"cannot be replayed: {fault!r}")
                self.book.size = index + 1
        for level, tile, hashes in self.tiles.take_complete(self.frontier.completed):
            found = self._rows(
                "select hashes from hash_tile where ledger_id = %s and level = %s and tile_index = %s", level, tile
            )
            if not found or bytes(found[0][0]) != hashes:
                self.result.note(f"hash_tile {level}/{tile}", "is missing or differs")
        self.frontier.completed.clear()

    def _record(self, index: int, envelope: Envelope, stored: Iterator[Any]) -> None:
        if int(envelope.index) != index or envelope.ledger != self.result.ledger:
            self.result.note(f"record {index}", f"says it is {envelope.ledger} {envelope.index}")
        match envelope.body:
            case CredentialBody() as body:
                self._credential(index, body)
            case PolicyBody() as body:
                self.policies[index] = msgspec.to_builtins(body.row)
            case PartyBody() as body:
                self.hashes[index] = body.party, body.names + body.private
            case PartyChangeBody() as body:
                self.hashes[index] = body.party, body.names
                self.party_changes.add(party_change_values(index, body))
            case SigningKeyBody() as body:
                self.signing_keys.add((index, body.key, body.replaces))
            case RetirementBody() as body:
                self.claims.add(claim_values(index + 1, body))
            case ReadingBody() as body:
                self.read[index] = body
            case PostingBody() as body if body.command != "transfer":
                self.events.add(event_values(index, body))
        rows = learn(self.book, index, envelope.body)
        if isinstance(envelope.body, PostingBody):
            moves = serial_moves(index, envelope.body, rows)
            self.moves.update((lot_id, log_index, r.first, r.end) for lot_id, log_index, r in moves)
        for row in rows:
            expected = tuple(getattr(row, name) for name in row.__struct_fields__)
            found = next(stored, None)
            self.result.postings += 1
            if found is None or (*found[:-1], found[-1].toordinal()) != expected:
                self.result.note(f"posting {index}/{row.leg}", f"the journal gives {expected}, the table {found}")
        if envelope.request_key is not None:
            refused = envelope.body.code if isinstance(envelope.body, RefusalBody) else None
            self.requests[envelope.tenant or "", envelope.request_key] = (index, refused)
        if envelope.evidence_key is not None:
            self.evidence[envelope.evidence_key] = index

    def _credential(self, index: int, body: CredentialBody) -> None:
        if body.state == "active":
            fields = (body.role, body.tenant, body.subject, body.secret_sha256, "active", index, None)
            self.credentials[body.credential] = fields
        else:
            known = self.credentials[body.credential]
            self.credentials[body.credential] = (*known[:4], body.state, known[5], index)

    def _tables(self) -> None:
        book = self.book
        accounts = {(a.account_id, a.name, a.kind.code, a.commodity, a.owner) for a in book.accounts.values()}
        self._compare(
            "account", accounts, "select account_id, name, kind, commodity, owner from account where ledger_id = %s"
        )
        lots = {lot_values(lot) for lot in book.lots.values()}
        self._compare("lot", lots, _LOTS)
        balances = {
            (*key, quantity, datetime.date.fromordinal(last_on))
            for key, (quantity, last_on) in book.lot_balances.items()
        }
        self._compare(
            "balance", balances, "select account_id, lot_id, quantity, last_on from balance_now where ledger_id = %s"
        )
        ranges = {
            (*key, r.first, r.end, datetime.date.fromordinal(r.since))
            for key, held in book.ranges.items()
            for r in held
        }
        self._compare(
            "serial_position",
            ranges,
            "select account_id, lot_id, lower(serials), upper(serials), since from serial_position "
            "where ledger_id = %s",
        )
        trades = {trade_values(trade) for trade in book.trades.values()}
        self._compare("trade", trades, _TRADES)
        marks = {
            (lot_id, event, index, r.first, r.end)
            for (lot_id, event), by_index in book.marks.items()
            for index, serials in by_index.items()
            for r in serials
        }
        self._compare("serial_mark", marks, _MARKS)
        self._compare("event", self.events, _EVENTS)
        self._compare("serial_move", self.moves, _MOVES)
        proposals = {msgspec.structs.astuple(one) for one in book.proposals.values()}
        self._compare("proposal", proposals, _PROPOSALS)
        offers = {msgspec.structs.astuple(one) for one in book.offers.values()}
        self._compare("offer", offers, _OFFERS)
        self._registry(book)
        self._carbon(book)

    def _carbon(self, book: Book) -> None:
        self._compare("meter", {meter_values(meter) for meter in book.carbon.meters.values()}, _METERS)
        known = [one for readings in book.carbon.readings.values() for one in readings.values()]
        readings = {reading_values(one, self.read[one.log_index]) for one in known}
        self._compare("reading", readings, _READINGS)
        self._compare("claim", self.claims, _CLAIMS)
        self._compare("inventory", {inventory_values(one) for one in book.carbon.inventories.values()}, _INVENTORIES)

    def _registry(self, book: Book) -> None:
        parties = {(p.party, p.kind, p.log_index) for p in book.parties.values()}
        self._compare("party", parties, "select party_id, kind, log_index from party where ledger_id = %s")
        self._compare("party_change", self.party_changes, _PARTY_CHANGES)
        self._compare(
            "signing_key", self.signing_keys, "select log_index, key, replaces from signing_key where ledger_id = %s"
        )
        policies = {(index, msgspec.json.encode(row, order="sorted")) for index, row in self.policies.items()}
        self._compare(
            "policy",
            policies,
            "select log_index, content from policy where ledger_id = %s",
            lambda row: (row[0], msgspec.json.encode(row[1], order="sorted")),
        )
        credentials = {(key, *fields) for key, fields in self.credentials.items()}
        self._compare("credential", credentials, _CREDENTIALS)
        self._compare(
            "request",
            {(*key, *outcome) for key, outcome in self.requests.items()},
            "select tenant, request_key, log_index, refused from request where ledger_id = %s",
        )
        self._compare(
            "evidence", set(self.evidence.items()), "select evidence_key, log_index from evidence where ledger_id = %s"
        )
        self._private_texts()

    def _private_texts(self) -> None:
        """A text that is kept must hash to what its record says; one that was erased leaves only the hash."""
        rows = self._rows("select log_index, field, salt, content from private_text t where ledger_id = %s")
        for index, field, salt, content in rows:
            party, hashes = self.hashes.get(index, ("of nobody", ()))
            digest = hashlib.sha256(bytes(salt) + content.encode()).hexdigest()
            if digest not in hashes:
                self.result.note(f"private_text {party}/{field}", "does not hash to what the record says")

    def _compare(self, table: str, expected: set[Any], text: str, key: Callable[[Any], Any] = tuple) -> None:
        found = {key(row) for row in self._rows(text)}
        if missing := expected - found:
            self.result.note(table, f"{len(missing)} rows are missing or differ, such as {min(missing, key=repr)!r}")
        if extra := found - expected:
            self.result.note(table, f"{len(extra)} rows are not in the journal, such as {min(extra, key=repr)!r}")

    def _rows(self, text: str, *parameters: Any) -> Sequence[Any]:
        cursor = self.connection.execute(text, (self.ledger_id, *parameters))  # type: ignore[arg-type]  # constants
        return cursor.fetchall()

    def _segments(self) -> Iterator[Any]:
        with self.connection.cursor(name="segments") as cursor:
            cursor.itersize = 8
            cursor.execute(
                """
                select first_index, record_count, recorded_at, records, leaves from journal_segment
                where ledger_id = %s order by first_index
                """,
                (self.ledger_id,),
            )
            yield from cursor

    def _postings(self) -> Iterator[Any]:
        with self.connection.cursor(name="postings") as cursor:
            cursor.itersize = 10_000
            cursor.execute(
                """
                select log_index, leg, account_id, commodity, lot_id, quantity, balance, day_balance, version,
                    effective_on
                from posting where ledger_id = %s order by log_index, leg
                """,
                (self.ledger_id,),
            )
            yield from cursor


_LOTS = """
    select lot_id, code, scheme, project, production_month, numbered::text, tradable::text, energy_class,
        trade_class, source, province
    from lot where ledger_id = %s
"""
_TRADES = """
    select trade_id, log_index, buyer, seller, platform, lot_id, serials::text, quantity, price, amount_fen, state,
        transferred_index, voided, delivered_index
    from trade where ledger_id = %s
"""
_PROPOSALS = """
    select log_index, command, role, subject, tenant, evidence_key, state, judged_index
    from proposal where ledger_id = %s
"""
_OFFERS = """
    select log_index, enterprise, receiver, expires_on::text, state, answered_index from offer where ledger_id = %s
"""
_PARTY_CHANGES = """
    select log_index, party_id, change, changed_on::text, "into" from party_change where ledger_id = %s
"""
_MARKS = "select lot_id, event, log_index, lower(serials), upper(serials) from serial_mark where ledger_id = %s"
_EVENTS = """
    select log_index, command, occurred_on::text, effective_on::text, level, status, reverses, trade_id, quantity
    from event where ledger_id = %s
"""
_METERS = """
    select meter_id, log_index, enterprise, site, stage, material, route, under, rating from meter where ledger_id = %s
"""
_READINGS = """
    select log_index, meter_id, first_on::text, last_on::text, quantity, level, corrected_by from reading
    where ledger_id = %s
"""
_CLAIMS = "select log_index, enterprise, beneficiary, purpose, year, site from claim where ledger_id = %s"
_INVENTORIES = """
    select log_index, enterprise, year, subject, tree_size, factors_on::text, digest, restates, scope1, findings, state,
        judged_index
    from inventory where ledger_id = %s
"""
_MOVES = "select lot_id, log_index, lower(serials), upper(serials) from serial_move where ledger_id = %s"
_CREDENTIALS = """
    select credential_id, role, tenant, subject, secret_sha256, state, created_index, revoked_index
    from credential where ledger_id = %s
"""
