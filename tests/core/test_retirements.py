"""Retirement: what may be claimed, what is selected, and that nothing is claimed twice (domain cases T5 to T8)."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.account import account_name
from ledger.core.carbon_rules import ClaimRegion
from ledger.core.certificate import LotFacts
from ledger.core.command import Approve
from ledger.core.events import (
    Evidence,
    Freeze,
    Match,
    Part,
    Retire,
    Reverse,
    Trade,
    TransferTrade,
    VoidTrade,
)
from ledger.core.policy import PolicyRow, VintageMatch
from ledger.core.record import AccountBody, PostingBody, ProposalBody, RetirementBody
from ledger.core.seed import SEED
from tests.core.park import CONFIRMED, ONE, OPERATOR, PLATFORM, PROJECT, SELLER, TWO, Park, day, ranges, transfer
from tests.core.test_reversals import Reversing

HELD = account_name("holding_ent", "GH-001")


def retire(quantity: int, *, year: str = "2026", lot: str | None = None, serials: str = "", **more: object) -> Retire:
    """GH-001 claims its share of 2026, today."""
    named = ranges(serials) if serials else ()
    fields = {"enterprise": "GH-001", "purpose": "COMPLIANCE_SHARE", "lot": lot, "serials": named} | more
    return Retire(quantity=quantity, year=year, **fields)


def retired(year: str = "2026", party: str = "GH-001") -> str:
    """The account the claims of a year lie in."""
    return account_name("retired", party, "COMPLIANCE_SHARE", year)


def on(day: str, **more: object) -> dict[str, object]:
    """A day of the past, with the document an operator needs for it."""
    return {"occurred_on": day, "evidence": Evidence(level="REPORTED", document="d" * 64)} | more


@pytest.fixture
def vintages() -> Park:
    """Domain case T5: 20,000 of 2025-11, 25,000 of 2026-03 and 10,000 of 2026-06."""
    park = Park()
    for lot, quantity, month in (("a", 20_000, "2025-11"), ("b", 25_000, "2026-03"), ("c", 10_000, "2026-06")):
        park.give(HELD, quantity, lot=lot, month=month)
    return park


def test_t5_same_year_takes_only_its_own_vintage(vintages: Park) -> None:
    """35,000 are eligible for 2026 and all are retired; lot a stays, and one more is refused with that figure."""
    refusal = vintages.refused(retire(35_001), by=ONE)
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", "35000")
    vintages.post(retire(35_000), by=ONE)
    assert [vintages.balance(HELD, lot=lot) for lot in "abc"] == [20_000, 0, 0]
    assert vintages.balance(retired()) == 35_000
    assert vintages.refused(retire(1, lot="a"), by=ONE).code == "wrong_vintage"


def test_t5_within_validity_takes_the_oldest_first(vintages: Park) -> None:
    """For a consumption year up to 2025 any valid certificate serves: a and b whole, 5,000 of c; 5,000 are left."""
    vintages.post(retire(50_000, year="2025"), by=ONE)
    assert [vintages.balance(HELD, lot=lot) for lot in "abc"] == [0, 0, 5_000]


def test_the_choice_may_be_limited_and_the_record_says_how(vintages: Park) -> None:
    """By month, source or province; what does not fit is left, and a named lot cannot be limited too."""
    june = Match(production_month="2026-06")
    posted = vintages.post(retire(4_000, match=june), by=ONE)
    assert isinstance(posted, PostingBody)
    assert posted.selection == "soonest_expiry_lowest_serial;production_month=2026-06"
    assert [vintages.balance(HELD, lot=lot) for lot in "abc"] == [20_000, 25_000, 6_000]
    refusal = vintages.refused(retire(6_001, match=june), by=ONE)
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", "6000")
    assert vintages.refused(retire(1, match=Match(source="wind")), by=ONE).code == "insufficient_balance"
    assert vintages.refused(retire(1, lot="b", match=june), by=ONE).code == "lot_or_match"


def test_t6_an_expired_certificate_cannot_be_used() -> None:
    """Lot 2024-03: 400 on its last day, 2026-02-28; on 2026-03-01 not one more, though no job has run."""
    park = Park()
    park.give(HELD, 1_000, lot="old", month="2024-03", on="2024-05-01")
    park.today = "2026-02-28"
    park.post(retire(400, year="2025", lot="old"), by=ONE)
    park.today = "2026-03-01"
    for lot in ("old", None):
        refusal = park.refused(retire(1, year="2025", lot=lot), by=ONE)
        assert refusal.code == ("expired" if lot else "insufficient_balance")
    assert (park.balance(HELD), park.balance(retired("2025"))) == (600, 400)


def test_t7_and_t8_serials_lie_in_one_place_and_are_claimed_once() -> None:
    """Retire 1 to 3,500, freeze 3,501 to 4,000, 6,000 are left; a range across what was claimed is refused whole."""
    park = Park()
    park.give(HELD, 10_000, lot="s", serials="1-10000", month="2025-09")
    claim = retire(3_500, year="2025", lot="s", serials="1-3500", proof="HX-1")
    park.post(claim, by=ONE, evidence_key="proof:HX-1")
    locked = {"reason": "dispute", "evidence": CONFIRMED, "lot": "s", "serials": ranges("3501-4000")}
    park.post(Freeze(enterprise="GH-001", quantity=500, **locked))
    assert (park.balance(HELD), park.balance(retired("2025"))) == (6_000, 3_500)
    assert park.serials(HELD, "s") == ranges("4001-10000")
    across = retire(201, year="2025", lot="s", serials="3400-3600")
    assert park.refused(across, by=ONE).code == "serial_not_held"
    park.give(account_name("holding_ent", "GH-002"), 10, lot="t", month="2025-09")
    again = Retire(enterprise="GH-002", quantity=10, purpose="VOLUNTARY", year="2025", proof="HX-1")
    assert park.refused(again, by=TWO, evidence_key="proof:HX-1").code == "evidence_used"


def test_a_claim_is_a_record_of_its_own_before_its_posting(vintages: Park) -> None:
    """The account it opens, what it is for, then which certificates; the posting names the rows that judged it."""
    decision = vintages.ask(retire(30_000, site="W-1", from_month="2026-01", to_month="2026-06", proof="HX-2"), by=ONE)
    assert [type(body) for body in decision.bodies] == [AccountBody, RetirementBody, PostingBody]
    _, claim, posting = decision.bodies
    assert (claim.enterprise, claim.beneficiary, claim.proof) == ("GH-001", "GH-001", "HX-2")
    rows = dict(vintages.book.policies.rows)
    judged = {type(rows[int(row)].rule).__name__ for row in posting.policies}
    assert judged == {"Move", "Validity", "VintageMatch"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"enterprise": "GH-009"}, "unknown_party"),
        ({"beneficiary": "GH-009"}, "unknown_party"),
        ({"lot": "no such lot"}, "unknown_lot"),
        ({"year": "2016"}, "policy_missing"),
        ({"quantity": 25_001, "lot": "b"}, "insufficient_balance"),
    ],
)
def test_what_cannot_be_claimed_is_refused(vintages: Park, change: dict[str, object], code: str) -> None:
    """A stable code, and the book stays as it was."""
    fields = {"enterprise": "GH-001", "quantity": 1, "purpose": "EVENT", "year": "2026", "lot": "b"} | change
    assert vintages.refused(Retire(**fields)).code == code


def test_nobody_claims_anothers_certificates(vintages: Park) -> None:
    """GH-002 cannot retire what GH-001 holds, and nothing leaves a retired account."""
    assert vintages.refused(retire(1), by=TWO).code == "not_your_account"
    vintages.post(retire(10, lot="b"), by=ONE)
    back = transfer(f"{retired()} -1 GEC b\n{HELD} 1 GEC b")
    assert vintages.refused(back).code == "move_not_allowed"


def test_a_missing_vintage_rule_is_a_refusal_that_names_it() -> None:
    """The twin of T5: without the rows nothing may be claimed, and nothing is guessed."""
    park = Park(tuple(row for row in SEED if not isinstance(row.rule, VintageMatch)))
    park.give(HELD, 10, lot="b", month="2026-03")
    assert park.refused(retire(1, lot="b"), by=ONE).code == "policy_missing"


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["2025", "2026"])), max_size=5))
def test_what_is_claimed_leaves_the_holding_and_nothing_else(claims: list[tuple[int, str]]) -> None:
    """Held and retired together stay what came in, lot by lot; a year's account holds what was claimed for it."""
    park, posted = Park(), {"2025": 0, "2026": 0}
    for lot, month in (("a", "2025-11"), ("b", "2026-03")):
        park.give(HELD, 40, lot=lot, month=month)
    balance: Callable[[str, str], int] = lambda name, lot: (  # noqa: E731 (one line, used twice)
        park.balance(name, lot=lot) if (name, "GEC") in park.book.accounts else 0
    )
    for quantity, year in claims:
        decision = park.ask(retire(quantity, year=year), by=ONE)
        posted[year] += quantity if hasattr(decision, "bodies") else 0
    for lot in "ab":
        assert balance(HELD, lot) + sum(balance(retired(year), lot) for year in posted) == 40
    for year, total in posted.items():
        assert sum(balance(retired(year), lot) for lot in "ab") == total
    assert balance(retired("2026"), "a") == 0


