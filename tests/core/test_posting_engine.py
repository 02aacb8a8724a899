"""Bookkeeping examples: what is posted, what is refused, and that a refusal leaves the book as it was."""

import msgspec
import pytest

from ledger.core.account import KINDS
from ledger.core.command import Principal
from ledger.core.events import (
    Evidence,
    Leg,
    Subscribe,
    Transfer,
    TransferTrade,
)
from ledger.core.policy import Dating, Move, PolicyRow
from ledger.core.posting_engine import PIECES_MAX
from ledger.core.quantity import QUANTITY_MAX
from ledger.core.record import LotBody, PostingBody
from ledger.core.seed import SEED
from tests.core.park import (
    CONFIRMED,
    ONE,
    OPERATOR,
    TODAY,
    TWO,
    Park,
    day,
    facts,
    ranges,
    trade,
    transfer,
)

A, B, C = "Holding:Ent:GH-001", "Holding:Ent:GH-002", "Holding:Ent:GH-003"
FIRST, LAST = "1A2B2023630100077202403000000111", "1A2B2023630100077202403000001011"
"""Serials 1 to 10 by the seeded layout."""
MARCH = facts("line-2", month="2024-03")


@pytest.fixture
def park() -> Park:
    """A park in which nobody holds anything."""
    return Park()


# What is posted.


def test_transfer_moves_certificates_between_holdings(park: Park) -> None:
    """An enterprise gives 40 of its 100 certificates to another."""
    park.give(A, 100, lot="L")
    body = park.post(transfer(f"{A} -40 GEC L\n{B} 40 GEC L"), by=ONE)
    assert (park.balance(A), park.balance(B)) == (60, 40)
    assert (body.occurred_on, body.effective_on, body.command) == (TODAY, TODAY, "transfer")
    assert body.selection is None


def test_record_names_the_policy_row_that_judged_it(park: Park) -> None:
    """The log index of the row stands in the posting, and the row there is the move that was made."""
    park.give(A, 5, lot="L")
    body = park.post(transfer(f"{A} -5 GEC L\n{B} 5 GEC L"), by=ONE)
    rows = {str(index): row.rule for index, row in park.book.policies.rows}
    assert [rows[index] for index in body.policies] == [
        Move(command="transfer", commodity="GEC", role="enterprise", source="holding_ent", target="holding_ent")
    ]


def test_subscription_is_a_promise_and_no_certificate(park: Park) -> None:
    """A subscription of 500 stands in Commitment, not in Holding (domain 3.3 row 2)."""
    park.post(Subscribe(enterprise="GH-001", quantity=500), by=ONE)
    assert park.balance("Commitment:Ent:GH-001", "GECSUB") == 500
    assert park.balance("Commitment:Contra", "GECSUB") == -500
    assert park.balance(A) == 0


def test_lump_subscription_belongs_to_nobody(park: Park) -> None:
    """The press figure without a split goes to Commitment:Unallocated and says that it is a lump (domain 3.6)."""
    body = park.post(Subscribe(quantity=3_330_000, status="lump", evidence=Evidence(level="DECLARED")))
    assert park.balance("Commitment:Unallocated", "GECSUB") == 3_330_000
    assert (body.status, body.evidence.level) == ("lump", "DECLARED")


def test_trade_waits_in_clearing_until_the_registry_transfers_it(park: Park) -> None:
    """Trade: seller to Clearing, and what is owed; transfer: Clearing to the buyer (domain 3.3 rows 6 and 7)."""
    park.post(trade(11_200, price="1.25", amount_fen=1_400_000))
    assert (park.balance("Clearing:gec"), park.balance("External:S-1"), park.balance(A)) == (11_200, -11_200, 0)
    assert park.balance("Inventory:GEC:GH-001", "CNY") == 1_400_000
    assert park.balance("Payable:GH-001", "CNY") == -1_400_000
    park.post(TransferTrade(trade_id="T-1"))
    assert (park.balance("Clearing:gec"), park.balance(A)) == (0, 11_200)
    assert park.book.trades["T-1"].state == "TRANSFERRED"


