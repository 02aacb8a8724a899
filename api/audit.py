"""For auditors: the journal's own bytes in log order, with the root they lead to."""

import base64
import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Request, get
from litestar.params import QueryParameter

from api import cursors, problems
from api.accounts import Cursor
from api.schemas import InvariantsOut, LimitsOut, RecordOut, RecordsOut
from api.security import MAY_READ_PARK, credential_of
from ledger.core.posting_engine import PIECES_MAX
from ledger.core.quantity import QUANTITY_MAX
from ledger.core.record import RECORD_BYTES_MAX
from ledger.proof.merkle import leaf_hash
from ledger.reports.invariants import invariants
from ledger.reports.scope import scope_of
from ledger.writer import BATCH_MAX, QUEUE_MAX

RecordLimit = Annotated[int, QueryParameter(ge=1, le=cursors.LIMIT_MAX, description="Records on a page.")]
FromIndex = Annotated[int, QueryParameter(name="from", ge=0, le=2**53, description="The first log index to show.")]


class AuditController(Controller):
    """The record itself."""

    path = "/v1/audit"
    tags = ("audit",)

    @get(
        "/records",
        operation_id="listRecords",
        summary="Journal records",
        opt=MAY_READ_PARK.opt(),
        responses=problems.declared(*problems.READ),
    )
    async def records(
        self,
        request: Request[Any, Any, Any],
        first: FromIndex = 0,
        limit: RecordLimit = 100,
        cursor: Cursor = None,
    ) -> RecordsOut:
        """Records from an index on. The bytes shown are the bytes hashed."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        if cursor is not None:
            (first,) = cursors.decode(cursor, 1)
        size, _, root = await request.app.state.reading.head(scope)
        found = await request.app.state.reading.records(scope, first=max(0, first), limit=limit)
        # Records may have come since the size was read; a page never shows more than its root covers.
        items = [
            RecordOut(
                index=str(first + at),
                bytes=base64.b64encode(content).decode(),
                leaf_hash=leaf_hash(content).hex(),
                record=msgspec.Raw(content),
            )
            for at, content in enumerate(found[: max(0, size - first)])
        ]
        after = first + len(items)
        return RecordsOut(
            tree_size=str(size),
            root=root.hex(),
            items=items,
            next_cursor=cursors.encode(after) if after < size else None,
        )

    @get(
        "/invariants", operation_id="checkInvariants", summary="The twelve invariants",
        opt=MAY_READ_PARK.opt(), responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def check(self, request: Request[Any, Any, Any]) -> InvariantsOut:
        """Each as it holds for the whole book now, with what breaks it; takes longer as the book grows."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        today = datetime.datetime.now(ZoneInfo(credential.zone)).date()
        size, verdicts = await invariants(request.app.state.reading, scope, today=today)
        return InvariantsOut(tree_size=str(size), items=verdicts)


class LimitsController(Controller):
    """What one request may carry."""

    path = "/v1/limits"
    tags = ("service",)

    @get("", operation_id="getLimits", summary="Limits", responses=problems.declared(*problems.READ))
    async def limits(self, request: Request[Any, Any, Any]) -> LimitsOut:
        """Limits on transactions, batches, bodies and pages."""
        return LimitsOut(
            pieces_max=PIECES_MAX,
            batch_items_max=BATCH_MAX,
            body_bytes_max=request.app.state.settings.body_bytes_max,
            queue_max=QUEUE_MAX,
            page_max=cursors.LIMIT_MAX,
            record_bytes_max=RECORD_BYTES_MAX,
            quantity_max=str(QUANTITY_MAX),
        )
