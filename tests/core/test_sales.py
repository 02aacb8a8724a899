"""A project's certificates on the market: listed, sold once, withdrawn in part (domain cases T8 c and d, T12)."""

import pytest

from ledger.core.account import account_name
from ledger.core.events import (
    CancelForCcer,
    Delist,
    Evidence,
    Freeze,
    IdentifyTrade,
    ListForSale,
    SettleBreak,
    Trade,
    TransferTrade,
    VoidTrade,
)
from ledger.core.policy import TradeOnce
from ledger.core.seed import SEED
from tests.core.park import (
    CONFIRMED,
    PLATFORM,
    PROJECT,
    SELLER,
    Park,
    codes,
    facts,
    issue,
    ranges,
    series,
    trade,
    transfer,
)

HELD, LISTED = account_name("holding_project", PROJECT), account_name("listed", PLATFORM, PROJECT)
CLEARING, BOUGHT = account_name("clearing", PLATFORM), account_name("holding_ent", "GH-001")
LOT = series()


def listing(quantity: int, serials: str = "", *, kind: type = ListForSale, **more: object) -> ListForSale:
    """The project offers units of its lot on the platform."""
    named = {"lot": LOT, "serials": ranges(serials) if serials else ()}
    return kind(**({"project": PROJECT, "platform": PLATFORM, "quantity": quantity} | named | more))


def sale(first: int, last: int, *, trade_id: str = "T-1", **more: object) -> Trade:
    """The project sells these serials to GH-001."""
    fields = {"buyer": "GH-001", "seller": PROJECT, "mode": "LISTING"} | more
    lot = type(facts("x"))(code="x", numbered=False, production_month="2026-05", project=PROJECT)
    quantity = last - first + 1
    return Trade(trade_id=trade_id, platform=PLATFORM, quantity=quantity, lot=lot, **codes(first, last), **fields)


@pytest.fixture
def park() -> Park:
    """A project with serials 1 to 100."""
    found = Park()
    found.post(issue(100_000, **codes(1, 100)))
    return found


def test_what_is_listed_is_locked_until_it_is_sold_or_withdrawn(park: Park) -> None:
    """40 listed, 30 sold out of the listing and transferred, 10 taken back: the project has 70, the buyer 30."""
    park.post(listing(40, "1-40"))
    assert (park.balance(HELD), park.balance(LISTED)) == (60, 40)
    assert park.refused(listing(61)).code == "insufficient_balance"
    park.post(sale(1, 30))
    park.post(TransferTrade(trade_id="T-1"))
    park.post(listing(10, kind=Delist))
    assert [park.balance(name) for name in (HELD, LISTED, CLEARING, BOUGHT)] == [70, 0, 0, 30]
    assert park.serials(BOUGHT, LOT) == ranges("1-30")


def test_a_bilateral_sale_is_out_of_the_holding(park: Park) -> None:
    """Without a listing the units leave the project's holding; out of a listing that is not there they cannot."""
    park.post(sale(1, 10, mode="BILATERAL"))
    assert (park.balance(HELD), park.balance(CLEARING)) == (90, 10)
    assert park.refused(sale(11, 20, trade_id="T-2")).code == "unknown_account"


def test_t8d_a_certificate_is_traded_once(park: Park) -> None:
    """What an enterprise bought it cannot offer or sell again, and what went back in part stays traded."""
    park.post(listing(20, "1-20"))
    park.post(sale(1, 20))
    park.post(TransferTrade(trade_id="T-1"))
    assert park.refused(listing(1, project="GH-001")).code == "already_traded"
    assert park.refused(sale(1, 1, trade_id="T-2", seller="GH-001")).code == "already_traded"
    park.post(VoidTrade(trade_id="T-1", quantity=5, serials=ranges("1-5")))
    assert park.serials(HELD, LOT) == ranges("1-5,21-100")
    assert park.refused(listing(1, "5-5")).code == "already_traded"
    park.post(listing(80))
    assert park.serials(LISTED, LOT) == ranges("21-100")


def test_voiding_the_whole_trade_lets_its_certificates_be_traded_again(park: Park) -> None:
    """In two parts or at once: when none of the trade stands, its serials were never traded."""
    park.post(sale(1, 20, mode="BILATERAL"))
    park.post(VoidTrade(trade_id="T-1", quantity=5, serials=ranges("1-5")))
    assert park.refused(sale(1, 5, trade_id="T-2", mode="BILATERAL")).code == "already_traded"
    park.post(VoidTrade(trade_id="T-1"))
    park.post(sale(1, 20, trade_id="T-3", mode="BILATERAL"))
    assert park.serials(CLEARING, LOT) == ranges("1-20")


