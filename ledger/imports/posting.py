"""A statement file -> commands -> the writer, whole or not at all.

Trades of a platform post as two facts each: the trade, and its transfer where the file says it was transferred.
A trade's identity is platform, order, project and production month; a later file may bring it further (in
transit to transferred), any other difference is a conflict. A park summary posts subscriptions only, as the
difference between what it says and what the book has; its trade column is a check.
"""

import asyncio
import datetime
import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Any

from ledger.core.certificate import LotFacts
from ledger.core.command import (
    Batch,
    Command,
    Evidence,
    Level,
    Principal,
    RecordImport,
    RegisterParty,
    Request,
    Subscribe,
    Trade,
    TransferTrade,
    canonical,
)
from ledger.core.party import lookup_name
from ledger.imports.documents import (
    TRANSFERRED,
    WITHDRAWN,
    SummaryRow,
    SummaryStatement,
    TradeRow,
    TradeStatement,
)
from ledger.imports.matching import control_total, control_total_ok, distinct_trades, summary_controls
from ledger.imports.report import PROBLEMS_SHOWN, ImportReport, Problem, problem_of
from ledger.imports.sheets import StatementUnreadable
from ledger.imports.statement import read_statement
from ledger.store.session import Query, Reader, Scope
from ledger.writer import BATCH_MAX, Posted, Refused, Writer


class _Import:
    """One file on its way: what it needs to know, what it wants to post, what is wrong."""

    def __init__(self, report: ImportReport, principal: Principal, names: dict[str, str]) -> None:
        self.report = report
        self.principal = principal
        self.names = names
        self.commands: list[tuple[Command, str, str | None]] = []
        """(command, request key, evidence key), in the order they post."""

    def party(self, name: str) -> str | None:
        """The party of a name or alias, or None; names are never guessed."""
        return self.names.get(lookup_name(name))

    def evidence(self, level: Level, line: int) -> Evidence:
        """What a row of this file rests on."""
        return Evidence(document=self.report.document, level=level, line=str(line))

    def problem(self, row: TradeRow | SummaryRow, column: str, rule: str, *, given: str, expected: str) -> None:
        """Note a row that cannot post."""
        self.report.problems.append(Problem(self.report.file, row.sheet, row.line, column, rule, given, expected))


async def import_statement(
    name: str,
    content: bytes,
    *,
    writer: Writer,
    reader: Reader,
    scope: Scope,
    principal: Principal,
    dry_run: bool = False,
) -> ImportReport:
    """Read, check and post a statement file. Nothing is posted where the report has problems, or on a dry run."""
    report = ImportReport(file=name, document=hashlib.sha256(content).hexdigest(), dry_run=dry_run)
    try:
        statement = await asyncio.to_thread(read_statement, name, content)
    except StatementUnreadable as why:
        report.problems.append(
            Problem(name, None, why.line, None, why.rule, why.message, "a statement this version reads")
        )
        report.refused = 1
        return report
    report.encoding = statement.encoding
    report.problems += [problem_of(p) for p in statement.problems]
    report.warnings += [problem_of(p) for p in statement.warnings]
    names, sellers = await _parties(reader, scope)
    work = _Import(report, principal, names)
    if isinstance(statement, TradeStatement):
        known = await _known_trades(reader, scope, statement)
        _plan_trades(work, statement, known, sellers)
    else:
        _plan_summary(work, statement, await _commitments(reader, scope))
    report.refused = len({(p.sheet, p.line) for p in report.problems})
    if len(work.commands) >= BATCH_MAX:
        limit = str(BATCH_MAX - 1)
        report.problems.append(Problem(name, None, None, None, "too_many_facts", str(len(work.commands)), limit))
    if not report.problems and not dry_run:
        await _post(work, writer)
    report.problems = report.problems[:PROBLEMS_SHOWN]
    report.warnings = report.warnings[:PROBLEMS_SHOWN]
    return report


async def _parties(reader: Reader, scope: Scope) -> tuple[dict[str, str], int]:
    """Parties by the lookup form of their names, and how many sellers there are."""
    names, ((sellers,),), platforms = await reader.fetch(
        scope,
        Query("select lookup, party_id from visible_name"),
        Query("select count(*) from visible_party where kind = 'seller'"),
        Query("select party_id from visible_party where kind = 'platform'"),
    )
    # A platform is known by its id, whatever name it was registered with.
    return {lookup_name(party): party for (party,) in platforms} | dict(names), sellers


