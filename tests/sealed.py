"""A real signer beside a test's database, and the bundles that its reader would send."""

from pathlib import Path
from typing import Any

from ledger.core.refusal import Refusal
from ledger.proof.note import Checkpoint
from ledger.proof.synced import write_synced
from ledger.reports.audit_bundle import audit_bundle
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading
from ledger.signer import Signer
from ledger.store.session import Scope, connect_sync
from tests.conftest import Database
from tests.proof.logs import KEY


def signer_of(database: Database, folder: Path) -> Signer:
    """A signer of the ledger `ganhe` that keeps its key, and its last checkpoint, in the folder."""
    if not (folder / "key").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_synced(folder / "key", KEY.secret_text().encode())
    return Signer(database.urls.signer, folder, "ganhe")


def seal(database: Database, folder: Path) -> Checkpoint | None:
    """Sign what is new, once."""
    signer = signer_of(database, folder)
    try:
        with connect_sync(database.urls.signer) as connection:
            return signer.seal(connection)
    finally:
        signer.close()


async def bundle_from(
    reading: Reading | Any, scope: Scope, *, from_size: int = 0, to_size: int | None = None
) -> bytes | Refusal:
    """The whole bundle as a regulator gets it, or why there is none."""
    found = await audit_bundle(reading, Proofs(reading), scope, from_size=from_size, to_size=to_size)
    return found if isinstance(found, Refusal) else b"".join([part async for part in found])
