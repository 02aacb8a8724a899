"""Rules as data: effective-dated rows with their source, themselves appended through the journal.

A row is judged by the date a fact occurred on. A missing row is a refusal that names it, never a default.
`SEED` is what a new ledger starts with; every row of it is written to the journal at the ledger's opening.
"""

from typing import Literal

import msgspec

from ledger.core.account import KINDS

ROLES = ("enterprise", "operator", "regulator", "auditor", "admin")


class Move(msgspec.Struct, frozen=True, kw_only=True, tag="move", tag_field="kind"):
    """This role may, by this command, move this commodity out of one kind of account into another."""

    command: str
    commodity: str
    role: str
    source: str
    """Kind of the credited account (the quantity leaves it)."""
    target: str
    """Kind of the debited account (the quantity enters it)."""


class Dating(msgspec.Struct, frozen=True, kw_only=True, tag="dating", tag_field="kind"):
    """How far from today a role may date a fact, and whether that needs a document."""

    document: bool
    future: bool
    past: bool
    role: str


class CodeLayout(msgspec.Struct, frozen=True, kw_only=True, tag="code_layout", tag_field="kind"):
    """Widths of a certificate code's fields, in characters, in the order they stand: decimal strings, as in records."""

    classes: str
    month: str
    project: str
    serial: str

    def is_sound(self) -> bool:
        """Whether the widths make up a code of 32 characters with a YYYYMM month in it."""
        widths = (self.project, self.month, self.serial, self.classes)
        plain = all(width.isascii() and width.isdigit() and len(width) <= 2 for width in widths)
        return plain and self.month == "6" and sum(map(int, widths)) == 32


class Validity(msgspec.Struct, frozen=True, kw_only=True, tag="validity", tag_field="kind"):
    """Certificates produced in [from, before) last `months` months, or until a fixed day."""

    months: str = "0"
    produced_before: str
    produced_from: str
    valid_until: str = ""


class VintageMatch(msgspec.Struct, frozen=True, kw_only=True, tag="vintage_match", tag_field="kind"):
    """Which production months may be claimed for consumption in the years [from, before)."""

    consumed_before: str
    consumed_from: str
    match: Literal["SAME_YEAR", "WITHIN_VALIDITY"]


Rule = Move | Dating | CodeLayout | Validity | VintageMatch


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule with the days it is in force and where it comes from (fields in the order of their names)."""

    in_force_from: str
    in_force_to: str | None = None
    """The last day, included; None while open."""
    rule: Rule
    source: str
    """A document, or `design` for a rule of this product; evidence tags as in the domain reference."""


class PolicyBook(msgspec.Struct):
    """The rows in force, found by what they judge. `rows` holds (id, row); an id is the record's index."""

    rows: list[tuple[int, PolicyRow]] = msgspec.field(default_factory=list)
    _moves: dict[tuple[str, str, str, str, str], list[tuple[int, PolicyRow]]] = msgspec.field(default_factory=dict)

    def add(self, index: int, row: PolicyRow) -> None:
        """Take in the row that record `index` declares."""
        self.rows.append((index, row))
        rule = row.rule
        if isinstance(rule, Move):
            key = (rule.command, rule.source, rule.target, rule.commodity, rule.role)
            self._moves.setdefault(key, []).append((index, row))

    def cut(self, count: int) -> None:
        """Keep the first `count` rows only."""
        if count < len(self.rows):
            kept = self.rows[:count]
            self.rows, self._moves = [], {}
            for index, row in kept:
                self.add(index, row)

    def move(self, command: str, source: str, target: str, commodity: str, role: str, *, on: str) -> int | None:
        """The id of the row that allows this move on that day (ISO date), or None."""
        for index, row in reversed(self._moves.get((command, source, target, commodity, role), ())):
            if in_force(row, on):
                return index
        return None

    def dating(self, role: str, on: str) -> tuple[int, Dating] | None:
        """The newest row in force on how `role` may date facts."""
        return self._newest(on, lambda rule: isinstance(rule, Dating) and rule.role == role)

    def code_layout(self, on: str) -> tuple[int, CodeLayout] | None:
        """The newest row in force on how certificate codes are cut."""
        return self._newest(on, lambda rule: isinstance(rule, CodeLayout))

    def validity(self, month: str, on: str) -> tuple[int, Validity] | None:
        """The newest row in force on how long certificates of this production month last."""
        return self._newest(
            on, lambda rule: isinstance(rule, Validity) and rule.produced_from <= month < rule.produced_before
        )

    def vintage_match(self, year: str, on: str) -> tuple[int, VintageMatch] | None:
        """The newest row in force on what may be claimed for consumption in this year."""
        return self._newest(
            on, lambda rule: isinstance(rule, VintageMatch) and rule.consumed_from <= year < rule.consumed_before
        )

    def validities(self, on: str) -> tuple[Validity, ...]:
        """The rows in force on how long certificates last, newest first."""
        return tuple(row.rule for _, row in reversed(self.rows) if isinstance(row.rule, Validity) and in_force(row, on))

    def _newest(self, on, fits):  # type: ignore[no-untyped-def]  # both callers state the type
        for index, row in reversed(self.rows):
            if fits(row.rule) and in_force(row, on):
                return index, row.rule
        return None


