"""What the API answers about imports and the exception queue."""

import datetime
from typing import Any

from api.schemas import Out
from ledger.imports.report import ImportReport, Problem


class ImportOut(Out, kw_only=True):
    """A statement file on its way: received, reading, read, checked, refused, ordered, posting, posted; or over."""

    id: str
    document: str
    """SHA-256 of the file."""
    file: str
    source: str
    """Whose statement it is: platform, or enterprise."""
    state: str
    received_by: str
    owner: str
    """Who sees to it that it is decided: at first who sent it, then who took it over."""
    received_at: datetime.datetime
    changed_at: datetime.datetime
    rows: int
    posted_rows: int
    report: ImportReport | None
    """What the file says, what was wrong with it, and what was posted."""


class ImportsOut(Out, kw_only=True):
    """A page of imports, newest first."""

    items: list[ImportOut]
    next_cursor: str | None


class ImportRowOut(Out, kw_only=True):
    """A row as it was read."""

    line: int
    identity: str
    """What makes it the same trade in another file."""
    verdict: str | None
    """Why it was set aside: duplicate, conflict, or rejected by somebody."""
    values: dict[str, Any]


class ImportRowsOut(Out, kw_only=True):
    """A page of an import's rows, in the order of the file."""

    items: list[ImportRowOut]
    next_cursor: str | None


class ExceptionOut(Out, kw_only=True):
    """What keeps a statement, or one line of it, from posting."""

    import_id: str
    owner: str
    since: datetime.datetime
    age_days: int
    """Whole days since the file came."""
    problem: Problem


class ExceptionsOut(Out, kw_only=True):
    """A page of the exception queue, the oldest first."""

    items: list[ExceptionOut]
    next_cursor: str | None
