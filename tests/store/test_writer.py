"""The writer: every command has one outcome for ever, however it was asked, and the journal stays whole."""

import asyncio
import datetime
import random

import pytest

from ledger import writer as writer_module
from ledger.core.certificate import LotFacts
from ledger.core.command import RegisterParty, Request
from ledger.core.events import (
    Evidence,
    Leg,
    Subscribe,
    Transfer,
    TransferTrade,
)
from ledger.core.record import decode
from ledger.core.refusal import Refusal
from ledger.store.outcomes import Outcome, Posted, Refused
from ledger.writer import Writer
from tests.conftest import DOCUMENT, ENTERPRISES, Park, Server, day, holding
from tests.store.journal_checks import check_journal, check_ledger, private_texts_match


def transfer(source: str, target: str, quantity: int, *, lot: str | None = "A") -> Transfer:
    """A transfer of units from one enterprise to another."""
    return Transfer(legs=(Leg(holding(source), "GEC", -quantity, lot), Leg(holding(target), "GEC", quantity, lot)))


def refusal_of(outcome: Outcome) -> Refusal:
    """Why it was refused."""
    assert isinstance(outcome, Refused), outcome
    return outcome.refusal


def codes(outcomes: list[Outcome]) -> list[str]:
    """`posted` or the refusal's code of each."""
    return ["posted" if isinstance(outcome, Posted) else refusal_of(outcome).code for outcome in outcomes]


@pytest.fixture
def rich(park: Park) -> Park:
    """A park whose enterprises each hold 1,000 units of lot A."""
    for party in ENTERPRISES:
        park.give(party, 1000, lot="A")
    return park


def test_group_is_answered_after_its_commit(rich: Park) -> None:
    """Callers at the same moment get gapless indexes, one recorded_at each group, and the balance after their own."""
    requests = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(40)]
    outcomes = rich.together(requests)
    assert [o.index for o in outcomes] == list(range(outcomes[0].index, outcomes[0].index + 40))
    assert [o.balances[0].balance for o in outcomes] == list(range(999, 959, -1))
    groups = {o.recorded_at for o in outcomes}
    assert len(groups) < 10, "many commands share a commit"
    assert rich.database.value("select size from head") == outcomes[-1].index + 1
    check_ledger(rich.database)


def test_answer_names_own_accounts_only(rich: Park) -> None:
    """An enterprise hears its own balances, the operator all that were touched; a replay says the same."""
    own = rich.enterprise("GH-001", transfer("GH-001", "GH-002", 5))
    all_of_them = rich.operator(transfer("GH-001", "GH-002", 5))
    for request, accounts in ((own, {"Holding:Ent:GH-001"}), (all_of_them, {holding("GH-001"), holding("GH-002")})):
        first, again = rich.submit(request), rich.submit(request)
        assert {after.account for after in first.balances} == accounts
        assert again == Posted(first.index, first.recorded_at, first.balances, replayed=True)


def test_frozen_refusal_is_the_same_for_ever(rich: Park) -> None:
    """A refusal that depends on the book is told again word for word, even when the command would now pass."""
    request = rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1500))
    first = rich.submit(request)
    assert refusal_of(first).code == "insufficient_balance"
    rich.give("GH-001", 5000, lot="A2")
    rich.expect_posted(rich.operator(transfer("GH-002", "GH-001", 1000)))
    again = rich.submit(request)
    rich.restart()
    assert again == rich.submit(request) == Refused(refusal_of(first), first.index, replayed=True)
    assert refusal_of(first).detail() == refusal_of(again).detail()


def test_malformed_command_may_be_put_right(rich: Park) -> None:
    """A refusal that is the request's own fault leaves no record and does not use up the key."""
    size = rich.database.value("select size from head")
    wrong = rich.enterprise("GH-001", transfer("GH-001", "GH-002", 5, lot="nowhere"), key="k")
    assert rich.submit(wrong) == Refused(refusal_of(rich.submit(wrong)), None)
    assert rich.database.value("select size from head") == size
    rich.expect_posted(rich.enterprise("GH-001", transfer("GH-001", "GH-002", 5), key="k"))


def test_key_used_for_another_command_names_the_fields(rich: Park) -> None:
    """Another command under an old key is refused with the paths that differ, posted or refused the first time."""
    for first in (5, 10**6):
        rich.submit(rich.enterprise("GH-001", transfer("GH-001", "GH-002", first), key=f"k{first}"))
        other = rich.submit(rich.enterprise("GH-001", transfer("GH-001", "GH-003", first + 1), key=f"k{first}"))
        assert refusal_of(other).code == "request_key_reused"
        assert refusal_of(other).figures["fields"] == "legs[0].quantity, legs[1].account, legs[1].quantity"
    rich.expect_posted(rich.enterprise("GH-002", transfer("GH-002", "GH-003", 6), key="k5"))


