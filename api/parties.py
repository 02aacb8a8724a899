"""Parties: who the book knows, under which names; registering them, and what changes about them."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import JSONBody, PathParameter

from api import problems
from api.park_bodies import PartyChangeIn, PartyIn
from api.problems import Problem
from api.schemas import PartiesOut, PartyChangeOut, PartyOut, ReceiptOut
from api.security import MAY_REGISTER, credential_of
from api.transactions import IdempotencyKey, submit
from ledger.core.command import ChangeParty, RegisterParty
from ledger.core.refusal import refuse
from ledger.reports.parties import PartyLine, parties
from ledger.reports.scope import scope_of

PartyPath = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="The party's id.")]
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ), "tags": ["parties"]}
_WRITE: dict[str, Any] = {
    "opt": MAY_REGISTER.opt(), "responses": problems.declared(*problems.WRITE), "status_code": 201, "tags": ["parties"],
}  # fmt: skip


class PartyController(Controller):
    """Who the book knows; an enterprise sees itself."""

    path = "/v1/parties"

    @get("", operation_id="listParties", summary="Parties", **_READ)
    async def all_parties(self, request: Request[Any, Any, Any]) -> PartiesOut:
        """By id, each with its newest name and all that changed about it; an enterprise sees itself."""
        credential = credential_of(request)
        found = await parties(request.app.state.reading, scope_of(credential.ledger_id, credential.principal))
        return PartiesOut(items=[_party_out(line) for line in found])

    @get("/{party_id:str}", operation_id="getParty", summary="One party", **_READ)
    async def one_party(self, request: Request[Any, Any, Any], party_id: PartyPath) -> PartyOut:
        """Its names as dated facts; 404 also for another enterprise."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await parties(request.app.state.reading, scope, party=party_id)
        if not found:
            raise Problem(refuse("not_found", what=f"party {party_id}"))
        return _party_out(found[0])

    @post("", operation_id="postParty", summary="Register a party (登记主体)", **_WRITE)
    async def register(
        self, request: Request[Any, Any, Any], data: JSONBody[PartyIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """An enterprise, a project, a province, a platform or an outside seller, with the accounts it needs.

        Names are kept beside the journal, which has their salted hashes; no two parties share one.
        """
        command = RegisterParty(
            party=data.party, kind=data.kind, name=data.name, aliases=data.aliases, sector=data.sector, usci=data.usci,
            grid_user=data.grid_user,
        )  # fmt: skip
        return await submit(request, command, key)

    @post("/{party_id:str}/changes", operation_id="postPartyChange", summary="Change a party", **_WRITE)
    async def change(
        self, request: Request[Any, Any, Any], party_id: PartyPath, data: JSONBody[PartyChangeIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """A new name, a further alias, its exit, or its merger into another, from a day on; nothing is edited.

        Who exited or merged receives nothing from that day on; statements that name it mean who remains.
        """
        command = ChangeParty(
            party=party_id,
            change=data.change,
            on=data.on.isoformat(),
            name=data.name,
            into=data.into,
            document=data.document,
        )
        return await submit(request, command, key)


def _party_out(line: PartyLine) -> PartyOut:
    changes = [
        PartyChangeOut(record=str(one.record), change=one.change, on=one.on.isoformat(), into=one.into, name=one.name)
        for one in line.changes
    ]
    return PartyOut(
        party=line.party,
        kind=line.kind,
        name=line.name,
        registered=str(line.registered),
        exited_on=None if line.exited_on is None else line.exited_on.isoformat(),
        merged_into=line.merged_into,
        changes=changes,
    )
