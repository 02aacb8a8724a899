"""Alembic's entry: runs the migrations on the connection that `ledger.store.schema` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=None,
    version_table="schema_version",
    version_table_schema="greenledger",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
