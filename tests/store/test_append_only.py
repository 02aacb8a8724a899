"""What each login may do, and what the database refuses whoever asks."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from ledger.core.policy import SERIAL_DIGITS_MAX
from ledger.store import schema
from ledger.store.session import OPTIONS, Query, Reader, Scope, connect_sync
from tests.conftest import Database, Park, Server, run

FACTS = ("journal_segment", "hash_tile", "posting", "request", "evidence", "checkpoint")
TABLES = (
    *FACTS,
    "ledger",
    "head",
    "private_text",
    "account",
    "lot",
    "balance",
    "serial_position",
    "trade",
    "serial_mark",
    "serial_move",
    "event",
    "proposal",
    "offer",
    "party_change",
    "party",
    "policy",
    "credential",
    "checkpoint",
    "signing_key",
    "import_job",
    "import_row",
    "meter",
    "reading",
    "claim",
    "inventory",
)
FUNCTIONS = {
    "ledger_now": "",
    "size_at": "now()",
    "balance_as_of": "1, '2026-01-01', 1",
    "balances_of": "1",
    "postings_of": "1, 99, 0, 10",
    "record_bytes": "0",
    "import_record": "'key'",
    "visible_records": "0, 10",
    "moves_of": "1, '[1,9)', 0, 10",
    "lots_as_of": "'{holding_ent}', '2026-01-01', 1",
    "lot_balances_as_of": "'2026-01-01', 1",
    "event_legs": "'{trade}', '{inventory_gec}', '2026-01-01', 1",
    "places_of": "1, '[1,9)', 10",
    "claims_of": "null, '2026', 99",
    "readings_of": "null, '2026', 99",
}
"""What the reader may call, each with arguments that find something."""
NO_ROWS = {"credential_of", "tenant_now", "serial_box"}
"""What it may call besides: a key's scope, its own scope, and arithmetic."""
CHANGES = {"update": "update {} set ledger_id = ledger_id", "delete": "delete from {}", "truncate": "truncate {}"}


@pytest.fixture
def filled(park: Park) -> Database:
    """A database with a row in every table of facts."""
    park.give("GH-001", 5, lot="A")
    return park.database


def refused_as(url: str, statement: str, *parameters: object) -> str:
    """SQLSTATE of the refusal; fails where the statement is not refused."""
    with connect_sync(url) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(statement, parameters)  # type: ignore[arg-type]  # ours
    return raised.value.sqlstate or ""


def test_facts_cannot_be_changed(filled: Database) -> None:
    """UPDATE, DELETE and TRUNCATE of a fact: the writer lacks the right, and the trigger stops even a superuser."""
    for table in FACTS:
        for change in CHANGES.values():
            statement = change.format(table)
            assert refused_as(filled.urls.writer, statement) == "42501", statement
            assert refused_as(filled.admin_url, statement) == "23001", statement
            assert refused_as(filled.urls.reader, statement) == "42501", statement
            assert refused_as(filled.urls.signer, statement) == "42501", statement


def test_without_the_trigger_a_superuser_changes_facts(filled: Database) -> None:
    """The twin: it is the trigger that stops the superuser."""
    for table in FACTS:
        filled.rows(f"drop trigger {table}_append_only on {table}")
        filled.rows(CHANGES["update"].format(table))


def test_every_table_is_sorted_into_facts_or_not(database: Database) -> None:
    """A new table must be named here, so that nobody forgets to guard it."""
    rows = database.rows("select tablename from pg_tables where schemaname = 'greenledger'")
    assert {name for (name,) in rows} == {*TABLES, "schema_version"}


def test_reader_cannot_select_base_tables(database: Database) -> None:
    """The reader has no right on any table, nor on the view that is not filtered."""
    for table in (*TABLES, "schema_version", "balance_now"):
        assert refused_as(database.urls.reader, f"select from {table}") == "42501", table
    with connect_sync(database.urls.reader) as connection:
        rows = connection.execute(
            """
            select c.relname, c.relkind, c.reloptions @> '{security_barrier=true}' from pg_class c
            where c.relnamespace = 'greenledger'::regnamespace and c.relkind in ('r', 'v', 'S', 'm', 'p', 'f')
                and has_table_privilege(c.oid, 'select, insert, update, delete, truncate')
            """
        ).fetchall()
    assert len(rows) >= 9
    for name, kind, is_barrier in rows:
        assert (name[:8], kind, is_barrier) == ("visible_", "v", True), name


