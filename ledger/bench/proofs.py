"""Proofs under load: a long bundle verified, proofs of a long log, and how soon records are sealed while it grows."""

import asyncio
import contextlib
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psycopg

from ledger.bench import workload
from ledger.bench.client import percentiles
from ledger.core.book import Book
from ledger.core.certificate import LotFacts
from ledger.core.command import OpenLedger, Principal, RegisterParty, Request, canonical
from ledger.core.decision import decide, learn
from ledger.core.events import Issue, Trade, TransferTrade
from ledger.core.record import TYPE_OF_BODY, Envelope, Posted, encode
from ledger.core.seed import SEED
from ledger.database import open_ledger
from ledger.proof.bundle import MAGIC, Header, frame, records_frame
from ledger.proof.merkle import Frontier, leaf_hash
from ledger.proof.note import Checkpoint, SignerKey
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading
from ledger.signing import declare
from ledger.store import schema
from ledger.store.ledgers import ORIGIN
from ledger.store.session import OPTIONS, Scope
from ledger.writer import Writer

ENTERPRISES = 34
SEGMENT = 1_000
"""Records behind each checkpoint of the bundle that is verified."""
PROOFS = 1_000
LOAD = 20_000
"""Transfers of each turn, with a signer beside them and without."""
TURNS = 3
TODAY = "2026-06-01"
NAME = "bench"
PROJECT = f"{'BENCH':0>17}"
Tell = Callable[[str], None]


async def proofs(urls: schema.Urls, folder: Path, *, quick: bool, tell: Tell) -> dict[str, Any]:
    """All figures of proofs: verification, inclusion in a long log, sealing."""
    records = 100_000 if quick else 5_000_000
    figures = await asyncio.to_thread(_verification, folder, records, tell)
    writer = await open_ledger(urls, "sealed")
    await workload.fill(writer, enterprises=ENTERPRISES)
    figures |= await _sealing(urls, folder, writer, tell)
    figures |= await _inclusion(urls, writer, records, tell)
    await writer.stop()
    return figures


