"""The rows of a platform's trade statement -> commands, beside what the book knows of the same trades."""

import datetime
from typing import Any

from ledger.core.certificate import LotFacts
from ledger.core.command import NoteWithdrawal
from ledger.core.events import (
    CorrectTrade,
    IdentifyTrade,
    LinkTrade,
    Trade,
    TransferTrade,
    VoidTrade,
)
from ledger.core.party import lookup_name
from ledger.core.plans import units_of
from ledger.imports.cells import Period
from ledger.imports.documents import REVERSAL, REVERSAL_WHOLE, REVERSALS, TRANSFERRED, WITHDRAWN, TradeRow
from ledger.imports.draft import Draft, identifier
from ledger.imports.frames import TradesClosed, TradesOpened
from ledger.imports.matching import chain_of, control_total_ok, match
from ledger.imports.prices import Prices
from ledger.imports.provinces import province_letters
from ledger.imports.report import Problem, problem_of


def trade_id_of(platform: str, row: TradeRow) -> str:
    """The identity of a row's trade."""
    return "/".join((identifier(platform), identifier(row.order), identifier(row.project_code), row.production_month))


WaitingTrades = dict[str, tuple[int, datetime.date]]
"""Certificates that wait in suspense for their trade, and since when, by trade."""


class TradePlan:
    """Plans a platform's trades, some rows at a time, and adds up what the file says."""

    def __init__(self, work: Draft, opened: TradesOpened, closed: TradesClosed, waiting: WaitingTrades) -> None:
        self.work = work
        self._waiting = waiting
        self._prices = Prices()
        self.report = work.report
        self._opened = opened
        self._closed = closed
        self._platform = work.platform(opened.platform)
        self.report.layout = "platform_trades"
        self.report.encoding = opened.encoding
        self.report.problems += [problem_of(problem) for problem in closed.problems]
        self.report.warnings += [problem_of(warning) for warning in closed.warnings]

    def merge(self, rows: list[TradeRow]) -> list[TradeRow]:
        """Rows of one trade as what posts of them, in order; none, and a problem, where they contradict each other."""
        found = chain_of(rows, file=self.report.file, name_key=lambda name: self.work.party(name) or lookup_name(name))
        self.report.duplicates += 0 if found.conflicts else found.duplicates
        self.report.problems += [problem_of(conflict) for conflict in found.conflicts]
        return found.kept

    def take(self, rows: list[TradeRow], known: dict[str, Any], used: set[str]) -> None:
        """Add to the draft what these rows wish for; no two of them are the same fact.

        `known` are rows of the same trades in the book; of `used`, the evidence keys that are used up, a trade that is
        not in the book is one that an earlier file, of a later day, showed to be withdrawn.
        """
        report, work, period = self.report, self.work, self._opened.period
        for row in rows:
            trade_id = trade_id_of(self._opened.platform, row)
            earlier = known.get(trade_id)
            withdrawn = set() if earlier is not None or f"trade:{trade_id}" not in used else {trade_id}
            if row.state in REVERSALS:
                _plan_reversal(work, row, earlier, trade_id, used, self._platform)
                continue
            if row.state == WITHDRAWN:
                report.withdrawn += 1
                if earlier is None and trade_id not in withdrawn:
                    _plan_withdrawal(work, row, trade_id, period)
                elif earlier is not None and earlier[5] != "VOID":
                    _plan_void(work, row, earlier, period)
                continue
            self._prices.add(row)
            report.trades += 1
            report.traded += row.quantity
            report.amount_fen += row.amount_fen
            report.transferred += row.quantity if row.state == TRANSFERRED else 0
            if trade_id not in withdrawn:
                _plan_trade(work, row, earlier, trade_id, self._platform)
                if earlier is None and trade_id in self._waiting:
                    _plan_link(work, row, trade_id, *self._waiting[trade_id])

    def close(self, row_count: int) -> None:
        """Compare with what the file prints under its rows, once all of them were taken."""
        report, closed = self.report, self._closed
        report.rows = row_count
        report.in_transit = report.traded - report.transferred
        for row, rows, median in self._prices.outliers():
            expected = f"a price near the {median} yuan of its vintage; {rows} rows have this one"
            self.work.warning(row, "单价", "price_outlier", given=row.price or "", expected=expected)
        count = match(report.traded, closed.control_count, within=closed.control_half_unit)
        amount = match(report.amount_fen, closed.control_amount_fen, within=0)
        report.control_total_ok = control_total_ok((count, amount)) or "none"
        if report.control_total_ok == "no":
            printed = f"{closed.control_count} certificates, {closed.control_amount_fen} fen"
            found = f"{report.traded} certificates, {report.amount_fen} fen"
            report.problems.append(Problem(report.file, None, None, None, "control_total", found, printed))


