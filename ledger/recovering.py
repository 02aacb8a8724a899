"""Bring a database that is older than its log up to it, from an audit bundle: the way out after a restore.

The records are written as they are and nothing is decided again: what was acknowledged keeps its index, its bytes and
its hash, so that the log goes on under its old checkpoints. A request sent again still finds its outcome, by the
fingerprint in the record. What no record has stays lost: the names of companies registered since the backup.
"""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from ledger.core.book import Book
from ledger.core.command import Principal, Request, kept_fingerprint
from ledger.core.decision import learn
from ledger.core.record import Envelope, PartyBody, PartyChangeBody, decode
from ledger.proof.bundle import read_frames, read_records
from ledger.proof.findings import Report
from ledger.proof.merkle import Frontier, leaf_hash
from ledger.proof.note import Checkpoint, Note
from ledger.proof.pinned import Pinned
from ledger.proof.verifier import verify
from ledger.store import ledgers, unit_of_work
from ledger.store.changes import Changes, ready
from ledger.store.journal import Tree, read_tree, seal
from ledger.store.schema import Urls
from ledger.store.session import connect, connect_sync
from ledger.store.unit_of_work import Entry


class NotRecovered(Exception):
    """The bundle is no way out; the message says why. Nothing was written, unless it says so."""


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """From which size to which the log was brought, and what is to be given again."""

    ledger: str
    from_size: int
    to_size: int
    root: str
    nameless: list[str]
    """Parties registered, or named anew, since the backup: their names are in no record, and others may take them."""


async def recover(urls: Urls, name: str, bundle: Path, pinned: Pinned, *, cosigned: Sequence[Note] = ()) -> Recovered:
    """Write what the bundle has beyond the database's size, a commit for each of the log's own; NotRecovered.

    The bundle must verify under the pinned keys, from record 0 on, and the database must be where it was earlier, or
    without the ledger. Cut short anywhere, it goes on when it is run again.
    """
    report = _verified(bundle, name, pinned, cosigned)
    with connect_sync(urls.writer) as opening:
        ledger_id, *_ = ledgers.find(opening, name) or ledgers.add(opening, name)
    connection = await connect(urls.writer)
    try:
        await unit_of_work.prepare_lock(connection)
        size, frontier, origin = await _head(connection, ledger_id)
        if origin != report.origin:
            raise NotRecovered(f"the bundle is of {report.origin}, and the database's ledger is {origin}")
        book = _book_at(bundle, name, size, frontier, report)
        tree = await read_tree(connection, ledger_id, size, frontier)
        for group in _groups(bundle, size):
            await _write(connection, ledger_id, book, tree, group)
        nameless = await _nameless(connection, ledger_id, bundle)
    except (ValueError, psycopg.DataError) as fault:  # a record that verifies, and that no service would have made
        raise NotRecovered(f"a record cannot be written; those before it are: {fault}") from fault
    finally:
        await connection.close()
    root = tree.frontier.root().hex()
    if root != report.root:
        raise NotRecovered(f"the bundle changed while it was read, and the database is at {root}: restore, begin again")
    if urls.signer:  # without its login they stay away, but for the last: that the signer has in its own memory
        _keep_checkpoints(urls, ledger_id, bundle, pinned)
    return Recovered(ledger=name, from_size=size, to_size=tree.frontier.size, root=root, nameless=nameless)


async def _head(connection: psycopg.AsyncConnection[Any], ledger_id: int) -> tuple[int, bytes, str]:
    text = "select size, frontier, origin from head join ledger using (ledger_id) where ledger_id = %s"
    row = await (await connection.execute(text, (ledger_id,))).fetchone()
    assert row is not None, "the ledger has a head"
    return row[0], bytes(row[1]), row[2]


def _verified(bundle: Path, name: str, pinned: Pinned, cosigned: Sequence[Note]) -> Report:
    with bundle.open("rb") as stream:
        report = verify(stream, pinned, cosigned=cosigned)
    if report.findings:
        finding = report.findings[0]
        raise NotRecovered(f"the bundle is tampered with at record {finding.first}: {finding.rule}: {finding.what}")
    if report.verdict or report.from_size:
        raise NotRecovered(f"a bundle of every record from 0 on is needed; this one begins at {report.from_size}")
    if report.ledger != name:
        raise NotRecovered(f"the bundle is of ledger {report.ledger}, and this is {name}")
    return report


