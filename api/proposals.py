"""Proposals: what waits for a second person, and their judgement of it."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import PathParameter

from api import cursors, problems
from api.accounts import Cursor, Limit
from api.problems import Problem
from api.schemas import ProposalOut, ProposalsOut, ReceiptOut
from api.security import MAY_JUDGE, credential_of
from api.transactions import IdempotencyKey, answer
from ledger.core.command import Approve, Reject, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.refusal import Refusal
from ledger.reports.reading import ProposalRow
from ledger.reports.scope import scope_of

ProposalPath = Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="Its log index.")]
_JUDGES: dict[str, Any] = {
    "opt": MAY_JUDGE.opt(), "responses": problems.declared(*problems.WRITE), "status_code": 201,
}  # fmt: skip


class ProposalController(Controller):
    """What policy makes wait; an enterprise sees its own."""

    path = "/v1/proposals"
    tags = ("proposals",)

    @get("", operation_id="listProposals", summary="Proposals", responses=problems.declared(*problems.READ))
    async def proposals(
        self, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
    ) -> ProposalsOut:
        """In the order they were made, with what came of them."""
        credential = credential_of(request)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        scope = scope_of(credential.ledger_id, credential.principal)
        rows = await request.app.state.reading.proposals(scope, after=after, limit=limit + 1)
        more = cursors.encode(rows[limit - 1].log_index) if len(rows) > limit else None
        return ProposalsOut(items=[_proposal_out(row) for row in rows[:limit]], next_cursor=more)

    @get(
        "/{proposal:str}", operation_id="getProposal", summary="One proposal",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def proposal(self, request: Request[Any, Any, Any], proposal: ProposalPath) -> ProposalOut:
        """What was asked for, by whom, and what came of it."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await request.app.state.reading.proposal(scope, int(proposal))
        if isinstance(found, Refusal):
            raise Problem(found)
        return _proposal_out(found)

    @post("/{proposal:str}/approvals", operation_id="approveProposal", summary="Approve a proposal", **_JUDGES)
    async def approve(
        self, request: Request[Any, Any, Any], proposal: ProposalPath, key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Its command is decided again and posted: by another person than the one who proposed it, and no system."""
        return await _judge(request, Approve(proposal=int(proposal)), key)

    @post("/{proposal:str}/rejections", operation_id="rejectProposal", summary="Reject a proposal", **_JUDGES)
    async def reject(
        self, request: Request[Any, Any, Any], proposal: ProposalPath, key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Nothing is posted; the receipt is the rejection's own record."""
        return await _judge(request, Reject(proposal=int(proposal)), key)


async def _judge(request: Request[Any, Any, Any], command: Approve | Reject, key: str) -> Response[ReceiptOut]:
    credential = credential_of(request)
    writer = await request.app.state.writers.of(credential)
    asked = LedgerRequest(
        command=command, principal=credential.principal, request_key=key, canonical=canonical(command)
    )
    return answer(await writer.submit(asked))


def _proposal_out(row: ProposalRow) -> ProposalOut:
    return ProposalOut(
        proposal=str(row.log_index),
        command=msgspec.Raw(row.command.encode()),
        role=row.role,
        subject=row.subject,
        state=row.state,
        judged=None if row.judged_index is None else str(row.judged_index),
    )
