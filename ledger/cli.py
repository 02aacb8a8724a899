"""greenledger: the command line. It acts as `local:<OS user>`, role operator, for whoever owns the data folder.

`--json` on any command prints one JSON document and nothing else on standard output. Exit codes: 0 done,
1 refused or different, 2 not usable (no database, no such file).
"""

import asyncio
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from zoneinfo import ZoneInfo

import cyclopts
import msgspec
import uvicorn
import uvloop
from cyclopts import Parameter

from ledger import logs, registering, signing
from ledger.backup import backup, restore
from ledger.bench import Part
from ledger.bench import run as run_bench
from ledger.cli_proofs import continue_, recover, signer_app, verify, witness_app
from ledger.command_line import (
    Json,
    LedgerName,
    Unusable,
    admin,
    at_database,
    err,
    opened,
    opened_file,
    out,
    print_json,
    progress,
    read,
    spinner,
)
from ledger.core.command import CreateCredential, RevokeCredential, Role
from ledger.core.policy import ROLES
from ledger.database import Database, local_principal, request
from ledger.demo import run_demo
from ledger.expiring import ExpiryReport, expire
from ledger.imports.explaining import explain
from ledger.imports.job import import_file, importing
from ledger.imports.layouts import LAYOUTS_FILE, known_layouts
from ledger.imports.meter_import import ReadingsReport, Said, import_readings
from ledger.imports.report import ImportReport
from ledger.imports.sheets import StatementUnreadable
from ledger.keys import make_key
from ledger.reports.invariants import Verdict, invariants
from ledger.reports.reading import Reading
from ledger.reports.scope import scope_of
from ledger.settings import read_settings
from ledger.store.rebuild import check
from ledger.store.schema import check_fitness
from ledger.store.session import ALL_TENANTS, Reader, Scope, connect_sync
from ledger.tables import show_import, show_layout, show_problems, show_readings, show_rebuild
from ledger.writer import Posted, Refused, Writer, tune_process

app = cyclopts.App(name="greenledger", help="GreenLedger (绿账): the park's book of green certificates and carbon.")
key_app = cyclopts.App(name="key", help="API keys: shown once, stored hashed.")
app.command(key_app)
app.command(signer_app)
app.command(witness_app)
app.command(verify)
app.command(recover)
app.command(continue_, name="continue")


@app.command
def serve(*, host: str = "127.0.0.1", port: int = 8000, ledger: LedgerName = None, json: Json = False) -> int:
    """Serve the HTTP API until Ctrl-C."""
    with at_database() as database:
        if database.admin_url is not None:
            uvloop.run(opened(database, ledger, lambda writer: asyncio.sleep(0)))
        if json:
            print_json({"url": f"http://{host}:{port}", "docs": f"http://{host}:{port}/docs"})
        serve_api(database, host=host, port=port)
    return 0


def serve_api(database: Database, *, host: str, port: int) -> None:
    """Run uvicorn in this process on the database's run-time logins; UnfitDatabase where they are not fit for it."""
    for url in (database.urls.writer, database.urls.reader):
        with connect_sync(url) as connection:
            check_fitness(connection)
    os.environ["DATABASE_URL_WRITER"], os.environ["DATABASE_URL_READER"] = database.urls.writer, database.urls.reader
    logs.configure()
    tune_process()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


@app.command
def migrate(*, ledger: LedgerName = None, json: Json = False) -> int:
    """Create or upgrade the schema, the run-time logins and the ledger."""
    settings = read_settings()
    with at_database() as database:
        name = ledger or settings.ledger
        uvloop.run(opened(database, name, lambda writer: asyncio.sleep(0)))
        logins = str(settings.home / "logins.json")
        if json:
            print_json({"ledger": name, "logins": logins})
        else:
            out.print(f"Ledger {name} is ready; the logins' passwords are in {logins} (0600).")
    return 0


@app.command
def demo(*, once: bool = False, host: str = "127.0.0.1", port: int = 8000, json: Json = False) -> int:
    """Set up the sample park, import its statements, print what was done, and serve the API (or --once: exit)."""
    settings = read_settings()
    with at_database() as database, spinner("The sample park"):
        result = uvloop.run(run_demo(database, settings))
    if json:
        print_json(result.document())
    else:
        result.show(out)
    if once or not result.is_right:
        return 0 if result.is_right else 1
    out.print(f"The API is at http://{host}:{port} (pages at /docs). Ctrl-C ends it.")
    with at_database() as database, signing.beside(database.urls.signer, settings.home, settings.ledger):
        serve_api(database, host=host, port=port)
    return 0


