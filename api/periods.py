"""Periods: months of the book, closed with their figures and opened again by two people."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import JSONBody, PathParameter

from api import problems
from api.park_bodies import ClosingIn, ReopeningIn
from api.problems import Problem
from api.schemas import PeriodOut, PeriodsOut, ReceiptOut
from api.security import MAY_IMPORT, MAY_READ_PARK, credential_of
from api.transactions import IdempotencyKey, submit
from ledger.closing import closing_of
from ledger.core.command import ClosePeriod, ReopenPeriod, canonical
from ledger.core.policy import Period
from ledger.core.record import CloseBody
from ledger.core.refusal import Refusal
from ledger.reports.scope import scope_of

MonthPath = Annotated[str, PathParameter(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM.")]


class PeriodController(Controller):
    """Months of the book, by the days facts count on."""

    path = "/v1/periods"
    tags = ("periods",)

    @get(
        "", operation_id="listPeriods", summary="Periods (期间)", opt=MAY_READ_PARK.opt(),
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def periods(self, request: Request[Any, Any, Any]) -> PeriodsOut:
        """Every close and opening in the order they were made, with the figures each was made with.

        All months up to the latest closed one are closed; a month that is not named is open.
        """
        scope = scope_of(credential_of(request).ledger_id, credential_of(request).principal)
        reading = request.app.state.reading
        rows = await reading.policies(scope, after=-1, limit=1_000_000)
        items = []
        for index, row in rows:
            if not isinstance(row.rule, Period):
                continue
            found = await reading.record(scope, index + 1)
            assert not isinstance(found, Refusal) and isinstance(found[1].body, CloseBody)
            body = found[1].body
            items.append(
                PeriodOut(
                    month=body.month, state=body.state, record=str(index + 1), recorded_at=found[1].recorded_at,
                    tree_size=body.tree_size, figures=body.figures, positions=body.positions,
                )
            )  # fmt: skip
        return PeriodsOut(items=items)

    @post(
        "/{month:str}/closings", operation_id="postPeriodClosing", summary="Close a period (结账)",
        opt=MAY_IMPORT.opt(), responses=problems.declared(*problems.WRITE), status_code=201,
    )  # fmt: skip
    async def close(
        self, request: Request[Any, Any, Any], month: MonthPath, data: JSONBody[ClosingIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """With its trial balance, positions and open breaks as known now: for good only with suspense at zero and
        every import that speaks of it posted or rejected.
        """
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        command = await closing_of(request.app.state.reading, scope, month, data.state)
        if isinstance(command, Refusal):
            raise Problem(command)
        # Asked again, the figures may be others; what was asked for is the month and how.
        asked = ClosePeriod(month=month, state=data.state, tree_size=0, figures={}, positions="")
        return await submit(request, command, key, asked=canonical(asked))

    @post(
        "/{month:str}/reopenings", operation_id="postPeriodReopening", summary="Open a period again (反结账)",
        opt=MAY_IMPORT.opt(), responses=problems.declared(*problems.WRITE), status_code=201,
    )  # fmt: skip
    async def reopen(
        self, request: Request[Any, Any, Any], month: MonthPath, data: JSONBody[ReopeningIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """202: a second person must approve it at /v1/proposals. Only the latest closed period can be opened again."""
        command = ReopenPeriod(month=month, reason=data.reason)
        return await submit(request, command, key)
