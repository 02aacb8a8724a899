"""The journal: ledgers, heads, segments of records, hash tiles, and the two keys.

Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0001"
down_revision = None

SQL = """
create table ledger (
    ledger_id integer primary key,
    name text not null unique check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    origin text not null,
    zone text not null
);

-- One row for each ledger: where its journal ends. The writer locks it first, so it needs no other lock.
create table head (
    ledger_id integer primary key,
    size bigint not null check (size >= 0),
    recorded_at timestamptz not null,
    frontier bytea not null,
    -- Table `balance` holds the effect of all records below this size; the postings above it are added by
    -- the view `balance_now`. The writer catches up whenever it is idle.
    balance_size bigint not null check (balance_size >= 0)
);

-- One row for each group commit. `records` are length-prefixed (two bytes, big endian) as in a C2SP
-- tlog-tiles entry bundle; `offsets` are four-byte positions of the prefixes; `leaves` the leaf hashes.
create table journal_segment (
    ledger_id integer not null,
    first_index bigint not null check (first_index >= 0),
    record_count integer not null check (record_count > 0),
    recorded_at timestamptz not null,
    records bytea not null,
    offsets bytea not null,
    leaves bytea not null,
    primary key (ledger_id, first_index)
);
-- Uncompressed, so that one record can be cut out of a large segment without reading the rest.
alter table journal_segment
    alter column records set storage external,
    alter column offsets set storage external,
    alter column leaves set storage external;
create unique index journal_segment_recorded_at on journal_segment (ledger_id, recorded_at);

create table hash_tile (
    ledger_id integer not null,
    level smallint not null,
    tile_index bigint not null,
    hashes bytea not null check (length(hashes) = 8192),
    primary key (ledger_id, level, tile_index)
);
alter table hash_tile alter column hashes set storage external;

-- The request key freezes an outcome for ever: which record answered which request.
create table request (
    ledger_id integer not null,
    tenant text not null,
    request_key text not null,
    log_index bigint not null,
    -- The code, where the outcome was a refusal.
    refused text,
    canonical bytea not null,
    primary key (ledger_id, tenant, request_key)
);

-- The evidence key is used up by a posting, whoever brought the document.
create table evidence (
    ledger_id integer not null,
    evidence_key text not null,
    log_index bigint not null,
    primary key (ledger_id, evidence_key)
);

-- Names and other texts that records only carry the salted hash of. Erasable; `lookup` finds a company.
create table private_text (
    ledger_id integer not null,
    log_index bigint not null,
    field text not null,
    salt bytea not null check (length(salt) = 32),
    content text not null,
    lookup text,
    primary key (ledger_id, log_index, field)
);
create unique index private_text_lookup on private_text (ledger_id, lookup) where lookup is not null;
"""


def upgrade() -> None:
    op.execute(SQL)
