"""The park's own month: every figure of its statements, from the ledger and not only from the report.

Where ../shared/statements lies beside the repository its files are the test; the repository's own sample park is
tested the same way, so a clone alone proves as much.
"""

import asyncio
import datetime
import hashlib
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.core.command import Principal
from ledger.core.events import (
    Leg,
    Subscribe,
    Transfer,
)
from ledger.database import expect_posted, open_ledger, request
from ledger.imports.job import import_file, importing
from ledger.imports.report import ImportReport
from ledger.registering import register
from ledger.reports.reading import Reading
from ledger.sample_park import sample_files, sample_trades
from tests.conftest import Database, Server
from tests.imports.statement_files import PROJECT, row, statement

STATEMENTS = Path(__file__).resolve().parents[2] / "shared" / "statements"
TODAY = datetime.date(2026, 11, 23)
CLERK = Principal(actor="local:clerk", role="operator", subject="person:clerk")
NAME = "青海黄河鑫业有限公司"


class Month(NamedTuple):
    """Files of a month, and what they must come to."""

    register: bytes
    trades: tuple[str, bytes]
    summary: tuple[str, bytes]
    expected: dict[str, Any]


def shared() -> Month:
    """The files beside the repository, with the figures that stand beside them."""
    expected = json.loads((STATEMENTS / "expected.json").read_text())
    names = expected["trades"]["file"], expected["summary"]["file"]
    contents = [(STATEMENTS / name).read_bytes() for name in names]
    return Month(
        (STATEMENTS / "enterprises.csv").read_bytes(), (names[0], contents[0]), (names[1], contents[1]), expected
    )


def sample() -> Month:
    """The repository's own files, with the figures of the rule that made them."""
    files = sample_files(TODAY)
    names = list(files)
    month = datetime.date(2026, 10, 1)
    trades = sample_trades(month)
    traded, moved = Counter[str](), Counter[str]()
    for one in trades:
        traded[one.buyer.id] += one.quantity
        moved[one.buyer.id] += one.quantity if one.transferred_on else 0
    expected = {
        "trades": {
            "traded": 31_200, "amount_fen": sum(t.quantity * t.price_fen for t in trades), "encoding": "gb18030",
            "data_rows": len(trades) + 4, "distinct_trades": len(trades), "duplicate_rows": 3, "withdrawn_rows": 1,
            "transferred": moved.total(), "in_transit": 31_200 - moved.total(),
            "traded_by_enterprise": dict(traded), "transferred_by_enterprise": {k: v for k, v in moved.items() if v},
        },
        "summary": {"enterprises": 34, "subscribed": 3_330_000, "control_total_ok": "exact"},
    }  # fmt: skip
    return Month(files[names[0]], (names[1], files[names[1]]), (names[2], files[names[2]]), expected)


MONTHS = {"sample": sample, **({"shared": shared} if STATEMENTS.is_dir() else {})}


