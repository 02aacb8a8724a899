"""What crosses the wire outward. Quantities are decimal strings; what comes in is in `api.bodies`."""

from typing import Literal

import msgspec

from ledger.imports.posting import ImportReport
from ledger.reports.invariants import Verdict


class _Out(msgspec.Struct, frozen=True, kw_only=True):
    pass


class BalanceAfterOut(_Out, kw_only=True):
    """What one of the caller's accounts held after the transaction, all lots together."""

    account: str
    commodity: str
    quantity: str


class ReceiptOut(_Out, kw_only=True):
    """A write that is in the journal. The transaction's id is its log index."""

    status: Literal["posted", "proposed"] = "posted"
    """proposed: nothing is posted yet; `transaction` is the proposal, which waits for a second person."""
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
    proposed: int
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


class ProposalOut(_Out, kw_only=True):
    """A command that waits for a second person, and what came of it."""

    proposal: str
    """Its log index."""
    command: msgspec.Raw
    """As it would be posted."""
    role: str
    subject: str
    state: str
    """open, approved or rejected."""
    judged: str | None
    """Log index of the judgement."""


class ProposalsOut(_Out, kw_only=True):
    """A page of proposals."""

    items: list[ProposalOut]
    next_cursor: str | None


class OfferedOut(_Out, kw_only=True):
    """Certificates of one lot that are offered."""

    lot: str
    quantity: str
    serials: list[tuple[str, str]]


class OfferOut(_Out, kw_only=True):
    """An offer between enterprises, and what came of it."""

    offer: str
    """The log index of its transaction."""
    enterprise: str
    receiver: str
    expires_on: str | None
    state: str
    """open, or how it was answered: accept, reject, withdraw, lapse."""
    answered: str | None
    """Log index of the transaction that answered it."""
    certificates: list[OfferedOut] | None = None
    """What is offered; shown for one offer, not in lists."""


class OffersOut(_Out, kw_only=True):
    """A page of offers."""

    items: list[OfferOut]
    next_cursor: str | None


class LotOut(_Out, kw_only=True):
    """What is known of a lot of certificates."""

    lot: str
    scheme: str
    project: str
    production_month: str
    numbered: bool
    tradable: bool
    energy_class: str | None
    trade_class: str | None
    source: str | None
    province: str | None


class PlaceOut(_Out, kw_only=True):
    """Where certificates lie now, both ends of the range included."""

    account: str
    serials: tuple[str, str]
    since: str


class HopOut(_Out, kw_only=True):
    """One move of certificates; accounts of others read `withheld`."""

    transaction: str
    """Its log index."""
    command: str
    occurred_on: str
    effective_on: str
    recorded_at: str
    from_account: str
    to_account: str
    quantity: str
    serials: tuple[str, str] | None
    """Absent while the certificates were counted only."""
    evidence_level: str
    document: str | None
    document_line: str | None


class CustodyOut(_Out, kw_only=True):
    """The way of a range of certificates: how it came, hop by hop, and where it lies."""

    tree_size: str
    lot: LotOut
    serials: list[tuple[str, str]]
    places: list[PlaceOut]
    hops: list[HopOut]
    next_cursor: str | None


class RetiredLotOut(_Out, kw_only=True):
    """Certificates of one lot that a claim rests on; codes where a layout writes them."""

    lot: LotOut
    quantity: str
    serials: list[tuple[str, str]]
    codes: list[tuple[str, str]]


class RetirementOut(_Out, kw_only=True):
    """The statement of one retirement."""

    transaction: str
    claim_record: str
    """Log index of the record that says what the claim is for."""
    recorded_at: str
    occurred_on: str
    effective_on: str
    enterprise: str
    beneficiary: str
    purpose: str
    year: str
    from_month: str | None
    to_month: str | None
    site: str | None
    proof: str | None
    quantity: str
    lots: list[RetiredLotOut]
    evidence_level: str
    document: str | None
    policies: list[str]
    """Log indexes of the rules that judged it."""
    reversed_by: list[str]
    """Transactions that took it back as a booking error, whole or in part."""


class PositionOut(_Out, kw_only=True):
    """One party's figures in certificates; different things, never added up across."""

    party: str
    kind: str
    group: str | None
    subscribed: str
    outstanding: str
    traded: str
    transferred: str
    in_transit: str
    held: str
    held_expired: str
    offered: str
    listed: str
    frozen: str
    retired: str
    expired: str
    cancelled: str


class ReckoningOut(_Out, kw_only=True):
    """What is left of the promises, by one reading of them."""

    subscribed: str
    traded: str
    outstanding: str
    fulfilment_percent: str | None


class PositionsOut(_Out, kw_only=True):
    """Positions at a tree size. Reading A: promises outstanding; C: what was traded fulfils them."""

    tree_size: str
    effective_as_of: str | None
    totals: dict[str, str]
    readings: dict[str, ReckoningOut]
    subscribed_levels: dict[str, str]
    traded_levels: dict[str, str]
    lines: list[PositionOut]


class RouteOut(_Out, kw_only=True):
    """What came to an enterprise by one route, of one vintage and source."""

    party: str
    route: str
    vintage: str | None
    source: str | None
    received: str
    priced: str
    cost_fen: str
    average_yuan: str | None


class RoutesOut(_Out, kw_only=True):
    """Certificates by the route they came by, at a tree size."""

    tree_size: str
    effective_as_of: str | None
    lines: list[RouteOut]


class InvariantsOut(_Out, kw_only=True):
    """Whether the invariants of the book hold, at a tree size."""

    tree_size: str
    items: list[Verdict]


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