@pytest.mark.parametrize("kind", ["retire", "freeze"])
def test_a_callers_word_does_not_make_a_claim_certain(kind: str) -> None:
    """What is promised to leave on a later day cannot be claimed or frozen first, whatever level the caller states."""
    park = Park()
    park.give(HELD, 10, lot="b", month="2026-03")
    park.post(transfer(f"{HELD} -10 GEC b\nHolding:Ent:GH-002 10 GEC b", effective_on=day(3), evidence=CONFIRMED))
    freeze = Freeze(enterprise="GH-001", quantity=1, reason="dispute", lot="b", evidence=CONFIRMED)
    wish = retire(1, lot="b", evidence=CONFIRMED) if kind == "retire" else freeze
    refusal = park.refused(wish)
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", "0")


MONEY = [account_name(kind, "GH-001") for kind in ("inventory_gec", "expense_gec", "payable")]


def bought(park: Park, trade_id: str, quantity: int, fen: int, *, got: bool = True) -> None:
    """GH-001 buys certificates of one series by a trade, and gets them."""
    lot = LotFacts(code=trade_id, numbered=False, production_month="2026-05", project=PROJECT)
    first = int(trade_id) * 1_000 + 1
    codes = {"code_first": code(first), "code_last": code(first + quantity - 1)}
    sold = {"buyer": "GH-001", "seller": SELLER, "platform": PLATFORM, "quantity": quantity}
    park.post(Trade(trade_id=trade_id, lot=lot, amount_fen=fen, **codes, **sold))
    if got:
        park.post(TransferTrade(trade_id=trade_id))


