"""Statements, enterprises' own uploads and the park's summary against the book, for a period, on both time axes.

Of several files that tell of one trade the latest counts: that of the latest period, then the last received. Rows are
streamed side by side with the book's trades, so that a million of them take no memory.
"""

import datetime
from collections import Counter
from collections.abc import Iterator
from typing import Any, LiteralString

import msgspec

from ledger.core.party import lookup_name
from ledger.imports import frames
from ledger.imports.documents import SummaryStatement
from ledger.imports.frames import TradesOpened, Whole
from ledger.imports.matching import control_total_ok, summary_controls
from ledger.imports.reconciliation import Break, Column, Held, Kind, Said, column, compared, paired
from ledger.store.session import Query, Reader, Scope

BREAKS_MAX = 10_000
"""Breaks that are listed; the counts are of all."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was compared."""

    import_id: str
    file: str
    document: str
    source: str
    platform: str
    first: datetime.date | None
    last: datetime.date | None


class Reconciliation(msgspec.Struct, kw_only=True):
    """What agrees, and what does not."""

    first: datetime.date
    last: datetime.date
    effective_as_of: datetime.date
    tree_size: int
    sources: list[Source] = msgspec.field(default_factory=list)
    lines: int = 0
    counts: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """By source, how many lines of each kind."""
    breaks: list[Break] = msgspec.field(default_factory=list)
    summary: list[Column] = msgspec.field(default_factory=list)
    """The latest summary of the park in the period, figure by figure."""
    summary_file: str | None = None
    summary_totals_ok: str | None = None


class Reconciling:
    """Compares for one scope; only park-wide roles see any statement."""

    def __init__(self, reader: Reader, scope: Scope) -> None:
        self._reader = reader
        self._scope = scope

    async def compare(
        self,
        first: datetime.date,
        last: datetime.date,
        *,
        effective_as_of: datetime.date,
        size: int,
        today: datetime.date,
    ) -> Reconciliation:
        """Reconcile the trades of the days from `first` to `last`, as of a day and a size."""
        found = Reconciliation(first=first, last=last, effective_as_of=effective_as_of, tree_size=size)
        names, jobs = await self._names_and_jobs()
        parties = dict(names)
        found.sources = [
            source for job in jobs if (source := _source(job)) is not None and _within(source, first, last)
        ]
        work = _Work(found, parties, today)
        ids, ranks = [one.import_id for one in found.sources], list(range(len(found.sources)))
        query = Query(_SIDE_BY_SIDE, (ids, ranks, size, effective_as_of, size, effective_as_of, size, effective_as_of))
        async for row in self._reader.stream(self._scope, query):
            work.take(row)
        async for row in self._reader.stream(self._scope, Query(_DUPLICATES, (ids,))):
            work.duplicate(*row)
        work.close()
        await self._summary(found, parties, jobs)
        return found

    async def summary(
        self, first: datetime.date, last: datetime.date, *, effective_as_of: datetime.date, size: int
    ) -> list[Column]:
        """The latest summary of the park for a month of these days, figure by figure; none where there is none."""
        found = Reconciliation(first=first, last=last, effective_as_of=effective_as_of, tree_size=size)
        names, jobs = await self._names_and_jobs()
        await self._summary(found, dict(names), jobs)
        return found.summary

    async def _names_and_jobs(self) -> list[list[Any]]:
        return await self._reader.fetch(
            self._scope, Query("select lookup, party_id from visible_name"), Query(_JOBS)
        )  # fmt: skip

    async def _summary(self, found: Reconciliation, parties: dict[str, str], jobs: list[tuple[Any, ...]]) -> None:
        """The latest summary that speaks for a month of the period."""
        latest: tuple[str, str, SummaryStatement] | None = None
        for job in jobs:
            told = msgspec.convert(job[4].get("whole", {}), Whole) if isinstance(job[4], dict) else Whole()
            month = told.summary.as_of if told.summary is not None else ""
            if found.first.isoformat()[:7] <= month <= found.last.isoformat()[:7] and (
                latest is None or month >= latest[0]
            ):
                assert told.summary is not None
                latest = (month, str(job[1]), told.summary)
        if latest is None:
            return
        month, found.summary_file, statement = latest
        found.summary_totals_ok = control_total_ok(summary_controls(statement).values())
        axes = (found.effective_as_of, found.tree_size)
        (promised, traded) = await self._reader.fetch(
            self._scope, Query(_PROMISED, axes), Query(_TRADED, (found.tree_size, found.effective_as_of, month))
        )
        found.summary = list(_columns(statement, parties, dict(promised), dict(traded)))


