"""What a book keeps of parties, trades, offers, proposals, inventories and keys: each as it stands."""

from decimal import Decimal

import msgspec

from ledger.core.serial_range import Ranges


class TradeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A trade in the book."""

    trade_id: str
    log_index: int
    buyer: str
    seller: str
    platform: str
    lot: str
    lot_id: int
    ranges: Ranges
    quantity: int
    price: str | None
    amount_fen: int | None
    state: str
    transferred_index: int | None = None
    voided: int = 0
    """How many of its certificates were voided so far; `ranges` are those that stand."""
    delivered_index: int | None = None

    @property
    def standing(self) -> int:
        """How many of its certificates were not voided."""
        return self.quantity - self.voided

    @property
    def delivered(self) -> bool:
        """Whether it fulfils a subscription."""
        return self.delivered_index is not None

    @property
    def standing_fen(self) -> int:
        """What is owed for those that stand, in fen."""
        return self.fen_of(self.standing)

    def fen_of(self, quantity: int) -> int:
        """What so many of its certificates cost: whole fen, and all of them exactly the amount."""
        return (self.amount_fen or 0) * quantity // self.quantity


class Party(msgspec.Struct, frozen=True):
    """A registered company."""

    party: str
    kind: str
    log_index: int
    exited_on: str | None = None
    """The day from which it is no more, by its exit or a merger."""
    into: str | None = None
    """Whom it merged into."""


class OfferFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An offer between enterprises, and what came of it."""

    log_index: int
    """Of its posting."""
    enterprise: str
    receiver: str
    expires_on: str | None
    state: str = "open"
    """open, or how it was answered: accept, reject, withdraw, lapse."""
    answered_index: int | None = None


class ProposalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A command that waits for a second person, and what came of it."""

    log_index: int
    command: str
    """Its canonical JSON."""
    role: str
    subject: str
    tenant: str | None
    evidence_key: str | None
    state: str = "open"
    """open, approved or rejected."""
    judged_index: int | None = None


class InventoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One submitted inventory, and what came of it."""

    log_index: int
    enterprise: str
    year: str
    subject: str
    tree_size: int
    factors_on: str
    digest: str
    restates: int | None
    scope1: str = "0"
    """Its direct emissions in tCO2e: what is surrendered for once it is verified."""
    findings: str | None = None
    state: str = "submitted"
    """submitted, verified, returned or restated."""
    judged_index: int | None = None

    @property
    def obligation(self) -> int:
        """What must be surrendered for it, in whole tonnes: a part of one counts as one (domain reference, 4.6)."""
        return int(Decimal(self.scope1).to_integral_value("ROUND_CEILING"))


class Known(msgspec.Struct, frozen=True, gc=False):
    """The outcome a request key is frozen with."""

    log_index: int
    canonical: bytes
    """Of the command; where the database was recovered from a bundle, its fingerprint (`command.is_same`)."""
    refused: str | None = None
    """The refusal's code, where it was one."""
