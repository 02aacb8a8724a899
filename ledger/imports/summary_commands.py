"""The rows of a park summary -> subscriptions: the difference between what it says and what the book has."""

import datetime
from collections.abc import Sequence

from ledger.core.events import (
    Subscribe,
)
from ledger.imports.documents import SummaryRow, SummaryStatement
from ledger.imports.draft import Draft
from ledger.imports.matching import control_total_ok, summary_controls
from ledger.imports.report import Problem


def plan_summary(work: Draft, statement: SummaryStatement, held: dict[str, int]) -> None:
    """Add to the draft what the summary\'s rows wish for; `held` are the commitments in the book, by account."""
    report = work.report
    report.layout = "park_summary"
    report.rows, report.enterprises = len(statement.rows), statement.enterprises
    report.subscribed, report.traded = statement.subscribed, statement.traded
    controls = summary_controls(statement)
    report.control_total_ok = control_total_ok(controls.values()) or "none"
    for column, control in controls.items():
        if control == "no":
            report.problems.append(
                Problem(
                    report.file,
                    None,
                    None,
                    column,
                    "control_total",
                    "the rows do not add up to it",
                    "the printed total",
                )
            )
    unallocated: list[SummaryRow] = []
    for row in statement.rows:
        if not row.subscribed:
            continue
        if row.kind != "ENTERPRISE":
            unallocated.append(row)
            report.unallocated[row.kind.lower()] = report.unallocated.get(row.kind.lower(), 0) + row.subscribed
            continue
        party = work.party(row.name)
        if party is None:
            work.problem(
                row,
                "企业名称",
                "unknown_name",
                given=row.name,
                expected="a registered enterprise or one of its aliases",
            )
            continue
        report.by_enterprise[party] = {"subscribed": row.subscribed}
        _plan_subscription(work, statement, row, party, held.get(f"Commitment:Ent:{party}", 0))
    _plan_unallocated(work, statement, unallocated, held.get("Commitment:Unallocated", 0))


def _plan_subscription(work: Draft, statement: SummaryStatement, row: SummaryRow, party: str | None, held: int) -> None:
    assert row.subscribed is not None
    if row.subscribed < held:
        work.problem(
            row,
            "认购/数量",
            "subscription_decreased",
            given=str(row.subscribed),
            expected=f"at least {held}, as in the book; a withdrawal is an event of its own",
        )
        return
    if row.subscribed > held:
        status = "commitment" if row.kind == "ENTERPRISE" else row.kind.lower()
        command = Subscribe(
            enterprise=party,
            quantity=row.subscribed - held,
            status=status,  # type: ignore[arg-type]  # the reader's kinds are the command's
            occurred_on=(row.subscribed_on or _last_day(statement.as_of)).isoformat(),
            evidence=work.evidence(row.line, "DECLARED"),
        )
        key = f"subscription:{work.report.document[:32]}:{row.line}"
        work.commands.append((command, key, key))


def _plan_unallocated(work: Draft, statement: SummaryStatement, rows: Sequence[SummaryRow], held: int) -> None:
    """Lump rows and intentions share one account: what the book has of them is used up in the order of the rows."""
    for row in rows:
        assert row.subscribed is not None
        already = min(held, row.subscribed)
        held -= already
        _plan_subscription(work, statement, row, None, already)


def _last_day(month: str) -> datetime.date:
    year, number = map(int, month.split("-"))
    return datetime.date(year + number // 12, number % 12 + 1, 1) - datetime.timedelta(days=1)
