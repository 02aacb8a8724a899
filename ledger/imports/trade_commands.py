"""The rows of a platform's trade statement -> commands, beside what the book knows of the same trades."""

from typing import Any

from ledger.core.certificate import LotFacts
from ledger.core.command import NoteWithdrawal
from ledger.core.events import (
    IdentifyTrade,
    Trade,
    TransferTrade,
    VoidTrade,
)
from ledger.core.party import lookup_name
from ledger.core.plans import units_of
from ledger.imports.cells import Period
from ledger.imports.documents import TRANSFERRED, WITHDRAWN, TradeRow, TradeStatement
from ledger.imports.draft import Draft, identifier
from ledger.imports.matching import control_total, control_total_ok, distinct_trades
from ledger.imports.report import Problem, problem_of


def trade_id_of(platform: str, row: TradeRow) -> str:
    """The identity of a row's trade."""
    return "/".join((identifier(platform), identifier(row.order), identifier(row.project_code), row.production_month))


def plan_trades(work: Draft, statement: TradeStatement, known: dict[str, Any], withdrawn: set[str]) -> None:
    """Add to the draft what the statement's trades wish for; `known` are rows of the same trades in the book.

    `withdrawn` are those that an earlier file, of a later day, showed to be withdrawn.
    """
    report = work.report
    report.layout = "platform_trades"
    distinct, duplicates, conflicts = distinct_trades(
        statement.rows, file=statement.file, name_key=lambda name: work.party(name) or lookup_name(name)
    )
    report.problems += [problem_of(conflict) for conflict in conflicts]
    standing = [row for row in distinct if row.state != WITHDRAWN]
    report.rows, report.trades, report.duplicates = len(statement.rows), len(standing), len(duplicates)
    report.withdrawn = len(distinct) - len(standing)
    report.traded = sum(row.quantity for row in standing)
    report.amount_fen = sum(row.amount_fen for row in standing)
    report.transferred = sum(row.quantity for row in standing if row.state == TRANSFERRED)
    report.in_transit = report.traded - report.transferred
    report.control_total_ok = control_total_ok(control_total(statement)) or "none"
    if report.control_total_ok == "no":
        printed = f"{statement.control_count} certificates, {statement.control_amount_fen} fen"
        found = f"{report.traded} certificates, {report.amount_fen} fen"
        report.problems.append(Problem(report.file, None, None, None, "control_total", found, printed))
    platform = work.platform(statement.platform)
    for row in distinct:
        trade_id = trade_id_of(statement.platform, row)
        earlier = known.get(trade_id)
        if row.state != WITHDRAWN and trade_id not in withdrawn:
            _plan_trade(work, row, earlier, trade_id, platform)
        elif row.state == WITHDRAWN and earlier is None and trade_id not in withdrawn:
            _plan_withdrawal(work, row, trade_id, statement.period)
        elif row.state == WITHDRAWN and earlier is not None and earlier[5] != "VOID":
            _plan_void(work, row, earlier, statement.period)


def _plan_withdrawal(work: Draft, row: TradeRow, trade_id: str, period: Period | None) -> None:
    """The platform withdrew a trade that the book never had: noted, so that an older file that shows it posts nothing.

    One that shows it as it still stood may be imported later than this.
    """
    noted = NoteWithdrawal(
        trade_id=trade_id,
        occurred_on=None if period is None else period.last.isoformat(),
        evidence=work.evidence("CONFIRMED", row.line),
    )
    work.commands.append((noted, f"withdrawal:{trade_id}", f"trade:{trade_id}"))


def _plan_void(work: Draft, row: TradeRow, earlier: Any, period: Period | None) -> None:
    """The platform withdrew a trade that is in the book: the whole of it is void from the statement's last day on."""
    trade_id, _, quantity, *_ = earlier
    if row.quantity != quantity:
        expected = f"as in the book: {quantity}"
        work.problem(row, "绿证数量", "trade_conflict", given=str(row.quantity), expected=expected)
        return
    void = VoidTrade(
        trade_id=trade_id,
        occurred_on=None if period is None else period.last.isoformat(),
        evidence=work.evidence("CONFIRMED", row.line),
    )
    work.commands.append((void, f"void:{trade_id}", f"void:{trade_id}"))
    work.report.voided += 1
    work.report.voided_quantity += row.quantity


