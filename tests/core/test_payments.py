"""What certificates cost is owed when they are traded, and paid when somebody says so (domain 3.3, rows 6 and 7)."""

from ledger.core.events import Leg, Trade, Transfer
from tests.core.park import CONFIRMED, ONE, OPERATOR, PLATFORM, SELLER, Park, facts


def paid(fen: int, lot: str | None = "L", payer: str = "GH-001", payee: str = "GH-001") -> Transfer:
    """Out of an enterprise's cash against what is owed for a lot."""
    legs = (Leg(f"Cash:{payer}", "CNY", -fen, lot), Leg(f"Payable:{payee}", "CNY", fen, lot))
    return Transfer(legs=legs, evidence=CONFIRMED)


def park_that_owes(fen: int) -> Park:
    """GH-001 bought a hundred of lot L for so much."""
    park = Park()
    park.post(
        Trade(
            trade_id="GEC/1/P1/2026-05", buyer="GH-001", seller=SELLER, platform=PLATFORM, quantity=100,
            lot=facts("L"), amount_fen=fen, evidence=CONFIRMED,
        )
    )  # fmt: skip
    return park


def test_what_is_owed_is_paid_in_parts() -> None:
    """The cash account opens with the first payment; what the certificates cost stays what it was."""
    park = park_that_owes(50_000)
    assert park.balance("Payable:GH-001", "CNY") == -50_000
    park.post(paid(20_000))
    park.post(paid(30_000))
    assert (park.balance("Payable:GH-001", "CNY"), park.balance("Cash:GH-001", "CNY")) == (0, -50_000)
    assert park.balance("Inventory:GEC:GH-001", "CNY") == 50_000


def test_who_may_record_a_payment() -> None:
    """The operator; of an enterprise that is registered, and back only by reversal."""
    park = park_that_owes(50_000)
    assert park.refused(paid(1, None), by=ONE).code == "move_not_allowed"
    assert park.refused(paid(1, payer="GH-404", payee="GH-404"), by=OPERATOR).code == "unknown_account"
    back = Transfer(legs=tuple(Leg(leg.account, "CNY", -leg.quantity, "L") for leg in paid(1).legs))
    assert park.refused(back).code == "move_not_allowed"
