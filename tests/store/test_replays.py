"""Replays where keys are taken for new until the head is locked: whatever is asked again gets the answer it had."""

import asyncio
import random
from typing import Any

import pytest

from ledger import writer as writer_module
from ledger.core.command import Request
from ledger.store import unit_of_work
from ledger.store.outcomes import Outcome, Unknown
from tests.conftest import Park
from tests.store.journal_checks import check_ledger
from tests.store.test_writer import codes, random_requests, rich, transfer

__all__ = ["rich"]


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many keys each look before a decision asked for, from now on."""
    looks: list[int] = []
    load_keys = writer_module.load_keys

    async def counting(connection: Any, ledger_id: int, book: Any, requests: list[Request]) -> None:
        looks.append(len(requests))
        await load_keys(connection, ledger_id, book, requests)

    monkeypatch.setattr(writer_module, "load_keys", counting)
    return looks


def _blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock looks for no key any more."""
    lock_head = unit_of_work.lock_head

    async def blind(connection: Any, ledger_id: int, keys: Any = ()) -> Any:
        return await lock_head(connection, ledger_id)

    monkeypatch.setattr(unit_of_work, "lock_head", blind)


@pytest.mark.parametrize("seed", range(4))
def test_all_that_is_asked_again_gets_its_answer(rich: Park, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Random groups of new commands and of old ones, posted or refused, alone and in batches; looking first or not."""
    dice = random.Random(seed)
    monkeypatch.setattr(writer_module, "LOOKING_FIRST", 2)
    told: dict[str, tuple[Request, Outcome]] = {}
    for _ in range(12):
        new = random_requests(rich, dice, dice.randrange(1, 9))
        old = [told[key][0] for key in dice.sample(sorted(told), min(len(told), dice.choice([0, 0, 1, 5])))]
        mixed = dice.sample([*new, *old], len(new) + len(old))
        asked = rich.together(mixed) if dice.random() < 0.7 else rich.batch(mixed, atomic=False)
        for request, outcome in zip(mixed, asked, strict=True):
            if request.request_key in told:
                first = told[request.request_key][1]
                assert (outcome.replayed, outcome.index) == (True, first.index)
                assert codes([outcome]) == codes([first])
            else:
                assert not outcome.replayed
                told[request.request_key] = request, outcome
    assert len({outcome.index for _, outcome in told.values()}) == len(told)
    check_ledger(rich.database)


def test_keys_are_looked_for_first_only_where_replays_are_about(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """New commands cost no look of their own; after a replay so many groups have one, then none again."""
    monkeypatch.setattr(writer_module, "LOOKING_FIRST", 3)
    looks = _counted(monkeypatch)
    requests = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(8)]
    assert codes([rich.submit(request) for request in requests[:3]]) == ["posted"] * 3
    assert looks == []
    assert rich.submit(requests[0]).replayed
    assert looks == [1], "once the lock had found the key"
    assert codes([rich.submit(request) for request in requests[3:]]) == ["posted"] * 5
    assert len(looks) == 3


def test_keys_of_a_large_batch_are_looked_for_first(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the round trip is nothing, and a replay among thousands must not have all of them decided twice."""
    monkeypatch.setattr(writer_module, "LARGE_GROUP", 20)
    looks = _counted(monkeypatch)
    requests = [rich.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(21)]
    assert codes(rich.batch(requests[:20], atomic=False)) == ["posted"] * 20
    again = rich.batch(requests[1:], atomic=False)
    assert [outcome.replayed for outcome in again] == [True] * 19 + [False]
    assert looks == [20, 20]


def test_a_lock_that_looks_for_no_key_forgets_what_was_answered(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the look the database refuses the second posting, and the caller does not hear of the first."""
    request, later = (rich.enterprise("GH-001", transfer("GH-001", "GH-002", units)) for units in (7, 8))
    assert codes([rich.submit(request), rich.submit(later)]) == ["posted"] * 2
    _blind(monkeypatch)
    assert codes([rich.submit(request)]) == ["unavailable"]
    check_ledger(rich.database)


def test_replay_that_cannot_be_read_is_unknown(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is asked again hears so; another of the same group hears that it is posted, and the writer goes on."""
    first, new, later = (rich.enterprise("GH-001", transfer("GH-001", "GH-002", units)) for units in (7, 8, 9))
    assert codes([rich.submit(first)]) == ["posted"]
    monkeypatch.setattr(writer_module, "read_outcomes", None)
    unknown, posted = rich.batch([first, new], atomic=False)
    assert (unknown, codes([posted])) == (Unknown(), ["posted"])
    monkeypatch.undo()
    assert codes([rich.submit(later)]) == ["posted"]
    assert rich.submit(first).replayed


def _written_sizes(park: Park, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each group has, where seven commands come while one is being written."""
    sizes: list[int] = []
    write_group = unit_of_work.write_group

    async def work() -> list[Outcome]:
        arrived, begun = asyncio.Event(), asyncio.Event()

        async def waiting(*arguments: Any, segment: Any, **more: Any) -> None:
            sizes.append(segment.count)
            more["on_sending"]()
            begun.set()
            await arrived.wait()
            await write_group(*arguments, segment=segment, **more)

        monkeypatch.setattr(unit_of_work, "write_group", waiting)
        requests = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(8)]
        asked = [asyncio.create_task(park.writer.submit(requests[0]))]
        await begun.wait()
        asked += [asyncio.create_task(park.writer.submit(request)) for request in requests[1:]]
        await asyncio.sleep(0.05)
        arrived.set()
        return await asyncio.gather(*asked)

    assert codes(park.run(work())) == ["posted"] * 8
    return sizes


def test_groups_are_of_one_size(rich: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what waits or is being written goes next, so that the same work is left for while that is written."""
    sizes = _written_sizes(rich, monkeypatch)
    assert sum(sizes) == 8
    assert max(sizes) <= 4, sizes
    check_ledger(rich.database)
