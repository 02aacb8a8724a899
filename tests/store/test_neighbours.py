"""Nobody's command harms, or shows, another's: odd commands in a group, and commands that rest on each other."""

import random
from typing import Any

import pytest

from ledger.core.certificate import LotFacts
from ledger.core.command import (
    ChangeParty,
    CreateCredential,
    RegisterParty,
    Request,
    SetPolicy,
)
from ledger.core.events import (
    CorrectTrade,
    Evidence,
    Leg,
    Subscribe,
    Succeed,
    Transfer,
    TransferTrade,
)
from ledger.core.policy import Move, PolicyRow
from ledger.core.quantity import QUANTITY_MAX
from ledger.core.serial_range import SerialRange
from tests.conftest import DOCUMENT, PLATFORM, SELLER, Park, code, day, holding
from tests.store.journal_checks import check_ledger
from tests.store.test_writer import codes, refusal_of, transfer

ONE, TWO, THREE = holding("GH-001"), holding("GH-002"), holding("GH-003")
HELD = "select sum(quantity)::int from balance_now join account using (ledger_id, account_id) where name = %s"


def legs(*found: tuple[Any, ...], lot: str | None = None) -> Transfer:
    """A transfer of these legs: account, quantity, first and end of each serial range."""
    return Transfer(
        legs=tuple(
            Leg(account, "GEC", quantity, lot, tuple(SerialRange(*pair) for pair in ranges))
            for account, quantity, *ranges in found
        )
    )


@pytest.fixture
def numbered(park: Park) -> tuple[Park, str]:
    """A park where GH-001 holds serials 1 to 20 and some counted units, and the lot of those serials."""
    park.give("GH-001", 100, lot="A")
    return park, park.give_serials("GH-001", 1, 20)


def expect_harmless(park: Park, odd: Request, *expected: str) -> None:
    """In a group with others the odd command gets an answer of its own, and the others are posted."""
    before = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(2)]
    after = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(2)]
    found = codes(park.together([*before, odd, *after]))
    assert found[:2] + found[3:] == ["posted"] * 4, found
    assert found[2] in expected
    check_ledger(park.database)


ODD_SERIALS = {
    "two legs give the lowest": legs((ONE, -3), (ONE, -2), (TWO, 5)),
    "two legs give the same": legs((ONE, -2, (1, 3)), (ONE, -2, (2, 4)), (TWO, 4)),
    "more than it holds to itself": legs((ONE, -50), (ONE, 50)),
    "a range that runs backwards": legs((ONE, -2, (1, 4), (10, 9)), (TWO, 2)),
    "a range of nothing": legs((ONE, -3, (1, 4), (7, 7)), (TWO, 3)),
    "the target gets it backwards": legs((ONE, -2, (1, 3)), (TWO, 2, (1, 4), (10, 9))),
    "negative serials": legs((ONE, -3, (-3, 0)), (TWO, 3)),
    "ranges that touch": legs((ONE, -4, (1, 3), (3, 5)), (TWO, 4)),
}


@pytest.mark.parametrize("case", ODD_SERIALS)
def test_odd_serials_harm_nobody(numbered: tuple[Park, str], case: str) -> None:
    """Whatever ranges are named, the group stands, and each serial is in one place."""
    park, lot = numbered
    asked = ODD_SERIALS[case].legs
    odd = Transfer(legs=tuple(Leg(leg.account, "GEC", leg.quantity, lot, leg.serials) for leg in asked))
    allowed = {"two legs give the lowest": "posted", "ranges that touch": "posted"}.get(case, "serials_mismatch")
    expect_harmless(
        park, park.enterprise("GH-001", odd), allowed, "serials_mismatch", "serial_not_held", "insufficient_balance"
    )
    rows = park.database.rows("select serials from serial_position")
    assert sorted(n for (held,) in rows for n in range(held.lower, held.upper)) == list(range(1, 21))


ODD_PARTIES = {
    "one name twice": RegisterParty(party="GH-300", kind="enterprise", name="甲公司", aliases=("甲 公司",)),
    "an id no account can bear": RegisterParty(party="GH:300", kind="enterprise", name="乙公司"),
    "an id that is no ASCII": RegisterParty(party="甲", kind="seller", name="丙公司"),
}


@pytest.mark.parametrize("case", ODD_PARTIES)
def test_odd_registration_harms_nobody(numbered: tuple[Park, str], case: str) -> None:
    """A registration that the book cannot take is refused by itself."""
    park, _ = numbered
    expect_harmless(park, park.operator(ODD_PARTIES[case]), "posted", "alias_taken", "malformed_request")


def test_credential_that_exists_elsewhere_harms_nobody(numbered: tuple[Park, str]) -> None:
    """A credential made twice is refused by itself."""
    park, _ = numbered
    made = CreateCredential(credential="c1", role="operator", subject="person:a", secret_sha256="00" * 32)
    park.expect_posted(park.admin(made))
    expect_harmless(park, park.admin(made), "credential_exists")


