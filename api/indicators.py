"""Indicators, ranking and checks for the regulator; an enterprise sees its own line."""

import datetime
from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.params import QueryParameter

from api import problems
from api.accounts import KnownAsOf
from api.carbon_schemas import ReproducedOut, SavingOut
from api.inventories import FactorsOn, Year, YearOrNow, footprint_of, pin_in, today_of
from api.problems import Problem
from api.security import credential_of
from ledger.core.indicators import Reproduced, province_saving, reproduce
from ledger.core.quantity import plain, rounded
from ledger.core.refusal import Refusal
from ledger.imports.reconciliation import Column
from ledger.imports.reconciling import Reconciling
from ledger.reports.indicators import Indicators, indicators
from ledger.reports.scope import scope_of
from ledger.reports.warnings import EarlyWarning, Warnings, warnings

_FIGURE = r"^[0-9]{1,12}([.][0-9]{1,6})?$"
Figure = Annotated[str | None, QueryParameter(required=False, pattern=_FIGURE, description="As it was published.")]
On = Annotated[datetime.date | None, QueryParameter(name="on", required=False, description="By the rules of this day.")]


class IndicatorController(Controller):
    """What the park is measured by."""

    path = "/v1/indicators"
    tags = ("carbon",)

    @get(
        "",
        operation_id="getIndicators",
        summary="Indicators and ranking (指标)",
        responses=problems.declared(*problems.READ),
    )
    async def indicators(
        self, request: Request[Any, Any, Any], year: Year, known_as_of: KnownAsOf = None, factors_on: FactorsOn = None
    ) -> Indicators:
        """By enterprise, industry and park: numerator and denominator beside every share, held against its target
        unrounded. Enterprises without readings have no share and no rank; where no rule says what counts for the year,
        nobody has.
        """
        pin = await pin_in(request, year, known_as_of, factors_on)
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        return await indicators(request.app.state.reading, footprint_of(request), scope, pin)

    @get(
        "/published", operation_id="checkPublished", summary="Can a published claim be reproduced?",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def published(
        self,
        request: Request[Any, Any, Any],
        energy_mwh: Annotated[str, QueryParameter(pattern=r"^[1-9][0-9]{0,11}([.][0-9]{1,6})?$", description="MWh.")],
        tce: Figure = None,
        tco2: Figure = None,
        on: On = None,
    ) -> list[ReproducedOut]:
        """Electricity and the standard coal or CO2 it is said to be worth, beside what every known factor gives.

        That no factor gives it is an answer, and no error.
        """
        policies = await footprint_of(request).policies(2**62)
        day = (on or today_of(request)).isoformat()
        asked = ((tce, "tce"), (tco2, "tCO2"))
        energy = Decimal(energy_mwh)
        return [
            _reproduced(reproduce(energy, figure, unit, policies, on=day))  # type: ignore[arg-type]  # one of both
            for figure, unit in asked
            if figure is not None
        ]

    @get(
        "/savings", operation_id="getSaving", summary="A province's saving by certificates (113号)",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def savings(
        self,
        request: Request[Any, Any, Any],
        needed_tce: Annotated[str, QueryParameter(pattern=_FIGURE, description="The saving the province needs.")],
        cross_province: Annotated[
            int, QueryParameter(ge=0, le=10**12, description="Certificates bought from other provinces.")
        ],
        on: On = None,
    ) -> SavingOut:
        """Those bought across provinces by the calorific value, up to the cap; all others count nothing here."""
        policies = await footprint_of(request).policies(2**62)
        day = (on or today_of(request)).isoformat()
        found = province_saving(Decimal(needed_tce), cross_province, policies, on=day)
        if isinstance(found, Refusal):
            raise Problem(found)
        return SavingOut(
            bought_tce=plain(found.bought), cap_tce=plain(found.cap), counted_tce=plain(found.counted),
            coefficient=found.coefficient,
        )  # fmt: skip


class WarningController(Controller):
    """What somebody should look at."""

    path = "/v1/warnings"
    tags = ("carbon",)

    @get(
        "",
        operation_id="listWarnings",
        summary="Early warnings (预警)",
        responses=problems.declared(*problems.READ),
    )
    async def warnings(
        self, request: Request[Any, Any, Any], year: YearOrNow = None, known_as_of: KnownAsOf = None, on: On = None
    ) -> Warnings:
        """Certificates about to lapse or of no use for the year, trades long in clearing or far off the usual price,
        gaps near the year's end, claims above consumption, promises nothing is done about, too much surrendered, a
        restatement that is due, rules and factors that have run out, and where the park's summary of the year differs
        from the book.

        An enterprise hears of its own. The same size and day give the same warnings for ever, but for a summary: it is
        no fact of the book, and told of from when it was received.
        """
        pin = await pin_in(request, year, known_as_of, on)
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        reading = request.app.state.reading
        first, last = datetime.date(int(pin.year), 1, 1), datetime.date(int(pin.year), 12, 31)
        summary = await Reconciling(reading.reader, scope).summary(
            first, min(pin.on, last), effective_as_of=pin.on, size=pin.size
        )
        besides = [_of_summary(one) for one in summary if one.kind != "MATCHED"]
        return await warnings(reading, footprint_of(request), scope, pin, besides=besides)


def _of_summary(one: Column) -> EarlyWarning:
    """A figure of the park's summary that is off by more than its rounding."""
    figures = {"figure": one.figure, "printed": str(one.printed), "held": str(one.held), "as": one.kind}
    off = str(abs(one.printed - one.held))
    return EarlyWarning(kind="summary_differs", enterprise=one.enterprise, quantity=off, figures=figures)


def _reproduced(found: Reproduced) -> ReproducedOut:
    return ReproducedOut(
        published=found.published, unit=found.unit, implied_per_mwh=rounded(found.implied, places=4),
        verdict="reproducible" if found.reproducible else "not_reproducible_with_known_factors",
        # Of two declared alike the later one is known today, whatever it took the place of.
        by={f"{rule.factor_set}/{rule.of}/{rule.region}": plain(given) for _, rule, given in reversed(found.by)},
    )  # fmt: skip
