"""Each posting of an event by itself, so that what was paid is told apart from what came without a price.

Runs before the code that needs it; adds only. `event_postings` stays for the code that ran before.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = """
-- The postings of events to accounts of some kinds: found by their events, which are few among all transactions. A
-- reversal counts as the event it takes back.
create function event_legs(of_commands text[], of_kinds text[], on_day date, known_size bigint)
    returns table (log_index bigint, command text, status text, level text, owner text, kind text, lot_id bigint,
        quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
begin
    return query
        select e.log_index, coalesce(o.command, e.command), coalesce(o.status, e.status), e.level, a.owner, a.kind,
            p.lot_id, p.quantity
        from event e
        left join event o on e.command = 'reverse' and o.ledger_id = of_ledger and o.log_index = e.reverses
        join posting p on p.ledger_id = of_ledger and p.log_index = e.log_index
        join account a on a.ledger_id = of_ledger and a.account_id = p.account_id
        where e.ledger_id = of_ledger and e.log_index < known_size and e.effective_on <= on_day
            and coalesce(o.command, e.command) = any(of_commands) and a.kind = any(of_kinds)
            and (of_tenant = '*' or a.owner = of_tenant);
end $$;

-- Also those of 0005, which were left to whoever logs in.
revoke execute on all functions in schema greenledger from public;
grant execute on function event_legs(text[], text[], date, bigint) to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