def test_atomic_batch_freezes_only_the_failing_item(rich: Park) -> None:
    """Of a refused batch nothing is posted, the failing item is frozen, and the others may be asked for again."""
    batch = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", q), key=f"b{q}") for q in (1, 2000, 3)]
    size = rich.database.value("select size from head")
    assert codes(rich.batch(batch, atomic=True)) == ["batch_refused", "insufficient_balance", "batch_refused"]
    assert rich.database.value("select size from head") == size + 1
    assert codes([rich.submit(request) for request in batch]) == ["posted", "insufficient_balance", "posted"]
    check_ledger(rich.database)


def test_refused_batch_asked_again_is_refused_again(rich: Park) -> None:
    """All or none holds on the second asking too: a frozen refusal in it refuses the whole batch."""
    batch = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", q), key=f"b{q}") for q in (1, 2000, 3)]
    first = rich.batch(batch, atomic=True)
    again = rich.batch(batch, atomic=True)
    assert codes(again) == codes(first) == ["batch_refused", "insufficient_balance", "batch_refused"]
    rich.restart()
    assert codes(rich.batch(batch, atomic=True)) == codes(first)


def test_posted_batch_asked_again_is_replayed(rich: Park) -> None:
    """The same batch under the same keys posts once."""
    batch = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", q), key=f"b{q}") for q in (1, 2, 3)]
    first, again = rich.batch(batch, atomic=True), rich.batch(batch, atomic=True)
    assert [(o.index, o.balances) for o in first] == [(o.index, o.balances) for o in again]
    assert all(outcome.replayed for outcome in again)
    assert rich.database.value("select balance from posting order by log_index desc, leg limit 1") == 994


def test_independent_batch_posts_what_it_can(rich: Park) -> None:
    """A batch that is not atomic has an outcome of its own for each item, in order."""
    batch = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", q)) for q in (900, 200, 100)]
    assert codes(rich.batch(batch, atomic=False)) == ["posted", "insufficient_balance", "posted"]