def _verification(folder: Path, records: int, tell: Tell) -> dict[str, Any]:
    """Records a second, and peak memory, of `python -m ledger.proof` in a process of its own."""
    key = SignerKey.make(ORIGIN.format(name=NAME), secrets.token_bytes(32))
    bundle, keys = folder / "bench.bundle", folder / "pinned"
    keys.write_text(f"signer {key.verifier} 0\n", "utf-8")
    with bundle.open("wb") as stream:
        size = write_bundle(stream, key, records)
    tell(f"a bundle of {size:,} records, {bundle.stat().st_size >> 20:,} MiB")
    started = time.perf_counter()
    command = [sys.executable, "-m", "ledger.proof", str(bundle), "--keys", str(keys), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 (our own command)
        peak, output = _watch(process)
    seconds = time.perf_counter() - started
    assert process.returncode == 0, output[:500]
    tell(f"verified at {size / seconds:,.0f} records/s, {peak} MiB at the most")
    bundle.unlink()
    return {"verify_records_per_s": size / seconds, "verify_records": size, "verify_rss_mib": peak}


def _watch(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Peak resident memory in MiB, and what the process printed."""
    assert process.stdout is not None
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    peak = max(peak, int(line.split()[1]) >> 10)
        time.sleep(0.1)
    return peak, process.stdout.read()


def write_bundle(stream: BinaryIO, key: SignerKey, records: int) -> int:
    """Write a bundle of a park with this many transfers, decided by the engine; its size."""
    tree = Frontier()
    header = Header(from_size="0", ledger=NAME, origin=key.name, to_size=f"{records}")
    stream.write(MAGIC + frame(b"H", msgspec.json.encode(header)))
    contents: list[bytes] = []
    made = _records(records)
    for content in made:
        contents.append(content)
        if len(contents) == SEGMENT or tree.size + len(contents) == records:
            leaves = [leaf_hash(one) for one in contents]
            for leaf in leaves:
                tree.append(leaf)
            tree.completed.clear()
            joined = b"".join(len(one).to_bytes(2) + one for one in contents)
            stream.write(records_frame(b"".join(leaves), joined))
            stream.write(frame(b"C", Checkpoint(key.name, tree.size, tree.root()).note().signed(key).encode()))
            contents.clear()
            if tree.size == records:
                break
    stream.write(frame(b"E", b""))
    return tree.size


def _records(count: int) -> Iterator[bytes]:
    """The records of a park that transfers numbered certificates and counted ones, as its writer would make them."""
    book, chance = Book(NAME), random.Random(1)
    operator = workload.OPERATOR
    admin = Principal(actor="bench:admin", role="admin", subject="person:bench")
    names = [workload.party(n) for n in range(ENTERPRISES)]
    wishes: list[tuple[Principal, Any]] = [(admin, OpenLedger(origin=ORIGIN.format(name=NAME), zone="UTC", rows=SEED))]
    wishes.append((operator, RegisterParty(party="S-1", kind="seller", name="bench seller")))
    wishes.append((operator, RegisterParty(party="bench", kind="platform", name="bench platform")))
    wishes.append((operator, RegisterParty(party=PROJECT, kind="project", name="bench project")))
    wishes += [(operator, RegisterParty(party=name, kind="enterprise", name=f"bench {name}")) for name in names]
    share, month = 10_000, "2026-01"
    code = f"{PROJECT}202601{{:07}}AB"
    lot = LotFacts(code="n", numbered=False, production_month=month, project=PROJECT)
    total = share * ENTERPRISES
    issued = {"code_first": code.format(1), "code_last": code.format(total)}
    wishes.append((operator, Issue(project=PROJECT, reference="1", energy_kwh=1000 * total, lot=lot, **issued)))
    for n, name in enumerate(names):
        sold = {"code_first": code.format(n * share + 1), "code_last": code.format((n + 1) * share)}
        number = {"buyer": name, "platform": "bench", "seller": PROJECT, "quantity": share, "lot": lot}
        wishes.append((operator, Trade(trade_id=f"n/{n}", **number, **sold)))
        wishes.append((operator, TransferTrade(trade_id=f"n/{n}")))
        counted = LotFacts(code=workload.LOT, numbered=False, production_month=month, project="P-1")
        bought = {"buyer": name, "platform": "bench", "seller": "S-1", "quantity": 10**9, "lot": counted}
        wishes.append((operator, Trade(trade_id=f"c/{n}", **bought)))
        wishes.append((operator, TransferTrade(trade_id=f"c/{n}")))
    made = 0
    for number in range(count):
        principal, command = wishes[number] if number < len(wishes) else _transfer(chance, number)
        seed = secrets.token_bytes(32) if isinstance(command, RegisterParty) else b""
        asked = Request(
            command=command,
            principal=principal,
            request_key=f"k-{number}",
            canonical=canonical(command),
            salt_seed=seed,
        )
        for content in _decided(book, asked):
            yield content
            made += 1
            if made == count:
                return


def _transfer(chance: random.Random, number: int) -> tuple[Principal, Any]:
    source, step = chance.randrange(ENTERPRISES), 1 + chance.randrange(ENTERPRISES - 1)
    made = workload.transfer(source, (source + step) % ENTERPRISES, f"k-{number}")
    return made.principal, made.command


def _decided(book: Book, asked: Request) -> Iterator[bytes]:
    decision = decide(book, asked, today=TODAY)
    assert isinstance(decision, Posted), decision
    for body in decision.bodies:
        index, own = book.size, body is decision.bodies[-1]
        learn(book, index, body)
        yield encode(
            Envelope(
                actor=asked.principal.actor,
                body=body,
                caused_by=None if own else str(index + len(decision.bodies) - 1),
                index=str(index),
                ledger=NAME,
                recorded_at=f"2026-06-01T00:00:{index // 100_000_000:02}.{index // 100 % 1_000_000:06}Z",
                request_key=asked.request_key if own else None,
                salt=f"{index:032x}",
                tenant=asked.principal.tenant,
                type=TYPE_OF_BODY[type(body)],
                type_v="1",
                v="1",
            )
        )


async def _sealing(urls: schema.Urls, folder: Path, writer: Writer, tell: Tell) -> dict[str, Any]:
    """The rate of single transfers with a signer beside them and without, in turns; how soon each is sealed."""
    home = folder / "signing"
    await declare(writer, home / "signer" / writer.ledger.name)
    rates: dict[bool, list[float]] = {True: [], False: []}
    lags: list[float] = []
    for turn in range(TURNS):
        for signed in (False, True):
            with _signer(urls, home, writer.ledger.name) if signed else contextlib.nullcontext():
                watching = asyncio.create_task(_lags(urls, writer.ledger.ledger_id, lags)) if signed else None
                rates[signed].append(await _post(writer, f"{turn}-{signed}"))
                if watching is not None:
                    await asyncio.sleep(3)
                    watching.cancel()
            tell(f"{'with' if signed else 'without'} a signer: {rates[signed][-1]:,.0f} transfers/s")
    lag = percentiles([1000 * second for second in lags])
    tell(f"sealed after {lag[0]:,.0f} ms, p99 {lag[1]:,.0f} ms, worst {lag[2]:,.0f} ms")
    with_signer, without = sorted(rates[True])[TURNS // 2], sorted(rates[False])[TURNS // 2]
    return {
        "sealed_after_ms": list(lag),
        "signed_transfers_per_s": with_signer,
        "unsigned_transfers_per_s": without,
        "signer_ratio": with_signer / without,
    }


@contextlib.contextmanager
def _signer(urls: schema.Urls, home: Path, ledger: str) -> Iterator[None]:
    environment = os.environ | {
        "DATABASE_URL": "",
        "DATABASE_URL_WRITER": urls.writer,
        "DATABASE_URL_READER": urls.reader,
        "DATABASE_URL_SIGNER": urls.signer,
        "GREENLEDGER_HOME": str(home),
    }
    command = [sys.executable, "-m", "ledger.cli", "signer", "run", "--ledger", ledger]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603 (our own command)
    time.sleep(2)  # until it has read the log and waits
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0, "the signer signed until it was told to end"


async def _lags(urls: schema.Urls, ledger_id: int, lags: list[float]) -> None:
    """Seconds from each segment's moment to when a checkpoint covers it, as somebody sees who looks every 50 ms."""
    async with await psycopg.AsyncConnection.connect(urls.writer, options=OPTIONS, autocommit=True) as connection:
        row = await (await connection.execute(_SEALED, (ledger_id,))).fetchone()
        assert row is not None
        seen = row[0]
        while True:
            await asyncio.sleep(0.05)
            rows = await (await connection.execute(_LAGS, {"ledger": ledger_id, "seen": seen})).fetchall()
            for end, lag in rows:
                seen = max(seen, end)
                lags.append(lag)


async def _post(writer: Writer, turn: str) -> float:
    chosen = workload.pairs(7, enterprises=ENTERPRISES)
    waiting = iter([workload.transfer(*next(chosen), f"{turn}-{n}") for n in range(LOAD)])

    async def caller() -> None:
        for one in waiting:
            outcome = await writer.submit(one)
            assert hasattr(outcome, "index"), outcome

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(200)))
    return LOAD / (time.perf_counter() - started)