def test_trade_with_readable_codes_keeps_every_serial(park: Park) -> None:
    """Ten codes of one series become serials 1 to 10, which the transfer brings to the buyer."""
    body = park.post(trade(10, lot=_of_project(), code_first=FIRST, code_last=LAST))
    series = "1A2B2023630100077/2024-03/11"
    assert body.legs[0].lot == series
    assert park.serials("Clearing:gec", series) == ranges("1-10")
    park.post(TransferTrade(trade_id="T-1"))
    assert (park.serials("Clearing:gec", series), park.serials(A, series)) == ((), ranges("1-10"))


def test_trade_with_unreadable_codes_stays_count_only_and_says_so(park: Park) -> None:
    """Codes that do not fit the quantity are kept as text, with a finding; the units have no serials."""
    body = park.post(trade(11, lot=_of_project(), code_first=FIRST, code_last=LAST))
    assert body.findings == ("codes_unread",)
    assert body.trade.codes == (FIRST, LAST)
    assert park.book.lots[body.legs[0].lot].facts.numbered is False


def test_new_lot_is_declared_just_before_its_first_posting(park: Park) -> None:
    """A trade brings its lot along as a record of its own; a second trade of the series does not declare it again."""
    first = park.ask(trade(10, lot=_of_project(), code_first=FIRST, code_last=LAST)).bodies
    again = FIRST[:23] + "0000011" + FIRST[30:]
    second = park.ask(trade(1, trade_id="T-2", lot=_of_project(), code_first=again, code_last=again)).bodies
    assert [type(body) for body in first] == [LotBody, PostingBody]
    assert [type(body) for body in second] == [PostingBody]


def _of_project() -> object:
    return msgspec.structs.replace(MARCH, project="1A2B2023630100077")


# Which lots and serials are chosen.


def test_selection_takes_the_soonest_expiry_first(park: Park) -> None:
    """Without a named lot the oldest production month goes first, whenever it came in."""
    park.give(A, 100, lot="late", month="2026-03")
    park.give(A, 100, lot="early", month="2025-11")
    body = park.post(transfer(f"{A} -150 GEC\n{B} 150 GEC"), by=ONE)
    assert {(leg.account, leg.lot): leg.quantity for leg in body.legs} == {
        (A, "early"): "-100", (B, "early"): "100", (A, "late"): "-50", (B, "late"): "50",
    }  # fmt: skip
    assert body.selection == "soonest_expiry_lowest_serial"


def test_selection_takes_the_lowest_serials(park: Park) -> None:
    """In a numbered lot the lowest serials go, and the record names them."""
    park.give(A, 10, lot="N", serials="1-4,11-16")
    body = park.post(transfer(f"{A} -6 GEC\n{B} 6 GEC"), by=ONE)
    assert {leg.serials for leg in body.legs} == {(("1", "4"), ("11", "12"))}
    assert (park.serials(A, "N"), park.serials(B, "N")) == (ranges("13-16"), ranges("1-4,11-12"))


def test_named_serials_are_the_ones_that_move(park: Park) -> None:
    """Serials asked for move, whatever lies below them."""
    park.give(A, 10, lot="N", serials="1-10")
    park.post(transfer(f"{A} -3 GEC N 5-7\n{B} 3 GEC N 5-7"), by=ONE)
    assert (park.serials(A, "N"), park.serials(B, "N")) == (ranges("1-4,8-10"), ranges("5-7"))


def test_two_receivers_share_what_one_account_gave(park: Park) -> None:
    """Named serials go where they are named; the other receiver gets the lowest of the rest."""
    park.give(A, 10, lot="N", serials="1-10")
    park.post(transfer(f"{A} -6 GEC N\n{B} 4 GEC N\n{B} 2 GEC N 1-2"), by=ONE)
    assert park.serials(B, "N") == ranges("1-6")


def test_transaction_names_at_most_two_enterprises(park: Park) -> None:
    """A receipt shows its holder nobody but the other side (design D3)."""
    park.give(A, 10, lot="L")
    refusal = park.refused(transfer(f"{A} -6 GEC L\n{B} 4 GEC L\n{C} 2 GEC L"), by=ONE)
    assert (refusal.code, refusal.figures["given"]) == ("too_many_enterprises", "3")


