"""Registering the park's key energy users from a CSV file."""

import hashlib

import msgspec

from ledger.core.command import RegisterParty
from ledger.core.party import NAME_CHARS_MAX
from ledger.database import local_principal, request
from ledger.imports.enterprises import read_enterprises
from ledger.imports.report import Problem
from ledger.imports.sheets import StatementUnreadable
from ledger.writer import Posted, Refused, Writer


class RegisterReport(msgspec.Struct, kw_only=True):
    """What a register file says and what was done with it."""

    file: str
    document: str
    enterprises: int = 0
    registered: int = 0
    known: int = 0
    replayed: bool = False
    problems: list[Problem] = msgspec.field(default_factory=list)


async def register(name: str, content: bytes, *, writer: Writer) -> RegisterReport:
    """Register every enterprise of the file or none; one already registered just so is a replay."""
    report = RegisterReport(file=name, document=hashlib.sha256(content).hexdigest())
    try:
        read = read_enterprises(name, content)
    except StatementUnreadable as why:
        report.problems.append(Problem(name, None, why.line, None, why.rule, why.message, "a register of enterprises"))
        return report
    report.problems = [Problem(**msgspec.structs.asdict(problem)) for problem in read.problems]
    report.enterprises = len(read.rows)
    commands = [
        RegisterParty(
            party=row.id,
            kind="enterprise",
            name=row.name,
            aliases=row.aliases,
            sector=row.sector,
            usci=row.usci,
            grid_user=row.grid_user,
        )
        for row in read.rows
        if len(row.name) <= NAME_CHARS_MAX
    ]
    if report.problems or not commands:
        return report
    principal = local_principal()
    requests = [request(command, principal, key=f"register:{command.party}") for command in commands]
    outcomes = await writer.submit_batch(requests, atomic=True)
    for row, outcome in zip(read.rows, outcomes, strict=True):
        if isinstance(outcome, Posted):
            report.known += outcome.replayed
            report.registered += not outcome.replayed
        elif not isinstance(outcome, Refused) or outcome.refusal.code != "batch_refused":
            detail = outcome.refusal.detail() if isinstance(outcome, Refused) else "the outcome is not known"
            code = outcome.refusal.code if isinstance(outcome, Refused) else "outcome_unknown"
            report.problems.append(
                Problem(name, None, row.line, None, code, detail, "a new enterprise, or the same again")
            )
    report.replayed = report.registered == 0 and not report.problems
    return report
