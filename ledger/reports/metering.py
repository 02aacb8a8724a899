"""Meters and readings as they are in the book, for those whose they are."""

from typing import LiteralString

from ledger.core.activity import MATERIALS, Meter, Reading
from ledger.reports.reading import Reading as LedgerReading
from ledger.store.session import Query, Scope


async def meters(reading: LedgerReading, scope: Scope, *, after: int, limit: int) -> list[Meter]:
    """Meters after the one of this log index, in the order they were registered."""
    (rows,) = await reading.reader.fetch(scope, Query(_METERS, (after, limit)))
    return [Meter(*row) for row in rows]


async def readings(
    reading: LedgerReading, scope: Scope, *, year: str, meter: str | None, size: int, after: int, limit: int
) -> list[tuple[Reading, str, str]]:
    """(reading, its unit, how far it is confirmed): those of a year that stood at a size, by log index."""
    query = Query(_READINGS, (size, after, size, year, year, meter, meter, limit))
    (rows,) = await reading.reader.fetch(scope, query)
    return [(Reading(*row[:6]), MATERIALS[row[6]].unit, row[7]) for row in rows]


_METERS: LiteralString = """
    select meter_id, log_index, enterprise, site, stage, material, route, under, rating from visible_meter
    where log_index > %s order by log_index limit %s
"""
_READINGS: LiteralString = """
    select r.log_index, r.meter_id, r.first_on::text, r.last_on::text, r.quantity, r.corrected_by, m.material, r.level
    from visible_meter m join visible_reading r using (meter_id)
    where r.log_index < %s and r.log_index > %s and (r.corrected_by is null or r.corrected_by >= %s)
        and r.first_on between make_date(%s::int, 1, 1) and make_date(%s::int, 12, 31)
        and (%s::text is null or r.meter_id = %s)
    order by r.log_index limit %s
"""
