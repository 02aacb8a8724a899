"""What crosses the wire outward of carbon. Quantities are decimal strings of the smallest unit that is named."""

from api.schemas import Out
from ledger.core.inventory import Document
from ledger.reports.products import ProductLine


class MeterOut(Out, kw_only=True):
    """A meter."""

    meter: str
    record: str
    enterprise: str
    site: str
    stage: str
    material: str
    unit: str
    """The smallest unit of its readings: Wh, kJ, g or L."""
    route: str | None
    under: str | None
    rating: str | None


class MetersOut(Out, kw_only=True):
    """A page of meters."""

    items: list[MeterOut]
    next_cursor: str | None


class ReadingOut(Out, kw_only=True):
    """A reading, and what took its place."""

    record: str
    meter: str
    first_on: str
    last_on: str
    quantity: str
    unit: str
    level: str
    corrected_by: str | None


class ReadingsOut(Out, kw_only=True):
    """A page of readings as they stood at a size."""

    items: list[ReadingOut]
    tree_size: str
    next_cursor: str | None


class FactorOut(Out, kw_only=True):
    """An emission factor, or a coefficient of standard coal."""

    record: str
    factor_set: str
    of: str
    material: str
    method: str
    region: str
    value: str
    per: str
    data_year: str
    published_on: str
    source: str


class FactorsOut(Out, kw_only=True):
    """The factors published by a day."""

    items: list[FactorOut]


class SubmissionOut(Out, kw_only=True):
    """A submitted inventory and what came of it."""

    record: str
    enterprise: str
    year: str
    state: str
    """submitted, verified, returned or restated."""
    submitted_by: str
    tree_size: str
    factors_on: str
    digest: str
    restates: str | None
    findings: str | None
    judged: str | None
    """The record of the second person's word."""


class SubmissionsOut(Out, kw_only=True):
    """A page of submitted inventories."""

    items: list[SubmissionOut]
    next_cursor: str | None


class InventoryOut(Out, kw_only=True):
    """A submitted inventory with its document, made again from the records, and whether it still tells the truth."""

    submission: SubmissionOut
    reproduces: bool
    """Whether the document's SHA-256 is the digest that was submitted."""
    restatement_due: bool
    """Whether the same year, by the same factors, is another today: a verified one is restated, one that waits to be
    verified is submitted again.
    """
    causes: dict[str, dict[str, str]]
    """By how much each figure changed since, by cause: method, factor, activity, retirement; a retirement of which
    less is left is named, in MWh.
    """
    restated: dict[str, dict[str, str]] | None
    """Of a restatement: how it differs from the inventory it takes the place of, by the same causes."""
    refused: str | None
    """Why the year cannot be told as it is today, such as a factor of what is metered since."""
    document: Document


class ReproducedOut(Out, kw_only=True):
    """A published figure beside what known factors make of the same electricity."""

    published: str
    unit: str
    """tce or tCO2."""
    implied_per_mwh: str
    """Tonnes for each MWh, to four places."""
    verdict: str
    """reproducible, or not_reproducible_with_known_factors."""
    by: dict[str, str]
    """Set, kind and region of each factor -> what it gives."""


class SavingOut(Out, kw_only=True):
    """What a province may count as saved by certificates, in tce."""

    bought_tce: str
    cap_tce: str
    counted_tce: str
    coefficient: str
    """tce for each MWh."""


class ProductsOut(Out, kw_only=True):
    """Product lots at a size."""

    tree_size: str
    items: list[ProductLine]
