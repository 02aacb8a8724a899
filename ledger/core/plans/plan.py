"""A plan: the transaction an event asks for, before the engine looks at balances. And what plans share."""

import functools

import msgspec

from ledger.core.account import account_name
from ledger.core.book import Book
from ledger.core.certificate import LotFacts, read_code_range
from ledger.core.events import Evidence, Incoming, Leg, Match, Posting, Trade
from ledger.core.policy import PolicyBook
from ledger.core.record import AnswerBody, OfferBody, RetirementBody, TradeState
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import Ranges

KWH_PER_CERTIFICATE = 1_000
"""One certificate is one MWh (domain reference, section 0)."""


class Plan(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A transaction as asked for."""

    command: str
    legs: tuple[Leg, ...]
    occurred_on: str | None
    effective_on: str | None
    evidence: Evidence
    lot: LotFacts | None = None
    """A lot to declare first, where the book does not have it."""
    policies: tuple[int, ...] = ()
    """Rows that were needed to make the plan."""
    findings: tuple[str, ...] = ()
    trade: TradeState | None = None
    status: str | None = None
    claim: RetirementBody | None = None
    """What the certificates are claimed for: only those that may be are selected or accepted."""
    about: OfferBody | AnswerBody | None = None
    """What is said of the transaction in a record of its own, right before it."""
    opens: tuple[tuple[str, str | None], ...] = ()
    """Accounts to open first, with their owners, where the book does not have them."""
    reverses: int | None = None
    """The transaction this one takes back."""
    corrects: int | None = None
    """The settlement that a correction speaks of."""
    adopts: Ranges = ()
    """Serials in the book already that an issuance may name all the same."""
    once: str | None = None
    """What happens to these serials, and may happen once: they are `traded`."""
    for_sale: bool = False
    """Only tradable certificates that are valid and were never traded are selected or accepted."""
    settled: bool = False
    """What moves was settled before, by an offer: whoever may answer it moves it."""
    match: Match | None = None
    """Which lots may be selected, where none is named."""
    dated_by_rule: bool = False
    """The rules give its days, so nobody needs a document for them."""


class Units(msgspec.Struct, frozen=True):
    """What a document's units are: numbered ones of a series, or counted ones of its own source line."""

    lot: LotFacts
    serials: Ranges = ()
    policy: int | None = None
    """The code layout that read the codes."""

    @property
    def policies(self) -> tuple[int, ...]:
        """The row that read the codes, if one did."""
        return () if self.policy is None else (self.policy,)


def planned(name: str, command: Posting, legs: tuple[Leg, ...], **more: object) -> Plan:
    """The plan of an event, on the days it carries."""
    return Plan(
        command=name,
        legs=legs,
        occurred_on=command.occurred_on,
        effective_on=command.effective_on,
        evidence=command.evidence,
        match=getattr(command, "match", None),
        **more,  # type: ignore[arg-type]  # every caller passes Plan's own fields
    )


def units_of(command: Trade | Incoming, policies: PolicyBook, *, today: str) -> Units:
    """Read an event's codes by the layout in force on its day; units whose codes cannot be read stay counted."""
    if command.code_first is None or command.code_last is None:
        return Units(command.lot)
    codes = (command.code_first, command.code_last)
    return numbered(command.lot, command.quantity, codes, command.occurred_on or today, policies)


def numbered(lot: LotFacts, quantity: int | None, codes: tuple[str, str], on: str, policies: PolicyBook) -> Units:
    """The units of a counted lot as these codes number them; still counted where codes and lot do not agree."""
    found = policies.code_layout(on)
    if found is None:
        return Units(lot)
    index, layout = found
    read = _read(*codes, layout)
    if read is None or (read.project, read.production_month) != (lot.project, lot.production_month):
        return Units(lot)
    if quantity is not None and read.serials.count != quantity:
        return Units(lot)
    facts = msgspec.structs.replace(
        lot, code=read.series, numbered=True, energy_class=read.energy_class, trade_class=read.trade_class
    )
    return Units(facts, (read.serials,), index)


_read = functools.lru_cache(maxsize=16_384)(read_code_range)
"""A batch reads each of its codes for loading, and again for deciding."""


_HOLDS = {
    "enterprise": "holding_ent",
    "project": "holding_project",
    "province": "holding_province",
    "seller": "external",
}


def holding_of(party: str, book: Book) -> str:
    """The account a party's certificates lie in; that of an outside party, where the book knows none of this name."""
    known = book.parties.get(party)
    return account_name(_HOLDS.get(known.kind, "external") if known is not None else "external", party)


def owner_of(party: str, book: Book) -> str | None:
    """Who owns the accounts of a party: an enterprise its own, nobody in particular those of a project."""
    return party if book.parties[party].kind == "enterprise" else None


def missing_party(book: Book, **wanted: str) -> Refusal | None:
    """`unknown_party`, unless every name is registered and of the kind asked for (`party` and `seller`: of any)."""
    for kind, party in wanted.items():
        known = book.parties.get(party)
        if known is not None and (kind in {"party", "seller"} or known.kind == kind):
            continue
        return refuse("unknown_project", project=party) if kind == "project" else refuse("unknown_party", party=party)
    return None


def moved(source: str, target: str, quantity: int, lot: str | None = None, serials: Ranges = ()) -> tuple[Leg, Leg]:
    """Certificates out of one account into another."""
    return Leg(source, "GEC", -quantity, lot, serials), Leg(target, "GEC", quantity, lot, serials)
