"""API keys: made once, shown once, stored hashed; a key tells who asks and for which ledger."""

import hashlib
import re
import secrets
import time

import msgspec

from ledger.core.command import Principal
from ledger.store.session import Reader

CACHE_SECONDS = 3
"""How long a looked-up key is trusted; a revoked one is refused within this time."""
_CACHED_MAX = 10_000
_KEY = re.compile(r"gl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Credential(msgspec.Struct, frozen=True):
    """What a valid key stands for."""

    ledger_id: int
    ledger: str
    zone: str
    principal: Principal


class NewKey(msgspec.Struct, frozen=True):
    """A key just made: `text` is for its holder and is not kept."""

    credential: str
    secret_sha256: str
    text: str


def make_key() -> NewKey:
    """A new key with 256 random bits."""
    credential, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(credential, _hash(secret), f"gl_{credential}_{secret}")


class Keys:
    """Looks keys up, and remembers them for CACHE_SECONDS."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, tuple[float, Credential | None]] = {}

    async def find(self, text: str) -> Credential | None:
        """The credential of a key, or None where it is malformed, unknown or revoked."""
        now = time.monotonic()
        known = self._known.get(text)
        if known is not None and now - known[0] < CACHE_SECONDS:
            return known[1]
        matched = _KEY.fullmatch(text)
        if matched is None:
            return None
        row = await self._reader.credential(matched[1], _hash(matched[2]))
        found = None
        if row is not None:
            ledger_id, ledger, zone, role, tenant, subject = row
            principal = Principal(actor=f"key:{matched[1]}", role=role, subject=subject, tenant=tenant)
            found = Credential(ledger_id, ledger, zone, principal)
        if len(self._known) >= _CACHED_MAX:
            self._known.clear()
        self._known[text] = (now, found)
        return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