def test_two_postings_out_of_one_account_give_different_serials(park: Park) -> None:
    """One account may give twice in a transaction: no certificate is given twice."""
    park.give(A, 10, lot="N", serials="1-10")
    park.post(transfer(f"{A} -2 GEC N\n{A} -3 GEC N 1-3\n{B} 5 GEC N"), by=ONE)
    assert (park.serials(A, "N"), park.serials(B, "N")) == (ranges("6-10"), ranges("1-5"))


def test_selection_needs_one_giver_and_one_receiver(park: Park) -> None:
    """With three postings and no lots named nobody could say which lot goes where."""
    park.give(A, 10, lot="L")
    assert park.refused(transfer(f"{A} -4 GEC\n{B} 2 GEC\n{B} 2 GEC"), by=ONE).code == "lot_needed"


# Serials.


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (f"{A} -3 GEC N 9-11\n{B} 3 GEC N 9-11", "serial_not_held"),
        (f"{A} -2 GEC N 50-51\n{B} 2 GEC N 50-51", "serial_not_held"),
        (f"{A} -2 GEC N 1-2\n{B} 2 GEC N 3-4", "serial_not_held"),
        (f"{A} -2 GEC N 1-2\n{A} -2 GEC N 2-3\n{B} 4 GEC N", "serial_not_held"),
        (f"{A} -2 GEC N 1-3\n{B} 2 GEC N 1-3", "serials_mismatch"),
        (f"{A} -4 GEC N 1-2,2-3\n{B} 4 GEC N", "serials_mismatch"),
        (f"{A} -2 GEC N 4-4,1-1\n{B} 2 GEC N", "serials_mismatch"),
        (f"{A} -1 GEC L 1-1\n{B} 1 GEC L", "serials_mismatch"),
    ],
)
def test_serials_that_cannot_move_are_refused(park: Park, out: str, code: str) -> None:
    """Serials not held, given to another than named, named twice, out of order or of a count-only lot."""
    park.give(A, 10, lot="N", serials="1-10")
    park.give(A, 10, lot="L")
    assert park.refused(transfer(out), by=ONE).code == code


@pytest.mark.parametrize("pieces", ["1-10,11-9", "5-4,1-2", "3-2,3-4"])
def test_backward_or_empty_range_is_refused(park: Park, pieces: str) -> None:
    """A range that ends before it starts would count as fewer serials than it touches."""
    park.give(A, 20, lot="N", serials="1-20")
    quantity = sum(piece.end - piece.first for piece in ranges(pieces))
    text = f"{A} -{quantity} GEC N {pieces}\n{B} {quantity} GEC N"
    assert park.refused(transfer(text), by=ONE).code == "serials_mismatch"


def test_serial_already_in_the_book_cannot_enter_again(park: Park) -> None:
    """A range comes in from outside once: the second trade of a certificate is a conflict."""
    park.post(trade(10, lot=_of_project(), code_first=FIRST, code_last=LAST))
    again = trade(1, trade_id="T-2", lot=_of_project(), code_first=LAST, code_last=LAST)
    refusal = park.refused(again)
    assert (refusal.code, refusal.figures["serials"]) == ("serial_conflict", "10-10")


def test_serials_effective_later_cannot_leave_before(park: Park) -> None:
    """A range must lie in the account from the day it leaves on (design D6), though others of the lot are there."""
    park.give(A, 10, lot="N", serials="1-10")
    park.give(A, 10, lot="N", serials="11-20", on=day(30))
    text = f"{A} -5 GEC N 11-15\n{B} 5 GEC N 11-15"
    assert park.refused(transfer(text), by=ONE).code in ("serial_not_held", "insufficient_balance")


# Enough, on every day.


def test_overdraft_is_refused_with_its_figures(park: Park) -> None:
    """The refusal says what was there and what was asked."""
    park.give(A, 400, lot="L")
    refusal = park.refused(transfer(f"{A} -1000 GEC L\n{B} 1000 GEC L"), by=ONE)
    assert refusal.figures == {
        "account": A, "asked": "1000", "available": "400", "commodity": "GEC", "effective_on": TODAY,
    }  # fmt: skip
    assert park.refused(transfer(f"{A} -401 GEC\n{B} 401 GEC"), by=ONE).code == "insufficient_balance"


