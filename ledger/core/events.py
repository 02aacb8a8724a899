"""Business events (domain reference, section 3.3): what callers wish to post. Each may be refused.

Dates are ISO strings (civil days in the ledger's zone), quantities whole numbers of the smallest unit. Every event
is one command with one balanced transaction; `ledger.core.command` has the wishes that post nothing.
"""

from typing import Literal, TypeGuard, get_args

import msgspec

from ledger.core.carbon_events import (
    AllocateAllowances,
    BuyCcer,
    MakeProduct,
    ReceiveProduct,
    SellProduct,
    Surrender,
)
from ledger.core.certificate import LotFacts
from ledger.core.evidence import Evidence, Fact, reported
from ledger.core.serial_range import Ranges

Purpose = Literal["COMPLIANCE_SHARE", "VOLUNTARY", "PRODUCT_CLAIM", "EVENT", "OTHER"]
"""What a claim is for (domain reference, section 1.8): one certificate, one purpose."""
FreezeReason = Literal["dispute", "authority", "ccer", "error"]
"""Why certificates are frozen: an objection, an order, a CCER of the same energy, a suspected booking error."""
EnergyRoute = Literal["HYDRO_TRANSFER", "SELF_USE"]
"""How certificates come with the energy itself and not by a trade (domain reference, section 1.3)."""
ReversalReason = Literal["error", "duplicate", "notice"]
"""Why a transaction is taken back: our own booking error, booked twice, a notice of the platform or the registry."""
OfferAnswer = Literal["accept", "reject", "withdraw", "lapse"]
"""By the receiver: accept, reject; by the offerer: withdraw; by anybody once its day has passed: lapse."""
SubscriptionChange = Literal["withdrawn", "reduced", "error"]
"""Why an enterprise owes fewer certificates than it promised."""


class Leg(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One posting asked for: debit is positive. Without a lot the engine selects, and records what it chose."""

    account: str
    commodity: str
    quantity: int
    lot: str | None = None
    serials: Ranges = ()


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which lots may be selected, where none is named: those of a month, a source of energy, a province."""

    production_month: str | None = None
    province: str | None = None
    source: str | None = None

    def fits(self, lot: LotFacts) -> bool:
        """Whether the lot is of all that is asked for."""
        wanted = (self.production_month, self.province, self.source)
        found = (lot.production_month, lot.province, lot.source)
        return all(one in {None, other} for one, other in zip(wanted, found, strict=True))

    @property
    def written(self) -> str:
        """As a record names it beside the rule of selection."""
        given = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return "".join(f";{name}={value}" for name, value in given if value is not None)


class Transfer(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="transfer"):
    """One balanced transaction of postings between accounts the caller may move."""

    legs: tuple[Leg, ...]
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="subscribe"):
    """A promise of certificates: by an enterprise, or by nobody in particular (a lump, an intention)."""

    enterprise: str | None = None
    quantity: int
    status: Literal["commitment", "lump", "intention"] = "commitment"
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)


class Trade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="trade"):
    """A trade on a platform: the units leave the seller for clearing; they are not yet the buyer's."""

    trade_id: str
    """Platform, order, project and production month, joined by slashes."""
    buyer: str
    seller: str
    platform: str
    quantity: int
    lot: LotFacts
    """What is known of the units as count-only ones; a code range that can be read makes them numbered."""
    code_first: str | None = None
    code_last: str | None = None
    mode: str | None = None
    price: str | None = None
    """Yuan per certificate, exact decimal text."""
    amount_fen: int | None = None
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)


class TransferTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="transfer_trade"):
    """The registry moved a trade's units: out of clearing to the buyer. A fact of its own."""

    trade_id: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)


class IdentifyTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="identify_trade"):
    """The serials of a trade's counted units have arrived: counted units become numbered ones where they lie."""

    trade_id: str
    code_first: str
    code_last: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)


class VoidTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="void_trade"):
    """The platform withdrew a trade: its units, and what was owed for them, go back to where they came from."""

    trade_id: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)
    quantity: int | None = None
    """Only so many of them; without it, all that still stands."""
    serials: Ranges = ()


class _Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    enterprise: str
    quantity: int
    reason: FreezeReason
    lot: str | None = None
    """Without a lot the engine selects, and records what it chose."""
    serials: Ranges = ()
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)
    """Its document is the authority for it, and must be named."""
    match: Match | None = None
    """Where no lot is named: only lots that fit are selected."""


class Freeze(_Hold, frozen=True, kw_only=True, omit_defaults=True, tag="freeze"):
    """Certificates an enterprise holds are locked: they can be neither passed on nor claimed."""