def in_force(row: PolicyRow, on: str) -> bool:
    """Whether the row judges facts that occurred on this ISO date."""
    return row.in_force_from <= on and (row.in_force_to is None or on <= row.in_force_to)


_ALWAYS = "2017-01-01"


def _moves(command: str, roles: str, commodity: str, *pairs: tuple[str, str], source: str) -> list[PolicyRow]:
    rows = []
    for role in roles.split():
        for origin, target in pairs:
            assert origin in KINDS and target in KINDS
            rule = Move(command=command, commodity=commodity, role=role, source=origin, target=target)
            rows.append(PolicyRow(in_force_from=_ALWAYS, rule=rule, source=source))
    return rows


def _row(rule: Rule, source: str, since: str = _ALWAYS) -> PolicyRow:
    return PolicyRow(in_force_from=since, rule=rule, source=source)


SEED: tuple[PolicyRow, ...] = (
    *_moves(
        "transfer",
        "enterprise operator",
        "GEC",
        ("holding_ent", "holding_ent"),
        source="design D5: FREE_TRANSFER between enterprises, uncertain in law",
    ),
    *_moves(
        "subscribe",
        "enterprise operator",
        "GECSUB",
        ("commitment_contra", "commitment_ent"),
        source="domain 3.3 row 2",
    ),
    *_moves(
        "subscribe",
        "operator",
        "GECSUB",
        ("commitment_contra", "commitment_unallocated"),
        source="domain 2.4: lump rows and intentions",
    ),
    *_moves("trade", "operator", "GEC", ("external", "clearing"), source="domain 3.3 row 6"),
    *_moves("trade", "operator", "CNY", ("payable", "inventory_gec"), source="domain 3.3 row 6"),
    *_moves("transfer_trade", "operator", "GEC", ("clearing", "holding_ent"), source="domain 3.3 row 7"),
    *_moves(
        "identify_trade",
        "operator",
        "GEC",
        ("clearing", "identification"),
        ("identification", "clearing"),
        ("holding_ent", "identification"),
        ("identification", "holding_ent"),
        source="design D5: identification; domain 3.2",
    ),
    *_moves(
        "identify_trade",
        "operator",
        "CNY",
        ("inventory_gec", "inventory_gec"),
        source="design D5: cost follows the lot",
    ),
    *_moves(
        "void_trade",
        "operator",
        "GEC",
        ("clearing", "external"),
        ("holding_ent", "external"),
        source="domain 3.3 row 16",
    ),
    *_moves("void_trade", "operator", "CNY", ("inventory_gec", "payable"), source="domain 3.3 row 16"),
    *_moves("freeze", "operator", "GEC", ("holding_ent", "frozen"), source="domain 3.3 row 12"),
    *_moves("retire", "enterprise operator", "GEC", ("holding_ent", "retired"), source="domain 3.3 row 13"),
    *_moves("unfreeze", "operator", "GEC", ("frozen", "holding_ent"), source="domain 3.3 row 12"),
    _row(Dating(role="enterprise", past=False, future=False, document=True), "design D6"),
    _row(Dating(role="operator", past=True, future=True, document=True), "design D6"),
    _row(CodeLayout(project="17", month="6", serial="7", classes="2"), "domain 2.2, constructed: widths not published"),
    _row(
        Validity(produced_from="2000-01", produced_before="2024-01", valid_until="2025-12-31"),
        "domain 1.7 [V1], transition",
    ),
    _row(Validity(produced_from="2024-01", produced_before="9999-12", months="24"), "domain 1.7 [V1]"),
    _row(
        VintageMatch(consumed_from="2017", consumed_before="2026", match="WITHIN_VALIDITY"),
        "domain 1.8 [V6]: consumption years up to 2025",
    ),
    _row(VintageMatch(consumed_from="2026", consumed_before="9999", match="SAME_YEAR"), "domain 1.8 [V6]"),
)
