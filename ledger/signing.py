"""Keys of the signer: made, named by a record of the log, rotated; and the signer run as a process of its own."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ledger import logs
from ledger.core.command import DeclareSigningKey
from ledger.database import expect_posted, local_principal, request
from ledger.proof.note import Note
from ledger.settings import read_settings
from ledger.signer import Signer, make_key, read_key
from ledger.store.ledgers import ORIGIN
from ledger.store.schema import check_fitness
from ledger.store.session import connect_sync
from ledger.writer import Writer


class KeyLost(Exception):
    """The key that signed is not in its folder any more, so that a new one cannot be made in silence."""


async def declare(writer: Writer, folder: Path) -> str:
    """The ledger's signing key, made where there never was one; a record names it. Returns the public key.

    Raises KeyLost where a key has signed before and its file is gone.
    """
    if (folder / "last.json").exists() and not (folder / "key").exists():
        raise KeyLost("the key that signed is gone from its folder; put it back, or `greenledger signer replace-lost`.")
    key = str(make_key(folder, ORIGIN.format(name=writer.ledger.name)).verifier)
    await _post(writer, DeclareSigningKey(key=key))
    return key


async def replace_lost(writer: Writer, folder: Path) -> str:
    """A new key in the place of one that is lost: a record names it, and none that it replaces: nobody can sign that.

    The signer goes on from the last checkpoint of the lost key. Whoever verifies sees that no key signed over to this
    one, and pins it by hand from the next size on, after having compared with what was signed before.
    """
    if (folder / "key").exists():
        raise KeyLost("the key is where it belongs; to go over to another, use `greenledger signer rotate`.")
    key = str(make_key(folder, ORIGIN.format(name=writer.ledger.name)).verifier)
    await _post(writer, DeclareSigningKey(key=key))
    return key


async def rotate(writer: Writer, folder: Path) -> str:
    """The next key, named by a record that says which it replaces; the signer takes it over at its next checkpoint."""
    old = read_key(folder / "key")
    key = str(make_key(folder, old.name, name="key.next").verifier)
    await _post(writer, DeclareSigningKey(key=key, replaces=str(old.verifier)))
    return key


async def _post(writer: Writer, command: DeclareSigningKey) -> None:
    # Once for each key, however often it is asked for.
    key = f"signing-key:{hashlib.sha256(command.key.encode()).hexdigest()}"
    await expect_posted(writer.submit(request(command, local_principal("admin"), key=key, private=False)))


def run(url: str, folder: Path, ledger: str, *, until: Callable[[], bool]) -> None:
    """Sign again and again until the process is told to end, or it is so. Raises Alarm, NoKey or UnfitDatabase."""
    with connect_sync(url) as connection:
        check_fitness(connection)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda given, _: stopped.append(given))
    signer = Signer(url, folder, ledger)
    try:
        signer.run(until=lambda: bool(stopped) or until())
    finally:
        signer.close()


def run_once(url: str, folder: Path, ledger: str) -> int | None:
    """Sign what there is; the size, where anything was new. Raises Alarm or NoKey."""
    signer = Signer(url, folder, ledger)
    try:
        with connect_sync(url) as connection:
            sealed = signer.seal(connection)
        return None if sealed is None else sealed.size
    finally:
        signer.close()


def remember(url: str, folder: Path, ledger: str, note: Note) -> int:
    """Have a signer whose memory is lost go on from a checkpoint that others kept; its size. Raises Alarm or NoKey."""
    signer = Signer(url, folder, ledger)
    try:
        with connect_sync(url) as connection:
            return signer.remember(connection, note).size
    finally:
        signer.close()


@contextlib.contextmanager
def beside(url: str, home: Path, ledger: str) -> Iterator[None]:
    """A signer in a process of its own, for as long as the block runs and this process lives."""
    environment = os.environ | {"DATABASE_URL_SIGNER": url, "GREENLEDGER_HOME": str(home), "GREENLEDGER_LEDGER": ledger}
    command = [sys.executable, "-c", "from ledger.signing import run_beside; run_beside()"]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 (our own command, no shell)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def run_beside() -> None:
    """The process that `beside` starts; it ends with the one that started it, kill -9 included."""
    settings, parent = read_settings(), os.getppid()
    assert settings.signer_url is not None
    logs.configure()
    folder = settings.home / "signer" / settings.ledger
    run(settings.signer_url, folder, settings.ledger, until=lambda: os.getppid() != parent)
