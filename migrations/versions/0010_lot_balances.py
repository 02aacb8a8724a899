"""What accounts hold of each lot, found without a join: before tables are analysed, it was walked in circles.

Runs before the code that needs it. Drops what no code since 0008 uses; `lots_as_of` is used by the code before this.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = """
-- What accounts held of each lot, as known at a size and effective on a day. For the park it is added up from the end
-- that is nearer: from the start, or, where nothing is effective later than the day, back from what is held now.
create function lot_balances_as_of(on_day date, known_size bigint)
    returns table (account_id integer, lot_id bigint, quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp set enable_sort = off as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
    own constant integer[] := array(
        select a.account_id from account a where a.ledger_id = of_ledger and a.owner = of_tenant
    );
begin
    if of_tenant <> '*' then
        return query
            select p.account_id, p.lot_id, sum(p.quantity)::bigint from posting p
            where p.ledger_id = of_ledger and p.account_id = any(own)
                and p.log_index < known_size and p.effective_on <= on_day
            group by 1, 2;
    elsif known_size > (select size / 2 from head where ledger_id = of_ledger)
        and on_day >= (select max(last_on) from balance_now where ledger_id = of_ledger) then
        return query
            select s.account_id, s.lot_id, sum(s.quantity)::bigint from (
                select b.account_id, b.lot_id, b.quantity from balance_now b where b.ledger_id = of_ledger
                union all
                select p.account_id, p.lot_id, -p.quantity from posting p
                where p.ledger_id = of_ledger and p.log_index >= known_size
            ) as s
            group by 1, 2;
    else
        return query
            select p.account_id, p.lot_id, sum(p.quantity)::bigint from posting p
            where p.ledger_id = of_ledger and p.log_index < known_size and p.effective_on <= on_day
            group by 1, 2;
    end if;
end $$;
revoke execute on function lot_balances_as_of(date, bigint) from public;
grant execute on function lot_balances_as_of(date, bigint) to greenledger_reader;

create or replace view visible_balance with (security_barrier) as
    select b.account_id, b.lot_id, b.quantity, b.last_on from balance_now b
    where b.ledger_id = ledger_now() and (tenant_now() = '*' or b.account_id = any(array(
        select a.account_id from account a where a.ledger_id = ledger_now() and a.owner = tenant_now()
    )));

-- squawk-ignore ban-drop-function
drop function serial_line(integer, bigint, int8range);
"""


def upgrade() -> None:
    op.execute(SQL)
