"""The rows of a green-power settlement -> bundles and their corrections, beside what the book knows of them."""

import datetime
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ledger.core.certificate import LotFacts
from ledger.core.events import (
    CorrectBundle,
    LinkCorrection,
    SettleBundle,
)
from ledger.core.settlement import correction_key, settled_lot, settlement_key
from ledger.imports.documents import SettlementRow, SettlementStatement
from ledger.imports.draft import Draft, identifier
from ledger.imports.matching import control_total_ok, match
from ledger.imports.provinces import province_letters
from ledger.imports.report import Problem


class Settled(NamedTuple):
    """What the book has under an evidence key of a settlement or a correction; all signs as of a receipt."""

    quantity: int
    amount_fen: int
    energy_kwh: int
    seller: str


class KnownSettlements(NamedTuple):
    """What the book knows of the settlements a file speaks of."""

    settled: dict[str, Settled]
    """By evidence key."""
    waiting: dict[str, tuple[int, datetime.date]]
    """Certificates that wait in suspense, and since when, by lot."""
    held: dict[str, int]
    """Certificates their buyers hold, by lot."""


def plan_settlement(work: Draft, statement: SettlementStatement, known: KnownSettlements) -> None:
    """Add to the draft what the settlement's rows wish for."""
    report = work.report
    report.layout = "green_power_settlement"
    rows, repeats = _distinct(statement.rows)
    report.rows, report.duplicates = len(statement.rows), len(repeats)
    report.certificates_net = sum(row.due for row in rows)
    report.tail_kwh = sum(row.tail_kwh or 0 for row in rows)
    report.amount_fen = sum(row.amount_fen or 0 for row in rows)
    _check_totals(work, statement, rows)
    platform = work.platform(statement.platform)
    settled = dict(known.settled)
    # What is settled comes first, so that a correction in the same file finds it.
    for row in sorted(rows, key=lambda row: row.settled_kwh < 0):
        if (buyer := work.buyer(row, "企业名称")) is None:
            continue
        figures = report.by_enterprise.setdefault(buyer, {"certificates": 0})
        figures["certificates"] += row.due
        if row.due and not row.transferred:
            work.warning(row, "已划转", "not_transferred_yet", given="", expected="the certificates transferred")
        elif row.due or row.settled_kwh:
            _plan_row(work, row, buyer, platform, settled)
    for row in rows:
        _plan_link(work, row, platform, known, settled)


def _distinct(rows: Iterable[SettlementRow]) -> tuple[list[SettlementRow], list[SettlementRow]]:
    """Each row once, and its repeats: the same but for where they stand."""
    kept: dict[Any, SettlementRow] = {}
    repeats = []
    for row in rows:
        content = tuple(getattr(row, name) for name in row.__struct_fields__ if name not in {"line", "sheet"})
        if kept.setdefault(content, row) is not row:
            repeats.append(row)
    return list(kept.values()), repeats


def _check_totals(work: Draft, statement: SettlementStatement, rows: list[SettlementRow]) -> None:
    totals = statement.totals
    if totals is None:
        return
    found = {
        "settled_kwh": sum(row.settled_kwh for row in rows),
        "amount_fen": sum(row.amount_fen or 0 for row in rows),
        "due": sum(row.due for row in rows),
        "transferred": sum(row.transferred or 0 for row in rows),
        "tail_kwh": sum(row.tail_kwh or 0 for row in rows),
    }
    controls = {name: match(figure, getattr(totals, name), within=0) for name, figure in found.items()}
    work.report.control_total_ok = control_total_ok(controls.values()) or "none"
    for name, control in controls.items():
        if control == "no":
            printed = str(getattr(totals, name))
            problem = Problem(work.report.file, None, None, name, "control_total", str(found[name]), printed)
            work.report.problems.append(problem)


def keys_of(statement: SettlementStatement, names: Callable[[str], str | None]) -> tuple[list[str], list[str]]:
    """(evidence keys, lots) of the settlements and corrections a file speaks of; `names` gives the party of a name."""
    keys, lots = set(), set()
    for row in statement.rows:
        if (buyer := names(row.buyer_name)) is not None:
            lot = _lot_of(row, buyer)
            lots.add(lot.code)
            keys |= {settlement_key(buyer, identifier(row.contract), lot), _key_of(row, buyer, lot)}
    return sorted(keys), sorted(lots)


