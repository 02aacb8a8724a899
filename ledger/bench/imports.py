"""Statements under load: large files read, checked and posted over HTTP, others served meanwhile, and reconciled.

What is held against it in the same run: a loop that posts the same rows one by one through the API, as a careful
programmer writes it first.
"""

import asyncio
import datetime
import json
import random
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
from openpyxl import Workbook

from ledger.bench.client import percentiles
from ledger.bench.serving import serving
from ledger.core.command import CreateCredential, RegisterParty
from ledger.database import expect_posted, local_principal, open_ledger, request
from ledger.imports.reconciling import Reconciling
from ledger.keys import make_key
from ledger.reports.reading import Reading
from ledger.store import schema
from ledger.store.session import ALL_TENANTS, Scope

LEDGER = "bench-imports"
HEADER = (
    "序号,订单编号,交易方式,买方名称,卖方名称,项目名称,项目建档立卡编码,能源类型,项目所在省份,电量生产年月,绿证类型,绿证数量（个）,"
    "单价（元/个）,成交金额（元）,交易日期,划转日期,交易状态,绿证编号起,绿证编号止,备注"
)
PREAMBLE = "绿证交易明细\n查询条件：交易日期 2024年7月1日至2024年7月31日\n单位：个、元\n"
PARK, PROJECTS = 34, 500
SEEDED = 100
"""Breaks put into the statement that is reconciled."""
SETTLED_SECONDS_MAX = 3600
PAUSE_SECONDS = 0.05
"""Between single transfers while a file posts."""
Tell = Callable[[str], None]


class _Sizes(msgspec.Struct, frozen=True):
    rows: int
    rows_with_codes: int
    workbook_rows: int
    one_by_one: int


async def imports(urls: schema.Urls, folder: Path, *, quick: bool, tell: Tell) -> dict[str, Any]:
    """All figures of imports, in a ledger of their own."""
    sizes = _Sizes(20_000, 20_000, 5_000, 100) if quick else _Sizes(1_000_000, 1_000_000, 200_000, 1_000)
    ledger_id, operator, trader = await _prepare(urls)
    figures: dict[str, Any] = {}
    with serving(urls, folder / "home") as (port, process):
        api = _Api(port, operator)
        figures["one_by_one_rows_per_s"] = await asyncio.to_thread(_one_by_one, api, sizes.one_by_one)
        tell(f"one by one: {figures['one_by_one_rows_per_s']:,.0f} rows/s")
        for name, rows, codes in (("counted", sizes.rows, False), ("numbered", sizes.rows_with_codes, True)):
            file = _csv(folder / f"{name}.csv", rows, codes=codes)
            figures |= await _import(api, _Api(port, trader), file, rows, name, tell)
        figures["server_peak_mib"] = _peak_of(process.pid)
        await asyncio.to_thread(_seed_breaks, api, sizes.rows)
    figures |= _workbook(_xlsx(folder / "rows.xlsx", sizes.workbook_rows), sizes.workbook_rows)
    figures |= _bomb(folder / "bomb.xlsx")
    figures |= await _reconcile(urls, ledger_id)
    return figures


async def _prepare(urls: schema.Urls) -> tuple[int, str, str]:
    """A park of enterprises: (ledger id, key of an operator, key of the first enterprise)."""
    writer, local = await open_ledger(urls, LEDGER), local_principal()
    names = [(f"B-{number:03}", f"示例企业{number:02}") for number in range(PARK)]
    commands: list[Any] = [RegisterParty(party=party, kind="enterprise", name=name) for party, name in names]
    commands += [RegisterParty(party="bench", kind="platform", name="bench platform")]
    keys = [make_key(), make_key()]
    roles: tuple[Any, ...] = ("operator", "enterprise")
    for key, role, tenant in zip(keys, roles, (None, "B-000"), strict=True):
        command = CreateCredential(
            credential=key.credential, role=role, tenant=tenant, subject=f"system:bench-{role}",
            secret_sha256=key.secret_sha256,
        )  # fmt: skip
        commands.append(command)
    for command in commands:
        by = local_principal("admin") if isinstance(command, CreateCredential) else local
        await expect_posted(writer.submit(request(command, by)))
    await writer.stop()
    return writer.ledger.ledger_id, keys[0].text, keys[1].text


