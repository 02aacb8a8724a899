"""What the command line prints for people: tables of imports, problems and the park."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ledger.imports.explaining import TableRead
from ledger.imports.meter_import import ReadingsReport
from ledger.imports.report import EFFECTS, ImportReport, Problem
from ledger.reports.invariants import Verdict
from ledger.reports.overview import Overview
from ledger.store.rebuild import Check

PROBLEMS_PRINTED = 30


def show_import(out: Console, err: Console, report: ImportReport) -> None:
    """An import's figures, and its problems on standard error."""
    table = Table(title=f"{report.file} ({report.layout})", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name in (
        "rows",
        "trades",
        "duplicates",
        "withdrawn",
        "refused",
        "traded",
        "transferred",
        "in_transit",
        *EFFECTS,
        "amount_fen",
        "subscribed",
        "enterprises",
        "certificates_net",
        "tail_kwh",
        "posted",
    ):
        if (value := getattr(report, name)) or name in {"rows", "refused", "posted"}:
            table.add_row(name, f"{value:,}")
    table.add_row("control total", report.control_total_ok)
    table.add_row("replayed", "yes" if report.replayed else "no")
    out.print(table)
    show_problems(err, report.problems)
    if report.problems:
        err.print("Nothing was posted.", style="red")


def show_readings(out: Console, err: Console, report: ReadingsReport) -> None:
    """What came of a file of readings, and its problems on standard error."""
    table = Table(title=report.file, title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name in ("values", "readings", "posted", "corrected", "replayed"):
        table.add_row(name, f"{getattr(report, name):,}")
    table.add_row("problems", f"{len(report.problems):,}")
    out.print(table)
    show_problems(err, report.problems)


def show_layout(out: Console, tables: Sequence[TableRead]) -> None:
    """How each table of a file would be read, column by column."""
    for one in tables:
        title = f"{one.layout}, {one.encoding}, header in line {one.header_line_last}"
        table = Table(title=title if one.sheet is None else f"{one.sheet}: {title}", title_justify="left")
        for name in ("column", "means", "unit", "first values"):
            table.add_column(name)
        for column in one.columns:
            table.add_row(column.header, column.field or "-", column.unit or "", " | ".join(column.values))
        out.print(table)
        out.print(f"No column for: {', '.join(one.absent) or 'nothing'}.")


def show_problems(err: Console, problems: Sequence[Problem]) -> None:
    """Where each problem stands, which rule it breaks, what was given and expected."""
    for problem in problems[:PROBLEMS_PRINTED]:
        place = ", ".join(
            part
            for part in (problem.file, problem.sheet, problem.line and f"line {problem.line}", problem.column)
            if part
        )
        text = f"{place}: {problem.rule}: {problem.given} (expected: {problem.expected})"
        err.print(text, style="red", markup=False, highlight=False)
    if len(problems) > PROBLEMS_PRINTED:
        err.print(f"... and {len(problems) - PROBLEMS_PRINTED} more (--json shows up to 1,000)", style="red")


def show_park(out: Console, overview: Overview) -> None:
    """The park by enterprise; the quantities are different things and stand in columns of their own."""
    table = Table(title="The park by enterprise (certificates)", title_justify="left", pad_edge=False)
    columns = ["subscribed", "traded", "in_transit", "held", "held_expired", "frozen", "retired"]
    totals = {column: sum(getattr(line, column) for line in overview.enterprises) for column in columns}
    totals["subscribed"] = overview.subscribed
    if not totals["frozen"]:
        columns.remove("frozen")
    for title in ("id", "name"):
        table.add_column(title, overflow="fold")
    for column in columns:  # a figure is never cut, however narrow the terminal
        table.add_column(column.replace("_", " "), justify="right", min_width=len(f"{totals[column]:,}"))
    for line in overview.enterprises:
        table.add_row(line.enterprise, line.name, *(f"{getattr(line, column):,}" for column in columns))
    table.add_row("-", "未分配 unallocated", f"{overview.unallocated:,}", *[""] * (len(columns) - 1))
    table.add_section()
    table.add_row(
        "", f"合计 {len(overview.enterprises)} enterprises", *(f"{totals[c]:,}" for c in columns), style="bold"
    )
    out.print(table)
    sums = ", ".join(f"{commodity} {total}" for commodity, total in overview.trial_balance.items())
    out.print(f"Trial balance (sum of all accounts): {sums}")
    out.print(f"Tree size {overview.tree_size}, root {overview.root}", highlight=False)


def show_rebuild(out: Console, err: Console, result: Check, verdicts: list[Verdict]) -> None:
    """What a rebuild found: differences and broken invariants, then the root."""
    for finding in result.findings:
        err.print(f"{finding.where}: {finding.problem}", style="red", markup=False)
    broken = [verdict for verdict in verdicts if verdict.state == "broken"]
    for verdict in broken:
        err.print(f"invariant {verdict.number} is broken: {verdict.title}", style="red", markup=False)
        for breach in verdict.breaches:
            err.print(f"  {breach}", markup=False)
    out.print(
        f"{result.records} records, {result.postings} postings: every projection is equal to the journal."
        if result.is_equal
        else f"{len(result.findings)} differences: the projections are NOT equal to the journal."
    )
    out.print(f"{sum(v.state == 'holds' for v in verdicts)} invariants hold, {len(broken)} are broken.")
    out.print(f"root {result.root}")
