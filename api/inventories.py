"""Inventories: drafts at any size, pinned submissions, a second person's word, and what a figure is made of."""

import datetime
import hashlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from api import cursors, problems
from api.accounts import Cursor, KnownAsOf, Limit, moment_in
from api.carbon_bodies import InventoryIn, JudgementIn
from api.carbon_schemas import FactorOut, FactorsOut, InventoryOut, SubmissionOut, SubmissionsOut
from api.problems import Problem
from api.reconciliations import MEDIA_TYPES, Form
from api.schemas import ReceiptOut
from api.security import MAY_JUDGE, MAY_POST, credential_of
from api.transactions import IdempotencyKey, submit
from ledger.core.activity import FIRST_DAY
from ledger.core.carbon_rules import Factor
from ledger.core.command import JudgeInventory, SubmitInventory, canonical
from ledger.core.facts import InventoryFacts
from ledger.core.inventory import Document, Inputs, causes
from ledger.core.policy import in_force
from ledger.core.refusal import Refusal, refuse
from ledger.reports.explanation import Explanation, Figure, explain
from ledger.reports.export import as_csv, as_xlsx
from ledger.reports.footprint import Footprint, ParkInventory, Pin
from ledger.reports.inventory_tables import lines, park_workbook, workbook
from ledger.reports.scope import scope_of

Year = Annotated[str, QueryParameter(pattern=r"^20[0-9]{2}$", description="The year of consumption, YYYY.")]
YearOrNow = Annotated[
    str | None, QueryParameter(name="year", required=False, pattern=r"^20[0-9]{2}$", description="By default this one.")
]
Enterprise = Annotated[
    str | None,
    QueryParameter(
        required=False,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="One enterprise; without it, all.",
    ),
]
FactorsOn = Annotated[
    datetime.date | None,
    QueryParameter(required=False, description="The newest factors published by this day judge; by default today."),
]
Record = Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="The submission's log index.")]
PATH = r"^[A-Za-z0-9._-]{1,64}(/[0-9]{1,6}(/(~certificates|[A-Za-z0-9._-]{1,64}))?)?$"
Found = TypeVar("Found")
_SUBMITTED = ResponseSpec(InventoryOut, generate_examples=False, description="As it was submitted")
_DRAFT = ResponseSpec(Document | ParkInventory, generate_examples=False, description="Emissions of the year")


async def pinned_size(request: Request[Any, Any, Any], known_as_of: str | None) -> int:
    """The size that is asked for, or the newest."""
    reading = request.app.state.reading
    moment = await moment_in(reading, request, None, known_as_of)
    if moment is not None:
        return moment.known_as_of
    credential = credential_of(request)
    return (await reading.head(scope_of(credential.ledger_id, credential.principal)))[0]


class FactorController(Controller):
    """Emission factors and coefficients of standard coal; they are put in force at /v1/policies, as all rules are."""

    path = "/v1/factors"
    tags = ("carbon",)

    @get("", operation_id="listFactors", summary="Factors (因子)", responses=problems.declared(*problems.READ))
    async def factors(self, request: Request[Any, Any, Any], factors_on: FactorsOn = None) -> FactorsOut:
        """Those published by a day, each with its set, region, source and record."""
        credential = credential_of(request)
        scope = scope_of(credential.ledger_id, credential.principal)
        on = (factors_on or today_of(request)).isoformat()
        rows = await request.app.state.reading.policies(scope, after=-1, limit=1_000_000)
        return FactorsOut(
            items=[
                FactorOut(
                    record=str(index), factor_set=rule.factor_set, of=rule.of, material=rule.material,
                    method=rule.method, region=rule.region, value=rule.value, per=rule.per, data_year=rule.data_year,
                    published_on=row.in_force_from, source=row.source,
                )
                for index, row in rows
                if isinstance(rule := row.rule, Factor) and in_force(row, on)
            ]
        )  # fmt: skip


