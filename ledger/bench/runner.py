"""Runs every measurement in one process run, on one server, and prints them side by side.

The server has fsync, full_page_writes and synchronous_commit on; its settings are printed. Nothing is asserted:
tests assert, benchmarks report.
"""

import asyncio
import datetime
import itertools
import os
import platform
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil
import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from ledger.bench import baseline, workload
from ledger.bench.carbon import carbon
from ledger.bench.certificates import certificates
from ledger.bench.client import Load, Measured, percentiles
from ledger.bench.imports import imports
from ledger.bench.proofs import proofs
from ledger.bench.serving import send, serving
from ledger.core.account import account_name
from ledger.core.command import Request
from ledger.database import DATABASE, make_database, open_ledger
from ledger.embedded import EmbeddedPostgres
from ledger.reports.reading import Moment, Reading
from ledger.store import schema
from ledger.store.session import OPTIONS, Scope
from ledger.writer import Writer, tune_process

CALLERS = 200
SETTINGS = (
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "data_checksums",
)


class Sizes(msgspec.Struct, frozen=True):
    """How much of everything to measure."""

    singles: int
    rounds: int
    batches: int
    http_singles: int
    http_batches: int
    history_small: int
    history: int
    reads: int
    naive_seconds: int


FULL = Sizes(40_000, 3, 5, 20_000, 60, 100_000, 2_000_000, 1_000, 8)
QUICK = Sizes(8_000, 1, 2, 4_000, 10, 20_000, 60_000, 200, 2)


Part = Literal["all", "transfers", "certificates", "proofs", "imports", "carbon"]