def _plan_trade(work: Draft, row: TradeRow, earlier: Any, trade_id: str, platform: str) -> None:
    if (buyer := work.buyer(row, "买方名称")) is None:
        return
    totals = work.report.by_enterprise.setdefault(buyer, {"traded": 0, "transferred": 0})
    totals["traded"] += row.quantity
    totals["transferred"] += row.quantity if row.state == TRANSFERRED else 0
    seller = work.seller(row.seller_name)
    trade = _trade_of(work, row, buyer, seller, platform, trade_id)
    evidence = trade.evidence
    if earlier is None:
        work.commands.append((trade, f"trade:{trade_id}", f"trade:{trade_id}"))
        work.report.new_trades += 1
        work.report.new_quantity += row.quantity
    elif earlier[5] == "VOID":
        return  # the book knows more than this file
    elif differing := _differing(row, earlier, buyer, seller):
        work.problem(
            row,
            differing[0][0],
            "trade_conflict",
            given=", ".join(f"{field} {given}" for field, given, _ in differing),
            expected="as in the book: " + ", ".join(f"{field} {held}" for field, _, held in differing),
        )
        return
    if earlier is not None and not earlier[7]:
        _plan_identification(work, row, trade)
    if row.state == TRANSFERRED and (earlier is None or earlier[5] == "TRADED"):
        assert row.transferred_on is not None, "the reader refuses a transfer without a date"
        moved = TransferTrade(trade_id=trade_id, occurred_on=row.transferred_on.isoformat(), evidence=evidence)
        work.commands.append((moved, f"transfer:{trade_id}", f"transfer:{trade_id}"))
        work.report.progressed += earlier is not None
        work.report.progressed_quantity += 0 if earlier is None else row.quantity


def _trade_of(work: Draft, row: TradeRow, buyer: str, seller: str, platform: str, trade_id: str) -> Trade:
    return Trade(
        trade_id=trade_id,
        buyer=buyer,
        seller=seller,
        platform=platform,
        quantity=row.quantity,
        lot=LotFacts(
            code=trade_id,
            numbered=False,
            production_month=row.production_month,
            project=identifier(row.project_code),
            source=row.energy_source,
            tradable=row.tradable,
        ),
        code_first=row.code_first,
        code_last=row.code_last,
        mode=row.mode,
        price=row.price,
        amount_fen=row.amount_fen,
        occurred_on=row.traded_on.isoformat(),
        evidence=work.evidence("CONFIRMED", row.line),
    )


def _plan_identification(work: Draft, row: TradeRow, trade: Trade) -> None:
    """Number a trade's counted units where the row brings codes that can be read and fit."""
    if (
        row.code_first is None
        or row.code_last is None
        or not units_of(trade, work.policies, today=row.traded_on.isoformat()).serials
    ):
        return
    identify = IdentifyTrade(
        trade_id=trade.trade_id,
        code_first=row.code_first,
        code_last=row.code_last,
        occurred_on=(row.transferred_on or row.traded_on).isoformat(),
        evidence=trade.evidence,
    )
    work.commands.append((identify, f"identify:{trade.trade_id}", f"identify:{trade.trade_id}"))
    work.report.identified += 1
    work.report.identified_quantity += row.quantity


def _differing(row: TradeRow, earlier: Any, buyer: str, seller: str) -> list[tuple[str, object, object]]:
    """(field, given, held) of what a trade says differently from the book; its progress is no difference."""
    _, held_buyer, quantity, price, amount_fen, _, held_seller, _ = earlier
    pairs = [
        ("买方名称", buyer, held_buyer),
        ("绿证数量", row.quantity, quantity),
        ("单价", row.price, price),
        ("成交金额", row.amount_fen, amount_fen or 0),
        ("卖方名称", seller, held_seller),
    ]
    return [(field, given, held) for field, given, held in pairs if given != held]