def test_units_of_another_lot_do_not_help(park: Park) -> None:
    """Each lot stands for itself."""
    park.give(A, 100, lot="L")
    park.give(A, 1, lot="M")
    assert park.refused(transfer(f"{A} -2 GEC M\n{B} 2 GEC M"), by=ONE).code == "insufficient_balance"


def test_one_lot_in_two_postings_is_judged_together(park: Park) -> None:
    """Two debits of 60 do not fit 100, though each alone would."""
    park.give(A, 100, lot="L")
    text = f"{A} -60 GEC L\n{A} -60 GEC L\n{B} 120 GEC L"
    assert park.refused(transfer(text), by=ONE).code == "insufficient_balance"


def test_account_cannot_give_what_it_only_gets_back(park: Park) -> None:
    """A transfer to oneself moves only what one has: certificates that do not exist are never shuffled."""
    park.give(A, 10, lot="L")
    for quantity in (11, QUANTITY_MAX):
        text = f"{A} {quantity} GEC L\n{A} -{quantity} GEC L"
        assert park.refused(transfer(text), by=ONE).code in ("insufficient_balance", "balance_overflow")
    park.post(transfer(f"{A} 10 GEC L\n{A} -10 GEC L"), by=ONE)
    assert park.balance(A) == 10


def test_future_receipt_counts_only_from_its_date(park: Park) -> None:
    """What arrives in ten days can be given away in ten days, not today."""
    park.give(A, 100, lot="L", on=day(10))
    text = f"{A} -1 GEC L\n{B} 1 GEC L"
    assert park.refused(transfer(text), by=ONE).figures["available"] == "0"
    dated = transfer(text, occurred_on=day(10), evidence=CONFIRMED)
    park.post(dated)
    assert park.balance(A) == 99


def test_back_dated_debit_is_refused_where_a_later_day_would_go_negative(park: Park) -> None:
    """100 came 20 days ago and 70 left 5 days ago: 31 cannot have left 10 days ago."""
    park.give(A, 100, lot="L", on=day(-20))
    park.post(transfer(f"{A} -70 GEC L\n{B} 70 GEC L", occurred_on=day(-5), evidence=CONFIRMED))
    out = f"{A} -{{0}} GEC L\n{C} {{0}} GEC L"
    refusal = park.refused(transfer(out.format(31), occurred_on=day(-10), evidence=CONFIRMED))
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", "30")
    park.post(transfer(out.format(30), occurred_on=day(-10), evidence=CONFIRMED))


def test_back_dated_debit_before_the_receipt_is_refused(park: Park) -> None:
    """Nothing can leave on a day before it came, though it is there today."""
    park.give(A, 100, lot="L", on=day(-5))
    text = transfer(f"{A} -1 GEC L\n{B} 1 GEC L", occurred_on=day(-6), evidence=CONFIRMED)
    assert park.refused(text).figures["available"] == "0"


def test_confirmed_statement_fact_may_dip_and_says_so(park: Park) -> None:
    """The registry says a trade was moved a day before the trade is dated: accepted, with a finding (D6)."""
    park.post(trade(10, occurred_on=day(-3), evidence=CONFIRMED))
    body = park.post(TransferTrade(trade_id="T-1", occurred_on=day(-4), evidence=CONFIRMED))
    assert body.findings == (f"negative_since:{day(-4)}:Clearing:gec",)


@pytest.mark.parametrize("level", ["REPORTED", "DECLARED"])
def test_fact_that_is_not_confirmed_may_not_dip(park: Park, level: str) -> None:
    """Only a platform's or registry's document may break the balance of a day."""
    park.post(trade(10, occurred_on=day(-3), evidence=CONFIRMED))
    weaker = Evidence(level=level, document="d" * 64)
    moved = TransferTrade(trade_id="T-1", occurred_on=day(-4), evidence=weaker)
    assert park.refused(moved).code == "insufficient_balance"


