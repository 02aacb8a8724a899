"""The book under any sequence of commands: sums, signs, running figures, and taking all of it back."""

from collections import Counter
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core import serial_range
from ledger.core.certificate import LotFacts
from ledger.core.command import Command, Principal, RegisterParty
from ledger.core.decision import learn
from ledger.core.events import (
    Leg,
    Subscribe,
    Trade,
    Transfer,
    TransferTrade,
)
from ledger.core.quantity import COMMODITIES
from ledger.core.record import Posted, PostedLeg, PostingBody
from tests.core.park import CONFIRMED, ONE, OPERATOR, TODAY, TWO, Park, contents, day, everything, legs, posting, trade

HOLDINGS = [f"Holding:Ent:GH-00{n}" for n in (1, 2, 3)]
PROJECT = "1A2B2023630100077"
DATES = st.sampled_from([None, day(-9), day(-3), TODAY, day(4)])


def code(serial: int) -> str:
    """The code of one serial of one series, by the seeded layout."""
    return f"{PROJECT}202403{serial:07}11"


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    """Trades of counted or numbered units, some of which collide."""
    first, quantity = draw(st.integers(1, 40)), draw(st.integers(1, 15))
    numbered = draw(st.booleans())
    lot_code = draw(st.sampled_from(["L1", "L2"]))
    lot = LotFacts(code=lot_code, numbered=False, production_month="2024-03", project=PROJECT)
    codes = {"code_first": code(first), "code_last": code(first + quantity - 1)} if numbered else {}
    return trade(
        quantity, trade_id=draw(st.sampled_from("ABCDEF")), lot=lot, buyer=draw(st.sampled_from(["GH-001", "GH-002"])),
        amount_fen=draw(st.sampled_from([None, 100])), occurred_on=draw(DATES), evidence=CONFIRMED, **codes,
    )  # fmt: skip


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """Transfers between holdings: mostly balanced, now and then of what is not there."""
    quantity = draw(st.integers(1, 12))
    lot = draw(st.sampled_from([None, "L1", "L2", f"{PROJECT}/2024-03/11"]))
    source, target = draw(st.sampled_from(HOLDINGS)), draw(st.sampled_from(HOLDINGS))
    serials = ()
    if draw(st.booleans()) and lot is not None and "/" in lot:
        first = draw(st.integers(1, 45))
        serials = (serial_range.SerialRange(first, first + quantity),)
    off = draw(st.sampled_from([0, 0, 0, 1]))
    return Transfer(
        legs=(Leg(source, "GEC", -quantity, lot, serials), Leg(target, "GEC", quantity + off, lot, serials)),
        occurred_on=draw(DATES), evidence=CONFIRMED,
    )  # fmt: skip


def commands() -> st.SearchStrategy[tuple[Command, Principal]]:
    """Any posting command, by any caller."""
    moved = st.builds(TransferTrade, trade_id=st.sampled_from("ABCDEF"), occurred_on=DATES, evidence=st.just(CONFIRMED))
    promised = st.builds(Subscribe, enterprise=st.sampled_from(["GH-001", None]), quantity=st.integers(-5, 50))
    wishes = st.one_of(trades(), trades(), moved, moved, transfers(), transfers(), promised)
    return st.tuples(wishes, st.sampled_from([OPERATOR, OPERATOR, ONE, TWO]))


def check_sums(body: PostingBody) -> None:
    """Zero for each commodity, and for each lot of certificates; counted here without the engine."""
    sums: Counter[tuple[str, str | None]] = Counter()
    for leg in body.legs:
        lot_bearing = COMMODITIES[leg.commodity].lot_bearing
        assert not lot_bearing or leg.lot is not None
        sums[leg.commodity, leg.lot if lot_bearing else None] += int(leg.quantity)
    assert set(sums.values()) == {0}


def check_book(park: Park) -> None:
    """No debit account below zero, lots add up to totals, each serial in one place, counted like its balance."""
    book, by_lot = park.book, Counter()
    kinds = {account.account_id: account.kind for account in book.accounts.values()}
    for (account_id, lot_id), (quantity, _) in book.lot_balances.items():
        assert quantity >= 0 or kinds[account_id].may_go_below_zero
        by_lot[account_id] += quantity
        numbered = lot_id and book.lot_by_id[lot_id].facts.numbered and "GEC" in kinds[account_id].commodities
        if numbered and not kinds[account_id].may_go_below_zero:
            assert serial_range.count(book.ranges.get((account_id, lot_id), ())) == quantity
    assert all(book.totals[account_id][0] == quantity for account_id, quantity in by_lot.items())
    for lot_id in book.lot_by_id:
        serial_range.merge(*(everything(held) for (_, lot), held in book.ranges.items() if lot == lot_id))


