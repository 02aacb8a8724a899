"""What crosses the wire, in and out. Quantities are decimal strings; unknown fields are refused."""

import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from ledger.core.events import (
    FreezeReason,
    Level,
    Purpose,
)
from ledger.imports.posting import ImportReport

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

TradeId = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9./_-]+$")]
CodeText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]+$")]

SubscriptionStatus = Literal["commitment", "lump", "intention"]
TradeMode = Literal["LISTING", "BILATERAL", "CENTRALIZED_BID"]
_CHOSEN = {
    "level": Level,
    "mode": TradeMode,
    "purpose": Purpose,
    "reason": FreezeReason,
    "status": SubscriptionStatus,
}
CHOICES: dict[str, tuple[str, ...]] = {field: get_args(choice) for field, choice in _CHOSEN.items()}
"""What a field that is one of several words may be, for those who gave another."""


class _In(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class EvidenceIn(_In, kw_only=True):
    """What the fact rests on: the SHA-256 of the document, the line in it, how far it is confirmed."""

    level: Level = "REPORTED"
    document: Sha256 | None = None
    line: Annotated[str, Meta(pattern=r"^[A-Za-z0-9!._-]{1,64}$")] | None = None


class SerialsIn(_In, kw_only=True):
    """A range of serials inside the lot, both ends included."""

    first: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$")]
    last: Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$")]


class PostingIn(_In, kw_only=True):
    """One posting. Leave the lot out on both sides and the engine selects: soonest expiry, then lowest serial."""

    account: AccountName
    commodity: CommodityCode
    quantity: QuantityText
    lot: LotCode | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class _Dated(_In, kw_only=True):
    occurred_on: datetime.date | None = None
    effective_on: datetime.date | None = None
    evidence: EvidenceIn = EvidenceIn()


class TransferIn(_Dated, kw_only=True):
    """One balanced transaction of postings."""

    postings: Annotated[tuple[PostingIn, ...], Meta(min_length=1, max_length=1000)]


class SubscriptionIn(_Dated, kw_only=True):
    """A promise of certificates; without an enterprise it stays unallocated (operators only)."""

    quantity: PositiveText
    enterprise: PartyId | None = None
    status: SubscriptionStatus = "commitment"


class TradeIn(_Dated, kw_only=True):
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
    tradable: bool = True
    code_first: CodeText | None = None
    code_last: CodeText | None = None


class TradeTransferIn(_Dated, kw_only=True):
    """The registry moved a trade's units from clearing to the buyer."""

    trade: TradeId


class TradeIdentificationIn(_Dated, kw_only=True):
    """The codes of a trade's counted units have arrived; the units become numbered where they lie."""

    trade: TradeId
    code_first: CodeText
    code_last: CodeText


class TradeVoidIn(_Dated, kw_only=True):
    """The platform withdrew a whole trade; units and debt go back to where they came from."""

    trade: TradeId


class FreezeIn(_Dated, kw_only=True):
    """Certificates of an enterprise, to be locked or released; `evidence.document` is the authority for it."""

    enterprise: PartyId
    quantity: PositiveText
    reason: FreezeReason
    lot: LotCode | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class FreezeReleaseIn(FreezeIn, kw_only=True):
    """Frozen certificates of an enterprise, to be released."""


class RetirementIn(_Dated, kw_only=True):
    """Certificates claimed for consumption in a year. Leave the lot out and the engine selects what may be claimed."""

    enterprise: PartyId | None = None
    quantity: PositiveText
    purpose: Purpose
    year: Annotated[str, Meta(pattern=r"^20[0-9]{2}$", description="The year of consumption.")]
    from_month: Month | None = None
    to_month: Month | None = None
    site: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    beneficiary: PartyId | None = None
    proof: Annotated[str, Meta(pattern=r"^[A-Za-z0-9./_-]{1,100}$")] | None = None
    lot: LotCode | None = None
    serials: Annotated[tuple[SerialsIn, ...], Meta(max_length=100)] = ()


class TransferItem(TransferIn, tag="transfer", tag_field="type", kw_only=True):
    """A transfer in a batch; `key` is its own request key."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class SubscriptionItem(SubscriptionIn, tag="subscription", tag_field="type", kw_only=True):
    """A subscription in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class TradeItem(TradeIn, tag="trade", tag_field="type", kw_only=True):
    """A trade in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class TradeTransferItem(TradeTransferIn, tag="trade_transfer", tag_field="type", kw_only=True):
    """A transfer of a trade in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class TradeIdentificationItem(TradeIdentificationIn, tag="trade_identification", tag_field="type", kw_only=True):
    """An identification in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class TradeVoidItem(TradeVoidIn, tag="trade_void", tag_field="type", kw_only=True):
    """A voided trade in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class FreezeItem(FreezeIn, tag="freeze", tag_field="type", kw_only=True):
    """A freeze in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class FreezeReleaseItem(FreezeReleaseIn, tag="freeze_release", tag_field="type", kw_only=True):
    """The end of a freeze in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


class RetirementItem(RetirementIn, tag="retirement", tag_field="type", kw_only=True):
    """A retirement in a batch."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None


TradeEventIn = TradeIn | TradeTransferIn | TradeIdentificationIn | TradeVoidIn
FactIn = TransferIn | SubscriptionIn | TradeEventIn | FreezeIn | FreezeReleaseIn | RetirementIn
BatchItem = (
    TransferItem
    | SubscriptionItem
    | TradeItem
    | TradeTransferItem
    | TradeIdentificationItem
    | TradeVoidItem
    | FreezeItem
    | FreezeReleaseItem
    | RetirementItem
)


class _Out(msgspec.Struct, frozen=True, kw_only=True):
    pass


class BalanceAfterOut(_Out, kw_only=True):
    """What one of the caller's accounts held after the transaction, all lots together."""

    account: str
    commodity: str
    quantity: str


class ReceiptOut(_Out, kw_only=True):
    """A write that is in the journal. The transaction's id is its log index."""

    transaction: str
    recorded_at: str
    tree_size: str
    """Ask for `known_as_of` this size and you see exactly these balances."""
    balances: tuple[BalanceAfterOut, ...]


class ItemOut(_Out, omit_defaults=True, kw_only=True):
    """What became of one item of a batch: posted, refused or unknown."""

    status: str
    key: str
    replayed: bool = False
    receipt: ReceiptOut | None = None
    code: str | None = None
    detail: str | None = None
    figures: dict[str, str] | None = None


class BatchOut(_Out, kw_only=True):
    """Results in the order of the items."""

    posted: int
    refused: int
    unknown: int
    items: list[ItemOut]


class AccountOut(_Out, kw_only=True):
    """One account in one commodity."""

    account: str
    kind: str
    commodity: str
    owner: str | None
    opened: str
    """Log index of the record that opened it."""


class AccountsOut(_Out, kw_only=True):
    """A page of accounts."""

    items: list[AccountOut]
    next_cursor: str | None


class LotBalanceOut(_Out, kw_only=True):
    """What is held of one lot; serials where it is numbered, both ends included."""

    lot: str
    quantity: str
    serials: list[tuple[str, str]]


class BalanceOut(_Out, kw_only=True):
    """What an account holds of a commodity; lots for certificates as they are now."""

    commodity: str
    unit: str
    quantity: str
    lots: list[LotBalanceOut] | None = None


class BalancesOut(_Out, kw_only=True):
    """Balances of an account, at a tree size."""

    account: str
    effective_as_of: str | None
    tree_size: str
    balances: list[BalanceOut]


class PostingOut(_Out, kw_only=True):
    """One posting and the balance of the account in its commodity after it."""

    transaction: str
    leg: int
    commodity: str
    lot: str | None
    quantity: str
    balance: str
    version: str
    effective_on: str


class PostingsOut(_Out, kw_only=True):
    """A page of postings, newest first."""

    account: str
    items: list[PostingOut]
    next_cursor: str | None


class TrialLineOut(_Out, kw_only=True):
    """The sum of all accounts of a kind in a commodity."""

    commodity: str
    kind: str
    accounts: int
    quantity: str


class TrialBalanceOut(_Out, kw_only=True):
    """The trial balance: for a park-wide reader the totals are zero for every commodity."""

    effective_as_of: str | None
    tree_size: str
    lines: list[TrialLineOut]
    totals: dict[str, str]


class LegOut(_Out, kw_only=True):
    """One posting of a transaction; accounts and balances of others read `withheld`."""

    account: str
    commodity: str
    lot: str | None
    quantity: str
    serials: list[tuple[str, str]]
    balance: str


class TransactionOut(_Out, kw_only=True):
    """A transaction as recorded."""

    transaction: str
    recorded_at: str
    command: str
    occurred_on: str
    effective_on: str
    evidence_level: str
    document: str | None
    document_line: str | None
    policies: list[str]
    findings: list[str]
    selection: str | None
    trade: str | None
    postings: list[LegOut]


class RecordOut(_Out, kw_only=True):
    """One journal record: its bytes are what was hashed."""

    index: str
    bytes: str
    """Base64."""
    leaf_hash: str
    """SHA-256(0x00 || bytes), hexadecimal."""
    record: msgspec.Raw


class RecordsOut(_Out, kw_only=True):
    """A page of the journal, in log order."""

    tree_size: str
    root: str
    items: list[RecordOut]
    next_cursor: str | None


class LimitsOut(_Out, kw_only=True):
    """What one request may carry."""

    pieces_max: int
    batch_items_max: int
    body_bytes_max: int
    queue_max: int
    page_max: int
    record_bytes_max: int
    quantity_max: str


class HealthOut(_Out, kw_only=True):
    """Whether the process lives, or can serve."""

    status: str


class ProblemOut(_Out, omit_defaults=True, kw_only=True):
    """RFC 9457 problem details; `code` is stable, texts follow Accept-Language (English or Chinese)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    figures: dict[str, str] | None = None
    errors: list[dict[str, str]] | None = None
    items: list[ItemOut] | None = None
    report: ImportReport | None = None
    """Of a statement that was refused: every problem with file, sheet, line, column and rule."""
    record: str | None = None
    """Log index of the recorded refusal."""
