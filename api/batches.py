"""Batches: many facts in one request, as a JSON array or NDJSON, all or nothing or each on its own."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, post
from litestar.params import QueryParameter

from api import problems
from api.events import BatchItem, command_in
from api.problems import MisfitError, Problem, malformed
from api.schemas import BatchOut, ItemOut
from api.security import MAY_POST, credential_of
from api.strictness import JSON, parse, refuse_media_type
from api.transactions import IdempotencyKey, receipt_out
from api.wishes import ledger_request
from ledger.core.command import Batch
from ledger.core.command import Request as LedgerRequest
from ledger.core.refusal import Refusal, refuse
from ledger.writer import BATCH_MAX, Outcome, Posted, Refused, Unknown, Writer

NDJSON = "application/x-ndjson"
ERRORS_MAX = 100
Mode = Annotated[
    Literal["all_or_nothing", "independent"],
    QueryParameter(description="Whether one refused item refuses the whole batch."),
]


class BatchController(Controller):
    """Many facts in one request."""

    path = "/v1/batches"
    tags = ("transactions",)

    @post(
        "",
        operation_id="postBatch",
        summary="Post many facts",
        opt=MAY_POST.opt(),
        status_code=200,
        responses=problems.declared(*problems.WRITE),
    )
    async def batch(
        self, request: Request[Any, Any, Any], key: IdempotencyKey, mode: Mode = "all_or_nothing"
    ) -> BatchOut:
        """A JSON array, or one JSON object a line as application/x-ndjson; a result for each item, in order.

        An item's own `key` is its request key; without one it is the header's key and the item's number.
        """
        items = await read_items(request, BatchItem)
        credential = credential_of(request)
        requests: list[LedgerRequest | Refusal] = []
        keys: list[str] = []
        for at, item in enumerate(items, start=1):
            keys.append(item.key or f"{key}/{at}")
            place = Batch(i=str(at), id=key, n=str(len(items)))
            try:
                command = command_in(item, credential.principal.tenant)
            except Problem as why:
                requests.append(why.refusal)
            else:
                requests.append(ledger_request(command, credential, keys[-1], place))
        atomic = mode == "all_or_nothing"
        outcomes = await submit_items(await request.app.state.writers.of(credential), requests, atomic=atomic)
        return batch_out(request, keys, outcomes, atomic=atomic)


async def submit_items(
    writer: Writer, requests: Sequence[LedgerRequest | Refusal], *, atomic: bool
) -> Sequence[Outcome]:
    """The outcomes in order; an item refused before the queue is as one the engine refuses."""
    refused = [(at, r) for at, r in enumerate(requests, start=1) if isinstance(r, Refusal)]
    if refused and atomic:
        at, cause = refused[0]
        outcomes = [Refused(refuse("batch_refused", item=at, refused_code=cause.code))] * len(requests)
        outcomes[at - 1] = Refused(cause)
        return outcomes
    asked = [r for r in requests if not isinstance(r, Refusal)]
    found = iter(await writer.submit_batch(asked, atomic=atomic) if asked else ())
    return [Refused(r) if isinstance(r, Refusal) else next(found) for r in requests]


async def read_items(request: Request[Any, Any, Any], kind: Any) -> Sequence[Any]:
    """The items of a batch's body, each of this type; 400, 415 or 413 where it is none."""
    refuse_media_type(request, JSON, NDJSON)
    content = await request.body()
    if request.content_type[0] == NDJSON:
        lines = [(at, line) for at, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
        _refuse_count(len(lines))
        given = [parse(line, f"line {at}") for at, line in lines]
    else:
        given = parse(content)
        if not isinstance(given, list):
            raise malformed("A batch is a JSON array of items", "批量请求应为 JSON 数组")
        _refuse_count(len(given))
    try:
        return msgspec.convert(given, list[kind])  # at once: the type is looked at anew in each call
    except msgspec.ValidationError:
        raise MisfitError(_misfits(request, given, kind)) from None


def _misfits(request: Request[Any, Any, Any], given: list[Any], kind: Any) -> list[dict[str, str]]:
    """What is wrong with each item that is none, up to ERRORS_MAX."""
    errors: list[dict[str, str]] = []
    for at, item in enumerate(given):
        try:
            msgspec.convert(item, kind)
        except msgspec.ValidationError as fault:
            problem, _, path = str(fault).partition(" - at `$")
            errors.append(problems.schema_error(request, f"[{at}]{path.rstrip('`')}", given, problem))
        if len(errors) == ERRORS_MAX:
            break
    return errors


def _refuse_count(count: int) -> None:
    if not 0 < count <= BATCH_MAX:
        raise malformed(f"A batch has 1 to {BATCH_MAX} items, not {count}", f"每批 1 至 {BATCH_MAX} 项，给出 {count}")


def batch_out(
    request: Request[Any, Any, Any], keys: Sequence[str], outcomes: Sequence[Outcome], *, atomic: bool
) -> BatchOut:
    """The results; an atomic batch that was refused is a problem that carries them."""
    chinese = problems.wants_chinese(request)
    items = [item_out(k, o, chinese=chinese) for k, o in zip(keys, outcomes, strict=True)]
    counts = {
        status: sum(item.status == status for item in items) for status in ("posted", "proposed", "refused", "unknown")
    }
    busy = next((o.refusal for o in outcomes if isinstance(o, Refused) and o.refusal.reason.status == 503), None)
    written = counts["posted"] + counts["proposed"]
    if busy is not None and not written:
        raise Problem(busy)
    if atomic and not written:
        cause = next((o for o in outcomes if isinstance(o, Refused) and o.refusal.code != "batch_refused"), None)
        if cause is not None:
            raise Problem(cause.refusal, record=cause.index, items=items)
        raise Problem(refuse("outcome_unknown"), items=items)
    return BatchOut(**counts, items=items)


def item_out(key: str, outcome: Outcome, *, chinese: bool) -> ItemOut:
    """What became of one item of a batch."""
    match outcome:
        case Posted():
            status = "proposed" if outcome.proposed else "posted"
            return ItemOut(status=status, key=key, replayed=outcome.replayed, receipt=receipt_out(outcome))
        case Refused(refusal=refusal):
            return ItemOut(
                status="refused",
                key=key,
                replayed=outcome.replayed,
                code=refusal.code,
                detail=refusal.detail(chinese=chinese),
                figures=refusal.figures or None,
            )
        case Unknown():
            return ItemOut(status="unknown", key=key, code="outcome_unknown")
