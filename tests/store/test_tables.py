"""Tables as the code describes them against tables as the migrations make them."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Text, create_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from ledger.store.carbon_tables import SCHEMA  # which brings all other tables

BOOKKEEPING = "schema_version"
"""Alembic's own table, which no model describes."""


def differences(database: Any, metadata: MetaData) -> list[Any]:
    """What alembic would change so that the database becomes the metadata."""
    engine = create_engine(database.admin_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    options = {
        "include_schemas": True,
        "compare_type": True,
        "include_name": _is_ours,
    }
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _is_ours(name: str | None, kind: str, _: dict[str, Any]) -> bool:
    return name == SCHEMA if kind == "schema" else not (kind == "table" and name == BOOKKEEPING)


def scratch(change: Callable[[MetaData], None]) -> MetaData:
    """A copy of all tables, changed."""
    copy = MetaData()
    for table in SQLModel.metadata.tables.values():
        table.to_metadata(copy)
    change(copy)
    return copy


def table(metadata: MetaData, name: str) -> Any:
    """One table of the schema."""
    return metadata.tables[f"{SCHEMA}.{name}"]


def test_models_and_migrated_schema_are_equal(database: Any) -> None:
    """Types, nullability, keys and indexes are the same; a migration that forgets its model fails here."""
    assert differences(database, SQLModel.metadata) == []


def _without_column(metadata: MetaData) -> None:
    found = table(metadata, "trade")
    found._columns.remove(found.c.price)


def _with_column(metadata: MetaData) -> None:
    table(metadata, "party").append_column(Column("remark", Text))


def _other_type(metadata: MetaData) -> None:
    table(metadata, "posting").c.quantity.type = Integer()


def _nullable(metadata: MetaData) -> None:
    table(metadata, "credential").c.subject.nullable = True


def _without_index(metadata: MetaData) -> None:
    found = table(metadata, "posting")
    found.indexes -= {index for index in found.indexes if index.name == "posting_history"}


def _without_table(metadata: MetaData) -> None:
    metadata.remove(table(metadata, "evidence"))


@pytest.mark.parametrize(
    "change", [_without_column, _with_column, _other_type, _nullable, _without_index, _without_table]
)
def test_difference_would_be_seen(database: Any, change: Callable[[MetaData], None]) -> None:
    """The twin: a copy of the metadata with one thing changed is reported as different."""
    assert len(differences(database, scratch(change))) == 1


def test_every_key_and_index_starts_with_the_ledger() -> None:
    """Design D12: parks can be sharded by ledger; only a key's secret is looked up before its ledger is known."""
    late = [
        f"{found.name}.{index.name}"
        for found in SQLModel.metadata.tables.values()
        for index in found.indexes
        if next(iter(index.columns)).name != "ledger_id"
    ]
    keys = [
        f.name
        for f in SQLModel.metadata.tables.values()
        if f.primary_key.columns and f.columns.keys()[0] != "ledger_id"
    ]
    assert (late, keys) == (["credential.credential_secret"], [])


def test_no_hot_table_has_a_foreign_key() -> None:
    """Measured at -65 %: the writer proves existence, and the rebuild proves it again."""
    assert not any(found.foreign_keys for found in SQLModel.metadata.tables.values())
