"""The prices of a statement beside those of their vintage in the same file."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from ledger.core.price import PRICES_MIN, is_far_off
from ledger.imports.documents import TradeRow

SUSPECT_FEN = 5_000
"""Above 50 yuan: no month's average has ever come near."""


class Outlier(NamedTuple):
    """A price far off its vintage, where it first stands, and how often."""

    row: TradeRow
    rows: int
    median: Decimal


class Prices:
    """The prices of a statement by the year its certificates were produced in."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, tuple[TradeRow, int]]] = defaultdict(dict)

    def add(self, row: TradeRow) -> None:
        """Take in a row that sold something; a price that no certificate ever had is told of each row as it is read."""
        if row.price is not None and 0 < (row.price_fen or 0) <= SUSPECT_FEN:
            found = self._seen[row.production_month[:4]]
            first, count = found.get(row.price, (row, 0))
            found[row.price] = first, count + 1

    def outliers(self) -> Iterator[Outlier]:
        """Each price that is far off the median of its vintage."""
        for found in self._seen.values():
            prices = sorted((Decimal(price), count) for price, (_, count) in found.items())
            rows = sum(count for _, count in prices)
            if rows < PRICES_MIN:
                continue
            median = statistics.median_low([price for price, count in prices for _ in range(count)])
            for price, (row, count) in found.items():
                if is_far_off(Decimal(price), median):
                    yield Outlier(row, count, median)