def test_sums_beyond_a_bigint_harm_nobody(numbered: tuple[Park, str]) -> None:
    """A trade that would carry a balance beyond 2^63 - 1, lots together, is refused by itself."""
    park, _ = numbered
    park.give("GH-002", QUANTITY_MAX - 200, lot="huge-1")
    odd = park.trade("t-huge", "GH-003", QUANTITY_MAX - 5, lot="huge-2")
    expect_harmless(park, park.operator(odd), "balance_overflow")


def test_two_trades_of_one_id_in_a_group(numbered: tuple[Park, str]) -> None:
    """The second trade of an id is refused, and the transfer that follows is the first one's."""
    park, _ = numbered
    requests = [
        park.operator(park.trade("same", "GH-004", 5, lot="S1")),
        park.operator(park.trade("same", "GH-005", 6, lot="S2")),
        park.operator(TransferTrade(trade_id="same")),
    ]
    park.restart()
    assert codes(park.batch(requests, atomic=False)) == ["posted", "trade_exists", "posted"]
    check_ledger(park.database)


def test_selection_sees_what_came_in_the_same_group(numbered: tuple[Park, str]) -> None:
    """Units received one command earlier are selected, and go to an account that never had their lot."""
    park, _ = numbered
    park.restart()
    requests = [
        park.enterprise("GH-001", transfer("GH-001", "GH-004", 10)),
        park.enterprise("GH-004", transfer("GH-004", "GH-005", 4, lot=None)),
        park.enterprise("GH-005", transfer("GH-005", "GH-006", 3, lot=None)),
    ]
    assert codes(park.batch(requests, atomic=False)) == ["posted"] * 3
    check_ledger(park.database)


def test_succession_follows_its_merger_in_the_same_group(park: Park) -> None:
    """The heir is known by the command before only; all the same its accounts are found."""
    park.give("GH-001", 7, lot="A")
    park.restart()
    succeed = Succeed(party="GH-001", evidence=Evidence(level="REPORTED", document=DOCUMENT))
    merger = ChangeParty(party="GH-001", change="merger", on=day(0), into="GH-002")
    assert codes(park.batch([park.operator(merger), park.operator(succeed)], atomic=True)) == ["posted"] * 2
    assert park.database.value(HELD, TWO) == 7
    check_ledger(park.database)


def test_correction_without_a_price_after_a_restart(park: Park) -> None:
    """The account of costs that wait was opened by the first one; the second does not open it again."""
    lot = LotFacts(code="x", numbered=False, production_month="2026-05", project=f"{'P1':0>17}")
    for trade in ("x1", "x2"):
        gone = CorrectTrade(
            trade_id=trade, buyer="GH-001", seller=SELLER, platform=PLATFORM, quantity=1, lot=lot
        )  # fmt: skip
        park.expect_posted(park.operator(gone))
        park.restart()
    check_ledger(park.database)


@pytest.mark.parametrize("seed", range(6))
def test_selection_sees_what_is_still_being_written(numbered: tuple[Park, str], seed: int) -> None:
    """Chains of transfers without lots, cut anywhere into groups, are all posted."""
    park, _ = numbered
    dice = random.Random(seed)
    park.restart()
    requests = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 80))]
    for at in range(2, 6):
        source, target = f"GH-{at:03}", f"GH-{at + 1:03}"
        requests += [park.enterprise(source, transfer(source, target, 1, lot=None)) for _ in range(dice.randint(1, 3))]
        requests.append(park.enterprise(source, transfer(source, target, 60 - 10 * at, lot=None)))
    assert codes(park.together(requests)) == ["posted"] * len(requests)
    check_ledger(park.database)


@pytest.mark.parametrize("together", [False, True])
def test_future_receipt_counts_from_its_day(numbered: tuple[Park, str], together: bool) -> None:
    """A debit today after a future-dated receipt, in one group or in its wake, cannot draw on it."""
    park, _ = numbered
    park.give("GH-004", 5, lot="A")
    paper = Evidence(level="REPORTED", document=DOCUMENT)
    future = Transfer(legs=transfer("GH-001", "GH-004", 10).legs, effective_on=day(2), evidence=paper)
    requests = [
        park.operator(future),
        park.enterprise("GH-004", transfer("GH-004", "GH-005", 6)),
        park.enterprise("GH-004", transfer("GH-004", "GH-005", 5)),
        park.enterprise("GH-004", transfer("GH-004", "GH-005", 1, lot=None)),
    ]
    park.restart()
    found = park.together(requests) if together else park.batch(requests, atomic=False)
    assert codes(found) == ["posted", "insufficient_balance", "posted", "insufficient_balance"]
    check_ledger(park.database)


