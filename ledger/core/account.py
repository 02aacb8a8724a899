"""The chart of accounts (domain reference, section 3.2) and what each kind of account may do."""

import functools
import re

import msgspec


class AccountKind(msgspec.Struct, frozen=True):
    """One row of the chart. An account's name is the kind's prefix and its own parts, joined by colons."""

    code: str
    prefix: str
    parts: int
    """How many parts follow the prefix: `Retired:<id>:<purpose>:<year>` has three."""
    commodities: tuple[str, ...]
    normal_side: str
    may_go_below_zero: bool = False
    terminal: bool = False
    """Never decreases, save by a linked reversal."""
    outside: bool = False
    """Numbered certificates come into the book from here, by name, and are not kept track of here."""


_EITHER = {"normal_side": "either", "may_go_below_zero": True}
_CREDIT = {"normal_side": "credit", "may_go_below_zero": True}
_DEBIT = {"normal_side": "debit"}

KINDS: dict[str, AccountKind] = {
    kind.code: kind
    for kind in (
        AccountKind("issuance", "Issuance", 1, ("GEC",), **_CREDIT, outside=True),
        AccountKind("holding_project", "Holding:Project", 1, ("GEC",), **_DEBIT),
        AccountKind("listed", "Listed", 2, ("GEC",), **_DEBIT),
        AccountKind("clearing", "Clearing", 1, ("GEC",), **_DEBIT),
        AccountKind("holding_ent", "Holding:Ent", 1, ("GEC",), **_DEBIT),
        AccountKind("holding_province", "Holding:Province", 1, ("GEC",), **_DEBIT),
        AccountKind("frozen", "Frozen", 1, ("GEC",), **_DEBIT),
        AccountKind("retired", "Retired", 3, ("GEC",), **_DEBIT, terminal=True),
        AccountKind("expired", "Expired", 1, ("GEC",), **_DEBIT, terminal=True),
        AccountKind("cancelled", "Cancelled:CCER", 1, ("GEC",), **_DEBIT, terminal=True),
        AccountKind("external", "External", 1, ("GEC",), **_EITHER, outside=True),
        AccountKind("opening", "Opening", 1, ("GEC",), **_CREDIT, outside=True),
        AccountKind("suspense", "Suspense:Import", 1, ("GEC",), **_EITHER),
        AccountKind("suspense_cost", "Suspense:Cost", 1, ("CNY",), **_EITHER),
        AccountKind("suspense_energy", "Suspense:Energy", 1, ("KWH",), **_EITHER),
        AccountKind("identification", "Identification", 1, ("GEC",), **_EITHER, outside=True),
        AccountKind("offered", "Offered", 1, ("GEC",), **_DEBIT),
        AccountKind("commitment_ent", "Commitment:Ent", 1, ("GECSUB",), **_DEBIT),
        AccountKind("commitment_contra", "Commitment:Contra", 0, ("GECSUB",), **_CREDIT),
        AccountKind("commitment_unallocated", "Commitment:Unallocated", 0, ("GECSUB",), **_DEBIT),
        AccountKind("cash", "Cash", 1, ("CNY",), **_EITHER),
        AccountKind("payable", "Payable", 1, ("CNY",), **_CREDIT),
        AccountKind("inventory_gec", "Inventory:GEC", 1, ("CNY",), **_DEBIT),
        AccountKind("expense_gec", "Expense:GEC", 1, ("CNY",), **_DEBIT),
        AccountKind("carry", "Carry", 1, ("KWH",), **_EITHER),
        AccountKind("metered", "Metered", 1, ("KWH",), **_EITHER),
        AccountKind("carry_contract", "Carry:Contract", 2, ("KWH",), **_EITHER),
        AccountKind("metered_contract", "Metered:Contract", 2, ("KWH",), **_EITHER),
        AccountKind("co2e", "CO2E", 2, ("CO2E",), **_DEBIT),
        AccountKind("co2e_emitted", "CO2E:Emitted", 1, ("CO2E",), **_CREDIT),
        AccountKind("co2e_outside", "CO2E:Outside", 1, ("CO2E",), **_EITHER),
        AccountKind("stock", "Stock", 2, ("PRODUCT",), **_DEBIT),
        AccountKind("stock_made", "Stock:Made", 1, ("PRODUCT",), **_EITHER),
        AccountKind("stock_outside", "Stock:Outside", 1, ("PRODUCT",), **_EITHER),
        AccountKind("cea_ent", "CEA:Ent", 1, ("CEA",), **_DEBIT),
        AccountKind("cea_allocated", "CEA:Allocated", 0, ("CEA",), **_CREDIT),
        AccountKind("cea_surrendered", "CEA:Surrendered", 2, ("CEA",), **_DEBIT, terminal=True),
        AccountKind("ccer_ent", "CCER:Ent", 1, ("CCER",), **_DEBIT),
        AccountKind("ccer_market", "CCER:Market", 0, ("CCER",), **_EITHER),
        AccountKind("ccer_surrendered", "CCER:Surrendered", 2, ("CCER",), **_DEBIT, terminal=True),
    )
}

ENTERPRISE_KINDS = ("holding_ent", "commitment_ent", "inventory_gec", "payable")
"""The accounts every key energy user has from its registration on; others open when first needed."""

_PART = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OF_PREFIX = {kind.prefix: kind for kind in KINDS.values()}


class Account(msgspec.Struct, frozen=True):
    """One account in one commodity; `account_id` is its number inside this ledger's projections."""

    account_id: int
    name: str
    kind: AccountKind
    commodity: str
    owner: str | None
    """The enterprise whose account this is; None for the park's, the platforms' and outside parties'."""


@functools.lru_cache(maxsize=65_536)  # every event names the same few accounts over and over
def account_name(kind: str, *parts: str) -> str:
    """The name of the account of `kind` with these parts."""
    assert len(parts) == KINDS[kind].parts
    return ":".join((KINDS[kind].prefix, *parts))


def kind_of(name: str) -> AccountKind | None:
    """The kind an account of this name has, or None where the chart knows no such name."""
    words = name.split(":")
    for at in range(len(words), 0, -1):
        kind = _OF_PREFIX.get(":".join(words[:at]))
        if kind is not None and len(words) == at + kind.parts and all(map(_PART.fullmatch, words[at:])):
            return kind
    return None
