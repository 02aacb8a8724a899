"""Statements in any order: a month that is late, a correction before what it corrects, every file twice.

Where ../shared/statements lies beside the repository its files are the test; the settlements made here are tested the
same way, so a clone alone proves as much.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Server
from tests.imports.settlement_files import settlement, settlement_row
from tests.test_acceptance import BUYER, STATEMENTS, Office, row, trades

SHARED = [STATEMENTS] if STATEMENTS.is_dir() else []
FILES = (
    "green-power-settlement-2024-05.xlsx", "green-power-settlement-2024-06.xlsx", "gec-platform-trades-2024-07.csv",
    "park-summary-2024-07.xlsx", "gec-platform-trades-2024-08.csv",
)  # fmt: skip
WORST = tuple(FILES[at] for at in (4, 1, 3, 2, 0))


@pytest.fixture
def office(durable_server: Server) -> Iterator[Office]:
    """An office without any ledger yet."""
    database = durable_server.clone("template_empty")
    office = Office(database)
    yield office
    office.close()


def positions(office: Office) -> dict[tuple[str, str, str], int]:
    """What every account holds, the enterprises' certificates lot by lot; by names, whoever came first.

    Units that were numbered later left the seller, and are owed for, under the lot of their line: by account only.
    """
    rows = office.database.rows("""
        select a.name, a.commodity, case a.kind when 'holding_ent' then l.code else '' end, sum(b.quantity)::bigint
        from balance_now b join account a using (ledger_id, account_id) left join lot l using (ledger_id, lot_id)
        group by 1, 2, 3 having sum(b.quantity) <> 0
    """)
    sellers = dict(
        office.database.rows("""
            select p.party_id, t.content from party p join private_text t using (ledger_id, log_index)
            where p.kind = 'seller' and t.field = 'name'
        """)
    )
    return {
        (":".join(sellers.get(part, part) for part in name.split(":")), commodity, lot): quantity
        for name, commodity, lot, quantity in rows
    }


@pytest.mark.parametrize("order", [FILES, WORST], ids=["calendar", "worst"])
@pytest.mark.parametrize("folder", SHARED)
def test_the_parks_files_come_to_the_same_in_any_order(office: Office, folder: Path, order: tuple[str, ...]) -> None:
    """Every figure of expected.json at the end, nothing in suspense, and a second time nothing new."""
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    office.register((folder / "enterprises.csv").read_bytes())
    files = [(name, (folder / name).read_bytes()) for name in order]
    reports = dict(zip(order, office.imports(*files), strict=True))
    assert [report.problems for report in reports.values()] == [[]] * len(order)
    size, held = office.size, positions(office)
    again = office.imports(*files)
    assert [(report.posted, report.replayed) for report in again] == [(0, True)] * len(order)
    assert (office.size, positions(office)) == (size, held)
    for key in ("green_power_may", "green_power"):
        report, figures = reports[expected[key]["file"]], expected[key]
        assert (report.rows, report.certificates_net) == (figures["rows"], figures["certificates_net"])
        assert (report.tail_kwh, report.control_total_ok) == (figures["tail_kwh"], "exact")
    is_worst = order == WORST
    assert reports[FILES[1]].original_missing == is_worst and reports[FILES[1]].corrected == (not is_worst)
    assert reports[FILES[0]].linked == is_worst
    after = expected["trades_august"]
    bundles = expected["green_power_may"]["certificates_net"] + expected["green_power"]["certificates_net"]
    assert sum(office.sums("holding_ent").values()) == after["transferred_after"] + bundles
    assert sum(office.sums("clearing").values()) == after["in_transit_after"]
    assert (
        office.database.value("select sum(quantity)::bigint from trade where state <> 'VOID'") == after["traded_after"]
    )
    tails = sum(office.sums("carry_contract").values())
    assert tails == expected["green_power_may"]["tail_kwh"] + expected["green_power"]["tail_kwh"]
    for kind in ("suspense", "suspense_cost", "suspense_energy", "identification"):
        assert office.sums(kind) == {}
    promised = office.sums("commitment_ent")
    assert promised == expected["summary"]["subscribed_by_enterprise"]


@pytest.mark.parametrize("folder", SHARED)
def test_the_worst_order_leaves_the_same_positions_as_the_calendar(durable_server: Server, folder: Path) -> None:
    """Account by account, lot by lot, certificates, money and energy."""
    found = []
    for order in (FILES, WORST):
        database = durable_server.clone("template_empty")
        office = Office(database)
        office.register((folder / "enterprises.csv").read_bytes())
        office.imports(*((name, (folder / name).read_bytes()) for name in order))
        found.append(positions(office))
        office.close()
    assert found[0] == found[1] and len(found[0]) > 100


def month_file(month: int, *rows: dict[str, str]) -> tuple[str, bytes]:
    """The settlement of a month of 2024."""
    return f"settlement-{month:02}.xlsx", settlement(list(rows), month=f"2024年{month}月")


def correction_row(mwh: str, month: int, day: str = "2024年8月26日", **cells: str) -> dict[str, str]:
    """A row that takes energy of an earlier month back."""
    return settlement_row(f"-{mwh}", 划转日期=day, 备注=f"退补更正（{month}月）", **cells)


MONTHS = st.permutations([5, 6, 7]).map(tuple)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=MONTHS,
    energies=st.lists(st.integers(50_000, 400_000), min_size=3, max_size=3),
    back=st.integers(1, 40),
    corrects=st.sampled_from([5, 6]),
)
def test_settlements_come_to_the_same_in_any_order(
    durable_server: Server, order: tuple[int, ...], energies: list[int], back: int, corrects: int
) -> None:
    """Three months of three contracts, of which the last corrects an earlier one: suspense is empty at the end."""
    rows = {month: [one_settled(month, kwh)] for month, kwh in zip((5, 6, 7), energies, strict=True)}
    rows[7].append(correction_row(f"{back}.000", corrects, 合同编号=f"LD-{corrects}"))
    files = {month: month_file(month, *rows[month]) for month in rows}
    found = []
    for months in ((5, 6, 7), order):
        database = durable_server.clone("template_empty")
        office = Office(database)
        office.register(BUYER)
        reports = office.imports(*(files[month] for month in months))
        assert [report.problems for report in reports] == [[], [], []]
        found.append(positions(office))
        assert office.sums("holding_ent") == {"GH-001": sum(kwh // 1_000 for kwh in energies) - back}
        assert office.sums("suspense") == office.sums("suspense_cost") == office.sums("suspense_energy") == {}
        office.close()
    assert found[0] == found[1]


def one_settled(month: int, kwh: int) -> dict[str, str]:
    """A row of a month's own contract."""
    whole, rest = divmod(kwh, 1_000)
    cells = {
        "合同编号": f"LD-{month}",
        "环境价值（元/兆瓦时）": "10.00",
        "环境价值费用（元）": f"{kwh // 100}.{kwh % 100:02}",
    }
    return settlement_row(f"{whole}.{rest:03}", **cells, 尾差=f"0.{rest:03}")


