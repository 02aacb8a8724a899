"""A file's way into the book: received, read, checked, and posted when somebody says so; or rejected.

A job is picked up where it stopped: what is received or half read is read again, what is half posted is posted on,
with the same keys, so that nothing posts twice. A file posts whole or not at all as long as its facts fit one batch;
a larger one posts in chunks of rows, each whole or not at all, and a record at the end says that all are in.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
from msgspec.structs import replace

from ledger.core.command import Principal, RecordImport
from ledger.core.evidence import Level
from ledger.imports import frames
from ledger.imports.documents import SettlementStatement, TradeRow
from ledger.imports.door import Door
from ledger.imports.draft import Draft, Wish
from ledger.imports.frames import TradeRows, TradesClosed, TradesOpened, Whole
from ledger.imports.known import Known
from ledger.imports.layouts import LAYOUTS_FILE
from ledger.imports.report import EFFECTS, OF_THE_BOOK, PROBLEMS_SHOWN, ImportReport, Problem, problem_of
from ledger.imports.settlement_commands import plan_settlement
from ledger.imports.sheets import StatementUnreadable
from ledger.imports.summary_commands import plan_summary
from ledger.imports.trade_commands import TradePlan, trade_id_of, void_key
from ledger.imports.upload import Files, read_in_child
from ledger.store.jobs import Job, Jobs, StagedRow
from ledger.store.session import ALL_TENANTS, Reader, Scope, connect
from ledger.writer import BATCH_MAX, Writer

CHUNK_ROWS = 150
"""Rows of a large file that post together: a single transfer waits for the two chunks before it, no more."""
_LEVELS: dict[str, Level] = {"platform": "CONFIRMED", "enterprise": "REPORTED"}
_UNREAD = ("received", "reading")
READ = ("read", "checked", "refused", "partly_posted")
"""States in which a file can be ordered to be posted, or rejected."""
_OPEN = (*_UNREAD, *READ, "ordered", "posting")

FLYING_MAX = 1
"""Chunks on their way to the database while the next is decided: two in one group hold up others for twice as long."""

SignOff = Literal["rounding", "partial_export", "platform_error"]
"""Why a file's own totals may differ from its rows: printed rounded, exported in part, wrong at the platform."""
Source = Literal["platform", "enterprise"]
"""Whose statement a file is; what rests on an enterprise's own is REPORTED, not CONFIRMED."""
Tell = Callable[[str, int, int], None]
"""Hears (what is being done, how much of it is done, of how much)."""


def silent(_what: str, _done: int, _all: int) -> None:
    """Nobody listens."""