class _Work:
    """One comparison on its way."""

    def __init__(self, found: Reconciliation, parties: dict[str, str], today: datetime.date) -> None:
        self.found = found
        self.counts: dict[str, Counter[str]] = {}
        self._parties = parties
        self._names: dict[str, str | None] = {}
        self._today = today
        self._sources = {one.import_id: one for one in found.sources}
        self._missing: list[Said] = []
        self._unstated: list[Held] = []

    def take(self, row: tuple[Any, ...]) -> None:
        """A statement's row beside the book's trade of the same number; either may be missing."""
        identity, job_id, line, content, *held_values = row
        held = Held(*held_values) if held_values[0] is not None else None
        if content is None:
            assert held is not None
            if held.quantity and self._is_covered(held):
                self._unstated.append(held)
            return
        said = self._said(identity, job_id, line, content)
        if not (self._in_period(said.traded_on) or (held is not None and self._in_period(held.traded_on))):
            return
        self.found.lines += 1
        kind, field, stated, has = compared(said, held)
        if kind == "MISSING_IN_LEDGER" and field == "quantity":
            self._missing.append(said)
        else:
            self._note(kind, said, field, stated, has)

    def duplicate(self, identity: str, job_id: str, line: int, content: bytes) -> None:
        """A line that repeats another of its file."""
        said = self._said(identity, job_id, line, content)
        if self._in_period(said.traded_on):
            self.found.lines += 1
            self._note("DUPLICATE", said, "line", line, None)

    def close(self) -> None:
        """Pair what is missing on either side by its content; what is left is missing."""
        pairs = list(paired(self._missing, self._unstated))
        lines, trades = {id(said) for said, _ in pairs}, {held.trade_id for _, held in pairs}
        for said, held in pairs:
            kind: Kind = "MATCHED" if said.traded_on == held.traded_on else "TIMING"
            self._note(kind, said, "traded_on", said.traded_on, held.traded_on)
        for said in self._missing:
            if id(said) not in lines:
                self._note("MISSING_IN_LEDGER", said, "quantity", said.quantity, None)
        for held in self._unstated:
            if held.trade_id not in trades:
                self._count("platform", "MISSING_IN_STATEMENT")
                age = (self._today - held.traded_on).days
                self._list(
                    Break(
                        kind="MISSING_IN_STATEMENT", source="platform", trade_id=held.trade_id, import_id=None,
                        line=None, buyer=held.buyer, field="quantity", stated=None, held=str(held.quantity),
                        age_days=age,
                    )
                )  # fmt: skip
        self.found.counts = {source: dict(sorted(counts.items())) for source, counts in sorted(self.counts.items())}

    def _said(self, identity: str, job_id: str, line: int, content: bytes) -> Said:
        row = frames.row_of(content)
        name = row.buyer_name
        if name not in self._names:
            self._names[name] = self._parties.get(lookup_name(name))
        return Said(
            identity, job_id, self._sources[job_id].source, line, self._names[name], name, row.quantity, row.price,
            row.amount_fen, row.traded_on, row.transferred_on, row.state,
        )  # fmt: skip

    def _note(self, kind: Kind, said: Said, field: str, stated: object, held: object) -> None:
        self._count(said.source, kind)
        if kind != "MATCHED":
            self._list(
                Break(
                    kind=kind, source=said.source, trade_id=said.trade_id, import_id=said.import_id, line=said.line,
                    buyer=said.buyer, field=field, stated=None if stated is None else str(stated),
                    held=None if held is None else str(held), age_days=(self._today - said.traded_on).days,
                )
            )  # fmt: skip

    def _count(self, source: str, kind: str) -> None:
        self.counts.setdefault(source, Counter())[kind] += 1

    def _list(self, one: Break) -> None:
        if len(self.found.breaks) < BREAKS_MAX:
            self.found.breaks.append(one)

    def _in_period(self, day: datetime.date) -> bool:
        return self.found.first <= day <= self.found.last

    def _is_covered(self, held: Held) -> bool:
        """Whether a statement of the trade's platform speaks of its day: only then is it missing there."""
        platform = held.trade_id.partition("/")[0]
        return self._in_period(held.traded_on) and any(
            one.source == "platform" and one.platform == platform and one.first and one.last
            and one.first <= held.traded_on <= one.last
            for one in self.found.sources
        )  # fmt: skip


