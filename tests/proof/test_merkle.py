"""RFC 9162 against its own recursive definitions, written out here a second time, and against frozen roots."""

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import metamorphic_log
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Frontier,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
)
from ledger.proof.subtrees import Span, Subtree, consistency_subtrees, inclusion_subtrees, root_of_spans, spans
from ledger.store.journal import TileBuffer, Tree, seal, split_records

SIZE_MAX = 64
PAIRS_MAX = 300
ENTRIES = [f"record {index}".encode() for index in range(SIZE_MAX)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "roots.json").read_text("utf-8"))


def proof_of(leaves: list[bytes], subtrees: list[Subtree]) -> list[bytes]:
    """The roots of subtrees, from hashes looked up level by level as tiles hold them."""

    def node(level: int, index: int) -> bytes:
        width = TILE_WIDTH**level
        return root_of(leaves[index * width : (index + 1) * width])

    def hashes(span: Span) -> list[bytes]:
        assert span.first // TILE_WIDTH == (span.first + span.count - 1) // TILE_WIDTH, "a span lies in one tile"
        return [node(span.level, span.first + at) for at in range(span.count)]

    return [root_of_spans(subtree, {span: hashes(span) for span in spans(subtree)}) for subtree in subtrees]


def inclusion_proof(leaves: list[bytes], index: int) -> list[bytes]:
    """The proof as the service makes it."""
    return proof_of(leaves, inclusion_subtrees(index=index, size=len(leaves)))


def consistency_proof(leaves: list[bytes], size: int) -> list[bytes]:
    """The proof as the service makes it."""
    return proof_of(leaves, consistency_subtrees(size=size, later_size=len(leaves)))


# Section 2.1 of RFC 9162, word by word.


