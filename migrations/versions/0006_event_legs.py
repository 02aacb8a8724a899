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
        -- Each step is planned by itself: from the events to their postings, whatever the statistics say.
        select e.log_index, coalesce(o.command, e.command), coalesce(o.status, e.status), e.level, a.owner, a.kind,
            p.lot_id, p.quantity
        from event e
        left join lateral (
            select t.command, t.status from event t
            where e.command = 'reverse' and t.ledger_id = of_ledger and t.log_index = e.reverses offset 0
        ) o on true
        cross join lateral (
            select t.account_id, t.lot_id, t.quantity from posting t
            where t.ledger_id = of_ledger and t.log_index = e.log_index
                and coalesce(o.command, e.command) = any(of_commands) offset 0
        ) p
        cross join lateral (
            select t.owner, t.kind from account t
            where t.ledger_id = of_ledger and t.account_id = p.account_id and t.kind = any(of_kinds) offset 0
        ) a
        where e.ledger_id = of_ledger and e.log_index < known_size and e.effective_on <= on_day
            and (of_tenant = '*' or a.owner = of_tenant);
end $$;

-- Sums by lot are kept in memory and not sorted: by old statistics the planner sorted all postings on disk.
alter function lots_as_of(text[], date, bigint) set enable_sort = off;

-- What a buyer has bought and not yet got is few among all its trades.
-- squawk-ignore require-concurrent-index-creation
create index trade_in_transit on trade (ledger_id, buyer) where state = 'TRADED';

-- Also those of 0005, which were left to whoever logs in.
revoke execute on all functions in schema greenledger from public;
grant execute on function event_legs(text[], text[], date, bigint) to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
