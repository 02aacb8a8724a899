"""The park's real files beside the repository give its own figures, where that folder is present."""

import json
from pathlib import Path

import pytest

from ledger.imports.cells import squeeze
from ledger.imports.documents import SettlementStatement, SummaryStatement
from ledger.imports.enterprises import read_enterprises
from ledger.imports.matching import control_total_ok, summary_controls
from tests.imports.reading import control_total, distinct_trades, read_statement

STATEMENTS = Path(__file__).parents[3] / "shared" / "statements"
SHARED = [STATEMENTS] if STATEMENTS.is_dir() else []


@pytest.mark.parametrize("folder", SHARED)
def test_the_parks_trade_statement_is_read_as_expected(folder: Path) -> None:
    """The acceptance file of July 2024 gives the park's own figures, through aliases."""
    expected = json.loads((folder / "expected.json").read_text())["trades"]
    register = read_enterprises("enterprises.csv", (folder / "enterprises.csv").read_bytes())
    ids = {squeeze(name): one.id for one in register.rows for name in (one.name, *one.aliases)}
    found = read_statement(expected["file"], (folder / expected["file"]).read_bytes())
    trades = distinct_trades(found.rows, name_key=lambda name: ids.get(squeeze(name), name))
    standing = [one for one in trades.distinct if one.state != "WITHDRAWN"]
    moved = [one for one in standing if one.state == "TRANSFERRED"]
    assert (found.problems, found.encoding, trades.conflicts) == ((), expected["encoding"], ())
    assert len(found.rows) == expected["data_rows"]
    assert len(standing) == expected["distinct_trades"]
    assert trades.duplicates == expected["duplicate_rows"]
    assert len(trades.distinct) - len(standing) == expected["withdrawn_rows"]
    assert sum(one.quantity for one in standing) == expected["traded"]
    assert sum(one.amount_fen for one in standing) == expected["amount_fen"]
    assert sum(one.quantity for one in moved) == expected["transferred"]
    assert sum(one.quantity for one in standing if one.state == "TRADED") == expected["in_transit"]
    for rows, figures in ((standing, "traded_by_enterprise"), (moved, "transferred_by_enterprise")):
        sums: dict[str, int] = {}
        for one in rows:
            sums[ids[squeeze(one.buyer_name)]] = sums.get(ids[squeeze(one.buyer_name)], 0) + one.quantity
        assert sums == expected[figures]
    assert control_total(found) == ("exact", "exact")


@pytest.mark.parametrize("folder", SHARED)
def test_the_parks_next_month_progresses_the_same_trades(folder: Path) -> None:
    """August's file repeats July's open trades by identity, with nothing contradicted."""
    expected = json.loads((folder / "expected.json").read_text())["trades_august"]
    months = [read_statement(f"{n}.csv", (folder / f"gec-platform-trades-2024-0{n}.csv").read_bytes()) for n in (7, 8)]
    assert len(months[1].rows) == expected["rows"]
    assert control_total(months[1]) == ("exact", "exact")
    both = distinct_trades([*months[0].rows, *months[1].rows])
    standing = [one for one in both.distinct if one.state != "WITHDRAWN"]
    assert both.conflicts == ()
    assert sum(one.quantity for one in standing) == expected["traded_after"]
    assert sum(one.quantity for one in standing if one.state == "TRADED") == expected["in_transit_after"]


@pytest.mark.parametrize("folder", SHARED)
def test_the_parks_summary_is_read_as_expected(folder: Path) -> None:
    """333万张 are subscribed; the rounded trade column reconciles within its rounding."""
    expected = json.loads((folder / "expected.json").read_text())["summary"]
    register = read_enterprises("enterprises.csv", (folder / "enterprises.csv").read_bytes())
    ids = {squeeze(name): one.id for one in register.rows for name in (one.name, *one.aliases)}
    found = read_statement(expected["file"], (folder / expected["file"]).read_bytes())
    assert isinstance(found, SummaryStatement)
    assert (found.problems, found.as_of, found.enterprises) == ((), "2024-07", expected["enterprises"])
    assert found.subscribed == expected["subscribed"]
    assert found.totals is not None and found.totals.traded_printed == expected["traded_printed"]
    assert control_total_ok(summary_controls(found).values()) == expected["control_total_ok"]
    by_kind = {
        kind: sum(one.subscribed or 0 for one in found.rows if one.kind == kind) for kind in ("LUMP", "INTENTION")
    }
    assert by_kind == {
        "LUMP": expected["unallocated"]["lump"],
        "INTENTION": expected["unallocated"]["intention"],
    }
    firms = {ids[squeeze(one.name)]: one.subscribed for one in found.rows if one.kind == "ENTERPRISE"}
    assert firms == expected["subscribed_by_enterprise"]


@pytest.mark.parametrize("key", ["green_power_may", "green_power"])
@pytest.mark.parametrize("folder", SHARED)
def test_the_parks_settlements_are_read_as_expected(folder: Path, key: str) -> None:
    """Under its two-row merged header: certificates net of corrections, and the parts of a MWh carried on."""
    expected = json.loads((folder / "expected.json").read_text())[key]
    found = read_statement(expected["file"], (folder / expected["file"]).read_bytes())
    assert isinstance(found, SettlementStatement) and found.totals is not None
    assert (found.problems, found.warnings, found.platform, len(found.rows)) == ((), (), "BEIJING", expected["rows"])
    assert sum(one.due for one in found.rows) == found.totals.due == expected["certificates_net"]
    assert sum(one.tail_kwh or 0 for one in found.rows) == expected["tail_kwh"]
    corrections = [(one.contract, one.production_month) for one in found.rows if one.is_correction]
    wanted = [(expected["correction_of"], "2024-05")] if "correction_of" in expected else []
    assert corrections == wanted
