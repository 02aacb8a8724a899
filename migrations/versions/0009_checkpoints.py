"""Checkpoints: what the signer put its name to, and the keys that the log itself names.

Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = """
-- A signed note for each size that was sealed. The signer keeps the last one outside the database too.
create table checkpoint (
    ledger_id integer not null,
    size bigint not null check (size > 0),
    note bytea not null,
    primary key (ledger_id, size)
);
create trigger checkpoint_append_only before update or delete or truncate on checkpoint
    for each statement execute function refuse_change();
grant select, insert on checkpoint to greenledger_signer;
grant select on checkpoint to greenledger_writer;

-- The keys that sign checkpoints, as records declare them.
create table signing_key (
    ledger_id integer not null,
    log_index bigint not null,
    key text not null,
    replaces text,
    primary key (ledger_id, log_index)
);
grant select, insert, update, delete on signing_key to greenledger_writer;

-- Checkpoints and keys are for everybody who may read the ledger: they tell nothing of anybody.
create view visible_checkpoint with (security_barrier) as
    select size, note from checkpoint where ledger_id = ledger_now();
create view visible_signing_key with (security_barrier) as
    select log_index, key, replaces from signing_key where ledger_id = ledger_now();
-- Hashes are salted, and everybody's proofs are made of them.
create view visible_tile with (security_barrier) as
    select level, tile_index, hashes from hash_tile where ledger_id = ledger_now();
create view visible_leaves with (security_barrier) as
    select first_index, record_count, leaves from journal_segment where ledger_id = ledger_now();
-- Whole segments of records, for park-wide readers only.
create view visible_segment with (security_barrier) as
    select first_index, record_count, records, leaves from journal_segment
    where ledger_id = ledger_now() and tenant_now() = '*';
-- When each stretch of records became known.
create view visible_moment with (security_barrier) as
    select first_index, recorded_at from journal_segment where ledger_id = ledger_now();
grant select on visible_moment, visible_checkpoint, visible_signing_key, visible_tile, visible_leaves, visible_segment
    to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
