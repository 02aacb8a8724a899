"""The commands of those who sign the log, and of those who distrust it: `signer` and `verify`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated

import cyclopts
import msgspec
import psycopg
import uvloop
from cyclopts import Parameter

from ledger import logs, recovering, signing, witnessing
from ledger.command_line import Json, LedgerName, Unusable, at_database, err, opened, out, print_json, read
from ledger.proof.bundle import BadBundle
from ledger.proof.note import WITNESS, BadNote, Checkpoint, Note
from ledger.proof.pinned import BadKeys, read_pinned
from ledger.proof.synced import write_synced
from ledger.proof.verifying import verify_file
from ledger.proof.witness import NotCosigned
from ledger.settings import read_settings
from ledger.signer import Alarm, NoKey, make_key
from ledger.signing import KeyLost
from ledger.store import ledgers
from ledger.store.rebuild import check
from ledger.store.schema import UnfitDatabase, check_fitness
from ledger.store.session import connect_sync
from ledger.writer import Writer

witness_app = cyclopts.App(name="witness", help="Somebody apart who cosigns what extends what was seen before.")
signer_app = cyclopts.App(name="signer", help="The signer of checkpoints: a process of its own, with its own key.")


@signer_app.command
def init(*, ledger: LedgerName = None, json: Json = False) -> int:
    """Make the key that signs the log's checkpoints, where there is none, and have the log name it."""
    _tell_key(_with_writer(ledger, signing.declare), json=json)
    return 0


@signer_app.command
def rotate(*, ledger: LedgerName = None, json: Json = False) -> int:
    """Make the next key and have the log name it: the signer signs one checkpoint with both, and goes on with it."""
    _tell_key(_with_writer(ledger, signing.rotate), json=json)
    return 0


@signer_app.command
def replace_lost(*, ledger: LedgerName = None, json: Json = False) -> int:
    """Make a key in the place of one that is lost. Whoever verifies sees the gap, and pins the new key by hand."""
    _tell_key(_with_writer(ledger, signing.replace_lost), json=json)
    return 0


@signer_app.command(name="run")
def run_(*, once: bool = False, ledger: LedgerName = None, json: Json = False) -> int:
    """Sign the log again and again, until Ctrl-C (--once: what there is, and exit). Exit code 1 after an alarm."""
    with _at_signer(ledger) as (url, folder, name):
        logs.configure()
        try:
            if once:
                sealed = signing.run_once(url, folder, name)
            else:
                sealed = signing.run(url, folder, name, until=lambda: False)
        except Alarm as why:
            err.print(f"ALARM, nothing was signed: {why}", style="red", markup=False)
            return 1
    if json:
        print_json({"ledger": name, "sealed": sealed})
    return 0


@signer_app.command
def remember(
    checkpoint: Annotated[Path, Parameter(help="The newest checkpoint that anybody kept, as it was handed out.")],
    *,
    ledger: LedgerName = None,
    json: Json = False,
) -> int:
    """Go on from a checkpoint that others kept, where the signer's own memory is lost. Exit code 1 after an alarm."""
    with _at_signer(ledger) as (url, folder, name):
        try:
            size = signing.remember(url, folder, name, Note.parse(read(checkpoint)))
        except Alarm as why:
            err.print(f"ALARM, nothing was kept: {why}", style="red", markup=False)
            return 1
    if json:
        print_json({"ledger": name, "size": size})
    else:
        out.print(f"The signer of {name} goes on from {size} records.", markup=False)
    return 0


@contextlib.contextmanager
def _at_signer(ledger: str | None) -> Iterator[tuple[str, Path, str]]:
    """The signer's URL, its folder and its ledger; Unusable where it has no key, or there is no database."""
    settings = read_settings()
    name = ledger or settings.ledger
    with contextlib.ExitStack() as stack:
        # On a host of its own the signer is given its own login, and knows no other.
        url = settings.signer_url or stack.enter_context(at_database()).urls.signer
        try:
            yield url, settings.home / "signer" / name, name
        except (NoKey, BadNote, UnfitDatabase, psycopg.OperationalError) as why:
            raise Unusable(str(why)) from why


def _with_writer(ledger: str | None, work: Callable[[Writer, Path], Awaitable[str]]) -> str:
    """The public key that comes of work on the ledger's folder of keys."""
    home = read_settings().home / "signer"
    try:
        with at_database() as database:
            return uvloop.run(opened(database, ledger, lambda writer: work(writer, home / writer.ledger.name)))
    except (NoKey, KeyLost) as why:
        raise Unusable(str(why)) from why


def _tell_key(key: str, *, json: bool) -> None:
    if json:
        print_json({"key": key})
    else:
        out.print("Whoever verifies pins this key, by another way than this program:", markup=False)
        out.print(f"signer {key} 0", markup=False, highlight=False, soft_wrap=True)


def verify(
    bundle: Path,
    *,
    keys: Annotated[Path, Parameter(help="The keys you trust, and for which sizes: a file of your own.")],
    state: Annotated[
        Path | None, Parameter(help="What you verified before; kept up to date where all is clean.")
    ] = None,
    cosigned: Annotated[
        list[Path] | None, Parameter(help="A checkpoint as a witness handed it out; may be repeated.")
    ] = None,
    json: Json = False,
) -> int:
    """Verify an audit bundle offline: hashes, signatures, every posting. 0 clean, 1 tampered, 2 unusable."""
    return verify_file(bundle, keys=keys, state=state, cosigned=cosigned or (), json=json)


