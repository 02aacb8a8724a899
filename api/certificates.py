"""Certificates by their codes: chain of custody, and what a retirement says."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter

from api import cursors, problems
from api.accounts import Cursor
from api.bodies import PLAIN
from api.certificate_schemas import CustodyOut, HopOut, LotOut, PlaceOut, RetiredLotOut, RetirementOut
from api.problems import Problem
from api.security import credential_of
from ledger.core.certificate import LotFacts
from ledger.core.refusal import Refusal
from ledger.core.serial_range import SerialRange
from ledger.reports import custody
from ledger.reports.custody import Custody, Hop, Retirement
from ledger.reports.scope import scope_of

CodePath = Annotated[
    str,
    PathParameter(
        min_length=1, max_length=64, pattern=PLAIN, description="A certificate's code: 32 letters and digits."
    ),
]
CodeTo = Annotated[
    str | None,
    QueryParameter(
        name="to", required=False, min_length=1, max_length=64, pattern=PLAIN,
        description="The last code of a range that begins with the path's.",
    ),
]  # fmt: skip
RetirementPath = Annotated[
    str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="The log index of its transaction.")
]
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ)}


class CertificateController(Controller):
    """Where a certificate came from, and where it is."""

    path = "/v1/certificates"
    tags = ("certificates",)

    @get("/{code:str}", operation_id="getCertificate", summary="Chain of custody (全链追溯)", **_READ)
    async def certificate(
        self, request: Request[Any, Any, Any], code: CodePath, to: CodeTo = None, cursor: Cursor = None
    ) -> CustodyOut:
        """From issuance, or entry into the book, to where it lies: one row a hop, with log indexes.

        An enterprise sees the hops of its own accounts; a certificate it never had is not found.
        """
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        found = await custody.custody_of_code(request.app.state.reading, scope, code, to, after=after)
        if isinstance(found, Refusal):
            raise Problem(found)
        return _custody_out(found)


class RetirementController(Controller):
    """Claims that were made."""

    path = "/v1/retirements"
    tags = ("certificates",)

    @get("/{transaction:str}", operation_id="getRetirement", summary="Retirement statement (核销凭证)", **_READ)
    async def retirement(self, request: Request[Any, Any, Any], transaction: RetirementPath) -> RetirementOut:
        """Whose claim, what for, on which proof, with which certificates; what was taken back is named."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await custody.retirement(request.app.state.reading, scope, int(transaction))
        if isinstance(found, Refusal):
            raise Problem(found)
        return _retirement_out(found)

    @get(
        "/{transaction:str}/custody", operation_id="getRetirementCustody", summary="Where retired ones came from",
        **_READ,
    )  # fmt: skip
    async def chains(self, request: Request[Any, Any, Any], transaction: RetirementPath) -> list[CustodyOut]:
        """The chain of custody of the numbered certificates of a retirement, one for each lot."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await custody.custody_of_retirement(request.app.state.reading, scope, int(transaction))
        if isinstance(found, Refusal):
            raise Problem(found)
        return [_custody_out(one) for one in found]


def _custody_out(found: Custody) -> CustodyOut:
    return CustodyOut(
        tree_size=str(found.size),
        lot=_lot_out(found.lot),
        serials=[_pair(piece) for piece in found.serials],
        places=[
            PlaceOut(account=one.account, serials=_pair(one.serials), since=one.since.isoformat())
            for one in found.places
        ],
        hops=[_hop_out(hop) for hop in found.hops],
        next_cursor=None if found.next_after is None else cursors.encode(found.next_after),
    )


def _hop_out(hop: Hop) -> HopOut:
    fields = {name: getattr(hop, name) for name in ("command", "occurred_on", "effective_on", "recorded_at")}
    return HopOut(
        transaction=str(hop.transaction),
        from_account=hop.source,
        to_account=hop.target,
        quantity=str(hop.quantity),
        serials=None if hop.serials is None else _pair(hop.serials),
        evidence_level=hop.level,
        document=hop.document,
        document_line=hop.line,
        **fields,
    )


def _lot_out(facts: LotFacts) -> LotOut:
    known = msgspec.structs.asdict(facts)
    return LotOut(lot=known.pop("code"), **known)


def _pair(piece: SerialRange) -> tuple[str, str]:
    return str(piece.first), str(piece.end - 1)


def _retirement_out(found: Retirement) -> RetirementOut:
    body, claim = found.envelope.body, msgspec.structs.asdict(found.claim)
    return RetirementOut(
        transaction=str(found.transaction),
        claim_record=str(found.claim_record),
        recorded_at=found.envelope.recorded_at,
        occurred_on=body.occurred_on,
        effective_on=body.effective_on,
        evidence_level=body.evidence.level,
        document=body.evidence.document,
        policies=list(body.policies),
        quantity=str(sum(one.quantity for one in found.lots)),
        lots=[
            RetiredLotOut(
                lot=_lot_out(one.lot),
                quantity=str(one.quantity),
                serials=[_pair(piece) for piece in one.serials],
                codes=list(one.codes),
            )
            for one in found.lots
        ],
        reversed_by=[str(index) for index in found.reversed_by],
        **claim,
    )
