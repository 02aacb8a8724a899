"""Works on the imports of a service, one after another: what comes in, what is ordered, and what a stop left undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import structlog

from ledger.imports.job import Importer, importing
from ledger.store.jobs import ledgers_at_work
from ledger.store.session import Reader
from ledger.writer import Ledger, Writer

LOOK_SECONDS = 30
"""How often it looks for jobs that another process left undone."""
log = structlog.get_logger()


class ImportWorker:
    """One task that takes jobs to where somebody has to decide: checked, refused, posted."""

    def __init__(self, writers: Callable[[Ledger], Awaitable[Writer]], reader: Reader, *, url: str, home: Path) -> None:
        self._writers = writers
        self._reader = reader
        self._url = url
        self._home = home
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(self._run(), name="import worker")

    async def stop(self) -> None:
        """Stop where it stands; the next one goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def of(self, ledger: Ledger) -> AsyncIterator[Importer]:
        """An importer of a ledger, for as long as somebody needs one."""
        writer = await self._writers(ledger)
        async with importing(writer, self._reader, url=self._url, home=self._home) as importer:
            yield importer

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                for ledger in await ledgers_at_work(self._url):
                    await self._work(Ledger(*ledger))
            except (psycopg.OperationalError, TimeoutError, OSError) as why:
                log.warning("imports_wait", reason=str(why))
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue

    async def _work(self, ledger: Ledger) -> None:
        """Take every job of a ledger as far as it goes."""
        async with self.of(ledger) as importer:
            for job_id in await importer.jobs.unfinished():
                async with importer.jobs.held(job_id):
                    await advance(importer, job_id)


async def advance(importer: Importer, job_id: str) -> None:
    """Take a job to where somebody has to decide; a fault of ours leaves it as it is, and says so."""
    try:
        await importer.read(job_id)
        state = (await importer.jobs.get(job_id)).state
        if state == "read":
            await importer.check(job_id)
        elif state in ("ordered", "posting"):
            await importer.post(job_id)
    except (psycopg.OperationalError, TimeoutError):
        raise
    except Exception:
        log.exception("import_failed", job=job_id)
