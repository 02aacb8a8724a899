"""What crosses the wire outward. Quantities are decimal strings; what comes in is in `api.bodies`."""

from typing import Literal

import msgspec

from ledger.reports.invariants import Verdict


class Out(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer is."""


class BalanceAfterOut(Out, kw_only=True):
    """What one of the caller's accounts held after the transaction, all lots together."""

    account: str
    commodity: str
    quantity: str


class ReceiptOut(Out, kw_only=True):
    """A write that is in the journal. The transaction's id is its log index."""

    status: Literal["posted", "proposed"] = "posted"
    """proposed: nothing is posted yet; `transaction` is the proposal, which waits for a second person."""
    transaction: str
    recorded_at: str
    tree_size: str
    """Ask for `known_as_of` this size and you see exactly these balances."""
    balances: tuple[BalanceAfterOut, ...]


class ItemOut(Out, omit_defaults=True, kw_only=True):
    """What became of one item of a batch: posted, refused or unknown."""

    status: str
    key: str
    replayed: bool = False
    receipt: ReceiptOut | None = None
    code: str | None = None
    detail: str | None = None
    figures: dict[str, str] | None = None


class BatchOut(Out, kw_only=True):
    """Results in the order of the items."""

    posted: int
    proposed: int
    refused: int
    unknown: int
    items: list[ItemOut]


class AccountOut(Out, kw_only=True):
    """One account in one commodity."""

    account: str
    kind: str
    commodity: str
    owner: str | None
    opened: str
    """Log index of the record that opened it."""


class AccountsOut(Out, kw_only=True):
    """A page of accounts."""

    items: list[AccountOut]
    next_cursor: str | None


class LotBalanceOut(Out, kw_only=True):
    """What is held of one lot; serials where it is numbered, both ends included."""

    lot: str
    quantity: str
    serials: list[tuple[str, str]]


class BalanceOut(Out, kw_only=True):
    """What an account holds of a commodity; lots for certificates as they are now."""

    commodity: str
    unit: str
    quantity: str
    lots: list[LotBalanceOut] | None = None


class BalancesOut(Out, kw_only=True):
    """Balances of an account, at a tree size."""

    account: str
    effective_as_of: str | None
    tree_size: str
    balances: list[BalanceOut]


class PostingOut(Out, kw_only=True):
    """One posting and the balance of the account in its commodity after it."""

    transaction: str
    leg: int
    commodity: str
    lot: str | None
    quantity: str
    balance: str
    version: str
    effective_on: str


class PostingsOut(Out, kw_only=True):
    """A page of postings, newest first."""

    account: str
    items: list[PostingOut]
    next_cursor: str | None


class TrialLineOut(Out, kw_only=True):
    """The sum of all accounts of a kind in a commodity."""

    commodity: str
    kind: str
    accounts: int
    quantity: str


class TrialBalanceOut(Out, kw_only=True):
    """The trial balance: for a park-wide reader the totals are zero for every commodity."""

    effective_as_of: str | None
    tree_size: str
    lines: list[TrialLineOut]
    totals: dict[str, str]


class LegOut(Out, kw_only=True):
    """One posting of a transaction; accounts and balances of others read `withheld`."""

    account: str
    commodity: str
    lot: str | None
    quantity: str
    serials: list[tuple[str, str]]
    balance: str


class TransactionOut(Out, kw_only=True):
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


class RecordOut(Out, kw_only=True):
    """One journal record: its bytes are what was hashed."""

    index: str
    bytes: str
    """Base64."""
    leaf_hash: str
    """SHA-256(0x00 || bytes), hexadecimal."""
    record: msgspec.Raw


class RecordsOut(Out, kw_only=True):
    """A page of the journal, in log order."""

    tree_size: str
    root: str
    items: list[RecordOut]
    next_cursor: str | None


class PeriodOut(Out, kw_only=True):
    """A month closed, softly or for good, or opened again."""

    month: str
    state: str
    record: str
    """Log index of the record that says so."""
    recorded_at: str
    tree_size: str
    """The size at which the figures stand, as of the month's last day."""
    figures: dict[str, str]
    """The trial balance by commodity and kind of account, open breaks, imports; of an opening: why."""
    positions: str | None
    """SHA-256 of the positions at the same moment."""


class PeriodsOut(Out, kw_only=True):
    """Closes and openings, in the order they were made."""

    items: list[PeriodOut]


class ProposalOut(Out, kw_only=True):
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


class ProposalsOut(Out, kw_only=True):
    """A page of proposals."""

    items: list[ProposalOut]
    next_cursor: str | None


class InvariantsOut(Out, kw_only=True):
    """Whether the invariants of the book hold, at a tree size."""

    tree_size: str
    items: list[Verdict]


class PartyChangeOut(Out, kw_only=True):
    """One change of a party, from a day on."""

    record: str
    change: str
    on: str
    into: str | None
    name: str | None


class PartyOut(Out, kw_only=True):
    """A party with its newest name, and what changed about it."""

    party: str
    kind: str
    name: str | None
    registered: str
    exited_on: str | None
    merged_into: str | None
    changes: list[PartyChangeOut]


class PartiesOut(Out, kw_only=True):
    """All parties the caller may see."""

    items: list[PartyOut]


class RuleOut(Out, kw_only=True):
    """A rule, and the record that put it in force."""

    record: str
    """Its log index: what records name as the rule that judged them."""
    in_force_from: str
    in_force_to: str | None
    source: str
    rule: msgspec.Raw


class RulesOut(Out, kw_only=True):
    """A page of rules, in the order they were made."""

    items: list[RuleOut]
    next_cursor: str | None


class BalanceChangeOut(Out, kw_only=True):
    """A balance as it was known at one size and at another, up to the same day."""

    account: str
    commodity: str
    before: str
    after: str
    postings: str
    transactions: list[str]
    """Log indexes of the first twenty that changed it."""


class MonthChangeOut(Out, kw_only=True):
    """A month in which something counts that was not known before."""

    month: str
    transactions: str
    late: str
    """Of these, recorded after the month was over."""


class PositionChangeOut(Out, kw_only=True):
    """A figure of a party's position that differs."""

    party: str
    figure: str
    before: str
    after: str


class ChangesOut(Out, kw_only=True):
    """What differs between two states of knowledge; balances page by page."""

    from_size: str
    to_size: str
    effective_as_of: str | None
    months: list[MonthChangeOut]
    positions: list[PositionChangeOut]
    balances: list[BalanceChangeOut]
    next_cursor: str | None


class InclusionOut(Out, kw_only=True):
    """The audit path of a record (RFC 9162, 2.1.3): hashes in hexadecimal, the sibling of the leaf first."""

    index: str
    tree_size: str
    path: list[str]


class ConsistencyOut(Out, kw_only=True):
    """The proof that one tree is a prefix of a later one (RFC 9162, 2.1.4): hashes in hexadecimal."""

    from_size: str
    to_size: str
    path: list[str]


class ProofReceiptOut(Out, kw_only=True):
    """All it takes to show a record to somebody who trusts nobody here."""

    index: str
    record_bytes: str
    """The bytes that were hashed, in base64."""
    tree_size: str
    path: list[str]
    checkpoint: str
    """A signed note (C2SP)."""
    proof: str
    """Index, path and checkpoint as C2SP tlog-proof v1 writes them."""


class SigningKeyOut(Out, kw_only=True):
    """A key that signs checkpoints, as a record names it. Before you pin it, ask by another way whether it is right."""

    record: str
    key: str
    replaces: str | None


class SigningKeysOut(Out, kw_only=True):
    """All keys that the log names, in order."""

    items: list[SigningKeyOut]


class LimitsOut(Out, kw_only=True):
    """What one request may carry."""

    pieces_max: int
    batch_items_max: int
    body_bytes_max: int
    queue_max: int
    page_max: int
    record_bytes_max: int
    quantity_max: str


class HealthOut(Out, kw_only=True):
    """Whether the process lives, or can serve."""

    status: str


class ProblemOut(Out, omit_defaults=True, kw_only=True):
    """RFC 9457 problem details; `code` is stable, texts follow Accept-Language (English or Chinese)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    figures: dict[str, str] | None = None
    errors: list[dict[str, str]] | None = None
    items: list[ItemOut] | None = None
    record: str | None = None
    """Log index of the recorded refusal."""