def test_balance_never_leaves_its_range(park: Park) -> None:
    """A balance beyond 2^63 - 1 could not be stored: refused, though spread over two lots or gone again later."""
    half = QUANTITY_MAX // 2 + 1
    for lot, holder in (("L", A), ("M", A)):
        park.give(holder, half, lot=lot, other="Opening:" + lot) if _opened(park, "Opening:" + lot) else None
    text = f"{A} -{half} GEC L\n{B} {half} GEC L\n{A} -{half} GEC M\n{B} {half} GEC M"
    assert park.refused(transfer(text)).code == "balance_overflow"


def test_a_days_own_balance_never_leaves_its_range(park: Park) -> None:
    """The part of a balance that is effective on one day is stored too, so it is bounded too."""
    park.post(trade(QUANTITY_MAX, occurred_on=day(-2), evidence=CONFIRMED))
    park.post(TransferTrade(trade_id="T-1", occurred_on=day(-1), evidence=CONFIRMED))
    park.open("External:S-2", "Clearing:beijing")
    again = trade(QUANTITY_MAX, trade_id="T-2", occurred_on=day(-2), evidence=CONFIRMED, buyer="GH-002")
    assert park.refused(again).code == "balance_overflow"


def _opened(park: Park, name: str) -> bool:
    park.open(name)
    return True


# Whose account, which date, which words.


def test_enterprise_cannot_give_from_another_account(park: Park) -> None:
    """The caller's own accounts only, whatever the rules say of the kinds."""
    park.give(A, 10, lot="L")
    assert park.refused(transfer(f"{A} -1 GEC L\n{B} 1 GEC L"), by=TWO).code == "not_your_account"


@pytest.mark.parametrize("lot", ["", " L"])
def test_refusal_does_not_tell_what_another_enterprise_holds(park: Park, lot: str) -> None:
    """Asking for more than another holds is answered like asking for less: no figure of its balance gets out."""
    park.give(A, 123, lot="L")
    answers = [park.refused(transfer(f"{A} -{n} GEC{lot}\n{B} {n} GEC{lot}"), by=TWO) for n in (1, 123, 124)]
    assert {answer.code for answer in answers} == {"not_your_account"}
    assert len({str(answer.figures) for answer in answers}) == 1


def test_enterprise_cannot_promise_for_another(park: Park) -> None:
    """A subscription in another's name is not the caller's to make."""
    refusal = park.refused(Subscribe(enterprise="GH-001", quantity=5), by=TWO)
    assert refusal.figures == {"account": "Commitment:Ent:GH-001"}
    assert refusal.code == "not_your_account"


@pytest.mark.parametrize("command", [trade(5), TransferTrade(trade_id="T-0"), Subscribe(quantity=5)])
def test_enterprise_cannot_bring_facts_of_the_park(park: Park, command: object) -> None:
    """Trades, registry transfers and lump subscriptions are the operator's to import."""
    park.post(trade(5, trade_id="T-0"))
    assert park.refused(command, by=ONE).code in ("move_not_allowed", "not_your_account", "forbidden")


@pytest.mark.parametrize("role", ["regulator", "auditor", "admin"])
def test_role_without_rules_posts_nothing(park: Park, role: str) -> None:
    """The regulator audits; it never posts."""
    park.give(A, 10, lot="L")
    principal = Principal(actor="k", role=role, subject="person:r")
    refusal = park.refused(transfer(f"{A} -1 GEC L\n{B} 1 GEC L"), by=principal)
    assert refusal.code == "move_not_allowed"


@pytest.mark.parametrize(
    ("by", "dates", "code"),
    [
        (ONE, {"occurred_on": day(-1)}, "past_date_not_permitted"),
        (ONE, {"occurred_on": day(1)}, "future_date_not_permitted"),
        (ONE, {"effective_on": day(1)}, "future_date_not_permitted"),
        (OPERATOR, {"occurred_on": day(0), "effective_on": day(-1)}, "effective_before_occurred"),
    ],
)
def test_date_the_role_may_not_use_is_refused(park: Park, by: Principal, dates: dict[str, str], code: str) -> None:
    """An enterprise's own commands occur today; nothing takes effect before it occurred."""
    park.give(A, 10, lot="L", on=day(-20))
    command = transfer(f"{A} -1 GEC L\n{B} 1 GEC L", evidence=CONFIRMED, **dates)
    assert park.refused(command, by=by).code == code