def run(*, quick: bool, part: Part, console: Console) -> dict[str, Any]:
    """Measure everything, or a part of it, and print a table; the figures as one document."""
    sizes = QUICK if quick else FULL
    folder = Path(tempfile.mkdtemp(prefix="greenledger-bench-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            make_database(server.url("postgres"), DATABASE)
            admin_url = server.url(DATABASE)
            urls = schema.migrate(admin_url, secrets_file=folder / "logins.json")
            bench = _Bench(sizes, part, admin_url, urls, server, console, folder)
            uvloop.run(bench.measure())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bench.show()
    return bench.figures


class _Bench:
    def __init__(
        self,
        sizes: Sizes,
        part: Part,
        admin_url: str,
        urls: schema.Urls,
        server: EmbeddedPostgres,
        console: Console,
        folder: Path,
    ) -> None:
        self.sizes = sizes
        self.folder = folder
        self.part = part
        self.admin_url = admin_url
        self.urls = urls
        self.server = server
        self.console = console
        self.figures: dict[str, Any] = {}
        self.keys: dict[int, str] = {}

    async def measure(self) -> None:
        """All measurements, one after another."""
        tune_process()
        with psycopg.connect(self.admin_url, options=OPTIONS) as connection:
            connection.execute(baseline.SCHEMA)
            connection.commit()
            rows = {name: connection.execute("select current_setting(%s)", (name,)).fetchone() for name in SETTINGS}
            self.figures["settings"] = {name: row[0] for name, row in rows.items() if row}
        self.figures["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        self.figures["load_average_before"] = [round(x, 2) for x in os.getloadavg()]
        if self.part in {"all", "transfers"}:
            writer = await open_ledger(self.urls, "bench")
            self.keys = await workload.fill(writer)
            await self._singles(writer)
            await self._batches(writer)
            await writer.stop()
            await self._http()
            await self._reads()
        if self.part in {"all", "certificates"}:
            quick = self.sizes is QUICK
            self.figures |= await certificates(self.urls, self.admin_url, quick=quick, tell=self._tell)
        if self.part in {"all", "proofs"}:
            self.figures |= await proofs(self.urls, self.folder, quick=self.sizes is QUICK, tell=self._tell)
        if self.part in {"all", "imports"}:
            self.figures |= await imports(self.urls, self.folder, quick=self.sizes is QUICK, tell=self._tell)
        if self.part in {"all", "carbon"}:
            self.figures |= await carbon(self.urls, self.folder, quick=self.sizes is QUICK, tell=self._tell)

    def _tell(self, what: str) -> None:
        self.console.print(f"[dim]{what}[/dim]")

    async def _singles(self, writer: Writer) -> None:
        for hot in (False, True):
            name = "_hot" if hot else ""
            product, naive = [], []
            # Alternated, so that whatever else the machine does meets both.
            for round_number in range(self.sizes.rounds):
                load = {"callers": CALLERS, "seconds": self.sizes.naive_seconds, "hot": hot, "seed": round_number}
                naive.append(await baseline.naive_singles(self.admin_url, **load))
                product.append(await self._grouped(writer, hot=hot, seed=round_number))
                self._tell(f"singles{name}: grouped {product[-1]:,.0f}/s, naive {naive[-1]:,.0f}/s")
            self.figures[f"grouped_single{name}_per_s"] = statistics.median(product)
            self.figures[f"grouped_single{name}_spread"] = [min(product), max(product)]
            self.figures[f"naive_single{name}_per_s"] = statistics.median(naive)
            self.figures[f"naive_single{name}_spread"] = [min(naive), max(naive)]

    async def _grouped(self, writer: Writer, *, hot: bool, seed: int) -> float:
        chosen = workload.pairs(seed, hot=hot)
        keys = (f"s-{hot}-{seed}-{n}" for n in range(self.sizes.singles))
        requests = [workload.transfer(*next(chosen), key) for key in keys]
        waiting = iter(requests)

        async def caller() -> None:
            for request in waiting:
                outcome = await writer.submit(request)
                assert hasattr(outcome, "index"), outcome

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return len(requests) / (time.perf_counter() - started)

    async def _batches(self, writer: Writer) -> None:
        """Two callers, so that one batch is decided while the other is written; then a raw COPY of the same rows."""
        chosen, rates, first = workload.pairs(99), [], self._size()
        for number in range(self.sizes.batches):
            batches = [
                [workload.transfer(*next(chosen), f"b-{number}-{at}-{n}") for n in range(10_000)] for at in range(4)
            ]
            waiting = iter(batches)

            async def caller(waiting: Iterator[list[Request]]) -> None:
                for requests in waiting:
                    await writer.submit_batch(requests, atomic=True)

            started = time.perf_counter()
            await asyncio.gather(caller(waiting), caller(waiting))
            rates.append(40_000 / (time.perf_counter() - started))
            self._tell(f"batches of 10,000: {rates[-1]:,.0f}/s")
        # Of this process, with the commands that wait in it, before the baseline reads all its rows into memory.
        self.figures["writer_rss_mib"] = _peak_mib()
        with psycopg.connect(self.admin_url, options=OPTIONS) as connection:
            limit = baseline.copy_limit(connection, first, self._size(), self._tell)
        self.figures["batch_10000_per_s"] = statistics.median(rates)
        self.figures["batch_10000_spread"] = [min(rates), max(rates)]
        self.figures["copy_limit_per_s"] = limit

    def _size(self) -> int:
        with psycopg.connect(self.admin_url, options=OPTIONS) as connection:
            row = connection.execute(
                "select size from head join ledger using (ledger_id) where name = 'bench'"
            ).fetchone()
            assert row is not None
            return row[0]

    async def _http(self) -> None:
        with serving(self.urls) as (port, process):
            singles = await self._load(port, "/v1/transfers", 64, self._single_bodies())
            self._tell(f"HTTP singles: {singles.per_s:,.0f}/s, p99 {singles.p99_ms:.1f} ms, {singles.failed} failed")
            batches = await self._load(port, "/v1/batches?mode=independent", 4, self._batch_bodies())
            self._tell(f"HTTP batches of 1,000: {batches.per_s * 1000:,.0f} transfers/s, {batches.failed} failed")
            self.figures["http_single_per_s"] = singles.per_s
            self.figures["http_single_p50_ms"] = singles.p50_ms
            self.figures["http_single_p99_ms"] = singles.p99_ms
            self.figures["http_batch_per_s"] = batches.per_s * 1000
            self.figures["http_failed"] = singles.failed + batches.failed
            self.figures["rss_mib"] = _peak_of(process.pid)
            self.figures["postgres_rss_mib"] = self._postgres_mib()

    def _single_bodies(self) -> list[tuple[int, str, str]]:
        chosen = workload.pairs(5, enterprises=len(self.keys))
        return [
            (source, f"h-{n}", _transfer_json(source, target))
            for n, (source, target) in zip(range(self.sizes.http_singles), chosen, strict=False)
        ]

    def _batch_bodies(self) -> list[tuple[int, str, str]]:
        bodies, callers = [], len(self.keys)
        for n in range(self.sizes.http_batches):
            source = n % callers
            targets = ((source + 1 + at % (callers - 1)) % callers for at in range(1000))
            items = ",".join('{"type":"transfer",' + _transfer_json(source, target)[1:] for target in targets)
            bodies.append((source, f"hb-{n}", f"[{items}]"))
        return bodies

    async def _load(self, port: int, path: str, connections: int, bodies: list[tuple[int, str, str]]) -> Measured:
        return await send(Load(port, path, connections, [self.keys[n] for n in sorted(self.keys)], bodies))

    def _postgres_mib(self) -> int:
        """Proportional memory of the whole server, shared buffers counted once."""
        assert self.server.pid is not None
        postmaster = psutil.Process(self.server.pid)
        total = 0
        for process in (postmaster, *postmaster.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total >> 20

    async def _reads(self) -> None:
        writer = await open_ledger(self.urls, "history")
        await workload.fill(writer)
        events = workload.history(11, days=720)
        small = await self._grow(writer, events, self.sizes.history_small)
        large = await self._grow(writer, events, self.sizes.history - self.sizes.history_small)
        self.figures["post_rate_small_per_s"], self.figures["post_rate_large_per_s"] = small, large
        self.figures["growth_ratio"] = large / small
        self.figures["history_rss_mib"] = psutil.Process().memory_info().rss >> 20
        ledger_id = writer.ledger.ledger_id
        await writer.stop()
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute("vacuum analyze greenledger.posting")
        reading = Reading(self.urls.reader)
        await reading.reader.open()
        await self._time_reads(reading, Scope(ledger_id, "*"))
        await reading.reader.close()

    async def _grow(self, writer: Writer, events: Any, count: int) -> float:
        """Post history in groups of 1,000; the rate over the last tenth of it."""
        rates: list[float] = []
        for at in range(0, count, 1000):
            requests = [
                workload.transfer(source, target, f"{at + n:012}-{count}", day=day)
                for n, (source, target, day) in enumerate(itertools.islice(events, 1000))
            ]
            started = time.perf_counter()
            await writer.submit_batch(requests, atomic=False)
            rates.append(1000 / (time.perf_counter() - started))
            if at % 200_000 == 0:
                self._tell(f"history: {at:,} of {count:,}")
        return statistics.median(rates[-max(1, len(rates) // 10) :])

    async def _time_reads(self, reading: Reading, scope: Scope) -> None:
        chance = random.Random(3)
        size, *_ = await reading.head(scope)
        today = workload.civil_day()
        names = [account_name("holding_ent", workload.party(n)) for n in range(workload.ENTERPRISES)]
        timings: dict[str, list[float]] = {"balance": [], "as_of": [], "postings": []}
        hot: dict[str, list[float]] = {"balance": [], "as_of": [], "postings": []}
        for number in range(self.sizes.reads):
            is_hot = number % 2 == 0
            name = names[0] if is_hot else chance.choice(names)
            moment = Moment(today - datetime.timedelta(days=chance.randrange(720)), chance.randrange(size))
            for what, read in (
                ("balance", reading.balances(scope, name)),
                ("as_of", reading.balances_as_of(scope, name, moment)),
                ("postings", reading.postings(scope, name, before=(2**63 - 1, 0), limit=50)),
            ):
                started = time.perf_counter()
                await read
                (hot if is_hot else timings)[what].append((time.perf_counter() - started) * 1000)
        for what, random_ones in timings.items():
            self.figures[f"{what}_p99_ms"] = max(percentiles(random_ones)[1], percentiles(hot[what])[1])
            self.figures[f"{what}_hot_ms"] = list(percentiles(hot[what]))
            self.figures[f"{what}_random_ms"] = list(percentiles(random_ones))

    def show(self) -> None:
        """The figures as a table, beside what each is held against."""
        table = Table(title="GreenLedger bench", title_justify="left")
        table.add_column("figure")
        table.add_column("measured", justify="right")
        for name, value in self.figures.items():
            table.add_row(name, _plain(value))
        self.console.print(table)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return "\n".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _transfer_json(source: int, target: int) -> str:
    legs = [
        {
            "account": account_name("holding_ent", workload.party(n)),
            "commodity": "GEC",
            "quantity": q,
            "lot": workload.LOT,
        }
        for n, q in ((source, "-5"), (target, "5"))
    ]
    return msgspec.json.encode({"postings": legs}).decode()


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _peak_of(pid: int) -> int:
    """Peak resident memory of a process, from its own record where the system keeps one."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return psutil.Process(pid).memory_info().rss >> 20
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) >> 10