@app.command
def register(file: Path, *, ledger: LedgerName = None, json: Json = False) -> int:
    """Load the park's key energy users and their aliases (CSV: id,name,aliases,sector,usci,grid_user)."""
    content = read(file)
    with at_database() as database, spinner("Registering"):
        report = uvloop.run(
            opened(database, ledger, lambda writer: registering.register(file.name, content, writer=writer))
        )
    if json:
        print_json(report)
    else:
        show_problems(err, report.problems)
        out.print(
            f"{report.enterprises} enterprises in the file: {report.registered} registered, {report.known} known."
        )
    return 1 if report.problems else 0


@app.command(name="import")
def import_(
    file: Path, *, layout: str = "auto", dry_run: bool = False, ledger: LedgerName = None, json: Json = False
) -> int:
    """Import a statement: a platform's trades, an exchange's settlement, the park's summary; CSV, XLSX, XLS or ODS."""
    if layout != "auto":
        raise Unusable(f"--layout {layout} is not known; layouts are recognised by their headers (auto).")
    with opened_file(file) as source, at_database() as database, progress(f"Importing {file.name}") as tell:
        report = uvloop.run(_import(database, ledger, file.name, source, dry_run=dry_run, tell=tell))
    if json:
        print_json(report)
    else:
        show_import(out, err, report)
    return 1 if report.problems else 0


@app.command
def readings(
    file: Path, *, corrects: bool = False, confirmed: bool = False, ledger: LedgerName = None, json: Json = False
) -> int:
    """Import meter readings by the hour, day or month: columns meter, time, quantity, unit; CSV, XLSX, XLS or ODS.

    --corrects lets the file take the place of standing readings of the very same days; --confirmed says that readings
    far off their meter's history were looked at.
    """
    said = Said(corrects=corrects, confirmed=confirmed)
    with opened_file(file) as source, at_database() as database, spinner(f"Importing {file.name}"):
        report = uvloop.run(_readings(database, ledger, file.name, source, said))
    if json:
        print_json(report)
    else:
        show_readings(out, err, report)
    return 1 if report.problems else 0


async def _readings(database: Database, ledger: str | None, name: str, source: BinaryIO, said: Said) -> ReadingsReport:
    async def run(writer: Writer) -> ReadingsReport:
        reader = Reader(database.urls.reader, connections_max=2)
        await reader.open()
        try:
            files = read_settings().home / "files"
            return await import_readings(writer, reader, files, name, source, by=local_principal(), said=said)
        finally:
            await reader.close()

    try:
        return await opened(database, ledger, run)
    except StatementUnreadable as why:
        raise Unusable(f"{why.rule}: {why.message}") from why


@app.command
def layout(file: Path, *, json: Json = False) -> int:
    """Show how a statement would be read: its layout, what each column means, and in which unit."""
    known = known_layouts(read_settings().home / LAYOUTS_FILE)
    try:
        tables = explain(file.name, read(file), known)
    except StatementUnreadable as why:
        raise Unusable(f"{why.rule}: {why.message}") from why
    if json:
        print_json(tables)
    else:
        show_layout(out, tables)
    return 0


async def _import(
    database: Database,
    ledger: str | None,
    name: str,
    source: BinaryIO,
    *,
    dry_run: bool,
    tell: Callable[[int, int], None],
) -> ImportReport:
    async def run(writer: Writer) -> ImportReport:
        reader = Reader(database.urls.reader, connections_max=2)
        await reader.open()
        try:
            async with importing(writer, reader, url=database.urls.writer, home=read_settings().home) as importer:
                return await import_file(
                    importer, name, source, by=local_principal(), dry_run=dry_run, tell=lambda _, *done: tell(*done)
                )
        finally:
            await reader.close()

    return await opened(database, ledger, run)


@app.command
def rebuild(
    *, check_only: Annotated[bool, Parameter(name="--check")] = False, ledger: LedgerName = None, json: Json = False
) -> int:
    """Rebuild every projection from the journal, compare it with the tables, and check the invariants (--check)."""
    if not check_only:
        raise Unusable("give --check: projections are compared with the journal; nothing is changed.")
    name = ledger or read_settings().ledger
    with at_database() as database, connect_sync(database.urls.writer) as connection, progress("Replaying") as tell:
        row = connection.execute("select ledger_id, zone from ledger where name = %s", (name,)).fetchone()
        connection.rollback()
        if row is None:
            raise Unusable(f"there is no ledger {name}; `greenledger migrate` makes it.")
        result = check(connection, row[0], name, progress=tell)
        verdicts = uvloop.run(_invariants(database, *row))
    broken = [verdict for verdict in verdicts if verdict.state == "broken"]
    if json:
        print_json(
            {
                **msgspec.to_builtins(result),
                "equal": result.is_equal,
                "holds": not broken,
                "invariants": msgspec.to_builtins(verdicts),
            }
        )
    else:
        show_rebuild(out, err, result, verdicts)
    return 0 if result.is_equal and not broken else 1