class Unfreeze(_Hold, frozen=True, kw_only=True, omit_defaults=True, tag="unfreeze"):
    """Frozen certificates are the enterprise's to use again."""


class Retire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="retire"):
    """A holder claims consumption with its certificates (核销). Final: nothing leaves a retired account again."""

    enterprise: str
    quantity: int
    purpose: Purpose
    year: str
    """The year of consumption, YYYY."""
    from_month: str | None = None
    to_month: str | None = None
    site: str | None = None
    """The metering point or works, by its own id."""
    beneficiary: str | None = None
    """Whose consumption it is, where not the holder's own."""
    proof: str | None = None
    """The number of the registry's certificate of retirement; each is used once."""
    lot: str | None = None
    """Without a lot the engine selects among those that may be claimed, and records what it chose."""
    serials: Ranges = ()
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=reported)
    match: Match | None = None
    """Where no lot is named: only lots that fit are selected."""


class _Incoming(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Units that a document brings: as counted ones, or numbered where it brings codes that can be read and fit."""

    lot: LotFacts
    code_first: str | None = None
    code_last: str | None = None


class _Selection(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Units already in the book. Without a lot the engine selects, and records what it chose."""

    quantity: int
    lot: str | None = None
    serials: Ranges = ()
    match: Match | None = None
    """Where no lot is named: only lots that fit are selected."""


class Issue(_Incoming, frozen=True, kw_only=True, omit_defaults=True, tag="issue"):
    """Certificates are issued for a project's energy of a month (核发): whole MWh, the rest is carried on."""

    project: str
    reference: str
    """The issuer's own number of this issuance."""
    energy_kwh: int
    quantity: int | None = None
    """What the issuer says it issued, where it says so; it must be what energy and carry make."""
    seller: str | None = None
    """The outside party from which certificates of this range came into the book before they were issued here."""


class OpenBalance(_Incoming, frozen=True, kw_only=True, omit_defaults=True, tag="open_balance"):
    """What an enterprise held before the book began (期初), by a document."""

    enterprise: str
    reference: str
    quantity: int


class SettleBundle(_Incoming, frozen=True, kw_only=True, omit_defaults=True, tag="settle_bundle"):
    """Certificates that came with green power (绿电交易), once settled; the contract carries the rest of a MWh."""

    buyer: str
    seller: str
    contract: str
    energy_kwh: int
    """The least of what was contracted, generated and consumed (三者取小)."""
    quantity: int | None = None
    amount_fen: int | None = None
    """The environmental value only; the price of the energy is none of a certificate's cost."""


class CorrectBundle(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="correct_bundle"):
    """A settled month of a contract was too much (退补, 更正): so many of its certificates go back to the seller.

    Where the settlement is not in the book, or the certificates have moved on, they stand in suspense.
    """

    buyer: str
    seller: str
    contract: str
    platform: str
    """Whose statement says so; what waits, waits under its name."""
    lot: LotFacts
    """The lot the settlement brought."""
    energy_kwh: int
    """What goes back, as `quantity` and `amount_fen`: above zero."""
    quantity: int
    amount_fen: int | None = None


class CorrectTrade(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="correct_trade"):
    """So many certificates of a trade that is not in the book went back (冲销): they stand in suspense until it is."""

    trade_id: str
    buyer: str
    seller: str
    platform: str
    quantity: int
    lot: LotFacts
    """What is known of the units."""
    amount_fen: int | None = None


class LinkTrade(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="link_trade"):
    """What waited in suspense for a trade was taken off it, since it is in the book: it waits no longer."""

    trade_id: str


class LinkCorrection(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="link_correction"):
    """The settlement that a waiting correction speaks of is in the book now: all that waits comes off it."""

    buyer: str
    contract: str
    platform: str
    lot: LotFacts


class TransferWithEnergy(_Incoming, frozen=True, kw_only=True, omit_defaults=True, tag="transfer_with_energy"):
    """Certificates that move with existing hydro or self-used energy: not traded, by contract and proof of payment."""

    enterprise: str
    seller: str
    route: EnergyRoute
    reference: str
    quantity: int


class ReceiveForProvince(_Incoming, frozen=True, kw_only=True, omit_defaults=True, tag="receive_for_province"):
    """Certificates of hydro power bought by the grid as agent come to the provincial account (省级绿证账户)."""

    province: str
    seller: str
    reference: str
    quantity: int


class Allocate(_Selection, frozen=True, kw_only=True, omit_defaults=True, tag="allocate"):
    """The province gives certificates to an enterprise by its published plan, which is the evidence."""

    province: str
    enterprise: str


class ListForSale(_Selection, frozen=True, kw_only=True, omit_defaults=True, tag="list"):
    """A project offers certificates on a platform (挂牌): they are locked against other use."""

    project: str
    platform: str


class Delist(_Selection, frozen=True, kw_only=True, omit_defaults=True, tag="delist"):
    """Certificates offered are the project's again (撤牌)."""

    project: str
    platform: str


class CancelForCcer(_Selection, frozen=True, kw_only=True, omit_defaults=True, tag="cancel_for_ccer"):
    """Frozen certificates end because their energy was registered as CCER (注销)."""

    project: str


class Offer(_Selection, frozen=True, kw_only=True, omit_defaults=True, tag="offer"):
    """An enterprise offers certificates to another (转让要约): they are reserved until it is answered."""

    enterprise: str
    receiver: str
    expires_on: str | None = None
    """The last day on which it can be accepted; without one, until it is withdrawn."""


class AnswerOffer(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="answer_offer"):
    """What became of an offer: all of it goes to the receiver, or back."""

    offer: int
    """The log index of its transaction."""
    answer: OfferAnswer


class Expire(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="expire"):
    """Make visible that certificates have lapsed (到期); the rule of validity says when, so no document need do it.

    They count as lapsed from `effective_on` on: from the first day after they lapsed, or since they came to the
    account, if that was later.
    """

    account: str
    lot: str
    quantity: int


class Deliver(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="deliver"):
    """A transferred trade fulfils its buyer's subscription, by as much as it brought."""

    trade_id: str


class SettleBreak(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="settle_break"):
    """Certificates of a trade that was withdrawn after they had moved on are found, and leave the book after all."""

    trade_id: str
    enterprise: str
    """Who has them."""
    quantity: int
    lot: str
    serials: Ranges = ()


class Succeed(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="succeed"):
    """What a merged enterprise holds, and promised, goes to the one it merged into (合并承继).

    As much as one transaction takes: to be posted again until nothing is left. What is frozen or offered
    stays until it is released or answered; debts are settled with those they are owed to.
    """

    party: str


class ReduceSubscription(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="reduce_subscription"):
    """An enterprise owes fewer certificates than it promised, for a reason."""

    enterprise: str
    quantity: int
    reason: SubscriptionChange


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many certificates of a lot."""

    lot: str
    quantity: int
    serials: Ranges = ()


class Reverse(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="reverse"):
    """Take a transaction back by its mirror (冲销): all that still stands of it, or parts by lot."""

    transaction: int
    reason: ReversalReason
    parts: tuple[Part, ...] = ()


TradeEvent = Trade | TransferTrade | IdentifyTrade | VoidTrade | Deliver
Incoming = Issue | OpenBalance | SettleBundle | TransferWithEnergy | ReceiveForProvince
Posting = (
    Transfer | Subscribe | ReduceSubscription | TradeEvent | Incoming | Allocate | ListForSale | Delist
    | Freeze | Unfreeze | Retire | Expire | CancelForCcer | Reverse | Offer | AnswerOffer | SettleBreak | Succeed
    | CorrectBundle | LinkCorrection | CorrectTrade | LinkTrade | AllocateAllowances | BuyCcer | Surrender
    | MakeProduct | SellProduct | ReceiveProduct
)  # fmt: skip
_POSTINGS: frozenset[type] = frozenset(get_args(Posting))


def is_posting(command: object) -> TypeGuard[Posting]:
    """Whether a command posts. Asked of its very type: a union of thirty takes ten times as long, often in a batch."""
    return type(command) in _POSTINGS


PARTY_FIELDS = ("enterprise", "beneficiary", "buyer", "seller", "project", "province", "platform", "receiver", "party")
"""The fields of an event that name a party."""
_PARTIES = {kind: [field for field in PARTY_FIELDS if field in kind.__struct_fields__] for kind in _POSTINGS}
_OF_TRADES = frozenset(kind for kind in _POSTINGS if "trade_id" in kind.__struct_fields__)


def parties_named(command: Posting) -> set[str]:
    """The parties an event names."""
    named = [getattr(command, field) for field in _PARTIES[type(command)]]
    return {party for party in named if party is not None}


def trade_named(command: Posting) -> str | None:
    """The trade an event is of, or None."""
    return command.trade_id if type(command) in _OF_TRADES else None  # type: ignore[union-attr]  # by its type
