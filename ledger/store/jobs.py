"""Imports on their way: what was received, the rows as they were read, and how far each import has come."""

import contextlib
import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from ledger.core.command import Principal
from ledger.store.literals import texts
from ledger.store.session import Keyed, connect

Connection = Keyed
PAGE = 2_000
"""Rows read at a time."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One upload of a file, as far as it has come."""

    ledger_id: int
    job_id: str
    document: str
    """SHA-256 of the file."""
    name: str
    source: str
    """Whose statement it is: platform, or enterprise."""
    state: str
    received_by: str
    received_at: datetime.datetime
    changed_at: datetime.datetime
    owner: str
    """Who sees to it that it is decided: at first, who sent it."""
    poster: dict[str, Any] | None
    """Who had it posted, and at which attempt."""
    opening: dict[str, Any] | None
    report: dict[str, Any] | None
    row_count: int
    posted_seq: int
    """The last row of those whose chunks are posted."""

    @property
    def is_partly_posted(self) -> bool:
        """Whether an earlier attempt posted all but some lines, which were refused."""
        return self.state == "partly_posted" or bool((self.poster or {}).get("partly"))


class StagedRow(msgspec.Struct, frozen=True):
    """A row as it was read; `seq` counts from 1 in the order of the file."""

    seq: int
    line: int
    identity: str
    content: bytes
    verdict: str | None = None


_COLUMNS = """ledger_id, job_id, document, name, source, state, received_by, received_at, changed_at, owner, poster,
    opening, report, row_count, posted_seq"""


class Jobs:
    """The jobs of one ledger, over one connection of the writer's login."""

    def __init__(self, connection: Connection, ledger_id: int) -> None:
        self.connection = connection
        self.ledger_id = ledger_id

    async def receive(self, job_id: str, *, document: str, name: str, source: str, by: str) -> Job:
        """The job of a file just received; one that is not over yet of the same file is given back instead."""
        async with self.connection.transaction():
            # Two uploads of one file at the same moment take turns.
            await self.connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 11))", (document,))
            earlier = await self._one("document = %s and state <> all(%s) order by received_at desc", document, OVER)
            if earlier is not None:
                return earlier
            await self.connection.execute(
                "insert into import_job (ledger_id, job_id, document, name, source, state, received_by, owner) "
                "values (%s, %s, %s, %s, %s, 'received', %s, %s)",
                (self.ledger_id, job_id, document, name, source, by, by),
            )
        return await self.get(job_id)

    async def get(self, job_id: str) -> Job:
        """The job of this id; KeyError where there is none."""
        job = await self._one("job_id = %s", job_id)
        if job is None:
            raise KeyError(job_id)
        return job

    async def unfinished(self) -> list[str]:
        """Jobs that somebody began to read, or to post, and that nobody may be working on."""
        text = "select job_id from import_job where ledger_id = %s and state = any(%s)"
        cursor = await self.connection.execute(text, (self.ledger_id, UNFINISHED))
        return [job_id for (job_id,) in await cursor.fetchall()]

    @contextlib.asynccontextmanager
    async def held(self, job_id: str) -> AsyncIterator[None]:
        """Work on a job alone: whoever else does is waited for."""
        await self.connection.execute("select pg_advisory_lock(hashtextextended(%s, 12))", (job_id,))
        try:
            yield
        finally:
            await self.connection.execute("select pg_advisory_unlock(hashtextextended(%s, 12))", (job_id,))

    async def change(self, job_id: str, *, was: Sequence[str], **fields: Any) -> bool:
        """Set these columns if the job is in one of these states; whether it was."""
        columns = ", ".join(f"{name} = %({name})s" for name in fields)
        values = {
            name: Jsonb(value) if name in _JSON and value is not None else value for name, value in fields.items()
        }
        text = (
            f"update import_job set {columns}, changed_at = now() "
            "where ledger_id = %(of_ledger)s and job_id = %(of_job)s and state = any(%(was)s)"
        )
        values |= {"of_ledger": self.ledger_id, "of_job": job_id, "was": list(was)}
        cursor = await self.connection.execute(text, values)  # type: ignore[arg-type]  # column names of ours
        return cursor.rowcount == 1

    async def order(self, job_id: str, by: Principal, *, was: Sequence[str], sign_off: str | None = None) -> bool:
        """Have the job posted for somebody, at an attempt of its own; whether it was in one of these states.

        `sign_off` says why totals that differ are accepted.
        """
        job = await self.get(job_id)
        attempt = 1 + int((job.poster or {}).get("attempt", 0))
        poster = {"attempt": attempt, "principal": msgspec.to_builtins(by), "sign_off": sign_off}
        poster["partly"] = job.is_partly_posted
        return await self.change(job_id, was=was, state="ordered", poster=poster)

    async def clear_rows(self, job_id: str) -> None:
        """Forget the rows of a job, to be read again or no longer needed."""
        text = "delete from import_row where ledger_id = %s and job_id = %s"
        await self.connection.execute(text, (self.ledger_id, job_id))

    async def add_rows(self, job_id: str, rows: Sequence[StagedRow]) -> None:
        """Keep rows as they were read."""
        text = "copy import_row (ledger_id, job_id, seq, line, identity, content) from stdin (format binary)"
        async with self.connection.transaction(), self.connection.cursor() as cursor, cursor.copy(text) as copy:
            copy.set_types(["int4", "text", "int8", "int4", "text", "bytea"])
            for row in rows:
                await copy.write_row((self.ledger_id, job_id, row.seq, row.line, row.identity, row.content))

    async def repeats(self, job_id: str) -> AsyncIterator[list[StagedRow]]:
        """The rows of each identity that more than one row of the job has, in the order of the file.

        Other statements may be sent in between: all of it is one transaction.
        """
        async with self.connection.transaction(), self.connection.cursor(name="repeats") as cursor:
            cursor.itersize = PAGE
            await cursor.execute(_REPEATS, (self.ledger_id, job_id, self.ledger_id, job_id))
            same: list[StagedRow] = []
            async for row in cursor:
                if same and same[0].identity != row[2]:
                    yield same
                    same = []
                same.append(StagedRow(*row))
            if same:
                yield same

    async def page(self, job_id: str, first: int, last: int) -> list[StagedRow]:
        """The rows to be posted from `first` to `last`, without repeats and rows set aside."""
        text = (
            "select seq, line, identity, content, verdict from import_row where ledger_id = %s and job_id = %s "
            "and seq between %s and %s and verdict is null order by seq"
        )
        cursor = await self.connection.execute(text, (self.ledger_id, job_id, first, last))
        return [StagedRow(*row) for row in await cursor.fetchall()]

    async def judge(self, job_id: str, verdicts: dict[int, str]) -> None:
        """Set rows aside, each with its verdict."""
        text = (
            "update import_row r set verdict = v.verdict from unnest(%s::bigint[], %s::text[]) as v (seq, verdict) "
            "where r.ledger_id = %s and r.job_id = %s and r.seq = v.seq"
        )
        if verdicts:
            await self.connection.execute(text, (list(verdicts), list(verdicts.values()), self.ledger_id, job_id))

    async def judge_anew(self, job_id: str) -> None:
        """Take every verdict back."""
        text = "update import_row set verdict = null where ledger_id = %s and job_id = %s and verdict is not null"
        await self.connection.execute(text, (self.ledger_id, job_id))

    async def lines(self, job_id: str, lines: Sequence[int]) -> list[StagedRow]:
        """The rows that stand in these lines, of whatever sheet."""
        text = (
            "select seq, line, identity, content, verdict from import_row "
            "where ledger_id = %s and job_id = %s and line = any(%s)"
        )
        cursor = await self.connection.execute(text, (self.ledger_id, job_id, list(lines)))
        return [StagedRow(*row) for row in await cursor.fetchall()]

    async def rewrite(self, job_id: str, seq: int, content: bytes) -> None:
        """Put what two rows of one trade say together into the first of them."""
        text = "update import_row set content = %s where ledger_id = %s and job_id = %s and seq = %s"
        await self.connection.execute(text, (content, self.ledger_id, job_id, seq))

    async def trades(self, trade_ids: list[str]) -> dict[str, Any]:
        """Of these trades, what the book knows: (id, buyer, quantity, price, fen, state, seller, whether numbered)."""
        # By this connection, whose plans go by key whatever the tables' statistics say: a chunk asks for a thousand.
        cursor = await self.connection.execute(_TRADES, (texts(trade_ids), self.ledger_id, self.ledger_id))
        return {row[0]: row for row in await cursor.fetchall()}

    async def used(self, evidence_keys: list[str]) -> set[str]:
        """Which of these evidence keys are used up."""
        cursor = await self.connection.execute(_USED, (texts(evidence_keys), self.ledger_id))
        return {key for (key,) in await cursor.fetchall()}

    async def _one(self, condition: str, *parameters: Any) -> Job | None:
        text = f"select {_COLUMNS} from import_job where ledger_id = %s and {condition} limit 1"
        cursor = await self.connection.execute(text, (self.ledger_id, *parameters))  # type: ignore[arg-type]  # ours
        row = await cursor.fetchone()
        return None if row is None else Job(**dict(zip(Job.__struct_fields__, row, strict=True)))