def split_of(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    """MTH: the hash of a list of entries (2.1.1)."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split_of(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH: the inclusion proof of entry m (2.1.3.1)."""
    if len(entries) == 1:
        return []
    k = split_of(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF (2.1.4.1)."""
    if m == len(entries):
        return [] if complete else [mth(entries)]
    k = split_of(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], complete), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


ROOTS = [mth(ENTRIES[:size]) for size in range(SIZE_MAX + 1)]


# Everything up to size 64.


def test_roots_are_those_of_the_definition() -> None:
    """Leaf by leaf, the frontier's root and the root of all leaves are MTH."""
    frontier = Frontier()
    for size in range(SIZE_MAX + 1):
        assert frontier.root() == root_of(LEAVES[:size]) == ROOTS[size]
        assert Frontier.decode(size, frontier.encode()).root() == ROOTS[size]
        if size < SIZE_MAX:
            frontier.append(LEAVES[size])
    assert ROOTS[0] == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_every_inclusion_proof_is_path_and_verifies(size: int) -> None:
    """For each leaf of each tree the proof is PATH, and leads to the root and to no other place."""
    for index in range(size):
        proof = inclusion_proof(LEAVES[:size], index)
        assert proof == path(index, ENTRIES[:size])
        assert root_from_inclusion(LEAVES[index], index=index, size=size, path=proof) == ROOTS[size]
        elsewhere = [other for other in range(size) if other != index]
        wrong = [root_from_inclusion(LEAVES[index], index=other, size=size, path=proof) for other in elsewhere]
        assert ROOTS[size] not in wrong


@pytest.mark.parametrize("later", range(1, SIZE_MAX + 1))
def test_every_consistency_proof_is_proof_and_verifies(later: int) -> None:
    """For each earlier size of each tree the proof is PROOF, and shows the prefix; another root it does not show."""
    for size in range(1, later + 1):
        proof = consistency_proof(LEAVES[:later], size)
        assert proof == subproof(size, ENTRIES[:later], True)
        true = {"size": size, "root": ROOTS[size], "later_size": later, "later_root": ROOTS[later]}
        assert is_consistent(**true, proof=proof)
        forged = node_hash(b"forged" * 5 + b"..", ROOTS[size])
        assert not is_consistent(**true | {"root": forged}, proof=proof)
        assert not is_consistent(**true | {"later_root": forged}, proof=proof)


# Every pair up to size 300, against the text and against an implementation in another language.


@pytest.fixture(scope="module")
def text_of_rfc() -> tuple[Callable[[int, int], list[bytes]], Callable[[int, int], list[bytes]]]:
    """PATH(m, n) and PROOF(m, n) over the first n of 300 entries, with MTH of a stretch computed once."""
    entries = [f"record {index}".encode() for index in range(PAIRS_MAX)]

    @functools.cache
    def mth_of(first: int, end: int) -> bytes:
        if end - first == 1:
            return hashlib.sha256(b"\x00" + entries[first]).digest()
        k = first + split_of(end - first)
        return hashlib.sha256(b"\x01" + mth_of(first, k) + mth_of(k, end)).digest()

    def path_of(m: int, n: int, first: int = 0) -> list[bytes]:
        if n - first == 1:
            return []
        k = first + split_of(n - first)
        return [*path_of(m, k, first), mth_of(k, n)] if m < k else [*path_of(m, n, k), mth_of(first, k)]

    def proof_to(m: int, n: int, first: int = 0, complete: bool = True) -> list[bytes]:
        if m == n:
            return [] if complete else [mth_of(first, n)]
        k = first + split_of(n - first)
        if m <= k:
            return [*proof_to(m, k, first, complete), mth_of(k, n)]
        return [*proof_to(m, n, k, False), mth_of(first, k)]

    return path_of, proof_to


def test_all_pairs_to_300_against_the_text_and_a_second_implementation(text_of_rfc: Any) -> None:
    """Each inclusion and consistency proof is that of the RFC's text, and a library in Rust accepts it."""
    path_of, proof_to = text_of_rfc
    leaves = [leaf_hash(f"record {index}".encode()) for index in range(PAIRS_MAX)]
    roots, tree = [EMPTY_ROOT], Frontier()
    for leaf in leaves:
        tree.append(leaf)
        roots.append(tree.root())
    root_at = functools.cache(lambda subtree: proof_of(leaves, [subtree])[0])
    pairs = 0
    for size in range(1, PAIRS_MAX + 1):
        for other in range(size):
            proof = [root_at(one) for one in inclusion_subtrees(index=other, size=size)]
            assert proof == path_of(other, size)
            assert root_from_inclusion(leaves[other], index=other, size=size, path=proof) == roots[size]
            metamorphic_log.verify_inclusion(other, size, leaves[other], proof, roots[size])
            earlier = other + 1
            proof = [root_at(one) for one in consistency_subtrees(size=earlier, later_size=size)]
            assert proof == proof_to(earlier, size)
            both = {"size": earlier, "root": roots[earlier], "later_size": size, "later_root": roots[size]}
            assert is_consistent(**both, proof=proof)
            metamorphic_log.verify_consistency(earlier, size, proof, roots[earlier], roots[size])
            pairs += 1
    assert pairs == PAIRS_MAX * (PAIRS_MAX + 1) // 2


def test_second_implementation_refuses_a_wrong_proof() -> None:
    """The twin: it does look."""
    proof = inclusion_proof(LEAVES, 5)
    metamorphic_log.verify_inclusion(5, SIZE_MAX, LEAVES[5], proof, ROOTS[SIZE_MAX])
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.verify_inclusion(6, SIZE_MAX, LEAVES[5], proof, ROOTS[SIZE_MAX])


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (0, 0), (1, 1), (5, 5), (64, 64)])
def test_leaf_outside_the_tree_has_no_root(index: int, size: int) -> None:
    """An index that the tree does not have is refused, whatever the path."""
    assert root_from_inclusion(LEAVES[0], index=index, size=size, path=[]) is None


