"""What must hold of a ledger at any moment, recomputed from what is stored; shared by store and torture tests."""

import hashlib
from itertools import pairwise
from typing import Any

from ledger.core.record import decode
from ledger.core.record import encode as encode_record
from tests.conftest import Database


def split(segment: bytes) -> list[bytes]:
    """The records of a segment, by their two-byte lengths."""
    records, at = [], 0
    while at < len(segment):
        length = int.from_bytes(segment[at : at + 2], "big")
        records.append(segment[at + 2 : at + 2 + length])
        at += 2 + length
    assert at == len(segment)
    return records


def node(left: bytes, right: bytes) -> bytes:
    """RFC 9162: the hash above two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree_roots(leaves: list[bytes]) -> list[bytes]:
    """The roots of the complete subtrees from the left, widest first: what the head keeps."""
    roots, at = [], 0
    for power in range(len(leaves).bit_length() - 1, -1, -1):
        if len(leaves) >> power & 1:
            layer = leaves[at : at + (1 << power)]
            while len(layer) > 1:
                layer = [node(layer[i], layer[i + 1]) for i in range(0, len(layer), 2)]
            roots += layer
            at += 1 << power
    return roots


def tiles(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """Every complete tile: (level, index) -> 256 hashes."""
    found, level, layer = {}, 0, leaves
    while len(layer) >= 256:
        whole = len(layer) // 256
        groups = [layer[256 * at : 256 * at + 256] for at in range(whole)]
        found.update({(level, at): b"".join(group) for at, group in enumerate(groups)})
        level, layer = level + 1, [subtree_roots(group)[0] for group in groups]
    return found


def check_ledger(database: Database) -> list[bytes]:
    """Check journal, tree, postings, balances and keys against each other; the records."""
    records = check_journal(database)
    check_postings(database, records)
    check_keys(database, records)
    return records


def check_journal(database: Database) -> list[bytes]:
    """Indexes are gapless, records canonical, times increase, and the tree's edge and tiles are those of the bytes."""
    rows = database.rows(
        "select first_index, record_count, recorded_at, records, offsets, leaves from journal_segment order by 1"
    )
    records: list[bytes] = []
    moments = []
    for first_index, count, recorded_at, content, offsets, leaves in rows:
        found = split(content)
        assert (first_index, count) == (len(records), len(found))
        assert leaves == b"".join(hashlib.sha256(b"\x00" + record).digest() for record in found)
        at = 0
        for number, record in enumerate(found):
            assert int.from_bytes(offsets[4 * number : 4 * number + 4], "big") == at
            at += 2 + len(record)
            envelope = decode(record)
            assert encode_record(envelope) == record
            assert int(envelope.index) == first_index + number
            assert envelope.recorded_at == recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        records += found
        moments.append(recorded_at)
    assert all(earlier < later for earlier, later in pairwise(moments))
    hashes = [hashlib.sha256(b"\x00" + record).digest() for record in records]
    [(size, recorded_at, frontier)] = database.rows("select size, recorded_at, frontier from head")
    assert (size, recorded_at) == (len(records), moments[-1])
    assert frontier == b"".join(subtree_roots(hashes))
    stored = {
        (level, index): found
        for level, index, found in database.rows("select level, tile_index, hashes from hash_tile")
    }
    assert stored == tiles(hashes)
    return records


def check_postings(database: Database, records: list[bytes]) -> None:
    """Postings are those of the records, their running figures add up, and the balances equal their sums."""
    legs = [
        (int(envelope.index), at, leg.account, leg.commodity, leg.lot, int(leg.quantity), envelope.body.effective_on)
        for envelope in map(decode, records)
        if envelope.type == "posting"
        for at, leg in enumerate(envelope.body.legs)
    ]
    rows = database.rows(
        """
        select p.log_index, p.leg, a.name, a.commodity, l.code, p.quantity, p.effective_on::text,
            p.balance, p.day_balance, p.version
        from posting p join account a using (ledger_id, account_id) left join lot l using (ledger_id, lot_id)
        order by 1, 2
        """
    )
    assert [row[:7] for row in rows] == legs
    balance: dict[Any, int] = {}
    for _, _, name, commodity, _, quantity, on, after, on_day, version in rows:
        for key in ((name, commodity), (name, commodity, on)):
            balance[key] = balance.get(key, 0) + quantity
        balance[name, commodity, "version"] = balance.get((name, commodity, "version"), 0) + 1
        figures = (balance[name, commodity], balance[name, commodity, on], balance[name, commodity, "version"])
        assert (after, on_day, version) == figures
    sums = database.rows(
        "select account_id, lot_id, sum(quantity)::bigint, max(effective_on) from posting group by 1, 2 order by 1, 2"
    )
    assert database.rows("select account_id, lot_id, quantity, last_on from balance_now order by 1, 2") == sums


def check_keys(database: Database, records: list[bytes]) -> None:
    """Every key answers with the one record that carries it, and no record's key is missing."""
    envelopes = list(map(decode, records))
    keys = {(e.tenant or "", e.request_key): int(e.index) for e in envelopes if e.request_key is not None}
    rows = database.rows("select tenant, request_key, log_index from request")
    assert {(tenant, key): index for tenant, key, index in rows} == keys
    assert len(rows) == sum(e.request_key is not None for e in envelopes)
    used = {e.evidence_key: int(e.index) for e in envelopes if e.evidence_key is not None}
    assert dict(database.rows("select evidence_key, log_index from evidence")) == used


def private_texts_match(database: Database, records: list[bytes]) -> None:
    """Each private text hashes, with its salt, to what its record says; no record holds the text."""
    rows = database.rows("select log_index, field, salt, content from private_text order by 1, 2")
    assert rows
    for index, _, salt, content in rows:
        digest = hashlib.sha256(bytes(salt) + content.encode()).hexdigest()
        body = decode(records[index]).body
        assert digest in (*body.names, *body.private)
        assert content.encode() not in records[index]
    for index, record in enumerate(records):
        if (envelope := decode(record)).type == "party":
            hashes = len(envelope.body.names) + len(envelope.body.private)
            assert hashes == sum(row[0] == index for row in rows)
