"""What an event of a trade touches is loaded before it is decided: all of it, and no more; and when it is let go of."""

import asyncio

import pytest

from ledger import writer as writer_module
from ledger.core.certificate import LotFacts
from ledger.core.events import (
    Deliver,
    Evidence,
    IdentifyTrade,
    Issue,
    ListForSale,
    Posting,
    Subscribe,
    Trade,
    TransferTrade,
    VoidTrade,
)
from ledger.core.plans.trades import _PLACES, _TOUCHED
from ledger.core.serial_range import SerialRange
from tests.conftest import DOCUMENT, ENTERPRISES, PLATFORM, PROJECT, Park, code

BUYER = ENTERPRISES[0]
MONTH = "2026-05"
SERIES = f"{PROJECT}/{MONTH}/AB"
KINDS = """
    select e.command, array_agg(distinct a.kind) from event e
    join posting p using (ledger_id, log_index) join account a using (ledger_id, account_id)
    group by e.command
"""


def bought(park: Park, order: str, **more: object) -> Trade:
    """Ten counted certificates with a price, from outside."""
    return park.trade(order, BUYER, 10, project=PROJECT, amount_fen=5_000, **more)


def sold(order: str, mode: str, first: int) -> Trade:
    """Ten of the project's own, which are numbered."""
    lot = LotFacts(code=order, numbered=False, production_month=MONTH, project=PROJECT)
    codes = {"code_first": code("P1", MONTH, first), "code_last": code("P1", MONTH, first + 9)}
    parties = {"buyer": BUYER, "seller": PROJECT, "platform": PLATFORM}
    return Trade(trade_id=order, quantity=10, lot=lot, mode=mode, **parties, **codes)


def numbers(order: str, first: int) -> IdentifyTrade:
    """The serials of ten counted certificates."""
    codes = {"code_first": code("P1", MONTH, first), "code_last": code("P1", MONTH, first + 9)}
    return IdentifyTrade(trade_id=order, **codes)


def lives(park: Park) -> list[Posting]:
    """Trades from outside, from a project and from its listing, and all that becomes of them."""
    lot = LotFacts(code="issued", numbered=False, production_month=MONTH, project=PROJECT)
    codes = {"code_first": code("P1", MONTH, 1), "code_last": code("P1", MONTH, 100)}
    paper = Evidence(level="CONFIRMED", document=DOCUMENT)
    return [
        Issue(project=PROJECT, reference="1", energy_kwh=100_000, lot=lot, **codes),
        ListForSale(project=PROJECT, platform=PLATFORM, quantity=10, lot=SERIES, serials=(SerialRange(1, 11),)),
        sold("listed", "LISTING", 1),
        sold("direct", "BILATERAL", 11),
        Subscribe(enterprise=BUYER, quantity=100),
        bought(park, "early"),
        numbers("early", 201),  # in transit
        TransferTrade(trade_id="early"),
        Deliver(trade_id="early"),
        bought(park, "late"),
        TransferTrade(trade_id="late"),
        numbers("late", 301),  # in hand
        VoidTrade(trade_id="early", evidence=paper),
    ]


def test_what_events_of_a_trade_touch_is_loaded_and_no_more(park: Park) -> None:
    """A writer that starts anew before each of them posts it, and where it posts is where it was told to look."""
    for event in lives(park):
        park.restart()
        park.expect_posted(park.operator(event))
    posted = {command: set(kinds) for command, kinds in park.database.rows(KINDS)}
    names = {str(event.__struct_config__.tag): set(kinds) for event, kinds in _TOUCHED.items()}
    assert {command: posted[command] for command in names if command != "void_trade"} == {
        command: kinds for command, kinds in names.items() if command != "void_trade"
    }
    assert posted["void_trade"] <= set(_PLACES)


def test_a_large_book_is_let_go_of_before_the_writer_waits(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the next command comes: its caller would wait for that, and until then memory would be full of it."""
    monkeypatch.setattr(writer_module, "CACHED_MAX", 0)
    park.expect_posted(park.operator(bought(park, "large")))

    async def idle() -> None:
        for _ in range(100):
            await asyncio.sleep(0)

    park.run(idle())
    assert park.writer._book is None