def test_one_key_from_many_callers_has_one_effect(rich: Park) -> None:
    """32 callers with one key get one answer and one posting, over two writers."""
    request = rich.enterprise("GH-001", transfer("GH-001", "GH-002", 7), key="same")

    async def ask() -> list[Outcome]:
        other = await rich.start_writer()
        writers = [rich.writer, other] * 16
        found = await asyncio.gather(*(writer.submit(request) for writer in writers))
        await other.stop()
        return found

    outcomes = rich.run(ask())
    assert len({(o.index, o.recorded_at, o.balances) for o in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    check_ledger(rich.database)


def test_evidence_is_used_up_by_postings_only(rich: Park) -> None:
    """A document line refused today can post tomorrow; once posted, nobody posts it again."""
    dear, cheap = transfer("GH-001", "GH-002", 9999), transfer("GH-001", "GH-002", 9)
    outcomes = [rich.submit(rich.operator(c, evidence_key="doc/1")) for c in (dear, cheap, cheap)]
    assert codes(outcomes) == ["insufficient_balance", "posted", "evidence_used"]
    same_moment = rich.together([rich.operator(cheap, evidence_key="doc/2") for _ in range(4)])
    assert codes(same_moment) == ["posted"] + 3 * ["evidence_used"]


def random_requests(park: Park, dice: random.Random, count: int) -> list[Request]:
    """Transfers of all enterprises, some refused."""
    found = []
    for _ in range(count):
        source, target = dice.sample(ENTERPRISES, 2)
        lot, quantity = dice.choice(["A", "A", None]), dice.choice([1, 2, 3, 5000])
        found.append(park.enterprise(source, transfer(source, target, quantity, lot=lot)))
    return found


def test_tree_and_balances_hold_after_random_groups(rich: Park) -> None:
    """After groups of any size, restarts and turns of two writers, all that is stored fits together."""
    dice = random.Random(5)
    for size in (1, 300, 2, 700, 17, 256, 255, 1):
        rich.together(random_requests(rich, dice, size))
        rich.batch(random_requests(rich, dice, 5), atomic=True)
        if dice.random() < 0.4:
            rich.restart()
    assert rich.database.value("select count(*) from hash_tile") >= 5
    private_texts_match(rich.database, check_ledger(rich.database))


def test_two_writers_race(rich: Park) -> None:
    """Two writers on connections of their own, 500 commands each: all applied once, nothing skipped."""

    async def send(writer: Writer, party: str, target: str) -> list[Outcome]:
        found: list[Outcome] = []
        for _ in range(25):
            requests = [rich.enterprise(party, transfer(party, target, 1)) for _ in range(20)]
            found += await asyncio.gather(*(writer.submit(request) for request in requests))
        return found

    async def race() -> list[Outcome]:
        other = await rich.start_writer()
        both = await asyncio.gather(send(rich.writer, "GH-001", "GH-003"), send(other, "GH-002", "GH-003"))
        await other.stop()
        return both[0] + both[1]

    outcomes = rich.run(race())
    assert codes(outcomes) == ["posted"] * 1000
    assert len({outcome.index for outcome in outcomes}) == 1000
    check_ledger(rich.database)
    everything = rich.enterprise("GH-003", transfer("GH-003", "GH-001", 2000))
    assert rich.expect_posted(everything)[0].balances[0].balance == 0


def test_balances_survive_a_writer_that_did_not_catch_up(rich: Park) -> None:
    """Balances that one writer left to be added up later are kept when another one goes on."""

    async def die_between() -> None:
        burst = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(64)]
        first = asyncio.gather(*(rich.writer.submit(request) for request in burst))
        other = await rich.start_writer()
        while rich.database.value("select size - balance_size from head") == 0:
            await asyncio.sleep(0)
            if first.done():
                break
        await other.submit(rich.enterprise("GH-005", transfer("GH-005", "GH-006", 1)))
        await first
        await other.stop()

    for _ in range(5):
        rich.run(die_between())
        check_ledger(rich.database)


def test_cancelled_callers_command_has_one_outcome(rich: Park) -> None:
    """A caller that goes away leaves its command in the queue; its key tells what became of it."""
    requests = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1), key=f"cancelled {at}") for at in range(50)]

    async def leave() -> None:
        tasks = [asyncio.create_task(rich.writer.submit(request)) for request in requests]
        for at, task in enumerate(tasks):
            if at % 2:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    rich.run(leave())
    outcomes = [rich.submit(request) for request in requests]
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert rich.database.value("select count(*) from request where request_key like 'cancelled%%'") == 50
    check_ledger(rich.database)


def test_full_queue_refuses(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue's limit callers hear `queue_full` at once; what waits is done."""
    monkeypatch.setattr(writer_module, "QUEUE_MAX", 10)
    requests = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(15)]
    found = codes(rich.together(requests))
    assert found == ["posted"] * 10 + ["queue_full"] * 5
    assert codes([rich.submit(request) for request in requests[10:]]) == ["posted"] * 5


def test_refusals_have_a_quota(server: Server) -> None:
    """Beyond its quota a subject's refusals are not recorded; its good commands pass, and so do others'."""
    park = Park(server.clone("template_park"), refusals_per_minute=3)
    park.give("GH-001", 10, lot="A")
    park.give("GH-002", 1, lot="A")
    greedy = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 99)) for _ in range(5)]
    assert codes([park.submit(request) for request in greedy]) == 3 * ["insufficient_balance"] + 2 * ["quota_exceeded"]
    assert park.submit(greedy[0]).replayed
    assert codes([park.submit(greedy[4])]) == ["quota_exceeded"]
    other = park.enterprise("GH-002", transfer("GH-002", "GH-001", 99))
    assert codes([park.submit(other)]) == ["insufficient_balance"]
    park.expect_posted(park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)))
    assert (
        park.database.value(
            "select count(*) from request where request_key = any(%s)", [request.request_key for request in greedy]
        )
        == 3
    )
    park.close()
    park.database.drop()


