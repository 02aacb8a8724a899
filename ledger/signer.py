"""The signer: a process of its own that re-hashes new records and signs the log's size and root.

It trusts neither the database nor its administrators: it keeps the last checkpoint it signed, and the tree's right
edge at that size, in a file of its own, and signs only what extends them. Where anything does not fit it signs
nothing and raises Alarm, saying what and where. The secret key is in a 0600 file, nowhere else.

    <folder>/key         the key that signs
    <folder>/key.next    the key that will, once its record is in the log (see `rotate`)
    <folder>/last.json   the last checkpoint, written and synced before anybody else sees it
"""

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import structlog

from ledger.core.record import MalformedRecord, SigningKeyBody, decode
from ledger.proof.merkle import Frontier, leaf_hashes
from ledger.proof.note import SIGNER, BadNote, Checkpoint, Note, SignerKey, VerifierKey
from ledger.proof.synced import rename_synced, write_synced
from ledger.store.journal import split_records
from ledger.store.session import connect_sync

INTERVAL_SECONDS = 1.0
"""Between two looks at the journal; a record is sealed at most so much, and the time to hash it, after its commit."""
log = structlog.get_logger()


class Alarm(Exception):
    """What is stored is not what was signed, or not what its own hashes say. Nothing was signed."""


class NoKey(Exception):
    """There is no usable signing key; the message says what was looked for, and what to do."""


class Sealed(msgspec.Struct, frozen=True):
    """The last checkpoint of this signer, and the right edge of the tree at its size."""

    size: int
    frontier: str
    """The frontier's hashes, in hexadecimal."""
    note: str
    key: str
    """The public key that signed it; another signs from the next one on, where this one was lost."""

    def tree(self, origin: str) -> Frontier:
        """The tree's edge; Alarm where the file does not fit together."""
        try:
            tree = Frontier.decode(self.size, bytes.fromhex(self.frontier))
            note, key = Note.parse(self.note.encode()), VerifierKey.parse(self.key)
            fits = Checkpoint.of(note) == Checkpoint(origin, tree.size, tree.root()) and note.signers([key])
        except ValueError as fault:
            raise Alarm(f"the signer's own file is damaged: {fault}") from fault
        if not fits:
            raise Alarm("the signer's own file holds a checkpoint that its key did not sign")
        return tree