class Office:
    """An operator's desk: registers and imports through the product's own functions."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.home = Path(tempfile.mkdtemp(prefix="office-"))

    def close(self) -> None:
        """Give the database and the folder back."""
        self.database.drop()
        shutil.rmtree(self.home)

    def register(self, content: bytes) -> None:
        """Register the park's enterprises."""

        async def work() -> None:
            writer = await open_ledger(self.database.urls, "ganhe")
            try:
                report = await register("enterprises.csv", content, writer=writer)
            finally:
                await writer.stop()
            assert not report.problems and report.registered == report.enterprises

        asyncio.run(work())

    def imports(self, *files: tuple[str, bytes], together: bool = False, dry_run: bool = False) -> list[ImportReport]:
        """Import files one after another, or all at the same moment by writers of their own."""

        async def one(name: str, content: bytes) -> ImportReport:
            writer = await open_ledger(self.database.urls, "ganhe")
            reading = Reading(self.database.urls.reader)
            await reading.reader.open()
            try:
                home, url = self.home, self.database.urls.writer
                async with importing(writer, reading.reader, url=url, home=home) as importer:
                    return await import_file(importer, name, io.BytesIO(content), by=CLERK, dry_run=dry_run)
            finally:
                await reading.reader.close()
                await writer.stop()

        async def work() -> list[ImportReport]:
            if together:
                return await asyncio.gather(*(one(*file) for file in files))
            return [await one(*file) for file in files]

        return asyncio.run(work())

    def stage(self, file: tuple[str, bytes]) -> ImportReport:
        """Upload a file and have it checked; it waits for somebody to post it."""

        async def work() -> ImportReport:
            writer = await open_ledger(self.database.urls, "ganhe")
            reading = Reading(self.database.urls.reader)
            await reading.reader.open()
            home, url = self.home, self.database.urls.writer
            try:
                async with importing(writer, reading.reader, url=url, home=home) as importer:
                    job = await importer.receive(file[0], io.BytesIO(file[1]), by=CLERK)
                    return await importer.read(job.job_id) or await importer.check(job.job_id)
            finally:
                await reading.reader.close()
                await writer.stop()

        return asyncio.run(work())

    def sums(self, kind: str) -> dict[str, int]:
        """What the ledger's balances say by owner, for a kind of account."""
        rows = self.database.rows(
            "select coalesce(a.owner, substring(a.name from '[^:]*$')), sum(b.quantity)::bigint from balance_now b "
            "join account a using (ledger_id, account_id) where a.kind = %s group by 1 having sum(b.quantity) <> 0",
            kind,
        )
        return dict(rows)

    @property
    def size(self) -> int:
        """The ledger's size."""
        return self.database.value("select size from head")


@pytest.fixture
def office(durable_server: Server) -> Iterator[Office]:
    """An office without any ledger yet."""
    database = durable_server.clone("template_empty")
    office = Office(database)
    yield office
    office.close()


@pytest.mark.parametrize("month", MONTHS)
def test_a_months_trades_reconcile_to_the_last_certificate(office: Office, month: str) -> None:
    """Every figure expected of the trades, by enterprise too, in the report and in the ledger's balances."""
    files = MONTHS[month]()
    expected = files.expected["trades"]
    office.register(files.register)
    (report,) = office.imports(files.trades)
    assert report.problems == [] and report.control_total_ok == "exact"
    shown = {
        "traded": report.traded, "amount_fen": report.amount_fen, "encoding": report.encoding, "data_rows": report.rows,
        "distinct_trades": report.trades, "duplicate_rows": report.duplicates, "withdrawn_rows": report.withdrawn,
        "transferred": report.transferred, "in_transit": report.in_transit,
        "traded_by_enterprise": {k: v["traded"] for k, v in report.by_enterprise.items()},
        "transferred_by_enterprise": {k: v["transferred"] for k, v in report.by_enterprise.items() if v["transferred"]},
    }  # fmt: skip
    assert shown == {k: v for k, v in expected.items() if k != "file"}
    held, clearing = office.sums("holding_ent"), office.sums("clearing")
    assert held == expected["transferred_by_enterprise"]
    assert sum(clearing.values()) == expected["in_transit"]
    traded = office.database.rows("select buyer, sum(quantity)::bigint from trade group by 1")
    assert dict(traded) == expected["traded_by_enterprise"]
    assert office.database.value("select sum(amount_fen)::bigint from trade") == expected["amount_fen"]
    assert -sum(office.sums("payable").values()) == expected["amount_fen"]


@pytest.mark.parametrize("month", MONTHS)
def test_a_months_summary_reconciles_within_its_rounding(office: Office, month: str) -> None:
    """Every figure expected of the summary; promises are the enterprises' own, lumps and intentions nobody's."""
    files = MONTHS[month]()
    expected = files.expected["summary"]
    office.register(files.register)
    _, report = office.imports(files.trades, files.summary)
    assert report.problems == []
    assert report.subscribed == expected["subscribed"] and report.enterprises == expected["enterprises"]
    assert report.control_total_ok == expected["control_total_ok"]
    promised = office.sums("commitment_ent")
    assert {k: v["subscribed"] for k, v in report.by_enterprise.items()} == promised
    assert sum(promised.values()) + sum(office.sums("commitment_unallocated").values()) == expected["subscribed"]
    if "subscribed_by_enterprise" in expected:
        assert promised == expected["subscribed_by_enterprise"] and report.unallocated == expected["unallocated"]
        assert sum(office.sums("commitment_unallocated").values()) == sum(expected["unallocated"].values())


