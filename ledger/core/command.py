"""Commands: what callers wish. Each may be refused; none touches anything by itself.

Dates are ISO strings (civil days in the ledger's zone), quantities whole numbers of the smallest unit.
A command's own bytes (`canonical`) are what its request key is frozen with.
"""

import hashlib
from typing import Literal

import msgspec

from ledger.core.certificate import LotFacts
from ledger.core.policy import PolicyRow
from ledger.core.serial_range import Ranges

Role = Literal["enterprise", "operator", "regulator", "auditor", "admin"]
Level = Literal["CONFIRMED", "REPORTED", "DECLARED"]
Purpose = Literal["COMPLIANCE_SHARE", "VOLUNTARY", "PRODUCT_CLAIM", "EVENT", "OTHER"]
"""What a claim is for (domain reference, section 1.8): one certificate, one purpose."""
FreezeReason = Literal["dispute", "authority", "ccer", "error"]
"""Why certificates are frozen: an objection, an order, a CCER of the same energy, a suspected booking error."""


class Evidence(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a fact rests on. `document` is the SHA-256 of the file, `line` where in it (sheet!line)."""

    document: str | None = None
    level: Level
    line: str | None = None


def _reported() -> Evidence:
    # A factory, so that it is always written: `omit_defaults` goes by identity, and one command has one form.
    return Evidence(level="REPORTED")


class Leg(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One posting asked for: debit is positive. Without a lot the engine selects, and records what it chose."""

    account: str
    commodity: str
    quantity: int
    lot: str | None = None
    serials: Ranges = ()


class Transfer(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="transfer"):
    """One balanced transaction of postings between accounts the caller may move."""

    legs: tuple[Leg, ...]
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="subscribe"):
    """A promise of certificates: by an enterprise, or by nobody in particular (a lump, an intention)."""

    enterprise: str | None = None
    quantity: int
    status: Literal["commitment", "lump", "intention"] = "commitment"
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)


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
    evidence: Evidence = msgspec.field(default_factory=_reported)


class TransferTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="transfer_trade"):
    """The registry moved a trade's units: out of clearing to the buyer. A fact of its own."""

    trade_id: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)


class IdentifyTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="identify_trade"):
    """The serials of a trade's counted units have arrived: counted units become numbered ones where they lie."""

    trade_id: str
    code_first: str
    code_last: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)


class VoidTrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="void_trade"):
    """The platform withdrew a whole trade: its units, and what was owed for them, go back to where they came from."""

    trade_id: str
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)


class _Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    enterprise: str
    quantity: int
    reason: FreezeReason
    lot: str | None = None
    """Without a lot the engine selects, and records what it chose."""
    serials: Ranges = ()
    occurred_on: str | None = None
    effective_on: str | None = None
    evidence: Evidence = msgspec.field(default_factory=_reported)
    """Its document is the authority for it, and must be named."""


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
    evidence: Evidence = msgspec.field(default_factory=_reported)


class RegisterParty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="register_party"):
    """A company the book knows. Names never enter the journal: only their salted hash does."""

    party: str
    kind: Literal["enterprise", "seller", "platform"]
    name: str
    aliases: tuple[str, ...] = ()
    sector: str | None = None
    usci: str | None = None
    grid_user: str | None = None


class OpenLedger(msgspec.Struct, frozen=True, kw_only=True, tag="open_ledger"):
    """The first command of every ledger: its origin, its zone and the rules it starts with."""

    origin: str
    zone: str
    rows: tuple[PolicyRow, ...]


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


class RecordImport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="record_import"):
    """That a statement file was read and posted, with the figures it was answered with."""

    document: str
    layout: str
    figures: dict[str, str]


TradeEvent = Trade | TransferTrade | IdentifyTrade | VoidTrade
Posting = Transfer | Subscribe | TradeEvent | Freeze | Unfreeze | Retire
POSTINGS = (Transfer, Subscribe, Trade, TransferTrade, IdentifyTrade, VoidTrade, Freeze, Unfreeze, Retire)
Command = Posting | OpenLedger | RegisterParty | SetPolicy | CreateCredential | RevokeCredential | RecordImport


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


def differing_fields(earlier: bytes, later: bytes) -> list[str]:
    """The paths at which two canonical commands differ, such as `legs[0].quantity`; sorted."""
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
