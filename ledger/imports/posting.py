"""A statement file -> commands -> the writer, whole or not at all.

Trades of a platform post as two facts each: the trade, and its transfer where the file says it was transferred.
A trade's identity is platform, order, project and production month; a later file may bring it further (in
transit to transferred, counted to numbered, or void), any other difference is a conflict. A park summary posts
subscriptions only, as the difference between what it says and what the book has; its trade column is a check.
A file that was imported before posts nothing, whatever has happened to its trades since.
"""

import asyncio
import hashlib
import secrets
from typing import Any

import msgspec

from ledger.core.command import (
    Batch,
    Principal,
    RecordImport,
    RegisterParty,
    Request,
    canonical,
)
from ledger.core.party import lookup_name
from ledger.core.policy import PolicyBook, PolicyRow
from ledger.core.record import ImportBody, decode
from ledger.imports.documents import SettlementStatement, SummaryStatement, TradeStatement
from ledger.imports.draft import Draft
from ledger.imports.report import EFFECTS, PROBLEMS_SHOWN, ImportReport, Problem, problem_of
from ledger.imports.settlement_commands import KnownSettlements, Settled, keys_of, plan_settlement
from ledger.imports.sheets import StatementUnreadable
from ledger.imports.statement import read_statement
from ledger.imports.summary_commands import plan_summary
from ledger.imports.trade_commands import plan_trades, trade_id_of
from ledger.store.session import Query, Reader, Scope
from ledger.writer import BATCH_MAX, Posted, Refused, Writer


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
    work = Draft(report, principal, names, await _policies(reader, scope), sellers)
    match statement:
        case TradeStatement():
            plan_trades(work, statement, *await _known_trades(reader, scope, statement))
        case SettlementStatement():
            plan_settlement(work, statement, await _known_settlements(reader, scope, work, statement))
        case SummaryStatement():
            plan_summary(work, statement, await _commitments(reader, scope))
    if (earlier := await _imported(reader, scope, report.document)) is not None:
        # Its trades may have gone further since, by later files: what it said then is said again, and nothing posts.
        report.problems = [problem_of(p) for p in statement.problems]
        for name_of in EFFECTS:
            setattr(report, name_of, int(earlier.figures.get(name_of, "0")))
        report.replayed = not dry_run
        return report
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


async def _policies(reader: Reader, scope: Scope) -> PolicyBook:
    """The rules, by which certificate codes are read."""
    (rows,) = await reader.fetch(scope, Query("select log_index, content from visible_policy order by 1"))
    policies = PolicyBook()
    for index, content in rows:
        policies.add(index, msgspec.convert(content, PolicyRow))
    return policies


async def _imported(reader: Reader, scope: Scope, document: str) -> ImportBody | None:
    """What the journal says of an earlier import of the same file, or None; anybody may have used its key otherwise."""
    (rows,) = await reader.fetch(scope, Query("select import_record(%s)", (f"import:{document}",)))
    if rows[0][0] is None:
        return None
    body = decode(rows[0][0]).body
    return body if isinstance(body, ImportBody) else None


async def _known_trades(reader: Reader, scope: Scope, statement: TradeStatement) -> tuple[dict[str, Any], set[str]]:
    """The trades of a file that are in the book, and those noted as withdrawn that never were."""
    ids = list({trade_id_of(statement.platform, row) for row in statement.rows})
    keys = [f"trade:{trade_id}" for trade_id in ids]
    rows, used = await reader.fetch(scope, Query(_KNOWN_TRADES, (ids,)), Query(_USED, (keys,)))
    known = {row[0]: row for row in rows}
    return known, {key.removeprefix("trade:") for (key,) in used} - known.keys()


_USED = "select evidence_key from visible_evidence where evidence_key = any(%s)"
_KNOWN_TRADES = """
    select t.trade_id, t.buyer, t.quantity, t.price, t.amount_fen, t.state, t.seller, l.numbered
    from visible_trade t join visible_lot l using (lot_id) where t.trade_id = any(%s)
"""


async def _known_settlements(
    reader: Reader, scope: Scope, work: Draft, statement: SettlementStatement
) -> KnownSettlements:
    keys, lots = keys_of(statement, work.party)
    settled, stock = await reader.fetch(scope, Query(_KNOWN_SETTLEMENTS, (keys,)), Query(_STOCK, (lots,)))
    return KnownSettlements(
        settled={key: Settled(*figures) for key, *figures in settled},
        waiting={lot: (-quantity, since) for kind, lot, quantity, since in stock if kind == "suspense" and quantity},
        held={lot: quantity for kind, lot, quantity, _ in stock if kind == "holding_ent"},
    )


_KNOWN_SETTLEMENTS = """
    select e.evidence_key,
        -coalesce(sum(p.quantity) filter (where a.kind in ('external', 'holding_project')), 0)::bigint,
        -coalesce(sum(p.quantity) filter (where a.kind = 'payable'), 0)::bigint,
        -coalesce(sum(case when a.kind = 'metered_contract' then p.quantity
            when a.kind in ('external', 'holding_project') then 1000 * p.quantity end), 0)::bigint,
        max(regexp_replace(a.name, '^.*:', '')) filter (where a.kind in ('external', 'holding_project'))
    from visible_evidence e join visible_posting p using (log_index) join visible_account a using (account_id)
    where e.evidence_key = any(%s) group by 1
"""
_STOCK = """
    select a.kind, l.code, sum(b.quantity)::bigint, max(b.last_on)
    from visible_lot l join visible_balance b using (lot_id) join visible_account a using (account_id)
    where l.code = any(%s) and a.kind in ('suspense', 'holding_ent') group by 1, 2
"""


async def _commitments(reader: Reader, scope: Scope) -> dict[str, int]:
    (rows,) = await reader.fetch(scope, Query(_COMMITMENTS))
    return dict(rows)


_COMMITMENTS = """
    select a.name, sum(b.quantity)::bigint from visible_account a join visible_balance b using (account_id)
    where a.commodity = 'GECSUB' group by 1
"""


_FILE_FIGURES = (
    "rows",
    "trades",
    "duplicates",
    "withdrawn",
    "traded",
    "transferred",
    "amount_fen",
    "subscribed",
    "certificates_net",
    "tail_kwh",
)


async def _post(work: Draft, writer: Writer) -> None:
    """Post all of it or nothing; the record of the import itself comes last, whether or not there was anything new."""
    report = work.report
    figures = {name: str(getattr(report, name)) for name in (*_FILE_FIGURES, *EFFECTS)}
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
