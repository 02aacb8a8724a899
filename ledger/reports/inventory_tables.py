"""Inventories as tables: each line with what it is pinned to, so that a page taken out of a workbook still says it."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from ledger.core.inventory import Document
from ledger.reports.export import Cell
from ledger.reports.footprint import ParkInventory

Table = tuple[Sequence[str], list[Sequence[Cell]]]
_PIN = ("tree_size", "root", "factors_on")
LINES = (
    "enterprise", "year", "scope", "method", "site", "material", "route", "quantity", "unit", "covered_mwh", "factor",
    "factor_set", "factor_record", "instead_of", "tco2e", "tco2e_rounded", "readings_of", "retirements", *_PIN,
)  # fmt: skip
HUNDREDTH = Decimal("0.01")


def lines(documents: Sequence[Document]) -> Table:
    """Every line of the inventories; tonnes exact, and rounded half up to two places."""
    return LINES, [row for document in documents for row in _lines(document)]


def _lines(document: Document) -> Iterator[Sequence[Cell]]:
    for line in document.lines:
        rounded = Decimal(line.tco2e).quantize(HUNDREDTH, ROUND_HALF_UP)
        yield (
            document.enterprise, document.year, line.scope, line.method, line.site, line.material, line.route,
            line.quantity, line.factor.per, line.covered, line.factor.value, line.factor.factor_set, line.factor.record,
            line.factor.instead_of, line.tco2e, str(rounded), " ".join(line.meters), " ".join(line.retirements),
            document.tree_size, document.root, document.factors_on,
        )  # fmt: skip


def park_workbook(park: ParkInventory) -> dict[str, Table]:
    """The sheets of the park's workbook: those of its enterprises, its totals, and who is in none of them and why."""
    pin = (park.tree_size, park.root, park.factors_on)
    missing: list[Sequence[Cell]] = [(one.enterprise, one.code, " ".join(one.figures.values())) for one in park.refused]
    missing += [(party, "without_meters", None) for party in park.without_meters]
    missing += [(party, "without_readings", None) for party in park.without_readings]
    sheets = workbook(park.enterprises)
    columns, rows = sheets["figures"]
    totals = [("park", park.year, name, value, *pin) for name, value in park.figures.items()]
    return sheets | {
        "figures": (columns, [*rows, *totals]),
        "in no total": (("enterprise", "why", "figures"), missing),
    }


def workbook(documents: Sequence[Document]) -> dict[str, Table]:
    """The sheets of a workbook: figures by enterprise, lines, standard coal, gaps."""
    figures: list[Sequence[Cell]] = [
        (one.enterprise, one.year, name, value, one.tree_size, one.root, one.factors_on)
        for one in documents
        for name, value in one.figures.items()
    ]
    coal: list[Sequence[Cell]] = [
        (one.enterprise, coal.basis, coal.material, coal.quantity, coal.factor.per, coal.factor.value, coal.tce)
        for one in documents
        for coal in one.coal
    ]
    gaps: list[Sequence[Cell]] = [
        (one.enterprise, gap.meter, gap.first_on, gap.last_on) for one in documents for gap in one.gaps
    ]
    return {
        "figures": (("enterprise", "year", "figure", "value", *_PIN), figures),
        "lines": lines(documents),
        "standard coal": (("enterprise", "basis", "material", "quantity", "unit", "coefficient", "tce"), coal),
        "gaps": (("enterprise", "meter", "from", "to"), gaps),
    }
