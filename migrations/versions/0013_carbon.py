"""Meters, their readings, what was claimed and the inventories submitted: projections of the journal.

Runs before the code that needs it; adds only.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

SQL = """
create table meter (
    ledger_id integer not null,
    meter_id text not null,
    log_index bigint not null,
    enterprise text not null,
    site text not null,
    stage text not null,
    material text not null,
    route text,
    under text,
    rating bigint,
    primary key (ledger_id, meter_id)
);
create index meter_enterprise on meter (ledger_id, enterprise);

-- Of one meter no two standing readings are of the same day, whatever document brought them.
create table reading (
    ledger_id integer not null,
    log_index bigint not null,
    meter_id text not null,
    first_on date not null,
    last_on date not null,
    quantity bigint not null check (quantity >= 0),
    level text not null,
    corrected_by bigint,
    primary key (ledger_id, log_index),
    exclude using gist (ledger_id with =, meter_id with =, daterange(first_on, last_on, '[]') with &&)
        where (corrected_by is null) deferrable initially deferred
);
create index reading_meter on reading (ledger_id, meter_id, first_on);

-- What a retirement claims; log_index is its posting's.
create table claim (
    ledger_id integer not null,
    log_index bigint not null,
    enterprise text not null,
    beneficiary text not null,
    purpose text not null,
    year text not null,
    site text,
    primary key (ledger_id, log_index)
);
create index claim_beneficiary on claim (ledger_id, beneficiary, year);

create table inventory (
    ledger_id integer not null,
    log_index bigint not null,
    enterprise text not null,
    year text not null,
    subject text not null,
    tree_size bigint not null,
    factors_on date not null,
    digest text not null,
    restates bigint,
    scope1 text not null,
    findings text,
    state text not null check (state in ('submitted', 'verified', 'returned', 'restated')),
    judged_index bigint,
    primary key (ledger_id, log_index)
);
create index inventory_year on inventory (ledger_id, enterprise, year);

create view visible_meter with (security_barrier) as
    select meter_id, log_index, enterprise, site, stage, material, route, under, rating from meter
    where ledger_id = ledger_now() and (tenant_now() = '*' or enterprise = tenant_now());
create view visible_reading with (security_barrier) as
    select r.log_index, r.meter_id, r.first_on, r.last_on, r.quantity, r.level, r.corrected_by
    from reading r where r.ledger_id = ledger_now() and (tenant_now() = '*' or r.meter_id = any(array(
        select m.meter_id from meter m where m.ledger_id = ledger_now() and m.enterprise = tenant_now()
    )));
create view visible_claim with (security_barrier) as
    select log_index, enterprise, beneficiary, purpose, year, site from claim
    where ledger_id = ledger_now() and (tenant_now() = '*' or tenant_now() in (enterprise, beneficiary));
create view visible_inventory with (security_barrier) as
    select log_index, enterprise, year, subject, tree_size, factors_on, digest, restates, scope1, findings, state,
        judged_index
    from inventory where ledger_id = ledger_now() and (tenant_now() = '*' or enterprise = tenant_now());

-- What was claimed for a year and stands as known at a size: the certificates retired, less what was taken back.
create function claims_of(of_beneficiary text, of_year text, known_size bigint)
    returns table (log_index bigint, beneficiary text, purpose text, site text, quantity bigint, effective_on date)
    language plpgsql stable security definer set search_path = greenledger, pg_temp set enable_seqscan = off as $$
begin
    return query
        select c.log_index, c.beneficiary, c.purpose, c.site, e.quantity - coalesce((
            select sum(r.quantity) from event r
            where r.ledger_id = ledger_now() and r.reverses = c.log_index and r.log_index < known_size
        ), 0)::bigint, e.effective_on
        from claim c join event e on e.ledger_id = c.ledger_id and e.log_index = c.log_index
        where c.ledger_id = ledger_now() and c.year = of_year and c.log_index < known_size
            and (of_beneficiary is null or c.beneficiary = of_beneficiary)
            and (tenant_now() = '*' or c.beneficiary = tenant_now())
        order by c.log_index;
end $$;
-- The readings of a year that stood at a size, of meters that are added up: of an enterprise, or of all. Found by key,
-- meter by meter, however small the tables were when this was planned.
create function readings_of(of_enterprise text, of_year text, known_size bigint)
    returns table (log_index bigint, meter_id text, first_on date, last_on date, quantity bigint)
    language plpgsql stable security definer set search_path = greenledger, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
    return query
        select r.log_index, r.meter_id, r.first_on, r.last_on, r.quantity
        from meter m cross join lateral (
            select * from reading x
            where x.ledger_id = ledger_now() and x.meter_id = m.meter_id
                and x.first_on between make_date(of_year::int, 1, 1) and make_date(of_year::int, 12, 31)
                and x.log_index < known_size and (x.corrected_by is null or x.corrected_by >= known_size)
            offset 0
        ) as r
        where m.ledger_id = ledger_now() and m.under is null
            and (of_enterprise is null or m.enterprise = of_enterprise)
            and (tenant_now() = '*' or m.enterprise = tenant_now())
        order by r.meter_id, r.first_on;
end $$;

revoke execute on function readings_of(text, text, bigint) from public;
grant execute on function readings_of(text, text, bigint) to greenledger_reader;
revoke execute on function claims_of(text, text, bigint) from public;
grant execute on function claims_of(text, text, bigint) to greenledger_reader;

grant select, insert, update, delete on meter, reading, claim, inventory to greenledger_writer;
grant select on visible_meter, visible_reading, visible_claim, visible_inventory to greenledger_reader;
"""


def upgrade() -> None:
    op.execute(SQL)