def _source(job: tuple[Any, ...]) -> Source | None:
    """A trade statement among the imports; None for any other."""
    import_id, name, document, source, opening = job
    if "opened" not in opening:
        return None
    opened = msgspec.convert(opening["opened"], TradesOpened)
    first, last = (None, None) if opened.period is None else (opened.period.first, opened.period.last)
    return Source(
        import_id=import_id, file=name, document=document, source=source, platform=opened.platform, first=first,
        last=last,
    )  # fmt: skip


def _within(source: Source, first: datetime.date, last: datetime.date) -> bool:
    """Whether the file may speak of a day of the period; one that names none may."""
    return source.first is None or source.last is None or (source.first <= last and source.last >= first)


def _columns(
    statement: SummaryStatement, parties: dict[str, str], promised: dict[str, int], traded: dict[str, int]
) -> Iterator[Column]:
    """The summary's printed figures, enterprise by enterprise, and the sums that no enterprise owes."""
    unallocated = 0
    for row in statement.rows:
        if row.kind != "ENTERPRISE":
            unallocated += row.subscribed or 0
            continue
        party = parties.get(lookup_name(row.name))
        if party is None:
            yield Column(
                enterprise=row.name, figure="subscribed", printed=row.subscribed or 0, half_unit=0, held=0,
                kind="NAME_UNKNOWN",
            )  # fmt: skip
            continue
        yield column(party, "subscribed", row.subscribed or 0, 0, promised.get(f"Commitment:Ent:{party}", 0))
        if row.traded is not None:
            yield column(party, "traded", row.traded, row.traded_half_unit, traded.get(party, 0))
    yield column(None, "subscribed", unallocated, 0, promised.get("Commitment:Unallocated", 0))
    if statement.totals is not None and statement.totals.traded is not None:
        half = statement.totals.traded_half_unit
        yield column(None, "traded", statement.totals.traded, half, sum(traded.values()))


_JOBS: LiteralString = """
    select job_id, name, document, source, opening from visible_import_job
    where opening is not null and state in ('checked', 'refused', 'ordered', 'posting', 'partly_posted', 'posted')
    order by opening #>> '{opened,period,last}' nulls first, received_at
"""
_HELD: LiteralString = """
    select t.trade_id, t.buyer, t.quantity - coalesce(v.quantity, 0) as quantity, t.price, t.amount_fen,
        b.occurred_on as traded_on, m.occurred_on as transferred_on
    from visible_trade t join visible_event b using (log_index)
    left join visible_event m on m.log_index = t.transferred_index and m.log_index < %s and m.effective_on <= %s
    left join (
        select trade_id, sum(quantity)::bigint as quantity from visible_event
        where command = 'void_trade' and log_index < %s and effective_on <= %s group by 1
    ) as v on v.trade_id = t.trade_id
    where b.log_index < %s and b.effective_on <= %s
"""
_SIDE_BY_SIDE: LiteralString = f"""
    with said as (
        select distinct on (j.source, r.identity) r.identity, r.job_id, r.line, r.content
        from unnest(%s::text[], %s::int[]) as asked (job_id, rank)
        join visible_import_job j using (job_id) join visible_import_row r using (job_id)
        where r.verdict is distinct from 'duplicate'
        order by j.source, r.identity, asked.rank desc, r.seq
    ), held as ({_HELD})
    select s.identity, s.job_id, s.line, s.content, h.* from said s full join held h on h.trade_id = s.identity
"""
_DUPLICATES: LiteralString = """
    select identity, job_id, line, content from visible_import_row
    where job_id = any(%s) and verdict = 'duplicate' order by job_id, seq
"""
_PROMISED: LiteralString = """
    select name, balance from (
        select a.name, balance_as_of(a.account_id, %s, %s) as balance from visible_account a
        where a.commodity = 'GECSUB' and a.kind in ('commitment_ent', 'commitment_unallocated')
    ) as one
"""
_TRADED: LiteralString = """
    select buyer, sum(quantity)::bigint from (
        select t.buyer, case e.command when 'trade' then e.quantity else -e.quantity end as quantity
        from visible_event e join visible_trade t using (trade_id) join visible_event b on b.log_index = t.log_index
        where e.command in ('trade', 'void_trade') and e.log_index < %s and e.effective_on <= %s
            and to_char(b.occurred_on, 'YYYY-MM') <= %s
    ) as one group by 1
"""
