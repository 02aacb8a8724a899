"""A superuser changes history in a real database; who holds pinned keys, an older checkpoint or the signer finds it.

Every kind says what is done, what the finder holds, and what it is found by:

    keys     the bundle the service then sends, and the pinned keys
    state    the same, and checkpoints that were verified before
    signer   the signer's own file: it refuses to sign, and says where

Each kind is tried at random places, `LEDGER_TAMPERS` times (40 is the figure asked for). All changes are rolled back.
"""

import asyncio
import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from ledger.core.events import Leg, Retire, Transfer
from ledger.core.refusal import Refusal
from ledger.core.serial_range import SerialRange
from ledger.proof.findings import Known, Report
from ledger.proof.merkle import Frontier, leaf_hash
from ledger.proof.note import BadNote, Checkpoint, Note, SignerKey
from ledger.reports.reading import Reading
from ledger.signer import Alarm
from ledger.store.session import OPTIONS, Query, Scope
from tests.conftest import ENTERPRISES, Park, Server, holding
from tests.proof.logs import KEY, ORIGIN, THIEF, changed, verified
from tests.sealed import bundle_from, seal, signer_of
from tests.store.journal_checks import split

TRIES = int(os.environ.get("LEDGER_TAMPERS", "3"))
TRANSFER = b'"command":"transfer","effective_on"'
"""Only in records of transfers that were posted."""
Connection = psycopg.Connection[Any]


class Scene(NamedTuple):
    """The park that is tampered with: sealed several times, with records after the last checkpoint that state has."""

    park: Park
    folder: Path
    known: Known
    """What somebody verified: all but the newest checkpoint."""
    sizes: list[int]
    """Of every checkpoint."""


