"""The exception queue: what keeps statements from posting, since when, and who sees to it."""

import datetime
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.params import QueryParameter

from api import cursors, problems
from api.accounts import Cursor
from api.bodies import PLAIN
from api.import_schemas import ExceptionOut, ExceptionsOut
from api.imports import RowLimit
from api.security import MAY_READ_PARK, credential_of
from ledger.imports.reading import ImportReading
from ledger.reports.scope import scope_of

RuleName = Annotated[
    str | None, QueryParameter(required=False, pattern="^[a-z_]{1,40}$", description="Only problems of this kind.")
]
OwnerName = Annotated[
    str | None,
    QueryParameter(required=False, max_length=100, pattern=PLAIN, description="Only those that this one sees to."),
]


class ExceptionController(Controller):
    """The exception queue (异常队列)."""

    path = "/v1/exceptions"
    tags = ("imports",)

    @get(
        "", operation_id="listExceptions", summary="What keeps statements from posting", opt=MAY_READ_PARK.opt(),
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def exceptions(
        self,
        request: Request[Any, Any, Any],
        rule: RuleName = None,
        owner: OwnerName = None,
        limit: RowLimit = 100,
        cursor: Cursor = None,
    ) -> ExceptionsOut:
        """Of each file's latest import, the oldest first.

        One is resolved by a fact: a name or alias at /v1/parties, a rule, a rejected line, the original's own import;
        then the file is checked again.
        """
        (after,) = (0,) if cursor is None else cursors.decode(cursor, 1)
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        reading = ImportReading(request.app.state.reading.reader)
        found = await reading.exceptions(scope, after=after, limit=limit + 1, rule=rule, owner=owner)
        now = datetime.datetime.now(datetime.UTC)
        items = [
            ExceptionOut(
                import_id=one.import_id, owner=one.owner, since=one.since, age_days=(now - one.since).days,
                problem=one.problem,
            )
            for one in found[:limit]
        ]  # fmt: skip
        return ExceptionsOut(items=items, next_cursor=cursors.encode(after + limit) if len(found) > limit else None)
