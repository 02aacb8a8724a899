"""What comes otherwise than by a trade: green power, hydro and self-use, the province, take-on balances."""

import pytest

from ledger.core.account import account_name
from ledger.core.certificate import LotFacts
from ledger.core.events import (
    Allocate,
    Expire,
    OpenBalance,
    ReceiveForProvince,
    Retire,
    SettleBundle,
    TransferWithEnergy,
)
from tests.core.park import CONFIRMED, ONE, PROJECT, PROVINCE, SELLER, TODAY, Park, codes, day, issue, ranges, series

HELD, OUTSIDE = account_name("holding_ent", "GH-001"), account_name("external", SELLER)
CARRY = account_name("carry_contract", "GH-001", "LD-1")


def units(code: str, *, month: str = "2024-06", tradable: bool = True) -> LotFacts:
    """Counted units of the project."""
    return LotFacts(code=code, numbered=False, production_month=month, project=PROJECT, tradable=tradable)


def bundle(energy_kwh: int, *, month: str = "2024-06", contract: str = "LD-1", **more: object) -> SettleBundle:
    """Green power of the project that GH-001 consumed under a contract."""
    lot = units(f"bundle/{contract}/{month}", month=month)
    fields = {"buyer": "GH-001", "seller": SELLER, "lot": lot} | more
    return SettleBundle(contract=contract, energy_kwh=energy_kwh, **fields)


def test_t10_certificates_of_settled_energy_and_the_rest_of_a_mwh() -> None:
    """11,400 MWh make 11,400 for 57,000.00 yuan; 4,980.6 make 4,980 for 23,906.88 and leave 600 kWh to the contract."""
    park = Park()
    park.post(bundle(11_400_000, amount_fen=5_700_000, contract="LD-0"))
    park.post(bundle(4_980_600, amount_fen=2_390_688))
    assert park.balance(HELD) == 16_380
    assert park.balance(CARRY, "KWH") == 600
    assert park.balance(account_name("inventory_gec", "GH-001"), "CNY") == 8_090_688
    park.post(bundle(400, month="2024-07"))
    assert (park.balance(HELD), park.balance(CARRY, "KWH")) == (16_381, 0)


def test_a_bundle_is_its_certificates_one_trade() -> None:
    """Numbered ones that came with green power cannot come again by a trade or another bundle."""
    park = Park()
    park.post(bundle(10_000, month="2026-05", **codes(1, 10)))
    again = bundle(1_000, month="2026-05", contract="LD-2", **codes(10, 10))
    assert park.refused(again).code == "serial_conflict"
    assert park.serials(HELD, series()) == ranges("1-10")


def test_a_bundle_of_a_project_in_the_book_is_out_of_what_it_holds() -> None:
    """The project issued 1 to 100; 40 of them go with the energy, and of what it does not hold none can."""
    park = Park()
    park.post(issue(100_000, **codes(1, 100)))
    park.post(bundle(40_000, month="2026-05", seller=PROJECT, **codes(1, 40)))
    assert park.balance(account_name("holding_project", PROJECT)) == 60
    again = bundle(1_000, month="2026-05", seller=PROJECT, contract="LD-2", **codes(40, 40))
    assert park.refused(again).code == "serial_not_held"
    assert park.refused(bundle(1_000, month="2026-05", seller=PROJECT)).code == "unknown_lot"


@pytest.mark.parametrize("route", ["HYDRO_TRANSFER", "SELF_USE"])
def test_certificates_that_move_with_the_energy_are_not_tradable(route: str) -> None:
    """They come whole and are no trade; tradable ones cannot come this way, nor any without a document."""
    park = Park()
    fields = {"enterprise": "GH-001", "seller": SELLER, "route": route, "reference": "H-1", "quantity": 7}
    lot = units("hydro", tradable=False)
    park.post(TransferWithEnergy(lot=lot, evidence=CONFIRMED, **fields))
    assert (park.balance(HELD), park.balance(OUTSIDE)) == (7, -7)
    assert not park.book.marks
    assert park.refused(TransferWithEnergy(lot=units("x"), evidence=CONFIRMED, **fields)).code == "wrong_route"
    assert park.refused(TransferWithEnergy(lot=lot, **fields)).code == "evidence_needed"


