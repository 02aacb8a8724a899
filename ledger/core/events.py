"""Business events (domain reference, section 3.3): what callers wish to post. Each may be refused.

Dates are ISO strings (civil days in the ledger's zone), quantities whole numbers of the smallest unit. Every event
is one command with one balanced transaction; `ledger.core.command` has the wishes that post nothing.
"""

from typing import Literal

import msgspec

from ledger.core.certificate import LotFacts
from ledger.core.serial_range import Ranges

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


TradeEvent = Trade | TransferTrade | IdentifyTrade | VoidTrade
Posting = Transfer | Subscribe | TradeEvent | Freeze | Unfreeze | Retire
POSTINGS = (Transfer, Subscribe, Trade, TransferTrade, IdentifyTrade, VoidTrade, Freeze, Unfreeze, Retire)