def _book_at(bundle: Path, name: str, size: int, frontier: bytes, report: Report) -> Book:
    """The book at the database's size, once its tree there is the bundle's."""
    if size > report.to_size:
        raise NotRecovered(f"the database has {size} records, and the bundle {report.to_size}: it is not behind")
    book, tree = Book(name), Frontier()
    for envelope, content in _records(bundle):
        if tree.size == size:
            break
        tree.append(leaf_hash(content))
        learn(book, int(envelope.index), envelope.body)
    if tree.encode() != frontier:
        raise NotRecovered(f"the first {size} records of the database are not those of the bundle: another history")
    book.take_pieces()
    book.take_marked()
    return book


def _records(bundle: Path) -> Iterator[tuple[Envelope, bytes]]:
    with bundle.open("rb") as stream:
        for kind, frame in read_frames(stream):
            for content in read_records(frame).contents if kind == b"R" else ():
                yield decode(content), content


def _groups(bundle: Path, size: int) -> Iterator[list[tuple[Envelope, bytes]]]:
    """The records from a size on, those of one commit together: they have their moment in common."""
    group: list[tuple[Envelope, bytes]] = []
    for envelope, content in _records(bundle):
        if int(envelope.index) < size:
            continue
        if group and group[0][0].recorded_at != envelope.recorded_at:
            yield group
            group = []
        group.append((envelope, content))
    if group:
        yield group


async def _write(
    connection: psycopg.AsyncConnection[Any],
    ledger_id: int,
    book: Book,
    tree: Tree,
    group: list[tuple[Envelope, bytes]],
) -> None:
    """Write one commit's records again, and all that the writer would have written with them."""
    first, changes = book.size, Changes()
    entries = [_entry(book, envelope) for envelope, _ in group]
    for entry in entries:
        changes.note(book, entry)
    changes.settle(book)
    laid_out = ready(ledger_id, entries, changes, first_index=first)
    head = await unit_of_work.lock_head(connection, ledger_id)
    if head.size != first:
        await connection.rollback()
        raise NotRecovered(f"somebody else writes this ledger: it has {head.size} records by now; stop the service")
    await unit_of_work.write_group(
        connection,
        ledger_id,
        ready=laid_out,
        segment=seal(first, [content for _, content in group], tree.frontier),
        recorded_at=datetime.datetime.fromisoformat(group[0][0].recorded_at),
        tree=tree,
        on_sending=lambda: None,
        catch_up_from=head.balance_size,
    )


def _entry(book: Book, envelope: Envelope) -> Entry:
    """A record taken into the book, as the writer would write it; what was asked is known by its fingerprint only."""
    index, is_own = int(envelope.index), envelope.request_key is not None
    rows = learn(book, index, envelope.body)
    asked = Request(
        command=None,  # type: ignore[arg-type]  # no record has it, and writing an entry does not look at it
        principal=Principal(actor=envelope.actor, role="operator", subject="", tenant=envelope.tenant),
        request_key=envelope.request_key or "",
        evidence_key=envelope.evidence_key,
        canonical=kept_fingerprint(envelope.salt, envelope.fingerprint or ""),
    )
    return Entry(index, envelope.body, asked, is_own, rows)


async def _nameless(connection: psycopg.AsyncConnection[Any], ledger_id: int, bundle: Path) -> list[str]:
    """The parties of which a name is in no table: registered or named anew since the backup."""
    text = "select distinct log_index from private_text where ledger_id = %s"
    known = {index for (index,) in await (await connection.execute(text, (ledger_id,))).fetchall()}
    bodies = ((int(envelope.index), envelope.body) for envelope, _ in _records(bundle))
    named = ((index, body) for index, body in bodies if isinstance(body, PartyBody | PartyChangeBody) and body.names)
    return sorted({body.party for index, body in named if index not in known})


def _keep_checkpoints(urls: Urls, ledger_id: int, bundle: Path, pinned: Pinned) -> None:
    """Put the bundle's checkpoints, which were verified, where the service looks for them: as the signer wrote them."""
    with bundle.open("rb") as stream:
        notes = [Note.parse(content) for kind, content in read_frames(stream) if kind == b"C"]
    with connect_sync(urls.signer) as connection:
        for note in notes:
            size = Checkpoint.of(note).size
            signed = note.only(pinned.signers_of(note, size)).encode()  # a line by anybody else is not the signer's
            connection.execute(
                "insert into checkpoint values (%s, %s, %s) on conflict do nothing", (ledger_id, size, signed)
            )