class Signer:
    """Signs one ledger's log. The folder is its own as long as it lives: a second signer there raises NoKey."""

    def __init__(self, url: str, folder: Path, ledger: str) -> None:
        self.ledger = ledger
        self._url = url
        self._folder = folder
        self._key = read_key(folder / "key")
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            os.close(self._lock)
            raise NoKey(f"another signer of {ledger} works in {folder.name}.") from fault
        self._finish_rotation()

    def close(self) -> None:
        """Let another signer have the folder."""
        os.close(self._lock)

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Seal what is new, again and again; Alarm ends it, a lost database is waited for."""
        while not until():
            try:
                with connect_sync(self._url) as connection:
                    while not until():
                        self.seal(connection)
                        time.sleep(INTERVAL_SECONDS)
            except psycopg.OperationalError as fault:
                log.warning("database_unavailable", fault=type(fault).__name__)
                time.sleep(INTERVAL_SECONDS)

    def seal(self, connection: psycopg.Connection[Any]) -> Checkpoint | None:
        """Sign what was recorded since the last checkpoint; None where nothing was. Raises Alarm."""
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            head = connection.execute(_HEAD, (self.ledger,)).fetchone()
            if head is None:
                raise Alarm(f"the database has no ledger {self.ledger}")
            ledger_id, origin, size, frontier = head
            if origin != self._key.name:
                raise Alarm(f"the key signs for {self._key.name}, and the ledger is {origin}")
            tree = self._known(connection, ledger_id, size)
            if size == tree.size:
                _compare(tree, size, frontier)
                return None
            declares = self._extend(connection, ledger_id, tree)
            _compare(tree, size, frontier)
            checkpoint = self._sign(tree, self._next_key() if declares else None)
            _insert(connection, ledger_id, size, self._sealed().note)
        log.info("sealed", ledger=self.ledger, size=size)
        return checkpoint

    def remember(self, connection: psycopg.Connection[Any], note: Note) -> Checkpoint:
        """Take a checkpoint that others kept as the last one signed, where this signer's own file of it is lost.

        It must bear this key's signature and be that of the records in the database; Alarm or NoKey otherwise. If a
        later one was signed, `seal` still finds it in the database, and refuses.
        """
        if (self._folder / "last.json").exists():
            raise NoKey("the last checkpoint is where it belongs; nothing is to be remembered.")
        checkpoint = Checkpoint.of(note)
        if checkpoint.origin != self._key.name or not note.signers([self._key.verifier]):
            raise NoKey(f"the checkpoint is not signed by this signer's key for {self._key.name}.")
        row = connection.execute(_HEAD, (self.ledger,)).fetchone()
        if row is None:
            raise Alarm(f"the database has no ledger {self.ledger}")
        tree = Frontier()
        self._extend(connection, row[0], tree, to=checkpoint.size)
        if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
            raise Alarm(f"the database's first {checkpoint.size} records are not those that were signed")
        connection.rollback()
        self._keep(tree, note)
        return checkpoint

    def _keep(self, tree: Frontier, note: Note) -> None:
        sealed = Sealed(tree.size, tree.encode().hex(), note.encode().decode(), str(self._key.verifier))
        write_synced(self._folder / "last.json", msgspec.json.encode(sealed))

    def _sealed(self) -> Sealed:
        try:
            return msgspec.json.decode((self._folder / "last.json").read_bytes(), type=Sealed)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            raise Alarm(f"the signer's own file is damaged: {fault}") from fault

    def _known(self, connection: psycopg.Connection[Any], ledger_id: int, size: int) -> Frontier:
        """The tree at the last checkpoint, once the database still has all that was signed."""
        kept = (self._folder / "last.json").exists()
        tree = self._sealed().tree(self._key.name) if kept else Frontier()
        if size < tree.size:
            raise Alarm(f"the database has {size} records, and {tree.size} were signed: it is older than its log")
        later = connection.execute(_LATER, (ledger_id, tree.size)).fetchone()
        if later is not None:
            raise Alarm(f"the database has a checkpoint at {later[0]}, and this signer's last was at {tree.size}")
        if kept:
            note = self._sealed().note
            found = connection.execute(_AT, (ledger_id, tree.size)).fetchone()
            if found is None:  # the signer ended after it had kept the checkpoint, and before the database had
                _insert(connection, ledger_id, tree.size, note)
            elif bytes(found[0]) != note.encode():
                raise Alarm(f"the database's checkpoint at {tree.size} is not the one that was signed")
        return tree

    def _extend(
        self, connection: psycopg.Connection[Any], ledger_id: int, tree: Frontier, *, to: int | None = None
    ) -> bool:
        """Hash the records beyond the tree, or up to a size; whether one of them declares the next key."""
        declares, next_key = False, self._next_key()
        with connection.cursor(name="segments") as cursor:
            cursor.itersize = 16
            cursor.execute(_SEGMENTS, (ledger_id, tree.size))
            for first, count, records, leaves in cursor:
                if to is not None and first >= to:
                    break
                if first != tree.size:
                    raise Alarm(f"the journal has no record {tree.size}: its next segment begins at {first}")
                try:
                    contents = list(split_records(records))
                except ValueError as fault:
                    raise Alarm(f"the segment at {first} is damaged: {fault}") from fault
                hashes = leaf_hashes(contents)
                if len(hashes) != count or b"".join(hashes) != leaves:
                    raise Alarm(_first_difference(first, hashes, leaves))
                for leaf in hashes:
                    tree.append(leaf)
                tree.completed.clear()
                if next_key is not None and b'"type":"signing_key"' in records:
                    declares |= any(_declares(content, next_key) for content in contents)
        return declares

    def _next_key(self) -> SignerKey | None:
        file = self._folder / "key.next"
        return read_key(file) if file.exists() else None

    def _finish_rotation(self) -> None:
        """Take the next key over where the last checkpoint bears its signature already."""
        next_key, kept = self._next_key(), (self._folder / "last.json").exists()
        if next_key is None or not kept:
            return
        if Note.parse(self._sealed().note.encode()).signers([next_key.verifier]):
            rename_synced(self._folder / "key.next", self._folder / "key")
            self._key = next_key

    def _sign(self, tree: Frontier, next_key: SignerKey | None) -> Checkpoint:
        """Sign, and keep the checkpoint before anybody else has it; with both keys, where the next takes over."""
        checkpoint = Checkpoint(self._key.name, tree.size, tree.root())
        note = checkpoint.note().signed(self._key)
        if next_key is not None:
            note = note.signed(next_key)
        self._keep(tree, note)
        if next_key is not None:
            self._finish_rotation()
            log.info("key_rotated", ledger=self.ledger, size=tree.size, key=str(next_key.verifier))
        return checkpoint


def make_key(folder: Path, origin: str, *, name: str = "key", kind: int = SIGNER) -> SignerKey:
    """The key in the file of this name in the folder, made where there is none."""
    file = folder / name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = SignerKey.make(origin, secrets.token_bytes(32), kind=kind)
        write_synced(file, made.secret_text().encode() + b"\n")
    return read_key(file)


def read_key(file: Path) -> SignerKey:
    """The secret key in a file that only its owner may read; NoKey otherwise."""
    try:
        mode = file.stat().st_mode
        content = file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as fault:
        raise NoKey(f"{file.name} cannot be read as a signing key; `greenledger signer init` makes one.") from fault
    if stat.S_IMODE(mode) & 0o077:
        raise NoKey(f"{file.name} may be read by others (mode {stat.S_IMODE(mode):o}); it must be 600.")
    try:
        return SignerKey.parse(content)
    except BadNote as fault:
        raise NoKey(str(fault)) from fault


def _compare(tree: Frontier, size: int, frontier: bytes) -> None:
    if tree.size != size:
        raise Alarm(f"the head says {size} records, and the journal has {tree.size}")
    if tree.encode() != bytes(frontier):
        raise Alarm(f"the head's tree at {size} is not the one its records give, whose root is {tree.root().hex()}")


def _first_difference(first: int, hashes: list[bytes], leaves: bytes) -> str:
    for at, leaf in enumerate(hashes):
        if leaves[32 * at : 32 * at + 32] != leaf:
            return f"record {first + at} does not hash to its stored leaf"
    return f"the segment at {first} has {len(hashes)} records and {len(leaves) // 32} leaves"


def _declares(content: bytes, key: SignerKey) -> bool:
    try:
        body = decode(content).body
    except MalformedRecord as fault:
        raise Alarm(f"a new record is none: {fault}") from fault
    return isinstance(body, SigningKeyBody) and body.key == str(key.verifier)


def _insert(connection: psycopg.Connection[Any], ledger_id: int, size: int, note: str) -> None:
    connection.execute("insert into checkpoint values (%s, %s, %s)", (ledger_id, size, note.encode()))


_HEAD = "select ledger_id, origin, size, frontier from ledger join head using (ledger_id) where name = %s"
_AT = "select note from checkpoint where ledger_id = %s and size = %s"
_LATER = "select size from checkpoint where ledger_id = %s and size > %s order by size limit 1"
_SEGMENTS = """
    select first_index, record_count, records, leaves from journal_segment
    where ledger_id = %s and first_index >= %s order by first_index
"""
