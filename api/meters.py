"""Activity data: meters, and their readings one by one or many at once."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import JSONBody, MultipartBody, QueryParameter

from api import cursors, problems
from api.accounts import Cursor, KnownAsOf, Limit
from api.batches import Mode, batch_out, read_items, submit_items
from api.carbon_bodies import MeterIn, ReadingIn, ReadingItemIn
from api.carbon_schemas import MeterOut, MetersOut, ReadingOut, ReadingsOut
from api.inventories import Year, pinned_size
from api.problems import Problem
from api.schemas import BatchOut, ReceiptOut
from api.security import MAY_POST, MAY_REGISTER, credential_of
from api.transactions import IdempotencyKey, submit
from ledger.core.activity import MATERIALS, Unit, smallest, unit_of
from ledger.core.command import Batch, RecordReading, RegisterMeter, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.events import Evidence
from ledger.core.evidence import Level
from ledger.core.refusal import Refusal, refuse
from ledger.imports.meter_import import ReadingsReport, Said, import_readings
from ledger.imports.sheets import StatementUnreadable
from ledger.keys import Credential
from ledger.reports.metering import meters, readings
from ledger.reports.scope import scope_of

MeterName = Annotated[
    str | None,
    QueryParameter(
        name="meter", required=False, pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Only readings of this meter."
    ),
]

Corrects = Annotated[
    bool,
    QueryParameter(
        required=False,
        description="Where the file has another quantity, or hours, for the very days of a standing reading, it takes "
        "that one's place; by default it is refused.",
    ),
]
Confirmed = Annotated[
    bool, QueryParameter(required=False, description="Readings far off their meter's history were looked at.")
]
FILE_BYTES_MAX = 64 * 1024 * 1024
"""A file of readings and the form around it: a month of the park's meters by the hour has 20 MB."""
_one_file = asyncio.Semaphore(1)
"""Held while a file is read: each is read by a child that may take hundreds of MiB."""


class ReadingsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of readings: CSV, XLSX, XLS or ODS."""

    file: UploadFile


class MeterController(Controller):
    """Meters; an enterprise sees its own."""

    path = "/v1/meters"
    tags = ("carbon",)

    @get("", operation_id="listMeters", summary="Meters (计量器具)", responses=problems.declared(*problems.READ))
    async def meters(self, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None) -> MetersOut:
        """In the order they were registered."""
        credential = credential_of(request)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await meters(request.app.state.reading, scope, after=after, limit=limit + 1)
        items = [
            MeterOut(
                meter=one.meter, record=str(one.log_index), enterprise=one.enterprise, site=one.site, stage=one.stage,
                material=one.material, unit=MATERIALS[one.material].unit, route=one.route, under=one.under,
                rating=None if one.rating is None else str(one.rating),
            )
            for one in found[:limit]
        ]  # fmt: skip
        more = cursors.encode(found[limit - 1].log_index) if len(found) > limit else None
        return MetersOut(items=items, next_cursor=more)

    @post(
        "", operation_id="postMeter", summary="Register a meter", opt=MAY_REGISTER.opt(), status_code=201,
        responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def register(
        self, request: Request[Any, Any, Any], data: JSONBody[MeterIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """What it measures, where, and by which route electricity comes; a part of another meter's stands under it."""
        rating = None
        if data.rating is not None:
            rating, unit = _quantity(data.rating, data.rating_unit or "")
            known = MATERIALS.get(data.material)
            if known is not None and unit != known.unit:
                figures = {"given": data.rating_unit, "material": data.material, "expected": unit_of(data.material)}
                raise Problem(refuse("unit_unfit", meter=data.meter, **figures))
        command = RegisterMeter(
            meter=data.meter, enterprise=data.enterprise, site=data.site, stage=data.stage, material=data.material,
            route=data.route, under=data.under, rating=rating,
        )  # fmt: skip
        return await submit(request, command, key)


