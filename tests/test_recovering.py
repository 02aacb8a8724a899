"""The way out after a restore: the log's own records, written again, and nothing decided again."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.core.command import CreateCredential, RegisterParty, Request
from ledger.core.events import Leg, Retire, Reverse, Subscribe, Transfer
from ledger.core.record import LedgerBody, decode
from ledger.proof.bundle import MAGIC, frame, read_frames
from ledger.proof.note import Checkpoint, Note, SignerKey
from ledger.recovering import NotRecovered, Recovered, recover
from ledger.reports.history import History
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading
from ledger.signer import Alarm, NoKey
from ledger.store import unit_of_work
from ledger.store.journal import Tree, read_tree, split_records
from ledger.store.outcomes import Posted, Refused
from ledger.store.rebuild import check
from ledger.store.session import connect_sync
from tests.conftest import Database, Park, Server, holding
from tests.proof.logs import KEY, PINNED
from tests.sealed import bundle_from, seal, signer_of
from tests.test_cli import Shell
from tests.test_rebuild import a_bit_of_everything

A, B = "GH-001", "GH-002"
LOST = {"private_text": "no record has it", "request": "compared without its commands", "checkpoint": "by its signer"}
"""Tables that are not equal afterwards, and why."""


class Disaster(NamedTuple):
    """A log, and the backup that is all that is left of its database."""

    park: Park
    """As it was in the end; its writer is stopped."""
    yesterday: Database
    bundle: Path
    signing: Path
    asked: list[Request]
    """What was asked since the backup."""


@pytest.fixture(scope="module")
def end(durable_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disaster]:
    """A log with a bit of everything before its backup, and as much after it."""
    folder = tmp_path_factory.mktemp("disaster")
    park = Park(durable_server.clone("template_park"))
    park.give(A, 300, lot="L0")
    park.expect_posted(park.enterprise(A, Subscribe(enterprise=A, quantity=5)))
    seal(park.database, folder / "signing")
    park.close()
    yesterday = durable_server.clone(park.database.name)
    park = Park(park.database)
    a_bit_of_everything(park)
    asked = [
        park.operator(RegisterParty(party="GH-300", kind="enterprise", name="备份之后的企业")),
        park.admin(CreateCredential(credential="late", role="auditor", subject="person:x", secret_sha256="ab" * 32)),
        park.enterprise(A, Transfer(legs=(Leg(holding(A), "GEC", -7, "L0"), Leg(holding(B), "GEC", 7, "L0")))),
        park.enterprise(A, Retire(enterprise=A, quantity=3, purpose="VOLUNTARY", year="2026", lot="L1", proof="HX-9")),
    ]
    posted = park.expect_posted(*asked)
    again = [park.operator(Reverse(transaction=posted[2].index, reason="REGISTRY_CORRECTION"))]
    park.submit(again[0])
    seal(park.database, folder / "signing")
    reading = Reading(park.database.urls.reader)
    park.run(reading.reader.open())
    content = park.run(bundle_from(reading, park.scope()))
    park.run(reading.reader.close())
    (folder / "whole.bundle").write_bytes(content)
    park.run(park.writer.stop())
    yield Disaster(park, yesterday, folder / "whole.bundle", folder / "signing", [*asked, *again])
    park.close()
    for database in (park.database, yesterday):
        database.drop()


@pytest.fixture
def restored(durable_server: Server, end: Disaster) -> Iterator[Database]:
    """Yesterday's database, to do with as a test likes."""
    database = durable_server.clone(end.yesterday.name)
    yield database
    database.drop()


def recovered(end: Disaster, database: Database, *, bundle: Path | None = None) -> Recovered:
    """Bring the database up to the log."""
    made = recover(database.urls, "ganhe", bundle or end.bundle, PINNED)
    return end.park.run(made)


def tables(database: Database) -> dict[str, list[Any]]:
    """All rows of every table of facts and projections, those that may differ aside."""
    names = database.rows("select tablename from pg_tables where schemaname = 'greenledger' order by 1")
    rows = {name: sorted(map(repr, database.rows(f"select * from {name}"))) for (name,) in names if name not in LOST}
    text = "select ledger_id, tenant, request_key, log_index, refused from request"
    return rows | {"request": sorted(map(repr, database.rows(text)))}


def test_recovered_database_equals_the_one_that_was_lost(end: Disaster, restored: Database) -> None:
    """Every table, row by row; the signer goes on where it was, and a second time there is nothing to do."""
    assert tables(restored) != tables(end.park.database)
    done = recovered(end, restored)
    assert tables(restored) == tables(end.park.database)
    assert done.from_size < done.to_size and done.nameless == ["GH-003", "GH-300"]
    with connect_sync(restored.admin_url) as connection:
        assert check(connection, end.park.ledger.ledger_id, "ganhe").findings == []
    assert seal(restored, end.signing) is None
    again = recovered(end, restored)
    assert (again.from_size, again.nameless) == (done.to_size, done.nameless)


