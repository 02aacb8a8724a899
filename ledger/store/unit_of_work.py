"""One group commit: lock the head, check nobody else wrote, append, project, seal, commit.

The head's row lock is the only lock there is, so there are no deadlocks and no hot account; writers queue up for it.
All rows of a group are written set-wise, by one statement that travels with the COMMIT.
"""

import datetime
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ledger.core.book import PostingRow
from ledger.core.command import Request
from ledger.core.record import (
    Body,
    CredentialBody,
    PolicyBody,
    ReadingBody,
    RefusalBody,
    RejectionBody,
    SigningKeyBody,
    WithdrawalBody,
)
from ledger.store.journal import Segment, Tree
from ledger.store.literals import numbers, texts
from ledger.store.new_rows import NewRows, columns, parts

Connection = psycopg.AsyncConnection[Any]


class Statement(NamedTuple):
    """One statement of a group."""

    text: str
    parameters: tuple[Any, ...]


class Head(msgspec.Struct, frozen=True):
    """Where a ledger's journal ends."""

    size: int
    recorded_at: datetime.datetime
    frontier: bytes
    balance_size: int
    now: datetime.datetime
    """The server's clock, once the lock was held."""
    found: bool
    """Whether one of the keys that were looked for is in use."""


class PrivateText(msgspec.Struct, frozen=True):
    """A text kept beside the journal: row of the table `private_text`."""

    log_index: int
    field: str
    salt: bytes
    content: str
    lookup: str | None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record to be written, decided but not sealed."""

    index: int
    body: Body
    request: Request
    is_own: bool
    """Whether this is the command's own record, the one that answers its key."""
    rows: Sequence[PostingRow] = ()
    private: Sequence[PrivateText] = ()

    @property
    def evidence_key(self) -> str | None:
        """The evidence the record uses up: a posting, or what stands in the place of one, so that none ever posts."""
        uses = self.is_own and (self.rows or isinstance(self.body, WithdrawalBody | RejectionBody | ReadingBody))
        return self.request.evidence_key if uses else None


class UnknownOutcome(Exception):
    """The connection was lost, or warned, at COMMIT: what was sent may be in the journal, or not."""


async def prepare_lock(connection: Connection) -> None:
    """Have a connection know the statement of `lock_head`; to plan it anew each time took the server as long again."""
    await connection.execute(_PREPARE_LOCK)


async def lock_head(connection: Connection, ledger_id: int, keys: Sequence[tuple[str, str]] = ()) -> Head:
    """Begin a transaction, take the ledger's only lock and look for these (tenant, key), in one round trip.

    The connection must know the statement: `prepare_lock`. Where the head is as it was when the caller last wrote, the
    keys were looked for at that very place of the journal.
    """
    # The client puts the values in their places: two statements in one message can have none.
    cursor = psycopg.AsyncClientCursor(connection)
    tenants, names = texts(tenant for tenant, _ in keys), texts(key for _, key in keys)
    await cursor.execute(_LOCK_HEAD, (ledger_id, ledger_id, tenants, names))
    await cursor.set_result(-1)
    row = await cursor.fetchone()
    assert row is not None, "the ledger has a head"
    return Head(*row)


async def release_head(connection: Connection) -> None:
    """End a transaction of `lock_head` in which nothing was written.

    After a rollback the driver has the server forget every statement it knows. A commit keeps nothing here, as there is
    nothing to keep, and for that it need not wait for the disk.
    """
    await connection.execute("set local synchronous_commit = off; commit", prepare=False)


class Ready(NamedTuple):
    """What a group writes that does not depend on when it is recorded, laid out for the database."""

    values: dict[str, Any]
    """Columns of the rows it brings."""
    tables: tuple[str, ...]
    """Projections that get new rows besides postings and keys, and `gone` where ranges leave."""
    before: list[Statement]
    """For what is otherwise than before."""


def lay_out(ledger_id: int, entries: Sequence[Entry], before: Iterable[Statement], rows: NewRows) -> Ready:
    """A group's postings, keys and new rows of projections as columns; the statements `before` go first."""
    values = {**_posting_columns(entries), **_key_columns(entries), **columns(rows)}
    return Ready(values, tuple(rows), [*before, *_registry(ledger_id, entries)])


