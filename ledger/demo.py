"""The sample park: its files made by rule, registered, imported, and checked to the last certificate."""

import asyncio
import datetime
import io
import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console

from ledger import signing
from ledger.core.command import CreateCredential
from ledger.database import Database, expect_posted, local_principal, open_ledger, request
from ledger.imports.job import import_file, importing
from ledger.imports.meter_import import ReadingsReport, import_readings
from ledger.imports.report import ImportReport
from ledger.keys import make_key
from ledger.registering import RegisterReport, register
from ledger.reports.overview import Overview, park_overview
from ledger.reports.reading import Reading
from ledger.reports.scope import scope_of
from ledger.sample_carbon import sample_meters, sample_readings
from ledger.sample_park import sample_files
from ledger.settings import Settings
from ledger.tables import show_import, show_park, show_problems, show_readings
from ledger.writer import Writer

ENTERPRISES, SUBSCRIBED, TRADED = 34, 3_330_000, 31_200
"""What the article says of the park; the demo is right when the book says the same."""

READINGS_FILE = "meter-readings.csv"
DEMO_KEYS = (("enterprise", "GH-001"), ("enterprise", "GH-002"), ("operator", None), ("regulator", None))


class DemoResult(msgspec.Struct):
    """What the demo did."""

    register: RegisterReport
    imports: list[ImportReport]
    readings: ReadingsReport
    overview: Overview
    keys: dict[str, str]
    keys_file: str
    pinned_file: str
    """The key that signs the log, as whoever verifies it pins it."""

    @property
    def is_right(self) -> bool:
        """Whether the book agrees with the article, and balances."""
        overview = self.overview
        return (
            len(overview.enterprises) == ENTERPRISES
            and overview.subscribed == SUBSCRIBED
            and overview.traded == TRADED
            and not any(overview.trial_balance.values())
            and not any(report.problems for report in self.imports)
            and not self.readings.problems
        )

    def document(self) -> dict[str, Any]:
        """The result as one JSON document; of the keys only where they are kept."""
        overview = self.overview
        return {
            "enterprises": len(overview.enterprises),
            "subscribed": overview.subscribed,
            "traded": overview.traded,
            "trial_balance": overview.trial_balance,
            "tree_size": overview.tree_size,
            "root": overview.root,
            "right": self.is_right,
            "imports": msgspec.to_builtins(self.imports),
            "readings": msgspec.to_builtins(self.readings),
            "by_enterprise": msgspec.to_builtins(overview.enterprises),
            "keys_file": self.keys_file,
            "pinned_file": self.pinned_file,
        }

    def show(self, out: Console) -> None:
        """Print tables, and the demo keys."""
        show_problems(out, self.register.problems)
        for report in self.imports:
            show_import(out, out, report)
        show_readings(out, out, self.readings)
        show_park(out, self.overview)
        verdict = "reconciles to the last certificate" if self.is_right else "does NOT reconcile"
        out.print(f"Subscribed {self.overview.subscribed:,}, traded {self.overview.traded:,}: the book {verdict}.")
        out.print(f"The log is sealed; the key that signs it is in {self.pinned_file}.")
        out.print(f"Demo keys (also in {self.keys_file}):")
        for name, key in self.keys.items():
            out.print(f"  {name:22} {key}", markup=False, highlight=False)


async def run_demo(database: Database, settings: Settings) -> DemoResult:
    """Bring the sample park into the ledger; running it again changes nothing."""
    writer = await open_ledger(database.urls, settings.ledger)
    reading = Reading(database.urls.reader)
    await reading.reader.open()
    try:
        today = datetime.datetime.now(ZoneInfo(writer.ledger.zone)).date()
        files = _sample(settings.home / "sample", today)
        registered = await register("enterprises.csv", files["enterprises.csv"], writer=writer)
        principal = local_principal()
        async with importing(writer, reading.reader, url=database.urls.writer, home=settings.home) as importer:
            imports = [
                await import_file(importer, name, io.BytesIO(content), by=principal)
                for name, content in sorted(files.items())
                if name not in {"enterprises.csv", READINGS_FILE}
            ]
        for command in sample_meters():
            key = f"demo-meter:{command.meter}"
            await expect_posted(writer.submit(request(command, principal, key=key, private=False)))
        readings = await import_readings(
            writer,
            reading.reader,
            settings.home / "files",
            READINGS_FILE,
            io.BytesIO(files[READINGS_FILE]),
            by=principal,
        )
        pinned_file = settings.home / "pinned-keys"
        folder = settings.home / "signer" / writer.ledger.name
        pinned_file.write_text(f"signer {await signing.declare(writer, folder)} 0\n")
        await asyncio.to_thread(signing.run_once, database.urls.signer, folder, writer.ledger.name)
        keys_file = settings.home / "demo-keys.json"
        keys = await _keys(writer, keys_file)
        overview = await park_overview(reading, scope_of(writer.ledger.ledger_id, principal), today)
        return DemoResult(registered, imports, readings, overview, keys, str(keys_file), str(pinned_file))
    finally:
        await reading.reader.close()
        await writer.stop()


def _sample(folder: Path, today: datetime.date) -> dict[str, bytes]:
    """The sample files, made on the first run and read back later, so that another month adds no second set."""
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        for name, content in (sample_files(today) | {READINGS_FILE: sample_readings(today)}).items():
            (part / name).write_bytes(content)
        part.rename(folder)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


async def _keys(writer: Writer, file: Path) -> dict[str, str]:
    """The demo's keys: made once, kept in a 0600 file, so that the README's requests go on working."""
    if file.exists():  # noqa: ASYNC240 (a small local file, read once at start)
        return json.loads(file.read_text())  # noqa: ASYNC240 (see above)
    principal, keys = local_principal("admin"), {}
    for role, enterprise in DEMO_KEYS:
        new = make_key()
        command = CreateCredential(
            credential=new.credential,
            role=role,
            tenant=enterprise,
            subject=f"person:demo-{role}",  # type: ignore[arg-type]  # our own roles
            secret_sha256=new.secret_sha256,
        )
        await expect_posted(writer.submit(request(command, principal)))
        keys[f"{role} {enterprise}" if enterprise else role] = new.text
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        json.dump(keys, stream, indent=1)
    return keys
