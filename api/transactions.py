"""Writes: one resource for each event of the table, and reading a transaction back."""

import secrets
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter

from api import problems
from api.events import EVENTS, Event, command_in
from api.problems import Problem
from api.schemas import BalanceAfterOut, LegOut, ReceiptOut, TransactionOut
from api.security import MAY_POST, credential_of
from api.wishes import ledger_request
from ledger.core.command import Command, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.refusal import Refusal, refuse
from ledger.reports.scope import scope_of
from ledger.writer import Outcome, Posted, Refused, Unknown

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Freezes the outcome: the same key and request give the same answer for ever.",
    ),
]


def receipt_out(posted: Posted) -> ReceiptOut:
    """What a caller hears of a posted command; the same bytes whenever it asks again."""
    return ReceiptOut(
        status="proposed" if posted.proposed else "posted",
        transaction=str(posted.index),
        recorded_at=posted.recorded_at,
        tree_size=str(posted.tree_size),
        balances=tuple(
            BalanceAfterOut(account=b.account, commodity=b.commodity, quantity=str(b.balance)) for b in posted.balances
        ),
    )


def answer(outcome: Outcome) -> Response[ReceiptOut]:
    """201 with the receipt, 202 where it waits for a second person, or the problem that tells the refusal."""
    match outcome:
        case Posted():
            headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
            status = 202 if outcome.proposed else 201
            return Response(receipt_out(outcome), status_code=status, headers=headers)
        case Refused():
            raise Problem(outcome.refusal, record=outcome.index)
        case Unknown():
            raise Problem(refuse("outcome_unknown"))


async def submit(
    request: Request[Any, Any, Any], command: Command, key: str, *, asked: bytes | None = None
) -> Response[ReceiptOut]:
    """Have a command that is no posting decided, and answer.

    `asked` are the bytes its key is frozen with, where the command says more than the caller did.
    """
    credential = credential_of(request)
    writer = await request.app.state.writers.of(credential)
    wish = LedgerRequest(
        command=command, principal=credential.principal, request_key=key, canonical=asked or canonical(command),
        salt_seed=secrets.token_bytes(32),
    )  # fmt: skip
    return answer(await writer.submit(wish))


_WRITES: dict[str, Any] = {
    "opt": MAY_POST.opt(),
    "responses": problems.declared(*problems.WRITE) | {202: ResponseSpec(ReceiptOut, generate_examples=False)},
    "status_code": 201,
}


def _handler(event: Event) -> HTTPRouteHandler:
    """The route of one event: parse, submit, answer."""

    async def handle(request: Request[Any, Any, Any], data: Any, key: IdempotencyKey) -> Response[ReceiptOut]:
        credential = credential_of(request)
        command = command_in(data, credential.principal.tenant)
        writer = await request.app.state.writers.of(credential)
        return answer(await writer.submit(ledger_request(command, credential, key)))

    handle.__annotations__["data"] = JSONBody[event.body]
    handle.__name__, handle.__doc__ = event.operation, event.text
    path, operation, tags = f"/v1{event.path}", event.operation, ["transactions"]
    return post(path, operation_id=operation, summary=event.summary, tags=tags, **_WRITES)(handle)


HANDLERS = [_handler(event) for event in EVENTS]
"""Every write of a single fact."""


class TransactionController(Controller):
    """Reading a fact back."""

    path = "/v1"
    tags = ("transactions",)

    @get(
        "/transactions/{transaction:str}",
        operation_id="getTransaction",
        summary="One transaction",
        responses=problems.declared(*problems.READ),
    )
    async def transaction(
        self,
        request: Request[Any, Any, Any],
        transaction: Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,18})$", description="Its log index.")],
    ) -> TransactionOut:
        """A transaction by its log index; 404 unless it touches the caller's accounts or the caller is park-wide."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await request.app.state.reading.transaction(scope, int(transaction))
        if isinstance(found, Refusal):
            raise Problem(found)
        envelope, visible = found
        body = envelope.body
        postings = []
        for at, leg in enumerate(body.legs):
            seen = visible.get(at)
            postings.append(
                LegOut(
                    account="withheld" if seen is None else seen[0],
                    commodity=leg.commodity,
                    lot=leg.lot,
                    quantity=leg.quantity,
                    serials=list(leg.serials),
                    balance="withheld" if seen is None else str(seen[1]),
                )
            )
        return TransactionOut(
            transaction=envelope.index,
            recorded_at=envelope.recorded_at,
            command=body.command,
            occurred_on=body.occurred_on,
            effective_on=body.effective_on,
            evidence_level=body.evidence.level,
            document=body.evidence.document,
            document_line=body.evidence.line,
            policies=list(body.policies),
            findings=list(body.findings),
            selection=body.selection,
            trade=None if body.trade is None else body.trade.trade_id,
            postings=postings,
        )