async def _known_trades(reader: Reader, scope: Scope, statement: TradeStatement) -> dict[str, Any]:
    ids = list({_trade_id(statement.platform, row) for row in statement.rows})
    (rows,) = await reader.fetch(scope, Query(_KNOWN_TRADES, (ids,)))
    return {row[0]: row for row in rows}


_KNOWN_TRADES = """
    select t.trade_id, t.buyer, t.quantity, t.price, t.amount_fen, t.state, t.seller, l.numbered
    from visible_trade t join visible_lot l using (lot_id) where t.trade_id = any(%s)
"""


def _trade_id(platform: str, row: TradeRow) -> str:
    return "/".join(
        (_identifier(platform), _identifier(row.order), _identifier(row.project_code), row.production_month)
    )


def _identifier(text: str) -> str:
    """The text where a record may carry it as it is, else a digest of it: no free text enters the journal."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        return text
    return "x-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _plan_trades(work: _Import, statement: TradeStatement, known: dict[str, Any], sellers: int) -> None:
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
    parties = _Parties(work, statement.platform, sellers)
    for row in distinct:
        earlier = known.get(_trade_id(statement.platform, row))
        if row.state == WITHDRAWN:
            if earlier is not None:
                work.problem(
                    row,
                    "交易状态",
                    "withdrawn_after_trade",
                    given=row.order,
                    expected="a trade that is not in the book; voiding one is a reversal",
                )
            continue
        _plan_trade(work, row, earlier, parties)


class _Parties:
    """Resolves buyers strictly; sellers and the platform are outside parties and are registered on first sight."""

    def __init__(self, work: _Import, platform: str, sellers: int) -> None:
        self._work = work
        self._sellers = sellers
        self.platform = _identifier(platform)
        if work.party(self.platform) is None:
            self._register(self.platform, "platform", self.platform)

    def seller(self, name: str | None) -> str:
        """The seller's party; rows that name none share one."""
        name = name or "（未注明卖方）"
        known = self._work.party(name)
        if known is not None:
            return known
        self._sellers += 1
        return self._register(f"S-{self._sellers:04}", "seller", name)

    def _register(self, party: str, kind: str, name: str) -> str:
        command = RegisterParty(party=party, kind=kind, name=name)  # type: ignore[arg-type]  # our own kinds
        self._work.commands.append((command, f"register:{party}", None))
        self._work.names[lookup_name(name)] = party
        return party


def _plan_trade(work: _Import, row: TradeRow, earlier: Any, parties: _Parties) -> None:
    buyer = work.party(row.buyer_name)
    if buyer is None:
        work.problem(
            row,
            "买方名称",
            "unknown_name",
            given=row.buyer_name,
            expected="a registered enterprise or one of its aliases",
        )
        return
    totals = work.report.by_enterprise.setdefault(buyer, {"traded": 0, "transferred": 0})
    totals["traded"] += row.quantity
    totals["transferred"] += row.quantity if row.state == TRANSFERRED else 0
    seller = parties.seller(row.seller_name)
    trade_id = _trade_id(parties.platform, row)
    evidence = work.evidence("CONFIRMED", row.line)
    if earlier is None:
        trade = Trade(
            trade_id=trade_id,
            buyer=buyer,
            seller=seller,
            platform=parties.platform,
            quantity=row.quantity,
            lot=LotFacts(
                code=trade_id,
                numbered=False,
                production_month=row.production_month,
                project=_identifier(row.project_code),
                source=row.energy_source,
                tradable=row.tradable,
            ),
            code_first=row.code_first,
            code_last=row.code_last,
            mode=row.mode,
            price=row.price,
            amount_fen=row.amount_fen,
            occurred_on=row.traded_on.isoformat(),
            evidence=evidence,
        )
        work.commands.append((trade, f"trade:{trade_id}", f"trade:{trade_id}"))
    elif differing := _differing(row, earlier, buyer, seller):
        work.problem(
            row,
            differing[0][0],
            "trade_conflict",
            given=", ".join(f"{field} {given}" for field, given, _ in differing),
            expected="as in the book: " + ", ".join(f"{field} {held}" for field, _, held in differing),
        )
        return
    if row.state == TRANSFERRED and (earlier is None or earlier[5] == "TRADED"):
        assert row.transferred_on is not None, "the reader refuses a transfer without a date"
        moved = TransferTrade(trade_id=trade_id, occurred_on=row.transferred_on.isoformat(), evidence=evidence)
        work.commands.append((moved, f"transfer:{trade_id}", f"transfer:{trade_id}"))
        work.report.progressed += earlier is not None