async def ledgers_at_work(url: str) -> list[tuple[int, str, str]]:
    """(ledger id, name, zone) of the ledgers that have jobs on which there is work to do."""
    connection = await connect(url)
    try:
        text = """
            select distinct ledger_id, l.name, zone from ledger l join import_job j using (ledger_id)
            where j.state = any(%s) order by 1
        """
        return await (await connection.execute(text, (UNFINISHED,))).fetchall()
    finally:
        await connection.close()


OVER = ["posted", "rejected", "unreadable", "refused"]
"""States in which a file that is sent again gets a job of its own."""
UNFINISHED = ["received", "reading", "read", "ordered", "posting"]
"""States in which there is work to do on a job, whoever began it."""
_JSON = {"poster", "opening", "report"}
_REPEATS = """
    select r.seq, r.line, r.identity, r.content, r.verdict
    from (
        select seq, identity in (lag(identity) over w, lead(identity) over w) as is_repeated
        from import_row where ledger_id = %s and job_id = %s and verdict is null window w as (order by identity, seq)
    ) as marked
    cross join lateral (
        select * from import_row r where r.ledger_id = %s and r.job_id = %s and r.seq = marked.seq offset 0
    ) as r
    where marked.is_repeated order by r.identity, r.seq
"""
_TRADES = """
    select t.trade_id, t.buyer, t.quantity, t.price, t.amount_fen, t.state, t.seller, l.numbered
    from unnest(%s::text[]) as asked (trade_id)
    cross join lateral (select * from trade where ledger_id = %s and trade_id = asked.trade_id limit 1) as t
    cross join lateral (select numbered from lot where ledger_id = %s and lot_id = t.lot_id limit 1) as l
"""
_USED = """
    select asked.evidence_key from unnest(%s::text[]) as asked (evidence_key)
    cross join lateral (
        select from evidence e where e.ledger_id = %s and e.evidence_key = asked.evidence_key limit 1
    ) as used
"""
