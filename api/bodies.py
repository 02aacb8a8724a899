"""What crosses the wire inward. Quantities are decimal strings; unknown fields are refused."""

import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from ledger.core.command import PartyChange
from ledger.core.events import EnergyRoute, FreezeReason, OfferAnswer, Purpose, ReversalReason, SubscriptionChange
from ledger.core.evidence import Level

QuantityText = Annotated[
    str,
    Meta(pattern=r"^-?[1-9][0-9]{0,18}$", description="Whole smallest units as a decimal string; debit is positive."),
]
PositiveText = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}$", description="A positive whole number, as a string.")]
AccountName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9:._-]+$")]
CommodityCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,16}$")]
LotCode = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9:./_-]+$")]
PartyId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Month = Annotated[str, Meta(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]

PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters."""
TradeId = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9./_-]+$")]
ProjectCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
Reference = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="The document's own number of this fact; used once.")
]
CodeText = Annotated[
    str,
    Meta(
        min_length=1, max_length=64, pattern=PLAIN,
        description="A certificate's code: 32 letters and digits.",
    ),
]  # fmt: skip

RequestKey = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")]
PartyKind = Literal["enterprise", "seller", "platform", "project", "province"]
SubscriptionStatus = Literal["commitment", "lump", "intention"]
TradeMode = Literal["LISTING", "BILATERAL", "CENTRALIZED_BID"]
_CHOSEN = {
    "cause": SubscriptionChange,
    "level": Level,
    "mode": TradeMode,
    "purpose": Purpose,
    "reason": FreezeReason,
    "route": EnergyRoute,
    "status": SubscriptionStatus,
    "why": ReversalReason,
    "answer": OfferAnswer,
    "change": PartyChange,
    "kind": PartyKind,
}
CHOICES: dict[str, tuple[str, ...]] = {field: get_args(choice) for field, choice in _CHOSEN.items()}
"""What a field that is one of several words may be, for those who gave another."""


class BodyIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends; fields that are not here are refused."""


class EvidenceIn(BodyIn, kw_only=True):
    """What the fact rests on: the SHA-256 of the document, the line in it, how far it is confirmed."""

    level: Level = "REPORTED"
    document: Sha256 | None = None
    line: Annotated[str, Meta(pattern=r"^[A-Za-z0-9!._-]{1,64}$")] | None = None


class SerialsIn(BodyIn, kw_only=True):
    """A range of serials inside the lot, both ends included."""

    first: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$")]
    last: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$")]


class PostingIn(BodyIn, kw_only=True):
    """One posting. Leave the lot out on both sides and the engine selects: soonest expiry, then lowest serial."""

    account: AccountName
    commodity: CommodityCode
    quantity: QuantityText
    lot: LotCode | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class FactIn(BodyIn, kw_only=True):
    """What every fact says: when it occurred, from which day it counts, and what it rests on."""

    occurred_on: datetime.date | None = None
    effective_on: datetime.date | None = None
    evidence: EvidenceIn = EvidenceIn()


class MatchIn(BodyIn, kw_only=True):
    """Which lots may be selected: those of a production month, a source of energy, a province; all that is given."""

    production_month: Month | None = None
    energy_source: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] | None = None
    province: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None


class SelectionIn(FactIn, kw_only=True):
    """Certificates in the book. Leave the lot out and the engine selects: soonest expiry, then lowest serial."""

    quantity: PositiveText
    lot: LotCode | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()
    match: MatchIn | None = None
    """Where the lot is left out: only lots that fit are selected, and the record says so."""


class UnitsIn(FactIn, kw_only=True):
    """Certificates that a document brings; codes, where given, make them numbered."""

    project: ProjectCode
    production_month: Month
    energy_source: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] | None = None
    province: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    tradable: bool = True
    code_first: CodeText | None = None
    code_last: CodeText | None = None