def test_a_correction_waits_in_suspense_until_its_settlement_comes(office: Office) -> None:
    """Nobody's certificates are taken: the units, their cost and the rest of a MWh wait, and then come off."""
    office.register(BUYER)
    (report,) = office.imports(month_file(6, settlement_row("50.000", 合同编号="LD-6"), correction_row("10.400", 5)))
    assert (report.problems, report.original_missing, report.corrected) == ([], 1, 0)
    assert office.sums("holding_ent") == {"GH-001": 50}
    waiting = ("suspense", "suspense_cost", "suspense_energy")
    assert [sum(office.sums(kind).values()) for kind in waiting] == [-10, -5_200, -400]
    (report,) = office.imports(month_file(5, settlement_row("100.600")))
    assert (report.problems, report.linked) == ([], 1)
    assert office.sums("holding_ent") == {"GH-001": 50 + 100 - 10}
    assert [office.sums(kind) for kind in waiting] == [{}, {}, {}]
    assert sum(office.sums("carry_contract").values()) == 600 - 400
    assert -sum(office.sums("payable").values()) == 25_000 + 50_300 - 5_200


def test_a_correction_of_certificates_that_moved_on_is_a_break(office: Office) -> None:
    """What the buyer no longer has stays in suspense, whether its settlement came first or last."""
    office.register(BUYER)
    first, second = month_file(5, settlement_row("100.600")), month_file(6, correction_row("101.400", 5))
    (report, later) = office.imports(first, second)
    assert (report.problems, later.problems, later.corrected) == ([], [], 1)
    assert office.sums("holding_ent") == {"GH-001": 100} and sum(office.sums("suspense").values()) == -101
    findings = office.database.value("select count(*) from event where status = 'units_moved_on'")
    assert findings == 1


MORE = settlement_row("101.200")
"""The same contract and month, of another energy."""


