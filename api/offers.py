"""Offers between enterprises: what one made or got, and what came of it."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import PathParameter

from api import cursors, problems
from api.accounts import Cursor, Limit
from api.certificate_schemas import OfferedOut, OfferOut, OffersOut
from api.problems import Problem
from api.security import credential_of
from ledger.core.record import Envelope
from ledger.core.refusal import Refusal
from ledger.reports.reading import OfferRow
from ledger.reports.scope import scope_of

OfferPath = Annotated[
    str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="The log index of its transaction.")
]
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ), "tags": ["offers"]}


@get("/v1/offers", operation_id="listOffers", summary="Offers", **_READ)
async def offers(request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None) -> OffersOut:
    """In the order they were made, with what came of them; an enterprise sees those it made or got."""
    credential = credential_of(request)
    (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
    scope = scope_of(credential.ledger_id, credential.principal)
    rows = await request.app.state.reading.offers(scope, after=after, limit=limit + 1)
    more = cursors.encode(rows[limit - 1].log_index) if len(rows) > limit else None
    return OffersOut(items=[_offer_out(row, None) for row in rows[:limit]], next_cursor=more)


@get("/v1/offers/{offer_id:str}", operation_id="getOffer", summary="One offer", **_READ)
async def offer(request: Request[Any, Any, Any], offer_id: OfferPath) -> OfferOut:
    """What is offered, lot by lot, and what came of it."""
    credential = credential_of(request)
    scope, reading = scope_of(credential.ledger_id, credential.principal), request.app.state.reading
    found = await reading.offer(scope, int(offer_id))
    record = found if isinstance(found, Refusal) else await reading.record(scope, int(offer_id))
    if isinstance(record, Refusal):
        raise Problem(record)
    return _offer_out(found, record[1])


HANDLERS = [offers, offer]
"""Functions, because the framework does not let a controller share a path with what posts to it."""


def _offer_out(row: OfferRow, envelope: Envelope | None) -> OfferOut:
    legs = [] if envelope is None else [leg for leg in envelope.body.legs if not leg.quantity.startswith("-")]
    shown = [OfferedOut(lot=leg.lot, quantity=leg.quantity, serials=list(leg.serials)) for leg in legs]
    return OfferOut(
        offer=str(row.log_index),
        enterprise=row.enterprise,
        receiver=row.receiver,
        expires_on=None if row.expires_on is None else row.expires_on.isoformat(),
        state=row.state,
        answered=None if row.answered_index is None else str(row.answered_index),
        certificates=None if envelope is None else shown,
    )