class TransferIn(FactIn, kw_only=True):
    """One balanced transaction of postings."""

    postings: Annotated[tuple[PostingIn, ...], Meta(min_length=1, max_length=1000)]


class SubscriptionIn(FactIn, kw_only=True):
    """A promise of certificates; without an enterprise it stays unallocated (operators only)."""

    quantity: PositiveText
    enterprise: PartyId | None = None
    status: SubscriptionStatus = "commitment"


class TradeIn(FactIn, kw_only=True):
    """A trade on a platform: into clearing, not yet the buyer's. Codes, where given, make the units numbered."""

    platform: PartyId
    order: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    project: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
    production_month: Month
    buyer: PartyId
    seller: PartyId
    quantity: PositiveText
    price: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")] | None = None
    amount_fen: PositiveText | None = None
    mode: TradeMode | None = None
    energy_source: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] | None = None
    province: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    tradable: bool = True
    lot: LotCode | None = None
    """Which of its lots a project in the book sells, where they are not numbered."""
    code_first: CodeText | None = None
    code_last: CodeText | None = None


class TradeTransferIn(FactIn, kw_only=True):
    """The registry moved a trade's units from clearing to the buyer."""

    trade: TradeId


class TradeIdentificationIn(FactIn, kw_only=True):
    """The codes of a trade's counted units have arrived; the units become numbered where they lie."""

    trade: TradeId
    code_first: CodeText
    code_last: CodeText


class TradeVoidIn(FactIn, kw_only=True):
    """The platform withdrew a trade, or so many certificates of it; units and debt go back where they came from."""

    trade: TradeId
    quantity: PositiveText | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class TradeCorrectionIn(FactIn, kw_only=True):
    """So many certificates of a trade that is not in the book went back, as the platform's statement names it."""

    platform: PartyId
    order: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    project: ProjectCode
    production_month: Month
    buyer: PartyId
    seller: PartyId
    quantity: PositiveText
    amount_fen: PositiveText | None = None
    energy_source: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] | None = None


class TradeLinkIn(FactIn, kw_only=True):
    """A trade that corrections waited for has come, and as much was taken off it."""

    trade: TradeId


class TradeDeliveryIn(FactIn, kw_only=True):
    """A transferred trade fulfils its buyer's subscription, by as much as it brought."""

    trade: TradeId


class SuccessionIn(FactIn, kw_only=True):
    """A merged enterprise's holdings and promise go to the one it merged into; `evidence.document` is the merger's."""

    party: PartyId


class FreezeIn(SelectionIn, kw_only=True):
    """Certificates of an enterprise or a project, to be locked; `evidence.document` is the authority for it."""

    enterprise: PartyId
    reason: FreezeReason


class FreezeReleaseIn(FreezeIn, kw_only=True):
    """Frozen certificates, to be released."""


class RetirementIn(SelectionIn, kw_only=True):
    """Certificates claimed for consumption in a year. Leave the lot out and the engine selects what may be claimed."""

    enterprise: PartyId | None = None
    purpose: Purpose
    year: Annotated[str, Meta(pattern=r"^20[0-9]{2}$", description="The year of consumption.")]
    from_month: Month | None = None
    to_month: Month | None = None
    site: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    beneficiary: PartyId | None = None
    proof: Annotated[str, Meta(pattern=r"^[A-Za-z0-9./_-]{1,100}$")] | None = None


class SubscriptionReductionIn(FactIn, kw_only=True):
    """An enterprise owes fewer certificates than it promised, for a reason."""

    enterprise: PartyId
    quantity: PositiveText
    cause: SubscriptionChange


class IssuanceIn(UnitsIn, kw_only=True):
    """Certificates issued for a project's energy of a month: whole MWh, with what was carried; the rest is carried."""

    reference: Reference
    energy_kwh: PositiveText
    quantity: PositiveText | None = None
    """What the issuer says it issued; it must be what energy and carry make."""
    seller: PartyId | None = None
    """The outside party from which certificates of this range came into the book before."""


