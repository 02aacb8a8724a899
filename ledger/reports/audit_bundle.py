"""An audit bundle of the whole log, or of a part, made while it is sent: never more than a few megabytes in memory."""

from collections.abc import AsyncIterator

import msgspec

from ledger.core.refusal import Refusal, refuse
from ledger.proof.bundle import CLAIMS_MAX, MAGIC, RECORDS_BYTES_MAX, Header, frame, records_frame
from ledger.proof.merkle import HASH_BYTES
from ledger.reports.proofs import Proofs
from ledger.reports.reading import HEAD, LAST_DAY, Reading
from ledger.store.journal import split_records
from ledger.store.session import ALL_TENANTS, Query, Scope


async def audit_bundle(
    reading: Reading, proofs: Proofs, scope: Scope, *, from_size: int, to_size: int | None
) -> AsyncIterator[bytes] | Refusal:
    """The frames of a bundle up to a checkpoint, by default the newest; `not_sealed` where there is none at that size.

    What is claimed of balances and places is what the projections say, so that a verifier may compare. Places are
    kept only as they are now: they are claimed where nothing was recorded since the checkpoint.
    """
    assert scope.tenant == ALL_TENANTS, "a bundle shows every enterprise"
    sealed = await proofs.sealed(scope, size=to_size)
    if isinstance(sealed, Refusal):
        return sealed
    to_size = sealed.size
    if not 0 <= from_size <= to_size:
        return refuse("not_found", what=f"the records from {from_size} to {to_size}")
    (((name, origin),),) = await reading.reader.fetch(scope, Query("select name, origin from visible_ledger"))
    edge = tuple(node.hex() for node in await proofs.edge(scope, from_size))
    header = Header(edge=edge, from_size=str(from_size), ledger=name, origin=origin, to_size=str(to_size))
    return _frames(reading, proofs, scope, header)


async def _frames(reading: Reading, proofs: Proofs, scope: Scope, header: Header) -> AsyncIterator[bytes]:
    at, to_size = int(header.from_size), int(header.to_size)
    sealed = min(at, to_size - 1)  # the checkpoint at to_size comes along even where no record does
    yield MAGIC + frame(b"H", msgspec.json.encode(header))
    while sealed < to_size:
        checkpoint = await proofs.sealing(scope, sealed)
        if isinstance(checkpoint, Refusal):
            break
        sealed = checkpoint.size
        while at < sealed:
            before = at
            async for part, count in _records(reading, scope, at, sealed):
                yield part
                at += count
            if at == before:
                break  # the journal has no more, and the verifier will say what is missing
        yield frame(b"C", checkpoint.note)
    async for part in _claims(reading, scope, to_size):
        yield part
    yield frame(b"E", b"")


async def _records(reading: Reading, scope: Scope, at: int, end: int) -> AsyncIterator[tuple[bytes, int]]:
    """Frames of some segments from record `at` on, and how many records each has; none crosses `end`."""
    (rows,) = await reading.reader.fetch(scope, Query(_SEGMENTS, (at, end, RECORDS_BYTES_MAX)))
    leaves, contents, count = b"", b"", 0
    for first, records, hashes in rows:
        skip, take = max(0, at + count - first), min(end, first + len(hashes) // HASH_BYTES) - first
        for piece, piece_leaves in _cut(bytes(records), bytes(hashes), skip, take):
            if contents and len(contents) + len(piece) > RECORDS_BYTES_MAX:
                yield records_frame(leaves, contents), len(leaves) // HASH_BYTES
                leaves, contents = b"", b""
            leaves, contents = leaves + piece_leaves, contents + piece
        count += take - skip
    if contents:
        yield records_frame(leaves, contents), len(leaves) // HASH_BYTES


def _cut(records: bytes, leaves: bytes, skip: int, take: int) -> list[tuple[bytes, bytes]]:
    """(records behind their lengths, leaves) of a segment from `skip` to `take`, in pieces that fit into a frame."""
    if skip == 0 and take == len(leaves) // HASH_BYTES and len(records) <= RECORDS_BYTES_MAX:
        return [(records, leaves)]
    pieces, part, first = [], b"", skip
    for index, content in enumerate(split_records(records)):
        if not skip <= index < take:
            continue
        if len(part) + len(content) + 2 > RECORDS_BYTES_MAX:
            pieces.append((part, leaves[HASH_BYTES * first : HASH_BYTES * index]))
            part, first = b"", index
        part += len(content).to_bytes(2) + content
    return [*pieces, (part, leaves[HASH_BYTES * first : HASH_BYTES * take])]


async def _claims(reading: Reading, scope: Scope, size: int) -> AsyncIterator[bytes]:
    """What the projections say of every account at the size, and of every range where they are of that very size."""
    moment = (LAST_DAY, size, size, size)
    balances, head, places = await reading.reader.fetch(scope, Query(_BALANCES, moment), HEAD, Query(_PLACES))
    claims = [(*names, str(balance), str(total)) for *names, balance, total in balances]
    for at in range(0, len(claims), CLAIMS_MAX):
        yield frame(b"B", msgspec.json.encode(claims[at : at + CLAIMS_MAX]))
    if head[0][0] == size:
        held = [(account, lot, str(serials.lower), str(serials.upper - 1)) for account, lot, serials in places]
        for at in range(0, len(held), CLAIMS_MAX):
            yield frame(b"P", msgspec.json.encode(held[at : at + CLAIMS_MAX]))


_SEGMENTS = """
    select first_index, records, leaves from (
        select first_index, record_count, records, leaves,
            sum(length(records)) over (order by first_index) - length(records) as before
        from (
            select * from visible_segment
            where first_index >= coalesce((select max(first_index) from visible_segment where first_index <= %s), 0)
                and first_index < %s
            order by first_index limit 1000
        ) as next
    ) as sized where before < %s order by first_index
"""
# Twice over: the running balance that reads on both axes show, and the sum of the postings.
_BALANCES = """
    select a.name, a.commodity, balance_as_of(a.account_id, %s, %s), coalesce(t.total, 0)::bigint
    from visible_account a
    left join (
        select account_id, sum(quantity) as total from visible_posting where log_index < %s group by 1
    ) as t using (account_id)
    where a.opened_index < %s order by a.account_id
"""
_PLACES = """
    select a.name, l.code, unnest(range_agg(s.serials)) as held
    from visible_serial_position s join visible_account a using (account_id) join visible_lot l using (lot_id)
    group by a.name, l.code order by 2, 3
"""
