"""The signer: what it signs it can answer for; what does not extend what it signed it does not sign, and says where."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import signing
from ledger.core.command import DeclareSigningKey
from ledger.core.events import Leg, Transfer
from ledger.proof.merkle import leaf_hash, root_of
from ledger.proof.note import BadNote, Checkpoint, Note, SignerKey
from ledger.proof.pinned import Pinned, PinnedSigner, read_pinned
from ledger.proof.synced import write_synced
from ledger.reports.reading import Reading
from ledger.signer import Alarm, NoKey, Signer, make_key, read_key
from ledger.store.session import OPTIONS, connect_sync
from tests.conftest import Database, Park, Server, holding
from tests.proof.logs import KEY, ORIGIN, verified
from tests.sealed import bundle_from, seal, signer_of
from tests.store.journal_checks import check_ledger


def post(park: Park, times: int = 3) -> None:
    """Some transfers, each a segment of its own."""
    for _ in range(times):
        legs = (Leg(holding("GH-001"), "GEC", -1, "A"), Leg(holding("GH-002"), "GEC", 1, "A"))
        park.expect_posted(park.enterprise("GH-001", Transfer(legs=legs)))


@pytest.fixture
def rich(park: Park) -> Park:
    """A park in which GH-001 has something to give."""
    park.give("GH-001", 1000, lot="A")
    return park


def notes(database: Database) -> dict[int, Note]:
    """Every checkpoint in the database, by the size it is kept for."""
    return {size: Note.parse(bytes(note)) for size, note in database.rows("select size, note from checkpoint")}


def test_checkpoint_is_of_the_records_as_stored(rich: Park, tmp_path: Path) -> None:
    """Each checkpoint's root is that of the records below its size; nothing new is nothing to sign."""
    for _ in range(3):
        post(rich)
        assert seal(rich.database, tmp_path) is not None
        assert seal(rich.database, tmp_path) is None
    records = check_ledger(rich.database)
    for size, note in notes(rich.database).items():
        assert note.signers([KEY.verifier]) == [KEY.verifier]
        assert Checkpoint.of(note) == Checkpoint(ORIGIN, size, root_of([leaf_hash(one) for one in records[:size]]))
    assert len(notes(rich.database)) == 3


def test_own_memory_is_synced_and_closed_to_others(rich: Park, tmp_path: Path) -> None:
    """Key and last checkpoint are readable by their owner alone; a key that others may read is refused."""
    seal(rich.database, tmp_path)
    for name in ("key", "last.json", "lock"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert json.loads((tmp_path / "last.json").read_text())["size"] == rich.database.value("select size from head")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(NoKey, match="read by others"):
        seal(rich.database, tmp_path)


def test_two_signers_do_not_share_a_folder(rich: Park, tmp_path: Path) -> None:
    """A second one is told so, and may work once the first has ended."""
    first = signer_of(rich.database, tmp_path)
    with pytest.raises(NoKey, match="another signer"):
        signer_of(rich.database, tmp_path)
    first.close()
    signer_of(rich.database, tmp_path).close()


def superuser(database: Database, *statements: str) -> None:
    """Change what no login may change."""
    with psycopg.connect(database.admin_url, options=OPTIONS) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]  # constants of the tests


LAST = "(select max(first_index) from journal_segment)"
FLIPPED = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"
ALARMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "new bytes": (
        "does not hash to its stored leaf",
        (f"update journal_segment set records = set_byte(records, 40, 65) where first_index = {LAST}",),
    ),
    "new leaf": (
        "does not hash to its stored leaf",
        (f"update journal_segment set leaves = {FLIPPED.format('leaves', 3)} where first_index = {LAST}",),
    ),
    "cut lengths": (
        "damaged",
        (f"update journal_segment set records = set_byte(records, 1, 255) where first_index = {LAST}",),
    ),
    "a gap": ("no record", (f"delete from journal_segment where first_index = {LAST} - 1",)),
    "the newest gone": ("the head says", (f"delete from journal_segment where first_index = {LAST}",)),
    "another head": ("tree at", (f"update head set frontier = {FLIPPED.format('frontier', 5)}",)),
    "an older database": ("older than its log", ("update head set size = 20",)),
    "a checkpoint nobody here signed": (
        "this signer's last was at",
        ("insert into checkpoint select 1, size, 'x' from head",),
    ),
    "another checkpoint": ("not the one that was signed", ("update checkpoint set note = 'x'",)),
    "another ledger under the name": ("the key signs for", ("update ledger set origin = 'greenledger.example/x'",)),
    "no ledger": ("has no ledger", ("update ledger set name = 'gone'",)),
}


@pytest.mark.parametrize("case", ALARMS)
def test_nothing_is_signed_over_what_does_not_fit(rich: Park, tmp_path: Path, case: str) -> None:
    """Whatever a superuser changes in what is new, or in what was signed: an alarm that says what and where."""
    seal(rich.database, tmp_path)
    post(rich)
    kept, before = (tmp_path / "last.json").read_bytes(), len(notes(rich.database))
    message, statements = ALARMS[case]
    superuser(rich.database, *statements)
    with pytest.raises(Alarm, match=message):
        seal(rich.database, tmp_path)
    assert (tmp_path / "last.json").read_bytes() == kept
    assert rich.database.value("select count(*) from checkpoint where note <> 'x'") <= before


