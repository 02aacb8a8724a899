"""Numbered certificates under load: whole and part transfers, retirements, issuance, and one lot in many ranges.

The rates asked of transfers and retirements are ten and twenty times those of the best open registry (issue 3).
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg

from ledger.bench import workload
from ledger.bench.client import Load, percentiles
from ledger.bench.serving import send, serving
from ledger.core.account import account_name
from ledger.core.certificate import LotFacts
from ledger.core.command import CreateCredential, RegisterParty, Request, canonical
from ledger.core.events import Issue, Leg, Retire, Trade, Transfer, TransferTrade
from ledger.core.serial_range import SerialRange
from ledger.database import expect_posted, local_principal, open_ledger, request
from ledger.keys import make_key
from ledger.reports import positions
from ledger.reports.custody import custody_of_code
from ledger.reports.reading import Moment, Reading
from ledger.store import schema
from ledger.store.session import Query, Scope
from ledger.writer import Posted, Writer

PARK = 34
"""Key energy users of the park."""
SERIES_MAX = 3_330_000
TURNS = 5
"""Rounds of transfers in a ledger of few ranges and in one of many, one after the other."""
ISSUES = 2_500
"""Lots issued in one batch: the first of a run is decided while nothing is written yet."""
PIECE = 33
"""Certificates in one of the many ranges of the large lot."""
PROJECT = f"{'BENCH':0>17}"
MONTH = "2026-01"
LOT = f"{PROJECT}/{MONTH}/AB"
Tell = Callable[[str], None]


class _Sizes(msgspec.Struct, frozen=True):
    each: int
    """Requests of each kind over HTTP."""
    issued: int
    retired: int
    ranges: int
    reads: int


async def certificates(urls: schema.Urls, admin_url: str, *, quick: bool, tell: Tell) -> dict[str, Any]:
    """All figures of numbered certificates, in ledgers of their own."""
    sizes = _Sizes(2_000, 4_000, 2_000, 10_000, 50) if quick else _Sizes(20_000, 40_000, 40_000, 100_000, 300)
    figures = await _rates(urls, sizes, tell)
    _vacuum(admin_url)
    figures |= await _issuance(urls, sizes, tell)
    _vacuum(admin_url)
    figures |= await _many_ranges(urls, admin_url, sizes, tell)
    many = figures["many_ranges_transfer_per_s"]
    figures["many_ranges_ratio"] = many / figures["few_ranges_transfer_per_s"]
    return figures


def _vacuum(admin_url: str) -> None:
    """Clear up and take statistics, as pgbench does before it begins.

    Else autovacuum did it while the next part was measured, and until then a new ledger was read by plans of empty
    tables.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def code(serial: int) -> str:
    """The code of a certificate of the large lot, as the seeded layout cuts it."""
    return f"{PROJECT}{MONTH.replace('-', '')}{serial:07}AB"


async def _park(writer: Writer, *, quantity: int) -> list[str]:
    """Register the park, issue one series of so many, sell an equal share to each enterprise; their keys."""
    local = local_principal()
    names = [workload.party(n) for n in range(PARK)]
    commands: list[Any] = [RegisterParty(party=PROJECT, kind="project", name="bench project")]
    commands.append(RegisterParty(party="bench", kind="platform", name="bench platform"))
    commands += [RegisterParty(party=name, kind="enterprise", name=f"bench {name}") for name in names]
    lot = LotFacts(code="bench", numbered=False, production_month=MONTH, project=PROJECT)
    share = quantity // PARK
    total = share * PARK
    commands.append(
        Issue(
            project=PROJECT, reference="1", energy_kwh=1000 * total, lot=lot, code_first=code(1), code_last=code(total)
        )
    )
    for n, name in enumerate(names):
        codes = {"code_first": code(n * share + 1), "code_last": code((n + 1) * share)}
        sold = {"buyer": name, "seller": PROJECT, "platform": "bench", "quantity": share, "lot": lot}
        commands.append(Trade(trade_id=f"bench/{n}", **sold, **codes))
        commands.append(TransferTrade(trade_id=f"bench/{n}"))
    for command in commands:
        await expect_posted(writer.submit(request(command, local)))
    keys = []
    for name in names:
        new = make_key()
        made = CreateCredential(
            credential=new.credential, role="enterprise", tenant=name, subject=f"system:{name}",
            secret_sha256=new.secret_sha256,
        )  # fmt: skip
        await expect_posted(writer.submit(request(made, local_principal("admin"))))
        keys.append(new.text)
    return keys