def views(database: Database) -> list[str]:
    """The views that are filtered by ledger and tenant."""
    rows = database.rows("select viewname from pg_views where schemaname = 'greenledger' and viewname like 'visible%'")
    return [name for (name,) in rows]


def test_reader_without_a_scope_gets_an_error(filled: Database) -> None:
    """A read that forgot its ledger and tenant fails, on a fresh connection and after one that was scoped."""
    found = filled.rows(
        "select proname from pg_proc where pronamespace = 'greenledger'::regnamespace "
        "and has_function_privilege('greenledger_reader', oid, 'execute')"
    )
    assert {name for (name,) in found} - NO_ROWS == FUNCTIONS.keys()
    reads = [f"select * from {view}" for view in views(filled)]
    reads += [f"select * from {name}({arguments})" for name, arguments in FUNCTIONS.items()]
    for read in reads:
        assert refused_as(filled.urls.reader, read) in {"42704", "22P02"}, read
    with connect_sync(filled.urls.reader) as connection:
        for read in reads:
            connection.execute("select set_config('greenledger.ledger', '1', true)")
            connection.execute("select set_config('greenledger.tenant', '*', true)")
            assert connection.execute("select from visible_account").rowcount
            connection.rollback()
            try:
                found = connection.execute(read).fetchall()
            except (errors.UndefinedObject, errors.InvalidTextRepresentation):
                pass
            else:
                raise AssertionError(f"{read} gave {found}")
            connection.rollback()


def test_reader_cannot_write(filled: Database) -> None:
    """The reader's views take no rows."""
    for view in views(filled):
        assert refused_as(filled.urls.reader, f"delete from {view}") in {"42501", "55000"}, view


def test_another_ledger_is_not_visible(filled: Database) -> None:
    """A scope of another ledger sees nothing of this one."""
    found = views(filled)

    async def look() -> None:
        reader = Reader(filled.urls.reader, connections_max=1)
        await reader.open()
        try:
            for rows in await reader.fetch(Scope(2, "*"), *(Query(f"select from {view}") for view in found)):
                assert not rows
        finally:
            await reader.close()

    run(look())


@pytest.mark.parametrize("login", schema.LOGINS)
def test_logins_cannot_change_the_schema(database: Database, login: str) -> None:
    """No run-time login may create, alter, drop or disarm anything."""
    url = getattr(database.urls, login)
    for statement in (
        "create table greenledger.mine (x int)",
        "create table public.mine (x int)",
        "create function greenledger.mine() returns int language sql return 1",
        "alter table posting disable trigger all",
        "alter table posting add column x int",
        "drop table evidence",
        "drop trigger posting_sums on posting",
        "create trigger t before insert on posting execute function refuse_change()",
        "alter function check_posting_sums() owner to current_user",
        "set role greenledger_owner",
        "set session_replication_role = replica",
        "create role mine",
        "create schema mine",
    ):
        assert refused_as(url, statement) in {"42501", "42000"}, statement


def test_logins_are_weak(database: Database) -> None:
    """Run-time logins are no superusers, own nothing and are members of nobody; the owner cannot log in."""
    rows = database.rows(
        """
        select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication,
            exists (select from pg_auth_members m where m.member = r.oid),
            exists (select from pg_class c where c.relowner = r.oid), rolcanlogin
        from pg_roles r where rolname like 'greenledger%'
        """
    )
    found = {name: flags for name, *flags in rows}
    assert found.pop(schema.OWNER) == [False, False, True, False]
    assert found == {f"greenledger_{login}": [False, False, False, True] for login in schema.LOGINS}