@pytest.mark.parametrize("month", MONTHS)
def test_a_second_import_is_a_replay_and_a_dry_run_posts_nothing(office: Office, month: str) -> None:
    """The same document but for `replayed`, `posted` (and `dry_run`); the ledger's size stays."""
    files = MONTHS[month]()
    office.register(files.register)
    size = office.size
    dry = office.imports(files.trades, dry_run=True)[0]
    assert office.size == size and dry.posted == 0
    for file in (files.trades, files.summary):
        (first,) = office.imports(file)
        size = office.size
        (again,) = office.imports(file)
        assert first.posted > 0 and not first.replayed
        assert (again.posted, again.replayed, office.size) == (0, True, size)
        first.posted, first.replayed = again.posted, again.replayed
        assert again == first
    (again,) = office.imports(files.trades)
    again.dry_run, again.replayed = dry.dry_run, dry.replayed
    assert again == dry


@pytest.mark.parametrize("month", MONTHS)
def test_the_same_file_imported_by_two_at_once_posts_once(office: Office, month: str) -> None:
    """Two writers with one file: one posts, the other replays, and the balances are those of one import."""
    files = MONTHS[month]()
    office.register(files.register)
    reports = office.imports(files.trades, files.trades, files.trades, together=True)
    assert [report.problems for report in reports] == [[], [], []]
    assert sorted(report.replayed for report in reports) == [False, True, True]
    assert office.sums("holding_ent") == files.expected["trades"]["transferred_by_enterprise"]


BUYER = b"id,name,aliases,sector,usci,grid_user\nGH-001," + NAME.encode() + b",,x,,\n"


def trades(*rows: dict[str, str], name: str = "t.csv") -> tuple[str, bytes]:
    """A statement of these rows."""
    return name, statement(list(rows))


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ({"buyer_name": "谁也不是"}, "买方名称", "unknown_name"),
        ({"amount": "521.00"}, "成交金额（元）", "amount_not_quantity_times_price"),
    ],
)
def test_one_bad_row_holds_the_whole_file_back(office: Office, cells: dict[str, str], column: str, rule: str) -> None:
    """Nothing is posted, and the problem has file, sheet, line, column, rule, what was given and expected."""
    office.register(BUYER)
    size = office.size
    (report,) = office.imports(trades(row(1), row(2, **cells), row(3)))
    (problem,) = report.problems
    assert (problem.file, problem.sheet, problem.line, problem.column, problem.rule) == ("t.csv", None, 6, column, rule)
    assert problem.given and problem.expected and (report.posted, report.refused, office.size) == (0, 1, size)
    (report,) = office.imports(trades(row(1), row(3)))
    assert report.posted > 0  # the twin: without the bad row the same rows post


def test_a_trade_in_transit_progresses_with_a_later_file(office: Office) -> None:
    """The next export of the same trade, now transferred, posts its transfer and no second trade."""
    office.register(BUYER)
    waiting = row(1, transferred_on="", status="已成交待划转")
    (first,) = office.imports(trades(waiting))
    assert (first.in_transit, first.progressed, office.sums("holding_ent")) == (100, 0, {})
    (later,) = office.imports(trades(row(1), name="later.csv"))
    assert (later.in_transit, later.progressed, office.sums("holding_ent")) == (0, 1, {"GH-001": 100})
    assert office.database.value("select count(*) from trade") == 1 and office.sums("clearing") == {}
    assert office.imports(trades(row(1), name="later.csv"))[0].replayed