def test_without_the_rule_a_certificate_would_be_traded_twice() -> None:
    """The twin: a book without the dated row lets what came back in part be sold again."""
    park = Park(tuple(row for row in SEED if not isinstance(row.rule, TradeOnce)))
    park.post(issue(100_000, **codes(1, 100)))
    park.post(sale(1, 20, mode="BILATERAL"))
    park.post(VoidTrade(trade_id="T-1", quantity=5, serials=ranges("1-5")))
    park.post(sale(1, 5, trade_id="T-2", mode="BILATERAL"))
    assert park.serials(CLEARING, LOT) == ranges("1-20")


def test_t11_a_month_of_trades_matches_its_control_totals() -> None:
    """12,000 and 8,000 transferred, 11,200 in clearing, a duplicate ignored: 31,200 for 115,200.00, 3.6923 each."""
    park = Park()
    rows = ((12_000, 4_320_000, True), (8_000, 2_880_000, True), (11_200, 4_320_000, False))
    for number, (quantity, fen, moved) in enumerate(rows):
        sold = trade(quantity, trade_id=f"T-{number}", amount_fen=fen, evidence=CONFIRMED)
        park.post(sold, evidence_key=f"trade:T-{number}")
        assert park.refused(sold, evidence_key=f"trade:T-{number}").code == "evidence_used"
        if moved:
            park.post(TransferTrade(trade_id=f"T-{number}", evidence=CONFIRMED))
    assert (park.balance(BOUGHT), park.balance(CLEARING)) == (20_000, 11_200)
    cost = park.balance("Inventory:GEC:GH-001", "CNY")
    assert (park.balance(BOUGHT) + park.balance(CLEARING), cost) == (31_200, 11_520_000)
    assert round(cost / 100 / 31_200, 4) == 3.6923


def test_t12_a_withdrawn_trade_and_the_right_one_are_one_trade() -> None:
    """+2,000, withdrawn, then 1,800: 1,800 held, one trade standing, three transactions."""
    park = Park()
    park.post(trade(2_000, amount_fen=940_000))
    park.post(VoidTrade(trade_id="T-1", evidence=CONFIRMED))
    park.post(trade(1_800, trade_id="T-2", amount_fen=846_000))
    park.post(TransferTrade(trade_id="T-2"))
    standing = [one.standing for one in park.book.trades.values() if one.state != "VOID"]
    assert (park.balance(BOUGHT), standing) == (1_800, [1_800])
    assert park.balance(account_name("inventory_gec", "GH-001"), "CNY") == 846_000


def test_a_trade_withdrawn_after_its_units_moved_on_is_a_break_in_suspense() -> None:
    """A confirmed withdrawal happened, wherever the units are: suspense shows what is missing until it is found."""
    park, other = Park(), account_name("holding_ent", "GH-002")
    suspense, outside = account_name("suspense", PLATFORM), account_name("external", SELLER)
    park.post(trade(100, lot=facts("line"), amount_fen=36_000))
    park.post(TransferTrade(trade_id="T-1"))
    park.post(transfer(f"{BOUGHT} -60 GEC line\n{other} 60 GEC line"))
    assert park.refused(VoidTrade(trade_id="T-1")).code == "insufficient_balance", "not confirmed: not certain"
    posted = park.post(VoidTrade(trade_id="T-1", evidence=CONFIRMED))
    assert posted.findings == ("units_moved_on",)
    assert (park.balance(suspense), park.balance(outside)) == (-100, 0)
    assert (park.balance("Payable:GH-001", "CNY"), park.balance("Inventory:GEC:GH-001", "CNY")) == (0, 0)
    found = {"trade_id": "T-1", "lot": "line"}
    park.post(SettleBreak(enterprise="GH-002", quantity=60, **found))
    assert park.refused(SettleBreak(enterprise="GH-001", quantity=41, **found)).code == "reversal_above_original"
    park.post(SettleBreak(enterprise="GH-001", quantity=40, **found))
    assert [park.balance(name) for name in (suspense, outside, BOUGHT, other)] == [0, 0, 0, 0]
    assert (
        park.refused(SettleBreak(enterprise="GH-001", quantity=1, trade_id="T-9", lot="line")).code == "trade_unknown"
    )