@pytest.mark.parametrize(("size", "later"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_sizes_that_cannot_be_are_inconsistent(size: int, later: int) -> None:
    """An empty tree proves nothing, and a later tree is not smaller."""
    assert not is_consistent(size=size, root=ROOTS[0], later_size=later, later_root=ROOTS[max(0, later)], proof=[])


# What a forger would try.

sizes = st.integers(1, SIZE_MAX)


@settings(max_examples=150)
@given(sizes, st.data())
def test_damaged_inclusion_proof_does_not_lead_to_the_root(size: int, data: st.DataObject) -> None:
    """A flipped bit, a hash too many or too few, swapped hashes, another leaf or index: none reaches the root."""
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(LEAVES[:size], index)
    damaged, leaf = data.draw(_damage(proof, LEAVES[index]))
    assert root_from_inclusion(leaf, index=index, size=size, path=damaged) != ROOTS[size]


@settings(max_examples=150)
@given(sizes, st.data())
def test_damaged_consistency_proof_shows_nothing(size: int, data: st.DataObject) -> None:
    """A flipped bit, a hash too many or too few, swapped hashes or a damaged root: none is accepted."""
    later = data.draw(st.integers(size, SIZE_MAX))
    proof = consistency_proof(LEAVES[:later], size)
    damaged, root = data.draw(_damage(proof, ROOTS[size]))
    assert not is_consistent(size=size, root=root, later_size=later, later_root=ROOTS[later], proof=damaged)


@settings(max_examples=100)
@given(sizes, sizes, st.data())
def test_proof_for_one_pair_of_sizes_serves_no_other(size: int, other: int, data: st.DataObject) -> None:
    """Telling another earlier size with the same root and proof is refused."""
    later = data.draw(st.integers(max(size, other), SIZE_MAX))
    proof = consistency_proof(LEAVES[:later], size)
    told = is_consistent(size=other, root=ROOTS[size], later_size=later, later_root=ROOTS[later], proof=proof)
    assert told is (size == other)


@st.composite
def _damage(draw: st.DrawFn, proof: list[bytes], value: bytes) -> tuple[list[bytes], bytes]:
    """A proof and a hash, one of the two damaged in one place."""
    proof, ways = list(proof), ["value", "longer"]
    ways += ["flip", "shorter"] if proof else []
    ways += ["swap"] if len(proof) > 1 else []
    way = draw(st.sampled_from(ways))
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    if way == "value":
        value = _flipped(value, draw(st.integers(0, 255)))
    elif way == "longer":
        proof.insert(draw(st.integers(0, len(proof))), draw(st.sampled_from([*LEAVES, *ROOTS])))
    elif way == "flip":
        proof[at] = _flipped(proof[at], draw(st.integers(0, 255)))
    elif way == "shorter":
        del proof[at]
    else:
        at = draw(st.integers(0, len(proof) - 2))
        proof[at], proof[at + 1] = proof[at + 1], proof[at]
    return proof, value


def _flipped(content: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(content))


def test_leaf_and_node_hashes_cannot_be_taken_for_each_other() -> None:
    """The prefixes 0x00 and 0x01 keep an inner node from passing as a record (second preimage)."""
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])
    assert leaf_hash(b"") == hashlib.sha256(b"\x00").digest()


@pytest.mark.parametrize("size", [int(size) for size in VECTORS["roots"]])
def test_roots_are_frozen(size: int) -> None:
    """The root of the vectors' sequence never changes: a failure here is a change of format, not of a test."""
    leaves = [leaf_hash(VECTORS["leaf"].format(index).encode()) for index in range(size)]
    assert root_of(leaves).hex() == VECTORS["roots"][str(size)], "FORMAT CHANGE: every published proof would break"


# Tiles.


@pytest.fixture(scope="module")
def levels() -> list[list[bytes]]:
    """Hashes at tree levels 0, 8 and 16 over 70,000 leaves, each level computed from the one below it."""
    found = [[leaf_hash(index.to_bytes(8, "big")) for index in range(70_000)]]
    for _ in range(2):
        below, whole = found[-1], len(found[-1]) // TILE_WIDTH * TILE_WIDTH
        row = below[:whole]
        while len(row) > whole // TILE_WIDTH:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        found.append(row)
    return found