async def write_group(
    connection: Connection,
    ledger_id: int,
    *,
    ready: Ready,
    segment: Segment,
    recorded_at: datetime.datetime,
    tree: Tree,
    on_sending: Callable[[], None],
    catch_up_from: int | None,
) -> None:
    """Write the group's postings, keys, projections, segment, tiles and head, and COMMIT, in one round trip.

    One statement writes all that is new, so that the sum trigger sees every transaction whole; each of its parts by
    itself cost a small group a tenth of its time.
    Raises UnknownOutcome where the connection is cut, or warns, after COMMIT was sent.
    `on_sending` is called when all is made and only the sending and the server's work are left. `catch_up_from`
    brings the table of balances, which holds the records below that size, up to this group.
    """
    values = {
        **ready.values,
        "ledger": ledger_id,
        "size": segment.first_index + segment.count,
        "recorded_at": recorded_at,
        "frontier": tree.frontier.encode(),
        "first_index": segment.first_index,
        "record_count": segment.count,
        "records": segment.records,
        "offsets": segment.offsets,
        "leaves": segment.leaves,
    }
    warnings: list[str] = []
    connection.add_notice_handler(on_notice := functools.partial(_take_warning, warnings))
    sent = False
    try:
        async with connection.pipeline():
            on_sending()
            for text, parameters in ready.before:
                await connection.execute(text, parameters)  # type: ignore[arg-type]  # constants of this room
            text, names = _write_group(ready.tables)
            await psycopg.AsyncRawCursor(connection).execute(text, [values[name] for name in names])
            if catch_up_from is not None:
                await connection.execute(
                    _CATCH_UP, {"ledger": ledger_id, "from": catch_up_from, "size": values["size"]}
                )
            for level, tile_index, hashes in tree.take_complete_tiles():
                await connection.execute(_INSERT_TILE, (ledger_id, level, tile_index, hashes))
            sent = True
            await connection.execute("commit")
    except psycopg.Error as fault:
        # A refusal by the server is a certain outcome; a connection lost after COMMIT was sent is not.
        if sent and (connection.closed or connection.broken):
            raise UnknownOutcome(str(fault)) from fault
        raise
    finally:
        connection.remove_notice_handler(on_notice)
    if warnings:
        raise UnknownOutcome("; ".join(warnings))


