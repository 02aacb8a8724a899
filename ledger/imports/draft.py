"""One file on its way to commands: what it needs to know, what it wants to post, what is wrong."""

import hashlib
import re

from ledger.core.command import Command, RegisterParty
from ledger.core.events import Evidence
from ledger.core.evidence import Level
from ledger.core.party import lookup_name
from ledger.core.policy import PolicyBook
from ledger.imports.documents import SettlementRow, SummaryRow, TradeRow
from ledger.imports.report import ImportReport, Problem

Wish = tuple[Command, str, str | None]
"""(command, request key, evidence key)."""
Line = tuple[str, int]
"""(sheet by its identifier, line)."""
Row = TradeRow | SettlementRow | SummaryRow


_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def identifier(text: str) -> str:
    """The text where a record may carry it as it is, else a digest of it: no free text enters the journal."""
    if _PLAIN.fullmatch(text):
        return text
    return "x-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def line_of_sheet(sheet: str | None, line: int) -> Line:
    """A line as a rejection names it."""
    return identifier(sheet or "-"), line


def line_key(document: str, line: Line) -> str:
    """The evidence key of a line that somebody rejected."""
    return f"line:{document}:{line[0]}/{line[1]}"


class Draft:
    """One file on its way: what it needs to know, what it wants to post, what is wrong.

    Enterprises are found by the names they are registered with; sellers and platforms are outside parties, and are
    registered on first sight.
    """

    def __init__(
        self, report: ImportReport, names: dict[str, str], policies: PolicyBook, sellers: int, level: Level
    ) -> None:
        self.report = report
        self._level: Level = level
        self.names = names
        self.policies = policies
        self._sellers = sellers
        self.rejected: set[Line] = set()
        """Lines of the file that somebody decided not to post."""
        self.commands: list[Wish] = []
        """In the order they post."""

    def take(self) -> list[Wish]:
        """What was wished for since this was last asked."""
        taken, self.commands = self.commands, []
        return taken

    def is_rejected(self, row: Row | Problem) -> bool:
        """Whether somebody decided that this row never posts."""
        return row.line is not None and line_of_sheet(row.sheet, row.line) in self.rejected

    def party(self, name: str) -> str | None:
        """The party of a name or alias, or None; names are never guessed."""
        return self.names.get(lookup_name(name))

    def buyer(self, row: TradeRow | SettlementRow, column: str) -> str | None:
        """The enterprise a row names as its buyer; None, and a problem, where none has this name."""
        found = self.party(row.buyer_name)
        if found is None:
            expected = "a registered enterprise or one of its aliases"
            self.problem(row, column, "unknown_name", given=row.buyer_name, expected=expected)
        return found

    def seller(self, name: str | None) -> str:
        """The seller's party; rows that name none share one."""
        name = name or "（未注明卖方）"
        known = self.party(name)
        if known is not None:
            return known
        self._sellers += 1
        return self._register(f"S-{self._sellers:04}", "seller", name)

    def platform(self, code: str) -> str:
        """The platform's party."""
        platform = identifier(code)
        return platform if self.party(platform) is not None else self._register(platform, "platform", platform)

    def _register(self, party: str, kind: str, name: str) -> str:
        command = RegisterParty(party=party, kind=kind, name=name)  # type: ignore[arg-type]  # our own kinds
        self.commands.append((command, f"register:{party}", None))
        self.names[lookup_name(name)] = party
        return party

    def evidence(self, line: int, level: Level | None = None) -> Evidence:
        """What a row of this file rests on: as much as whose statement it is, unless the file says less."""
        return Evidence(document=self.report.document, level=level or self._level, line=str(line))

    def problem(self, row: Row, column: str, rule: str, *, given: str, expected: str) -> None:
        """Note a row that cannot post."""
        self.report.problems.append(self._problem(row, column, rule, given, expected))

    def warning(self, row: Row, column: str, rule: str, *, given: str, expected: str) -> None:
        """Note what somebody should know of a row."""
        self.report.warnings.append(self._problem(row, column, rule, given, expected))

    def _problem(self, row: Row, column: str, rule: str, given: str, expected: str) -> Problem:
        return Problem(self.report.file, row.sheet, row.line, column, rule, given, expected)