class InventoryController(Controller):
    """Inventories (碳排放清单); an enterprise sees its own."""

    path = "/v1/inventories"
    tags = ("carbon",)

    @get(
        "/draft", operation_id="getDraftInventory", summary="A year's emissions as known at a size",
        responses={200: _DRAFT} | problems.declared(*problems.READ),
    )  # fmt: skip
    async def draft(
        self,
        request: Request[Any, Any, Any],
        year: YearOrNow = None,
        enterprise: Enterprise = None,
        known_as_of: KnownAsOf = None,
        factors_on: FactorsOn = None,
        form: Form = "json",
    ) -> Response[bytes]:
        """Of one enterprise, or of the park with each enterprise and their sums. The same size and day give the same
        bytes for ever; what is not known is told: days without a reading, enterprises without meters, readings or
        factors. CSV has the lines; XLSX also figures, standard coal, gaps, and who is in no total.
        """
        pin = await pin_in(request, year, known_as_of, factors_on)
        footprint, tenant = footprint_of(request), credential_of(request).principal.tenant
        if (enterprise or tenant) is None:
            park = await footprint.park(pin)
            made: dict[str, Callable[[], bytes]] = {
                "json": lambda: msgspec.json.encode(park),
                "csv": lambda: as_csv(*lines(park.enterprises)),
                "xlsx": lambda: as_xlsx(park_workbook(park)),
            }
        else:
            found = _sound(await footprint.document(_sound(await footprint.of(pin, enterprise or tenant or "")), pin))
            made = _of_one(found) | {"json": found.content}
        return _in_form(made[form], form, f"inventory-{pin.year}")

    @get(
        "/explanation", operation_id="explainFigure", summary="What a figure is made of",
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def explanation(
        self,
        request: Request[Any, Any, Any],
        figure: Annotated[Figure, QueryParameter(description="The figure of the inventory.")],
        path: Annotated[
            str | None,
            QueryParameter(required=False, pattern=PATH, description="A part's `path`; none: the park."),
        ] = None,
        year: YearOrNow = None,
        known_as_of: KnownAsOf = None,
        factors_on: FactorsOn = None,
    ) -> Explanation:
        """Its parts, which sum to it exactly, each with the path that leads further down: enterprise, line, meter,
        reading or retirement, and there the record's log index.
        """
        steps = tuple(path.split("/")) if path else ()
        pin = await pin_in(request, year, known_as_of, factors_on)
        inputs = await footprint_of(request).inputs(pin, enterprise=steps[0] if steps else None)
        found = explain(inputs, figure, steps, year=pin.year, size=pin.size)
        if isinstance(found, Refusal):
            raise Problem(found)
        return found

    @get(
        "", operation_id="listInventories", summary="Submitted inventories", responses=problems.declared(*problems.READ)
    )
    async def submissions(
        self, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
    ) -> SubmissionsOut:
        """In the order they were submitted, each with its state."""
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        found = await footprint_of(request).submissions(after=after, limit=limit + 1)
        more = cursors.encode(found[limit - 1].log_index) if len(found) > limit else None
        return SubmissionsOut(items=[_submission_out(one) for one in found[:limit]], next_cursor=more)

    @get(
        "/{record:str}", operation_id="getInventory", summary="A submitted inventory",
        responses={200: _SUBMITTED} | problems.declared(*problems.READ),
    )  # fmt: skip
    async def submission(self, request: Request[Any, Any, Any], record: Record, form: Form = "json") -> Response[bytes]:
        """Made again from the records, and held against its digest; and whether a restatement is due, and why. CSV has
        the lines; XLSX also figures, standard coal and gaps.
        """
        footprint = footprint_of(request)
        facts = await _facts(footprint, record)
        pin, now = _pin_of(facts), await pin_in(request, facts.year, None, None)
        before = _sound(await footprint.of(pin, facts.enterprise))
        document = _sound(await footprint.document(before, pin))
        reproduces = hashlib.sha256(document.content()).hexdigest() == facts.digest
        if form != "json":
            if not reproduces:
                raise Problem(refuse("inventory_not_reproduced", record=record))
            return _in_form(_of_one(document)[form], form, f"inventory-{pin.year}-{record}")
        since = causes(before, await footprint.now(before, Pin(now.year, now.size, pin.on)))
        refused = since if isinstance(since, Refusal) else None
        changed = {} if isinstance(since, Refusal) else since
        original = None if facts.restates is None else await _causes_since(footprint, str(facts.restates), before)
        found = InventoryOut(
            submission=_submission_out(facts),
            reproduces=reproduces,
            restatement_due=facts.state in {"submitted", "verified"} and bool(changed or refused),
            causes=changed,
            restated=original,
            refused=None if refused is None else refused.detail(chinese=problems.wants_chinese(request)),
            document=document,
        )
        return Response(msgspec.json.encode(found), media_type=MEDIA_TYPES[form])

    @post(
        "", operation_id="postInventory", summary="Submit an inventory (报送)", opt=MAY_POST.opt(), status_code=201,
        responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def submit(
        self, request: Request[Any, Any, Any], data: JSONBody[InventoryIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Pinned to what is known now and to a day's factors. A verified one is restated, and the differences by cause
        go into the record.
        """
        enterprise = data.enterprise or credential_of(request).principal.tenant
        if enterprise is None:
            raise Problem(refuse("enterprise_needed", role=credential_of(request).principal.role))
        footprint = footprint_of(request)
        pin = await pin_in(request, data.year, None, data.factors_on)
        inputs = _sound(await footprint.of(pin, enterprise))
        document = _sound(await footprint.document(inputs, pin))
        figures = dict(document.figures)
        if data.restates is not None:
            since = await _causes_since(footprint, data.restates, inputs)
            figures |= {f"{cause}/{scope}": value for cause, found in since.items() for scope, value in found.items()}
        restates = None if data.restates is None else int(data.restates)
        command = SubmitInventory(
            enterprise=enterprise, year=data.year, tree_size=pin.size, factors_on=pin.on.isoformat(),
            digest=hashlib.sha256(document.content()).hexdigest(), figures=figures, restates=restates,
        )  # fmt: skip
        # Asked again, the size would be another; what was asked for is the year, and by which factors.
        on = "" if data.factors_on is None else data.factors_on.isoformat()
        wished = msgspec.structs.replace(command, tree_size=0, factors_on=on, digest="", figures={})
        return await submit(request, command, key, asked=canonical(wished))

    @post(
        "/{record:str}/judgements", operation_id="postInventoryJudgement", summary="Verify or return one (核查)",
        opt=MAY_JUDGE.opt(), status_code=201, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def judge(
        self, request: Request[Any, Any, Any], record: Record, data: JSONBody[JudgementIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """By another person than who submitted it; with findings that matter it can only be returned."""
        command = JudgeInventory(inventory=int(record), verdict=data.verdict, findings=data.findings)
        return await submit(request, command, key)


def _of_one(document: Document) -> dict[str, Callable[[], bytes]]:
    """An enterprise's inventory as tables."""
    return {"csv": lambda: as_csv(*lines([document])), "xlsx": lambda: as_xlsx(workbook([document]))}


def _in_form(make: Callable[[], bytes], form: Form, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'} if form != "json" else {}
    return Response(make(), media_type=MEDIA_TYPES[form], headers=headers)


def today_of(request: Request[Any, Any, Any]) -> datetime.date:
    """The day in the ledger's zone."""
    return datetime.datetime.now(ZoneInfo(credential_of(request).zone)).date()


async def pin_in(
    request: Request[Any, Any, Any], year: str | None, known_as_of: str | None, factors_on: datetime.date | None
) -> Pin:
    """What fixes an inventory: by default this year, all that is known, and today's factors."""
    if factors_on is not None and factors_on.isoformat() < FIRST_DAY:
        raise Problem(refuse("day_too_early", given=factors_on, first=FIRST_DAY))
    year = year or str(today_of(request).year)
    return Pin(year, await pinned_size(request, known_as_of), factors_on or today_of(request))


def footprint_of(request: Request[Any, Any, Any]) -> Footprint:
    """The inventories that the caller may see."""
    credential = credential_of(request)
    scope = scope_of(credential.ledger_id, credential.principal)
    return Footprint(request.app.state.reading, request.app.state.proofs, scope)


async def _facts(footprint: Footprint, record: str) -> InventoryFacts:
    found = await footprint.submissions(after=-1, limit=1, record=int(record))
    if not found:
        raise Problem(refuse("inventory_unknown", record=record))
    return found[0]


async def _causes_since(footprint: Footprint, record: str, inputs: Inputs) -> dict[str, dict[str, str]]:
    """What changed since the inventory that is restated, by cause and scope."""
    facts = await _facts(footprint, record)
    if (facts.enterprise, facts.year) != (inputs.enterprise, inputs.year):
        raise Problem(refuse("inventory_not_verified", record=record))
    return _sound(causes(_sound(await footprint.of(_pin_of(facts), facts.enterprise)), inputs))


def _pin_of(facts: InventoryFacts) -> Pin:
    return Pin(facts.year, facts.tree_size, datetime.date.fromisoformat(facts.factors_on))


def _sound(found: Found | Refusal) -> Found:
    """What was found; the problem that tells why it was not."""
    if isinstance(found, Refusal):
        raise Problem(found)
    return found


def _submission_out(one: InventoryFacts) -> SubmissionOut:
    return SubmissionOut(
        record=str(one.log_index), enterprise=one.enterprise, year=one.year, state=one.state, submitted_by=one.subject,
        tree_size=str(one.tree_size), factors_on=one.factors_on, digest=one.digest,
        restates=None if one.restates is None else str(one.restates), findings=one.findings,
        judged=None if one.judged_index is None else str(one.judged_index),
    )  # fmt: skip