def code(serial: int) -> str:
    """A code of May's series."""
    return f"{PROJECT}202605{serial:07}11"


def money(park: Park) -> list[int]:
    """Inventory, expense and debt, in fen; accounts not opened yet have none."""
    return [park.balance(name, "CNY") if (name, "CNY") in park.book.accounts else 0 for name in MONEY]


def test_what_is_retired_is_expensed_at_the_average_cost_of_its_lot() -> None:
    """100 for 500.01 yuan, 40 used: 200.00; 60 more in transit raise the average; the last take what is left."""
    park = Park()
    bought(park, "1", 100, 50_001)
    park.post(retire(40), by=ONE)
    assert money(park) == [30_001, 20_000, -50_001]
    bought(park, "2", 60, 60_000, got=False)
    park.post(retire(30), by=ONE)
    assert money(park) == [90_001 - 22_500, 20_000 + 22_500, -110_001]
    park.post(TransferTrade(trade_id="2"))
    park.post(retire(90), by=ONE)
    assert money(park) == [0, 110_001, -110_001]


def test_what_has_no_price_is_retired_without_a_cost() -> None:
    """A certificate that came without a price brings no money into the book, and opens no account for it."""
    park = Park()
    park.give(HELD, 10, lot="b", month="2026-03")
    assert len(park.post(retire(4), by=ONE).legs) == 2
    assert (MONEY[1], "CNY") not in park.book.accounts


