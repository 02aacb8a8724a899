"""Prices far off those of their vintage: a slipped point, a price in another unit, or a true bargain. Pure."""

from decimal import Decimal

FACTOR = 5
"""As many times the median of the vintage, or as small a part of it; a slipped point is ten times."""
PRICES_MIN = 10
"""Fewer of a vintage say nothing of what is usual."""


def is_far_off(price: Decimal, median: Decimal) -> bool:
    """Whether a price is no less than `FACTOR` times off the median of its vintage, both of the same unit."""
    return not median / FACTOR < price < median * FACTOR