class ReadingController(Controller):
    """Readings: facts, of which a later one may take the place of an earlier; nothing is filled in."""

    path = "/v1/readings"
    tags = ("carbon",)

    @get("", operation_id="listReadings", summary="Readings (读数)", responses=problems.declared(*problems.READ))
    async def readings(
        self,
        request: Request[Any, Any, Any],
        year: Year,
        meter: MeterName = None,
        known_as_of: KnownAsOf = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ReadingsOut:
        """Those that stood at a size, by log index; each with the record that took its place since, if any."""
        credential = credential_of(request)
        (after,) = cursors.decode(cursor, 1) if cursor is not None else (-1,)
        size = await pinned_size(request, known_as_of)
        scope = scope_of(credential.ledger_id, credential.principal)
        found = await readings(
            request.app.state.reading, scope, year=year, meter=meter, size=size, after=after, limit=limit + 1
        )
        items = [
            ReadingOut(
                record=str(one.log_index), meter=one.meter, first_on=one.first_on, last_on=one.last_on,
                quantity=str(one.quantity), unit=unit, level=level,
                corrected_by=None if one.corrected_by is None else str(one.corrected_by),
            )
            for one, unit, level in found[:limit]
        ]  # fmt: skip
        more = cursors.encode(found[limit - 1][0].log_index) if len(found) > limit else None
        return ReadingsOut(items=items, tree_size=str(size), next_cursor=more)

    @post(
        "", operation_id="postReading", summary="Record a reading", opt=MAY_POST.opt(), status_code=201,
        responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def record(
        self, request: Request[Any, Any, Any], data: JSONBody[ReadingIn], key: IdempotencyKey
    ) -> Response[ReceiptOut]:
        """Whole days of one month, perhaps hour by hour; days that are read already are corrected, not read again."""
        return await submit(request, _reading(data), key)

    @post(
        "/batches", operation_id="postReadings", summary="Record many readings", opt=MAY_POST.opt(), status_code=200,
        responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def record_many(
        self, request: Request[Any, Any, Any], key: IdempotencyKey, mode: Mode = "all_or_nothing"
    ) -> BatchOut:
        """A JSON array, or one JSON object a line as application/x-ndjson; a result for each reading, in order."""
        items = await read_items(request, ReadingItemIn)
        asked: list[LedgerRequest | Refusal] = []
        keys = [item.key or f"{key}/{at}" for at, item in enumerate(items, start=1)]
        credential = credential_of(request)
        for at, item in enumerate(items, start=1):
            place = Batch(i=str(at), id=key, n=str(len(items)))
            try:
                command = _reading(item)
            except Problem as why:
                asked.append(why.refusal)
            else:
                asked.append(_asked(command, credential, keys[at - 1], place))
        atomic = mode == "all_or_nothing"
        outcomes = await submit_items(await request.app.state.writers.of(credential), asked, atomic=atomic)
        return batch_out(request, keys, outcomes, atomic=atomic)

    @post(
        "/files", operation_id="postReadingsFile", summary="Record the readings of a file", opt=MAY_POST.opt(),
        status_code=200, request_max_body_size=FILE_BYTES_MAX, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def record_file(
        self,
        request: Request[Any, Any, Any],
        data: MultipartBody[ReadingsForm],
        corrects: Corrects = False,
        confirmed: Confirmed = False,
    ) -> ReadingsReport:
        """Readings by the hour, day or month: columns meter, time, quantity and unit, found by their names.

        What cannot be read or true is told with its line, and the rest posts; the same file again posts nothing more.
        What rests on an enterprise's own file is REPORTED, on an operator's CONFIRMED.
        """
        credential = credential_of(request)
        name = data.file.filename.replace("\0", "")[:255]
        state = request.app.state
        level: Level = "CONFIRMED" if credential.principal.tenant is None else "REPORTED"
        async with _one_file:
            try:
                return await import_readings(
                    await state.writers.of(credential), state.reading.reader, state.settings.home / "files", name,
                    data.file.file, by=credential.principal,
                    said=Said(corrects=corrects, confirmed=confirmed, level=level),
                )  # fmt: skip
            except StatementUnreadable as why:
                raise Problem(refuse("file_unreadable", problem=why.message, rule=why.rule)) from why


def _reading(data: ReadingIn) -> RecordReading:
    quantity, unit = _quantity(data.quantity, data.unit)
    evidence = Evidence(level=data.evidence.level, document=data.evidence.document, line=data.evidence.line)
    return RecordReading(
        meter=data.meter, first_on=data.first_on.isoformat(), last_on=data.last_on.isoformat(), quantity=quantity,
        unit=unit, hours=tuple(_quantity(hour, data.unit)[0] for hour in data.hours),
        corrects=None if data.corrects is None else int(data.corrects), confirmed=data.confirmed, evidence=evidence,
    )  # fmt: skip


def _quantity(text: str, unit: str) -> tuple[int, Unit]:
    found = smallest(text, unit)
    if isinstance(found, Refusal):
        raise Problem(found)
    return found


def _asked(command: RecordReading, credential: Credential, key: str, batch: Batch) -> LedgerRequest:
    return LedgerRequest(
        command=command, principal=credential.principal, request_key=key, batch=batch, canonical=canonical(command)
    )
