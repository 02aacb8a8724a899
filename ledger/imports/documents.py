"""What a statement file says, as frozen values: rows as printed, exact, and the problems found in it.

Nothing here is posted and no name is resolved to an enterprise; that is the importer's work. Counts are
whole certificates, money is in fen, dates are civil dates.
"""

import datetime
from typing import Literal

import msgspec

TRADED = "TRADED"
TRANSFERRED = "TRANSFERRED"
WITHDRAWN = "WITHDRAWN"
REVERSAL = "REVERSAL"
"""A row with figures below zero: so much of the trade is taken back (冲销). Its trade stands in no row of the file."""
REVERSAL_WHOLE = "REVERSAL_WHOLE"
"""It takes back all that is left of a trade in the same file."""
REVERSAL_PART = "REVERSAL_PART"
"""It takes back some of a trade in the same file."""
REVERSALS = frozenset({REVERSAL, REVERSAL_WHOLE, REVERSAL_PART})

Match = Literal["exact", "within_rounding", "no"]


class RowProblem(msgspec.Struct, frozen=True):
    """One bad row or cell: where it stands, which rule it breaks, what was given and expected."""

    file: str
    sheet: str | None
    line: int
    column: str | None
    rule: str
    given: str
    expected: str


class TradeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One trade of a platform's statement; `price` is exact decimal text in yuan for one certificate."""

    line: int
    sheet: str | None
    order: str
    mode: str | None
    buyer_name: str
    buyer_usci: str | None
    seller_name: str | None
    project_name: str | None
    project_code: str
    energy_source: str
    province: str | None
    production_month: str
    tradable: bool
    quantity: int
    price: str | None
    price_fen: int | None
    amount_fen: int
    traded_on: datetime.date
    transferred_on: datetime.date | None
    state: str
    code_first: str | None
    code_last: str | None
    remark: str | None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same trade in another file of the same platform; never the row number."""
        return (self.order, self.project_code, self.production_month)


class SettlementRow(msgspec.Struct, frozen=True):
    """One line of an exchange's green-power settlement; energies are in kWh, money in fen.

    A correction (退补) of an earlier month names that month in its remark; one downwards has figures below zero.
    """

    line: int
    sheet: str | None
    buyer_name: str
    seller_name: str | None
    project: str
    """Its filing code where there is one, else its name."""
    energy_source: str
    province: str | None
    contract: str
    production_month: str
    is_correction: bool
    contracted_kwh: int | None
    generated_kwh: int | None
    consumed_kwh: int | None
    settled_kwh: int
    amount_fen: int | None
    """The environmental value; None where the price is all in one."""
    due: int
    transferred: int | None
    tail_kwh: int | None
    transferred_on: datetime.date | None
    remark: str | None


class SettlementTotals(msgspec.Struct, frozen=True):
    """A settlement's own total line, as far as it prints one."""

    settled_kwh: int | None
    amount_fen: int | None
    due: int | None
    transferred: int | None
    tail_kwh: int | None


class SettlementStatement(msgspec.Struct, frozen=True):
    """An exchange's settlement of green power for a month, with the certificates that were transferred for it."""

    file: str
    platform: str
    encoding: str
    month: str
    rows: tuple[SettlementRow, ...]
    totals: SettlementTotals | None
    problems: tuple[RowProblem, ...]
    warnings: tuple[RowProblem, ...]


class SummaryRow(msgspec.Struct, frozen=True):
    """One line of the park's summary; `traded` is rounded to within `traded_half_unit` either way."""

    line: int
    sheet: str | None
    name: str
    kind: Literal["ENTERPRISE", "LUMP", "INTENTION"]
    lump_count: int
    subscribed: int | None
    subscribed_on: datetime.date | None
    basis: str | None
    traded: int | None
    traded_half_unit: int
    retired: int | None


class SummaryTotals(msgspec.Struct, frozen=True):
    """The summary's own total line: what it prints, and the same in certificates."""

    line: int
    enterprises_printed: int | None
    subscribed_printed: str | None
    subscribed: int | None
    subscribed_half_unit: int
    traded_printed: str | None
    traded: int | None
    traded_half_unit: int


class SummaryStatement(msgspec.Struct, frozen=True):
    """The park's summary: subscriptions to post as GECSUB, and a trade column that only reconciles."""

    file: str
    encoding: str
    as_of: str
    rows: tuple[SummaryRow, ...]
    totals: SummaryTotals | None
    problems: tuple[RowProblem, ...]
    warnings: tuple[RowProblem, ...]

    @property
    def enterprises(self) -> int:
        """How many enterprises the rows stand for, the lump row with the number it names."""
        return sum(row.lump_count if row.kind == "LUMP" else 1 for row in self.rows)

    @property
    def subscribed(self) -> int:
        """Certificates subscribed in all rows."""
        return sum(row.subscribed or 0 for row in self.rows)

    @property
    def traded(self) -> int:
        """Certificates traded, as the rows round them."""
        return sum(row.traded or 0 for row in self.rows)


class EnterpriseRow(msgspec.Struct, frozen=True):
    """A key energy user of the park, as registered; the line is where the file names it."""

    line: int
    id: str
    name: str
    aliases: tuple[str, ...]
    sector: str | None
    usci: str | None
    grid_user: str | None


class EnterpriseFile(msgspec.Struct, frozen=True):
    """The park's register of enterprises; `problems` names rows that were left out."""

    file: str
    encoding: str
    rows: tuple[EnterpriseRow, ...]
    problems: tuple[RowProblem, ...]