class OpeningIn(UnitsIn, kw_only=True):
    """What an enterprise held before the book began; `evidence.document` must be named."""

    enterprise: PartyId
    reference: Reference
    quantity: PositiveText


class BundleIn(UnitsIn, kw_only=True):
    """Green power settled under a contract: its certificates, and what their environmental value cost."""

    buyer: PartyId
    seller: PartyId
    contract: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    energy_kwh: PositiveText
    quantity: PositiveText | None = None
    amount_fen: PositiveText | None = None
    lot: LotCode | None = None


class SettledIn(FactIn, kw_only=True):
    """A contract's month of a project, as a green-power settlement names it, and whose statement corrects it."""

    buyer: PartyId
    contract: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    platform: PartyId
    project: ProjectCode
    production_month: Month
    energy_source: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")] | None = None
    province: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None


class BundleCorrectionIn(SettledIn, kw_only=True):
    """What of a settled month goes back to the seller: energy, certificates and their cost, all above zero."""

    seller: PartyId
    energy_kwh: PositiveText
    quantity: PositiveText
    amount_fen: PositiveText | None = None


class CorrectionLinkIn(SettledIn, kw_only=True):
    """The settlement that a waiting correction speaks of has come."""


class EnergyTransferIn(UnitsIn, kw_only=True):
    """Certificates that move with hydro or self-used energy; contract and proof of payment are the document."""

    enterprise: PartyId
    seller: PartyId
    route: EnergyRoute
    reference: Reference
    quantity: PositiveText
    lot: LotCode | None = None


class ProvinceReceiptIn(UnitsIn, kw_only=True):
    """Certificates of hydro power bought by the grid as agent, to the provincial account."""

    account: PartyId
    """The province, as it is registered."""
    seller: PartyId
    reference: Reference
    quantity: PositiveText
    lot: LotCode | None = None


class PartIn(BodyIn, kw_only=True):
    """So many certificates of a lot; of a numbered one it must be said which."""

    lot: LotCode
    quantity: PositiveText
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class ReversalIn(FactIn, kw_only=True):
    """A transaction to be taken back: all that still stands of it, or parts by lot."""

    transaction: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$", description="Its log index.")]
    why: ReversalReason
    parts: Annotated[tuple[PartIn, ...], Meta(max_length=50)] = ()


class AllocationIn(SelectionIn, kw_only=True):
    """Certificates of the province for an enterprise; the published plan is the document."""

    province: PartyId
    enterprise: PartyId


class ListingIn(SelectionIn, kw_only=True):
    """Certificates a project offers on a platform: tradable, valid, never traded."""

    project: PartyId
    platform: PartyId


class DelistingIn(ListingIn, kw_only=True):
    """Certificates a project no longer offers."""


class CancellationIn(SelectionIn, kw_only=True):
    """Frozen certificates of a project whose energy was registered as CCER."""

    project: PartyId


class ExpiryIn(FactIn, kw_only=True):
    """Certificates of a lot that have lapsed in an account; they count as lapsed from `effective_on` (or today) on."""

    account: AccountName
    lot: LotCode
    quantity: PositiveText


class OfferIn(SelectionIn, kw_only=True):
    """Certificates offered to another enterprise; an enterprise offers its own and need not say whose."""

    receiver: PartyId
    enterprise: PartyId | None = None
    expires_on: datetime.date | None = None


class OfferAnswerIn(FactIn, kw_only=True):
    """What becomes of an offer: the receiver accepts or rejects, the offerer withdraws; past its day it lapses."""

    offer: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$")]
    answer: OfferAnswer


class BreakSettlementIn(FactIn, kw_only=True):
    """Certificates of a withdrawn trade that had moved on, found with an enterprise: they leave the book."""

    trade: TradeId
    enterprise: PartyId
    quantity: PositiveText
    lot: LotCode
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()