def _take_warning(warnings: list[str], notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity_nonlocalized == "WARNING":
        warnings.append(notice.message_primary or "")


def _posting_columns(entries: Sequence[Entry]) -> dict[str, str]:
    rows = [msgspec.structs.astuple(row) for entry in entries for row in entry.rows]
    columns = zip(*rows, strict=True) if rows else [()] * len(PostingRow.__struct_fields__)
    return {name: numbers(column) for name, column in zip(PostingRow.__struct_fields__, columns, strict=True)}


def _key_columns(entries: Sequence[Entry]) -> dict[str, Any]:
    own = [entry for entry in entries if entry.is_own]
    canonicals = [entry.request.canonical for entry in own]
    return {
        "key_tenant": texts([entry.request.principal.tenant or "" for entry in own]),
        "key": texts([entry.request.request_key for entry in own]),
        "key_index": numbers([entry.index for entry in own]),
        "key_refused": texts([entry.body.code if isinstance(entry.body, RefusalBody) else None for entry in own]),
        "canonicals": b"".join(canonicals),
        "key_start": numbers([0, *itertools.accumulate(map(len, canonicals[:-1]))]),
        "key_length": numbers([len(canonical) for canonical in canonicals]),
    }


# The clock is read once the lock is held, by the server that also resolves moments of knowledge to sizes.
# Writers queue up first: a row's lock goes to whoever asks at the right moment, and who decides slowly came too late.
_LOCK_HEAD = "begin; select pg_advisory_xact_lock(0, %s); execute lock_head (%s, %s, %s)"
_PREPARE_LOCK = """
    prepare lock_head (int, text[], text[]) as
    with locked as materialized (
        select size, recorded_at, frontier, balance_size from head where ledger_id = $1 for update
    )
    select size, recorded_at, frontier, balance_size, clock_timestamp(), exists (
        select from unnest($2, $3) as asked (tenant, request_key)
        cross join lateral (
            select from request r where r.ledger_id = $1 and r.tenant = asked.tenant
                and r.request_key = asked.request_key limit 1
        ) as r
    ) from locked
"""
_INSERT_TILE = "insert into hash_tile values (%b, %b, %b, %b)"
# Days travel as proleptic ordinals: day 1 is 0001-01-01.
_WRITE_GROUP = """
    with posted as (
        insert into posting (ledger_id, log_index, leg, account_id, commodity, lot_id, quantity, balance, day_balance,
            version, effective_on)
        select %(ledger)s::int, i, leg, a, c, lot, q, b, db, v, date '0001-01-01' + (day - 1)
        from unnest(%(log_index)s::bigint[], %(leg)s::smallint[], %(account_id)s::int[], %(commodity)s::smallint[],
            %(lot_id)s::bigint[], %(quantity)s::bigint[], %(balance)s::bigint[], %(day_balance)s::bigint[],
            %(version)s::bigint[], %(effective_on)s::int[]) as p (i, leg, a, c, lot, q, b, db, v, day)
    ), keyed as (
        insert into request (ledger_id, tenant, request_key, log_index, refused, canonical)
        select %(ledger)s::int, tenant, key, i, refused, substring(%(canonicals)b from start + 1 for length)
        from unnest(%(key_tenant)s::text[], %(key)s::text[], %(key_index)s::bigint[], %(key_refused)s::text[],
            %(key_start)s::int[], %(key_length)s::int[]) as k (tenant, key, i, refused, start, length)
    ), sealed as (
        insert into journal_segment (ledger_id, first_index, record_count, recorded_at, records, offsets, leaves)
        values (%(ledger)s::int, %(first_index)s, %(record_count)s, %(recorded_at)s, %(records)b, %(offsets)b,
            %(leaves)b)
    ){more}
    update head set size = %(size)s, recorded_at = %(recorded_at)s, frontier = %(frontier)b
    where ledger_id = %(ledger)s
"""
# From the postings themselves, whichever process wrote them: what a writer has in memory decides nothing here. None has
# a place from `size` on; without that bound a plan made for any place took a third of all postings to be meant, and
# walked a whole index of twelve million: 2 s of each group.
_CATCH_UP = """
    with late as (
        select account_id, lot_id, sum(quantity)::bigint as quantity, max(effective_on) as last_on
        from posting where ledger_id = %(ledger)s and log_index >= %(from)s and log_index < %(size)s
        group by account_id, lot_id
    ), caught as (
        insert into balance (ledger_id, account_id, lot_id, quantity, last_on)
        select %(ledger)s::int, late.* from late
        on conflict (ledger_id, account_id, lot_id) do update
            set quantity = balance.quantity + excluded.quantity, last_on = greatest(balance.last_on, excluded.last_on)
    )
    update head set balance_size = %(size)s where ledger_id = %(ledger)s
"""


_PLACE = re.compile(r"%\((\w+)\)[sb]")


@functools.cache
def _write_group(tables: tuple[str, ...]) -> tuple[bytes, tuple[str, ...]]:
    """The statement that writes a group with new rows of these projections, and what its numbered places take.

    Named places the driver would look for each time in a text as long as this: a tenth of what a small group costs.
    """
    text = _WRITE_GROUP.replace("{more}", f", {parts(tables)}" if tables else "")
    names = tuple(dict.fromkeys(_PLACE.findall(text)))
    return _PLACE.sub(lambda place: f"${names.index(place[1]) + 1}", text).encode(), names


def _registry(ledger_id: int, entries: Iterable[Entry]) -> Iterator[Statement]:
    """Write policy rows, credentials and private texts."""
    for entry in entries:
        match entry.body:
            case PolicyBody(row=row):
                yield Statement(
                    "insert into policy values (%s, %s, %s)",
                    (ledger_id, entry.index, Jsonb(msgspec.to_builtins(row))),
                )
            case SigningKeyBody() as body:
                yield Statement(
                    "insert into signing_key values (%s, %s, %s, %s)",
                    (ledger_id, entry.index, body.key, body.replaces),
                )
            case CredentialBody(state="active") as body:
                yield Statement(
                    "insert into credential values (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        ledger_id,
                        body.credential,
                        body.role,
                        body.tenant,
                        body.subject,
                        body.secret_sha256,
                        body.state,
                        entry.index,
                    ),
                )
            case CredentialBody() as body:
                yield Statement(
                    "update credential set state = %s, revoked_index = %s where ledger_id = %s and credential_id = %s",
                    (body.state, entry.index, ledger_id, body.credential),
                )
        for text in entry.private:
            yield Statement(
                "insert into private_text values (%s, %s, %s, %s, %s, %s)",
                (ledger_id, text.log_index, text.field, text.salt, text.content, text.lookup),
            )