def test_the_province_receives_and_allocates_by_its_plan() -> None:
    """1,000 for the province, 400 of them for GH-001 by the plan, which must be named."""
    park = Park()
    province = account_name("holding_province", PROVINCE)
    park.post(
        ReceiveForProvince(province=PROVINCE, seller=SELLER, reference="P-1", quantity=1_000, lot=units("hydro-p"))
    )
    allocation = {"province": PROVINCE, "enterprise": "GH-001", "quantity": 400}
    assert park.refused(Allocate(**allocation)).code == "evidence_needed"
    park.post(Allocate(**allocation, evidence=CONFIRMED))
    assert (park.balance(province), park.balance(HELD)) == (600, 400)
    assert park.refused(Allocate(**(allocation | {"quantity": 601}), evidence=CONFIRMED)).code == "insufficient_balance"


def test_a_take_on_balance_rests_on_a_document() -> None:
    """What GH-001 held before: against Opening:GH-001, numbered where its document says so."""
    park = Park()
    opening = {"enterprise": "GH-001", "reference": "O-1", "quantity": 50, "lot": units("old", month="2026-05")}
    assert park.refused(OpenBalance(**opening)).code == "evidence_needed"
    park.post(OpenBalance(**opening, **codes(1, 50), evidence=CONFIRMED))
    assert park.balance(account_name("opening", "GH-001")) == -50
    assert park.serials(HELD, series()) == ranges("1-50")
    assert park.refused(OpenBalance(**opening, **codes(50, 99), evidence=CONFIRMED)).code == "serial_conflict"


def test_codes_that_cannot_be_read_leave_counted_units_and_a_finding() -> None:
    """A damaged code is no reason to lose the units: they are counted, and the record says so."""
    opening = {"enterprise": "GH-001", "reference": "O-1", "quantity": 50, "lot": units("old")}
    body = Park().post(OpenBalance(**opening, code_first="9.16E+17", code_last="9.16E+17", evidence=CONFIRMED))
    assert (body.findings, body.legs[0].serials) == (("codes_unread",), ())


def test_t6_the_job_moves_what_lapsed_and_nothing_else() -> None:
    """Lot 2024-03, 1,000, 400 retired on its last day: 600 lapse on 2026-03-01; the day before, none."""
    park = Park()
    park.today = "2026-02-28"
    park.give(HELD, 1_000, lot="old", month="2024-03", on="2024-05-01")
    claim = {"enterprise": "GH-001", "purpose": "VOLUNTARY", "year": "2025", "lot": "old"}
    park.post(Retire(quantity=400, **claim))
    park.today = TODAY
    lapse = {"account": HELD, "lot": "old", "quantity": 600}
    assert park.refused(Expire(effective_on="2026-02-28", **lapse)).code == "not_expired"
    body = park.post(Expire(effective_on="2026-03-01", **lapse))
    assert (body.occurred_on, body.effective_on) == ("2026-03-01", "2026-03-01")
    expired, retired = account_name("expired", "GH-001"), account_name("retired", "GH-001", "VOLUNTARY", "2025")
    assert [park.balance(name) for name in (retired, expired, HELD)] == [400, 600, 0]


def test_what_was_passed_on_after_it_lapsed_lapses_where_it_is_now() -> None:
    """A holder that received lapsed units today lets them lapse today, not on a day when it had none."""
    park = Park()
    park.give(HELD, 10, lot="old", month="2024-03")
    lapse = {"account": HELD, "lot": "old", "quantity": 10}
    assert park.refused(Expire(effective_on=day(-1), **lapse)).code == "insufficient_balance"
    assert park.post(Expire(**lapse)).effective_on == TODAY


def test_an_enterprise_lets_nothing_lapse() -> None:
    """The job is the operator's: no rule lets an enterprise do it."""
    park = Park()
    park.give(HELD, 10, lot="old", month="2024-03")
    assert park.refused(Expire(account=HELD, lot="old", quantity=10), by=ONE).code == "move_not_allowed"
