"""Meters and their readings as facts: late and corrected ones are new records, nothing is edited or filled in. Pure."""

import re

import msgspec

from ledger.core.activity import MATERIALS, MOST_PER_HOUR, REPORTED, Meter, Reading, judge_reading, unit_of
from ledger.core.book import Book
from ledger.core.command import Principal, RecordReading, RegisterMeter, Request
from ledger.core.record import MeterBody, Posted, ReadingBody
from ledger.core.refusal import Refusal, refuse

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register_meter(book: Book, command: RegisterMeter) -> Posted | Refusal:
    """A meter under an id nobody has: `meter_exists`, `unknown_party`, `unknown_material`, `unknown_meter`, and
    `meter_unfit` where electricity has no route, anything else has one, or one stands under another's.
    """
    if not all(_ID.fullmatch(part) for part in (command.meter, command.site, command.stage)):
        return refuse("meter_unfit", problem="Meter, site and stage are 1 to 64 letters, digits or . _ - in ASCII.")
    if command.meter in book.carbon.meters:
        return refuse("meter_exists", meter=command.meter)
    party = book.parties.get(command.enterprise)
    if party is None or party.kind != "enterprise":
        return refuse("unknown_party", party=command.enterprise)
    if command.material not in MATERIALS:
        return refuse("unknown_material", material=command.material, known=" ".join(MATERIALS))
    if command.rating is not None and not 0 < command.rating <= MOST_PER_HOUR[MATERIALS[command.material].unit]:
        return refuse("meter_unfit", problem="The most a meter can show in an hour is above zero, and not absurd.")
    if (command.material == "electricity") != (command.route is not None):
        return refuse("meter_unfit", problem="A meter of electricity names its route of supply; no other does.")
    upper = None if command.under is None else book.carbon.meters.get(command.under)
    if command.under is not None and upper is None:
        return refuse("unknown_meter", meter=command.under)
    if upper is not None and (upper.enterprise, upper.material) != (command.enterprise, command.material):
        return refuse("meter_unfit", problem="A meter stands under one of its enterprise that measures the same.")
    body = MeterBody(
        enterprise=command.enterprise, material=command.material, meter=command.meter,
        rating=None if command.rating is None else str(command.rating), route=command.route, site=command.site,
        stage=command.stage, under=command.under,
    )  # fmt: skip
    return Posted((body,))


def record_reading(book: Book, command: RecordReading, request: Request, *, today: str) -> Posted | Refusal:
    """A reading of a meter the caller may speak for; what an enterprise sends is REPORTED at most (domain 3.1).

    Or `unknown_meter`, also for another enterprise's, `forbidden`, `evidence_used`, `unit_unfit`,
    `reading_not_standing`, and why it cannot be true (`judge_reading`).
    """
    meter = book.carbon.meters.get(command.meter)
    if meter is None or not _may_speak_for(request.principal, meter.enterprise):
        return refuse("unknown_meter", meter=command.meter)
    if request.principal.tenant is not None and command.evidence.level == "CONFIRMED":
        return refuse("forbidden", role=request.principal.role, action="confirm its own readings")
    if request.evidence_key is not None and (used := book.evidence.get(request.evidence_key)) is not None:
        return refuse("evidence_used", evidence=request.evidence_key, transaction=used)
    if command.unit != MATERIALS[meter.material].unit:
        given, expected = REPORTED[command.unit][0], unit_of(meter.material)
        return refuse("unit_unfit", meter=command.meter, given=given, material=meter.material, expected=expected)
    standing = {one.log_index: one for one in book.carbon.readings[command.meter].values() if one.corrected_by is None}
    if command.corrects is not None and standing.pop(command.corrects, None) is None:
        return refuse("reading_not_standing", meter=command.meter, record=command.corrects)
    wrong = judge_reading(
        meter, command.first_on, command.last_on, command.quantity, command.hours, standing.values(),
        confirmed=command.confirmed, today=today,
    )  # fmt: skip
    if wrong is not None:
        return wrong
    body = ReadingBody(
        corrects=None if command.corrects is None else str(command.corrects), enterprise=meter.enterprise,
        evidence=command.evidence, first_on=command.first_on, hours=tuple(map(str, command.hours)),
        last_on=command.last_on, meter=command.meter, quantity=str(command.quantity),
    )  # fmt: skip
    return Posted((body,))


def _may_speak_for(principal: Principal, enterprise: str) -> bool:
    return principal.tenant in {None, enterprise}


def learn_meter(book: Book, index: int, body: MeterBody) -> None:
    """A meter is there, without a reading."""
    meter = Meter(
        body.meter, index, body.enterprise, body.site, body.stage, body.material, body.route, body.under,
        None if body.rating is None else int(body.rating),
    )  # fmt: skip
    book.put(book.carbon.meters, body.meter, meter)
    book.put(book.carbon.readings, body.meter, {})


def learn_reading(book: Book, index: int, body: ReadingBody) -> None:
    """A reading stands; the one it corrects does no more."""
    readings, meter = book.carbon.readings[body.meter], book.carbon.meters[body.meter]
    reading = Reading(index, body.meter, body.first_on, body.last_on, int(body.quantity))
    if body.corrects is not None:
        known = readings[int(body.corrects)]
        book.put(readings, known.log_index, msgspec.structs.replace(known, corrected_by=index))
        _count(book, meter, known, -known.quantity)
    book.put(readings, index, reading)
    _count(book, meter, reading, reading.quantity)


def _count(book: Book, meter: Meter, reading: Reading, quantity: int) -> None:
    """An enterprise's meters show so much more, or less, where that is kept."""
    key = meter.enterprise, reading.first_on[:4]
    if key in book.carbon.metered and meter.material == "electricity" and meter.under is None:
        book.put(book.carbon.metered, key, book.carbon.metered[key] + quantity)