def recover(
    bundle: Path,
    *,
    keys: Annotated[Path, Parameter(help="The keys you trust, and for which sizes: a file of your own.")],
    cosigned: Annotated[
        list[Path] | None, Parameter(help="A checkpoint as a witness handed it out; may be repeated.")
    ] = None,
    ledger: LedgerName = None,
    json: Json = False,
) -> int:
    """Bring a database restored from an older backup up to its log, from an audit bundle. 0 done, 1 it is no way out.

    Stop the service meanwhile, and give the names of companies registered since the backup again before anybody else
    takes them: they are in no record.
    """
    name = ledger or read_settings().ledger
    with at_database() as database:
        try:
            pinned = read_pinned(read(keys).decode())
            with connect_sync(database.urls.writer) as connection:
                check_fitness(connection)
            notes = [Note.parse(read(file)) for file in cosigned or ()]
            done = uvloop.run(recovering.recover(database.urls, name, bundle, pinned, cosigned=notes))
        except (OSError, UnicodeDecodeError, BadKeys, BadBundle, BadNote) as why:
            raise Unusable(str(why)) from why
        except recovering.NotRecovered as why:
            err.print(f"NOT RECOVERED: {why}", style="red", markup=False)
            return 1
        with connect_sync(database.urls.writer) as connection:
            found = ledgers.find(connection, name)
            assert found is not None
            connection.rollback()
            equal = check(connection, found[0], name).is_equal
    if json:
        print_json({**msgspec.to_builtins(done), "equal": equal})
    else:
        out.print(
            f"{name}: {done.from_size} records were there, {done.to_size} are now; root {done.root}", markup=False
        )
        if done.nameless:
            out.print(f"To be named again: {', '.join(done.nameless)}", markup=False)
    if not equal:
        err.print("Projections differ from the journal: see `greenledger rebuild --check`.", style="red", markup=False)
    return 0 if equal else 1


def continue_(
    checkpoint: Annotated[Path, Parameter(help="The newest checkpoint of the old ledger that anybody kept.")],
    *,
    keys: Annotated[Path, Parameter(help="The keys pinned for the old ledger.")],
    ledger: Annotated[str, Parameter(help="The name of the new ledger.")],
    json: Json = False,
) -> int:
    """Open a new ledger whose first record names the old one's origin, size and root, where nobody has its records.

    What parties hold comes in as opening balances, with evidence (`/v1/openings`).
    """
    try:
        note, pinned = Note.parse(read(checkpoint)), read_pinned(read(keys).decode())
        old = Checkpoint.of(note)
        signers = [key for key in pinned.signers_of(note, old.size) if key.name == old.origin]
    except (UnicodeDecodeError, BadKeys, BadNote) as why:
        raise Unusable(str(why)) from why
    if not signers:
        raise Unusable(f"no key pinned for {old.origin} at {old.size} records signed the checkpoint.")
    continues = f"{old.origin} {old.size} {old.root.hex()}"
    with at_database() as database:
        with connect_sync(database.urls.writer) as connection:
            if ledgers.find(connection, ledger) is not None:
                raise Unusable(f"there is a ledger {ledger} already; a new one has a name of its own.")
        uvloop.run(opened(database, ledger, lambda writer: asyncio.sleep(0), continues=continues))
    if json:
        print_json({"ledger": ledger, "continues": continues})
    else:
        out.print(f"Ledger {ledger} is open; its first record says that it continues {continues}.", markup=False)
    return 0


@witness_app.command(name="init")
def init_witness(name: str, *, key: Path, json: Json = False) -> int:
    """Make a witness's key under a name such as witness.example/ganhe, where the file does not exist."""
    try:
        made = make_key(key.parent, name, name=key.name, kind=WITNESS)
    except (NoKey, BadNote) as why:
        raise Unusable(str(why)) from why
    if json:
        print_json({"key": str(made.verifier)})
    else:
        out.print("Whoever counts on this witness pins its key:", markup=False)
        out.print(f"witness {made.verifier}", markup=False, highlight=False, soft_wrap=True)
    return 0


@witness_app.command
def look(
    url: Annotated[str, Parameter(help="Of the service, such as http://127.0.0.1:8000.")],
    *,
    key: Annotated[Path, Parameter(help="The witness's own key.")],
    keys: Annotated[Path, Parameter(help="The pinned keys of the log.")],
    state: Annotated[Path, Parameter(help="What the witness saw last; made where there is none.")],
    api_key_file: Annotated[Path, Parameter(help="A file with a key of the service that may read.")],
    cosigned: Annotated[Path, Parameter(help="Where the cosigned checkpoint is written.")],
    json: Json = False,
) -> int:
    """Look at the log's newest checkpoint and cosign it, if it extends the last one seen. 0 cosigned, 1 refused."""
    try:
        note = witnessing.look(url, read(api_key_file).decode().strip(), key=key, keys=keys, state=state)
    except NotCosigned as why:
        err.print(f"NOT COSIGNED: {why}", style="red", markup=False)
        return 1
    except (NoKey, BadKeys, BadNote, witnessing.Unreachable) as why:
        raise Unusable(str(why)) from why
    write_synced(cosigned, note.encode())
    checkpoint = Checkpoint.of(note)
    if json:
        print_json({"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()})
    else:
        out.print(f"Cosigned {checkpoint.origin} at {checkpoint.size} records.", markup=False)
    return 0
