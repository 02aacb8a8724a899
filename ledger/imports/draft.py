"""One file on its way to commands: what it needs to know, what it wants to post, what is wrong."""

from ledger.core.command import Command, Principal
from ledger.core.events import (
    Evidence,
    Level,
)
from ledger.core.party import lookup_name
from ledger.core.policy import PolicyBook
from ledger.imports.documents import SummaryRow, TradeRow
from ledger.imports.report import ImportReport, Problem


class Draft:
    """One file on its way: what it needs to know, what it wants to post, what is wrong."""

    def __init__(self, report: ImportReport, principal: Principal, names: dict[str, str], policies: PolicyBook) -> None:
        self.report = report
        self.principal = principal
        self.names = names
        self.policies = policies
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
