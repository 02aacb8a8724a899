"""Callers that race for the same serials: nothing overlaps, is lost or gained, whoever comes first.

`LEDGER_RACES=20000` runs the full number of trials; a plain run does fewer.
"""

import asyncio
import datetime
import os
import random
from collections import Counter
from typing import Any

import pytest

from ledger.core.command import Request
from ledger.core.events import AnswerOffer, Evidence, Freeze, Leg, Offer, Posting, Retire, Transfer, Unfreeze
from ledger.core.serial_range import SerialRange
from ledger.reports.invariants import Verdict, invariants
from ledger.reports.reading import Reading
from ledger.store import unit_of_work
from ledger.store.outcomes import Outcome, Posted
from ledger.store.unit_of_work import write_group
from ledger.writer import Writer
from tests.conftest import DOCUMENT, ENTERPRISES, Park, Server, holding, today

TRIALS = int(os.environ.get("LEDGER_RACES", "3000"))
SERIALS = 1_000
PROVED = Evidence(level="REPORTED", document=DOCUMENT)


def wishes(dice: random.Random, park: Park, lot: str, count: int) -> list[Request]:
    """Somebody moves, splits, offers, freezes or retires a few of the serials that lie somewhere now.

    They are all made from one look at the book, so that many want the same ones.
    """
    lie = park.database.rows(
        "select a.kind, a.owner, lower(s.serials), upper(s.serials) from serial_position s "
        "join account a using (ledger_id, account_id) where a.kind in ('holding_ent', 'frozen')"
    )
    open_offers = [index for (index,) in park.database.rows("select log_index from offer where state = 'open'")]
    found = []
    for _ in range(count):
        kind, owner, low, high = dice.choice(lie)
        first = dice.randrange(low, high)
        quantity = dice.randint(1, min(high - first, 20))
        found.append(wish(dice, lot, kind, owner, SerialRange(first, first + quantity), open_offers))
    return [park.operator(command) for command in found]


def wish(dice: random.Random, lot: str, kind: str, owner: str, serials: SerialRange, offers: list[int]) -> Posting:
    """One wish about serials that lie in an account of this kind and owner."""
    quantity = serials.end - serials.first
    own = {"enterprise": owner, "quantity": quantity, "lot": lot, "serials": (serials,)}
    if kind == "frozen":
        return Unfreeze(reason="dispute", evidence=PROVED, **own)
    taker = dice.choice([party for party in ENTERPRISES if party != owner])
    match dice.choice(["transfer"] * 8 + ["freeze", "offer", "answer", "answer", "retire"]):
        case "retire":
            few = {"quantity": 1, "serials": (SerialRange(serials.first, serials.first + 1),)}
            return Retire(purpose="EVENT", year="2026", **(own | few))
        case "freeze":
            return Freeze(reason="dispute", evidence=PROVED, **own)
        case "offer":
            return Offer(receiver=taker, **own)
        case "answer" if offers:
            return AnswerOffer(offer=dice.choice(offers), answer=dice.choice(["accept", "reject"]))
    sides = ((holding(owner), -quantity), (holding(taker), quantity))
    return Transfer(legs=tuple(Leg(account, "GEC", signed, lot, (serials,)) for account, signed in sides))


async def race(writers: list[Writer], asked: list[Request], *, callers: int) -> list[Outcome]:
    """Every wish asked by one of so many callers at once, of one writer or the other."""
    waiting, found = list(enumerate(asked)), []

    async def caller() -> None:
        while waiting:
            at, request = waiting.pop()
            found.append(await writers[at % len(writers)].submit(request))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return found


def checked(park: Park) -> list[Verdict]:
    """What the checker finds broken."""

    async def check() -> list[Verdict]:
        reading = Reading(park.database.urls.reader)
        await reading.reader.open()
        try:
            _, verdicts = await invariants(reading, park.scope(), today=datetime.date.fromisoformat(today()))
            return [verdict for verdict in verdicts if verdict.state == "broken"]
        finally:
            await reading.reader.close()

    return park.run(check())


