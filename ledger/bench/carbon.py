"""A year of the park's meters by the hour: files read and posted, the inventory, its explanation level by level."""

import calendar
import datetime
import io
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ledger.core.command import RegisterMeter, RegisterParty
from ledger.database import expect_posted, local_principal, open_ledger, request
from ledger.imports.meter_import import import_readings
from ledger.reports.explanation import explain
from ledger.reports.footprint import Footprint, Pin
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading
from ledger.store import schema
from ledger.store.session import ALL_TENANTS, Scope

LEDGER = "bench-carbon"
ENTERPRISES, YEAR = 34, 2025
TURNS = 5


class _Sizes(msgspec.Struct, frozen=True):
    meters: int
    """Of each enterprise."""
    months: int


async def carbon(urls: schema.Urls, folder: Path, *, quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures of carbon, in a ledger of their own."""
    sizes = _Sizes(2, 2) if quick else _Sizes(20, 12)
    writer = await open_ledger(urls, LEDGER)
    reading = Reading(urls.reader)
    await reading.reader.open()
    try:
        meters = [f"M{at:02}-{number:02}" for at in range(ENTERPRISES) for number in range(sizes.meters)]
        await _register(writer, meters)
        values, seconds = 0, 0.0
        for month in range(1, sizes.months + 1):
            content = "\n".join(_rows(meters, month)).encode("gb18030")
            started = time.perf_counter()
            report = await import_readings(
                writer, reading.reader, folder / "files", f"{month}.csv", io.BytesIO(content), by=local_principal()
            )
            seconds += time.perf_counter() - started
            assert not report.problems and report.posted == len(meters), report.problems[:3]
            values += report.values
            tell(f"month {month}: {values / seconds:,.0f} readings/s")
        footprint = Footprint(reading, Proofs(reading), Scope(writer.ledger.ledger_id, ALL_TENANTS))
        figures = await _ask(footprint, writer.ledger.ledger_id, reading)
    finally:
        await reading.reader.close()
        await writer.stop()
    return {
        "carbon_values": values, "carbon_values_per_s": values / seconds,
        "carbon_process_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "carbon_child_peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, **figures,
    }  # fmt: skip


async def _register(writer: Any, meters: list[str]) -> None:
    by = local_principal()
    commands: list[Any] = [
        RegisterParty(party=f"C-{at:02}", kind="enterprise", name=f"碳排放企业{at:02}") for at in range(ENTERPRISES)
    ]
    commands += [
        RegisterMeter(
            meter=name, enterprise=f"C-{name[1:3]}", site="works", stage="all", material="electricity", route="GRID"
        )
        for name in meters
    ]
    for command in commands:
        await expect_posted(writer.submit(request(command, by)))


def _rows(meters: list[str], month: int) -> Iterator[str]:
    """A month of every meter, hour by hour, all meters of an hour together, as a data logger writes it."""
    yield "表号,数据时间,用电量（kWh）"
    for hour in range(24 * calendar.monthrange(YEAR, month)[1]):
        at = f"{YEAR}-{month:02}-{1 + hour // 24:02} {hour % 24:02}:00"
        for number, name in enumerate(meters):
            yield f"{name},{at},{1000 + (hour * 7 + number) % 500}.{hour % 10}"


async def _ask(footprint: Footprint, ledger_id: int, reading: Reading) -> dict[str, Any]:
    """The park's inventory, and each level of an explanation, from the total to a reading."""
    size, *_ = await reading.head(Scope(ledger_id, ALL_TENANTS))
    pin = Pin(str(YEAR), size, datetime.date(2026, 6, 30))
    figures: dict[str, Any] = {}
    taken = []
    for _ in range(TURNS):
        started = time.perf_counter()
        found = await footprint.park(pin)
        content = msgspec.json.encode(found)
        taken.append(time.perf_counter() - started)
        assert not found.refused and content
    figures["park_inventory_seconds"] = statistics.median(taken)
    for level, path in (
        ("park", ()),
        ("enterprise", ("C-00",)),
        ("line", ("C-00", "1")),
        ("meter", ("C-00", "1", "M00-00")),
    ):
        taken = []
        for _ in range(TURNS):
            started = time.perf_counter()
            inputs = await footprint.inputs(pin, enterprise=path[0] if path else None)
            explain(inputs, "scope2_location", path, year=pin.year, size=size)
            taken.append(1000 * (time.perf_counter() - started))
        figures[f"explain_{level}_ms"] = [round(statistics.median(taken), 1), round(max(taken), 1)]
    return figures
