"""Positions by enterprise and for the park: promised, traded, held, used, by vintage, source and route."""

import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Request, get
from litestar.params import QueryParameter

from api import problems
from api.accounts import EffectiveAsOf, KnownAsOf, moment_in
from api.certificate_schemas import PositionOut, PositionsOut, ReckoningOut, RouteOut, RoutesOut
from api.security import credential_of
from ledger.reports import positions
from ledger.reports.positions import Group, Position
from ledger.reports.scope import scope_of

By = Annotated[
    Group | None,
    QueryParameter(required=False, description="One line for each production month, or each source of energy."),
]
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ)}
_FIGURES = tuple(name for name in Position.__struct_fields__ if name not in {"party", "kind", "group"})


class PositionController(Controller):
    """The park's table; an enterprise sees its own lines."""

    path = "/v1/positions"
    tags = ("positions",)

    @get("", operation_id="getPositions", summary="Positions (持仓)", **_READ)
    async def positions(
        self,
        request: Request[Any, Any, Any],
        by: By = None,
        effective_as_of: EffectiveAsOf = None,
        known_as_of: KnownAsOf = None,
    ) -> PositionsOut:
        """Now, or on either time axis. Readings A and C of the promises stand side by side, with how far each figure
        is confirmed: which one is meant, the figures alone cannot say.
        """
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        moment = await moment_in(request.app.state.reading, request, effective_as_of, known_as_of)
        today = datetime.datetime.now(ZoneInfo(credential.zone)).date()
        found = await positions.positions(request.app.state.reading, scope, moment, today=today, by=by)
        return PositionsOut(
            tree_size=str(found.size),
            effective_as_of=None if effective_as_of is None else effective_as_of.isoformat(),
            totals={figure: str(found.total(figure)) for figure in _FIGURES},
            readings={
                name: ReckoningOut(
                    subscribed=str(one.subscribed),
                    traded=str(one.traded),
                    outstanding=str(one.outstanding),
                    fulfilment_percent=one.fulfilment_percent,
                )
                for name, one in found.readings().items()
            },
            subscribed_levels={level: str(quantity) for level, quantity in found.subscribed_levels.items()},
            traded_levels={level: str(quantity) for level, quantity in found.traded_levels.items()},
            lines=[_position_out(line) for line in found.lines],
        )

    @get("/routes", operation_id="getRoutes", summary="How certificates came, and at what cost", **_READ)
    async def routes(
        self, request: Request[Any, Any, Any], effective_as_of: EffectiveAsOf = None, known_as_of: KnownAsOf = None
    ) -> RoutesOut:
        """By route, vintage and source: what was received, what of it was bought at a known price, the average."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        moment = await moment_in(request.app.state.reading, request, effective_as_of, known_as_of)
        size, lines = await positions.routes(request.app.state.reading, scope, moment)
        return RoutesOut(
            tree_size=str(size),
            effective_as_of=None if effective_as_of is None else effective_as_of.isoformat(),
            lines=[
                RouteOut(
                    party=line.party,
                    route=line.route,
                    vintage=line.vintage,
                    source=line.source,
                    received=str(line.received),
                    priced=str(line.priced),
                    cost_fen=str(line.cost_fen),
                    average_yuan=line.average_yuan,
                )
                for line in lines
            ],
        )


def _position_out(line: Position) -> PositionOut:
    known = msgspec.structs.asdict(line)
    return PositionOut(**known | {figure: str(known[figure]) for figure in _FIGURES})
