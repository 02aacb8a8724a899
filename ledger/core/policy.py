"""Rules as data: effective-dated rows with their source, themselves appended through the journal.

A row is judged by the date a fact occurred on. A missing row is a refusal that names it, never a default.
`ledger.core.seed` has the rows that a new ledger starts with.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec

from ledger.core.account import KINDS
from ledger.core.activity import MATERIALS, unit_of
from ledger.core.carbon_rules import (
    CarbonRule,
    CcerShare,
    ClaimLimit,
    ClaimRegion,
    DeclaredFigure,
    Factor,
    ProcessMethod,
    SavingCap,
    Target,
    Text,
    ValueChain,
)
from ledger.core.quantity import COMMODITIES

SERIAL_DIGITS_MAX = 15
"""Of a certificate's number in its series; the projections compare it as a double, exact to the half."""
CATEGORIES = tuple(map(str, range(1, 16)))
"""Of Scope 3 (GHG Protocol, Corporate Value Chain Standard)."""
ROLES = ("enterprise", "operator", "regulator", "auditor", "admin")


class Move(msgspec.Struct, frozen=True, kw_only=True, tag="move", tag_field="kind", forbid_unknown_fields=True):
    """This role may, by this command, move this commodity out of one kind of account into another."""

    command: Text
    commodity: Text
    role: Text
    source: Text
    """Kind of the credited account (the quantity leaves it)."""
    target: Text
    """Kind of the debited account (the quantity enters it)."""


class Dating(msgspec.Struct, frozen=True, kw_only=True, tag="dating", tag_field="kind", forbid_unknown_fields=True):
    """How far from today a role may date a fact, and whether that needs a document."""

    document: bool
    future: bool
    past: bool
    role: Text


class CodeLayout(
    msgspec.Struct, frozen=True, kw_only=True, tag="code_layout", tag_field="kind", forbid_unknown_fields=True
):
    """Widths of a certificate code's fields, in characters, in the order they stand: decimal strings, as in records."""

    classes: Text
    month: Text
    project: Text
    serial: Text

    def is_sound(self) -> bool:
        """Whether the widths make up a code of 32 characters with a YYYYMM month and a number of 15 digits at most."""
        widths = (self.project, self.month, self.serial, self.classes)
        plain = all(width.isascii() and width.isdigit() and len(width) <= 2 for width in widths)
        return plain and self.month == "6" and int(self.serial) <= SERIAL_DIGITS_MAX and sum(map(int, widths)) == 32


class Validity(msgspec.Struct, frozen=True, kw_only=True, tag="validity", tag_field="kind", forbid_unknown_fields=True):
    """Certificates produced in [from, before) last `months` months, or until a fixed day."""

    months: Text = "0"
    produced_before: Text
    produced_from: Text
    valid_until: Text = ""


class VintageMatch(
    msgspec.Struct, frozen=True, kw_only=True, tag="vintage_match", tag_field="kind", forbid_unknown_fields=True
):
    """Which production months may be claimed for consumption in the years [from, before)."""

    consumed_before: Text
    consumed_from: Text
    match: Literal["SAME_YEAR", "WITHIN_VALIDITY"]


class ComplianceBasis(
    msgspec.Struct, frozen=True, kw_only=True, tag="compliance_basis", tag_field="kind", forbid_unknown_fields=True
):
    """What counts towards a share of green power in the years [from, before): certificates held, or retired."""

    basis: Literal["HELD", "RETIRED"]
    consumed_before: Text
    consumed_from: Text


class Acquisition(
    msgspec.Struct, frozen=True, kw_only=True, tag="acquisition", tag_field="kind", forbid_unknown_fields=True
):
    """Which certificates may come to a holder by a route, and whether it counts as their trade."""

    is_trade: bool
    route: Text
    tradable: Literal["yes", "no", "either"]


class TradeOnce(
    msgspec.Struct, frozen=True, kw_only=True, tag="trade_once", tag_field="kind", forbid_unknown_fields=True
):
    """A tradable certificate can be traded once: its serials are marked by the trade, until the whole of it is void."""


class CcerLinkage(
    msgspec.Struct, frozen=True, kw_only=True, tag="ccer_linkage", tag_field="kind", forbid_unknown_fields=True
):
    """Certificates of energy that is registered as CCER are frozen, then cancelled."""


class Approval(msgspec.Struct, frozen=True, kw_only=True, tag="approval", tag_field="kind", forbid_unknown_fields=True):
    """A command waits for a second person of this role; a reversal by what it takes back, a retirement if it is `late`.

    `of` says which of them; empty: any.
    """

    command: Text
    of: Text
    role: Text


class Period(msgspec.Struct, frozen=True, kw_only=True, tag="period", tag_field="kind", forbid_unknown_fields=True):
    """A month of the book, by the days facts count on: closed with all before it, soft-closed, or opened again."""

    month: Text
    state: Literal["soft", "closed", "open"]