def tiles_of(leaves: list[bytes], cuts: list[int]) -> dict[tuple[int, int], bytes]:
    """The tiles completed while the leaves are appended in groups that end at these sizes."""
    frontier, buffer, found = Frontier(), TileBuffer(), {}
    for start, end in zip([0, *cuts], [*cuts, len(leaves)], strict=True):
        for leaf in leaves[start:end]:
            frontier.append(leaf)
        found |= {(level, index): content for level, index, content in buffer.take_complete(frontier.completed)}
        frontier.completed.clear()
    return found


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_tiles_hold_the_hashes_computed_directly(levels: list[list[bytes]], size: int) -> None:
    """Exactly the whole tiles of levels 0 and 1 exist, with the hashes of the tree below them, at any size."""
    found = tiles_of(levels[0][:size], [size // 3])
    expected = {}
    for level, width in ((0, 1), (1, 256)):
        nodes = levels[level][: size // width]
        for index in range(len(nodes) // TILE_WIDTH):
            expected[level, index] = b"".join(nodes[index * TILE_WIDTH : (index + 1) * TILE_WIDTH])
    assert found == expected


def test_hashes_of_level_two_are_handed_over(levels: list[list[bytes]]) -> None:
    """The 65,536th leaf completes a tile of level 1, whose root is the first hash of level 2."""
    frontier = Frontier()
    for leaf in levels[0]:
        frontier.append(leaf)
    assert [(index, node) for level, index, node in frontier.completed if level == 2] == [(0, levels[2][0])]
    assert [node for level, _, node in frontier.completed if level == 1] == levels[1]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1_500), max_size=8).map(sorted))
def test_tiles_do_not_depend_on_how_groups_are_cut(cuts: list[int]) -> None:
    """Whether leaves come one by one or by the thousand, the same tiles are stored."""
    leaves = [leaf_hash(bytes([at % 251, at // 251])) for at in range(1_500)]
    assert tiles_of(leaves, cuts) == tiles_of(leaves, [])


def test_tiles_filled_out_of_order_are_a_fault() -> None:
    """A hash that does not follow the last one can only be a mistake of ours."""
    with pytest.raises(AssertionError, match="in order"):
        TileBuffer().take_complete([(0, 1, LEAVES[1])])


# Segments.


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 9))
def test_segment_gives_back_its_records(records: list[bytes], before: int) -> None:
    """Bytes, offsets, leaves and the tree agree, wherever the segment starts."""
    tree = Tree(Frontier(), TileBuffer())
    tree.extend(LEAVES[:before])
    segment = seal(before, records, tree.frontier)
    assert list(split_records(segment.records)) == records
    assert [segment.leaves[at : at + 32] for at in range(0, len(segment.leaves), 32)] == list(map(leaf_hash, records))
    for number, record in enumerate(records):
        at = int.from_bytes(segment.offsets[4 * number : 4 * number + 4], "big")
        length = int.from_bytes(segment.records[at : at + 2], "big")
        assert segment.records[at + 2 : at + 2 + length] == record
    assert (segment.count, tree.frontier.size) == (len(records), before + len(records))
    assert tree.frontier.root() == root_of([*LEAVES[:before], *map(leaf_hash, records)])


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5), st.data())
def test_cut_segment_is_refused(records: list[bytes], data: st.DataObject) -> None:
    """A segment cut short anywhere but between records is no segment."""
    content = seal(0, records, Frontier()).records
    ends, at = {0}, 0
    for record in records:
        at += 2 + len(record)
        ends.add(at)
    cut = data.draw(st.integers(0, len(content)).filter(lambda size: size not in ends))
    with pytest.raises(ValueError, match="ends inside"):
        list(split_records(content[:cut]))


def test_segment_must_start_where_the_tree_ends() -> None:
    """A gap in the journal cannot be sealed."""
    with pytest.raises(AssertionError, match="where the tree ends"):
        seal(1, [b"x"], Frontier())
