"""rebuild --check finds whatever was changed behind the ledger's back, and nothing where nothing was."""

from collections.abc import Iterator

import msgspec
import pytest

from ledger.core.command import ChangeParty, JudgeInventory, RecordReading, RegisterMeter, SubmitInventory
from ledger.core.events import (
    Leg,
    Offer,
    Retire,
    Subscribe,
    Transfer,
)
from ledger.store.backfill import backfill
from ledger.store.rebuild import Check, check
from ledger.store.session import connect_sync
from tests.conftest import Park, Server, holding

A, B = "GH-001", "GH-002"


def a_bit_of_everything(park: Park) -> None:
    """Counted and numbered certificates, promises, an offer, parties that change, and a refusal."""
    park.give(A, 500, lot="L1")
    lot = park.give_serials(A, 1, 100)
    park.give_serials(B, 201, 300)
    legs = (Leg(holding(A), "GEC", -10, lot), Leg(holding(B), "GEC", 10, lot))
    park.expect_posted(
        park.enterprise(A, Transfer(legs=legs)),
        park.enterprise(A, Subscribe(enterprise=A, quantity=77)),
        park.operator(ChangeParty(party="GH-003", change="name", on="2026-01-01", name="新名")),
        park.operator(ChangeParty(party="GH-004", change="merger", on="2026-01-01", into="GH-003")),
        park.enterprise(A, Offer(enterprise=A, receiver=B, quantity=3, expires_on="2099-12-31")),
        park.enterprise(B, Subscribe(enterprise=B, quantity=1)),
    )
    read = RecordReading(meter="M-1", first_on="2026-01-01", last_on="2026-01-31", quantity=5, unit="Wh")
    park.expect_posted(
        park.operator(
            RegisterMeter(
                meter="M-1", enterprise=A, site="w", stage="s", material="electricity", route="GRID", rating=10**9
            )
        ),
        park.enterprise(A, Retire(enterprise=A, quantity=2, purpose="OTHER", year="2026")),
        park.enterprise(A, read),
        park.enterprise(
            A,
            SubmitInventory(
                enterprise=A, year="2025", tree_size=9, factors_on="2026-06-30", digest="d" * 64, figures={}
            ),
        ),
    )
    reading = park.database.value("select max(log_index) from reading")
    inventory = park.database.value("select max(log_index) from inventory")
    park.expect_posted(
        park.enterprise(A, msgspec.structs.replace(read, quantity=7, corrects=reading)),
        park.operator(JudgeInventory(inventory=inventory, verdict="verified", findings="no_findings")),
    )
    park.submit(park.enterprise(A, Transfer(legs=(Leg(holding(A), "GEC", -(2**40)), Leg(holding(B), "GEC", 2**40)))))


@pytest.fixture(scope="module")
def history(server: Server) -> Iterator[str]:
    """The name of a database with a bit of everything, to be cloned by each test."""
    park = Park(server.clone("template_park", name="template_history"))
    a_bit_of_everything(park)
    park.close()
    yield "template_history"
    park.database.drop()


def judged(server: Server, template: str, *statements: str) -> Check:
    """What a rebuild finds after a superuser ran these statements with every trigger off."""
    database = server.clone(template)
    try:
        for statement in statements:
            database.rows("set session_replication_role = replica; " + statement)
        with connect_sync(database.admin_url) as connection:
            return check(connection, database.value("select ledger_id from ledger"), "ganhe")
    finally:
        database.drop()


def test_an_untouched_ledger_is_equal(server: Server, history: str) -> None:
    """Nothing is found where nothing was done; the twin of every case below."""
    found = judged(server, history)
    assert found.is_equal and found.findings == [] and found.postings > 8 and found.records > 30


