"""Keys of the signer: made, named by a record of the log, rotated; and the signer run as a process of its own."""

import hashlib
import signal
from pathlib import Path

from ledger.core.command import DeclareSigningKey
from ledger.database import expect_posted, local_principal, request
from ledger.signer import Signer, make_key, read_key
from ledger.store.ledgers import ORIGIN
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


def run(url: str, folder: Path, ledger: str, *, once: bool) -> int | None:
    """Sign until the process is told to end, or once; the size sealed last, if any. Raises Alarm or NoKey."""
    signer = Signer(url, folder, ledger)
    try:
        if once:
            with connect_sync(url) as connection:
                sealed = signer.seal(connection)
            return None if sealed is None else sealed.size
        stopped: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda given, _: stopped.append(given))
        signer.run(until=lambda: bool(stopped))
        return None
    finally:
        signer.close()