def _differing(row: TradeRow, earlier: Any, buyer: str, seller: str) -> list[tuple[str, object, object]]:
    """(field, given, held) of what a trade says differently from the book; its progress is no difference."""
    _, held_buyer, quantity, price, amount_fen, state, held_seller, _ = earlier
    pairs = [
        ("买方名称", buyer, held_buyer),
        ("绿证数量", row.quantity, quantity),
        ("单价", row.price, price),
        ("成交金额", row.amount_fen, amount_fen or 0),
        ("卖方名称", seller, held_seller),
    ]
    if state == "TRANSFERRED" and row.state != TRANSFERRED:
        pairs.append(("交易状态", row.state, state))
    return [(field, given, held) for field, given, held in pairs if given != held]


async def _commitments(reader: Reader, scope: Scope) -> dict[str, int]:
    (rows,) = await reader.fetch(scope, Query(_COMMITMENTS))
    return dict(rows)


_COMMITMENTS = """
    select a.name, sum(b.quantity)::bigint from visible_account a join visible_balance b using (account_id)
    where a.commodity = 'GECSUB' group by 1
"""


def _plan_summary(work: _Import, statement: SummaryStatement, held: dict[str, int]) -> None:
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


def _plan_subscription(
    work: _Import, statement: SummaryStatement, row: SummaryRow, party: str | None, held: int
) -> None:
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
            evidence=work.evidence("DECLARED", row.line),
        )
        key = f"subscription:{work.report.document[:32]}:{row.line}"
        work.commands.append((command, key, key))


def _plan_unallocated(work: _Import, statement: SummaryStatement, rows: Sequence[SummaryRow], held: int) -> None:
    """Lump rows and intentions share one account: what the book has of them is used up in the order of the rows."""
    for row in rows:
        assert row.subscribed is not None
        already = min(held, row.subscribed)
        held -= already
        _plan_subscription(work, statement, row, None, already)


def _last_day(month: str) -> datetime.date:
    year, number = map(int, month.split("-"))
    return datetime.date(year + number // 12, number % 12 + 1, 1) - datetime.timedelta(days=1)


async def _post(work: _Import, writer: Writer) -> None:
    """Post all of it or nothing; the record of the import itself comes last, whether or not there was anything new."""
    report = work.report
    figures = {
        name: str(getattr(report, name))
        for name in ("rows", "trades", "duplicates", "withdrawn", "traded", "transferred", "amount_fen", "subscribed")
    }
    closing = RecordImport(document=report.document, layout=report.layout, figures=figures)
    work.commands.append((closing, f"import:{report.document}", None))
    requests = [
        Request(
            command=command,
            principal=work.principal,
            request_key=key,
            evidence_key=evidence_key,
            batch=Batch(i=str(at), id=report.document[:32], n=str(len(work.commands))),
            canonical=canonical(command),
            salt_seed=secrets.token_bytes(32) if isinstance(command, RegisterParty) else b"",
        )
        for at, (command, key, evidence_key) in enumerate(work.commands, start=1)
    ]
    outcomes = await writer.submit_batch(requests, atomic=True)
    report.posted = sum(isinstance(o, Posted) and not o.replayed for o in outcomes)
    report.replayed = report.posted == 0
    failing = [(r, o) for r, o in zip(requests, outcomes, strict=True) if not isinstance(o, Posted)]
    for request, outcome in failing:
        code = outcome.refusal.code if isinstance(outcome, Refused) else "outcome_unknown"
        if code == "batch_refused":
            continue
        given = outcome.refusal.detail() if isinstance(outcome, Refused) else "the database did not answer"
        line = getattr(getattr(request.command, "evidence", None), "line", None)
        report.problems.append(
            Problem(report.file, None, int(line) if line else None, None, code, given, "import the file again")
        )
    if failing:
        report.posted, report.replayed = 0, False
        report.refused = report.rows
