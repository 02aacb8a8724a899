"""One table for each noun, as the migrations make them; a test holds these and the migrated schema equal.

They are for reading about the schema and for tools; the writer speaks SQL and COPY, because writing through an
ORM costs 4 to 8 times the raw driver. Checks, triggers, grants and views stand in the migrations only.
"""

import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, INT8RANGE, JSONB, ExcludeConstraint, Range
from sqlmodel import Field, SQLModel

SCHEMA = "greenledger"
_IN_SCHEMA = {"schema": SCHEMA}
_INSTANT = DateTime(timezone=True)
_BOX = text(f"{SCHEMA}.serial_box(ledger_id, lot_id, serials)")


class Ledger(SQLModel, table=True):
    """A park's book, with one total order."""

    __tablename__ = "ledger"
    __table_args__ = (UniqueConstraint("name"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str = Field(sa_type=Text)
    origin: str = Field(sa_type=Text)
    zone: str = Field(sa_type=Text)


class Head(SQLModel, table=True):
    """Where a ledger's journal ends; its row lock, which writers queue up for, is the only lock there is."""

    __tablename__ = "head"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=BigInteger)
    recorded_at: datetime.datetime = Field(sa_type=_INSTANT)
    frontier: bytes = Field(sa_type=LargeBinary)
    balance_size: int = Field(sa_type=BigInteger)


class JournalSegment(SQLModel, table=True):
    """The records of one group commit."""

    __tablename__ = "journal_segment"
    __table_args__ = (Index("journal_segment_recorded_at", "ledger_id", "recorded_at", unique=True), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    first_index: int = Field(primary_key=True, sa_type=BigInteger)
    record_count: int
    recorded_at: datetime.datetime = Field(sa_type=_INSTANT)
    records: bytes = Field(sa_type=LargeBinary)
    offsets: bytes = Field(sa_type=LargeBinary)
    leaves: bytes = Field(sa_type=LargeBinary)


class HashTile(SQLModel, table=True):
    """256 hashes of the Merkle tree, written when complete."""

    __tablename__ = "hash_tile"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    level: int = Field(primary_key=True, sa_type=SmallInteger)
    tile_index: int = Field(primary_key=True, sa_type=BigInteger)
    hashes: bytes = Field(sa_type=LargeBinary)


class CheckpointNote(SQLModel, table=True):
    """A signed note on the log's size and root."""

    __tablename__ = "checkpoint"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    size: int = Field(primary_key=True, sa_type=BigInteger)
    note: bytes = Field(sa_type=LargeBinary)


class SigningKey(SQLModel, table=True):
    """A key that signs checkpoints, as a record declares it."""

    __tablename__ = "signing_key"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    key: str = Field(sa_type=Text)
    replaces: str | None = Field(sa_type=Text)


class RequestKey(SQLModel, table=True):
    """Which record answered which request, for ever."""

    __tablename__ = "request"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    tenant: str = Field(primary_key=True, sa_type=Text)
    request_key: str = Field(primary_key=True, sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)
    refused: str | None = Field(sa_type=Text)
    """The code, where the outcome was a refusal."""
    canonical: bytes = Field(sa_type=LargeBinary)


class EvidenceKey(SQLModel, table=True):
    """Which posting used up a line of a document."""

    __tablename__ = "evidence"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    evidence_key: str = Field(primary_key=True, sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)


class PrivateText(SQLModel, table=True):
    """A text that records only carry the salted hash of; erasable."""

    __tablename__ = "private_text"
    __table_args__ = (
        Index(
            "private_text_lookup", "ledger_id", "lookup", unique=True, postgresql_where=text("lookup is not null")
        ),
        _IN_SCHEMA,
    )  # fmt: skip
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    field: str = Field(primary_key=True, sa_type=Text)
    salt: bytes = Field(sa_type=LargeBinary)
    content: str = Field(sa_type=Text)
    lookup: str | None = Field(default=None, sa_type=Text)


class Account(SQLModel, table=True):
    """An account in one commodity."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("ledger_id", "name", "commodity"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    account_id: int = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    commodity: str = Field(sa_type=Text)
    owner: str | None = Field(default=None, sa_type=Text)
    opened_index: int = Field(sa_type=BigInteger)


class Lot(SQLModel, table=True):
    """A series of certificates, or the count-only units of one source line."""

    __tablename__ = "lot"
    __table_args__ = (UniqueConstraint("ledger_id", "code"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    lot_id: int = Field(primary_key=True, sa_type=BigInteger)
    code: str = Field(sa_type=Text)
    scheme: str = Field(sa_type=Text)
    project: str = Field(sa_type=Text)
    production_month: str = Field(sa_type=Text)
    numbered: bool
    tradable: bool
    energy_class: str | None = Field(default=None, sa_type=Text)
    trade_class: str | None = Field(default=None, sa_type=Text)
    source: str | None = Field(default=None, sa_type=Text)
    province: str | None = Field(default=None, sa_type=Text)


class Posting(SQLModel, table=True):
    """One posting, with the running figures after it."""

    __tablename__ = "posting"
    __table_args__ = (
        Index("posting_history", "ledger_id", "account_id", "log_index", "leg"),
        Index("posting_effective", "ledger_id", "account_id", "effective_on", "log_index", "leg"),
        Index("posting_lot", "ledger_id", "lot_id", "account_id"),
        _IN_SCHEMA,
    )
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    leg: int = Field(primary_key=True, sa_type=SmallInteger)
    account_id: int
    commodity: int = Field(sa_type=SmallInteger)
    lot_id: int = Field(sa_type=BigInteger)
    quantity: int = Field(sa_type=BigInteger)
    balance: int = Field(sa_type=BigInteger)
    day_balance: int = Field(sa_type=BigInteger)
    version: int = Field(sa_type=BigInteger)
    effective_on: datetime.date = Field(sa_type=Date)


class Balance(SQLModel, table=True):
    """What an account holds of a lot, as far as the table has caught up with the journal."""

    __tablename__ = "balance"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    account_id: int = Field(primary_key=True)
    lot_id: int = Field(primary_key=True, sa_type=BigInteger)
    quantity: int = Field(sa_type=BigInteger)
    last_on: datetime.date = Field(sa_type=Date)


class SerialPosition(SQLModel, table=True):
    """Where a range of certificates lies. It has no key but the rule that no serial lies in two places."""

    __tablename__ = "serial_position"
    __table_args__ = (
        ExcludeConstraint(
            (_BOX, "&&"), ("ledger_id", "="), ("lot_id", "="),
            name="serial_in_one_place", using="gist", deferrable=True, initially="DEFERRED",
        ),
        Index("serial_position_holder", "ledger_id", "account_id", "lot_id", text("lower(serials)")),
        _IN_SCHEMA,
    )  # fmt: skip
    # The mapper needs a key where the table has none; these four are unique because serials never overlap.
    ledger_id: int
    lot_id: int = Field(sa_type=BigInteger)
    account_id: int
    serials: Any = Field(sa_column=Column(INT8RANGE, nullable=False))
    since: datetime.date
    """The day from which on they are effective there."""
    __mapper_args__ = {"primary_key": ["ledger_id", "lot_id", "account_id", "serials"]}


class Trade(SQLModel, table=True):
    """A trade on a platform and what became of it."""

    __tablename__ = "trade"
    __table_args__ = (
        Index("trade_in_transit", "ledger_id", "buyer", postgresql_where=text("state = 'TRADED'")),
        _IN_SCHEMA,
    )
    ledger_id: int = Field(primary_key=True)
    trade_id: str = Field(primary_key=True, sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)
    buyer: str = Field(sa_type=Text)
    seller: str = Field(sa_type=Text)
    platform: str = Field(sa_type=Text)
    lot_id: int = Field(sa_type=BigInteger)
    serials: list[Range[int]] = Field(sa_column=Column(INT8MULTIRANGE, nullable=False))
    quantity: int = Field(sa_type=BigInteger)
    price: str | None = Field(default=None, sa_type=Text)
    amount_fen: int | None = Field(default=None, sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    transferred_index: int | None = Field(default=None, sa_type=BigInteger)
    voided: int = Field(sa_type=BigInteger)
    delivered_index: int | None = Field(default=None, sa_type=BigInteger)


class SerialMark(SQLModel, table=True):
    """What was done to a range of certificates that may be done once: they are issued once, and traded once."""

    __tablename__ = "serial_mark"
    __table_args__ = (
        *(
            ExcludeConstraint(
                (_BOX, "&&"), ("ledger_id", "="), ("lot_id", "="), where=text(f"event = '{event}'"),
                name=f"serial_{event}_once", using="gist", deferrable=True, initially="DEFERRED",
            )
            for event in ("issued", "traded")
        ),
        CheckConstraint("event in ('issued', 'traded')", name="serial_mark_event"),
        Index("serial_mark_index", "ledger_id", "lot_id", "event", "log_index"),
        _IN_SCHEMA,
    )  # fmt: skip
    ledger_id: int
    lot_id: int = Field(sa_type=BigInteger)
    event: str = Field(sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)
    """The transaction that did it."""
    serials: Any = Field(sa_column=Column(INT8RANGE, nullable=False))
    __mapper_args__ = {"primary_key": ["ledger_id", "lot_id", "event", "serials"]}


class Event(SQLModel, table=True):
    """What a transaction was, unless it was a plain transfer."""

    __tablename__ = "event"
    __table_args__ = (
        Index("event_reverses", "ledger_id", "reverses", postgresql_where=text("reverses is not null")),
        _IN_SCHEMA,
    )
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    command: str = Field(sa_type=Text)
    occurred_on: datetime.date = Field(sa_type=Date)
    effective_on: datetime.date = Field(sa_type=Date)
    level: str = Field(sa_type=Text)
    status: str | None = Field(default=None, sa_type=Text)
    reverses: int | None = Field(default=None, sa_type=BigInteger)
    trade_id: str | None = Field(default=None, sa_type=Text)
    quantity: int = Field(sa_type=BigInteger)
    """Certificates, or promises of them, that it moved."""


class SerialMove(SQLModel, table=True):
    """Which transaction moved which certificates: the chain of custody. Rows may repeat: it has no key."""

    __tablename__ = "serial_move"
    __table_args__ = (
        Index("serial_move_serials", _BOX, "ledger_id", postgresql_using="gist"),
        _IN_SCHEMA,
    )
    ledger_id: int
    lot_id: int = Field(sa_type=BigInteger)
    serials: Any = Field(sa_column=Column(INT8RANGE, nullable=False))
    log_index: int = Field(sa_type=BigInteger)
    __mapper_args__ = {"primary_key": ["ledger_id", "lot_id", "serials", "log_index"]}


class Proposal(SQLModel, table=True):
    """A command that waits for a second person, and what came of it."""

    __tablename__ = "proposal"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    command: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    tenant: str | None = Field(default=None, sa_type=Text)
    evidence_key: str | None = Field(default=None, sa_type=Text)
    state: str = Field(sa_type=Text)
    judged_index: int | None = Field(default=None, sa_type=BigInteger)


class Offer(SQLModel, table=True):
    """An offer of certificates between enterprises, and what came of it."""

    __tablename__ = "offer"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    enterprise: str = Field(sa_type=Text)
    receiver: str = Field(sa_type=Text)
    expires_on: datetime.date | None = Field(default=None, sa_type=Date)
    state: str = Field(sa_type=Text)
    answered_index: int | None = Field(default=None, sa_type=BigInteger)


class Party(SQLModel, table=True):
    """A registered company."""

    __tablename__ = "party"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    party_id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)


class PartyChange(SQLModel, table=True):
    """A party named anew or also otherwise, gone, or merged into another, from a day on."""

    __tablename__ = "party_change"
    __table_args__ = (Index("party_change_party", "ledger_id", "party_id"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    party_id: str = Field(sa_type=Text)
    change: str = Field(sa_type=Text)
    changed_on: datetime.date = Field(sa_type=Date)
    into: str | None = Field(default=None, sa_type=Text)


class Policy(SQLModel, table=True):
    """A rule put in force."""

    __tablename__ = "policy"
    __table_args__ = _IN_SCHEMA
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Credential(SQLModel, table=True):
    """An API key: the hash of its secret, its role and whose it is."""

    __tablename__ = "credential"
    __table_args__ = (Index("credential_secret", "credential_id", "secret_sha256", unique=True), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    credential_id: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    tenant: str | None = Field(default=None, sa_type=Text)
    subject: str = Field(sa_type=Text)
    secret_sha256: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    created_index: int = Field(sa_type=BigInteger)
    revoked_index: int | None = Field(default=None, sa_type=BigInteger)


class ImportJob(SQLModel, table=True):
    """A file on its way into the book; no fact, which the journal has."""

    __tablename__ = "import_job"
    __table_args__ = (
        Index("import_job_document", "ledger_id", "document"),
        Index(
            "import_job_open",
            "ledger_id",
            postgresql_where=text("state in ('received', 'reading', 'read', 'ordered', 'posting')"),
        ),
        _IN_SCHEMA,
    )  # fmt: skip
    ledger_id: int = Field(primary_key=True)
    job_id: str = Field(primary_key=True, sa_type=Text)
    document: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "platform"})
    state: str = Field(sa_type=Text)
    received_by: str = Field(sa_type=Text)
    received_at: datetime.datetime = Field(sa_type=_INSTANT)
    changed_at: datetime.datetime = Field(sa_type=_INSTANT)
    owner: str = Field(sa_type=Text)
    poster: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    opening: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    report: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    row_count: int = Field(sa_type=BigInteger)
    posted_seq: int = Field(sa_type=BigInteger)


class ImportRow(SQLModel, table=True):
    """A row of a statement as it was read."""

    __tablename__ = "import_row"
    __table_args__ = (Index("import_row_identity", "ledger_id", "job_id", "identity", "seq"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    job_id: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    line: int
    identity: str = Field(sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)
    verdict: str | None = Field(default=None, sa_type=Text)