@pytest.mark.parametrize("cells", [{"quantity": "101", "amount": "525.20"}, {"price": "5.30", "amount": "530.00"}])
def test_a_trade_that_changed_is_a_conflict(office: Office, cells: dict[str, str]) -> None:
    """Another quantity or price under the same order is told with both figures, and nothing is posted."""
    office.register(BUYER)
    office.imports(trades(row(1)))
    size, held = office.size, office.sums("holding_ent")
    (report,) = office.imports(trades(row(1, **cells), row(2)))
    (problem,) = report.problems
    assert problem.rule == "trade_conflict" and problem.line == 5
    assert "100" in problem.expected or "5.2" in problem.expected
    assert (office.size, office.sums("holding_ent")) == (size, held)


@pytest.mark.parametrize("again", [False, True], ids=["once", "both files again"])
@pytest.mark.parametrize("month", [name for name in MONTHS if name == "shared"])
def test_august_takes_julys_trades_further(office: Office, month: str, again: bool) -> None:
    """Every figure expected of August after July: progress, identification, a voided trade, and nothing in transit."""
    files = MONTHS[month]()
    expected = json.loads((STATEMENTS / "expected.json").read_text())["trades_august"]
    august = (expected["file"], (STATEMENTS / expected["file"]).read_bytes())
    office.register(files.register)
    _, report = office.imports(files.trades, august)
    if again:
        size, first = office.size, report
        july, report = office.imports(files.trades, august)
        assert (july.problems, july.posted, report.posted, office.size) == ([], 0, 0, size)
        first.posted, first.replayed = 0, True
        assert report == first
    assert report.problems == [] and report.control_total_ok == "exact"
    shown = {
        "rows": report.rows, "progressed": report.progressed, "progressed_quantity": report.progressed_quantity,
        "identified_quantity": report.identified_quantity, "voided": report.voided,
        "voided_quantity": report.voided_quantity, "new_trades": report.new_trades, "new_quantity": report.new_quantity,
        "traded_after": office.database.value("select sum(quantity)::bigint from trade where state <> 'VOID'"),
        "in_transit_after": sum(office.sums("clearing").values()),
        "transferred_after": sum(office.sums("holding_ent").values()),
    }  # fmt: skip
    assert shown == {k: v for k, v in expected.items() if k != "file"}
    assert office.sums("identification") == {}


def numbered(number: int, first: int, quantity: int = 100, **cells: str) -> dict[str, str]:
    """A row whose codes can be read: the serials from `first` on."""
    codes = [f"{PROJECT}202403{serial:07}AB" for serial in (first, first + quantity - 1)]
    return row(number, code_first=codes[0], code_last=codes[1], **cells)


def test_counted_units_become_numbered_when_their_codes_arrive(office: Office) -> None:
    """A later file brings codes: the same units, in transit or held, become numbered; totals and cost stay."""
    office.register(BUYER)
    waiting = row(2, transferred_on="", status="已成交待划转")
    office.imports(trades(row(1), waiting))
    before = [office.sums(kind) for kind in ("holding_ent", "clearing", "inventory_gec", "external")]
    transit = numbered(2, 501, transferred_on="", status="已成交待划转")
    (report,) = office.imports(trades(numbered(1, 1), transit, name="codes.csv"))
    assert (report.problems, report.identified, report.identified_quantity) == ([], 2, 200)
    assert [office.sums(kind) for kind in ("holding_ent", "clearing", "inventory_gec", "external")] == before
    assert office.sums("identification") == {}
    places = office.database.rows(
        "select a.kind, s.serials::text from serial_position s join account a using (ledger_id, account_id) order by 1"
    )
    assert places == [("clearing", "[501,601)"), ("holding_ent", "[1,101)")]


def test_a_serial_that_is_in_the_book_already_is_a_conflict(office: Office) -> None:
    """The same codes brought for another trade's units do not make certificates twice; the file posts nothing."""
    office.register(BUYER)
    office.imports(trades(row(1), numbered(2, 1)))
    size = office.size
    (report,) = office.imports(trades(numbered(1, 51), name="twice.csv"))
    assert [problem.rule for problem in report.problems] == ["serial_conflict"] and report.posted == 0
    assert office.sums("holding_ent") == {"GH-001": 200} and office.size == size + 1  # the refusal is a fact


