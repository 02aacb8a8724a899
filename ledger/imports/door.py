"""An import at the writer's door: its wishes as requests, whole or in chunks, and what came of them."""

import asyncio
import secrets

from ledger.core.command import Batch, Principal, RegisterParty, Request, canonical
from ledger.imports.draft import Wish
from ledger.imports.report import Problem
from ledger.writer import Outcome, Posted, Refused, Unknown, Writer

TRIES_MAX = 120
"""How often a chunk is offered again to a writer that is busy or away, a second apart."""
_AGAIN = {"queue_full", "unavailable", "outcome_unknown"}


class Door:
    """Posts what one attempt of an import wishes for; the same attempt may ask again and posts nothing twice."""

    def __init__(self, writer: Writer, principal: Principal, *, file: str, document: str, keys: str) -> None:
        self._writer = writer
        self._principal = principal
        self._file = file
        self._batch = document[:32]
        self._keys = keys
        self.posted = 0
        """Records that this door posted."""

    async def whole(self, wishes: list[Wish]) -> list[Problem]:
        """Post all or nothing; the problems, where it is nothing."""
        requests = [self._request(wish, at, len(wishes)) for at, wish in enumerate(wishes, start=1)]
        return self._problems(requests, await self._writer.submit_batch(requests, atomic=True))

    async def chunk(self, wishes: list[Wish], *, at: int, of: int) -> list[Problem]:
        """Post a chunk but for the lines that are refused, and tell those. It waits for a writer that is busy or away.

        The writer takes a chunk in one group: a kill finds all of it in the journal, or nothing.
        """
        requests = [self._request(wish, at, of) for wish in wishes]
        for _ in range(TRIES_MAX if requests else 0):
            problems = self._problems(requests, await self._writer.submit_batch(requests, atomic=False))
            if not any(problem.rule in _AGAIN for problem in problems):
                # What of a line depends on what was refused is refused as well; the first says why.
                return list({problem.line: problem for problem in reversed(problems)}.values())[::-1]
            await asyncio.sleep(1)
        if requests:
            raise TimeoutError("the writer did not take the chunk")
        return []

    def _request(self, wish: Wish, at: int, of: int) -> Request:
        command, key, evidence_key = wish
        return Request(
            command=command,
            principal=self._principal,
            # The import's own record goes by the file alone; all else by the attempt, so that what was refused then
            # may post now.
            request_key=key if key.startswith("import:") else f"{self._keys}/{key}",
            evidence_key=evidence_key,
            batch=Batch(i=str(at), id=self._batch, n=str(of)),
            canonical=canonical(command),
            salt_seed=secrets.token_bytes(32) if isinstance(command, RegisterParty) else b"",
        )

    def _problems(self, requests: list[Request], outcomes: list[Outcome]) -> list[Problem]:
        """What was refused, and why; none where all is posted."""
        problems = []
        for request, outcome in zip(requests, outcomes, strict=True):
            match outcome:
                case Posted():
                    self.posted += not outcome.replayed
                case Refused() if outcome.refusal.code != "batch_refused":
                    problems.append(self._problem(request, outcome.refusal.code, outcome.refusal.detail()))
                case Unknown():
                    problems.append(self._problem(request, "outcome_unknown", "the database did not answer"))
        return problems

    def _problem(self, request: Request, rule: str, given: str) -> Problem:
        return Problem(self._file, None, line_of(request), None, rule, given, "import the file again")


def line_of(request: Request) -> int | None:
    """The line of the file that a request comes from."""
    evidence = getattr(request.command, "evidence", None)
    return int(evidence.line) if evidence is not None and evidence.line else None
