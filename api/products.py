"""Product lots and the carbon embodied in them; what makes and moves them is in `events`."""

from typing import Any

from litestar import Request, get

from api import problems
from api.accounts import EffectiveAsOf, KnownAsOf, moment_in
from api.carbon_schemas import ProductsOut
from api.security import credential_of
from ledger.reports.products import products
from ledger.reports.reading import LAST_DAY, Moment
from ledger.reports.scope import scope_of


@get(
    "/v1/products", operation_id="listProducts", summary="Product lots (隐含碳)", tags=["carbon"],
    responses=problems.declared(*problems.READ),
)  # fmt: skip
async def all_products(
    request: Request[Any, Any, Any], effective_as_of: EffectiveAsOf = None, known_as_of: KnownAsOf = None
) -> ProductsOut:
    """Mass, embodied grams of CO2e, and kg for each tonne, now or on either time axis; an enterprise sees its own."""
    credential = credential_of(request)
    scope = scope_of(credential.ledger_id, credential.principal)
    reading = request.app.state.reading
    moment = await moment_in(reading, request, effective_as_of, known_as_of)
    moment = moment or Moment(LAST_DAY, (await reading.head(scope))[0])
    return ProductsOut(tree_size=str(moment.known_as_of), items=await products(reading, scope, moment))


HANDLERS = (all_products,)