@pytest.mark.parametrize(
    ("cells", "column"),
    [(MORE, "已划转"),
     ({"环境价值（元/兆瓦时）": "5.10", "环境价值费用（元）": "513.06"}, "环境价值费用"),
     ({"发电企业": "别家光伏有限公司"}, "发电企业")],
)  # fmt: skip
def test_a_settlement_that_changed_is_a_conflict(office: Office, cells: dict[str, str], column: str) -> None:
    """Other energy, price or seller under the same contract and month is told with both figures; nothing posts."""
    office.register(BUYER)
    office.imports(month_file(5, settlement_row("100.600")))
    held = positions(office)
    name, content = month_file(5, settlement_row("100.600", **cells), settlement_row("7.000", 合同编号="LD-7"))
    (report,) = office.imports((name, content))
    (problem,) = report.problems
    assert (problem.rule, problem.column) == ("settlement_conflict", column)
    assert (report.posted, positions(office)) == (0, held)
    (again,) = office.imports(("again.xlsx", settlement([settlement_row("100.600", 备注="重复导出")])))
    assert (again.problems, again.new_trades, positions(office)) == ([], 0, held)  # the twin: the same content is none


@pytest.mark.parametrize("state", ["已成交待划转", "已划转"])
def test_a_trade_withdrawn_before_it_was_seen_stays_withdrawn(office: Office, state: str) -> None:
    """The file that withdraws it comes first: the older one that shows it as it stood posts nothing of it."""
    office.register(BUYER)
    withdrawn = row(1, transferred_on="", status="已撤单")
    standing = row(1, status=state, **({} if state == "已划转" else {"transferred_on": ""}))
    later, older = trades(withdrawn, row(2), name="later.csv"), trades(standing, row(2), row(3), name="older.csv")
    first, second = office.imports(later, older)
    assert (first.problems, second.problems, first.voided) == ([], [], 0)
    assert office.sums("holding_ent") == {"GH-001": 200} and office.sums("clearing") == {}
    size = office.size
    assert [report.replayed for report in office.imports(older, later)] == [True, True] and office.size == size


def test_every_order_of_three_months_of_trades_ends_alike(durable_server: Server) -> None:
    """In transit, transferred with codes, withdrawn: whichever file comes first, the furthest state stands."""
    steps = (
        trades(
            row(1, transferred_on="", status="已成交待划转"),
            row(2, transferred_on="", status="已成交待划转"),
            name="1.csv",
        ),
        trades(row(1), row(2, transferred_on="", status="已成交待划转"), name="2.csv"),
        trades(row(1), row(2, transferred_on="", status="已撤单"), name="3.csv"),
    )
    found = []
    for order in itertools.permutations(steps):
        database = durable_server.clone("template_empty")
        office = Office(database)
        office.register(BUYER)
        assert [report.problems for report in office.imports(*order)] == [[], [], []]
        found.append(positions(office))
        office.close()
    assert all(one == found[0] for one in found) and office_holds(found[0]) == 100


def office_holds(found: dict[tuple[str, str, str], int]) -> int:
    """The certificates in enterprises' holdings."""
    return sum(quantity for (account, _, _), quantity in found.items() if account.startswith("Holding:Ent:"))


def taken_back(quantity: int, number: int = 1, **cells: str) -> dict[str, str]:
    """A row that takes so many certificates of a trade back, at 5.20 yuan."""
    fen = 520 * quantity
    back = {"quantity": f"-{quantity}", "amount": f"-{fen // 100}.{fen % 100:02}", "remark": "冲销"}
    return row(number, **(back | cells))


def booked(quantity: int, number: int = 1, **cells: str) -> dict[str, str]:
    """A trade of so many certificates at 5.20 yuan."""
    fen = 520 * quantity
    return row(number, quantity=str(quantity), amount=f"{fen // 100}.{fen % 100:02}", **cells)


T12 = (booked(2_000), taken_back(2_000, transferred_on="2024-07-20"), booked(1_800, transferred_on="2024-07-21"))


@pytest.mark.parametrize("together", [True, False], ids=["one file", "a file each"])
def test_t12_a_correction_nets_to_one_trade(office: Office, together: bool) -> None:
    """+2,000, then 冲销 -2,000, then 1,800: holding 1,800, one trade, three facts; a second time changes nothing."""
    office.register(BUYER)
    files = [trades(*T12)] if together else [trades(*T12[: at + 1], name=f"{at}.csv") for at in range(3)]
    reports = office.imports(*files)
    assert [report.problems for report in reports] == [[]] * len(files)
    assert office.sums("holding_ent") == {"GH-001": 1_800}
    assert sum(office.sums("payable").values()) == -936_000
    last = reports[-1]
    assert (last.trades, last.traded, last.transferred, last.amount_fen) == (1, 1_800, 1_800, 936_000)
    states = office.database.rows("select state, quantity from trade order by log_index")
    assert states == [("VOID", 2_000), ("TRANSFERRED", 1_800)]
    history = office.database.rows("select command from event where command <> 'transfer_trade' order by log_index")
    assert [command for (command,) in history] == ["trade", "void_trade", "trade"]
    size = office.size
    again = office.imports(*files, (f"x-{files[-1][0]}", files[-1][1] + b"\r\n"))
    assert [report.posted for report in again] == [0] * len(files) + [1]  # another file: its own record, nothing else
    assert (office.size, office.sums("holding_ent")) == (size + 1, {"GH-001": 1_800})