def test_serial_must_lie_in_the_account_from_the_day_on(park: Park) -> None:
    """A range that comes in two days cannot be given away today (D6), named or selected, though others can."""
    lot = park.give_serials("GH-001", 11, 15)
    assert park.give_serials("GH-001", 1, 5, on=day(2)) == lot
    named = legs((ONE, -2, (1, 3)), (TWO, 2, (1, 3)), lot=lot)
    assert codes([park.submit(park.enterprise("GH-001", named))]) == ["serial_not_held"]
    park.expect_posted(park.enterprise("GH-001", transfer("GH-001", "GH-002", 2, lot=lot)))
    [(moved,)] = park.database.rows(
        "select serials from serial_position where account_id = (select account_id from account where name = %s)", TWO
    )
    assert (moved.lower, moved.upper) == (11, 13)


@pytest.mark.parametrize("numbered_units", [False, True])
def test_confirmed_transfer_may_be_dated_before_its_trade(park: Park, numbered_units: bool) -> None:
    """Only CONFIRMED statement facts may break the rule on days (D6), of counted units and of numbered ones alike."""
    first, last = (code("P1", "2026-05", serial) if numbered_units else None for serial in (1, 5))
    trade = park.trade("t", "GH-001", 5, project=f"{'P1':0>17}", code_first=first, code_last=last)
    early = {"occurred_on": day(-1), "evidence": Evidence(level="CONFIRMED", document=DOCUMENT)}
    park.expect_posted(park.operator(trade), park.operator(TransferTrade(trade_id="t", **early)))
    check_ledger(park.database)


def test_rule_of_a_refused_batch_is_not_in_force(numbered: tuple[Park, str]) -> None:
    """A rule set in an atomic batch that is refused judges nothing afterwards."""
    park, _ = numbered
    rule = Move(command="transfer", commodity="GEC", role="operator", source="holding_ent", target="clearing")
    row = PolicyRow(in_force_from="2017-01-01", rule=rule, source="test")
    batch = [park.admin(SetPolicy(row=row)), park.enterprise("GH-001", transfer("GH-001", "GH-002", 9999))]
    assert codes(park.batch(batch, atomic=True)) == ["batch_refused", "insufficient_balance"]
    by_rule = Transfer(legs=(Leg(ONE, "GEC", -1, "A"), Leg(f"Clearing:{PLATFORM}", "GEC", 1, "A")))
    assert codes([park.submit(park.operator(by_rule))]) == ["move_not_allowed"]


def test_refusal_does_not_show_anothers_balance(numbered: tuple[Park, str]) -> None:
    """Asking for another's units, with or without a lot, tells nothing but that the account is not the caller's."""
    park, _ = numbered
    for lot in ("A", None):
        for quantity in (1, 10**9):
            outcome = park.submit(park.enterprise("GH-002", transfer("GH-001", "GH-002", quantity, lot=lot)))
            assert refusal_of(outcome).code == "not_your_account", (lot, quantity)


def test_nobody_promises_for_another(park: Park) -> None:
    """An enterprise subscribes for itself only."""
    park.expect_posted(park.enterprise("GH-001", Subscribe(enterprise="GH-001", quantity=5)))
    for_another = park.submit(park.enterprise("GH-001", Subscribe(enterprise="GH-002", quantity=5)))
    assert refusal_of(for_another).code == "not_your_account"


def test_transaction_names_at_most_two_enterprises(numbered: tuple[Park, str]) -> None:
    """A record is seen by all whose accounts it touches, so it may not name a third (D3)."""
    park, _ = numbered
    three = Transfer(legs=(Leg(ONE, "GEC", -2, "A"), Leg(TWO, "GEC", 1, "A"), Leg(THREE, "GEC", 1, "A")))
    assert codes([park.submit(park.enterprise("GH-001", three))]) != ["posted"]


def test_lagging_balances_are_not_lost(numbered: tuple[Park, str]) -> None:
    """A new writer keeps what a killed one had posted but not yet brought up to date in the table of balances."""
    park, _ = numbered
    database = park.database
    size = database.value("select size from head")
    rows = database.rows("select * from balance_now")
    park.expect_posted(*(park.enterprise("GH-001", transfer("GH-001", "GH-002", 7)) for _ in range(3)))
    park.run(park.writer.stop())
    database.rows("delete from balance")  # as the table stood when `size` was the end of the journal
    for row in rows:
        database.rows("insert into balance values (%s, %s, %s, %s, %s)", *row)
    database.rows("update head set balance_size = %s", size)
    check_ledger(database)
    park.writer = park.run(park.start_writer())
    park.give("GH-005", 9, lot="Z")
    park.restart()
    check_ledger(database)
    answer = park.submit(park.enterprise("GH-002", transfer("GH-002", "GH-003", 21)))
    assert codes([answer]) == ["posted"]


def test_group_without_records_leaves_no_balance_behind(park: Park) -> None:
    """Balances wait for the next group that writes, when the one that should have caught up had nothing to write."""

    def promise(party: str | None) -> Request:
        return park.operator(Subscribe(enterprise=party, quantity=3))

    assert codes(park.together([promise("GH-001"), promise("nobody")])) == ["posted", "unknown_party"]
    park.expect_posted(promise(None))
    check_ledger(park.database)
