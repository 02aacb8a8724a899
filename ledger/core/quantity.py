"""Commodities and whole quantities of their smallest unit.

A quantity is an `int`: certificates, fen, kWh, grams or tonnes, never a float. On the wire and in
records it is a decimal string, because JSON numbers lose whole numbers beyond 2**53.
"""

import re
from decimal import Decimal
from fractions import Fraction

import msgspec

QUANTITY_MAX = 2**63 - 1
"""The largest magnitude a posting, or any balance it leads to, may have (a PostgreSQL bigint)."""

_QUANTITY = re.compile(r"-?[1-9][0-9]{0,18}")


class Commodity(msgspec.Struct, frozen=True):
    """Something the book counts; `unit` is its smallest whole unit."""

    code: str
    number: int
    unit: str
    lot_bearing: bool = False
    """Postings sum to zero for each lot too, and every posting names its lot."""


COMMODITIES: dict[str, Commodity] = {
    commodity.code: commodity
    for commodity in (
        Commodity("GEC", 1, "certificate", lot_bearing=True),
        Commodity("GECSUB", 2, "certificate subscribed"),
        Commodity("CNY", 3, "fen"),
        Commodity("KWH", 4, "kWh"),
        Commodity("CEA", 5, "tCO2e"),
        Commodity("CCER", 6, "tCO2e"),
        Commodity("CO2E", 7, "g"),
        Commodity("PRODUCT", 8, "g"),
    )
}

COMMODITY_BY_NUMBER: dict[int, Commodity] = {c.number: c for c in COMMODITIES.values()}


def parse_quantity(text: str) -> int | None:
    """The signed whole quantity `text` writes, or None: zero, leading zeros, signs and size are refused."""
    if not _QUANTITY.fullmatch(text):
        return None
    quantity = int(text)
    return quantity if -QUANTITY_MAX <= quantity <= QUANTITY_MAX else None


def plain(value: Decimal) -> str:
    """A decimal as records and answers write it: without exponent, and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Fraction, *, places: int) -> str:
    """Zero or more, rounded half up and written plainly, for people: nothing is decided by it."""
    scaled = (value * 10**places + Fraction(1, 2)).__floor__()
    return f"{scaled // 10**places}.{scaled % 10**places:0{places}}"
