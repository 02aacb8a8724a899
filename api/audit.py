"""For auditors: the journal's own bytes in log order, with the root they lead to."""

import base64
import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter

from api import cursors, problems
from api.accounts import KNOWN_AS_OF, Cursor, EffectiveAsOf, Limit, moment_in
from api.problems import Problem
from api.schemas import (
    BalanceChangeOut,
    ChangesOut,
    InvariantsOut,
    LimitsOut,
    MonthChangeOut,
    PositionChangeOut,
    RecordOut,
    RecordsOut,
)
from api.security import MAY_READ_PARK, credential_of
from ledger.core.posting_engine import PIECES_MAX
from ledger.core.quantity import QUANTITY_MAX
from ledger.core.record import RECORD_BYTES_MAX
from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import leaf_hash
from ledger.reports.changes import BalanceChange, changes
from ledger.reports.invariants import invariants
from ledger.reports.reading import LAST_DAY
from ledger.reports.scope import scope_of
from ledger.writer import BATCH_MAX, QUEUE_MAX

RecordLimit = Annotated[int, QueryParameter(ge=1, le=cursors.LIMIT_MAX, description="Records on a page.")]
RecordIndex = Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="Its log index.")]
FromIndex = Annotated[int, QueryParameter(name="from", ge=0, le=2**53, description="The first log index to show.")]
Since = Annotated[
    str,
    QueryParameter(name="from_size", max_length=40, pattern=KNOWN_AS_OF, description="A tree size, or an instant."),
]
Until = Annotated[
    str | None,
    QueryParameter(
        name="to_size", required=False, max_length=40, pattern=KNOWN_AS_OF, description="A later one; by default now."
    ),
]


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
        items = [_record_out(first + at, content) for at, content in enumerate(found[: max(0, size - first)])]
        after = first + len(items)
        return RecordsOut(
            tree_size=str(size),
            root=root.hex(),
            items=items,
            next_cursor=cursors.encode(after) if after < size else None,
        )

    @get(
        "/records/{index:str}", operation_id="getRecord", summary="One journal record",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def record(self, request: Request[Any, Any, Any], index: RecordIndex) -> RecordOut:
        """The bytes that were hashed, for those the record concerns; 404 for all others."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await request.app.state.reading.record(scope, int(index))
        if isinstance(found, Refusal):
            raise Problem(found)
        return _record_out(int(index), found[0])

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

    @get(
        "/changes", operation_id="listChanges", summary="What changed since (期后变动)",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def changes(
        self,
        request: Request[Any, Any, Any],
        from_known: Since,
        to_known: Until = None,
        effective_as_of: EffectiveAsOf = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ChangesOut:
        """What came to be known between two sizes, or instants, and counts up to a day: which balances, positions and
        months differ, and by which transactions. An enterprise sees its own.
        """
        credential, reading = credential_of(request), request.app.state.reading
        scope = scope_of(credential.ledger_id, credential.principal)
        day = effective_as_of or LAST_DAY
        before = await moment_in(reading, request, day, from_known)
        after = await moment_in(reading, request, day, to_known)
        assert before is not None and after is not None
        if before.known_as_of > after.known_as_of:
            raise Problem(refuse("not_found", what=f"changes from {before.known_as_of} to {after.known_as_of}"))
        (after_account,) = cursors.decode(cursor, 1) if cursor is not None else (0,)
        today = datetime.datetime.now(ZoneInfo(credential.zone)).date()
        found = await changes(
            reading, scope, before=before, after=after, today=today, from_account=after_account, limit=limit
        )
        return ChangesOut(
            from_size=str(before.known_as_of),
            to_size=str(after.known_as_of),
            effective_as_of=None if effective_as_of is None else effective_as_of.isoformat(),
            months=[MonthChangeOut(**written(one)) for one in found.months],
            positions=[PositionChangeOut(**written(one)) for one in found.positions],
            balances=[_balance_change(one) for one in found.balances],
            next_cursor=cursors.encode(found.balances[-1].account_id) if len(found.balances) == limit else None,
        )


def written(one: msgspec.Struct) -> dict[str, str]:
    """A struct's fields, numbers as the decimal strings they are on the wire."""
    return {name: str(value) for name, value in msgspec.structs.asdict(one).items()}


def _balance_change(one: BalanceChange) -> BalanceChangeOut:
    return BalanceChangeOut(
        account=one.account,
        commodity=one.commodity,
        before=str(one.before),
        after=str(one.after),
        postings=str(one.postings),
        transactions=[str(index) for index in one.transactions],
    )


def _record_out(index: int, content: bytes) -> RecordOut:
    return RecordOut(
        index=str(index), bytes=base64.b64encode(content).decode(), leaf_hash=leaf_hash(content).hex(),
        record=msgspec.Raw(content),
    )  # fmt: skip


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
