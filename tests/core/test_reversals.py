"""Reversal: the mirror of a transaction, whole or by lot, the parts never above it, and what cannot be taken back."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.account import account_name
from ledger.core.command import Approve, Principal
from ledger.core.events import Part, Retire, Reverse, SettleBundle, Subscribe, VoidTrade
from ledger.core.serial_range import SerialRange
from tests.core.park import CONFIRMED, ONE, PROJECT, SELLER, Park, codes, facts, issue, ranges, series, trade, transfer

SECOND = Principal(actor="key-2", role="operator", subject="person:zoe")
HELD, OTHER = account_name("holding_ent", "GH-001"), account_name("holding_ent", "GH-002")
LOT = "s"


class Reversing(Park):
    """A park that remembers its transactions, as the writer loads those that a reversal names."""

    def post(self, command, *, by=None, evidence_key=None):
        """Post, and keep the body under its log index."""
        body = super().post(command, **({} if by is None else {"by": by}), evidence_key=evidence_key)
        self.last = self.book.size - 1
        if hasattr(body, "legs"):
            self.book.originals.setdefault(self.last, body)
            self.book.reversals.setdefault(self.last, {})
        return body


def back(transaction: int, *parts: Part, **more: object) -> Reverse:
    """Take a transaction back, or parts of it, on a confirmed document."""
    return Reverse(transaction=transaction, reason="error", parts=parts, **({"evidence": CONFIRMED} | more))


@pytest.fixture
def park() -> Reversing:
    """GH-001 holds serials 1 to 100 of s and 50 counted units of c; it gave 40 and 20 of them to GH-002."""
    found = Reversing()
    found.give(HELD, 100, lot=LOT, serials="1-100")
    found.give(HELD, 50, lot="c")
    text = f"{HELD} -40 GEC s 1-40\n{OTHER} 40 GEC s 1-40\n{HELD} -20 GEC c\n{OTHER} 20 GEC c"
    found.post(transfer(text), by=ONE)
    return found


def test_a_reversal_is_the_exact_mirror_and_is_linked(park: Reversing) -> None:
    """Everything is where it was, the record names its original, and both stay in the book."""
    before, original = park.book.size, park.last
    body = park.post(back(original))
    assert (park.serials(HELD, LOT), park.balance(HELD, lot="c")) == (ranges("1-100"), 50)
    assert (body.reverses, body.status, park.book.size) == (str(original), "error", before + 1)
    mirrored = {(leg.account, leg.lot, int(leg.quantity)) for leg in body.legs}
    assert mirrored == {(OTHER, "s", -40), (HELD, "s", 40), (OTHER, "c", -20), (HELD, "c", 20)}


def test_it_is_reversed_once_and_a_reversal_never(park: Reversing) -> None:
    """A second time there is nothing left; a reversal is put right by the right entry, not by another reversal."""
    original = park.last
    park.post(back(original))
    assert park.refused(back(original)).code == "reversal_above_original"
    assert park.refused(back(park.last)).code == "reversal_of_reversal"


def test_parts_by_lot_and_then_what_is_left(park: Reversing) -> None:
    """10 named serials and 5 counted units go back, then the rest of both; never more than there was."""
    original = park.last
    park.post(back(original, Part("s", 10, ranges("11-20")), Part("c", 5)))
    assert park.serials(OTHER, LOT) == ranges("1-10,21-40")
    assert park.balance(OTHER, lot="c") == 15
    again = park.refused(back(original, Part("c", 16)))
    assert (again.code, again.figures["limit"]) == ("reversal_above_original", "15")
    assert park.refused(back(original, Part("s", 1, ranges("11-11")))).code == "serials_mismatch"
    park.post(back(original))
    assert (park.serials(HELD, LOT), park.balance(OTHER)) == (ranges("1-100"), 0)


@given(st.lists(st.integers(1, 25), min_size=1, max_size=6))
def test_the_sum_of_the_parts_never_exceeds_the_original(parts: list[int]) -> None:
    """Whatever is asked for in turn: what goes back and what stays is always the original, in units and in fen."""
    park = Reversing()
    lot = facts("b")
    lot = type(lot)(code="b", numbered=False, production_month="2026-05", project=PROJECT)
    bundle = {"buyer": "GH-001", "seller": SELLER, "contract": "LD-1", "energy_kwh": 37_000, "lot": lot}
    park.post(SettleBundle(amount_fen=10_001, **bundle))
    original, left = park.last, 37
    for quantity in parts:
        if quantity <= left:
            park.post(back(original, Part("b", quantity)))
            left -= quantity
        else:
            assert park.refused(back(original, Part("b", quantity))).figures["limit"] == str(left)
        owed = -park.balance(account_name("payable", "GH-001"), "CNY")
        assert (park.balance(HELD), owed) == (left, 10_001 * left // 37)


def test_t10_a_correction_by_a_hundred_nets_out() -> None:
    """Layout B: 11,400 and 4,980 certificates settled, then -100 of the first: 16,280, and the cost in proportion."""
    park = Reversing()
    first = {"buyer": "GH-001", "seller": SELLER, "lot": facts("first", month="2024-06")}
    second = {"buyer": "GH-001", "seller": SELLER, "lot": facts("second", month="2024-06")}
    park.post(SettleBundle(contract="LD-0", energy_kwh=11_400_000, amount_fen=5_700_000, **first))
    settled = park.last
    park.post(SettleBundle(contract="LD-1", energy_kwh=4_980_600, amount_fen=2_390_688, **second))
    assert park.balance(HELD) == 16_380
    park.post(back(settled, Part("first", 100)))
    assert park.balance(HELD) == 16_280
    assert park.balance("Inventory:GEC:GH-001", "CNY", lot="first") == 5_650_000


def test_units_that_moved_on_are_refused_with_the_chain(park: Reversing) -> None:
    """GH-002 passed them on: the refusal names the transaction that took them."""
    original = park.last
    park.post(transfer(f"{OTHER} -5 GEC s 1-5\n{HELD} 5 GEC s 1-5"))
    park.book.users[original] = (park.last,)
    refusal = park.refused(back(original))
    assert (refusal.code, refusal.figures["users"]) == ("units_moved_on", str(park.last))


def test_a_retirement_is_taken_back_only_on_the_registrys_word(park: Reversing) -> None:
    """Reported is not enough; confirmed it is our booking error, and its proof number stays used."""
    claim = Retire(enterprise="GH-001", quantity=5, purpose="OTHER", year="2026", lot="c", proof="HX-1")
    park.post(claim, by=ONE, evidence_key="proof:HX-1")
    original = park.last
    assert park.refused(back(original, evidence=type(CONFIRMED)(level="REPORTED"))).code == "registry_evidence_needed"
    park.post(back(original))
    park.post(Approve(proposal=park.last), by=SECOND)
    assert park.balance(account_name("retired", "GH-001", "OTHER", "2026")) == 0
    assert park.refused(claim, by=ONE, evidence_key="proof:HX-1").code == "evidence_used"
    park.post(type(claim)(enterprise="GH-001", quantity=5, purpose="OTHER", year="2026", lot="c", proof="HX-2"), by=ONE)


def test_a_reversed_issuance_may_be_issued_again(park: Reversing) -> None:
    """In part: only what went back may be; the serials that stand are still issued once."""
    park.post(issue(10_000, **codes(1, 10)))
    original = park.last
    park.post(back(original, Part(series(), 4, ranges("7-10"))))
    assert park.serials(account_name("holding_project", PROJECT), series()) == ranges("1-6")
    assert park.refused(issue(1_000, reference="N-2", **codes(6, 6))).code == "serial_conflict"
    park.post(issue(4_000, reference="N-3", **codes(7, 10)))
    assert park.book.marked(park.book.lots[series()].lot_id, "issued") == ranges("1-10")


def test_a_promise_is_taken_back_like_anything_else(park: Reversing) -> None:
    """A subscription booked twice: the second is reversed, the first stands."""
    for _ in range(2):
        park.post(Subscribe(enterprise="GH-001", quantity=10), by=ONE)
    park.post(back(park.last))
    assert park.balance(account_name("commitment_ent", "GH-001"), "GECSUB") == 10


@pytest.mark.parametrize("by", [ONE, Principal(actor="k", role="regulator", subject="person:x")])
def test_only_an_operator_reverses(park: Reversing, by: Principal) -> None:
    """Nobody else, whatever the transaction."""
    command = Reverse(transaction=park.last, reason="error")
    assert park.refused(command, by=by).code in {"move_not_allowed", "not_your_account", "policy_missing"}


def test_what_has_an_event_of_its_own_is_not_reversed(park: Reversing) -> None:
    """A trade is withdrawn by its platform; and nothing is reversed that is not there, or went several ways."""
    park.post(trade(5))
    traded = park.last
    assert park.refused(back(traded)).figures["command"] == "trade"
    park.post(VoidTrade(trade_id="T-1"))
    assert park.refused(back(park.last)).code == "not_reversible"
    assert park.refused(back(10**6)).code == "transaction_unknown"


def test_every_serial_goes_back_to_one_place(park: Reversing) -> None:
    """After any reversal of a part, holdings are apart and make up what there was."""
    original = park.last
    for first, last in itertools.pairwise(range(1, 41, 13)):
        park.post(back(original, Part("s", last - first, (SerialRange(first, last),))))
        one, two = park.serials(HELD, LOT), park.serials(OTHER, LOT)
        together = sorted([*one, *two])
        assert all(a.end <= b.first for a, b in itertools.pairwise(together))
        assert sum(r.count for r in together) == 100