def lying(park: Park) -> Counter[int]:
    """How often each serial lies somewhere."""
    rows = park.database.rows("select lower(serials), upper(serials) from serial_position")
    return Counter(serial for first, end in rows for serial in range(first, end))


@pytest.mark.parametrize("callers", [8, 32])
def test_racers_neither_lose_nor_gain_a_serial(server: Server, callers: int) -> None:
    """Transfers, splits, offers, freezes and retirements on the same ranges, by two writers at once."""
    park = Park(server.clone("template_park"), refusals_per_minute=10**9)
    lot, dice = park.give_serials(ENTERPRISES[0], 1, SERIALS), random.Random(callers)
    second = park.run(park.start_writer())
    posted = refused = 0
    for _ in range(0, TRIALS // 2, 250):
        outcomes = park.run(race([park.writer, second], wishes(dice, park, lot, 250), callers=callers))
        posted += sum(isinstance(outcome, Posted) for outcome in outcomes)
        refused += sum(not isinstance(outcome, Posted) for outcome in outcomes)
    park.run(second.stop())
    assert posted > TRIALS // 20 and refused > TRIALS // 20, "both must happen, or nobody raced"
    assert lying(park) == dict.fromkeys(range(1, SERIALS + 1), 1)
    assert not checked(park)
    park.close()
    park.database.drop()


async def _dawdle(*arguments: Any, **named: Any) -> None:
    """Write what a group changed a while after the head was looked at, so that another writer can come between."""
    await asyncio.sleep(0.01)
    await write_group(*arguments, **named)


@pytest.mark.newest_only
def test_a_slow_writer_is_safe_behind_its_lock(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a group takes between looking at the head and writing, nobody comes between."""
    monkeypatch.setattr(unit_of_work, "write_group", _dawdle)
    park = Park(server.clone("template_park"), refusals_per_minute=10**9)
    lot, dice = park.give_serials(ENTERPRISES[0], 1, SERIALS), random.Random(1)
    second = park.run(park.start_writer())
    for _ in range(3):
        park.run(race([park.writer, second], wishes(dice, park, lot, 100), callers=32))
    assert lying(park) == dict.fromkeys(range(1, SERIALS + 1), 1) and not checked(park)
    park.run(second.stop())
    park.close()
    park.database.drop()


@pytest.mark.newest_only
def test_without_lock_and_constraint_racers_break_the_book(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: two writers that take no lock, in a database that forgives all, lose or double serials; it is found."""
    monkeypatch.setattr(unit_of_work, "write_group", _dawdle)
    queueless = unit_of_work._LOCK_HEAD.replace("pg_advisory_xact_lock(0, %s)", "%s")
    monkeypatch.setattr(unit_of_work, "_LOCK_HEAD", queueless)
    monkeypatch.setattr(unit_of_work, "_PREPARE_LOCK", unit_of_work._PREPARE_LOCK.replace("for update", ""))
    park = Park(server.clone("template_park"), refusals_per_minute=10**9)
    for drop in (
        "alter table serial_position drop constraint serial_in_one_place",
        *(f"alter table {table} drop constraint {table}_pkey" for table in ("posting", "journal_segment", "event")),
        "drop index journal_segment_recorded_at",
    ):
        park.database.rows(drop)
    lot, dice = park.give_serials(ENTERPRISES[0], 1, SERIALS), random.Random(1)
    second = park.run(park.start_writer())
    for _ in range(20):
        park.run(race([park.writer, second], wishes(dice, park, lot, 100), callers=32))
        if lying(park) != dict.fromkeys(range(1, SERIALS + 1), 1):
            break
    broken = checked(park)
    assert lying(park) != dict.fromkeys(range(1, SERIALS + 1), 1)
    assert 4 in {verdict.number for verdict in broken}
    park.run(second.stop())
    park.close()
    park.database.drop()
