"""Append-only by privilege: what each run-time login may do, and triggers that refuse the rest.

The logins themselves (`greenledger_writer`, `_reader`, `_signer`) are made by `greenledger migrate`, which also
gives them their passwords. Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

FACTS = ("journal_segment", "hash_tile", "posting", "request", "evidence")
PROJECTIONS = (
    "ledger",
    "head",
    "account",
    "lot",
    "balance",
    "serial_position",
    "trade",
    "party",
    "policy",
    "credential",
)

SQL = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: facts are appended, never changed', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

-- Checked a second time, set-wise, whoever wrote the rows: every transaction sums to zero for each commodity,
-- and for each lot of certificates (commodity 1).
create function check_posting_sums() returns trigger language plpgsql as $$
begin
    if exists (
        select from new_rows
        group by ledger_id, log_index, commodity, case when commodity = 1 then lot_id end
        having sum(quantity) <> 0
    ) then
        raise exception 'postings that do not sum to zero are refused' using errcode = 'check_violation';
    end if;
    return null;
end $$;

create trigger posting_sums after insert on posting
    referencing new table as new_rows for each statement execute function check_posting_sums();
"""


def upgrade() -> None:
    op.execute(SQL)
    for table in FACTS:
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table} "
            "for each statement execute function refuse_change()"
        )
        op.execute(f"grant select, insert on {table} to greenledger_writer")
    for table in PROJECTIONS:
        op.execute(f"grant select, insert, update, delete on {table} to greenledger_writer")
    op.execute("grant select, insert, delete on private_text to greenledger_writer")
    op.execute("grant select on ledger, head, journal_segment, hash_tile to greenledger_signer")
    op.execute("grant usage on schema greenledger to greenledger_writer, greenledger_reader, greenledger_signer")