async def _invariants(database: Database, ledger_id: int, zone: str) -> list[Verdict]:
    reading = Reading(database.urls.reader)
    await reading.reader.open()
    try:
        today = datetime.datetime.now(ZoneInfo(zone)).date()
        _, verdicts = await invariants(reading, Scope(ledger_id, ALL_TENANTS), today=today)
        return verdicts
    finally:
        await reading.reader.close()


@app.command(name="expire")
def expire_(*, ledger: LedgerName = None, json: Json = False) -> int:
    """Make visible what has lapsed by now: every expired certificate moves to `Expired:<holder>`."""
    with at_database() as database, spinner("Looking for what has lapsed"):
        report = uvloop.run(_expire(database, ledger))
    if json:
        print_json(report)
    else:
        for line in report.refused:
            err.print(line, style="red", markup=False)
        out.print(f"{report.certificates:,} certificates lapsed and {report.offers} offers.")
    return 1 if report.refused else 0


async def _expire(database: Database, ledger: str | None) -> ExpiryReport:
    async def run(writer: Writer) -> ExpiryReport:
        reader, principal = Reader(database.urls.reader, connections_max=1), local_principal()
        await reader.open()
        try:
            return await expire(writer, reader, scope_of(writer.ledger.ledger_id, principal), principal)
        finally:
            await reader.close()

    return await opened(database, ledger, run)


@app.command(name="backup")
def backup_(file: Path, *, json: Json = False) -> int:
    """Write the whole database to a file, at one snapshot."""
    with at_database() as database, spinner("Backing up"):
        states = backup(admin(database), file)
    _tell_states(states, json=json)
    return 0


@app.command(name="restore")
def restore_(file: Path, *, json: Json = False) -> int:
    """Restore a backup into a data folder (or database) that has no ledger, and prove it equal to its journal."""
    read(file)
    settings = read_settings()
    with at_database(migrated=False) as database, spinner("Restoring"):
        checks = restore(admin(database), file.resolve(), secrets_file=settings.home / "logins.json")
    _tell_states([{"ledger": c.ledger, "size": c.records, "root": c.root} for c in checks], json=json)
    return 0


def _tell_states(states: list[Any], *, json: bool) -> None:
    if json:
        print_json({"ledgers": states})
        return
    for state in msgspec.to_builtins(states):
        out.print(f"ledger {state['ledger']}: size {state['size']}, root {state['root']}")


@key_app.command
def create(
    *, role: str, subject: str, enterprise: str | None = None, ledger: LedgerName = None, json: Json = False
) -> int:
    """Make a key: --role enterprise|operator|regulator|auditor|admin, --subject person:... or system:..."""
    if role not in ROLES:
        raise Unusable(f"role {role} is not one of {', '.join(ROLES)}.")
    new = make_key()
    command = CreateCredential(
        credential=new.credential,
        role=msgspec.convert(role, Role),
        tenant=enterprise,
        subject=subject,
        secret_sha256=new.secret_sha256,
    )
    _submit(command, ledger)
    if json:
        print_json({"credential": new.credential, "key": new.text, "role": role})
    else:
        out.print(f"Key {new.credential}, shown this once:", markup=False)
        out.print(new.text, markup=False, highlight=False)
    return 0


@key_app.command
def revoke(credential: str, *, ledger: LedgerName = None, json: Json = False) -> int:
    """End a key; it is refused within 5 seconds."""
    index = _submit(RevokeCredential(credential=credential), ledger)
    if json:
        print_json({"credential": credential, "state": "revoked", "record": str(index)})
    else:
        out.print(f"Key {credential} is revoked (record {index}).")
    return 0


@app.command
def bench(*, quick: bool = False, part: Part = "all", json: Json = False) -> int:
    """Measure the writer, the API and the reads against naive SQL and raw COPY on the same server."""
    document = run_bench(quick=quick, part=part, console=err if json else out)
    if json:
        print_json(document)
    return 0


def _submit(command: Any, ledger: str | None) -> int:
    with at_database() as database:
        outcome = uvloop.run(
            opened(database, ledger, lambda writer: writer.submit(request(command, local_principal("admin"))))
        )
    if isinstance(outcome, Posted):
        return outcome.index
    raise Unusable(outcome.refusal.detail() if isinstance(outcome, Refused) else "the outcome is not known.")


def main() -> None:
    """The entry of `greenledger`."""
    try:
        code = app(result_action="return_value")
    except Unusable as why:
        err.print(f"greenledger: {why}", style="red", markup=False, highlight=False)
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