@settings(max_examples=150, deadline=None)
@given(st.lists(commands(), max_size=14))
def test_whatever_is_accepted_balances_and_overdraws_nothing(wishes: list[tuple[Command, Principal]]) -> None:
    """Any accepted posting sums to zero for each commodity and lot, and no debit account ever goes below zero."""
    park = Park()
    for command, by in wishes:
        decision = park.ask(command, by=by)
        if isinstance(decision, Posted):
            check_sums(decision.bodies[-1])
        check_book(park)


@settings(max_examples=80, deadline=None)
@given(st.lists(commands(), max_size=8), st.lists(commands(), min_size=1, max_size=8))
def test_rollback_restores_everything_exactly(
    before: list[tuple[Command, Principal]], taken_back: list[tuple[Command, Principal]]
) -> None:
    """After begin, any commands and rollback, the book is the same in every figure and every table."""
    park = Park()
    for command, by in before:
        park.ask(command, by=by)
    kept = contents(park.book)
    park.book.begin()
    for command, by in taken_back:
        park.ask(command, by=by)
    park.ask(RegisterParty(party="GH-900", kind="enterprise", name="新企业"))
    park.book.rollback()
    assert contents(park.book) == kept


@settings(max_examples=40, deadline=None)
@given(st.lists(commands(), min_size=1, max_size=8))
def test_commit_keeps_what_was_applied(wishes: list[tuple[Command, Principal]]) -> None:
    """A batch that is kept leaves the same book as the same commands without a batch."""
    plain, batched = Park(), Park()
    batched.book.begin()
    for command, by in wishes:
        assert plain.ask(command, by=by) == batched.ask(command, by=by)
    batched.book.commit()
    assert contents(plain.book) == contents(batched.book)


@settings(max_examples=40, deadline=None)
@given(st.lists(commands(), max_size=8))
def test_a_book_let_go_of_holds_nothing(wishes: list[tuple[Command, Principal]]) -> None:
    """Whatever it held, once it is emptied no table of it has anything, its carbon's neither."""
    park = Park()
    for command, by in wishes:
        park.ask(command, by=by)
    park.book.carbon.claims[1] = ("GH-001", "2026")
    assert park.book.accounts
    for _ in park.book.emptied():
        pass
    carbon = msgspec.structs.asdict(park.book.carbon)
    assert not any(table for table in [*vars(park.book).values(), *carbon.values()] if isinstance(table, dict))


def test_a_large_book_is_let_go_of_in_steps() -> None:
    """No step takes more than a thousand entries: callers have their turn between them."""
    book = Park().book
    book.lot_balances.update({(1, lot_id): (1, 1) for lot_id in range(3_500)})
    left = [len(book.lot_balances) for _ in book.emptied()]
    assert left[-1] == 0
    assert all(one - other <= 1_000 for one, other in pairwise([3_500, *left]))


def test_running_figures_follow_every_posting() -> None:
    """Balance, the day's own part and the version after each posting, over three days in mixed order."""
    park, rows = Park(), []
    park.give(HOLDINGS[0], 100, lot="L", on=day(-5))
    for on, quantity in ((TODAY, 30), (day(-5), 20), (day(3), 7)):
        text = f"{HOLDINGS[0]} -{quantity} GEC L\n{HOLDINGS[1]} {quantity} GEC L"
        body = posting(tuple(_posted(text)), on=on)
        rows += learn(park.book, park.book.size, body)
    ours = [row for row in rows if row.quantity < 0]
    assert [(row.balance, row.day_balance, row.version) for row in ours] == [(70, -30, 2), (50, 80, 3), (43, -7, 4)]
    theirs = [row for row in rows if row.quantity > 0]
    assert [(row.balance, row.day_balance, row.version) for row in theirs] == [(30, 30, 1), (50, 20, 2), (57, 7, 3)]
    assert [(row.leg, row.commodity) for row in rows] == [(0, 1), (1, 1)] * 3


def _posted(text: str) -> list[PostedLeg]:
    return [
        PostedLeg(account=leg.account, commodity=leg.commodity, lot=leg.lot, quantity=str(leg.quantity))
        for leg in legs(text)
    ]
