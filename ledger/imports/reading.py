"""What is told of imports: through the reader's views, so that only park-wide roles see any."""

import datetime
from typing import Any, LiteralString

import msgspec

from ledger.imports import frames
from ledger.imports.documents import TradeRow
from ledger.imports.report import ImportReport, Problem
from ledger.store.session import Query, Reader, Scope


class JobSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One import, as far as it has come."""

    job_id: str
    document: str
    name: str
    source: str
    state: str
    received_by: str
    received_at: datetime.datetime
    changed_at: datetime.datetime
    owner: str
    report: ImportReport | None
    row_count: int
    posted_seq: int
    first: datetime.date | None
    """The days a statement says it covers; None where it names none."""
    last: datetime.date | None
    month: str | None
    """The month a settlement or a summary speaks for."""

    def speaks_of(self, first: datetime.date, last: datetime.date) -> bool:
        """Whether it covers any of these days, as far as it says."""
        if self.month is not None:
            return first.isoformat()[:7] <= self.month <= last.isoformat()[:7]
        return self.first is None or self.last is None or (self.first <= last and self.last >= first)


class RowSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One row of an import as it was read; `verdict` says why it was set aside, if it was."""

    seq: int
    line: int
    identity: str
    verdict: str | None
    values: TradeRow


class ExceptionSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a statement, or a line of one, from posting, since when, and who sees to it."""

    import_id: str
    owner: str
    since: datetime.datetime
    problem: Problem


class ImportReading:
    """Reads imports for those who may see them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def job(self, scope: Scope, job_id: str) -> JobSeen | None:
        """The import of this id, or None."""
        (rows,) = await self._reader.fetch(scope, Query(_JOB, (job_id,)))
        return _seen(rows[0]) if rows else None

    async def jobs(self, scope: Scope, *, after: int, limit: int, state: str | None = None) -> list[JobSeen]:
        """Imports, of one state or of any, newest first, without the first `after`."""
        (rows,) = await self._reader.fetch(scope, Query(_JOBS, (state, state, limit, after)))
        return [_seen(row) for row in rows]

    async def exceptions(
        self, scope: Scope, *, after: int, limit: int, rule: str | None, owner: str | None
    ) -> list[ExceptionSeen]:
        """What waits for somebody's decision, the oldest first, without the first `after`."""
        (rows,) = await self._reader.fetch(scope, Query(_EXCEPTIONS, (rule, rule, owner, owner, limit, after)))
        return [
            ExceptionSeen(import_id=job, owner=whose, since=since, problem=msgspec.convert(problem, Problem))
            for job, whose, since, problem in rows
        ]

    async def rows(
        self, scope: Scope, job_id: str, *, after: int, limit: int, verdict: str | None = None
    ) -> list[RowSeen]:
        """Rows of an import beyond row `after`, in the order of the file."""
        (rows,) = await self._reader.fetch(scope, Query(_ROWS, (job_id, after, verdict, verdict, limit)))
        return [
            RowSeen(seq=seq, line=line, identity=identity, verdict=found, values=frames.row_of(content))
            for seq, line, identity, found, content in rows
        ]


def _seen(row: tuple[Any, ...]) -> JobSeen:
    seen = dict(zip(JobSeen.__struct_fields__, row, strict=True))
    report = None if seen["report"] is None else msgspec.convert(seen["report"], ImportReport)
    return JobSeen(**(seen | {"report": report}))


_COLUMNS: LiteralString = """
    job_id, document, name, source, state, received_by, received_at, changed_at, owner, report, row_count,
    posted_seq,
    (opening #>> '{opened,period,first}')::date, (opening #>> '{opened,period,last}')::date,
    coalesce(opening #>> '{whole,settlement,month}', opening #>> '{whole,summary,as_of}')
"""
_JOB: LiteralString = f"select {_COLUMNS} from visible_import_job where job_id = %s"
_JOBS: LiteralString = f"""
    select {_COLUMNS} from visible_import_job where %s::text is null or state = %s
    order by received_at desc, job_id limit %s offset %s
"""
_ROWS = """
    select seq, line, identity, verdict, content from visible_import_row
    where job_id = %s and seq > %s and (%s::text is null or verdict = %s) order by seq limit %s
"""
_EXCEPTIONS: LiteralString = """
    select j.job_id, j.owner, j.received_at, p.problem
    from visible_import_job j
    cross join lateral jsonb_array_elements(
        case j.state when 'checked' then j.report -> 'warnings' else j.report -> 'problems' end
    ) with ordinality as p (problem, at)
    where (j.state in ('refused', 'unreadable', 'partly_posted')
            or (j.state = 'checked' and p.problem ->> 'rule' in ('price_outlier', 'price_suspect')))
        and (%s::text is null or p.problem ->> 'rule' = %s) and (%s::text is null or j.owner = %s)
        and not exists (select from visible_import_job later where later.document = j.document
            and (later.received_at, later.job_id) > (j.received_at, j.job_id))
    order by j.received_at, j.job_id, p.at limit %s offset %s
"""
