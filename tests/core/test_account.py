"""The chart of accounts: names, kinds and what each may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.account import ENTERPRISE_KINDS, KINDS, account_name, kind_of
from ledger.core.quantity import COMMODITIES
from tests.strategies import account_parts, name_parts


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_kind_is_read_back_from_its_own_names_only(kind: str, data: st.DataObject) -> None:
    """A name built for a kind is that kind's, so no name can be read as two kinds."""
    parts = data.draw(account_parts(kind))
    assert kind_of(account_name(kind, *parts)) is KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_name_with_a_part_too_many_or_too_few_is_no_account(kind: str, data: st.DataObject) -> None:
    """One part more or less than the chart says makes a name that the chart does not know as this kind."""
    parts = data.draw(account_parts(kind))
    more = ":".join((account_name(kind, *parts), data.draw(name_parts())))
    assert kind_of(more) is not KINDS[kind]
    if parts:
        assert kind_of(account_name(kind, *parts).rpartition(":")[0]) is not KINDS[kind]


@pytest.mark.parametrize(
    "name",
    [
        "", ":", "Holding", "Holding:", "Holding:Ent", "Holding:Ent:", "Holding:Ent:a:b", "Holding:Ent:企业",
        "Holding:Ent:a b", "Holding:Ent:a\n", "holding:ent:a", "Holding:Ent:" + "x" * 65, "Commitment:Contra:",
        "Commitment:Contra:x", "Retired:GH-001:CLAIM", "Nowhere:x", " External:x", "CEA:Allocated:x",
    ],
)  # fmt: skip
def test_name_outside_the_chart_has_no_kind(name: str) -> None:
    """Anything the chart does not write is no account at all."""
    assert kind_of(name) is None


@given(st.text(alphabet="HoldingEtCmrca:.-_1", max_size=24))
def test_any_text_has_at_most_the_kind_that_writes_it(text: str) -> None:
    """Where a name has a kind, that kind's prefix and parts give the name back."""
    kind = kind_of(text)
    if kind is not None:
        parts = text[len(kind.prefix) + 1 :].split(":") if kind.parts else []
        assert account_name(kind.code, *parts) == text


def test_chart_has_the_accounts_of_the_domain_reference() -> None:
    """Domain reference 3.2, row by row: prefix and normal side."""
    assert {k.prefix: k.normal_side for k in KINDS.values()} == {
        "Issuance": "credit", "Holding:Project": "debit", "Listed": "debit", "Clearing": "debit",
        "Holding:Ent": "debit", "Holding:Province": "debit", "Frozen": "debit", "Retired": "debit",
        "Expired": "debit", "Cancelled:CCER": "debit", "External": "either", "Opening": "credit",
        "Suspense:Import": "either", "Identification": "either", "Offered": "debit", "Carry": "either",
        "CO2E": "debit", "Commitment:Ent": "debit", "Commitment:Contra": "credit",
        "Commitment:Unallocated": "debit", "Cash": "either", "Payable": "credit", "Inventory:GEC": "debit",
        "Expense:GEC": "debit", "CEA:Ent": "debit", "CEA:Allocated": "credit", "CEA:Surrendered": "debit",
        "CCER:Ent": "debit", "CCER:Market": "either", "CCER:Surrendered": "debit",
            # Energy is double entry too: what was metered stands against what is carried.
            "Metered": "either", "Carry:Contract": "either", "Metered:Contract": "either",
            # A correction waits in suspense with its cost and its part of a MWh.
            "Suspense:Cost": "either", "Suspense:Energy": "either",
            # Embodied carbon stands against what was emitted, or bought, and beside the mass it is embodied in.
            "CO2E:Emitted": "credit", "CO2E:Outside": "either", "Stock": "debit", "Stock:Made": "either",
            "Stock:Outside": "either",
    }  # fmt: skip


def test_no_debit_account_may_go_below_zero() -> None:
    """Only credit-side and either-side accounts may (invariant 3.5.3); terminal ones never."""
    assert all(kind.may_go_below_zero == (kind.normal_side != "debit") for kind in KINDS.values())
    assert not any(kind.terminal and kind.may_go_below_zero for kind in KINDS.values())


def test_promises_and_certificates_never_share_an_account() -> None:
    """Each account counts one commodity that the book knows, so a promise is never summed as a certificate."""
    assert all(len(kind.commodities) == 1 and kind.commodities[0] in COMMODITIES for kind in KINDS.values())


def test_enterprise_accounts_have_one_part() -> None:
    """Accounts opened at registration are named by the enterprise alone."""
    assert all(KINDS[code].parts == 1 for code in ENTERPRISE_KINDS)