class _Api:
    """The API, asked one thing after another."""

    def __init__(self, port: int, key: str) -> None:
        self._url, self._key, self._count = f"http://127.0.0.1:{port}", key, 0

    def ask(self, path: str, body: Any = None, *, content: bytes | None = None, kind: str = "application/json") -> Any:
        """The JSON answer; urllib.error.HTTPError where it is a problem."""
        self._count += 1
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": f"b-{id(self)}-{self._count}"}
        data = json.dumps(body).encode() if body is not None else content
        if data is not None:
            headers["Content-Type"] = kind
        asked = urllib.request.Request(self._url + path, data=data, headers=headers)  # noqa: S310 (our own loopback)
        with urllib.request.urlopen(asked, timeout=600) as answer:  # noqa: S310 (see above)
            return json.loads(answer.read())

    def upload(self, file: Path) -> Any:
        """Send a statement file."""
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        content = head.encode() + file.read_bytes() + b"\r\n--x--\r\n"
        return self.ask("/v1/imports", content=content, kind="multipart/form-data; boundary=x")


def _rows(count: int, *, codes: bool) -> Iterator[list[str]]:
    """Trades by rule: other buyers, projects, months and prices in turn, each with its own range of serials."""
    dice, reached = random.Random(count), dict[tuple[str, str], int]()
    for number in range(1, count + 1):
        project, month = f"1A2B2023630{number % PROJECTS:06}", f"{1 + number // PROJECTS % 12:02}"
        quantity, fen, day = dice.randint(1, 20), dice.choice((485, 510, 520)), dice.randint(1, 28)
        first = reached.get((project, month), 0) + 1
        reached[project, month] = first + quantity - 1
        ends = [f"{project}2023{month}{serial:07}11" if codes else "" for serial in (first, first + quantity - 1)]
        amount = quantity * fen
        yield [
            str(number), f"{'N' if codes else 'C'}{number:012}", "挂牌交易", f"示例企业{number % PARK:02}",
            f"示例新能源{number % 7}", f"示例光伏{number % PROJECTS}", project, "太阳能发电", "青海",
            f"2023年{int(month)}月", "可交易", str(quantity), f"{fen // 100}.{fen % 100:02}",
            f"{amount // 100}.{amount % 100:02}",
            f"2024年7月{day}日", f"2024年7月{day + 1}日", "已划转", *ends, "",
        ]  # fmt: skip


def _csv(file: Path, count: int, *, codes: bool) -> Path:
    with file.open("w", encoding="gb18030", newline="") as out:
        out.write(PREAMBLE + HEADER + "\n")
        out.writelines(",".join(row) + "\n" for row in _rows(count, codes=codes))
    return file


def _one_by_one(api: _Api, count: int) -> float:
    """Rows per second of a loop: each trade and its transfer are posted, and their answers awaited."""
    evidence = {"level": "CONFIRMED", "document": "a" * 64}
    api.ask("/v1/parties", {"party": "S-LOOP", "kind": "seller", "name": "示例逐笔卖方"})
    started = time.perf_counter()
    for row in _rows(count, codes=False):
        trade = {
            "platform": "bench", "order": f"L{row[1]}", "project": row[6],
            "production_month": f"2023-{int(row[9][5:-1]):02}",
            "buyer": f"B-{int(row[0]) % PARK:03}", "seller": "S-LOOP", "quantity": row[11], "price": row[12],
            "amount_fen": row[13].replace(".", ""), "mode": "LISTING", "occurred_on": "2024-07-05",
            "evidence": evidence,
        }  # fmt: skip
        api.ask("/v1/trades", trade)
        trade_id = "/".join(str(trade[name]) for name in ("platform", "order", "project", "production_month"))
        api.ask("/v1/trades/transfers", {"trade": trade_id, "occurred_on": "2024-07-08", "evidence": evidence})
    return count / (time.perf_counter() - started)