Rule = (
    Move
    | Dating
    | CodeLayout
    | Validity
    | VintageMatch
    | ComplianceBasis
    | Acquisition
    | TradeOnce
    | CcerLinkage
    | Approval
    | Period
    | CarbonRule
)


_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_NUMBER, _YEAR = re.compile(r"[1-9][0-9]{0,2}"), re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PROVINCES = re.compile(r"[A-Z]{2}( [A-Z]{2})*")


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule with the days it is in force and where it comes from (fields in the order of their names)."""

    in_force_from: str
    in_force_to: str | None = None
    """The last day, included; None while open."""
    rule: Rule
    source: str
    """A document, or `design` for a rule of this product; evidence tags as in the domain reference."""


def unsound(row: PolicyRow) -> str | None:
    """Why a row could not judge anything, or None."""
    rule = row.rule
    if row.in_force_to is not None and row.in_force_to < row.in_force_from:
        return "a rule is in force from a day to the same or a later one."
    match rule:
        case CodeLayout() if not rule.is_sound():
            return "a code layout makes up 32 characters, six of them the month, at most 15 the number."
        case Validity() if not (_is_day(rule.valid_until) if rule.valid_until else _NUMBER.fullmatch(rule.months)):
            return "certificates last a number of months, or until a day."
        case Validity() if not (_MONTH.fullmatch(rule.produced_from) and _MONTH.fullmatch(rule.produced_before)):
            return "production months are written YYYY-MM."
        case VintageMatch() | ComplianceBasis() | ClaimRegion() if not (
            _YEAR.fullmatch(rule.consumed_from) and _YEAR.fullmatch(rule.consumed_before)
        ):
            return "years of consumption are written YYYY."
        case ClaimRegion() if not _PROVINCES.fullmatch(rule.provinces):
            return "provinces are two capital letters each, with blanks between them."
        case Move() if rule.source not in KINDS or rule.target not in KINDS or rule.commodity not in COMMODITIES:
            return "a move names kinds of accounts and a commodity of the chart."
        case Period() if _MONTH.fullmatch(rule.month) is None:
            return "a period is a month, written YYYY-MM."
        case Factor() if rule.material not in MATERIALS or _YEAR.fullmatch(rule.data_year) is None:
            return "a factor is of a material that meters name, and of a year, written YYYY."
        case Factor() if _DECIMAL.fullmatch(rule.value) is None:
            return "a factor's value is a decimal of zero or more."
        case Factor() if rule.per != unit_of(rule.material):
            return f"a factor of {rule.material} is for each {unit_of(rule.material)}."
        case Target() | SavingCap() | CcerShare() | DeclaredFigure() if (
            _DECIMAL.fullmatch(rule.percent) is None or Decimal(rule.percent) > 100
        ):
            return "a share is a decimal of 0 to 100, in percent."
        case ProcessMethod() if not (rule.method and {rule.material, rule.beside or rule.material} <= MATERIALS.keys()):
            return "a process method has a name, and is of materials that meters name."
        case ValueChain() if rule.material not in MATERIALS or rule.category not in CATEGORIES:
            return "a category of Scope 3 is 1 to 15, of a material that meters name."
        case DeclaredFigure() if not _is_day(rule.as_of):
            return "a declared figure is as of a day, written YYYY-MM-DD."
        case Target() if _YEAR.fullmatch(rule.year) is None:
            return "a target is for a year, written YYYY."
        case Move() | Dating() | Approval() if rule.role not in ROLES:
            return f"a role is one of {', '.join(ROLES)}."
    return None


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


R = TypeVar("R")
FOUND_MAX = 10_000
"""Answers that a book of rules remembers."""


class PolicyBook(msgspec.Struct):
    """The rows in force, found by what they judge. `rows` holds (id, row); an id is the record's index."""

    rows: list[tuple[int, PolicyRow]] = msgspec.field(default_factory=list)
    _moves: dict[tuple[str, str, str, str, str], list[tuple[int, PolicyRow]]] = msgspec.field(default_factory=dict)
    _of_kind: dict[type, list[tuple[int, PolicyRow]]] = msgspec.field(default_factory=dict)
    _rule_at: dict[int, Rule] = msgspec.field(default_factory=dict)
    _found: dict[tuple[Any, ...], Any] = msgspec.field(default_factory=dict)
    """What was asked of these rows before, and found: a batch asks the same of every command."""
    _periods: dict[str, str] = msgspec.field(default_factory=dict)
    """Month -> its newest state; months that were never closed are not here."""
    closed_through: str = ""
    """The latest closed month; it and all before it take no more facts."""
    soft_through: str = ""
    """The latest month that takes confirmed facts only, or none."""

    def add(self, index: int, row: PolicyRow) -> None:
        """Take in the row that record `index` declares."""
        self._found.clear()
        self.rows.append((index, row))
        rule = self._rule_at[index] = row.rule
        if isinstance(rule, Period):
            self._periods[rule.month] = rule.state
            self.closed_through = max((m for m, state in self._periods.items() if state == "closed"), default="")
            self.soft_through = max((m for m, state in self._periods.items() if state != "open"), default="")
        if isinstance(rule, Move):
            key = (rule.command, rule.source, rule.target, rule.commodity, rule.role)
            self._moves.setdefault(key, []).append((index, row))
        else:
            self._of_kind.setdefault(type(rule), []).append((index, row))

    def cut(self, count: int) -> None:
        """Keep the first `count` rows only."""
        if count < len(self.rows):
            kept = self.rows[:count]
            self.rows, self._moves, self._of_kind, self._rule_at = [], {}, {}, {}
            self._found.clear()
            self._periods, self.closed_through, self.soft_through = {}, "", ""
            for index, row in kept:
                self.add(index, row)

    def move(self, command: str, source: str, target: str, commodity: str, role: str, *, on: str) -> int | None:
        """The id of the row that allows this move on that day (ISO date), or None."""
        asked = (command, source, target, commodity, role)
        if (known := self._found.get((*asked, on), self)) is not self:
            return known
        rows = reversed(self._moves.get(asked, ()))
        return self._keep((*asked, on), next((index for index, row in rows if in_force(row, on)), None))

    def dating(self, role: str, on: str) -> tuple[int, Dating] | None:
        """The newest row in force on how `role` may date facts."""
        return self._newest(Dating, on, role, fits=lambda rule: rule.role == role)

    def code_layout(self, on: str) -> tuple[int, CodeLayout] | None:
        """The newest row in force on how certificate codes are cut."""
        return self._newest(CodeLayout, on)

    def validity(self, month: str, on: str) -> tuple[int, Validity] | None:
        """The newest row in force on how long certificates of this production month last."""
        return self._newest(Validity, on, month, fits=lambda rule: rule.produced_from <= month < rule.produced_before)

    def vintage_match(self, year: str, on: str) -> tuple[int, VintageMatch] | None:
        """The newest row in force on what may be claimed for consumption in this year."""
        return self._newest(VintageMatch, on, year, fits=lambda rule: rule.consumed_from <= year < rule.consumed_before)

    def claim_region(self, year: str, on: str) -> tuple[int, ClaimRegion] | None:
        """The newest row in force on whose certificates may be claimed for consumption in this year."""
        return self._newest(ClaimRegion, on, year, fits=lambda rule: rule.consumed_from <= year < rule.consumed_before)

    def acquisition(self, route: str, on: str) -> tuple[int, Acquisition] | None:
        """The newest row in force on what may come by this route."""
        return self._newest(Acquisition, on, route, fits=lambda rule: rule.route == route)

    def trade_once(self, on: str) -> tuple[int, TradeOnce] | None:
        """The newest row in force that lets a certificate be traded only once."""
        return self._newest(TradeOnce, on)

    def ccer_linkage(self, on: str) -> tuple[int, CcerLinkage] | None:
        """The newest row in force that links certificates to CCER."""
        return self._newest(CcerLinkage, on)

    def approval(self, command: str, of: str, on: str) -> tuple[int, Approval] | None:
        """The newest row in force by which this command needs a second person."""
        return self._newest(
            Approval, on, command, of, fits=lambda rule: rule.command == command and rule.of in {"", of}
        )

    def of_kind(self, kind: type[R], on: str) -> Iterator[tuple[int, R]]:
        """The rows of one kind in force on that day, the newest first."""
        for index, row in reversed(self._of_kind.get(kind, ())):
            if in_force(row, on):
                yield index, row.rule  # type: ignore[misc]  # kept by its type

    def claim_limit(self, on: str) -> int | None:
        """The row in force by which no more may be claimed than was consumed."""
        return next((index for index, _ in self.of_kind(ClaimLimit, on)), None)

    def names_any(self, ids: Iterable[str], kind: type) -> bool:
        """Whether any of these log indexes is a row of this kind of rule."""
        return any(isinstance(self._rule_at[int(index)], kind) for index in ids)

    def validities(self, on: str) -> tuple[Validity, ...]:
        """The rows in force on how long certificates last, newest first."""
        return tuple(row.rule for _, row in reversed(self.rows) if isinstance(row.rule, Validity) and in_force(row, on))

    def _newest(self, kind, on, *of, fits=lambda _: True):  # type: ignore[no-untyped-def]  # callers state the type
        """The newest row in force that fits; `of` is all that `fits` looks at besides the rule."""
        if (known := self._found.get((kind, on, *of), self)) is not self:
            return known
        rows = reversed(self._of_kind.get(kind, ()))
        found = next(((index, row.rule) for index, row in rows if fits(row.rule) and in_force(row, on)), None)
        return self._keep((kind, on, *of), found)

    def _keep(self, asked: tuple[Any, ...], found: Any) -> Any:
        if len(self._found) >= FOUND_MAX:
            self._found.clear()
        self._found[asked] = found
        return found


def in_force(row: PolicyRow, on: str) -> bool:
    """Whether the row judges facts that occurred on this ISO date."""
    return row.in_force_from <= on and (row.in_force_to is None or on <= row.in_force_to)
