"""Statements against the book: every seeded break is found under its kind, and none is invented."""

import asyncio
import csv
import datetime
import io
from collections import Counter
from collections.abc import Iterator

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.imports.reconciliation import Held, Said, column, compared, paired
from ledger.imports.reconciling import Reconciliation, Reconciling
from ledger.reports.export import as_csv, as_xlsx
from ledger.reports.reading import Reading
from ledger.store.session import ALL_TENANTS, Scope
from tests.conftest import Server
from tests.imports.statement_files import row, statement
from tests.test_acceptance import BUYER, TODAY, Office, trades

JULY = (datetime.date(2024, 7, 1), datetime.date(2024, 7, 31))
WAITING = {"transferred_on": "", "status": "已成交待划转"}
SEEDS: dict[str, dict[str, str]] = {
    "QTY_DIFF": {"quantity": "101", "amount": "525.20"},
    "UNIT_SUSPECT": {"quantity": "1000000", "amount": "5200000.00"},
    "PRICE_DIFF": {"price": "5.30", "amount": "530.00"},
    "TIMING": {"transferred_on": "2024-07-09"},
    "NAME_UNKNOWN": {"buyer_name": "谁也不是"},
}
"""What a later statement says otherwise, by the kind of break that it makes."""
DAY = datetime.date(2024, 7, 5)
HELD = Held("GEC/T1/P/2024-03", "GH-001", 100, "5.20", 52_000, DAY, datetime.date(2024, 7, 8))


def said(**changed: object) -> Said:
    """What a statement says that agrees with HELD, but for these fields."""
    fields: dict[str, object] = {
        "trade_id": HELD.trade_id, "import_id": "i", "source": "platform", "line": 5, "buyer": "GH-001",
        "buyer_name": "甲", "quantity": 100, "price": "5.20", "amount_fen": 52_000, "traded_on": DAY,
        "transferred_on": HELD.transferred_on, "state": "TRANSFERRED",
    }  # fmt: skip
    return Said(**(fields | changed))  # type: ignore[arg-type]  # by name


@pytest.fixture
def office(durable_server: Server) -> Iterator[Office]:
    """An office that knows one enterprise."""
    office = Office(durable_server.clone("template_empty"))
    office.register(BUYER)
    yield office
    office.close()


def reconciled(office: Office, *, effective_as_of: datetime.date = TODAY, size: int | None = None) -> Reconciliation:
    """July's trades, compared."""

    async def work() -> Reconciliation:
        reading = Reading(office.database.urls.reader)
        await reading.reader.open()
        try:
            return await Reconciling(reading.reader, Scope(1, ALL_TENANTS)).compare(
                *JULY, effective_as_of=effective_as_of, size=office.size if size is None else size, today=TODAY
            )
        finally:
            await reading.reader.close()

    return asyncio.run(work())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["MATCHED", "MISSING_IN_LEDGER", "MISSING_IN_STATEMENT", *SEEDS]), min_size=20,
                      max_size=60), data=st.data())  # fmt: skip
def test_every_seeded_break_is_found_and_none_invented(
    durable_server: Server, kinds: list[str], data: st.DataObject
) -> None:
    """The book has one statement; a later one repeats it with differences: each is told by its own line and kind."""
    office = Office(durable_server.clone("template_empty"))
    office.register(BUYER)
    booked, stated, expected = [], [], {}
    for number, kind in enumerate(kinds, start=1):
        quantity = str(100 + number * 7)  # so that no two trades are alike
        sound = row(number, quantity=quantity, amount=f"{int(quantity) * 5.2:.2f}")
        changed = SEEDS.get(kind, {})
        if kind == "QTY_DIFF":
            changed = {"quantity": str(int(quantity) + 1), "amount": f"{(int(quantity) + 1) * 5.2:.2f}"}
        elif kind == "UNIT_SUSPECT":
            factor = data.draw(st.sampled_from([10, 1_000, 10_000]))
            changed = {"quantity": str(int(quantity) * factor), "amount": f"{int(quantity) * factor * 5.2:.2f}"}
        elif kind == "PRICE_DIFF":
            changed = {"price": "5.30", "amount": f"{int(quantity) * 5.3:.2f}"}
        booked += [] if kind == "MISSING_IN_LEDGER" else [sound]
        stated += [] if kind == "MISSING_IN_STATEMENT" else [sound | changed]
        expected |= {} if kind == "MATCHED" else {sound["order"]: kind}
    if booked:
        office.imports(trades(*booked, name="first.csv"))
        # As if the book had them by the API: no statement tells of them but the second.
        office.database.rows("update import_job set state = 'rejected' returning 1")
    office.stage(trades(*(stated or [row(999)]), name="second.csv"))
    found = reconciled(office)
    office.close()
    if not stated:
        return
    assert {one.trade_id.split("/")[1]: one.kind for one in found.breaks} == expected
    counts = Counter(kinds)
    assert found.counts["platform"] == dict(sorted((kind, count) for kind, count in counts.items() if count))


