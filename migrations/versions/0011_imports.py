"""Imports on their way: files received, read, checked, and posted in chunks. Work, not facts: the journal has those.

Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

SQL = """
-- One upload. A worker holds an advisory lock on a job while it works on it, so that only one does.
create table import_job (
    ledger_id integer not null,
    job_id text not null,
    document text not null,
    name text not null,
    source text not null default 'platform' check (source in ('platform', 'enterprise')),
    state text not null
        check (state in ('received', 'reading', 'read', 'checked', 'refused', 'ordered', 'posting', 'partly_posted',
            'posted', 'rejected', 'unreadable')),
    received_by text not null,
    received_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    owner text not null,
    poster jsonb,
    opening jsonb,
    report jsonb,
    row_count bigint not null default 0,
    posted_seq bigint not null default 0,
    primary key (ledger_id, job_id)
);
create index import_job_document on import_job (ledger_id, document);
create index import_job_open on import_job (ledger_id)
    where state in ('received', 'reading', 'read', 'ordered', 'posting');

-- The rows of a statement as they were read; identity is what makes two of them the same trade.
create table import_row (
    ledger_id integer not null,
    job_id text not null,
    seq bigint not null,
    line integer not null,
    identity text not null,
    content bytea not null,
    verdict text,
    primary key (ledger_id, job_id, seq)
);
create index import_row_identity on import_row (ledger_id, job_id, identity, seq);

create view visible_import_job with (security_barrier) as
    select job_id, document, name, source, state, received_by, received_at, changed_at, owner, opening, report,
        row_count, posted_seq
    from import_job where ledger_id = ledger_now() and tenant_now() = '*';
create view visible_import_row with (security_barrier) as
    select job_id, seq, line, identity, content, verdict
    from import_row where ledger_id = ledger_now() and tenant_now() = '*';
grant select, insert, update, delete on import_job, import_row to greenledger_writer;
grant select on visible_import_job, visible_import_row to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
