"""Business events of carbon: allowances and reductions, and what is embodied in products. Each may be refused."""

import msgspec

from ledger.core.evidence import Fact


class AllocateAllowances(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="allocate_allowances"):
    """The state allocates emission allowances (CEA) to an enterprise for a year."""

    enterprise: str
    quantity: int
    """tCO2e."""
    year: str


class BuyCcer(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="buy_ccer"):
    """An enterprise buys certified reductions (CCER) on the market."""

    enterprise: str
    quantity: int
    """tCO2e."""


class Surrender(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="surrender"):
    """An enterprise surrenders allowances, and some reductions, for its verified direct emissions of a year (清缴)."""

    enterprise: str
    year: str
    cea: int
    ccer: int = 0


class ProductPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """So much of a product lot, in grams."""

    lot: str
    quantity: int


class MakeProduct(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="make_product"):
    """Product lots made of others, and of emissions: what was embodied in the one is embodied in the other."""

    enterprise: str
    outputs: tuple[ProductPart, ...]
    inputs: tuple[ProductPart, ...] = ()
    emissions: int = 0
    """Grams of CO2e that making them emitted."""


class SellProduct(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="sell_product"):
    """Some of a product lot goes to another enterprise, or out of the park, with its embodied carbon."""

    enterprise: str
    lot: str
    quantity: int
    receiver: str | None = None
    """None: somebody outside the park."""
    receiver_lot: str | None = None
    """What the receiver calls it; by default the same."""


class ReceiveProduct(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="receive_product"):
    """A product lot bought outside the park, with the footprint its seller declares."""

    enterprise: str
    lot: str
    quantity: int
    emissions: int