def test_a_line_printed_twice_is_a_duplicate(office: Office) -> None:
    """It matches once, and its repeat is told with its own line."""
    office.imports(trades(row(1), row(2), row(1)))
    found = reconciled(office)
    assert found.counts == {"platform": {"DUPLICATE": 1, "MATCHED": 2}}
    (repeat,) = found.breaks
    assert (repeat.kind, repeat.line, repeat.age_days) == ("DUPLICATE", 7, (TODAY - DAY).days)


def test_both_time_axes_are_kept(office: Office) -> None:
    """As known before a transfer was imported, and as of a day before it counts, the same line is out of time."""
    office.imports(trades(row(1, **WAITING), name="first.csv"))
    before = office.size
    office.imports(trades(row(1), name="second.csv"))
    assert reconciled(office).counts == {"platform": {"MATCHED": 1}}
    assert reconciled(office, size=before).counts == {"platform": {"TIMING": 1}}
    assert reconciled(office, effective_as_of=DAY).counts == {"platform": {"TIMING": 1}}
    assert reconciled(office, effective_as_of=datetime.date(2024, 7, 8)).counts == {"platform": {"MATCHED": 1}}


def test_the_latest_of_several_statements_counts(office: Office) -> None:
    """A trade withdrawn by a later file is matched by it, whatever the older one said."""
    office.imports(trades(row(1, **WAITING), row(2), name="first.csv"))
    office.imports(trades(row(1, transferred_on="", status="已撤单"), name="second.csv"))
    assert reconciled(office).counts == {"platform": {"MATCHED": 2}}


def test_documents_of_other_numbers_are_paired_by_their_content() -> None:
    """Buyer, quantity and price within three days are the same trade; four days apart they are two."""
    near, far = said(traded_on=DAY + datetime.timedelta(days=3)), said(traded_on=DAY + datetime.timedelta(days=4))
    assert list(paired([near], [HELD])) == [(near, HELD)]
    assert list(paired([far], [HELD])) == []
    assert list(paired([near, said()], [HELD])) == [(near, HELD)]  # one trade answers for one line only


@pytest.mark.parametrize(
    ("stated", "kind"),
    [(10, "UNIT_SUSPECT"), (1_000, "UNIT_SUSPECT"), (100_000, "UNIT_SUSPECT"), (1_000_000, "UNIT_SUSPECT"),
     (1_000_999, "UNIT_SUSPECT"), (1_001_001, "QTY_DIFF"), (101, "QTY_DIFF"), (0, "QTY_DIFF")],
)  # fmt: skip
def test_a_ratio_of_units_is_suspect_within_a_thousandth(stated: int, kind: str) -> None:
    """100 certificates in the book: 10, 1,000 and 10,000 times either way are units, anything else is not."""
    assert compared(said(quantity=stated), HELD)[0] == kind


def test_t15_the_headline_reconciles_within_its_rounding() -> None:
    """333万 against 3,329,600 and 3.12万 against 31,180 match; 3,324,999 does not (domain reference, T15)."""
    assert column(None, "subscribed", 3_330_000, 5_000, 3_329_600).kind == "MATCHED"
    assert column(None, "traded", 31_200, 50, 31_180).kind == "MATCHED"
    assert column(None, "subscribed", 3_330_000, 5_000, 3_324_999).kind == "QTY_DIFF"


def test_formulas_are_made_harmless() -> None:
    """A text that a spreadsheet would take for a formula leaves with an apostrophe before it, numbers as they are."""
    rows = [("=1+1", "@x", "+y", "-z", "\tt", -5, 12_345_678_901_234_567, None, "安全")]
    out = list(csv.reader(io.StringIO(as_csv(("a",), rows).decode("utf-8-sig"))))[1]
    assert out == ["'=1+1", "'@x", "'+y", "'-z", "'\tt", "-5", "12345678901234567", "", "安全"]
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx({"s": (("a",), rows)}))).active
    cells = [cell.value for cell in sheet[2]]
    assert cells == ["'=1+1", "'@x", "'+y", "'-z", "'\tt", -5, "12345678901234567", None, "安全"]
    assert all(cell.data_type != "f" for cell in sheet[2])


def test_a_statement_that_is_not_of_the_period_is_left_out(office: Office) -> None:
    """A file of another month says nothing of July, and none of July's trades is missing from it."""
    office.imports(trades(row(1)))
    other = statement([row(5, traded_on="2024-08-02", transferred_on="2024-08-05")]).replace(
        "2024年7月1日至2024年7月31日".encode("gb18030"), "2024年8月1日至2024年8月31日".encode("gb18030")
    )
    office.imports(("august.csv", other))
    found = reconciled(office)
    assert [source.file for source in found.sources] == ["t.csv"] and found.counts == {"platform": {"MATCHED": 1}}