HOLDING = "account_id = (select account_id from account where name = 'Holding:Ent:GH-001' and commodity = 'GEC')"
LAST = "log_index = (select max(log_index) from posting)"
NEWEST = "first_index = (select max(first_index) from journal_segment)"
MIDDLE = "first_index = (select max(first_index) from journal_segment where first_index < 30)"
FLIPPED = "set_byte(records, length(records) - 10, get_byte(records, length(records) - 10) # 1)"
ENDS = "(select min(account_id) from serial_position), (select max(account_id) from serial_position)"
TRADE = "lot_id = (select min(lot_id) from trade)"
CREDENTIAL = "(select ledger_id from ledger), 'ffffffffffff', 'admin', null, 'person:x', 'aa', 'active', 3, null"
TAMPERINGS = {
    # what was done: (the statement, where it must be found)
    "an altered quantity": (f"update posting set quantity = quantity * 2 where {LAST} and leg = 0", "posting"),
    "an altered running balance": (f"update posting set balance = 0 where {LAST} and leg = 0", "posting"),
    "an altered day": (f"update posting set effective_on = effective_on - 1 where {LAST}", "posting"),
    "a moved account": (f"update posting set account_id = account_id + 1 where {LAST} and leg = 0", "posting"),
    "a deleted posting": (f"delete from posting where {LAST} and leg = 1", "posting"),
    "a deleted transaction": (f"delete from posting where {LAST}", "posting"),
    "an invented posting": (
        "insert into posting select ledger_id, log_index + 1000, leg, account_id, commodity, lot_id, quantity, "
        f"balance, day_balance, version, effective_on from posting where {LAST}",
        "posting",
    ),
    "an altered balance": (f"update balance set quantity = quantity + 5 where {HOLDING} and lot_id > 0", "balance"),
    "a deleted balance": (f"delete from balance where {HOLDING}", "balance"),
    "an invented balance": (
        "insert into balance select ledger_id, account_id + 40, lot_id, 1, last_on from balance limit 1",
        "balance",
    ),
    "a changed record byte": (f"update journal_segment set records = {FLIPPED} where first_index = 0", "segment 0"),
    "a changed record byte and its leaf": (
        f"update journal_segment set records = {FLIPPED}, leaves = sha256('\\x00'::bytea || substr({FLIPPED}, 3)) "
        f"where {NEWEST} and record_count = 1",
        "head",
    ),
    "a dropped segment": (f"delete from journal_segment where {NEWEST}", "head"),
    "a segment in the middle dropped": (f"delete from journal_segment where {MIDDLE}", "segment"),
    "an earlier time": (
        f"update journal_segment set recorded_at = recorded_at - interval '1 hour' where {NEWEST}",
        "segment",
    ),
    "another head": ("update head set size = size - 1", "head"),
    "another tree": ("update head set frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1)", "head"),
    "a swapped serial position": (
        f"with ends (a, b) as (select {ENDS}) update serial_position "
        "set account_id = case account_id when a then b else a end from ends where account_id in (a, b)",
        "serial_position",
    ),
    "a grown serial range": (
        "update serial_position set serials = int8range(lower(serials), upper(serials) + 1) where upper(serials) = 301",
        "serial_position",
    ),
    "a forgotten move": (
        "delete from serial_move where log_index = (select max(log_index) from serial_move)",
        "serial_move",
    ),
    "serials traded by nobody": ("delete from serial_mark", "serial_mark"),
    "another command": ("update event set command = 'allocate' where command = 'subscribe'", "event"),
    "an offer for ever": ("update offer set expires_on = null", "offer"),
    "an answered offer": ("update offer set state = 'accept'", "offer"),
    "another merger": ("update party_change set \"into\" = 'GH-002' where change = 'merger'", "party_change"),
    "another owner": ("update account set owner = 'GH-002' where name = 'Holding:Ent:GH-001'", "account"),
    "another kind of account": ("update account set kind = 'external' where name = 'Holding:Ent:GH-001'", "account"),
    "an altered lot": ("update lot set production_month = '2030-01' where code = 'L1'", "lot"),
    "an altered trade": (f"update trade set state = 'TRADED' where {TRADE}", "trade"),
    "another buyer": (f"update trade set buyer = 'GH-003' where {TRADE}", "trade"),
    "a lost party": ("delete from party where party_id = 'GH-006'", "party"),
    "an altered rule": (
        "update policy set content = jsonb_set(content, '{source}', '\"me\"') where log_index = 3",
        "policy",
    ),
    "an invented credential": (f"insert into credential values ({CREDENTIAL})", "credential"),
    "a forgotten request": ("delete from request where log_index = (select max(log_index) from request)", "request"),
    "used evidence": ("insert into evidence select ledger_id, 'trade:mine', size - 1 from head", "evidence"),
    "a meter elsewhere": ("update meter set site = 'x'", "meter"),
    "another reading": ("update reading set quantity = 6 where corrected_by is null", "reading"),
    "a reading that stands again": ("update reading set corrected_by = 1 where corrected_by is not null", "reading"),
    "a forgotten claim": ("delete from claim", "claim"),
    "an inventory nobody verified": ("update inventory set state = 'submitted'", "inventory"),
    "another name": ("update private_text set content = '别的企业' where content = '企业GH-001'", "private_text"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_change_behind_the_ledgers_back_is_found(server: Server, history: str, what: str) -> None:
    """Each change by a superuser with triggers off is a finding that names where."""
    statement, where = TAMPERINGS[what]
    found = judged(server, history, statement)
    assert not found.is_equal
    assert any(finding.where.startswith(where) for finding in found.findings), found.findings
    assert all(finding.problem for finding in found.findings)


def test_an_erased_name_is_no_difference(server: Server, history: str) -> None:
    """Personal data may be erased: the record keeps the hash, and the ledger is still equal to its journal."""
    found = judged(server, history, "delete from private_text where content = '企业GH-001'")
    assert found.is_equal, found.findings


def test_a_ledger_made_before_is_given_what_came_since(server: Server, history: str) -> None:
    """Projections of a later version are filled from the journal, once; then every projection is equal again."""
    database = server.clone(history)
    try:
        for statement in (
            "delete from event",
            "delete from serial_move",
            "delete from serial_mark",
            "delete from claim",
        ):
            database.rows("set session_replication_role = replica; " + statement)
        ledger_id = database.value("select ledger_id from ledger")
        with connect_sync(database.admin_url) as connection:
            assert not check(connection, ledger_id, "ganhe").is_equal
        filled = []
        for _ in range(2):
            with connect_sync(database.urls.writer) as connection:
                filled.append(backfill(connection, ledger_id, "ganhe"))
        assert filled[0] > 5 and filled[1] == 0
        with connect_sync(database.admin_url) as connection:
            assert check(connection, ledger_id, "ganhe").is_equal
    finally:
        database.drop()