async def _inclusion(urls: schema.Urls, writer: Writer, records: int, tell: Tell) -> dict[str, Any]:
    """Milliseconds of a proof that a record at random is in a log so long, the first one cold."""
    reading = Reading(urls.reader)
    await reading.reader.open()
    scope, chosen = Scope(writer.ledger.ledger_id, "*"), workload.pairs(8, enterprises=ENTERPRISES)
    size, *_ = await reading.head(scope)
    while size < records:
        batch = [workload.transfer(*next(chosen), f"g-{size}-{n}") for n in range(min(10_000, records - size))]
        await writer.submit_batch(batch, atomic=False)
        size += len(batch)
        if size % 500_000 < 10_000:
            tell(f"a log of {size:,} of {records:,} records")
    chance, made, timings = random.Random(2), Proofs(reading), []
    for _ in range(PROOFS):
        started = time.perf_counter()
        path = await made.inclusion(scope, index=chance.randrange(size), size=size)
        timings.append((time.perf_counter() - started) * 1000)
        assert isinstance(path, list)
    await reading.reader.close()
    tell(f"inclusion in {size:,}: cold {timings[0]:.1f} ms, then {percentiles(timings[1:])} ms")
    return {"inclusion_ms": list(percentiles(timings)), "inclusion_cold_ms": timings[0], "inclusion_records": size}


_SEALED = "select coalesce(max(size), 0) from checkpoint where ledger_id = %s"
_LAGS = """
    select first_index + record_count, extract(epoch from clock_timestamp() - recorded_at)::float8
    from journal_segment where ledger_id = %(ledger)s and first_index >= %(seen)s
        and first_index < (select coalesce(max(size), 0) from checkpoint where ledger_id = %(ledger)s)
    order by first_index
"""