def test_what_is_owed_goes_back_with_the_units_to_the_fen() -> None:
    """3 certificates for 10.00 yuan, withdrawn one by one: 3.34, 3.33 and 3.33 go back, and nothing is owed."""
    park = Park()
    park.post(trade(3, amount_fen=1_000))
    owed = []
    for _ in range(3):
        park.post(VoidTrade(trade_id="T-1", quantity=1))
        owed.append(-park.balance(account_name("payable", "GH-001"), "CNY"))
    assert owed == [666, 333, 0]
    assert park.refused(VoidTrade(trade_id="T-1")).code == "trade_void"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (VoidTrade(trade_id="T-1", quantity=21), "reversal_above_original"),
        (VoidTrade(trade_id="T-1", quantity=5), "serials_needed"),
        (VoidTrade(trade_id="T-1", quantity=5, serials=ranges("20-24")), "serials_mismatch"),
        (VoidTrade(trade_id="T-1", quantity=5, serials=ranges("1-4")), "serials_mismatch"),
    ],
)
def test_no_more_goes_back_than_stands(park: Park, command: VoidTrade, code: str) -> None:
    """The sum of the parts never exceeds the trade, and of numbered units it must be said which."""
    park.post(sale(1, 20, mode="BILATERAL"))
    assert park.refused(command).code == code


def test_only_tradable_and_valid_certificates_are_offered() -> None:
    """Not tradable, or lapsed on the day: refused by name, and passed over where the engine selects."""
    park = Park()
    park.post(issue(5_000, reference="hydro", tradable=False))
    park.post(issue(7_000, reference="old", month="2024-03"))
    park.post(issue(9_000, reference="new"))
    lots = {name: f"{PROJECT}/{month}/{name}" for name, month in (("hydro", "2026-05"), ("old", "2024-03"))}
    assert park.refused(listing(1, lot=lots["hydro"])).code == "not_tradable"
    assert park.refused(listing(1, lot=lots["old"])).code == "expired"
    park.post(listing(9, lot=None))
    assert park.balance(LISTED, lot=f"{PROJECT}/2026-05/new") == 9
    assert park.refused(listing(1, lot=None)).code == "insufficient_balance"


def test_non_tradable_certificates_are_not_traded() -> None:
    """A platform's line that says so is refused, whoever sells."""
    lot = type(facts("x"))(code="x", numbered=False, production_month="2026-05", project="P1", tradable=False)
    assert Park().refused(trade(5, lot=lot)).code == "not_tradable"


def test_codes_of_what_cannot_be_traded_number_no_trade() -> None:
    """Found by the invariants: serials that came as non-tradable ones are not those of a trade, whatever it says."""
    park = Park()
    park.post(issue(10_000, tradable=False, **codes(1, 10)))
    lot = type(facts("x"))(code="counted", numbered=False, production_month="2026-05", project=PROJECT)
    park.post(trade(5, lot=lot))
    refusal = park.refused(IdentifyTrade(trade_id="T-1", **codes(21, 25)))
    assert (refusal.code, refusal.figures["lot"]) == ("not_tradable", LOT)


def test_t8c_what_became_ccer_is_frozen_then_cancelled() -> None:
    """120,000 frozen, none can be listed; 90,000 verified and cancelled, 30,000 stay frozen until released."""
    park, on = Park(), {"occurred_on": "2026-06-01", "effective_on": "2026-06-01", "evidence": CONFIRMED}
    park.post(issue(120_000_000, **on))
    lot = f"{PROJECT}/2026-05/N-1"
    park.post(Freeze(enterprise=PROJECT, quantity=120_000, reason="ccer", lot=lot, **on))
    assert park.refused(listing(1, lot=lot)).code == "insufficient_balance"
    park.post(CancelForCcer(project=PROJECT, quantity=90_000, lot=lot, **on))
    frozen, gone = account_name("frozen", PROJECT), account_name("cancelled", PROJECT)
    assert [park.balance(name) for name in (HELD, frozen, gone)] == [0, 30_000, 90_000]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Freeze(enterprise=PROJECT, quantity=1, reason="ccer", evidence=CONFIRMED), "policy_missing"),
        (CancelForCcer(project=PROJECT, quantity=1, evidence=CONFIRMED), "policy_missing"),
        (CancelForCcer(project=PROJECT, quantity=1, evidence=Evidence(level="REPORTED")), "evidence_needed"),
        (CancelForCcer(project=SELLER, quantity=1, evidence=CONFIRMED), "unknown_project"),
        (listing(1, project="nowhere"), "unknown_project"),
        (listing(1, platform="nowhere"), "unknown_party"),
    ],
)
def test_what_no_rule_in_force_allows_is_refused(park: Park, command: object, code: str) -> None:
    """The linkage to CCER ended on 2026-09-30; without a row in force nothing is frozen or cancelled for it."""
    assert park.refused(command).code == code