def test_a_retirement_taken_back_takes_its_cost_back() -> None:
    """The mirror of the whole, or of a part at its share."""
    park = Reversing()
    bought(park, "1", 100, 50_000)
    park.post(retire(40), by=ONE)
    claim = park.book.size - 1
    part = Part(f"{PROJECT}/2026-05/11", 10, ranges("1001-1010"))
    taken_back(park, Reverse(transaction=claim, reason="error", evidence=CONFIRMED, parts=(part,)))
    assert money(park) == [35_000, 15_000, -50_000]
    taken_back(park, Reverse(transaction=claim, reason="error", evidence=CONFIRMED))
    assert money(park) == [50_000, 0, -50_000]


def taken_back(park: Park, command: Reverse) -> None:
    """A retirement is taken back by two persons."""
    park.post(command)
    second = msgspec.structs.replace(OPERATOR, subject="person:second")
    park.post(Approve(proposal=park.book.size - 1), by=second)


def test_a_trade_withdrawn_after_its_units_were_used_takes_its_cost_off_the_expense() -> None:
    """The platform's fact stands: nothing is owed any more, neither for what is left nor for what was used."""
    park = Park()
    bought(park, "1", 100, 50_000)
    park.post(retire(40), by=ONE)
    park.post(VoidTrade(trade_id="1", evidence=CONFIRMED))
    assert money(park) == [0, 0, 0]


@pytest.mark.parametrize("crossed", ["expiry", "freeze", "year end"])
def test_a_late_claim_needs_confirmed_evidence_and_a_second_person(crossed: str) -> None:
    """Dated back across an expiry, a freeze or a year end; on the day itself, or with nothing between, it does not."""
    park = Park()
    park.today, month, claimed_on = {
        "expiry": ("2026-03-02", "2024-03", "2026-02-28"),
        "freeze": ("2026-03-02", "2025-09", "2026-02-27"),
        "year end": ("2026-01-02", "2025-09", "2025-12-31"),
    }[crossed]
    park.give(HELD, 10, lot="old", month=month, on="2025-10-01")
    park.give(HELD, 10, lot="other", month="2025-10", on="2025-11-01")
    if crossed == "freeze":
        park.post(
            Freeze(
                enterprise="GH-001",
                quantity=1,
                reason="dispute",
                lot="old",
                occurred_on="2026-02-28",
                evidence=CONFIRMED,
            )
        )
    late = retire(4, year="2025", lot="old", **on(claimed_on))
    assert park.refused(late).code == "late_needs_confirmation"
    confirmed = msgspec.structs.replace(late, evidence=CONFIRMED)
    assert isinstance(park.post(confirmed), ProposalBody)
    assert park.balance(HELD, lot="old") == 10 - (crossed == "freeze")
    second = msgspec.structs.replace(OPERATOR, subject="person:second")
    posted = park.post(Approve(proposal=park.book.size - 1), by=second)
    assert isinstance(posted, PostingBody)
    assert posted.occurred_on == claimed_on
    if crossed != "year end":
        assert isinstance(park.post(retire(1, year="2025", lot="other", **on(claimed_on))), PostingBody)
    assert isinstance(park.post(retire(1, year="2025", lot="other"), by=ONE), PostingBody)


def test_without_its_row_a_late_claim_is_one_like_any_other() -> None:
    """The twin: that it waits is a rule among the rules, not a habit of the engine."""
    park = Park(tuple(row for row in SEED if getattr(row.rule, "of", None) != "late"))
    park.today = "2026-01-02"
    park.give(HELD, 10, lot="old", month="2025-09", on="2025-10-01")
    assert isinstance(park.post(retire(4, year="2025", lot="old", **on("2025-12-31"))), PostingBody)


def test_a_price_that_counts_only_later_does_not_hold_a_claim_up() -> None:
    """Certificates held before, claimed on a day before the rest of their lot was bought, are expensed at nothing."""
    park = Park()
    series = f"{PROJECT}/2026-05/11"
    park.give(HELD, 10, lot=series, serials="1-10", on="2026-06-01")
    bought(park, "1", 100, 50_000)
    park.post(retire(10, lot=series, **on("2026-06-02")))
    assert money(park) == [50_000, 0, -50_000]


