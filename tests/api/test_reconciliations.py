"""Reconciliation over HTTP: JSON, CSV and XLSX say the same, and no cell is a formula."""

import contextlib
import csv
import io
from collections.abc import Iterator

import openpyxl
import pytest

from tests.api.conftest import Service, open_service, problem_of
from tests.api.test_imports import NAMED, checked, posted
from tests.conftest import Server
from tests.imports.statement_files import row, statement

JULY = "/v1/reconciliations?from=2024-07-01&to=2024-07-31"
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """A park with two trades posted, and a statement that says otherwise of one of them, waiting."""
    with contextlib.closing(open_service(server)) as found:
        posted(found["operator"], statement([row(1, **NAMED), row(2, **NAMED)]))
        differs = row(2, **NAMED) | {"quantity": "90", "amount": "468.00"}
        checked(found["operator"], statement([row(1, **NAMED), differs, row(3, buyer_name=FORMULA)]), "later.csv")
        yield found


def test_the_three_forms_say_the_same(service: Service) -> None:
    """As many breaks, of the same kinds."""
    found = service["regulator"].get(JULY).json()
    kinds = sorted(one["kind"] for one in found["breaks"])
    assert kinds == ["NAME_UNKNOWN", "QTY_DIFF"]
    text = service["regulator"].get(f"{JULY}&format=csv")
    assert text.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(text.content.decode("utf-8-sig"))))
    assert sorted(line["kind"] for line in lines) == kinds
    book = openpyxl.load_workbook(io.BytesIO(service["regulator"].get(f"{JULY}&format=xlsx").content))
    rows = [[cell.value for cell in line] for line in book["breaks"].iter_rows()]
    at = rows[0].index("kind")
    assert sorted(line[at] for line in rows[1:]) == kinds and set(book.sheetnames) == {"breaks", "counts", "summary"}


def test_no_cell_is_a_formula(service: Service) -> None:
    """A name that begins like one is text in both."""
    text = service["regulator"].get(f"{JULY}&format=csv").content.decode("utf-8-sig")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
    book = openpyxl.load_workbook(io.BytesIO(service["regulator"].get(f"{JULY}&format=xlsx").content))
    assert not [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]


def test_as_known_before_nothing_was_posted_every_line_is_missing(service: Service) -> None:
    """On the other time axis: the book as it was known at its beginning has none of the trades."""
    found = service["regulator"].get(f"{JULY}&known_as_of=30").json()
    assert {one["kind"] for one in found["breaks"]} <= {"MISSING_IN_LEDGER", "NAME_UNKNOWN"} and len(
        found["breaks"]
    ) == 3


def test_days_that_run_backwards_are_refused(service: Service) -> None:
    """With both of them named."""
    answer = service["regulator"].get("/v1/reconciliations?from=2024-07-31&to=2024-07-01")
    assert "2024-07-31" in problem_of(answer, 422, "days_backwards")["detail"]
