"""Commands' canonical bytes, and how two of them differ."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.command import (
    Command,
    canonical,
    decode,
    differing_fields,
    private_hash,
    private_salt,
)
from ledger.core.events import (
    Evidence,
    Leg,
    Subscribe,
    Transfer,
    TransferTrade,
)
from ledger.core.serial_range import SerialRange
from tests.strategies import account_names, days, evidences, quantities, serial_ranges, texts

PLAIN = Transfer(legs=(Leg("Holding:Ent:a", "GEC", -5, "A-1"), Leg("Holding:Ent:b", "GEC", 5, "A-1")))


def transfers() -> st.SearchStrategy[Transfer]:
    """Transfers, balanced or not."""
    one = st.builds(
        Leg, account=account_names(), commodity=st.sampled_from(["GEC", "CNY"]), quantity=quantities(),
        lot=st.none() | texts(), serials=serial_ranges(),
    )  # fmt: skip
    return st.builds(
        Transfer, legs=st.lists(one, max_size=3).map(tuple), occurred_on=st.none() | days(),
        effective_on=st.none() | days(), evidence=evidences(),
    )  # fmt: skip


def changed(at: int, **fields: object) -> Transfer:
    """PLAIN with one leg changed."""
    legs = list(PLAIN.legs)
    legs[at] = msgspec.structs.replace(legs[at], **fields)
    return msgspec.structs.replace(PLAIN, legs=tuple(legs))


@given(transfers())
def test_command_is_read_back_from_its_canonical_bytes(command: Transfer) -> None:
    """The bytes a request key is frozen with hold the whole command."""
    assert decode(canonical(command)) == command


@given(transfers(), transfers())
def test_commands_differ_exactly_where_their_bytes_do(one: Transfer, other: Transfer) -> None:
    """Equal commands share their bytes and differ nowhere; others name at least one field."""
    same = one == other
    assert (canonical(one) == canonical(other)) is same
    assert (differing_fields(canonical(one), canonical(other)) == []) is same


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        (changed(0, quantity=-6), ["legs[0].quantity"]),
        (changed(1, account="Holding:Ent:c", lot="A-2"), ["legs[1].account", "legs[1].lot"]),
        (changed(1, lot=None), ["legs[1].lot"]),
        (changed(0, serials=(SerialRange(1, 6),)), ["legs[0].serials"]),
        (msgspec.structs.replace(PLAIN, legs=PLAIN.legs[:1]), ["legs"]),
        (msgspec.structs.replace(PLAIN, evidence=Evidence(level="DECLARED")), ["evidence.level"]),
        (msgspec.structs.replace(PLAIN, occurred_on="2026-01-01"), ["occurred_on"]),
        (TransferTrade(trade_id="t"), ["legs", "trade_id", "type"]),
    ],
)
def test_differing_fields_are_named_by_exact_paths(other: Command, fields: list[str]) -> None:
    """A caller who reuses a key is told which fields are not the same, in order."""
    assert differing_fields(canonical(PLAIN), canonical(other)) == fields


def test_differing_serials_are_named_by_their_place() -> None:
    """A path goes as deep as the difference lies, through every list of equal length."""
    one = changed(0, serials=(SerialRange(1, 3), SerialRange(7, 9)))
    other = changed(0, serials=(SerialRange(1, 3), SerialRange(8, 10)))
    found = differing_fields(canonical(one), canonical(other))
    assert found == ["legs[0].serials[1][0]", "legs[0].serials[1][1]"]


def test_value_left_out_and_its_default_are_one_request() -> None:
    """What the caller spelled out, though it is the default, makes no other request."""
    assert canonical(Subscribe(enterprise="a", quantity=5)) == canonical(
        Subscribe(enterprise="a", quantity=5, status="commitment", evidence=Evidence(level="REPORTED"))
    )


@given(st.binary(min_size=32, max_size=32), st.text(max_size=8), st.text(max_size=8))
def test_private_texts_are_salted_apart(seed: bytes, one: str, other: str) -> None:
    """Each field has its own salt, so equal texts of one party do not show as equal hashes."""
    salts = private_salt(seed, "f." + one), private_salt(seed, "f." + other)
    assert (salts[0] == salts[1]) is (one == other)
    assert (private_hash(salts[0], "name") == private_hash(salts[1], "name")) is (one == other)
    assert all(len(salt) == 32 for salt in salts)