async def _import(api: _Api, trader: _Api, file: Path, rows: int, name: str, tell: Tell) -> dict[str, Any]:
    """Upload, wait until checked, post, wait until posted; single transfers of another caller meanwhile."""
    started = time.perf_counter()
    job = await asyncio.to_thread(api.upload, file)
    received = time.perf_counter()
    job = await _settled(api, job["id"], {"checked", "refused", "unreadable"})
    assert job["state"] == "checked", job["report"]["problems"][:3]
    checked = time.perf_counter()
    await asyncio.to_thread(api.ask, f"/v1/imports/{job['id']}/posting", content=b"")
    stop = asyncio.Event()
    singles = asyncio.create_task(_singles(trader, stop))
    job = await _settled(api, job["id"], {"posted", "partly_posted", "refused"})
    ended = time.perf_counter()
    stop.set()
    latencies, failed = await singles
    assert (job["state"], job["report"]["problems"]) == ("posted", []), job["report"]["problems"][:3]
    figures = {
        f"import_{name}_rows": rows,
        f"import_{name}_seconds": [received - started, checked - received, ended - checked, ended - started],
        f"import_{name}_rows_per_s": rows / (ended - started),
        f"singles_meanwhile_{name}_ms": list(percentiles(latencies)),
        f"singles_meanwhile_{name}_failed": failed,
    }
    tell(f"{name}: {rows:,} rows in {ended - started:,.0f} s, singles p99 {percentiles(latencies)[1]:,.0f} ms")
    return figures


async def _settled(api: _Api, job: str, states: set[str]) -> Any:
    for _ in range(SETTLED_SECONDS_MAX * 10):
        found = await asyncio.to_thread(api.ask, f"/v1/imports/{job}")
        if found["state"] in states:
            return found
        await asyncio.sleep(0.1)
    raise TimeoutError(job)


async def _singles(trader: _Api, stop: asyncio.Event) -> tuple[list[float], int]:
    """(milliseconds of each, how many failed) of subscriptions of one certificate, one after another."""
    latencies, failed = [], 0
    while not stop.is_set():
        started = time.perf_counter()
        try:
            await asyncio.to_thread(trader.ask, "/v1/subscriptions", {"quantity": "1"})
        except OSError:
            failed += 1
        latencies.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(PAUSE_SECONDS)
    return latencies, failed


def _xlsx(file: Path, count: int) -> Path:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("trades")
    for line in (*PREAMBLE.strip().split("\n"), HEADER):
        sheet.append(line.split(","))
    for row in _rows(count, codes=False):
        sheet.append(row)
    book.save(file)
    return file


def _workbook(file: Path, rows: int) -> dict[str, Any]:
    seconds, peak = _child(file)
    return {"xlsx_rows": rows, "xlsx_seconds": seconds, "xlsx_child_peak_mib": peak}


def _bomb(file: Path) -> dict[str, Any]:
    """A sheet of blanks: 216 MB in an archive of some hundred kilobytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 216_000_000)
    seconds, peak = _child(file)
    return {"bomb_kb": file.stat().st_size // 1000, "bomb_seconds": seconds, "bomb_child_peak_mib": peak}


def _child(file: Path) -> tuple[float, int]:
    """(seconds, peak MiB) of the process that reads a file."""
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", "ledger.imports.child", "statement", file.name, str(file)], stdout=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.005)
    process.wait()
    return time.perf_counter() - started, peak >> 20


def _seed_breaks(api: _Api, rows: int) -> None:
    """Withdraw some trades past their statement, which goes on saying that they stand."""
    evidence = {"level": "CONFIRMED", "document": "b" * 64}
    chosen = {str(1 + at * (rows // SEEDED)) for at in range(SEEDED)}
    for row in _rows(rows, codes=False):
        if row[0] in chosen:
            trade = f"GEC/{row[1]}/{row[6]}/2023-{int(row[9][5:-1]):02}"
            api.ask("/v1/trades/voids", {"trade": trade, "occurred_on": "2024-07-31", "evidence": evidence})


async def _reconcile(urls: schema.Urls, ledger_id: int) -> dict[str, Any]:
    """All statement lines against the book, in which some trades were withdrawn past them."""
    reading, scope = Reading(urls.reader), Scope(ledger_id, ALL_TENANTS)
    await reading.reader.open()
    try:
        size, *_ = await reading.head(scope)
        july = (datetime.date(2024, 7, 1), datetime.date(2024, 7, 31))
        started = time.perf_counter()
        found = await Reconciling(reading.reader, scope).compare(
            *july, effective_as_of=datetime.date(2024, 12, 31), size=size, today=july[1]
        )
        seconds = time.perf_counter() - started
    finally:
        await reading.reader.close()
    return {
        "reconciled_lines": found.lines, "reconciled_seconds": seconds, "breaks_seeded": SEEDED,
        "reconciled_counts": found.counts.get("platform", {}),
    }  # fmt: skip


def _peak_of(pid: int) -> int:
    """Peak resident memory of a process in MiB, from its own record."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) >> 10