@pytest.mark.parametrize("codes", [False, True], ids=["counted", "numbered"])
@pytest.mark.parametrize("moved", [False, True], ids=["in transit", "transferred"])
def test_a_trade_the_platform_withdrew_is_void(office: Office, moved: bool, codes: bool) -> None:
    """Units and debt go back to where they came from, once; an older file cannot bring the trade back."""
    office.register(BUYER)
    cells = {} if moved else {"transferred_on": "", "status": "已成交待划转"}
    standing = numbered(1, 1, **cells) if codes else row(1, **cells)
    office.imports(trades(standing, row(2)))
    withdrawn = row(1, transferred_on="", status="已撤单")
    (report,) = office.imports(trades(withdrawn, name="void.csv"))
    assert (report.problems, report.voided, report.voided_quantity) == ([], 1, 100)
    assert office.sums("holding_ent") == {"GH-001": 100} and office.sums("clearing") == {}
    assert sum(office.sums("payable").values()) == -52_000
    size = office.size
    for file in (trades(withdrawn, row(3), name="again.csv"), trades(standing, row(2), row(3), name="old.csv")):
        (report,) = office.imports(file)
        assert (report.problems, report.voided) == ([], 0)
    # Row 3 brought its lot, trade and transfer; each file its own record.
    assert office.sums("holding_ent") == {"GH-001": 200} and office.size == size + 3 + 2


def test_a_void_trade_whose_units_moved_on_is_a_break_in_suspense(office: Office) -> None:
    """What the buyer passed on cannot be taken back from it; what the platform says is missing stands in suspense."""
    office.register(BUYER + b"GH-002,B,,x,,\n")
    office.imports(trades(row(1)))
    moved = office.database.value("select lot_id from trade")
    assert moved

    async def pass_on() -> None:
        writer = await open_ledger(office.database.urls, "ganhe")
        lot = office.database.value("select code from lot where lot_id = %s", moved)
        legs = (Leg("Holding:Ent:GH-001", "GEC", -1, lot), Leg("Holding:Ent:GH-002", "GEC", 1, lot))
        try:
            await expect_posted(writer.submit(request(Transfer(legs=legs), CLERK)))
        finally:
            await writer.stop()

    asyncio.run(pass_on())
    (report,) = office.imports(trades(row(1, transferred_on="", status="已撤单"), name="void.csv"))
    assert report.problems == []
    assert office.sums("holding_ent") == {"GH-001": 99, "GH-002": 1}
    missing = office.database.value(
        "select sum(p.quantity)::int from posting p join account a using (ledger_id, account_id) "
        "where a.kind = 'suspense'"
    )
    assert missing == -100


def test_a_withdrawn_row_of_another_quantity_is_a_conflict(office: Office) -> None:
    """A trade is void as a whole: a withdrawn row that names other units than the book posts nothing."""
    office.register(BUYER)
    office.imports(trades(row(1)))
    less = row(1, quantity="40", amount="208.00", transferred_on="", status="已撤单")
    (report,) = office.imports(trades(less, name="void.csv"))
    assert [problem.rule for problem in report.problems] == ["trade_conflict"] and report.posted == 0
    assert office.sums("holding_ent") == {"GH-001": 100}


def test_a_key_that_is_not_an_imports_does_not_pass_for_one(office: Office) -> None:
    """Somebody used the import's key for another command: the file is told so, and is not taken for imported."""
    office.register(BUYER)
    name, content = trades(row(1))

    async def squat() -> None:
        writer = await open_ledger(office.database.urls, "ganhe")
        other = Subscribe(enterprise="GH-001", quantity=1)
        key = f"import:{hashlib.sha256(content).hexdigest()}"
        try:
            await expect_posted(writer.submit(request(other, CLERK, key=key)))
        finally:
            await writer.stop()

    asyncio.run(squat())
    (report,) = office.imports((name, content))
    assert [problem.rule for problem in report.problems] == ["request_key_reused"]
    assert office.sums("holding_ent") == {} and not report.replayed