def test_a_part_taken_back_leaves_the_rest_of_the_trade(office: Office) -> None:
    """-300 of 2,000, once however often it is printed; with the rest it is void, and more than that is a conflict."""
    office.register(BUYER)
    part = taken_back(300, transferred_on="2024-07-20")
    reports = office.imports(trades(booked(2_000), part, part), trades(booked(2_000), part, name="again.csv"))
    assert [(report.problems, report.traded) for report in reports] == [([], 1_700)] * 2
    assert reports[0].duplicates == 1 and office.sums("holding_ent") == {"GH-001": 1_700}
    (report,) = office.imports(trades(booked(2_000), part, taken_back(1_800), name="more.csv"))
    assert [problem.rule for problem in report.problems] == ["trade_conflict"]
    rest = taken_back(1_700, transferred_on="2024-07-22")
    (report,) = office.imports(trades(booked(2_000), part, rest, name="rest.csv"))
    assert (report.problems, office.sums("holding_ent")) == ([], {})


def test_a_correction_without_its_trade_waits_for_it(office: Office) -> None:
    """It stands in suspense as `original_missing`, and comes off the trade once that is in the book."""
    office.register(BUYER)
    back = trades(taken_back(100, transferred_on="2024-07-20"), row(2), name="back.csv")
    (report,) = office.imports(back)
    assert (report.problems, report.original_missing, report.warnings[0].rule) == ([], 1, "original_missing")
    assert office.sums("suspense") == {"GEC": -100} and office.sums("suspense_cost") == {"GEC": -52_000}
    (report,) = office.imports(trades(booked(2_000)))
    assert (report.problems, report.linked) == ([], 1)
    assert office.sums("suspense") == office.sums("suspense_cost") == {}
    days = office.database.rows("select effective_on::text from event where command in ('void_trade', 'link_trade')")
    assert days == [("2024-07-20",)] * 2  # as of the day before, the buyer had all of it


def test_a_correction_of_more_than_the_trade_stays_in_suspense(office: Office) -> None:
    """The trade posts, and the file says what still waits."""
    office.register(BUYER)
    (_, report) = office.imports(trades(taken_back(900), name="back.csv"), trades(booked(800)))
    assert report.problems == [] and [w.rule for w in report.warnings] == ["reversal_above_original"]
    assert office.sums("suspense") == {"GEC": -900} and office.sums("holding_ent") == {"GH-001": 800}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(3)),
    quantity=st.integers(10, 3_000),
    parts=st.tuples(st.integers(1, 5), st.integers(6, 10)),
    moved=st.booleans(),
)
def test_a_trade_and_its_corrections_come_to_the_same_in_any_order(
    durable_server: Server, order: list[int], quantity: int, parts: tuple[int, int], moved: bool
) -> None:
    """Wherever the trade comes among two parts taken back; all of them may be all of it. A second time: nothing."""
    days = ("2024-07-20", "2024-07-21")
    first = quantity * parts[0] // 10
    taken = (first, quantity * parts[1] // 10 - first)
    original = booked(quantity) if moved else booked(quantity, transferred_on="", status="已成交待划转")
    backs = [taken_back(part, transferred_on=day) for part, day in zip(taken, days, strict=True) if part]
    files = [trades(line, name=f"{at}.csv") for at, line in enumerate([original, *backs])]
    found = []
    for files_of_it in (files, [files[at] for at in order if at < len(files)]):
        office = Office(durable_server.clone("template_empty"))
        office.register(BUYER)
        assert [report.problems for report in office.imports(*files_of_it)] == [[]] * len(files)
        found.append(positions(office))
        size = office.size
        assert [report.posted for report in office.imports(*files_of_it)] == [0] * len(files) and office.size == size
        assert office.sums("suspense") == office.sums("suspense_cost") == {}
        office.close()
    assert found[0] == found[1]
    assert office_holds(found[0]) == (quantity - sum(taken) if moved else 0)


def test_a_checked_file_may_be_checked_again(office: Office) -> None:
    """Following the rows of a trade a second time finds the same, whatever was written of them the first time."""
    office.register(BUYER)
    content = trades(*T12, T12[0], T12[1], row(2))
    first, second = office.stage(content), office.stage(content)
    assert (first.problems, first.duplicates, first.traded) == ([], 2, 1_900) and second == first
    (report,) = office.imports(content)
    assert (report.problems, office.sums("holding_ent")) == ([], {"GH-001": 1_900})
