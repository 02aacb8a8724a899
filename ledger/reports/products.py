"""Product lots with what is embodied in them: carbon per tonne falls out of two balances."""

from fractions import Fraction
from typing import LiteralString

import msgspec

from ledger.core.quantity import rounded
from ledger.reports.reading import Moment, Reading
from ledger.store.session import Query, Scope


class ProductLine(msgspec.Struct, frozen=True, kw_only=True):
    """A product lot of an enterprise, in grams."""

    enterprise: str
    lot: str
    quantity_g: str
    embodied_g: str
    """CO2e."""
    kg_per_tonne: str | None
    """kg CO2e for each tonne of product, to three places; None where nothing is left of the lot."""


async def products(reading: Reading, scope: Scope, moment: Moment) -> list[ProductLine]:
    """The product lots that the scope shows, on both time axes; by enterprise and lot."""
    parameters = (moment.effective_as_of, moment.known_as_of, moment.known_as_of)
    (rows,) = await reading.reader.fetch(scope, Query(_PRODUCTS, parameters))
    held: dict[tuple[str, str], dict[str, int]] = {}
    for kind, name, quantity in rows:
        _, enterprise, lot = name.split(":")
        held.setdefault((enterprise, lot), {})[kind] = quantity
    return [
        ProductLine(
            enterprise=enterprise, lot=lot, quantity_g=str(of.get("stock", 0)), embodied_g=str(of.get("co2e", 0)),
            kg_per_tonne=_per_tonne(of.get("co2e", 0), of.get("stock", 0)),
        )
        for (enterprise, lot), of in sorted(held.items())
    ]  # fmt: skip


def _per_tonne(carbon: int, mass: int) -> str | None:
    """Grams for each gram are tonnes for each tonne: a thousand kg."""
    if not mass:
        return None
    return rounded(Fraction(1000 * carbon, mass), places=3)


_PRODUCTS: LiteralString = """
    select a.kind, a.name, balance_as_of(a.account_id, %s, %s) from visible_account a
    where a.kind in ('stock', 'co2e') and a.opened_index < %s
"""