def test_without_its_memory_the_signer_would_sign_a_fork(rich: Park, tmp_path: Path) -> None:
    """The twin: one that forgets what it signed, beside a database whose checkpoints are gone too, signs anything."""
    seal(rich.database, tmp_path)
    post(rich)
    superuser(rich.database, "update head set size = 0, frontier = ''", "delete from journal_segment")
    with pytest.raises(Alarm):
        seal(rich.database, tmp_path)
    (tmp_path / "last.json").unlink()
    with pytest.raises(Alarm, match="this signer's last was at 0"):
        seal(rich.database, tmp_path)
    superuser(rich.database, "delete from checkpoint")
    assert seal(rich.database, tmp_path) is None


@pytest.mark.parametrize("damage", ["cut", "another root", "another size"])
def test_damaged_memory_is_an_alarm(rich: Park, tmp_path: Path, damage: str) -> None:
    """The signer's own file is believed only under its own signature."""
    seal(rich.database, tmp_path)
    file = tmp_path / "last.json"
    document = json.loads(file.read_text())
    if damage == "another root":
        document["frontier"] = "00" * 32 + document["frontier"][64:]
    elif damage == "another size":
        document["size"] += 1
    file.write_text(json.dumps(document)[: 20 if damage == "cut" else None])
    post(rich)
    with pytest.raises(Alarm, match="own file"):
        seal(rich.database, tmp_path)