@pytest.fixture(scope="module")
def scene(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A park with trades, numbered transfers, retirements and refusals, sealed after every few of them."""
    park, folder = Park(server.clone("template_park")), tmp_path_factory.mktemp("signer")
    sizes, roots = [], []

    def sealed() -> None:
        checkpoint = seal(park.database, folder)
        assert checkpoint is not None
        sizes.append(checkpoint.size)
        roots.append(checkpoint.root.hex())

    sealed()
    park.give("GH-001", 1000, lot="A")
    lot = park.give_serials("GH-001", 1, 60)
    sealed()
    for turn in range(4):
        for at in range(5):
            serials = (SerialRange(1 + 10 * turn + 2 * at, 2 + 10 * turn + 2 * at),)
            legs = (Leg(holding("GH-001"), "GEC", -1, lot, serials), Leg(holding("GH-002"), "GEC", 1, lot, serials))
            park.expect_posted(park.enterprise("GH-001", Transfer(legs=legs)))
        counted = (Leg(holding("GH-001"), "GEC", -7, "A"), Leg(holding(ENTERPRISES[2 + turn]), "GEC", 7, "A"))
        park.expect_posted(park.enterprise("GH-001", Transfer(legs=counted)))
        park.expect_posted(
            park.operator(Retire(enterprise="GH-002", quantity=1, purpose="EVENT", year="2026", lot=lot))
        )
        park.submit(park.enterprise("GH-003", Transfer(legs=(counted[0], counted[1]))))
        sealed()
    yield Scene(park, folder, Known(origin=ORIGIN, checkpoints=tuple(zip(sizes[:-1], roots[:-1], strict=True))), sizes)
    park.close()
    park.database.drop()


class _Uncommitted:
    """Reads as `ledger.store.session.Reader` does, but inside a transaction that is rolled back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch(self, scope: Scope, *queries: Query, at_one_snapshot: bool = True) -> list[list[Any]]:
        self._connection.execute(
            "select set_config('greenledger.ledger', %s, true), set_config('greenledger.tenant', %s, true)",
            (str(scope.ledger_id), scope.tenant),
        )
        return [self._connection.execute(query.text, query.parameters or None).fetchall() for query in queries]


class Tampered:
    """An open transaction of a superuser whose changes no trigger stops, with what tampering needs."""

    def __init__(self, scene: Scene, connection: Connection, seed: int) -> None:
        self.scene, self.connection, self.chance = scene, connection, random.Random(seed)
        self.do("set session_replication_role = replica")
        self.segments = self.do("select first_index, records, leaves from journal_segment order by 1").fetchall()

    def do(self, text: str, *parameters: Any) -> psycopg.Cursor[Any]:
        """One statement."""
        return self.connection.execute(text, parameters or None)  # type: ignore[arg-type]  # constants

    @property
    def contents(self) -> list[bytes]:
        """Every record, as it was."""
        return [content for _, records, _ in self.segments for content in split(records)]

    def pick(self, kind: bytes = b"") -> int:
        """The index of a record at random, of some type."""
        fitting = [i for i, content in enumerate(self.contents) if kind in content and i < self.scene.sizes[-1]]
        return self.chance.choice(fitting)

    def put(self, contents: list[bytes], *, leaves: list[bytes] | None = None) -> None:
        """Write the journal anew from these records, segment by segment as they were, with leaves of their own."""
        hashes = [leaf_hash(one) for one in contents] if leaves is None else leaves
        self.do("delete from journal_segment")
        firsts = [first for first, *_ in self.segments if first < len(contents)]
        for first, end in zip(firsts, [*firsts[1:], len(contents)], strict=True):
            part, offsets, position = contents[first:end], [], 0
            for one in part:
                offsets.append(position)
                position += 2 + len(one)
            self.do(
                "insert into journal_segment values (1, %s, %s, timestamptz '2026-01-01' + %s * interval '1 s', %s, "
                "%s, %s)",
                first, len(part), first, b"".join(len(one).to_bytes(2) + one for one in part),
                struct.pack(f">{len(part)}I", *offsets), b"".join(hashes[first:end]),
            )  # fmt: skip

    def rehash(self, contents: list[bytes]) -> None:
        """Make head and tiles fit these records."""
        tree = Frontier()
        tree.extend(map(leaf_hash, contents))
        self.do("update head set size = %s, frontier = %s", len(contents), tree.encode())
        self.do("delete from hash_tile where (tile_index + 1) * 256 > %s", len(contents))

    def sign(self, contents: list[bytes], key: SignerKey) -> None:
        """Replace every checkpoint by one on these records."""
        self.do("delete from checkpoint")
        for size in (size for size in (*self.scene.sizes[:-1], len(contents)) if size <= len(contents)):
            tree = Frontier()
            tree.extend(map(leaf_hash, contents[:size]))
            note = Checkpoint(ORIGIN, size, tree.root()).note().signed(key).encode()
            self.do("insert into checkpoint values (1, %s, %s) on conflict do nothing", size, note)

    def bundle(self) -> bytes | Refusal:
        """What the service would send now."""
        reading = Reading.__new__(Reading)
        reading.reader = reading._reader = _Uncommitted(self.connection)  # type: ignore[assignment]  # reads as one
        return asyncio.run(bundle_from(reading, Scope(1, "*")))


def found_by_keys(tampered: Tampered, known: Known | None = None) -> Report | str:
    """What a regulator with pinned keys finds: a report, or the reason why there is nothing to verify."""
    bundle = tampered.bundle()
    if isinstance(bundle, Refusal):
        return bundle.code
    try:
        return verified(bundle, known=known)
    except (ValueError, BadNote) as fault:
        return str(fault)


def alarm_of(tampered: Tampered) -> str | None:
    """What the signer says, or None where it would sign."""
    signer = signer_of(tampered.scene.park.database, tampered.scene.folder)
    try:
        signer.seal(_Snapshot(tampered.connection))  # type: ignore[arg-type]  # stands for a connection of its own
    except Alarm as alarm:
        return str(alarm)
    finally:
        signer.close()
    return None


class _Snapshot:
    """The tampered transaction as the signer's own connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, text: Any, parameters: Any = None) -> Any:
        """All but the setting of the isolation level, which came with the transaction."""
        return None if str(text).startswith("set transaction") else self._connection.execute(text, parameters)


def _actor(content: bytes) -> bytes:
    return changed(content, lambda record: record.update(actor="nobody"))


def renumbered(content: bytes, index: int) -> bytes:
    """The record as that of another place."""
    return changed(content, lambda record: record.update(index=str(index)))


def column_quantity(t: Tampered) -> None:
    """One posting says more in its column, and its pair less."""
    index = t.pick(TRANSFER)
    t.do("update posting set quantity = quantity + sign(quantity)::bigint where log_index = %s", index)


def column_balance(t: Tampered) -> None:
    """A running balance is another: the newest of some account."""
    t.do(
        "update posting p set balance = balance + 5 where (account_id, version) = (select account_id, max(version) "
        "from posting where account_id = %s group by 1)",
        t.chance.choice([row[0] for row in t.do("select distinct account_id from posting").fetchall()]),
    )


def column_owner(t: Tampered) -> None:
    """A posting goes to another tenant's account."""
    t.do(
        "update posting set account_id = (select account_id from account a where a.name like 'Holding:Ent:%%' "
        "and a.account_id <> posting.account_id limit 1) where log_index = %s and quantity > 0",
        t.pick(TRANSFER),
    )


def column_place(t: Tampered) -> None:
    """Serials lie with somebody else."""
    other = t.do("select account_id from account where name = %s", holding("GH-006")).fetchone()
    assert other is not None
    t.do(
        "update serial_position set account_id = %s where ctid = (select ctid from serial_position order by serials "
        "offset %s limit 1)",
        other[0],
        t.chance.randrange(10),
    )


def _bytes_at(t: Tampered, *, leaf: bool, tree: bool) -> int:
    contents = t.contents
    leaves = [leaf_hash(one) for one in contents]
    index = t.pick()
    contents[index] = _actor(contents[index])
    t.put(contents, leaves=None if leaf else leaves)
    if tree:
        t.rehash(contents)
    return index


def bytes_only(t: Tampered) -> int:
    """A record's bytes are others; its stored hash is as it was."""
    return _bytes_at(t, leaf=False, tree=False)


def bytes_and_leaf(t: Tampered) -> int:
    """A record's bytes and its stored hash are others; the head is as it was."""
    return _bytes_at(t, leaf=True, tree=False)


def bytes_leaf_and_head(t: Tampered) -> int:
    """Bytes, hashes, tiles and head all fit each other; the signatures are as they were."""
    return _bytes_at(t, leaf=True, tree=True)


def bytes_and_columns(t: Tampered) -> int:
    """A transfer says more in its bytes and in its columns, with all hashes."""
    index = t.pick(TRANSFER)
    contents = t.contents

    def more(record: dict[str, Any]) -> None:
        for leg in record["body"]["legs"]:
            leg["quantity"] = leg["quantity"] + "0"

    contents[index] = changed(contents[index], more)
    t.put(contents)
    t.rehash(contents)
    t.do("update posting set quantity = quantity * 10 where log_index = %s", index)
    return index


def leaf_only(t: Tampered) -> int:
    """A stored hash is another; its record is as it was."""
    leaves, index = [leaf_hash(one) for one in t.contents], t.pick()
    leaves[index] = leaf_hash(b"other")
    t.put(t.contents, leaves=leaves)
    return index


def move_between_tenants(t: Tampered) -> int:
    """A record says that another enterprise asked for it."""
    contents, index = t.contents, t.pick(b'"tenant":"GH-001"')
    contents[index] = changed(contents[index], lambda record: record.update(tenant="GH-006"))
    t.put(contents)
    t.rehash(contents)
    return index


def delete_middle(t: Tampered) -> int:
    """A segment is gone; those after it are as they were."""
    first = t.chance.choice([first for first, *_ in t.segments[:-1]])
    t.do("delete from journal_segment where first_index = %s", first)
    return first


def delete_middle_and_close_up(t: Tampered) -> int:
    """A record is gone, and all after it count anew."""
    contents, index = t.contents, t.pick()
    rest = (
        contents[:index]
        + [
            changed(one, lambda record, at=at: record.update(index=str(at)))  # type: ignore[misc]  # bound at once
            for at, one in enumerate(contents[index + 1 :], start=index)
        ]
    )
    t.put(rest)
    t.rehash(rest)
    return index


def delete_last(t: Tampered) -> int:
    """The newest records are gone, and the head says so; the checkpoints are as they were."""
    size = t.chance.randrange(1, t.scene.sizes[-1])
    t.put(t.contents[:size])
    t.rehash(t.contents[:size])
    return size


def delete_last_and_checkpoints(t: Tampered) -> None:
    """The newest records are gone, and every checkpoint on them."""
    size = t.chance.choice(t.scene.sizes[:-2])
    t.put(t.contents[:size])
    t.rehash(t.contents[:size])
    t.do("delete from checkpoint where size > %s", size)


def delete_all(t: Tampered) -> None:
    """Nothing is left."""
    for table in ("journal_segment", "checkpoint", "hash_tile", "posting"):
        t.do(f"delete from {table}")
    t.rehash([])


def delete_checkpoints(t: Tampered) -> None:
    """The newest checkpoints are gone; the records are as they were."""
    t.do("delete from checkpoint where size > %s", t.scene.sizes[t.chance.randrange(len(t.scene.sizes) - 2)])


def insert_record(t: Tampered) -> int:
    """A record stands between others, and all after it count anew."""
    contents, index = t.contents, t.pick(TRANSFER)
    more = [*contents[: index + 1], contents[index], *contents[index + 1 :]]
    more = [renumbered(one, at) for at, one in enumerate(more)]
    t.put(more)
    t.rehash(more)
    return index + 1


def swap(t: Tampered) -> int:
    """Two neighbours changed places, hashes and all."""
    contents, index = t.contents, t.chance.randrange(t.scene.sizes[-1] - 1)
    contents[index], contents[index + 1] = contents[index + 1], contents[index]
    t.put(contents)
    t.rehash(contents)
    return index


def head_size(t: Tampered) -> None:
    """The head says less, or more, than there is."""
    t.do("update head set size = size + %s", t.chance.choice((-3, -1, 1, 7)))


def head_frontier(t: Tampered) -> None:
    """The head's hashes are others."""
    row = t.do("select frontier from head").fetchone()
    assert row is not None
    at = t.chance.randrange(len(row[0]))
    t.do("update head set frontier = %s", row[0][:at] + bytes([row[0][at] ^ 1]) + row[0][at + 1 :])


def grow_unsigned(t: Tampered) -> None:
    """A record that nobody hashed into the head stands behind the last."""
    last = t.contents[-1]
    t.do(
        "insert into journal_segment values (1, %s, 1, now(), %s, %s, %s)",
        len(t.contents), len(last).to_bytes(2) + last, b"\0\0\0\0", leaf_hash(last),
    )  # fmt: skip
    t.do("update head set size = size + 1")


def note_root(t: Tampered) -> None:
    """A checkpoint's root is another under the same signature."""
    size = t.chance.choice(t.scene.sizes)
    row = t.do("select note from checkpoint where size = %s", size).fetchone()
    assert row is not None
    note = Note.parse(row[0])
    touched = Note(Checkpoint(ORIGIN, size, leaf_hash(b"x")).note().text, note.signatures)
    t.do("update checkpoint set note = %s where size = %s", touched.encode(), size)


def note_moved(t: Tampered) -> None:
    """One size's checkpoint stands at another's."""
    one, other = t.chance.sample(t.scene.sizes, 2)
    t.do("update checkpoint set note = (select note from checkpoint where size = %s) where size = %s", one, other)


def other_origin(t: Tampered) -> None:
    """The whole log is signed anew as another ledger's."""
    t.do("delete from checkpoint")
    tree = Frontier()
    tree.extend(map(leaf_hash, t.contents))
    other = SignerKey.make("greenledger.example/other", t.chance.randbytes(32))
    note = Checkpoint(other.name, tree.size, tree.root()).note().signed(other).encode()
    t.do("insert into checkpoint values (1, %s, %s)", tree.size, note)


def _rewritten(t: Tampered, key: SignerKey) -> int:
    contents, index = t.contents, t.pick()
    contents[index] = _actor(contents[index])
    t.put(contents)
    t.rehash(contents)
    t.sign(contents, key)
    return index


def signed_by_another(t: Tampered) -> None:
    """History is changed and signed anew with a key of the superuser's own, under the ledger's name."""
    _rewritten(t, THIEF)


def signed_by_another_under_the_id(t: Tampered) -> None:
    """The same, and the signature lines carry the pinned key's id."""
    _rewritten(t, THIEF)
    for size, note in t.do("select size, note from checkpoint").fetchall():
        parsed = Note.parse(note)
        forged = parsed.signatures[0]._replace(key_id=KEY.verifier.key_id)
        t.do("update checkpoint set note = %s where size = %s", Note(parsed.text, (forged,)).encode(), size)


def signed_by_the_stolen_key(t: Tampered) -> int:
    """History is changed and signed anew with the real key."""
    index = t.pick()
    while index >= t.scene.sizes[-2]:
        index = t.pick()
    contents = t.contents
    contents[index] = _actor(contents[index])
    t.put(contents)
    t.rehash(contents)
    t.sign(contents, KEY)
    return index


def truncate_and_regrow(t: Tampered) -> int:
    """Cut back to an older size, and grown again by other records, signed with the real key."""
    size = t.chance.choice(t.scene.sizes[:-2])
    contents = t.contents[:size] + [_actor(one) for one in t.contents[size:]]
    t.put(contents)
    t.rehash(contents)
    t.sign(contents, KEY)
    return size


def restore_yesterday_and_go_on(t: Tampered) -> None:
    """Yesterday's backup is the database again, and goes on with fewer records, signed with the real key."""
    size = t.scene.sizes[1]
    contents = t.contents[:size] + [_actor(one) for one in t.contents[size : size + 3]]
    t.put(contents)
    t.rehash(contents)
    t.do("delete from checkpoint where size > %s", size)
    tree = Frontier()
    tree.extend(map(leaf_hash, contents))
    note = Checkpoint(ORIGIN, len(contents), tree.root()).note().signed(KEY).encode()
    t.do("insert into checkpoint values (1, %s, %s)", len(contents), note)


def _signed_change(t: Tampered, kind: bytes, change: Callable[[bytes], bytes]) -> int:
    contents, index = t.contents, t.pick(kind)
    contents[index] = change(contents[index])
    t.put(contents)
    t.rehash(contents)
    t.sign(contents, KEY)
    return index


def duplicate_key(t: Tampered) -> int:
    """A record has one key twice, so that two readers may read two things; signed with the real key."""
    return _signed_change(t, b"", lambda one: one.replace(b'{"actor":', b'{"actor":"x","actor":', 1))


def unnormalised_text(t: Tampered) -> int:
    """A record writes a letter as an escape; signed with the real key."""
    return _signed_change(t, b'"ledger":"ganhe"', lambda one: one.replace(b'"ganhe"', b'"\\u0067anhe"', 1))


def blanks(t: Tampered) -> int:
    """A record has a blank where none belongs; signed with the real key."""
    return _signed_change(t, b"", lambda one: one.replace(b'":"', b'": "', 1))


def unbalanced(t: Tampered) -> int:
    """A transfer gives more than it takes; signed with the real key."""

    def more(record: dict[str, Any]) -> None:
        record["body"]["legs"][1]["quantity"] += "0"

    return _signed_change(t, b'"lot":"A"', lambda one: changed(one, more) if b'"transfer"' in one else one[:-1] + b" }")


class Kind(NamedTuple):
    """How a kind of tampering is found."""

    do: Callable[[Tampered], int | None]
    """Tampers, and returns the first record that differs, where there is one."""
    finder: str
    exact: bool = False
    """Whether the evidence fixes the record; else the interval must hold it."""


KINDS = {
    kind.do.__name__: kind
    for kind in (
        Kind(column_quantity, "keys"), Kind(column_balance, "keys"), Kind(column_owner, "keys"),
        Kind(column_place, "keys"), Kind(bytes_only, "keys", exact=True), Kind(bytes_and_leaf, "keys"),
        Kind(bytes_leaf_and_head, "keys"), Kind(bytes_and_columns, "keys"), Kind(leaf_only, "keys", exact=True),
        Kind(move_between_tenants, "keys"), Kind(delete_middle, "keys"), Kind(delete_middle_and_close_up, "keys"),
        Kind(delete_last, "keys"), Kind(delete_last_and_checkpoints, "state"), Kind(delete_all, "keys"),
        Kind(delete_checkpoints, "state"), Kind(insert_record, "keys"), Kind(swap, "keys"),
        Kind(head_size, "signer"), Kind(head_frontier, "signer"), Kind(grow_unsigned, "signer"),
        Kind(note_root, "keys"), Kind(note_moved, "state"),
        Kind(other_origin, "keys"), Kind(signed_by_another, "keys"), Kind(signed_by_another_under_the_id, "keys"),
        Kind(signed_by_the_stolen_key, "state"), Kind(truncate_and_regrow, "state"),
        Kind(restore_yesterday_and_go_on, "state"), Kind(duplicate_key, "keys", exact=True),
        Kind(unnormalised_text, "keys", exact=True), Kind(blanks, "keys", exact=True),
        Kind(unbalanced, "keys", exact=True),
    )
}  # fmt: skip
SIGNER_TOO = {"delete_last", "delete_last_and_checkpoints", "delete_all", "truncate_and_regrow"}
"""Kinds that the signer sees as well, though it re-reads only what is new: the end of the log is not what it signed."""


@pytest.fixture
def opened(scene: Scene) -> Iterator[Callable[[int], Tampered]]:
    """Opens a transaction to tamper in; all are rolled back."""
    connections = []

    def work(seed: int) -> Tampered:
        connection = psycopg.connect(scene.park.database.admin_url, options=OPTIONS)
        connections.append(connection)
        return Tampered(scene, connection, seed)

    yield work
    for connection in connections:
        connection.rollback()
        connection.close()


@pytest.mark.parametrize("name", KINDS)
def test_tampering_is_found(scene: Scene, opened: Callable[[int], Tampered], name: str) -> None:
    """At every random place; the first bad record is named where the evidence fixes it, else an interval has it."""
    kind = KINDS[name]
    for seed in range(TRIES):
        tampered = opened(seed)
        bad = kind.do(tampered)
        if kind.finder == "signer":
            assert alarm_of(tampered), f"seed {seed}"
            tampered.connection.rollback()
            continue
        report = found_by_keys(tampered, scene.known if kind.finder == "state" else None)
        if isinstance(report, Report):
            assert report.verdict == 1, f"seed {seed}: {report}"
            first = report.findings[0]
            if bad is not None and kind.exact:
                assert (first.first, first.before) == (bad, bad + 1), f"seed {seed}: {bad} {report.findings[:3]}"
            elif bad is not None:
                assert first.first <= bad < max(first.before, first.first + 1), (
                    f"seed {seed}: {bad} {report.findings[:3]}"
                )
        else:
            assert report, "there is nothing to verify, and that is said"
        if name in SIGNER_TOO:
            assert alarm_of(tampered), f"seed {seed}"
        tampered.connection.rollback()


@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.finder == "state" and name != "note_moved"]
)
def test_keys_alone_do_not_show_it(opened: Callable[[int], Tampered], name: str) -> None:
    """The twin: what needs an older checkpoint is clean, hash by hash, to one who has none. The documents say so."""
    tampered = opened(1)
    KINDS[name].do(tampered)
    report = found_by_keys(tampered)
    assert isinstance(report, Report)
    assert {finding.rule for finding in report.findings} <= {"balance_differs", "place_differs"}


def test_clean_bundles_raise_no_alarm(scene: Scene, opened: Callable[[int], Tampered]) -> None:
    """The database as it is, up to every checkpoint: clean, with what was verified before and without."""
    tampered = opened(0)
    assert alarm_of(tampered) is None
    reading = Reading.__new__(Reading)
    reading.reader = reading._reader = _Uncommitted(tampered.connection)  # type: ignore[assignment]  # reads as one
    for size in scene.sizes:
        bundle = asyncio.run(bundle_from(reading, Scope(1, "*"), to_size=size))
        assert isinstance(bundle, bytes)
        earlier = tuple(pair for pair in scene.known.checkpoints if pair[0] <= size)
        for known in (None, Known(origin=ORIGIN, checkpoints=earlier)):
            report = verified(bundle, known=known)
            assert (report.findings, report.verdict) == ([], 0)