def test_recorded_at_increases_even_when_the_clock_stands(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments get strictly increasing times, though the clock stood still or went back."""

    class Stopped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC).astimezone(tz)

    with monkeypatch.context() as patched:
        patched.setattr(writer_module.datetime, "datetime", Stopped)
        for _ in range(5):
            rich.submit(rich.operator(Subscribe(enterprise="GH-001", quantity=1)))
    check_journal(rich.database)


def test_private_texts_stay_out_of_the_journal(park: Park) -> None:
    """Names and other particulars enter records as salted hashes only, and two spellings of a name are one."""
    secret = RegisterParty(
        party="GH-100",
        kind="enterprise",
        name="青海弗迪电池有限公司",
        aliases=("弗迪 电池",),
        sector="电池",
        usci="91630000MA0000000X",
        grid_user="GU-1",
    )
    park.expect_posted(park.operator(secret))
    private_texts_match(park.database, check_journal(park.database))
    assert (
        park.database.value(
            "select count(*) from private_text where log_index = "
            "(select log_index from party where party_id = 'GH-100')"
        )
        == 5
    )
    taken = RegisterParty(party="GH-101", kind="enterprise", name="弗迪电池")
    assert codes([park.submit(park.operator(taken))]) == ["alias_taken"]


def test_command_may_rest_on_the_one_before_it(park: Park) -> None:
    """Registration, trade, transfer, selection: each in the same group as what it needs."""
    lot = LotFacts(code="new", numbered=False, production_month="2026-05", project="P")
    park.give("GH-002", 1, lot="old")
    park.restart()
    requests = [
        park.operator(RegisterParty(party="GH-200", kind="enterprise", name="新企业")),
        park.operator(park.trade("t200", "GH-200", 10, lot=lot.code)),
        park.operator(TransferTrade(trade_id="t200")),
        park.enterprise("GH-200", transfer("GH-200", "GH-002", 3, lot=None)),
        park.enterprise("GH-002", transfer("GH-002", "GH-001", 1, lot="old")),
        park.enterprise("GH-001", transfer("GH-001", "GH-003", 1, lot=None)),
    ]
    assert codes(park.batch(requests, atomic=True)) == ["posted"] * 6
    check_ledger(park.database)


def test_an_account_that_was_missing_is_found_once_it_is_there(rich: Park) -> None:
    """Whether this process opens it, another one, or an atomic batch that is taken back."""

    def asked() -> str:
        return codes([rich.submit(rich.operator(transfer("GH-001", "GH-300", 1)))])[0]

    def registered(party: str) -> Request:
        return rich.operator(RegisterParty(party=party, kind="enterprise", name=f"新企业 {party}"))

    async def elsewhere() -> None:
        other = await rich.start_writer()
        assert isinstance(await other.submit(registered("GH-300")), Posted)
        await other.stop()

    assert [asked(), asked()] == ["unknown_account"] * 2
    impossible = rich.operator(transfer("GH-001", "GH-999", 1))
    assert "batch_refused" in codes(rich.batch([registered("GH-300"), impossible], atomic=True))
    assert asked() == "unknown_account"
    rich.run(elsewhere())
    assert asked() == "posted"
    assert codes([rich.submit(rich.operator(transfer("GH-001", "GH-301", 1)))]) == ["unknown_account"]
    rich.expect_posted(registered("GH-301"), rich.operator(transfer("GH-001", "GH-301", 1)))
    check_ledger(rich.database)


def test_replays_after_restarts_give_equal_answers(rich: Park) -> None:
    """Asking everything again after a restart changes nothing and answers the same."""
    requests = random_requests(rich, random.Random(9), 60)
    first = [rich.submit(request) for request in requests]
    rich.restart()
    size = rich.database.value("select size from head")
    for request, before in zip(requests, first, strict=True):
        after = rich.submit(request)
        assert after.replayed
        assert (type(after), after.index) == (type(before), before.index)
        if isinstance(before, Posted):
            assert (after.balances, after.recorded_at) == (before.balances, before.recorded_at)
        else:
            assert after.refusal == before.refusal
    assert rich.database.value("select size from head") == size


def test_salts_and_fingerprints_are_fresh(rich: Park) -> None:
    """No two records share a salt, so equal commands have unlike fingerprints and leaf hashes."""
    rich.together([rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(30)])
    envelopes = list(map(decode, check_journal(rich.database)))
    assert len({envelope.salt for envelope in envelopes}) == len(envelopes)
    assert len({e.fingerprint for e in envelopes if e.fingerprint}) == sum(1 for e in envelopes if e.fingerprint)


def test_late_fact_needs_a_document_and_fits_every_later_day(rich: Park) -> None:
    """A back-dated debit must leave enough on every day since, not only on its own."""
    paper = Evidence(level="REPORTED", document=DOCUMENT)
    late = {"occurred_on": day(-2), "effective_on": day(-2)}
    legs = transfer("GH-001", "GH-002", 5).legs
    assert codes([rich.submit(rich.operator(Transfer(legs=legs, **late)))]) == ["document_needed"]
    assert codes([rich.submit(rich.operator(Transfer(legs=legs, **late, evidence=paper)))]) == ["insufficient_balance"]
    enterprise = rich.enterprise("GH-001", Transfer(legs=legs, **late, evidence=paper))
    assert codes([rich.submit(enterprise)]) == ["past_date_not_permitted"]