class Importer:
    """Takes the files of one ledger along their way, one job at a time."""

    def __init__(self, *, writer: Writer, known: Known, jobs: Jobs, home: Path) -> None:
        self.writer = writer
        self.jobs = jobs
        self.files = Files(home / "files")
        self.layouts = home / LAYOUTS_FILE
        self._known = known

    async def receive(self, name: str, file: BinaryIO, *, by: Principal, source: Source = "platform") -> Job:
        """Keep the file and begin its job; a file whose job is not over gets that job again."""
        document = await asyncio.to_thread(self.files.keep, file)
        return await self.jobs.receive(secrets.token_hex(16), document=document, name=name, source=source, by=by.actor)

    async def read(self, job_id: str, tell: Tell = silent) -> ImportReport | None:
        """Have a child read the file and keep its rows, unless it has been read; a report where it cannot be."""
        job = await self.jobs.get(job_id)
        if job.state not in _UNREAD:
            return None
        await self.jobs.clear_rows(job_id)
        await self.jobs.change(job_id, was=_UNREAD, state="reading")
        try:
            opening, count = await self._stage(job, tell)
        except StatementUnreadable as why:
            report = ImportReport(file=job.name, document=job.document, refused=1)
            expected = "a statement this version reads"
            report.problems.append(Problem(job.name, None, why.line, None, why.rule, why.message, expected))
            await self.jobs.clear_rows(job_id)
            await self._end(job_id, report, "unreadable")
            return report
        await self.jobs.change(job_id, was=["reading"], state="read", opening=opening, row_count=count)
        return None

    async def check(self, job_id: str, tell: Tell = silent) -> ImportReport:
        """Say what a file that was read would post; nothing is posted."""
        job = await self.jobs.get(job_id)
        report, _ = await self._planned(job, tell)
        await self._end(job_id, report, _refused(job) if report.problems else "checked")
        return report

    async def post(self, job_id: str, tell: Tell = silent) -> ImportReport:
        """Post a file as somebody ordered: planned anew against the book as it is now, unless it is half posted."""
        job = await self.jobs.get(job_id)
        if job.state == "posting":
            return await self._post(job, tell)
        assert job.state == "ordered" and job.poster is not None
        report, count = await self._planned(job, tell)
        if report.problems or report.replayed:
            await self._end(job_id, report, _refused(job) if report.problems else "posted")
            return report
        # From here on the plan stands: who goes on from a chunk in the middle says what was said at the beginning.
        poster, document = job.poster | {"commands": count}, msgspec.to_builtins(report)
        begun = await self.jobs.change(
            job_id, was=["ordered"], state="posting", poster=poster, report=document, posted_seq=0
        )
        assert begun, "nobody else works on a job that is held"
        return await self._post(await self.jobs.get(job_id), tell)

    async def _end(self, job_id: str, report: ImportReport, state: str) -> None:
        await self.jobs.change(job_id, was=_OPEN, state=state, report=msgspec.to_builtins(report))

    async def _stage(self, job: Job, tell: Tell) -> tuple[dict[str, object], int]:
        """(what the file says besides its rows, how many rows are kept)."""
        opened, count = None, 0
        async for frame in read_in_child(job.name, self.files.path_of(job.document), self.layouts):
            match frame:
                case TradesOpened():
                    opened = frame
                case TradeRows():
                    assert opened is not None
                    await self.jobs.add_rows(job.job_id, list(_staged(frame.rows, opened.platform, count)))
                    count += len(frame.rows)
                    tell("reading", count, 0)
                case TradesClosed():
                    return {"opened": msgspec.to_builtins(opened), "closed": msgspec.to_builtins(frame)}, count
                case Whole():
                    return {"whole": msgspec.to_builtins(frame)}, 0
        raise AssertionError("a child that ends well has told all")

    async def _planned(self, job: Job, tell: Tell) -> tuple[ImportReport, int]:
        """(what the file says and what is wrong, how much would post), beside the book as it is now."""
        count = 0
        report = ImportReport(file=job.name, document=job.document)
        work = await self._known.draft(report, _LEVELS[job.source])
        async for _, wishes in self._pages(job, work, tell, repeats=True):
            count += len(wishes)
        report.problems = [problem for problem in report.problems if not work.is_rejected(problem)]
        report.rejected = len(work.rejected)
        if job.poster is not None and job.poster.get("sign_off"):
            report.warnings += [problem for problem in report.problems if problem.rule == "control_total"]
            report.problems = [problem for problem in report.problems if problem.rule != "control_total"]
            report.signed_off = job.poster["sign_off"]
        if (earlier := await self._known.imported(job.document)) is not None:
            # Its trades may have gone further since, by later files: what it said then is said again.
            report.problems = [problem for problem in report.problems if problem.rule not in OF_THE_BOOK]
            for name in EFFECTS:
                setattr(report, name, int(earlier.figures.get(name, "0")))
            report.replayed = True
        report.refused = len({(p.sheet, p.line) for p in report.problems})
        return report, count

    async def _pages(
        self, job: Job, work: Draft, tell: Tell, *, after: int = 0, repeats: bool = False
    ) -> AsyncIterator[tuple[int, list[Wish]]]:
        """(last row, what its page wishes to post), page by page after row `after`; a small statement has one page."""
        assert job.opening is not None
        if "whole" in job.opening:
            await self._plan_whole(work, msgspec.convert(job.opening["whole"], Whole))
            yield 0, work.take()
            return
        opened = msgspec.convert(job.opening["opened"], TradesOpened)
        waiting = await self._known.waiting_trades()
        plan = TradePlan(work, opened, msgspec.convert(job.opening["closed"], TradesClosed), waiting)
        if repeats:
            await self._set_rejected_aside(job, work)
            await self._set_repeats_aside(job, plan)
        what = "posting" if job.state == "posting" else "checking"
        for first in range(after + 1, job.row_count + 1, CHUNK_ROWS):
            last = min(first + CHUNK_ROWS - 1, job.row_count)
            await self.jobs.connection.plan_for(last)
            rows = [frames.row_of(row.content) for row in await self.jobs.page(job.job_id, first, last)]
            ids = [trade_id_of(opened.platform, row) for row in rows]
            known = await self.jobs.trades(ids)
            keys = [f"trade:{one}" for one in ids if one not in known]
            keys += [void_key(one, row) for one, row in zip(ids, rows, strict=True) if row.quantity < 0]
            plan.take(rows, known, await self.jobs.used(keys))
            yield last, work.take()
            tell(what, last, job.row_count)
        plan.close(job.row_count)

    async def _plan_whole(self, work: Draft, told: Whole) -> None:
        statement = told.settlement or told.summary
        assert statement is not None
        work.report.encoding = statement.encoding
        work.report.problems += [problem_of(problem) for problem in statement.problems]
        work.report.warnings += [problem_of(warning) for warning in statement.warnings]
        statement = replace(statement, rows=tuple(row for row in statement.rows if not work.is_rejected(row)))
        if isinstance(statement, SettlementStatement):
            plan_settlement(work, statement, await self._known.settlements(work, statement))
        else:
            plan_summary(work, statement, await self._known.commitments())

    async def _set_rejected_aside(self, job: Job, work: Draft) -> None:
        await self.jobs.judge_anew(job.job_id)
        if work.rejected:
            rows = await self.jobs.lines(job.job_id, [line for _, line in work.rejected])
            verdicts = {row.seq: "rejected" for row in rows if work.is_rejected(frames.row_of(row.content))}
            await self.jobs.judge(job.job_id, verdicts)

    async def _set_repeats_aside(self, job: Job, plan: TradePlan) -> None:
        """Of rows that are the same trade, keep what posts of them; where they disagree, keep none."""
        verdicts: dict[int, str] = {}
        async for same in self.jobs.repeats(job.job_id):
            trades = [frames.row_of(row.content) for row in same]
            kept = plan.merge(trades)
            verdict = "duplicate" if kept else "conflict"
            verdicts |= {row.seq: verdict for row in same[len(kept) :]}
            # What posts stands in the first rows of the trade, in the order in which it posts.
            for row, was, trade in zip(same, trades, kept, strict=False):
                if trade != was:
                    await self.jobs.rewrite(job.job_id, row.seq, frames.encode_row(trade))
            if len(verdicts) >= CHUNK_ROWS:
                await self.jobs.judge(job.job_id, verdicts)
                verdicts = {}
        await self.jobs.judge(job.job_id, verdicts)

    async def _post(self, job: Job, tell: Tell) -> ImportReport:
        assert job.poster is not None
        principal = msgspec.convert(job.poster["principal"], Principal)
        report = msgspec.convert(job.report, ImportReport)
        door = Door(
            self.writer, principal, file=job.name, document=job.document, keys=f"{job.job_id}/{job.poster['attempt']}"
        )
        work = await self._known.draft(ImportReport(file=job.name, document=job.document), _LEVELS[job.source])
        pages = self._pages(job, work, tell, after=job.posted_seq)
        if job.poster["commands"] < BATCH_MAX:
            earlier = await self._known.imported(job.document)
            wishes = [wish async for _, page in pages for wish in page]
            if earlier is None:
                report.problems += await door.whole([*wishes, _closing(job, report)])
            report.posted = door.posted if earlier is None else job.poster["commands"] + 1
        else:
            await self._post_chunks(job, door, pages, report)
            report.posted = door.posted
        report.replayed = report.posted == 0 and not report.problems
        state = "posted"
        if report.problems:
            report.refused = len({problem.line for problem in report.problems}) if report.posted else report.rows
            state = "partly_posted" if report.posted else _refused(job)
        await self._end(job.job_id, report, state)
        return report

    async def _post_chunks(
        self, job: Job, door: Door, pages: AsyncIterator[tuple[int, list[Wish]]], report: ImportReport
    ) -> None:
        """Post page by page; while one is written the next are planned. The report names the lines refused."""
        flying: deque[tuple[int, asyncio.Task[list[Problem]]]] = deque()
        chunks = -(-job.row_count // CHUNK_ROWS) + 1

        async def land() -> None:
            last, task = flying.popleft()
            problems = await task
            report.problems += problems[: PROBLEMS_SHOWN - len(report.problems)]
            # Whoever goes on from here after a kill has the report as it is here.
            told = {"report": msgspec.to_builtins(report)} if problems else {}
            await self.jobs.change(job.job_id, was=["posting"], posted_seq=last, **told)

        try:
            async for last, wishes in pages:
                chunk = door.chunk(wishes, at=-(-last // CHUNK_ROWS), of=chunks)
                flying.append((last, asyncio.create_task(chunk)))
                if len(flying) > FLYING_MAX:
                    await land()
            while flying:
                await land()
        finally:
            for _, task in flying:
                task.cancel()
        if door.posted or job.posted_seq or not report.problems:
            report.problems += await door.chunk([_closing(job, report)], at=chunks, of=chunks)


async def import_file(
    importer: Importer, name: str, file: BinaryIO, *, by: Principal, dry_run: bool = False, tell: Tell = silent
) -> ImportReport:
    """Take a file all its way at once; on a dry run it is read and checked, and then rejected."""
    job = await importer.receive(name, file, by=by)
    async with importer.jobs.held(job.job_id):
        job = await importer.jobs.get(job.job_id)
        if job.state == "posted":  # by somebody who sent the same file at the same moment
            return replace(msgspec.convert(job.report, ImportReport), posted=0, replayed=True)
        if (refused := await importer.read(job.job_id, tell)) is not None:
            return refused
        if dry_run:
            report = await importer.check(job.job_id, tell)
            report.dry_run = True
            await importer.jobs.change(job.job_id, was=READ, state="rejected")
            return report
        await importer.jobs.order(job.job_id, by, was=READ)
        return await importer.post(job.job_id, tell)


def _staged(rows: list[TradeRow], platform: str, count: int) -> Iterator[StagedRow]:
    for seq, row in enumerate(rows, start=count + 1):
        yield StagedRow(seq, row.line, trade_id_of(platform, row), frames.encode_row(row))


_FILE_FIGURES = (
    "rows", "trades", "duplicates", "withdrawn", "traded", "transferred", "amount_fen", "subscribed",
    "certificates_net", "tail_kwh",
)  # fmt: skip


def _refused(job: Job) -> str:
    return "partly_posted" if job.is_partly_posted else "refused"


def _closing(job: Job, report: ImportReport) -> Wish:
    """The record that an import is in: of the file for good, or of all but the lines that were refused."""
    is_whole = not report.problems
    key = f"import:{job.document}" if is_whole else f"import-in-part:{job.document}"
    record = _record(job, report)
    if not is_whole:
        record.figures["refused"] = str(len({problem.line for problem in report.problems}))
    return record, key, None


def _record(job: Job, report: ImportReport) -> RecordImport:
    figures = {name: str(getattr(report, name)) for name in (*_FILE_FIGURES, *EFFECTS)}
    figures |= {} if report.signed_off is None else {"signed_off": report.signed_off}
    return RecordImport(document=job.document, layout=report.layout, figures=figures)


@contextlib.asynccontextmanager
async def importing(writer: Writer, reader: Reader, *, url: str, home: Path) -> AsyncIterator[Importer]:
    """An importer of the writer's ledger; `url` is the writer login's, for a connection that works on jobs alone."""
    connection = await connect(url)
    try:
        ledger_id = writer.ledger.ledger_id
        known = Known(reader, Scope(ledger_id, ALL_TENANTS))
        yield Importer(writer=writer, known=known, jobs=Jobs(connection, ledger_id), home=home)
    finally:
        await connection.close()