def test_what_was_claimed_by_mistake_is_claimed_again_only_with_a_proof() -> None:
    """Its serials are known by the reversal; others of the lot are claimed as ever."""
    park = Reversing()
    bought(park, "1", 100, 50_000)
    series = f"{PROJECT}/2026-05/11"
    park.post(retire(40, lot=series, serials="1001-1040"), by=ONE)
    taken_back(park, Reverse(transaction=park.book.size - 1, reason="error", evidence=CONFIRMED))
    again = park.refused(retire(10, lot=series, serials="1031-1040"), by=ONE)
    assert (again.code, again.figures["serials"]) == ("proof_needed", "1031-1040")
    for more in ({}, {"lot": series}):
        assert park.refused(retire(61, **more), by=ONE).code == "proof_needed"
        assert park.refused(retire(101, **more), by=ONE).code == "insufficient_balance"
        body = park.post(retire(1, **more), by=ONE)
        assert isinstance(body, PostingBody) and body.legs[0].serials[0][0] in {"1041", "1042"}
    park.post(retire(58, lot=series, serials="1043-1100"), by=ONE)
    park.post(retire(40, lot=series, serials="1001-1040", proof="HX-2"), by=ONE)


def test_what_was_passed_on_cannot_be_claimed_though_its_cost_is_still_there() -> None:
    """A gift takes no cost along; the claim on what is gone is refused by the certificates' own balance."""
    park = Park()
    bought(park, "1", 100, 50_000)
    series, other = f"{PROJECT}/2026-05/11", account_name("holding_ent", "GH-002")
    park.post(transfer(f"{HELD} -100 GEC {series} 1001-1100\n{other} 100 GEC {series} 1001-1100"), by=ONE)
    assert park.refused(retire(1, lot=series)).code == "insufficient_balance"
    assert money(park) == [50_000, 0, -50_000]


def in_regions(provinces: str, *, years: tuple[str, str] = ("2026", "2027")) -> Park:
    """A park whose rule lets certificates of these provinces only be claimed for these years."""
    rule = ClaimRegion(consumed_from=years[0], consumed_before=years[1], provinces=provinces)
    return Park((*SEED, PolicyRow(in_force_from="2026-01-01", rule=rule, source="test")))


@given(
    provinces=st.lists(st.sampled_from(["QH", "GS", "NX"]), min_size=1, unique=True),
    held=st.lists(st.tuples(st.sampled_from(["QH", "GS", "NX", None]), st.integers(1, 50)), min_size=1, max_size=5),
)
def test_a_selection_takes_what_is_eligible_and_no_more(
    provinces: list[str], held: list[tuple[str | None, int]]
) -> None:
    """Whatever lies there: all of the provinces that serve can be claimed for the year, and not one beside them."""
    park = in_regions(" ".join(provinces))
    for at, (province, quantity) in enumerate(held):
        park.give(HELD, quantity, lot=f"lot-{at}", month="2026-03", province=province)
    eligible = sum(quantity for province, quantity in held if province in provinces)
    refusal = park.refused(retire(eligible + 1), by=ONE)
    assert (refusal.code, refusal.figures["available"]) == ("insufficient_balance", str(eligible))
    if eligible:
        park.post(retire(eligible), by=ONE)
    left = {f"lot-{at}": 0 if province in provinces else quantity for at, (province, quantity) in enumerate(held)}
    assert {lot: park.balance(HELD, lot=lot) for lot in left} == left


def test_a_named_lot_of_another_region_is_refused_and_the_record_names_the_rule() -> None:
    """Gansu's serve the year 2026 and Qinghai's do not; for a year the rule is not about, either does."""
    park = in_regions("GS")
    for lot, province in (("qh", "QH"), ("gs", "GS"), ("unknown", None)):
        park.give(HELD, 10, lot=lot, month="2026-03", province=province)
    for lot, province in (("qh", "QH"), ("unknown", "-")):
        refusal = park.refused(retire(1, lot=lot), by=ONE)
        figures = {"lot": lot, "province": province, "provinces": "GS", "year": "2026"}
        assert (refusal.code, refusal.figures) == ("wrong_region", figures)
    row = next(index for index, row in park.book.policies.rows if isinstance(row.rule, ClaimRegion))
    posted = park.post(retire(1, lot="gs"), by=ONE)
    assert isinstance(posted, PostingBody) and str(row) in posted.policies
    park.post(retire(1, lot="qh", year="2025"), by=ONE)
