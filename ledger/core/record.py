"""Journal record, envelope version 1, and its canonical bytes.

The bytes are RFC 8785 JSON of a subset: ASCII keys in order, integers as decimal strings, no floats, an
absent value left out. The bytes stored are the bytes hashed, so nothing here may ever change for version 1:
new record types may come, old ones stay as they are. Fields of every struct stand in the order of their names.
"""

from typing import Any

import msgspec

from ledger.core.certificate import LotFacts
from ledger.core.command import Batch
from ledger.core.events import (
    Evidence,
)
from ledger.core.policy import PolicyRow

RECORD_BYTES_MAX = 32 * 1024
ENGINE_VERSION = "1"
NOT_RECORDED = "0000-00-00T00:00:00.000000Z"
"""Stands in a record that is decided but not sealed, since the moment is read under the head's lock."""
_OPEN_MOMENT = b'"recorded_at":"%b"' % NOT_RECORDED.encode()


class LedgerBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The opening of a ledger: always record 0."""

    continues: str | None = None
    """Origin, size and root of the ledger this one goes on from, after a restore; else absent."""
    origin: str
    zone: str


class PostedLeg(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One posting of a transaction: debit is positive."""

    account: str
    commodity: str
    lot: str | None = None
    quantity: str
    serials: tuple[tuple[str, str], ...] = ()
    """First and last serial of each range, both included; only for numbered lots."""


