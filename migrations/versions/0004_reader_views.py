"""What the reader may see: security-barrier views and functions filtered by the ledger and tenant of the request.

The API sets `greenledger.ledger` and `greenledger.tenant` with SET LOCAL for each read, from the credential only;
`*` is every tenant. A setting that is missing is an error, so nothing is readable by default.
Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
create function ledger_now() returns integer language sql stable parallel safe
    return current_setting('greenledger.ledger')::integer;
create function tenant_now() returns text language sql stable parallel safe
    return current_setting('greenledger.tenant');

-- What every account holds of every lot now: the table as far as it has caught up, and the postings since.
create view balance_now as
    select ledger_id, account_id, lot_id, sum(quantity)::bigint as quantity, max(last_on) as last_on
    from (
        select ledger_id, account_id, lot_id, quantity, last_on from balance
        union all
        select p.ledger_id, p.account_id, p.lot_id, p.quantity, p.effective_on
        from head h join posting p on p.ledger_id = h.ledger_id and p.log_index >= h.balance_size
    ) as parts
    group by ledger_id, account_id, lot_id;

create view visible_ledger with (security_barrier) as
    select l.ledger_id, l.name, l.origin, l.zone, h.size, h.recorded_at, h.frontier
    from ledger l join head h using (ledger_id) where l.ledger_id = ledger_now();

create view visible_account with (security_barrier) as
    select account_id, name, kind, commodity, owner, opened_index from account
    where ledger_id = ledger_now() and (tenant_now() = '*' or owner = tenant_now());

create view visible_lot with (security_barrier) as
    select l.lot_id, l.code, l.scheme, l.project, l.production_month, l.numbered, l.tradable, l.energy_class,
        l.trade_class, l.source, l.province
    from lot l
    where l.ledger_id = ledger_now() and (
        tenant_now() = '*' or exists (
            select from balance b join account a using (ledger_id, account_id)
            where b.ledger_id = l.ledger_id and b.lot_id = l.lot_id and a.owner = tenant_now()
        ) or exists (
            select from head h join posting p on p.ledger_id = h.ledger_id and p.log_index >= h.balance_size
            join account a on a.ledger_id = p.ledger_id and a.account_id = p.account_id
            where h.ledger_id = l.ledger_id and p.lot_id = l.lot_id and a.owner = tenant_now()
        )
    );

create view visible_posting with (security_barrier) as
    select p.account_id, p.log_index, p.leg, p.commodity, p.lot_id, p.quantity, p.balance, p.version, p.effective_on
    from posting p join account a using (ledger_id, account_id)
    where p.ledger_id = ledger_now() and (tenant_now() = '*' or a.owner = tenant_now());

create view visible_balance with (security_barrier) as
    select b.account_id, b.lot_id, b.quantity, b.last_on
    from balance_now b join account a using (ledger_id, account_id)
    where b.ledger_id = ledger_now() and (tenant_now() = '*' or a.owner = tenant_now());

create view visible_serial_position with (security_barrier) as
    select s.account_id, s.lot_id, s.serials, s.since
    from serial_position s join account a using (ledger_id, account_id)
    where s.ledger_id = ledger_now() and (tenant_now() = '*' or a.owner = tenant_now());

create view visible_trade with (security_barrier) as
    select trade_id, log_index, buyer, seller, platform, lot_id, serials, quantity, price, amount_fen, state,
        transferred_index
    from trade where ledger_id = ledger_now() and (tenant_now() = '*' or buyer = tenant_now());

create view visible_party with (security_barrier) as
    select p.party_id, p.kind, p.log_index, t.content as name
    from party p left join private_text t
        on t.ledger_id = p.ledger_id and t.log_index = p.log_index and t.field = 'name'
    where p.ledger_id = ledger_now() and (tenant_now() = '*' or p.party_id = tenant_now());

create view visible_policy with (security_barrier) as
    select log_index, content from policy where ledger_id = ledger_now();

create view visible_name with (security_barrier) as
    select t.lookup, p.party_id, p.kind
    from private_text t join party p on p.ledger_id = t.ledger_id and p.log_index = t.log_index
    where t.ledger_id = ledger_now() and t.lookup is not null
        and (tenant_now() = '*' or p.party_id = tenant_now());

-- The size a moment of knowledge resolves to, under a share lock on the head so that no group is half way.
create function size_at(moment timestamptz) returns bigint
    language plpgsql volatile security definer set search_path = greenledger, pg_temp as $$
begin
    perform from head where ledger_id = ledger_now() for share;
    if moment > clock_timestamp() then
        return null;
    end if;
    return coalesce((
        select first_index + record_count from journal_segment
        where ledger_id = ledger_now() and recorded_at <= moment order by recorded_at desc limit 1
    ), 0);
end $$;

-- "The newest" is written as a range ordered by the whole of one index, here and below: with equalities two indexes
-- give the order, and a plan made from old statistics walks an account's whole history.
-- Balance of an account known at `known_size` and effective on or before `on_day`: its running balance, less what
-- was known by then but is effective later. One index probe for each later day; null for another tenant's account.
create function balance_as_of(of_account integer, on_day date, known_size bigint) returns bigint
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
    running bigint;
    later bigint;
begin
    if not exists (select from visible_account where account_id = of_account) then
        return null;
    end if;
    select balance into running from posting
    where ledger_id = of_ledger and (account_id, log_index) < (of_account, known_size) and account_id >= of_account
    order by account_id desc, log_index desc, leg desc limit 1;
    if running is null then
        return 0;
    end if;
    with recursive day (effective_on) as (
        (select effective_on from posting
         where ledger_id = of_ledger and account_id = of_account and effective_on > on_day
         order by effective_on limit 1)
        union all
        select (select p.effective_on from posting p
                where p.ledger_id = of_ledger and p.account_id = of_account and p.effective_on > day.effective_on
                order by p.effective_on limit 1)
        from day where day.effective_on is not null
    )
    select coalesce(sum(known.day_balance), 0) into later
    from day cross join lateral (
        select p.day_balance from posting p
        where p.ledger_id = of_ledger and p.account_id = of_account and p.effective_on >= day.effective_on
            and (p.effective_on, p.log_index) < (day.effective_on, known_size)
        order by p.effective_on desc, p.log_index desc, p.leg desc limit 1
    ) as known;
    return running - later;
end $$;

-- What an account holds of each lot now, and its newest postings before one of them: by index, whatever the size
-- of the history. Nothing for another tenant's account.
create function balances_of(of_account integer) returns table (lot_id bigint, quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
begin
    if not exists (select from visible_account where account_id = of_account) then
        return;
    end if;
    return query
        select parts.lot_id, sum(parts.quantity)::bigint
        from (
            select b.lot_id, b.quantity from balance b
            where b.ledger_id = of_ledger and b.account_id = of_account
            union all
            select p.lot_id, p.quantity from posting p
            where p.ledger_id = of_ledger and p.account_id = of_account
                and p.log_index >= (select h.balance_size from head h where h.ledger_id = of_ledger)
        ) as parts
        group by parts.lot_id;
end $$;

create function postings_of(of_account integer, before_index bigint, before_leg integer, row_limit integer)
    returns setof posting
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
begin
    if not exists (select from visible_account where account_id = of_account) then
        return;
    end if;
    return query
        select * from posting p
        where p.ledger_id = of_ledger and p.account_id >= of_account
            and (p.account_id, p.log_index, p.leg) < (of_account, before_index, before_leg)
        order by p.account_id desc, p.log_index desc, p.leg desc limit row_limit;
end $$;

-- The bytes of one record, for those it concerns: park-wide readers, the tenant that asked for it, and the
-- owners of the accounts it touches. Null for all others, whether the record exists or not.
create function record_bytes(of_index bigint) returns bytea
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
    position integer;
    found bytea;
begin
    select substr(s.offsets, (4 * (of_index - s.first_index))::integer + 1, 4) into found
    from journal_segment s
    where s.ledger_id = of_ledger and s.first_index <= of_index and of_index < s.first_index + s.record_count
    order by s.first_index desc limit 1;
    if found is null then
        return null;
    end if;
    position := ('x' || encode(found, 'hex'))::bit(32)::integer;
    select substr(s.records, position + 3,
                  get_byte(substr(s.records, position + 1, 2), 0) * 256
                  + get_byte(substr(s.records, position + 1, 2), 1)) into found
    from journal_segment s
    where s.ledger_id = of_ledger and s.first_index <= of_index order by s.first_index desc limit 1;
    if tenant_now() = '*'
        or convert_from(found, 'UTF8')::jsonb ->> 'tenant' = tenant_now()
        or convert_from(found, 'UTF8')::jsonb #>> '{body,trade,buyer}' = tenant_now()
        or exists (
            select from posting p join account a using (ledger_id, account_id)
            where p.ledger_id = of_ledger and p.log_index = of_index and a.owner = tenant_now()
        )
    then
        return found;
    end if;
    return null;
end $$;

-- The record of a file's import, by the key it was asked for under; only for park-wide readers.
create function import_record(of_key text) returns bytea
    language sql stable security definer set search_path = greenledger, pg_temp
    begin atomic
        select record_bytes(r.log_index) from request r
        where tenant_now() = '*' and r.ledger_id = ledger_now() and r.tenant = '' and r.request_key = of_key;
    end;

-- Records in log order, cut out of their segments one by one; only for park-wide readers.
create function visible_records(from_index bigint, row_limit integer)
    returns table (log_index bigint, content bytea)
    language plpgsql stable security definer set search_path = greenledger, pg_temp as $$
declare
    last_index constant bigint := least(
        from_index + row_limit, (select size from head where ledger_id = ledger_now())) - 1;
begin
    if tenant_now() <> '*' then
        return;
    end if;
    return query
        select i, record_bytes(i) from generate_series(from_index, last_index) i order by i;
end $$;

-- A key is looked up before its ledger and tenant are known.
create function credential_of(of_credential text, of_secret_sha256 text)
    returns table (ledger_id integer, ledger text, zone text, role text, tenant text, subject text)
    language sql stable security definer set search_path = greenledger, pg_temp
    begin atomic
        select c.ledger_id, l.name, l.zone, c.role, c.tenant, c.subject
        from credential c join ledger l using (ledger_id)
        where c.credential_id = of_credential and c.secret_sha256 = of_secret_sha256 and c.state = 'active';
    end;

revoke execute on all functions in schema greenledger from public;
grant execute on function ledger_now(), tenant_now(), size_at(timestamptz), balance_as_of(integer, date, bigint),
    balances_of(integer), postings_of(integer, bigint, integer, integer),
    record_bytes(bigint), import_record(text), visible_records(bigint, integer),
    credential_of(text, text) to greenledger_reader;
grant execute on function ledger_now(), tenant_now() to greenledger_writer;
grant select on visible_ledger, visible_account, visible_lot, visible_posting, visible_balance,
    visible_serial_position, visible_trade, visible_party, visible_name, visible_policy to greenledger_reader;
grant select on balance_now to greenledger_writer;
"""


def upgrade() -> None:
    op.execute(SQL)