def test_signer_reads_the_journal_and_nothing_else(filled: Database) -> None:
    """The signer may read what it signs; names, keys and balances are closed to it, and it writes none of it."""
    readable = {"ledger", "head", "journal_segment", "hash_tile", "checkpoint"}
    with connect_sync(filled.urls.signer) as connection:
        for table in readable:
            assert connection.execute(f"select from {table}").rowcount >= 0
    for table in set(TABLES) - readable:
        assert refused_as(filled.urls.signer, f"select from {table}") == "42501", table
    for table in set(TABLES) - {"checkpoint"}:
        assert refused_as(filled.urls.signer, f"insert into {table} default values") == "42501", table
    for login in ("writer", "reader"):
        signing = "insert into checkpoint values (1, 1, 'x')"
        assert refused_as(getattr(filled.urls, login), signing) == "42501", "only the signer puts its name to the log"


def test_writer_may_not_erase_ledgers_by_truncate(filled: Database) -> None:
    """TRUNCATE is nobody's right, on projections neither."""
    for table in TABLES:
        assert refused_as(filled.urls.writer, f"truncate {table}") == "42501", table


@pytest.fixture
def durable(durable_server: Server) -> Iterator[Database]:
    """An empty database on a server that keeps what it answers."""
    found = durable_server.clone("template_empty")
    yield found
    found.drop()


def test_fit_database_is_served(durable: Database) -> None:
    """Every run-time login of a durable server passes."""
    for login in schema.LOGINS:
        with connect_sync(getattr(durable.urls, login)) as connection:
            schema.check_fitness(connection)


def test_unfit_database_is_refused(durable: Database, database: Database) -> None:
    """A superuser, a member of the owner, and durability that is off are named and refused."""
    with connect_sync(durable.admin_url) as connection, pytest.raises(schema.UnfitDatabase, match="superuser"):
        schema.check_fitness(connection)
    with connect_sync(database.urls.writer) as connection, pytest.raises(schema.UnfitDatabase, match="fsync is off"):
        schema.check_fitness(connection)
    with connect_sync(durable.urls.writer) as connection:
        connection.execute("set synchronous_commit = off")
        with pytest.raises(schema.UnfitDatabase, match="synchronous_commit is off"):
            schema.check_fitness(connection)
    durable.rows(f"grant {schema.OWNER} to greenledger_reader")
    try:
        with connect_sync(durable.urls.reader) as connection, pytest.raises(schema.UnfitDatabase, match="owner"):
            schema.check_fitness(connection)
    finally:
        durable.rows(f"revoke {schema.OWNER} from greenledger_reader")


UNBALANCED = {
    "one leg": [(90, 0, 1, 1, 9, 5)],
    "wrong sum": [(90, 0, 1, 1, 9, -5), (90, 1, 2, 1, 9, 4)],
    "another lot": [(90, 0, 1, 1, 9, -5), (90, 1, 2, 1, 8, 5)],
    "another commodity": [(90, 0, 1, 1, 9, -5), (90, 1, 2, 2, 0, 5)],
    "another transaction": [(90, 0, 1, 1, 9, -5), (91, 0, 2, 1, 9, 5)],
    "one bad among good": [(90, 0, 1, 1, 9, -5), (90, 1, 2, 1, 9, 5), (91, 0, 1, 1, 9, -5), (91, 1, 2, 1, 9, 6)],
}


@pytest.mark.parametrize("case", UNBALANCED)
def test_unbalanced_postings_are_refused(database: Database, case: str) -> None:
    """All rows of a statement together must sum to zero, by transaction, commodity and lot; by INSERT or COPY."""
    rows = UNBALANCED[case]
    assert _copied(database.urls.writer, rows) == "23514"
    assert _copied(database.admin_url, rows) == "23514"
    assert _inserted(database.urls.writer, rows) == "23514"
    database.rows("drop trigger posting_sums on posting")
    assert _copied(database.urls.writer, rows) is None, "the twin: without the trigger it is taken"


def test_balanced_postings_are_taken(database: Database) -> None:
    """Money of several lots need only balance as money."""
    money = [(90, 0, 1, 3, 9, -5), (90, 1, 2, 3, 8, 5)]
    assert _copied(database.urls.writer, [*money, (91, 0, 1, 1, 9, -5), (91, 1, 2, 1, 9, 5)]) is None


