"""A file of meter readings into the book: kept by its hash, read by a child, posted in chunks.

A reading is a fact by itself, so what is refused is told and the others stand. An import that is killed is run again:
a line of a file is evidence that is used up once, so what was posted is not posted again.
"""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, LiteralString

import msgspec

from ledger.core.command import Principal, RecordReading, Request, canonical
from ledger.core.events import Evidence
from ledger.core.evidence import Level
from ledger.imports.frames import MeterReadings, MetersClosed
from ledger.imports.meter_file import MeterReading
from ledger.imports.report import Problem, problem_of
from ledger.imports.upload import Files, read_in_child
from ledger.store.session import ALL_TENANTS, Query, Reader, Scope
from ledger.writer import Posted, Refused, Writer

IN_FLIGHT = 100
"""Readings handed to the writer at once; a month of hours is 8 KB."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender of a file says of it."""

    corrects: bool = False
    """Where it has another quantity, or hours, for the very days of a standing reading, it takes that one's place."""
    confirmed: bool = False
    """Somebody looked: readings far off a meter's history are true."""
    level: Level = "CONFIRMED"


class ReadingsReport(msgspec.Struct, kw_only=True):
    """What came of a file of readings."""

    file: str
    document: str
    """SHA-256 of its bytes."""
    readings: int = 0
    values: int = 0
    """Figures that these readings are made of: hours where there are some."""
    posted: int = 0
    corrected: int = 0
    """Of those posted, the ones that took another's place."""
    replayed: int = 0
    """In the book already, by this file or, in a file that corrects, as it says."""
    problems: list[Problem] = msgspec.field(default_factory=list)


async def import_readings(
    writer: Writer,
    reader: Reader,
    files: Path,
    name: str,
    source: IO[bytes],
    *,
    by: Principal,
    said: Said = Said(),  # noqa: B008 (it cannot be changed)
    tell: Callable[[int], None] = lambda _: None,
) -> ReadingsReport:
    """Read a file and post its readings; StatementUnreadable where nothing of it can be read.

    `tell` hears how many readings were dealt with.
    """
    kept = Files(files)
    report = ReadingsReport(file=name, document=await asyncio.to_thread(kept.keep, source))
    at_door = _Door(writer, reader, report, by, said)
    waiting: list[MeterReading] = []
    async for frame in read_in_child(name, kept.path_of(report.document), kind="readings"):
        match frame:
            case MeterReadings(readings=readings):
                waiting += readings
            case MetersClosed(problems=problems):
                report.problems += map(problem_of, problems)
        if len(waiting) >= IN_FLIGHT:
            await at_door.post(waiting)
            waiting = []
            tell(report.readings)
    await at_door.post(waiting)
    tell(report.readings)
    return report


class _Door:
    """Posts the readings of one attempt."""

    def __init__(self, writer: Writer, reader: Reader, report: ReadingsReport, by: Principal, said: Said) -> None:
        self._writer, self._reader, self._report, self._by, self._said = writer, reader, report, by, said
        self._scope = Scope(writer.ledger.ledger_id, ALL_TENANTS)
        self._own = Scope(writer.ledger.ledger_id, by.tenant or ALL_TENANTS)
        self._attempt = secrets.token_hex(8)

    async def post(self, readings: list[MeterReading]) -> None:
        """Post those that are not in the book; the report hears of all."""
        report = self._report
        report.readings += len(readings)
        report.values += sum(len(reading.hours) or 1 for reading in readings)
        used = await self._used(readings)
        standing = await self._standing(readings) if self._said.corrects else {}
        new = [one for one in readings if self._evidence(one) not in used and not _stands(one, standing)]
        report.replayed += len(readings) - len(new)
        for reading in readings:
            known = standing.get(_days(reading))
            if self._evidence(reading) in used and known is not None and known[1] != reading.quantity:
                self._note(reading, "reading_superseded", f"posted before by this file; record {known[0]} stands since")
        requests = [self._request(reading, standing.get(_days(reading), (None,))[0]) for reading in new]
        outcomes = await self._writer.submit_batch(requests, atomic=False) if requests else []
        for reading, outcome in zip(new, outcomes, strict=True):
            match outcome:
                case Posted():
                    report.posted += 1
                    report.corrected += _days(reading) in standing
                case Refused(refusal=refusal):
                    self._note(reading, refusal.code, refusal.detail())
                case _:
                    self._note(reading, "outcome_unknown", "the database did not answer; import the file again")

    async def _used(self, readings: list[MeterReading]) -> set[str]:
        """The evidence that is used up, of the caller's own meters: of no other is it told whether it was read."""
        named = list({reading.meter for reading in readings})
        query = Query("select meter_id from visible_meter where meter_id = any(%s)", (named,))
        own = {meter for (meter,) in (await self._reader.fetch(self._own, query))[0]}
        keys = [self._evidence(reading) for reading in readings if reading.meter in own]
        query = Query("select evidence_key from visible_evidence where evidence_key = any(%s)", (keys,))
        return {key for (key,) in (await self._reader.fetch(self._scope, query))[0]}

    async def _standing(self, readings: list[MeterReading]) -> dict[tuple[str, str, str], tuple[int, int]]:
        """(meter, first day, last day) -> the log index and quantity of the reading that stands, of own meters."""
        named = list({reading.meter for reading in readings})
        (rows,) = await self._reader.fetch(self._own, Query(_STANDING, (named,)))
        return {(meter, first_on, last_on): (index, quantity) for meter, first_on, last_on, index, quantity in rows}

    def _evidence(self, reading: MeterReading) -> str:
        return f"reading:{self._report.document}:{reading.meter}:{reading.first_on}"

    def _request(self, reading: MeterReading, corrects: int | None) -> Request:
        command = RecordReading(
            meter=reading.meter, first_on=reading.first_on, last_on=reading.last_on, quantity=reading.quantity,
            unit=reading.unit, hours=reading.hours, corrects=corrects, confirmed=self._said.confirmed,
            evidence=Evidence(document=self._report.document, level=self._said.level, line=str(reading.line)),
        )  # fmt: skip
        evidence = self._evidence(reading)
        return Request(
            command=command, principal=self._by, request_key=f"{self._attempt}/{evidence}", evidence_key=evidence,
            canonical=canonical(command),
        )  # fmt: skip

    def _note(self, reading: MeterReading, rule: str, why: str) -> None:
        given = f"{reading.meter} {reading.first_on}"
        self._report.problems.append(Problem(self._report.file, None, reading.line, None, rule, given, why))


def _days(reading: MeterReading) -> tuple[str, str, str]:
    return reading.meter, reading.first_on, reading.last_on


def _stands(reading: MeterReading, standing: dict[tuple[str, str, str], tuple[int, int]]) -> bool:
    """Whether the very same is in the book; of hours only their record tells, so those are taken as others."""
    known = standing.get(_days(reading))
    return known is not None and known[1] == reading.quantity and not reading.hours


_STANDING: LiteralString = """
    select meter_id, first_on::text, last_on::text, log_index, quantity from visible_reading
    where meter_id = any(%s) and corrected_by is null
"""
