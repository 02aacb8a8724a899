"""Statements against the book, over HTTP: for any period, on both time axes, as JSON, CSV or XLSX."""

import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from api import problems
from api.accounts import EffectiveAsOf, KnownAsOf, moment_in
from api.problems import Problem
from api.security import MAY_READ_PARK, credential_of
from ledger.core.refusal import refuse
from ledger.imports.reconciliation import Break, Column
from ledger.imports.reconciling import Reconciliation, Reconciling
from ledger.reports.export import Cell, as_csv, as_xlsx
from ledger.reports.scope import scope_of

First = Annotated[datetime.date, QueryParameter(name="from", description="The first day of trades to compare.")]
Last = Annotated[datetime.date, QueryParameter(name="to", description="The last day.")]
Form = Annotated[
    Literal["json", "csv", "xlsx"], QueryParameter(name="format", required=False, description="By default json.")
]
_DOCUMENT = ResponseSpec(Reconciliation, generate_examples=False, description="What agrees, and what does not")
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ReconciliationController(Controller):
    """Three-way reconciliation."""

    path = "/v1/reconciliations"
    tags = ("imports",)

    @get(
        "", operation_id="reconcile", summary="Statements against the book (对账)", opt=MAY_READ_PARK.opt(),
        responses={200: _DOCUMENT} | problems.declared(*problems.READ),
    )  # fmt: skip
    async def compare(
        self,
        request: Request[Any, Any, Any],
        first: First,
        last: Last,
        effective_as_of: EffectiveAsOf = None,
        known_as_of: KnownAsOf = None,
        form: Form = "json",
    ) -> Response[bytes]:
        """Platform statements, enterprises' uploads and the park's summary, each line beside the book's trade.

        CSV has the breaks; XLSX has them, the counts, and the summary's figures.
        """
        if last < first:
            raise Problem(refuse("days_backwards", first=str(first), last=str(last)))
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        today = datetime.datetime.now(ZoneInfo(credential.zone)).date()
        moment = await moment_in(request.app.state.reading, request, effective_as_of, known_as_of)
        size = moment.known_as_of if moment is not None else (await request.app.state.reading.head(scope))[0]
        found = await Reconciling(request.app.state.reading.reader, scope).compare(
            first, last, effective_as_of=effective_as_of or today, size=size, today=today
        )
        name = f"reconciliation-{first}-{last}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'} if form != "json" else {}
        return Response(_written(found, form), media_type=MEDIA_TYPES[form], headers=headers)


def _written(found: Reconciliation, form: str) -> bytes:
    if form == "json":
        return msgspec.json.encode(found)
    breaks = (Break.__struct_fields__, [_cells(one) for one in found.breaks])
    if form == "csv":
        return as_csv(*breaks)
    counts = [(source, kind, count) for source, kinds in found.counts.items() for kind, count in kinds.items()]
    return as_xlsx(
        {
            "breaks": breaks,
            "counts": (("source", "kind", "lines"), counts),
            "summary": (Column.__struct_fields__, [_cells(one) for one in found.summary]),
        }
    )


def _cells(row: Break | Column) -> list[Cell]:
    return [getattr(row, field) for field in row.__struct_fields__]
