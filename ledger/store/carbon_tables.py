"""Tables of carbon accounting: meters, readings, claims, inventories; as in `tables`, which has all others."""

import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, Text, literal_column
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlmodel import Field, SQLModel

from ledger.store.tables import SCHEMA

_IN_SCHEMA = {"schema": SCHEMA}


class MeterRow(SQLModel, table=True):
    """Where something is measured."""

    __tablename__ = "meter"
    __table_args__ = (Index("meter_enterprise", "ledger_id", "enterprise"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    meter_id: str = Field(primary_key=True, sa_type=Text)
    log_index: int = Field(sa_type=BigInteger)
    enterprise: str = Field(sa_type=Text)
    site: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    material: str = Field(sa_type=Text)
    route: str | None = Field(default=None, sa_type=Text)
    under: str | None = Field(default=None, sa_type=Text)
    rating: int | None = Field(default=None, sa_type=BigInteger)


class ReadingRow(SQLModel, table=True):
    """What a meter showed for some days."""

    __tablename__ = "reading"
    __table_args__ = (
        Index("reading_meter", "ledger_id", "meter_id", "first_on"),
        CheckConstraint("quantity >= 0"),
        ExcludeConstraint(
            (Column("ledger_id"), "="),
            (Column("meter_id"), "="),
            (literal_column("daterange(first_on, last_on, '[]')"), "&&"),
            where="corrected_by is null", using="gist", deferrable=True, initially="DEFERRED",
        ),
        _IN_SCHEMA,
    )  # fmt: skip
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    meter_id: str = Field(sa_type=Text)
    first_on: datetime.date = Field(sa_type=Date)
    last_on: datetime.date = Field(sa_type=Date)
    quantity: int = Field(sa_type=BigInteger)
    level: str = Field(sa_type=Text)
    corrected_by: int | None = Field(default=None, sa_type=BigInteger)


class ClaimRow(SQLModel, table=True):
    """What a retirement claims; how much of it stands is in its posting and what reverses that."""

    __tablename__ = "claim"
    __table_args__ = (Index("claim_beneficiary", "ledger_id", "beneficiary", "year"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    enterprise: str = Field(sa_type=Text)
    beneficiary: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    year: str = Field(sa_type=Text)
    site: str | None = Field(default=None, sa_type=Text)


class InventoryRow(SQLModel, table=True):
    """An inventory as submitted, and what came of it."""

    __tablename__ = "inventory"
    __table_args__ = (Index("inventory_year", "ledger_id", "enterprise", "year"), _IN_SCHEMA)
    ledger_id: int = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    enterprise: str = Field(sa_type=Text)
    year: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    tree_size: int = Field(sa_type=BigInteger)
    factors_on: datetime.date = Field(sa_type=Date)
    digest: str = Field(sa_type=Text)
    restates: int | None = Field(default=None, sa_type=BigInteger)
    scope1: str = Field(sa_type=Text)
    findings: str | None = Field(default=None, sa_type=Text)
    state: str = Field(sa_type=Text)
    judged_index: int | None = Field(default=None, sa_type=BigInteger)
