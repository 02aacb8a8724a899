"""Holds every ledger that is asked about to the log that was signed: where it differs, nothing is read or written."""

import asyncio
import time

from ledger.core.refusal import Refusal
from ledger.keys import Credential
from ledger.reports.history import History
from ledger.reports.scope import park_scope

EVERY_SECONDS = 10.0
"""How old a verdict may be. A database is restored while nobody is connected; this is for whoever reconnects."""


class HistoryGuard:
    """The verdict on each ledger, renewed while requests come."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._verdicts: dict[int, Refusal | None] = {}
        self._judged_at: dict[int, float] = {}
        self._judging = asyncio.Lock()

    async def verdict(self, credential: Credential) -> Refusal | None:
        """Why the credential's ledger is not served, or None. The first request of all waits for it."""
        ledger_id = credential.ledger_id
        if time.monotonic() - self._judged_at.get(ledger_id, -EVERY_SECONDS) >= EVERY_SECONDS:
            async with self._judging:
                if time.monotonic() - self._judged_at.get(ledger_id, -EVERY_SECONDS) >= EVERY_SECONDS:
                    self._verdicts[ledger_id] = await self._history.differs(park_scope(ledger_id), credential.ledger)
                    self._judged_at[ledger_id] = time.monotonic()
        return self._verdicts[ledger_id]