def _key_of(row: SettlementRow, buyer: str, lot: LotFacts) -> str:
    """The evidence key of a row: of its settlement, or of its correction of one."""
    contract = identifier(row.contract)
    if not row.is_correction:
        return settlement_key(buyer, contract, lot)
    return correction_key(buyer, contract, lot, row.transferred_on.isoformat() if row.transferred_on else None)


def _plan_row(work: Draft, row: SettlementRow, buyer: str, platform: str, settled: dict[str, Settled]) -> None:
    seller, contract, lot = work.seller(row.seller_name), identifier(row.contract), _lot_of(row, buyer)
    key, is_known = _key_of(row, buyer, lot), settlement_key(buyer, contract, lot) in settled
    if not _is_new(work, row, key, Settled(row.due, row.amount_fen or 0, row.settled_kwh, seller), settled):
        return
    assert row.transferred_on is not None, "the reader refuses a transfer without a date"
    occurred_on, evidence = row.transferred_on.isoformat(), work.evidence(row.line)
    if row.settled_kwh < 0:
        correct = CorrectBundle(
            buyer=buyer, seller=seller, contract=contract, platform=platform, lot=lot, energy_kwh=-row.settled_kwh,
            quantity=-row.due, amount_fen=None if row.amount_fen is None else -row.amount_fen,
            occurred_on=occurred_on, evidence=evidence,
        )  # fmt: skip
        work.commands.append((correct, key, key))
        work.report.corrected += is_known
        work.report.original_missing += not is_known
        return
    settle = SettleBundle(
        buyer=buyer, seller=seller, contract=contract, energy_kwh=row.settled_kwh, quantity=row.due, lot=lot,
        amount_fen=row.amount_fen, occurred_on=occurred_on, evidence=evidence,
    )  # fmt: skip
    work.commands.append((settle, key, key))
    work.report.new_trades += 1
    work.report.new_quantity += row.due


def _lot_of(row: SettlementRow, buyer: str) -> LotFacts:
    project = identifier(row.project)
    return LotFacts(
        code=settled_lot(buyer, identifier(row.contract), project, row.production_month),
        numbered=False,
        production_month=row.production_month,
        project=project,
        province=province_letters(row.province),
        source=row.energy_source,
    )


def _is_new(work: Draft, row: SettlementRow, key: str, said: Settled, settled: dict[str, Settled]) -> bool:
    """Whether the book has nothing of it yet; a problem, where it has something else."""
    known = settled.setdefault(key, said)
    if known is said:
        return True
    names = {"quantity": "已划转", "amount_fen": "环境价值费用", "energy_kwh": "绿电结算电量", "seller": "发电企业"}
    differing = [name for name in Settled._fields if getattr(known, name) != getattr(said, name)]
    if differing:
        work.problem(
            row,
            names[differing[0]],
            "settlement_conflict",
            given=", ".join(f"{names[name]} {getattr(said, name)}" for name in differing),
            expected="as in the book: " + ", ".join(f"{names[name]} {getattr(known, name)}" for name in differing),
        )
    return False


def _plan_link(
    work: Draft, row: SettlementRow, platform: str, known: KnownSettlements, settled: dict[str, Settled]
) -> None:
    """Link what waits for this settlement, where its buyer has the certificates."""
    buyer = work.party(row.buyer_name)
    if buyer is None or row.is_correction:
        return
    lot = _lot_of(row, buyer)
    waiting, since = known.waiting.get(lot.code, (0, None))
    link = LinkCorrection(
        buyer=buyer,
        contract=identifier(row.contract),
        platform=platform,
        lot=lot,
        occurred_on=max(day for day in (row.transferred_on, since) if day is not None).isoformat() if since else None,
        evidence=work.evidence(row.line),
    )
    key = settlement_key(buyer, link.contract, lot)
    if not waiting or key not in settled:
        return
    held = known.held.get(lot.code, 0) + (0 if key in known.settled else row.due)
    if held < waiting:
        work.warning(row, "已划转", "units_moved_on", given=str(waiting), expected=f"as many held; there are {held}")
        return
    work.commands.append((link, f"link:{work.report.document[:32]}:{row.line}", None))
    work.report.linked += 1
