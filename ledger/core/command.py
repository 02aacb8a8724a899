"""Commands: what callers wish. Each may be refused; none touches anything by itself.

`ledger.core.events` has those that post; here are the registry's, and who asks, under which keys.
A command's own bytes (`canonical`) are what its request key is frozen with.
"""

import hashlib
from typing import Literal

import msgspec

from ledger.core.activity import Route, Unit
from ledger.core.events import Evidence, Posting
from ledger.core.policy import PolicyRow

PartyChange = Literal["name", "alias", "exit", "merger"]
Role = Literal["enterprise", "operator", "regulator", "auditor", "admin"]


class RegisterParty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="register_party"):
    """A company the book knows. Names never enter the journal: only their salted hash does."""

    party: str
    kind: Literal["enterprise", "seller", "platform", "project", "province"]
    name: str
    aliases: tuple[str, ...] = ()
    sector: str | None = None
    usci: str | None = None
    grid_user: str | None = None


class ChangeParty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="change_party"):
    """A party's new name, a further alias, its exit, or its merger into another, from a day on."""

    party: str
    change: PartyChange
    on: str
    name: str | None = None
    into: str | None = None
    document: str | None = None


class OpenLedger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="open_ledger"):
    """The first command of every ledger: its origin, its zone and the rules it starts with."""

    origin: str
    zone: str
    rows: tuple[PolicyRow, ...]
    continues: str | None = None
    """Origin, size and root of the ledger this one goes on from, where that cannot be restored."""


class SetPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="set_policy"):
    """Put a rule in force."""

    row: PolicyRow


class CreateCredential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="create_credential"):
    """An API key, known here by its id and the SHA-256 of its secret only."""

    credential: str
    role: Role
    tenant: str | None = None
    subject: str
    secret_sha256: str


class RevokeCredential(msgspec.Struct, frozen=True, kw_only=True, tag="revoke_credential"):
    """End an API key."""

    credential: str


class Approve(msgspec.Struct, frozen=True, kw_only=True, tag="approve"):
    """A second person approves a proposal: its command is decided again, and posted."""

    proposal: int
    """Its log index."""


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject"):
    """A second person rejects a proposal."""

    proposal: int


class RecordImport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="record_import"):
    """That a statement file was read and posted, with the figures it was answered with."""

    document: str
    layout: str
    figures: dict[str, str]


class NoteWithdrawal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="note_withdrawal"):
    """That a platform withdrew a trade the book never had: an older statement that still shows it posts nothing."""

    trade_id: str
    evidence: Evidence
    occurred_on: str | None = None


LineRejection = Literal["not_ours", "twice", "entered_by_hand", "platform_error"]
"""Why a line of a statement never posts."""


class RejectLine(msgspec.Struct, frozen=True, kw_only=True, tag="reject_line"):
    """That a line of a statement file never posts, however often the file is imported."""

    document: str
    sheet: str
    """By its identifier; `-` for a file without sheets."""
    line: int
    reason: LineRejection


class ClosePeriod(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="close_period"):
    """Close a month, softly or for good, with the figures it is closed with."""

    month: str
    state: Literal["soft", "closed"]
    tree_size: int
    """The size at which the figures stand: as of the month's last day, as known then."""
    figures: dict[str, str]
    """The trial balance, by commodity and kind of account; open breaks; certificates in transit."""
    positions: str
    """SHA-256 of the positions at that moment."""


class ReopenPeriod(msgspec.Struct, frozen=True, kw_only=True, tag="reopen_period"):
    """Open the latest closed month again, once a second person approves."""

    month: str
    reason: Literal["error", "late_fact", "notice"]


class RegisterMeter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="register_meter"):
    """A meter of an enterprise, or a count that stands for one: what it measures, where, and below which other."""

    meter: str
    enterprise: str
    site: str
    stage: str
    material: str
    route: Route | None = None
    """Of electricity, and of nothing else."""
    under: str | None = None
    rating: int | None = None
    """The most it can show in an hour, in the material's smallest unit."""


class RecordReading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="record_reading"):
    """What a meter showed for some days of a month; it may take the place of an earlier reading."""

    meter: str
    first_on: str
    last_on: str
    quantity: int
    unit: Unit
    """Which must be the smallest unit of what the meter measures."""
    hours: tuple[int, ...] = ()
    """Of every hour from the first day's midnight on, where they are known."""
    corrects: int | None = None
    """The log index of the standing reading that this one takes the place of."""
    confirmed: bool = False
    """Somebody looked at a quantity that seems to be in another unit."""
    evidence: Evidence = msgspec.field(default_factory=lambda: Evidence(level="REPORTED"))