def test_what_was_asked_since_the_backup_is_replayed(end: Disaster, restored: Database) -> None:
    """The same key and request is a replay, another request under it refused; then the log goes on."""
    recovered(end, restored)
    with contextlib.closing(Park(restored)) as park, contextlib.closing(Park(end.park.database)) as lost:
        size = restored.value("select size from head")
        for request in end.asked:
            assert isinstance(now := park.submit(request), Posted | Refused)
            assert now == lost.submit(request) and now.replayed
        assert restored.value("select size from head") == size
        other = park.enterprise(A, Subscribe(enterprise=A, quantity=9), key=end.asked[2].request_key)
        refused = park.submit(other)
        assert isinstance(refused, Refused) and refused.refusal.code == "request_key_reused"
        park.expect_posted(park.enterprise(A, Subscribe(enterprise=A, quantity=9)))
        assert seal(restored, _copied(end.signing, park)) is not None


def _copied(signing: Path, park: Park) -> Path:
    """A folder of this signer's own, so that no other test's log is forked."""
    copy = signing.with_name(park.database.name)
    copy.mkdir()
    for file in signing.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
        (copy / file.name).chmod(0o600)
    return copy


def test_killed_half_way_it_goes_on(end: Disaster, restored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off after any number of commits, the next run brings it to the same end."""
    whole, written = unit_of_work.write_group, 0

    async def dies(*given: Any, **more: Any) -> None:
        nonlocal written
        if written == 3:
            raise ConnectionError("killed")
        written += 1
        await whole(*given, **more)

    monkeypatch.setattr(unit_of_work, "write_group", dies)
    with pytest.raises(ConnectionError):
        recovered(end, restored)
    monkeypatch.setattr(unit_of_work, "write_group", whole)
    recovered(end, restored)
    assert tables(restored) == tables(end.park.database)


def test_nobody_is_written_past(end: Disaster, restored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that posts in the middle: told so, and its record stays as it is."""

    async def read_and_post(*given: Any) -> Tree:
        tree = await read_tree(*given)
        park = Park(restored, start=False)
        writer = await park.start_writer()
        assert isinstance(await writer.submit(park.enterprise(A, Subscribe(enterprise=A, quantity=1))), Posted)
        await writer.stop()
        return tree

    size = restored.value("select size from head")
    monkeypatch.setattr("ledger.recovering.read_tree", read_and_post)
    with pytest.raises(NotRecovered, match="somebody else writes"):
        recovered(end, restored)
    assert restored.value("select size from head") == size + 1


def test_signature_of_a_stranger_does_not_come_along(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """A line that somebody added to a checkpoint passes verification, and would not be what the signer remembers."""
    frames = list(read_frames(io.BytesIO(end.bundle.read_bytes())))
    strange = SignerKey.make("stranger.example/x", b"s" * 32)
    written = [
        frame(kind, Note.parse(content).signed(strange).encode() if kind == b"C" else content)
        for kind, content in frames
    ]
    (tmp_path / "strange").write_bytes(MAGIC + b"".join(written) + frame(b"E", b""))
    recovered(end, restored, bundle=tmp_path / "strange")
    text = "select size, note from checkpoint order by size"
    assert restored.rows(text) == end.park.database.rows(text)
    assert seal(restored, end.signing) is None


def test_no_other_history_is_written_over(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """A database that went on by itself, a tampered bundle, one that is behind: refused, and nothing written."""
    park = Park(restored)
    park.expect_posted(park.enterprise(A, Subscribe(enterprise=A, quantity=1)))
    park.close()
    before = tables(restored)
    with pytest.raises(NotRecovered, match="another history"):
        recovered(end, restored)
    content = bytearray(end.bundle.read_bytes())
    at = content.rindex(b'"quantity":"')
    content[at + 12] ^= 1
    (tmp_path / "changed").write_bytes(content)
    with pytest.raises(NotRecovered, match="tampered"):
        recovered(end, restored, bundle=tmp_path / "changed")
    assert tables(restored) == before


def test_signer_goes_on_from_what_others_kept(end: Disaster, tmp_path: Path) -> None:
    """Its memory lost, it takes the newest checkpoint from outside; an older one is found out by the database's own."""
    notes = end.park.database.rows("select note from checkpoint order by size")
    newest, older = Note.parse(bytes(notes[-1][0])), Note.parse(bytes(notes[0][0]))
    for note, works in ((newest, True), (older, False)):
        signer = signer_of(end.park.database, tmp_path / str(works))
        with contextlib.closing(signer), connect_sync(end.park.database.urls.signer) as connection:
            with pytest.raises(Alarm, match="this signer's last was at 0"):
                signer.seal(connection)
            signer.remember(connection, note)
            if works:
                assert signer.seal(connection) is None
                with pytest.raises(NoKey, match="where it belongs"):
                    signer.remember(connection, note)
            else:
                with pytest.raises(Alarm, match="has a checkpoint at"):
                    signer.seal(connection)


def test_signer_does_not_remember_what_it_never_signed(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """A checkpoint without its signature, or of records that the database does not have."""
    newest = Note.parse(bytes(end.park.database.rows("select note from checkpoint order by size desc")[0][0]))
    signer = signer_of(restored, tmp_path)
    with contextlib.closing(signer), connect_sync(restored.urls.signer) as connection:
        with pytest.raises(NoKey, match="not signed"):
            signer.remember(connection, Note(newest.text, ()))
        with pytest.raises(Alarm, match="are not those that were signed"):
            signer.remember(connection, newest)
    assert not (tmp_path / "last.json").exists() and newest.signers([KEY.verifier])


def pins(folder: Path) -> Path:
    """A file of the keys that a reader trusts."""
    file = folder / "keys"
    file.write_text(f"signer {KEY.verifier} 0\n")
    return file


def test_the_command_says_what_is_to_be_named_again(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """`greenledger recover`: one document, exit code 0; a bundle that is none: 2, and one line."""
    shell = Shell(restored, tmp_path)
    done = shell.run("recover", end.bundle, "--keys", pins(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["nameless"], document["equal"], document["ledger"]) == (["GH-003", "GH-300"], True, "ganhe")
    (tmp_path / "none").write_bytes(b"nothing")
    wrong = shell.run("recover", tmp_path / "none", "--keys", pins(tmp_path))
    assert wrong.returncode == 2 and len(wrong.stderr.strip().splitlines()) == 1
    other = shell.run("recover", end.bundle, "--keys", pins(tmp_path), "--ledger", "other")
    assert other.returncode == 1 and "of ledger ganhe" in other.stderr
    assert restored.value("select count(*) from ledger") == 1


def test_new_ledger_names_the_one_it_continues(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """Where nobody has the records: the first record of a new origin has the old one's origin, size and root."""
    (note,) = end.park.database.rows("select note from checkpoint order by size desc")[0]
    (tmp_path / "note").write_bytes(note)
    old = Checkpoint.of(Note.parse(bytes(note)))
    shell = Shell(restored, tmp_path)
    command = ("continue", tmp_path / "note", "--keys", pins(tmp_path), "--ledger")
    for _ in range(2):
        wrong = shell.run(*command, "ganhe")
        assert wrong.returncode == 2 and "already" in wrong.stderr
    done = shell.run(*command, "ganhe-b", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["continues"] == f"{old.origin} {old.size} {old.root.hex()}"
    text = (
        "select records from journal_segment join ledger using (ledger_id) where name = 'ganhe-b' and first_index = 0"
    )
    first = decode(next(iter(split_records(bytes(restored.value(text))))))
    assert isinstance(first.body, LedgerBody)
    assert first.body.continues == f"{old.origin} {old.size} {old.root.hex()}"
    assert first.body.origin == "greenledger.example/ganhe-b" != old.origin
    (tmp_path / "note").write_bytes(Note(Note.parse(bytes(note)).text, ()).encode())
    unsigned = shell.run(*command, "ganhe-c")
    assert unsigned.returncode == 2 and restored.value("select count(*) from ledger where name = 'ganhe-c'") == 0


def test_the_command_has_the_signer_remember(end: Disaster, tmp_path: Path) -> None:
    """`greenledger signer remember`: where its memory is lost, and not where it is there."""
    shell = Shell(end.park.database, tmp_path)
    signer_of(end.park.database, tmp_path / "home" / "signer" / "ganhe").close()
    (note,) = end.park.database.rows("select note from checkpoint order by size desc")[0]
    (tmp_path / "note").write_bytes(note)
    assert shell.run("signer", "run", "--once").returncode == 1
    done = shell.run("signer", "remember", tmp_path / "note", "--json")
    assert json.loads(done.stdout)["size"] == Checkpoint.of(Note.parse(bytes(note))).size
    assert shell.run("signer", "remember", tmp_path / "note").returncode == 2
    assert shell.run("signer", "run", "--once").returncode == 0
    shell.environment["DATABASE_URL_SIGNER"] = "postgresql://nobody@127.0.0.1:1/none"
    nowhere = shell.run("signer", "remember", tmp_path / "note")
    assert nowhere.returncode == 2 and "Traceback" not in nowhere.stderr


def test_service_that_saw_the_log_serves_again(end: Disaster, restored: Database, tmp_path: Path) -> None:
    """What was seen of the signed log keeps yesterday's database from being served, until it is brought up to it."""

    async def differs(database: Database) -> str | None:
        reading = Reading(database.urls.reader)
        await reading.reader.open()
        found = await History(reading, Proofs(reading), tmp_path).differs(end.park.scope(), "ganhe")
        await reading.reader.close()
        return None if found is None else found.code

    assert end.park.run(differs(end.park.database)) is None
    assert end.park.run(differs(restored)) == "history_differs"
    recovered(end, restored)
    assert end.park.run(differs(restored)) is None


def test_from_the_bundle_alone(end: Disaster, durable_server: Server, tmp_path: Path) -> None:
    """Into a database that never had the ledger, all of it comes; only who is called what is in no record."""
    empty = durable_server.clone("template_empty")
    done = Shell(empty, tmp_path).run("recover", end.bundle, "--keys", pins(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    assert {"GH-001", "GH-300"} < set(json.loads(done.stdout)["nameless"])
    assert tables(empty) == tables(end.park.database)
    empty.drop()
