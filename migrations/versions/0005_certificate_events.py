"""Certificates from issuance to their end: what may happen to a serial once, and what each transaction was.

A certificate is issued once and traded once; one that was cannot be again, whatever document says so.
Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
create table serial_mark (
    ledger_id integer not null,
    lot_id bigint not null,
    event text not null,
    log_index bigint not null,
    serials int8range not null check (not isempty(serials)),
    constraint serial_marked_once
        exclude using gist (ledger_id with =, lot_id with =, event with =, serials with &&)
        deferrable initially deferred
);
create index serial_mark_index on serial_mark (ledger_id, lot_id, event, log_index);

-- One row for each transaction but plain transfers, which are by far the most.
create table event (
    ledger_id integer not null,
    log_index bigint not null,
    command text not null,
    occurred_on date not null,
    level text not null,
    status text,
    reverses bigint,
    primary key (ledger_id, log_index)
);
create index event_reverses on event (ledger_id, reverses) where reverses is not null;

-- Commands that wait for a second person; an enterprise sees its own.
create table proposal (
    ledger_id integer not null,
    log_index bigint not null,
    command text not null,
    role text not null,
    subject text not null,
    tenant text,
    evidence_key text,
    state text not null,
    judged_index bigint,
    primary key (ledger_id, log_index)
);
create view visible_proposal with (security_barrier) as
    select log_index, command, role, subject, state, judged_index from proposal
    where ledger_id = ledger_now() and (tenant_now() = '*' or tenant = tenant_now());

alter table trade add column voided bigint not null default 0;
alter table trade add column delivered_index bigint;

grant select, insert, update, delete on serial_mark, event, proposal to greenledger_writer;
grant select on visible_proposal to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