def test_ended_between_its_file_and_the_database(rich: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed once it had kept a checkpoint and before the database had it: the next run hands over the same one."""
    seal(rich.database, tmp_path)
    post(rich)
    with monkeypatch.context() as patched:
        patched.setattr("ledger.signer._insert", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            seal(rich.database, tmp_path)
    assert len(notes(rich.database)) == 1
    kept = json.loads((tmp_path / "last.json").read_text())
    post(rich)
    seal(rich.database, tmp_path)
    found = notes(rich.database)
    assert len(found) == 3 and found[kept["size"]].encode().decode() == kept["note"]


# Keys.


def test_rotation_has_a_record_and_a_checkpoint_with_both_signatures(rich: Park, tmp_path: Path) -> None:
    """The log names the next key, one checkpoint is signed by both, and who pins both for their sizes is content."""
    rich.run(signing.declare(rich.writer, tmp_path))
    old = read_key(tmp_path / "key")
    seal_with(rich, tmp_path)
    new_text = rich.run(signing.rotate(rich.writer, tmp_path))
    assert rich.run(signing.rotate(rich.writer, tmp_path)) == new_text, "asked for twice, there is one next key"
    seal_with(rich, tmp_path)
    new = read_key(tmp_path / "key")
    assert str(new.verifier) == new_text and not (tmp_path / "key.next").exists()
    post(rich)
    seal_with(rich, tmp_path)
    found = notes(rich.database)
    signers = [[k.public for k in note.signers([old.verifier, new.verifier])] for _, note in sorted(found.items())]
    assert signers == [[old.verifier.public], [old.verifier.public, new.verifier.public], [new.verifier.public]]
    at = sorted(found)[1]
    pins = f"signer {old.verifier} 0 {at}\nsigner {new.verifier} {at}\n"
    bundle = _bundle(rich)
    assert verified(bundle, pinned=read_pinned(pins)).verdict == 0
    only_old = Pinned((PinnedSigner(old.verifier, 0, 2**62),))
    assert [f.rule for f in verified(bundle, pinned=only_old).findings] == ["not_signed"]
    named = [(key.key, key.replaces) for key in verified(bundle, pinned=read_pinned(pins)).keys]
    assert named == [(str(old.verifier), None), (new_text, str(old.verifier))]


def test_rotation_cut_short_is_finished(rich: Park, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after both keys had signed and before the new one took over: the next run takes it over."""
    rich.run(signing.declare(rich.writer, tmp_path))
    seal_with(rich, tmp_path)
    new_text = rich.run(signing.rotate(rich.writer, tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(Signer, "_finish_rotation", lambda _: None)
        seal_with(rich, tmp_path)
    assert (tmp_path / "key.next").exists()
    post(rich)
    seal_with(rich, tmp_path)
    assert str(read_key(tmp_path / "key").verifier) == new_text
    newest = notes(rich.database)[rich.database.value("select max(size) from checkpoint")]
    assert newest.signers([read_key(tmp_path / "key").verifier])


def test_next_key_waits_for_its_record(rich: Park, tmp_path: Path) -> None:
    """A key that no record names does not sign, however it came into the folder."""
    rich.run(signing.declare(rich.writer, tmp_path))
    make_key(tmp_path, ORIGIN, name="key.next")
    post(rich)
    seal_with(rich, tmp_path)
    assert (tmp_path / "key.next").exists()
    assert all(len(note.signatures) == 1 for note in notes(rich.database).values())


def test_lost_key_is_replaced_with_a_gap_that_everybody_sees(rich: Park, tmp_path: Path) -> None:
    """A key without the one before it: signed by the new one alone; who trusts it pins it from that size by hand."""
    rich.run(signing.declare(rich.writer, tmp_path))
    old = read_key(tmp_path / "key").verifier
    seal_with(rich, tmp_path)
    sealed = rich.database.value("select max(size) from checkpoint")
    (tmp_path / "key").unlink()
    with pytest.raises(NoKey, match="signer init"):
        seal_with(rich, tmp_path)
    with pytest.raises(signing.KeyLost):
        rich.run(signing.declare(rich.writer, tmp_path))
    new = rich.run(signing.replace_lost(rich.writer, tmp_path))
    seal_with(rich, tmp_path)
    bundle = _bundle(rich)
    assert [f.rule for f in verified(bundle, pinned=Pinned((PinnedSigner(old, 0, 2**62),))).findings] == ["not_signed"]
    pins = read_pinned(f"signer {old} 0 {sealed}\nsigner {new} {sealed + 1}\n")
    assert verified(bundle, pinned=pins).verdict == 0


def seal_with(park: Park, folder: Path) -> None:
    """Seal with whatever key the folder has."""
    signer = Signer(park.database.urls.signer, folder, "ganhe")
    try:
        with connect_sync(park.database.urls.signer) as connection:
            signer.seal(connection)
    finally:
        signer.close()


def _bundle(park: Park) -> bytes:
    async def work() -> Any:
        reading = Reading(park.database.urls.reader)
        await reading.reader.open()
        try:
            return await bundle_from(reading, park.scope())
        finally:
            await reading.reader.close()

    found = park.run(work())
    assert isinstance(found, bytes)
    return found


def test_only_an_administrator_declares_keys(rich: Park) -> None:
    """An operator cannot have the log name a key."""
    outcome = rich.submit(rich.operator(DeclareSigningKey(key=str(KEY.verifier))))
    assert getattr(outcome, "refusal").code == "forbidden"  # noqa: B009 (of a union)


@pytest.mark.parametrize("content", ["", "PRIVATE+KEY+x", "x" * 99, KEY.secret_text()[:-4], str(KEY.verifier)])
def test_file_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    """A damaged key file is told as such, and nothing of it is repeated."""
    write_synced(tmp_path / "key", content.encode())
    with pytest.raises(NoKey) as raised:
        read_key(tmp_path / "key")
    assert not content or content[12:40] not in str(raised.value) or content.startswith("x")


# The process.


@pytest.fixture
def durable(durable_server: Server) -> Iterator[Park]:
    """A park on a server that keeps what it answers: beside another no signer starts."""
    park = Park(durable_server.clone("template_park"))
    park.give("GH-001", 1000, lot="A")
    yield park
    park.close()
    park.database.drop()


def start(database: Database, home: Path) -> subprocess.Popen[bytes]:
    """`greenledger signer run` beside a database, with the run-time logins only."""
    environment = os.environ | {
        "GREENLEDGER_HOME": str(home), "DATABASE_URL": "", "DATABASE_URL_WRITER": database.urls.writer,
        "DATABASE_URL_READER": database.urls.reader, "DATABASE_URL_SIGNER": database.urls.signer,
    }  # fmt: skip
    command = [sys.executable, "-m", "ledger.cli", "signer", "run"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


def wait_until(found: Callable[[], bool]) -> None:
    """Until it is so; 30 seconds at most."""
    end = time.monotonic() + 30
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_process_seals_until_it_is_told_to_end_and_after_it_was_killed(durable: Park, tmp_path: Path) -> None:
    """It signs what comes, is killed in the middle, goes on where it was, and ends by SIGTERM with code 0."""
    folder = tmp_path / "signer" / "ganhe"
    folder.mkdir(parents=True)
    write_synced(folder / "key", KEY.secret_text().encode())

    def is_sealed() -> bool:
        return durable.database.value("select max(size) from checkpoint") == durable.database.value(
            "select size from head"
        )

    process = start(durable.database, tmp_path)
    post(durable)
    wait_until(is_sealed)
    process.kill()
    process.wait()
    post(durable)
    process = start(durable.database, tmp_path)
    wait_until(is_sealed)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said.decode()
    assert KEY.secret_text().rpartition("+")[2][:20].encode() not in said, "no key in a log"
    assert verified(_bundle(durable)).verdict == 0


def test_process_ends_with_an_alarm(durable: Park, tmp_path: Path) -> None:
    """Exit code 1, and standard error says what and where; nothing was signed."""
    folder = tmp_path / "signer" / "ganhe"
    seal(durable.database, folder)
    superuser(durable.database, "update head set size = 20")
    process = start(durable.database, tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ALARM" in said.decode() and "older than its log" in " ".join(said.decode().split())


def test_note_that_is_no_note_is_a_fault_of_its_own() -> None:
    """The two kinds of failure are told apart: what is no note, and what was not signed."""
    with pytest.raises(BadNote):
        SignerKey.make("two words", b"k" * 32)