class SubmitInventory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="submit_inventory"):
    """An enterprise's emissions of a year, pinned: as known at a size, by the factors of a day."""

    enterprise: str
    year: str
    tree_size: int
    factors_on: str
    """The day whose factors and rules judge (ISO)."""
    digest: str
    """SHA-256 of the document, which the same size and day always give again."""
    figures: dict[str, str]
    """Its totals; of a restatement also the differences, by cause."""
    restates: int | None = None
    """The log index of the verified inventory that this one takes the place of."""


Findings = Literal["no_findings", "immaterial", "material", "incomplete"]
"""What a verifier found: nothing, nothing that matters, something that does, not all that is needed."""


class JudgeInventory(msgspec.Struct, frozen=True, kw_only=True, tag="judge_inventory"):
    """A second person verifies a submitted inventory, or returns it."""

    inventory: int
    """Its log index."""
    verdict: Literal["verified", "returned"]
    findings: Findings


class DeclareSigningKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="declare_signing_key"):
    """The key that signs the log's checkpoints from now on, and the one it takes the place of."""

    key: str
    """As signed notes write public keys: name, id and base64, joined by plus signs."""
    replaces: str | None = None


Registry = (
    OpenLedger
    | RegisterParty
    | ChangeParty
    | SetPolicy
    | CreateCredential
    | RevokeCredential
    | RecordImport
    | NoteWithdrawal
    | RejectLine
    | ClosePeriod
    | ReopenPeriod
    | RegisterMeter
    | RecordReading
    | SubmitInventory
    | JudgeInventory
    | DeclareSigningKey
)
Command = Posting | Approve | Reject | Registry


class Principal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Who asks. The tenant comes from the credential and from nowhere else."""

    actor: str
    """The credential's id, or `local:<OS user>` on the command line."""
    role: Role
    subject: str
    tenant: str | None = None
    """The enterprise this caller is; None for park-wide roles."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command stands in a batch: item `i` of `n`, counted from 1 (fields in the order of their names)."""

    i: str
    id: str
    n: str


class Request(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A command with who asked, under which keys."""

    command: Command
    principal: Principal
    request_key: str
    evidence_key: str | None = None
    batch: Batch | None = None
    canonical: bytes
    """`canonical(command)`, computed once where the request is made."""
    salt_seed: bytes = b""
    """32 random bytes from the edge, for commands that carry private texts (see `private_salt`)."""


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Command)


def canonical(command: Command) -> bytes:
    """The bytes two equal commands share."""
    return _ENCODER.encode(command)


def private_salt(seed: bytes, field: str) -> bytes:
    """The salt of one private text of a command: 32 bytes that nobody can guess without the seed."""
    assert len(seed) == 32
    return hashlib.sha256(seed + field.encode()).digest()


def private_hash(salt: bytes, text: str) -> str:
    """What a record says of a private text: SHA-256 of its salt and its UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def decode(content: bytes) -> Command:
    """The command whose canonical bytes these are."""
    return _DECODER.decode(content)


def fingerprint(salt: bytes, command: bytes) -> bytes:
    """SHA-256 of a record's salt and the canonical command it came of: nobody outside can guess the one from it."""
    return hashlib.sha256(salt + command).digest()


def kept_fingerprint(salt: str, digest: str) -> bytes:
    """What a request key is frozen with where the command itself is lost: salt and fingerprint, in hexadecimal."""
    return b"\x00" + bytes.fromhex(salt) + bytes.fromhex(digest)


def is_same(kept: bytes, command: bytes) -> bool:
    """Whether a command is the one a key was frozen with, by its canonical bytes or by what is kept of them."""
    if kept[:1] != b"\x00":
        return kept == command
    return fingerprint(kept[1:-32], command) == kept[-32:]


def differing_fields(earlier: bytes, later: bytes) -> list[str]:
    """The paths at which two canonical commands differ, such as `legs[0].quantity`; sorted. `?`: it is not kept."""
    if earlier[:1] == b"\x00":
        return ["?"]
    return sorted(_differences("", msgspec.json.decode(earlier), msgspec.json.decode(later)))


def _differences(path: str, one: object, other: object) -> list[str]:
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        prefix = path + "." if path else ""
        return [
            found
            for key in one.keys() | other.keys()
            for found in _differences(prefix + key, one.get(key), other.get(key))
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for at, (left, right) in enumerate(zip(one, other, strict=True))
            for found in _differences(f"{path}[{at}]", left, right)
        ]
    return [path or "command"]
