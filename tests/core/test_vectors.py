"""Records against frozen bytes: what was written once must be written, read and hashed the same for ever."""

import hashlib
import json
from pathlib import Path

import pytest

from ledger.core.record import BODY_TYPES, decode, encode
from tests.vectors import make

FROZEN = json.loads((Path(__file__).parents[1] / "vectors" / "records.json").read_text("utf-8"))
CHANGED = "FORMAT CHANGE: records of version 1 are hashed as they are; add a new type or version, never change one"

each_vector = pytest.mark.parametrize("name", FROZEN)


@each_vector
def test_frozen_bytes_are_read_and_written_the_same(name: str) -> None:
    """A record stored years ago is still read, and encodes to the very bytes that were hashed."""
    content = bytes.fromhex(FROZEN[name]["hex"])
    assert encode(decode(content)) == content, CHANGED
    assert content.decode() == FROZEN[name]["json"]


@each_vector
def test_frozen_leaf_is_the_hash_of_the_bytes(name: str) -> None:
    """SHA-256 of 0x00 and the bytes, computed here by hand."""
    content = bytes.fromhex(FROZEN[name]["hex"])
    assert hashlib.sha256(b"\x00" + content).hexdigest() == FROZEN[name]["leaf"], CHANGED


@each_vector
def test_same_facts_still_make_the_frozen_bytes(name: str) -> None:
    """The facts of the vector, put together anew, become the same bytes."""
    assert make.records()[name]["hex"] == FROZEN[name]["hex"], CHANGED


def test_every_type_is_frozen() -> None:
    """A new type of record brings its own vector."""
    assert {name.split()[0] for name in FROZEN} == set(BODY_TYPES)


def test_tampered_vector_would_be_seen() -> None:
    """The twin: one byte of a frozen record changed is refused or is other facts."""
    content = bytes.fromhex(FROZEN["lot"]["hex"]).replace(b"SOLAR", b"SOLAS")
    assert hashlib.sha256(b"\x00" + content).hexdigest() != FROZEN["lot"]["leaf"]
    assert decode(content).body != decode(bytes.fromhex(FROZEN["lot"]["hex"])).body
