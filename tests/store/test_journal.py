"""The journal read back: records for those they concern, segments for verifiers, the tree for the next writer."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.record import decode
from ledger.proof.merkle import Frontier
from ledger.store.journal import TileBuffer, Tree, read_records, read_tree, seal, split_records
from ledger.store.session import Query, connect, connect_sync
from tests.conftest import Park
from tests.store.journal_checks import check_journal, split, subtree_roots, tiles
from tests.store.test_as_of import Reading, reading  # noqa: F401 (a fixture)
from tests.store.test_writer import transfer


def record_bytes(reading: Reading, tenant: str, size: int) -> dict[int, bytes]:  # noqa: F811 (the fixture's value)
    """All records that this tenant is shown."""
    rows = reading.rows(Query("select i, record_bytes(i) from generate_series(-1, %s) as i", (size,)), tenant)
    return {index: bytes(content) for index, content in rows if content is not None}


def test_record_goes_to_those_it_concerns(reading: Reading) -> None:  # noqa: F811
    """The park sees every record, an enterprise those it asked for or whose postings touch it; no others."""
    park = reading.park
    park.give("GH-001", 50, lot="A")
    [moved] = park.expect_posted(park.enterprise("GH-001", transfer("GH-001", "GH-002", 5)))
    [onward] = park.expect_posted(park.enterprise("GH-002", transfer("GH-002", "GH-003", 5)))
    refused = park.submit(park.enterprise("GH-003", transfer("GH-003", "GH-001", 500)))
    records = check_journal(park.database)
    assert list(record_bytes(reading, "*", len(records) + 2).values()) == records
    shown = {party: set(record_bytes(reading, party, len(records) + 2)) for party in ("GH-001", "GH-002", "GH-003")}
    assert {moved.index, onward.index} <= shown["GH-002"]
    assert moved.index in shown["GH-001"]
    assert onward.index not in shown["GH-001"]
    assert shown["GH-003"] == {onward.index, refused.index}
    assert record_bytes(reading, "GH-004", len(records)) == {}


def test_buyer_is_shown_its_trade_without_an_amount(reading: Reading) -> None:  # noqa: F811
    """A trade concerns its buyer before the units are moved, whether or not money is posted."""
    park = reading.park
    with_money, without = park.expect_posted(
        park.operator(park.trade("t1", "GH-001", 5, amount_fen=100)), park.operator(park.trade("t2", "GH-001", 5))
    )
    shown = record_bytes(reading, "GH-001", without.index)
    assert with_money.index in shown
    assert without.index in shown


def test_segments_split_back_into_records(park: Park) -> None:
    """Cutting a segment by its lengths gives the records, by our own cut, the store's and the reader of all."""
    park.give("GH-001", 5000, lot="A")
    park.together([park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(700)])
    for (content,) in park.database.rows("select records from journal_segment"):
        assert list(split_records(content)) == split(content)
    with connect_sync(park.database.urls.signer) as connection:
        records = list(read_records(connection, park.ledger.ledger_id))
    assert records == check_journal(park.database)
    assert [int(decode(record).index) for record in records] == list(range(len(records)))


def test_cut_segment_is_refused() -> None:
    """A segment that ends inside a length or a record raises."""
    content = seal(0, [b"one", b"three"], Frontier()).records
    assert list(split_records(content)) == [b"one", b"three"]
    for length in set(range(1, len(content))) - {5}:
        with pytest.raises(ValueError, match="a segment ends inside"):
            list(split_records(content[:length]))


def test_tree_is_read_back_as_it_was_left(park: Park) -> None:
    """At sizes around tile borders the tree read from the store goes on exactly like one that never stopped."""
    park.give("GH-001", 10**6, lot="A")

    async def stored() -> Tree:
        connection = await connect(park.database.urls.writer)
        size, frontier = park.database.rows("select size, frontier from head")[0]
        tree = await read_tree(connection, park.ledger.ledger_id, size, frontier)
        await connection.close()
        return tree

    more = [hashlib.sha256(bytes([number % 256])).digest() for number in range(600)]
    for target in (511, 512, 513, 767, 768, 1030):
        size = park.database.value("select size from head")
        one = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(target - size)]
        park.batch(one, atomic=False)
        leaves = [hashlib.sha256(b"\x00" + record).digest() for record in check_journal(park.database)]
        assert len(leaves) == target
        tree = park.run(stored())
        for leaf in more:
            tree.frontier.append(leaf)
        assert tree.frontier.encode() == b"".join(subtree_roots([*leaves, *more]))
        known = tiles(leaves)
        completed = {(level, index): found for level, index, found in tree.take_complete_tiles()}
        assert completed == {at: found for at, found in tiles([*leaves, *more]).items() if at not in known}


@given(cuts=st.lists(st.integers(1, 700), max_size=6))
def test_tiles_do_not_depend_on_the_groups(cuts: list[int]) -> None:
    """However records fall into groups, frontier and tiles are those of the leaves alone."""
    tree, leaves, found = Tree(Frontier(), TileBuffer()), [], {}
    for count in cuts:
        records = [str(len(leaves) + number).encode() for number in range(count)]
        segment = seal(len(leaves), records, tree.frontier)
        leaves += [hashlib.sha256(b"\x00" + record).digest() for record in records]
        assert segment.leaves == b"".join(leaves[-count:])
        found |= {(level, index): content for level, index, content in tree.take_complete_tiles()}
    assert found == tiles(leaves)
    assert tree.frontier.encode() == b"".join(subtree_roots(leaves))


def test_writer_that_slept_extends_its_tree(park: Park) -> None:
    """A writer that was idle while another wrote over tile borders goes on with the right tree."""
    park.give("GH-001", 10**6, lot="A")

    async def take_turns() -> None:
        other = await park.start_writer()
        for count in (300, 1, 600, 2):
            for writer in (other, park.writer):
                requests = [park.enterprise("GH-001", transfer("GH-001", "GH-002", 1)) for _ in range(count)]
                await asyncio.gather(*(writer.submit(request) for request in requests))
        await other.stop()

    park.run(take_turns())
    check_journal(park.database)