@pytest.mark.parametrize("dates", [{"occurred_on": day(-1)}, {"occurred_on": day(1)}, {"effective_on": day(1)}])
def test_operator_dates_facts_only_with_a_document(park: Park, dates: dict[str, str]) -> None:
    """Another day than today needs a document, and the record names the rule that said so."""
    park.give(A, 10, lot="L", on=day(-20))
    text = f"{A} -1 GEC L\n{B} 1 GEC L"
    assert park.refused(transfer(text, **dates)).code == "document_needed"
    body = park.post(transfer(text, evidence=CONFIRMED, **dates))
    rules = {str(index): row.rule for index, row in park.book.policies.rows}
    assert any(isinstance(rules[index], Dating) and rules[index].role == "operator" for index in body.policies)


def test_missing_rule_on_dates_is_named() -> None:
    """Without a rule the answer is that there is none, never a default."""
    park = Park(rows=tuple(row for row in SEED if not isinstance(row.rule, Dating)))
    park.give(A, 10, lot="L", on=day(-20))
    command = transfer(f"{A} -1 GEC L\n{B} 1 GEC L", occurred_on=day(-1), evidence=CONFIRMED)
    assert park.refused(command).code == "policy_missing"


def test_rule_is_judged_on_the_day_the_fact_occurred() -> None:
    """A move allowed until last month was allowed for last month's fact, and is not for today's."""
    rule = Move(command="transfer", commodity="GEC", role="operator", source="holding_ent", target="frozen")
    park = Park(rows=(*SEED, PolicyRow(in_force_from="2020-01-01", in_force_to=day(-30), rule=rule, source="test")))
    park.open("Frozen:GH-001")
    park.give(A, 10, lot="L", on=day(-60))
    text = f"{A} -1 GEC L\nFrozen:GH-001 1 GEC L"
    assert park.refused(transfer(text)).code == "move_not_allowed"
    park.post(transfer(text, occurred_on=day(-30), effective_on=TODAY, evidence=CONFIRMED))
    assert park.balance("Frozen:GH-001") == 1


# What the request gets wrong.


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{A} -5 GEC L\n{B} 4 GEC L", "unbalanced"),
        (f"{A} -5 GEC L\n{B} 5 GEC M", "unbalanced"),
        (f"{A} -5 GEC L\n{B} 5 GEC", "unbalanced"),
        (f"{A} -5 GEC L\nPayable:GH-001 5 CNY", "unbalanced"),
        (f"{A} -5 GEC L", "too_few_postings"),
        (f"{A} 0 GEC L\n{B} 0 GEC L", "invalid_quantity"),
        (f"{A} -{2**63} GEC L\n{B} {2**63} GEC L", "invalid_quantity"),
        (f"{A} -5 GEC L\nHolding:Ent:GH-999 5 GEC L", "unknown_account"),
        (f"{A} -5 CNY\n{B} 5 CNY", "unknown_account"),
        (f"{A} -5 XYZ\n{B} 5 XYZ", "unknown_commodity"),
    ],
)
def test_transaction_that_is_wrong_in_itself_is_refused(park: Park, text: str, code: str) -> None:
    """Sums by commodity and by lot, quantities, accounts, commodities and lots are checked before any balance."""
    park.give(A, 10, lot="L")
    park.give(A, 10, lot="M")
    assert park.refused(transfer(text), by=ONE).code == code


def test_lot_that_does_not_exist_is_refused(park: Park) -> None:
    """Nobody can move it, and an enterprise hears the same of a lot that only others have held."""
    park.give(B, 5, lot="L")
    text = f"{A} -5 GEC L9\n{B} 5 GEC L9"
    assert park.refused(transfer(text)).code == "unknown_lot"
    assert park.refused(transfer(text), by=ONE).code == "unknown_lot"
    assert park.refused(transfer(f"{A} -5 GEC L\n{B} 5 GEC L"), by=ONE).code == "unknown_lot"


