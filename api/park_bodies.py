"""What callers send of the book itself: its parties, periods and rules."""

import datetime
from typing import Annotated, Literal

from msgspec import Meta

from api.bodies import PLAIN, BodyIn, PartyId, PartyKind, Sha256
from ledger.core.command import LineRejection, PartyChange
from ledger.core.policy import Rule

PartyName = Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]


class PartyIn(BodyIn, kw_only=True):
    """A party to register: enterprise, project, province, platform or an outside seller."""

    party: PartyId
    kind: PartyKind
    name: PartyName
    aliases: Annotated[tuple[PartyName, ...], Meta(max_length=20)] = ()
    sector: Annotated[str, Meta(max_length=100, pattern=PLAIN)] | None = None
    usci: Annotated[str, Meta(max_length=40, pattern=PLAIN)] | None = None
    grid_user: Annotated[str, Meta(max_length=40, pattern=PLAIN)] | None = None


class PartyChangeIn(BodyIn, kw_only=True):
    """What changes about a party: `name` and `alias` need a name, `merger` needs into whom."""

    change: PartyChange
    on: datetime.date
    """From which day on."""
    name: PartyName | None = None
    into: PartyId | None = None
    document: Sha256 | None = None


class LineRejectionIn(BodyIn, kw_only=True):
    """Why a line of a statement is not to post."""

    reason: LineRejection
    sheet: Annotated[str, Meta(min_length=1, max_length=100, pattern=PLAIN)] | None = None
    """The name of its sheet, in a workbook."""


class ClosingIn(BodyIn, kw_only=True):
    """How a month is closed: softly (only confirmed facts still count in it) or for good."""

    state: Literal["soft", "closed"]


class ReopeningIn(BodyIn, kw_only=True):
    """Why a closed month is opened again."""

    reason: Literal["error", "late_fact", "notice"]


class RuleIn(BodyIn, kw_only=True):
    """A rule to put in force: which facts it judges, by the day they occurred on, and where it comes from."""

    in_force_from: datetime.date
    in_force_to: datetime.date | None = None
    """The last day, included; without it, until another rule takes its place."""
    source: Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
    rule: Rule
