"""What an import tells: one document of figures, problems and warnings."""

import msgspec

from ledger.imports.documents import RowProblem

PROBLEMS_SHOWN = 1000


class Problem(msgspec.Struct, frozen=True):
    """Why a file, or one row of it, did not post."""

    file: str
    sheet: str | None
    line: int | None
    column: str | None
    rule: str
    given: str
    expected: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What a file says and what was done with it: one document, the same again but for `replayed` and `posted`."""

    file: str
    document: str
    """SHA-256 of the file."""
    layout: str = "unknown"
    encoding: str | None = None
    dry_run: bool = False
    replayed: bool = False
    posted: int = 0
    """Records posted by this import."""
    rows: int = 0
    trades: int = 0
    duplicates: int = 0
    withdrawn: int = 0
    refused: int = 0
    """Rows that cannot post; when there is one, nothing was posted."""
    rejected: int = 0
    """Lines that somebody decided not to post."""
    new_trades: int = 0
    new_quantity: int = 0
    progressed: int = 0
    """Trades already in the book that this file showed to be transferred."""
    progressed_quantity: int = 0
    identified: int = 0
    """Trades already in the book whose counted units this file numbered."""
    identified_quantity: int = 0
    voided: int = 0
    """Trades already in the book that the platform has withdrawn since."""
    voided_quantity: int = 0
    corrected: int = 0
    """Settlements already in the book, or in this file, from which this file takes certificates back."""
    original_missing: int = 0
    """Corrections whose settlement is not in the book: their certificates wait in suspense."""
    linked: int = 0
    """Corrections that waited for a settlement this file brought."""
    traded: int = 0
    transferred: int = 0
    in_transit: int = 0
    certificates_net: int = 0
    """Certificates of a settlement, what its corrections take back taken off."""
    tail_kwh: int = 0
    """The parts of a MWh that a settlement's contracts carry on, as it prints them."""
    amount_fen: int = 0
    subscribed: int = 0
    enterprises: int = 0
    unallocated: dict[str, int] = msgspec.field(default_factory=dict)
    by_enterprise: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    control_total_ok: str = "none"
    """exact, within_rounding, no; none where the file prints no total."""
    signed_off: str | None = None
    """Why totals that differ were accepted, where somebody did."""
    problems: list[Problem] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)


EFFECTS = (
    "new_trades",
    "new_quantity",
    "progressed",
    "progressed_quantity",
    "identified",
    "identified_quantity",
    "voided",
    "voided_quantity",
    "corrected",
    "original_missing",
    "linked",
)
"""Figures that depend on what was in the book before; a file imported again tells those of its first import."""


OF_THE_BOOK = frozenset({"trade_conflict", "settlement_conflict", "subscription_decreased"})
"""Rules that a file may break beside the book as it is by now, and did not when it was imported."""


def problem_of(problem: RowProblem) -> Problem:
    """A reader's problem as imports tell it."""
    return Problem(**msgspec.structs.asdict(problem))
