"""Certificates from issuance to their end: what may happen to a serial once, and what each transaction was.

A certificate is issued once and traded once; one that was cannot be again, whatever document says so.
Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
-- One range of a holder of thousands is found by where it begins, whatever the statistics say. No index can be made
-- concurrently inside a transaction; the table holds what lies somewhere now, and the head's lock keeps writers out.
-- squawk-ignore require-concurrent-index-deletion
drop index serial_position_holder;
-- squawk-ignore require-concurrent-index-creation
create index serial_position_holder on serial_position (ledger_id, account_id, lot_id, lower(serials));

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
    effective_on date not null,
    level text not null,
    status text,
    reverses bigint,
    trade_id text,
    quantity bigint not null,
    primary key (ledger_id, log_index)
);
create index event_reverses on event (ledger_id, reverses) where reverses is not null;

-- Which transactions moved which serials: the chain of custody.
create table serial_move (
    ledger_id integer not null,
    lot_id bigint not null,
    serials int8range not null check (not isempty(serials)),
    log_index bigint not null
);
create index serial_move_serials on serial_move using gist (ledger_id, lot_id, serials);

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

-- Offers between enterprises; both see them.
create table offer (
    ledger_id integer not null,
    log_index bigint not null,
    enterprise text not null,
    receiver text not null,
    expires_on date,
    state text not null,
    answered_index bigint,
    primary key (ledger_id, log_index)
);
create view visible_offer with (security_barrier) as
    select log_index, enterprise, receiver, expires_on, state, answered_index from offer
    where ledger_id = ledger_now()
        and (tenant_now() = '*' or enterprise = tenant_now() or receiver = tenant_now());

-- Parties as dated facts: what they were called, when they left, into whom they merged.
create table party_change (
    ledger_id integer not null,
    log_index bigint not null,
    party_id text not null,
    change text not null,
    changed_on date not null,
    "into" text,
    primary key (ledger_id, log_index)
);
create index party_change_party on party_change (ledger_id, party_id);

-- A party's name is its newest; whoever merged is found under the names of both, as the one that remains.
create or replace view visible_party with (security_barrier) as
    select p.party_id, p.kind, p.log_index, coalesce((
            select t.content from party_change c join private_text t using (ledger_id, log_index)
            where c.ledger_id = p.ledger_id and c.party_id = p.party_id and c.change = 'name' and t.field = 'name'
            order by c.changed_on desc, c.log_index desc limit 1
        ), t.content) as name,
        (select min(c.changed_on) from party_change c where c.ledger_id = p.ledger_id and c.party_id = p.party_id
            and c.change in ('exit', 'merger')) as exited_on,
        (select c."into" from party_change c where c.ledger_id = p.ledger_id and c.party_id = p.party_id
            and c.change = 'merger') as merged_into
    from party p left join private_text t
        on t.ledger_id = p.ledger_id and t.log_index = p.log_index and t.field = 'name'
    where p.ledger_id = ledger_now() and (tenant_now() = '*' or p.party_id = tenant_now());

create or replace view visible_name with (security_barrier) as
    with recursive remaining (party_id, remains) as (
        select p.party_id, p.party_id from party p where p.ledger_id = ledger_now()
        union all
        select r.party_id, c."into" from remaining r
        join party_change c on c.ledger_id = ledger_now() and c.party_id = r.remains and c.change = 'merger'
    ), last (party_id, remains) as (
        select r.party_id, r.remains from remaining r
        where not exists (
            select from party_change c
            where c.ledger_id = ledger_now() and c.party_id = r.remains and c.change = 'merger'
        )
    )
    select t.lookup, p.party_id, p.kind
    from private_text t
    left join party b on b.ledger_id = t.ledger_id and b.log_index = t.log_index
    left join party_change c on c.ledger_id = t.ledger_id and c.log_index = t.log_index
    join last on last.party_id = coalesce(b.party_id, c.party_id)
    join party p on p.ledger_id = t.ledger_id and p.party_id = last.remains
    where t.ledger_id = ledger_now() and t.lookup is not null
        and (tenant_now() = '*' or p.party_id = tenant_now());

create view visible_party_change with (security_barrier) as
    select c.log_index, c.party_id, c.change, c.changed_on, c."into", t.content as name
    from party_change c left join private_text t on t.ledger_id = c.ledger_id and t.log_index = c.log_index
    where c.ledger_id = ledger_now() and (tenant_now() = '*' or c.party_id = tenant_now());

alter table trade add column voided bigint not null default 0;
alter table trade add column delivered_index bigint;

-- A buyer sees what kind of certificates its trades are for, also before they are its own.
create or replace view visible_trade with (security_barrier) as
    select t.trade_id, t.log_index, t.buyer, t.seller, t.platform, t.lot_id, t.serials, t.quantity, t.price,
        t.amount_fen, t.state, t.transferred_index, t.voided, t.delivered_index, l.production_month, l.source
    from trade t join lot l using (ledger_id, lot_id)
    where t.ledger_id = ledger_now() and (tenant_now() = '*' or t.buyer = tenant_now());

create view visible_event with (security_barrier) as
    select e.log_index, e.command, e.occurred_on, e.effective_on, e.level, e.status, e.reverses, e.trade_id, e.quantity
    from event e
    where e.ledger_id = ledger_now() and (
        tenant_now() = '*'
        or exists (
            select from posting p join account a using (ledger_id, account_id)
            where p.ledger_id = e.ledger_id and p.log_index = e.log_index and a.owner = tenant_now()
        )
        or exists (
            select from trade t
            where t.ledger_id = e.ledger_id and t.trade_id = e.trade_id and t.buyer = tenant_now()
        )
    );

-- For checking the whole book; an enterprise sees nothing of it.
create view visible_serial_mark with (security_barrier) as
    select lot_id, event, log_index, serials from serial_mark
    where ledger_id = ledger_now() and tenant_now() = '*';
create view visible_evidence with (security_barrier) as
    select evidence_key, log_index from evidence where ledger_id = ledger_now() and tenant_now() = '*';

-- As in 0004; what was claimed is told to whose claim it is, whoever recorded it, and an offer to both its ends.
create or replace function record_bytes(of_index bigint) returns bytea
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
        or convert_from(found, 'UTF8')::jsonb #>> '{body,enterprise}' = tenant_now()
        or exists (select from visible_offer o where o.log_index = of_index)
        or exists (
            select from posting p join account a using (ledger_id, account_id)
            where p.ledger_id = of_ledger and p.log_index = of_index and a.owner = tenant_now()
        )
    then
        return found;
    end if;
    return null;
end $$;

-- The transactions that moved any of these serials, in log order, with their records: those that touch an account
-- of the tenant.
create function moves_of(of_lot bigint, of_serials int8range, after_index bigint, row_limit integer)
    returns table (log_index bigint, content bytea)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
begin
    return query
        select found.log_index, record_bytes(found.log_index)
        from (
            select distinct m.log_index from serial_move m
            where m.ledger_id = of_ledger and m.lot_id = of_lot and m.serials && of_serials
                and m.log_index > after_index
                and (of_tenant = '*' or exists (
                    select from posting p join account a using (ledger_id, account_id)
                    where p.ledger_id = of_ledger and p.log_index = m.log_index and p.lot_id = of_lot
                        and a.owner = of_tenant
                ))
            order by 1 limit row_limit
        ) as found
        order by 1;
end $$;

-- Where these serials lie now, as far as it is with the tenant.
create function places_of(of_lot bigint, of_serials int8range, row_limit integer)
    returns table (account text, serials int8range, since date)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
begin
    return query
        select a.name, s.serials * of_serials, s.since
        from serial_position s join account a using (ledger_id, account_id)
        where s.ledger_id = of_ledger and s.lot_id = of_lot and s.serials && of_serials
            and (of_tenant = '*' or a.owner = of_tenant)
        order by 2 limit row_limit;
end $$;

-- What accounts of some kinds held of each lot, as known at a size and effective on a day.
create function lots_as_of(of_kinds text[], on_day date, known_size bigint)
    returns table (kind text, party text, lot_id bigint, quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
    own constant integer[] := array(
        select account_id from account a
        where a.ledger_id = of_ledger and a.kind = any(of_kinds) and (of_tenant = '*' or a.owner = of_tenant)
    );
begin
    return query
        select a.kind, coalesce(a.owner, regexp_replace(a.name, '^.*:', '')), s.lot_id, s.quantity
        from (
            -- By account for one tenant, by index for the park: never both, so that no plan has to choose.
            select p.account_id, p.lot_id, sum(p.quantity)::bigint as quantity from posting p
            where of_tenant <> '*' and p.ledger_id = of_ledger and p.account_id = any(own)
                and p.log_index < known_size and p.effective_on <= on_day
            group by 1, 2
            union all
            select p.account_id, p.lot_id, sum(p.quantity)::bigint from posting p
            where of_tenant = '*' and p.ledger_id = of_ledger
                and p.log_index < known_size and p.effective_on <= on_day
            group by 1, 2
        ) as s
        join account a on a.ledger_id = of_ledger and a.account_id = s.account_id
        where a.account_id = any(own);
end $$;

-- The postings of events to accounts of some kinds: found by their events, which are few among all transactions. A
-- reversal counts as the event it takes back.
create function event_postings(of_commands text[], of_kinds text[], on_day date, known_size bigint)
    returns table (command text, status text, level text, owner text, kind text, lot_id bigint, quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    of_ledger constant integer := ledger_now();
    of_tenant constant text := tenant_now();
begin
    return query
        select coalesce(o.command, e.command), coalesce(o.status, e.status), e.level, a.owner, a.kind, p.lot_id,
            sum(p.quantity)::bigint
        from event e
        left join event o on e.command = 'reverse' and o.ledger_id = of_ledger and o.log_index = e.reverses
        join posting p on p.ledger_id = of_ledger and p.log_index = e.log_index
        join account a on a.ledger_id = of_ledger and a.account_id = p.account_id
        where e.ledger_id = of_ledger and e.log_index < known_size and e.effective_on <= on_day
            and coalesce(o.command, e.command) = any(of_commands) and a.kind = any(of_kinds)
            and (of_tenant = '*' or a.owner = of_tenant)
        group by 1, 2, 3, 4, 5, 6;
end $$;

grant execute on function lots_as_of(text[], date, bigint), event_postings(text[], text[], date, bigint),
    moves_of(bigint, int8range, bigint, integer), places_of(bigint, int8range, integer) to greenledger_reader;
grant select, insert, update, delete on serial_mark, serial_move, event, proposal, offer,
    party_change to greenledger_writer;
grant select on visible_party_change, visible_proposal, visible_offer, visible_event, visible_serial_mark,
    visible_evidence to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
