"""Closing a month: the figures it is closed with, and what still stands in its way."""

import datetime
import hashlib
from collections.abc import Iterable

import msgspec

from ledger.core.command import ClosePeriod
from ledger.core.periods import first_open_day
from ledger.core.refusal import Refusal, refuse
from ledger.imports.reading import ImportReading, JobSeen
from ledger.imports.reconciling import Reconciling
from ledger.reports.positions import positions
from ledger.reports.reading import Moment, Reading
from ledger.store.session import Scope

_UNDECIDED = {"received", "reading", "read", "checked", "refused", "ordered", "posting", "partly_posted"}
_SETTLED_KINDS = {"MATCHED", "DUPLICATE"}


async def closing_of(reading: Reading, scope: Scope, month: str, state: str) -> ClosePeriod | Refusal:
    """The command that closes a month with its figures as they are known now; `imports_open` while a file waits."""
    first = datetime.date.fromisoformat(f"{month}-01")
    last = datetime.date.fromisoformat(first_open_day(month)) - datetime.timedelta(days=1)
    jobs = await ImportReading(reading.reader).jobs(scope, after=0, limit=10_000)
    waiting = [job for job in jobs if job.state in _UNDECIDED and job.speaks_of(first, last)]
    if state == "closed" and waiting:
        return refuse("imports_open", month=month, count=len(waiting), file=waiting[0].name)
    size, *_ = await reading.head(scope)
    moment = Moment(last, size)
    _, lines = await reading.trial_balance(scope, moment)
    found = await positions(reading, scope, moment, today=last)
    compared = await Reconciling(reading.reader, scope).compare(
        first, last, effective_as_of=last, size=size, today=last
    )
    kinds = [counts.items() for counts in compared.counts.values()]
    breaks = sum(count for counts in kinds for kind, count in counts if kind not in _SETTLED_KINDS)
    figures = {f"{line.commodity}/{line.kind}": str(line.quantity) for line in lines if line.quantity}
    figures |= {"open_breaks": str(breaks), "imports": str(len(_of_month(jobs, first, last)))}
    digest = hashlib.sha256(msgspec.json.encode(found)).hexdigest()
    return ClosePeriod(
        month=month,
        state=state,  # type: ignore[arg-type]  # as asked
        tree_size=size,
        figures=figures,
        positions=digest,
    )


def _of_month(jobs: Iterable[JobSeen], first: datetime.date, last: datetime.date) -> list[JobSeen]:
    return [job for job in jobs if job.state == "posted" and job.speaks_of(first, last)]