def test_transaction_without_postings_is_refused(park: Park) -> None:
    """Nothing is no transaction."""
    assert park.refused(Transfer(legs=()), by=ONE).code == "too_few_postings"


def test_too_many_pieces_are_refused_with_the_limit(park: Park) -> None:
    """Postings and serial ranges together have a limit, so that every record stays under 32 KiB."""
    park.give(A, 1_000, lot="L")
    many = (Leg(A, "GEC", -PIECES_MAX, "L"), *(Leg(B, "GEC", 1, "L") for _ in range(PIECES_MAX)))
    assert park.refused(Transfer(legs=many), by=ONE).figures == {"given": str(PIECES_MAX + 1), "limit": str(PIECES_MAX)}
    fits = (Leg(A, "GEC", -(PIECES_MAX - 1), "L"), *(Leg(B, "GEC", 1, "L") for _ in range(PIECES_MAX - 1)))
    park.post(Transfer(legs=fits), by=ONE)


def test_serial_ranges_count_as_pieces(park: Park) -> None:
    """A hundred single serials are a hundred pieces on each side."""
    singles = ",".join(f"{2 * n}-{2 * n}" for n in range(1, PIECES_MAX + 1))
    park.give(A, PIECES_MAX, lot="N", serials=singles)
    text = f"{A} -{PIECES_MAX} GEC N\n{B} {PIECES_MAX} GEC N"
    assert park.refused(transfer(text), by=ONE).code == "too_many_pieces"


@pytest.mark.parametrize(
    "command",
    [
        transfer(f"{A} -1 GEC L\n{B} 1 GEC L", evidence=Evidence(level="REPORTED", document="x" * 40_000)),
        transfer(f"{A} -1 GEC L\n{B} 1 GEC L", evidence=Evidence(level="REPORTED", line="x" * 40_000)),
        trade(5, price="1" * 40_000),
        trade(5, code_first="x" * 20_000, code_last="x" * 20_000),
        trade(5, lot=facts("x" * 40_000)),
    ],
)
def test_record_that_would_be_too_large_is_refused(park: Park, command: object) -> None:
    """Long texts are refused one by one, before they could break the group they are written with."""
    park.give(A, 10, lot="L")
    assert park.refused(command).code == "record_too_large"


def test_document_line_is_posted_once(park: Park) -> None:
    """The same line of a document, brought again under another request, names the transaction it became."""
    park.post(trade(5), evidence_key="gec/doc/2")
    used = park.book.size - 1
    refusal = park.refused(trade(5, trade_id="T-2"), evidence_key="gec/doc/2")
    assert refusal.figures == {"evidence": "gec/doc/2", "transaction": str(used)}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (trade(5), "trade_exists"),
        (trade(5, trade_id="T-2", buyer="GH-999"), "unknown_party"),
        (TransferTrade(trade_id="T-9"), "trade_unknown"),
        (TransferTrade(trade_id="T-1"), "trade_not_in_transit"),
        (Subscribe(enterprise="GH-999", quantity=5), "unknown_party"),
        (Subscribe(enterprise="GH-001", quantity=-5), "move_not_allowed"),
    ],
)
def test_event_that_cannot_be_is_refused(park: Park, command: object, code: str) -> None:
    """A trade is booked once and moved once; parties must be registered; promises do not shrink unasked."""
    park.post(trade(5))
    park.post(TransferTrade(trade_id="T-1"))
    park.post(Subscribe(enterprise="GH-001", quantity=9))
    assert park.refused(command).code == code


def test_every_kind_of_debit_account_refuses_an_overdraft(park: Park) -> None:
    """Kinds that may not go below zero are exactly those the chart calls debit (invariant 3.5.3)."""
    assert {code for code, kind in KINDS.items() if not kind.may_go_below_zero} == {
        "holding_project", "listed", "clearing", "holding_ent", "holding_province", "frozen", "retired", "expired",
        "cancelled", "offered", "commitment_ent", "commitment_unallocated", "inventory_gec", "expense_gec", "co2e",
        "cea_ent", "cea_surrendered", "ccer_ent", "ccer_surrendered", "stock",
    }  # fmt: skip