async def _rates(urls: schema.Urls, sizes: _Sizes, tell: Tell) -> dict[str, Any]:
    """Over HTTP from 32 clients: a part of a range split off, a whole range moved on, a range retired."""
    writer = await open_ledger(urls, "certificates-rates")
    keys = await _park(writer, quantity=SERIES_MAX)
    await writer.stop()
    share, figures = SERIES_MAX // PARK, {}
    with serving(urls) as (port, _):
        bodies = {
            "part": ("/v1/transfers", _moves(sizes.each, _next, share)),
            "whole": ("/v1/transfers", _moves(sizes.each, lambda n: _next(_next(n)), share, back=True)),
            "retire": ("/v1/retirements", _claims(sizes.each, share)),
        }
        for what, (path, requests) in bodies.items():
            for clients in (8, 32):
                mine = requests[: len(requests) // 2] if clients == 8 else requests[len(requests) // 2 :]
                found = await send(Load(port, path, clients, keys, mine))
                tell(
                    f"{what}, {clients} clients: {found.per_s:,.0f}/s, p99 {found.p99_ms:.1f} ms, {found.failed} failed"
                )
                figures[f"certificates_{what}_{clients}_clients_per_s"] = found.per_s
                figures[f"certificates_{what}_failed"] = found.failed + figures.get(f"certificates_{what}_failed", 0)
    return figures


def _next(number: int) -> int:
    return (number + 1) % PARK


def _moves(count: int, to: Callable[[int], int], share: int, *, back: bool = False) -> list[tuple[int, str, str]]:
    """Ten certificates each, from the middle of a holder's range; `back`: on from where the first move took them."""
    bodies = []
    for at in range(count):
        owner = at % PARK
        giver = _next(owner) if back else owner
        first = owner * share + 11 + (at // PARK) * 25
        serials = [{"first": str(first), "last": str(first + 9)}]
        legs = [
            {"account": account_name("holding_ent", workload.party(who)), "commodity": "GEC", "lot": LOT,
             "quantity": quantity, "serials": serials}
            for who, quantity in ((giver, "-10"), (to(owner), "10"))
        ]  # fmt: skip
        bodies.append((giver, f"{back}-{at}", msgspec.json.encode({"postings": legs}).decode()))
    return bodies


def _claims(count: int, share: int) -> list[tuple[int, str, str]]:
    bodies = []
    for at in range(count):
        owner = at % PARK
        first = owner * share + 3 + (at // PARK) * 25
        body = {"quantity": "5", "purpose": "VOLUNTARY", "year": "2026", "lot": LOT,
                "serials": [{"first": str(first + 19), "last": str(first + 23)}]}  # fmt: skip
        bodies.append((owner, f"r-{at}", msgspec.json.encode(body).decode()))
    return bodies


async def _issuance(urls: schema.Urls, sizes: _Sizes, tell: Tell) -> dict[str, Any]:
    """In batches by two callers: lots issued, each a series of its own; then ranges retired by selection."""
    writer = await open_ledger(urls, "certificates-issue")
    await _park(writer, quantity=PARK)
    local = local_principal()
    issues = [_issue(n) for n in range(sizes.issued)]
    rate = await _in_batches(writer, [request(command, local) for command in issues], size=ISSUES)
    tell(f"batch issue: {rate:,.0f} lots/s")
    figures = {"batch_issue_lots_per_s": rate}
    # Ten certificates of every second ten of a new series, so that what is held is many ranges.
    holder, others = account_name("holding_ent", workload.party(0)), account_name("holding_ent", workload.party(1))
    legs = []
    lot = LotFacts(code="pieces", numbered=False, production_month="2026-02", project=PROJECT)
    last = 20 * sizes.retired
    codes = {"code_first": code(1).replace("202601", "202602"), "code_last": code(last).replace("202601", "202602")}
    await expect_posted(
        writer.submit(request(Issue(project=PROJECT, reference="p", energy_kwh=1000 * last, lot=lot, **codes), local))
    )
    sold = {"buyer": workload.party(0), "seller": PROJECT, "platform": "bench", "quantity": last, "lot": lot}
    await expect_posted(writer.submit(request(Trade(trade_id="pieces", **sold, **codes), local)))
    await expect_posted(writer.submit(request(TransferTrade(trade_id="pieces"), local)))
    series = f"{PROJECT}/2026-02/AB"
    for at in range(0, sizes.retired, 90):
        pieces = tuple(SerialRange(20 * n + 11, 20 * n + 21) for n in range(at, min(at + 90, sizes.retired)))
        quantity = 10 * len(pieces)
        legs.append((Leg(holder, "GEC", -quantity, series, pieces), Leg(others, "GEC", quantity, series, pieces)))
    await _in_batches(writer, [request(Transfer(legs=pair), local) for pair in legs])
    claims = [
        Retire(enterprise=workload.party(0), quantity=900, purpose="VOLUNTARY", year="2026", lot=series)
        for _ in range(sizes.retired // 90)
    ]
    started = time.perf_counter()
    await _in_batches(writer, [request(command, local) for command in claims])
    figures["batch_retire_ranges_per_s"] = 90 * len(claims) / (time.perf_counter() - started)
    tell(f"batch retire by selection: {figures['batch_retire_ranges_per_s']:,.0f} ranges/s")
    await writer.stop()
    return figures


def _issue(number: int) -> Issue:
    """One lot: a month and class of its own, a thousand certificates."""
    classes = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    month = f"{2026}-{1 + number % 6:02}"
    mark = classes[number // 6 % 36] + classes[number // 216 % 36]
    project = f"{number // 7776:012X}ISSUE"
    prefix = f"{project}{month.replace('-', '')}"
    lot = LotFacts(code=f"lot-{number}", numbered=False, production_month=month, project=project)
    codes = {"code_first": f"{prefix}{1:07}{mark}", "code_last": f"{prefix}{1000:07}{mark}"}
    return Issue(project=PROJECT, reference=f"i{number}", energy_kwh=1_000_000, lot=lot, **codes)


async def _in_batches(writer: Writer, requests: list[Request], *, size: int = 10_000) -> float:
    """Two callers, so that one batch is decided while the other is written; commands a second."""
    waiting = iter([requests[at : at + size] for at in range(0, len(requests), size)])

    async def caller(batches: Iterator[list[Request]]) -> None:
        for batch in batches:
            for outcome in await writer.submit_batch(batch, atomic=False):
                assert isinstance(outcome, Posted), outcome

    started = time.perf_counter()
    await asyncio.gather(caller(waiting), caller(waiting))
    return len(requests) / (time.perf_counter() - started)


async def _many_ranges(urls: schema.Urls, admin_url: str, sizes: _Sizes, tell: Tell) -> dict[str, Any]:
    """3.33 million certificates of one lot spread over 34 enterprises in so many ranges: reads, and transfers."""
    new = await open_ledger(urls, "certificates-few")
    writer = await open_ledger(urls, "certificates-ranges")
    for one in (new, writer):
        await _park(one, quantity=SERIES_MAX)
    share, figures = SERIES_MAX // PARK, {}
    chance, started = random.Random(7), time.perf_counter()
    pieces = sizes.ranges // 2
    commands = [_spread(n, share, pieces, chance) for n in range(pieces)]
    rate = await _in_batches(writer, [request(command, local_principal()) for command in commands])
    tell(f"{pieces:,} splits in {time.perf_counter() - started:.0f} s, {rate:,.0f}/s")
    # Turn by turn, so that whatever the machine does besides, it does to both.
    few, many = [], []
    for turn in range(TURNS):
        few.append(await _transfers(new, share, turn, sizes, spread=False))
        many.append(await _transfers(writer, share, turn, sizes, spread=True))
    for name, rates in (("few", few), ("many", many)):
        figures[f"{name}_ranges_transfer_per_s"] = statistics.median(rates)
        tell(f"transfers of a piece, {name} ranges: {', '.join(f'{rate:,.0f}' for rate in rates)} a second")
    scope = Scope(writer.ledger.ledger_id, "*")
    await new.stop()
    await writer.stop()
    _vacuum(admin_url)
    reading = Reading(urls.reader)
    await reading.reader.open()
    (rows,) = await reading.reader.fetch(scope, _COUNT)
    figures["live_ranges"] = rows[0][0]
    figures |= await _time_reads(reading, scope, share, sizes, tell)
    await reading.reader.close()
    return figures


_COUNT = Query("select count(*) from visible_serial_position")


def _spread(number: int, share: int, pieces: int, chance: random.Random) -> Transfer:
    """A piece out of the middle of one holder's share to somebody else."""
    owner = number % PARK
    first = owner * share + 1 + (number // PARK) * _step(share, pieces)
    taker = (owner + 1 + chance.randrange(PARK - 1)) % PARK
    return _piece(owner, taker, first, PIECE)


def _step(share: int, pieces: int) -> int:
    """How far apart the pieces of one share lie; its last part stays whole."""
    return share * 7 // 10 * PARK // pieces


def _piece(giver: int, taker: int, first: int, size: int) -> Transfer:
    serials = (SerialRange(first, first + size),)
    names = (account_name("holding_ent", workload.party(who)) for who in (giver, taker))
    legs = zip(names, (-size, size), strict=True)
    return Transfer(legs=tuple(Leg(name, "GEC", quantity, LOT, serials) for name, quantity in legs))


async def _transfers(writer: Writer, share: int, turn: int, sizes: _Sizes, *, spread: bool) -> float:
    """Pieces of one certificate between enterprises, from 200 callers: how many a second."""
    each = sizes.each // TURNS
    commands = []
    for at in range(each):
        owner = at % PARK
        among = PIECE + 2 + (at // PARK) * _step(share, sizes.ranges // 2)
        alone = share * 8 // 10 + (at // PARK) * 6 * TURNS
        first = owner * share + (among if spread else alone) + turn * 2
        commands.append(_piece(owner, _next(owner), first, 1))
    waiting = iter(
        Request(command=command, principal=workload.OPERATOR, request_key=f"{turn}-{n}", canonical=canonical(command))
        for n, command in enumerate(commands)
    )

    async def caller(requests: Iterator[Request]) -> None:
        for one in requests:
            outcome = await writer.submit(one)
            assert isinstance(outcome, Posted), outcome

    started = time.perf_counter()
    await asyncio.gather(*(caller(waiting) for _ in range(200)))
    return each / (time.perf_counter() - started)


async def _time_reads(reading: Reading, scope: Scope, share: int, sizes: _Sizes, tell: Tell) -> dict[str, Any]:
    """Milliseconds, as [median, 99th percentile, worst]."""

    chance, today = random.Random(5), workload.civil_day()
    size, _, _ = await reading.head(scope)
    timings: dict[str, list[float]] = {}
    for _ in range(sizes.reads):
        one = Scope(scope.ledger_id, workload.party(chance.randrange(PARK)))
        then = Moment(today, chance.randrange(size))
        reads = {
            "position_of_one": positions.positions(reading, one, None, today=today),
            "position_of_one_as_of": positions.positions(reading, one, then, today=today),
            "position_of_park": positions.positions(reading, scope, None, today=today, by="vintage"),
            "position_of_park_as_of": positions.positions(reading, scope, then, today=today),
            "routes_of_park": positions.routes(reading, scope, None),
            "custody": custody_of_code(reading, scope, code(chance.randrange(1, share * PARK)), None, after=-1),
        }
        for what, read in reads.items():
            started = time.perf_counter()
            await read
            timings.setdefault(what, []).append((time.perf_counter() - started) * 1000)
    figures = {f"{what}_ms": list(percentiles(found)) for what, found in timings.items()}
    for what, found in figures.items():
        tell(f"{what}: median {found[0]:.1f}, p99 {found[1]:.1f}, worst {found[2]:.1f}")
    return figures
