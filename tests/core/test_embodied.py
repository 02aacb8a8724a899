"""Embodied carbon along chains: conserved to the gram over whatever is made and sold."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.carbon_events import ProductPart
from ledger.core.command import Command
from ledger.core.events import MakeProduct, ReceiveProduct, SellProduct
from ledger.core.plans.embodied import split
from tests.core.park import ONE, OPERATOR, TWO, Park

T = 10**6
ENTERPRISES = ("GH-001", "GH-002", "GH-003")


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any))
def test_shares_sum_to_the_total_and_are_off_by_less_than_one(total: int, weights: list[int]) -> None:
    """And who has nothing gets nothing, unless a gram is left that nobody else could take."""
    shares, whole = split(total, weights), sum(weights)
    assert sum(shares) == total
    assert all(abs(share * whole - total * weight) < whole for share, weight in zip(shares, weights, strict=True))
    assert all(weight or not share for share, weight in zip(shares, weights, strict=True))


def parts(*pairs: tuple[str, int]) -> tuple[ProductPart, ...]:
    """Product lots with their grams."""
    return tuple(ProductPart(*pair) for pair in pairs)


def make(enterprise: str, outputs: tuple[ProductPart, ...], **more: Any) -> MakeProduct:
    """Something is made."""
    return MakeProduct(enterprise=enterprise, outputs=outputs, **more)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.sampled_from(ENTERPRISES), st.integers(1, 10**9), st.integers(0, 10**9)),
        st.tuples(st.just("make"), st.sampled_from(ENTERPRISES), st.integers(1, 10**9), st.integers(0, 10**9)),
        st.tuples(st.just("process"), st.integers(0, 50), st.integers(1, 10**9), st.integers(0, 10**6)),
        st.tuples(st.just("sell"), st.integers(0, 50), st.integers(1, 10**9), st.sampled_from([*ENTERPRISES, None])),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@given(steps)
def test_nothing_is_lost_or_made_along_any_chain(chain: list[Any]) -> None:
    """Held against books of our own: what was emitted and received is what lots embody, and what left the park.

    Of each lot that is used up nothing is left embodied; the mass is as exact.
    """
    park = Park()
    mass: dict[tuple[str, str], int] = defaultdict(int)
    came = left = 0
    for at, (kind, one, quantity, more) in enumerate(chain):
        held = sorted(lot for lot, grams in mass.items() if grams)
        lot = f"L{at}"
        if kind == "receive":
            park.post(ReceiveProduct(enterprise=one, lot=lot, quantity=quantity, emissions=more))
            mass[one, lot] += quantity
            came += more
        elif kind == "make":
            halves = parts((lot, quantity), (f"{lot}b", 2 * quantity))
            park.post(make(one, halves, emissions=more))
            mass[one, lot], mass[one, f"{lot}b"] = quantity, 2 * quantity
            came += more
        elif held and kind == "process":
            owner, source = held[one % len(held)]
            used = 1 + quantity % mass[owner, source]
            park.post(make(owner, parts((lot, quantity)), inputs=parts((source, used)), emissions=more))
            mass[owner, source] -= used
            mass[owner, lot] += quantity
            came += more
        elif held and kind == "sell":
            owner, source = held[one % len(held)]
            if more == owner:
                continue
            sold = 1 + quantity % mass[owner, source]
            before = outside(park)
            park.post(SellProduct(enterprise=owner, lot=source, quantity=sold, receiver=more, receiver_lot=lot))
            mass[owner, source] -= sold
            if more is not None:
                mass[more, lot] += sold
            left += outside(park) - before if more is None else 0
    embodied = {lot: embodied_in(park, *lot) for lot in mass}
    assert sum(embodied.values()) == came - left
    assert all(grams >= 0 and (mass[lot] or not grams) for lot, grams in embodied.items())
    assert all(park.balance(f"Stock:{owner}:{lot}", "PRODUCT") == grams for (owner, lot), grams in mass.items())


def embodied_in(park: Park, owner: str, lot: str) -> int:
    """The grams of CO2e in a lot."""
    name = f"CO2E:{owner}:{lot}"
    return park.balance(name, "CO2E") if (name, "CO2E") in park.book.accounts else 0


def outside(park: Park) -> int:
    """What left the park, less what it got from outside."""
    names = [f"CO2E:Outside:{one}" for one in ENTERPRISES]
    return sum(park.balance(name, "CO2E") for name in names if (name, "CO2E") in park.book.accounts)


def test_alumina_to_aluminium_to_alloy() -> None:
    """The park's first chain: carbon per tonne falls out of the balance, and the buyer gets what was passed on."""
    park = Park()
    park.post(ReceiveProduct(enterprise="GH-001", lot="alumina", quantity=1_930 * T, emissions=1_500 * T), by=ONE)
    smelt = make("GH-001", parts(("al", 1_000 * T)), inputs=parts(("alumina", 1_930 * T)), emissions=12_000 * T)
    park.post(smelt, by=ONE)
    assert embodied_in(park, "GH-001", "al") == 13_500 * T  # 13.5 t/t
    park.post(
        SellProduct(enterprise="GH-001", lot="al", quantity=400 * T, receiver="GH-002", receiver_lot="ingot"), by=ONE
    )
    assert embodied_in(park, "GH-002", "ingot") == 5_400 * T and embodied_in(park, "GH-001", "al") == 8_100 * T
    alloy = make("GH-002", parts(("alloy", 390 * T), ("dross", 10 * T)), inputs=parts(("ingot", 400 * T)), emissions=7)
    park.post(alloy, by=TWO)
    shares = [embodied_in(park, "GH-002", lot) for lot in ("alloy", "dross")]
    assert sum(shares) == 5_400 * T + 7 and shares[0] == round((5_400 * T + 7) * 390 / 400)


@pytest.mark.parametrize(
    ("command", "by", "code"),
    [
        (SellProduct(enterprise="GH-001", lot="al", quantity=101, receiver="GH-002"), ONE, "product_insufficient"),
        (make("GH-001", parts(("x", 1)), inputs=parts(("al", 101))), ONE, "product_insufficient"),
        (make("GH-001", parts(("x", 1), ("x", 2))), ONE, "product_unfit"),
        (make("GH-001", ()), ONE, "product_unfit"),
        (SellProduct(enterprise="GH-001", lot="al", quantity=1, receiver="GH-001"), ONE, "product_unfit"),
        (SellProduct(enterprise="GH-001", lot="al", quantity=1, receiver="GH-404"), ONE, "unknown_party"),
        (SellProduct(enterprise="GH-001", lot="al", quantity=1, receiver="GH-002"), TWO, "not_your_account"),
        (make("GH-404", parts(("x", 1))), OPERATOR, "unknown_party"),
    ],
)
def test_what_cannot_be_is_refused(command: Command, by: Any, code: str) -> None:
    """No more than there is, nothing of nothing, and nobody sells for another."""
    park = Park()
    park.post(make("GH-001", parts(("al", 100)), emissions=50), by=ONE)
    assert park.refused(command, by=by).code == code