def _copied(url: str, rows: list[tuple[int, ...]]) -> str | None:
    with psycopg.connect(url, options=OPTIONS) as connection:
        try:
            with connection.cursor() as cursor, cursor.copy("copy posting from stdin") as copy:
                for index, leg, account, commodity, lot, quantity in rows:
                    copy.write_row((1, index, leg, account, commodity, lot, quantity, 0, 0, 1, "2026-01-01"))
        except psycopg.Error as fault:
            return fault.sqlstate
    return None


def _inserted(url: str, rows: list[tuple[int, ...]]) -> str | None:
    values = ", ".join(
        f"(1, {i}, {leg}, {account}, {commodity}, {lot}, {quantity}, 0, 0, 1, '2026-01-01')"
        for i, leg, account, commodity, lot, quantity in rows
    )
    with psycopg.connect(url, options=OPTIONS) as connection:
        try:
            connection.execute(f"insert into posting values {values}")  # type: ignore[arg-type]  # ours
        except psycopg.Error as fault:
            return fault.sqlstate
    return None


PLACE = "insert into serial_position (ledger_id, lot_id, account_id, serials, since) values ({}, '2026-01-01')"
MET = ("2, 7, 1", "1, 4294967303, 1", "2097153, 7, 1", "2097153, 8, 1")
"""Where ledger 1 has lot 7: in another ledger; where ledger 2 has its lot 7 in the plane of boxes (migration 0008); and
two lots so far out in it that their places are rounded to one."""
TWICE = (PLACE.format("1, 7, 1, '[1,10)'"), PLACE.format("1, 7, 2, '[9,20)'"))


def test_serial_in_two_places_cannot_be_committed(database: Database) -> None:
    """Overlapping ranges of a lot are refused at COMMIT; of two lots or two ledgers they are not."""
    with connect_sync(database.urls.writer) as connection:
        for statement in TWICE:
            connection.execute(statement)
        with pytest.raises(errors.ExclusionViolation):
            connection.commit()
    with connect_sync(database.urls.writer) as connection:
        for place in ("1, 7, 1", "1, 8, 1", *MET):
            connection.execute(PLACE.format(f"{place}, '[1,10)'"))
            connection.execute(PLACE.format(f"{place}, '[999999999999998,999999999999999)'"))
            connection.execute(PLACE.format(f"{place}, '[999999999999999,1000000000000000)'"))
    database.rows("alter table serial_position drop constraint serial_in_one_place")
    with connect_sync(database.urls.writer) as connection:
        for statement in TWICE:
            connection.execute(statement)  # the twin: without the constraint it is taken


SERIAL = st.integers(0, 10**SERIAL_DIGITS_MAX - 1)


@st.composite
def _near(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """First serial and end of two ranges, of which the second often begins or ends beside or inside the first."""
    first, last = sorted((draw(SERIAL), draw(SERIAL)))
    at = draw(st.sampled_from((first, last)))
    other, other_last = sorted((draw(SERIAL | st.just(at)), max(0, at + draw(st.integers(-2, 2)))))
    return first, last + 1, other, other_last + 1


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(near=_near(), ledger=st.integers(1, 2**31 - 1), lot=st.integers(1, 2**40))
def test_ranges_overlap_as_boxes_where_they_do_as_numbers(
    database: Database, near: tuple[int, int, int, int], ledger: int, lot: int
) -> None:
    """Up to the last serial a code may have, whatever the lot and ledger: no overlap is missed, none invented."""
    first, end, other, other_end = near
    box = "serial_box({0}, {1}, int8range({2}, {3}))"
    text = f"select {box.format(ledger, lot, first, end)} && {box.format(ledger, lot, other, other_end)}"
    assert database.rows(text) == [(max(first, other) < min(end, other_end),)]


def test_serials_may_change_hands_inside_a_transaction(database: Database) -> None:
    """The constraint looks at COMMIT, so a move may insert before it deletes."""
    with connect_sync(database.urls.writer) as connection:
        connection.execute(PLACE.format("1, 7, 1, '[1,10)'"))
        connection.commit()
        connection.execute(PLACE.format("1, 7, 2, '[1,10)'"))
        connection.execute("delete from serial_position where account_id = 1")