class TradeState(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a posting says about a trade; the facts of the trade stand on its first posting only."""

    amount_fen: str | None = None
    buyer: str | None = None
    codes: tuple[str, ...] = ()
    """First and last certificate code as printed, where no layout in force can read them."""
    mode: str | None = None
    platform: str | None = None
    price: str | None = None
    quantity: str | None = None
    seller: str | None = None
    state: str
    """What the trade became by this posting: TRADED, TRANSFERRED, IDENTIFIED (its units, not its course),
    VOID_IN_PART (some of them), VOID, DELIVERED (on a subscription)."""
    trade_id: str


class PostingBody(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A transaction. Its id is the record's index."""

    adjusts_period: str | None = None
    command: str
    corrects: str | None = None
    """The log index of the settlement that a correction speaks of."""
    effective_on: str
    engine: str
    evidence: Evidence
    findings: tuple[str, ...] = ()
    legs: tuple[PostedLeg, ...]
    occurred_on: str
    policies: tuple[str, ...]
    """Log indexes of the policy rows that judged it."""
    reverses: str | None = None
    selection: str | None = None
    """The rule that chose lots and serials where the caller named none."""
    status: str | None = None
    """Of a subscription: lump or intention, absent for a plain commitment. Of a freeze or its end: the reason."""
    trade: TradeState | None = None


class RefusalBody(msgspec.Struct, frozen=True, kw_only=True):
    """A command refused because of the state of the book, with its figures."""

    code: str
    command: str
    figures: dict[str, str]


class AccountBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Accounts opened, with the enterprise that owns them."""

    accounts: tuple[str, ...]
    owner: str | None = None


class PartyBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party registered. `names` are the salted hashes of its name and aliases, in that order."""

    accounts: tuple[str, ...]
    kind: str
    names: tuple[str, ...]
    party: str
    private: tuple[str, ...] = ()
    """Salted hashes of further particulars kept beside the journal."""


class PartyChangeBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party named anew or also otherwise, gone, or merged into another. `names` are salted hashes."""

    change: str
    """name, alias, exit or merger."""
    document: str | None = None
    into: str | None = None
    names: tuple[str, ...] = ()
    on: str
    party: str


class PolicyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A rule put in force."""

    row: PolicyRow


class LotBody(msgspec.Struct, frozen=True, kw_only=True):
    """A lot declared, before its first posting."""

    lot: LotFacts


class CredentialBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key made or revoked."""

    credential: str
    role: str | None = None
    secret_sha256: str | None = None
    state: str
    subject: str | None = None
    tenant: str | None = None


class RetirementBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What certificates were retired for; which ones stands in the posting that follows and causes this record."""

    beneficiary: str
    enterprise: str
    from_month: str | None = None
    proof: str | None = None
    purpose: str
    site: str | None = None
    to_month: str | None = None
    year: str


class ProposalBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that waits for a second person: nothing is posted or reserved."""

    command: str
    """The canonical JSON of the command."""
    evidence_key: str | None = None
    role: str
    subject: str
    """Who proposed, by an opaque id: person:... or system:..."""
    tenant: str | None = None


class JudgementBody(msgspec.Struct, frozen=True, kw_only=True):
    """A second person's word on a proposal; what was approved is posted by the record that caused this one."""

    proposal: str
    subject: str
    verdict: str
    """approved or rejected."""


class OfferBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An offer between enterprises; what is offered stands in the posting that follows and causes this record."""

    enterprise: str
    expires_on: str | None = None
    receiver: str


class AnswerBody(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an offer; the certificates move by the posting that follows and causes this record."""

    answer: str
    """accept, reject, withdraw or lapse."""
    offer: str
    """The log index of the offer's posting."""


class ImportBody(msgspec.Struct, frozen=True, kw_only=True):
    """A statement file read and posted."""

    document: str
    figures: dict[str, str]
    layout: str


class CloseBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A month closed, softly or for good, or opened again; the rule that says so stands in the record before."""

    figures: dict[str, str]
    """The trial balance as of its last day, breaks and what is in transit; of an opening: why."""
    month: str
    positions: str | None = None
    """SHA-256 of the positions at the same moment."""
    state: str
    tree_size: str
    """The size at which the figures stand."""


class WithdrawalBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trade that a platform withdrew and the book never had; its evidence key is used up."""

    evidence: Evidence
    occurred_on: str | None = None
    trade_id: str


class RejectionBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a statement file that somebody decided not to post; its evidence key is used up."""

    document: str
    line: str
    reason: str
    sheet: str


class MeterBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A meter registered."""

    enterprise: str
    material: str
    meter: str
    rating: str | None = None
    """The most it can show in an hour, in the material's smallest unit."""
    route: str | None = None
    site: str
    stage: str
    under: str | None = None


class ReadingBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a meter showed from one day to another, both included."""

    corrects: str | None = None
    """The log index of the reading it takes the place of."""
    enterprise: str
    evidence: Evidence
    first_on: str
    hours: tuple[str, ...] = ()
    last_on: str
    meter: str
    quantity: str
    """In the material's smallest unit."""


class InventoryBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An enterprise's emissions of a year as submitted, or a second person's word on them."""

    digest: str | None = None
    """SHA-256 of the document that size and day give."""
    enterprise: str
    factors_on: str | None = None
    figures: dict[str, str] = {}
    findings: str | None = None
    inventory: str | None = None
    """Of a judgement: the log index of what was submitted."""
    restates: str | None = None
    """The log index of the verified inventory that this one takes the place of."""
    state: str
    """submitted, verified or returned."""
    subject: str
    """Who said so, by an opaque id."""
    tree_size: str | None = None
    year: str


class SigningKeyBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key that signs checkpoints from here on. Both keys sign the first one, unless the one replaced was lost."""

    key: str
    """As signed notes write public keys."""
    replaces: str | None = None


Body = (
    LedgerBody
    | PostingBody
    | RefusalBody
    | AccountBody
    | PartyBody
    | PartyChangeBody
    | PolicyBody
    | LotBody
    | CredentialBody
    | ImportBody
    | RetirementBody
    | ProposalBody
    | JudgementBody
    | OfferBody
    | AnswerBody
    | SigningKeyBody
    | WithdrawalBody
    | RejectionBody
    | CloseBody
    | MeterBody
    | ReadingBody
    | InventoryBody
)


class Posted(msgspec.Struct, frozen=True):
    """The records a command becomes, in log order; the last is the command's own."""

    bodies: tuple[Body, ...]
    evidence_key: str | None = None
    """Of a proposal that was approved: the evidence it uses up."""


BODY_TYPES: dict[str, type] = {
    "account": AccountBody,
    "answer": AnswerBody,
    "close": CloseBody,
    "credential": CredentialBody,
    "import": ImportBody,
    "inventory": InventoryBody,
    "judgement": JudgementBody,
    "ledger": LedgerBody,
    "lot": LotBody,
    "meter": MeterBody,
    "offer": OfferBody,
    "party": PartyBody,
    "party_change": PartyChangeBody,
    "policy": PolicyBody,
    "posting": PostingBody,
    "proposal": ProposalBody,
    "reading": ReadingBody,
    "refusal": RefusalBody,
    "rejection": RejectionBody,
    "retirement": RetirementBody,
    "signing_key": SigningKeyBody,
    "withdrawal": WithdrawalBody,
}
TYPE_OF_BODY: dict[type, str] = {body: name for name, body in BODY_TYPES.items()}


class Envelope(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Every record, whatever its type."""

    actor: str
    batch: Batch | None = None
    body: Any
    """One of `Body`."""
    caused_by: str | None = None
    evidence_key: str | None = None
    fingerprint: str | None = None
    """SHA-256 of the record's salt and the canonical request, so that it cannot be guessed from outside."""
    index: str
    ledger: str
    recorded_at: str
    """UTC, microseconds: 2026-11-23T07:30:00.000000Z; one for each segment, strictly increasing."""
    request_key: str | None = None
    salt: str
    """32 hexadecimal digits, random for each record: without them a leaf hash says nothing of its record."""
    tenant: str | None = None
    type: str
    type_v: str
    v: str


class _Parsed(Envelope, frozen=True, kw_only=True):
    body: msgspec.Raw


# Sorted, because the tag of a policy rule would stand before its other keys otherwise.
_ENCODER = msgspec.json.Encoder(order="sorted")
_PARSER = msgspec.json.Decoder(_Parsed, strict=True)
_BODY_DECODERS = {name: msgspec.json.Decoder(body) for name, body in BODY_TYPES.items()}


class MalformedRecord(ValueError):
    """Bytes that are not a version 1 record this program can read; the message says which rule they break."""


def encode(envelope: Envelope) -> bytes:
    """The record's canonical bytes."""
    return _ENCODER.encode(envelope)


def stamped(record: bytes, moment: str) -> bytes:
    """The bytes of a record encoded as NOT_RECORDED, as recorded at `moment`.

    No other place can match: a quotation mark inside a JSON text is escaped, and no body has a field of this name.
    """
    assert len(moment) == len(NOT_RECORDED)
    made = record.replace(_OPEN_MOMENT, b'"recorded_at":"%b"' % moment.encode(), 1)
    assert made is not record, "the record has its moment already"
    return made


def decode(content: bytes) -> Envelope:
    """The record these bytes are; MalformedRecord where they are none, or not in canonical form."""
    if len(content) > RECORD_BYTES_MAX:
        raise MalformedRecord(f"{len(content)} bytes, where a record has {RECORD_BYTES_MAX} at most")
    try:
        parsed = _PARSER.decode(content)
        body = _BODY_DECODERS[parsed.type].decode(parsed.body)
    except (msgspec.MsgspecError, KeyError, UnicodeError, RecursionError) as fault:
        raise MalformedRecord(f"not a version 1 record: {fault}") from fault
    fields = {name: getattr(parsed, name) for name in Envelope.__struct_fields__}
    envelope = Envelope(**(fields | {"body": body}))
    if encode(envelope) != content:
        raise MalformedRecord("the bytes are not in canonical form")
    return envelope