def void_key(trade_id: str, row: TradeRow) -> str:
    """The evidence key of a row that takes some of a trade back; all of a trade is withdrawn once."""
    if row.state == REVERSAL_WHOLE:
        return f"void:{trade_id}"
    return f"void:{trade_id}/{-row.quantity}/{row.transferred_on or row.traded_on}"


def _plan_reversal(work: Draft, row: TradeRow, earlier: Any, trade_id: str, used: set[str], platform: str) -> None:
    """So much of a trade is taken back (冲销): all of it, or some; figures of the file are net of it."""
    report, quantity = work.report, -row.quantity
    is_whole = row.state == REVERSAL_WHOLE or (earlier is not None and quantity == earlier[2])
    if (buyer := work.buyer(row, "买方名称")) is None:
        return
    totals = report.by_enterprise.setdefault(buyer, {"traded": 0, "transferred": 0})
    report.traded -= quantity
    report.amount_fen += row.amount_fen
    totals["traded"] -= quantity
    if row.state != REVERSAL and is_whole:
        report.trades -= 1
    if row.transferred_on is not None:
        report.transferred -= quantity
        totals["transferred"] -= quantity
    key = f"void:{trade_id}" if is_whole else void_key(trade_id, row)
    if key in used or (earlier is not None and earlier[5] == "VOID"):
        return
    if earlier is None and row.state == REVERSAL:
        _plan_waiting(work, row, trade_id, key, buyer, platform)
        return
    void = VoidTrade(
        trade_id=trade_id,
        occurred_on=(row.transferred_on or row.traded_on).isoformat(),
        evidence=work.evidence(row.line),
        quantity=None if is_whole else quantity,
    )
    work.commands.append((void, key, key))
    report.voided += 1
    report.voided_quantity += quantity


def _plan_waiting(work: Draft, row: TradeRow, trade_id: str, key: str, buyer: str, platform: str) -> None:
    """A trade that is not in the book is taken back: it stands in suspense until the trade comes."""
    correct = CorrectTrade(
        trade_id=trade_id,
        buyer=buyer,
        seller=work.seller(row.seller_name),
        platform=platform,
        quantity=-row.quantity,
        lot=_lot_of(row, trade_id),
        amount_fen=-row.amount_fen or None,
        occurred_on=(row.transferred_on or row.traded_on).isoformat(),
        evidence=work.evidence(row.line),
    )
    work.commands.append((correct, key, key))
    work.report.original_missing += 1
    expected = "a trade that is in the book, or in this file; it stands in suspense until then"
    work.warning(row, "订单编号", "original_missing", given=row.order, expected=expected)


def _plan_link(work: Draft, row: TradeRow, trade_id: str, quantity: int, since: datetime.date) -> None:
    """The trade has come: what was taken back of it before is taken off it, and waits no longer."""
    if quantity > row.quantity:
        expected = f"no more than the trade's {row.quantity}; it stays in suspense"
        work.warning(row, "绿证数量", "reversal_above_original", given=str(quantity), expected=expected)
        return
    day, evidence = max(since, row.transferred_on or row.traded_on).isoformat(), work.evidence(row.line)
    part = None if quantity == row.quantity else quantity
    void = VoidTrade(trade_id=trade_id, occurred_on=day, evidence=evidence, quantity=part)
    link = LinkTrade(trade_id=trade_id, occurred_on=day, evidence=evidence)
    work.commands.append((void, f"waited:{trade_id}", f"void:{trade_id}" if part is None else None))
    work.commands.append((link, f"link:{trade_id}", None))
    work.report.linked += 1


def _plan_withdrawal(work: Draft, row: TradeRow, trade_id: str, period: Period | None) -> None:
    """The platform withdrew a trade that the book never had: noted, so that an older file that shows it posts nothing.

    One that shows it as it still stood may be imported later than this.
    """
    noted = NoteWithdrawal(
        trade_id=trade_id,
        occurred_on=None if period is None else period.last.isoformat(),
        evidence=work.evidence(row.line),
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
        evidence=work.evidence(row.line),
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
        lot=_lot_of(row, trade_id),
        code_first=row.code_first,
        code_last=row.code_last,
        mode=row.mode,
        price=row.price,
        amount_fen=row.amount_fen,
        occurred_on=row.traded_on.isoformat(),
        evidence=work.evidence(row.line),
    )


def _lot_of(row: TradeRow, trade_id: str) -> LotFacts:
    return LotFacts(
        code=trade_id,
        numbered=False,
        production_month=row.production_month,
        project=identifier(row.project_code),
        province=province_letters(row.province),
        source=row.energy_source,
        tradable=row.tradable,
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
