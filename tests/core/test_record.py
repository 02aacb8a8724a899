"""Canonical bytes: RFC 8785, checked against the standard library's own JSON; everything else is refused."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.certificate import LotFacts
from ledger.core.posting_engine import BODY_BYTES_MAX
from ledger.core.record import (
    BODY_TYPES,
    NOT_RECORDED,
    RECORD_BYTES_MAX,
    TYPE_OF_BODY,
    Envelope,
    LotBody,
    MalformedRecord,
    decode,
    encode,
    stamped,
)
from tests.strategies import envelopes

each_type = pytest.mark.parametrize("kind", sorted(BODY_TYPES))
GOOD = Envelope(
    actor="k1", body=LotBody(lot=LotFacts(code="A/1", numbered=False, production_month="2026-05", project="P")),
    index="7", ledger="ganhe", recorded_at="2026-11-23T07:30:00.000000Z", salt="0" * 32, type="lot", type_v="1", v="1",
)  # fmt: skip


def by_another_hand(content: bytes) -> bytes:
    """RFC 8785 for this subset (ASCII keys, no fractions), by the standard library: parse, sort, write."""
    return json.dumps(json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@each_type
@settings(max_examples=25)
@given(data=st.data())
def test_bytes_are_what_another_implementation_writes(kind: str, data: st.DataObject) -> None:
    """Keys in order, no blanks, shortest escapes: the same bytes as the standard library's, for every type."""
    content = encode(data.draw(envelopes(kind)))
    assert content == by_another_hand(content)


@each_type
@settings(max_examples=25)
@given(data=st.data())
def test_record_is_read_back_as_it_was_written(kind: str, data: st.DataObject) -> None:
    """Decoding loses and adds nothing, and a record has one form only."""
    envelope = data.draw(envelopes(kind))
    content = encode(envelope)
    if len(content) <= RECORD_BYTES_MAX:
        assert decode(content) == envelope
        assert encode(decode(content)) == content


@each_type
@settings(max_examples=25)
@given(data=st.data())
def test_record_is_stamped_as_if_encoded_with_its_moment(kind: str, data: st.DataObject) -> None:
    """Filling the moment in at the end gives the bytes that encoding it would have given."""
    envelope = data.draw(envelopes(kind))
    made = encode(msgspec.structs.replace(envelope, recorded_at=NOT_RECORDED))
    assert stamped(made, envelope.recorded_at) == encode(envelope)


def test_no_text_is_taken_for_the_moment() -> None:
    """A text that writes the open moment out stays as it is, wherever it stands in the record."""
    text = f'"recorded_at":"{NOT_RECORDED}"'
    lot = LotFacts(code=text, numbered=False, production_month="2026-05", project=text)
    odd = msgspec.structs.replace(GOOD, actor=text, body=LotBody(lot=lot), request_key=text)
    made = stamped(encode(msgspec.structs.replace(odd, recorded_at=NOT_RECORDED)), GOOD.recorded_at)
    assert decode(made) == odd


@settings(max_examples=50)
@given(envelopes())
def test_no_number_in_a_record_has_a_fraction(envelope: Envelope) -> None:
    """Floats cannot be hashed the same way everywhere, so there are none."""
    json.loads(encode(envelope), parse_float=lambda text: pytest.fail(f"a fraction in a record: {text}"))


@settings(max_examples=40)
@given(envelopes(), st.data())
def test_any_other_spacing_or_order_is_refused(envelope: Envelope, data: st.DataObject) -> None:
    """The same meaning in other bytes is another leaf, so it is no record."""
    content = encode(envelope)
    parsed = json.loads(content)
    keys = data.draw(st.permutations(sorted(parsed)))
    others = {
        json.dumps(parsed, sort_keys=True, ensure_ascii=False).encode(),
        json.dumps({key: parsed[key] for key in keys}, separators=(",", ":"), ensure_ascii=False).encode(),
        json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode(),
        content + b"\n",
        b" " + content,
    }
    for other in others - {content}:
        with pytest.raises(MalformedRecord):
            decode(other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":"1"', b'"v":"1","v":"1"'),
        (b'"v":"1"', b'"v":"1","zz":"1"'),
        (b'"actor"', b'"aaa":"1","actor"'),
        (b'"numbered":false', b'"numbered":false,"nummer":"1"'),
        (b'"v":"1"', b'"v":1'),
        (b'"v":"1"', b'"v":1.0'),
        (b'"index":"7"', b'"index":7'),
        (b"A/1", b"A\\/1"),
        (b"A/1", b"\\u0041/1"),
        (b"A/1", b"\\u000A/1"),
        (b"A/1", b"A\xff1"),
        (b"A/1", b"\\ud8001"),
        (b"A/1", b"A\n1"),
        (b'"v":"1"', b'"tenant":null,"v":"1"'),
        (b'"type":"lot"', b'"type":"lots"'),
        (b'"type":"lot"', b'"type":"party"'),
        (b'"index":"7",', b""),
        (b'"numbered":false', b'"numbered":"false"'),
        (b'"numbered":false', b'"numbered":0'),
    ],
)
def test_bytes_that_are_not_canonical_are_refused(old: bytes, new: bytes) -> None:
    """Duplicate, unknown, missing or null fields, wrong types, and escapes longer than they must be."""
    content = encode(GOOD)
    changed = content.replace(old, new) if old in content else content + new
    assert changed != content
    with pytest.raises(MalformedRecord):
        decode(changed)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\x00", b'{"body":', b'{"x":' + b"[" * 20_000])
def test_bytes_that_are_no_record_are_refused_and_break_nothing(content: bytes) -> None:
    """Rubbish, and rubbish nested twenty thousand deep, is a malformed record and no fault."""
    with pytest.raises(MalformedRecord):
        decode(content)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    """No random bytes are a record, and none bring the reader down."""
    with pytest.raises(MalformedRecord):
        decode(content)


@settings(max_examples=60)
@given(envelopes(), st.integers(0, 10**6), st.integers(1, 255))
def test_flipped_byte_is_refused_or_another_record(envelope: Envelope, at: int, flip: int) -> None:
    """One changed byte never reads as the same record."""
    content = bytearray(encode(envelope))
    content[at % len(content)] ^= flip
    with contextlib.suppress(MalformedRecord):
        assert decode(bytes(content)) != envelope


def _of_size(size: int) -> bytes:
    filled = msgspec.structs.replace(GOOD, actor="x" * (size - len(encode(GOOD)) + len(GOOD.actor)))
    return encode(filled)


def test_record_ends_at_32_kib() -> None:
    """The largest record is read; one byte more is refused with both figures."""
    assert len(_of_size(RECORD_BYTES_MAX)) == RECORD_BYTES_MAX == 32_768
    assert decode(_of_size(RECORD_BYTES_MAX)).index == "7"
    with pytest.raises(MalformedRecord, match=r"32769 bytes.*32768"):
        decode(_of_size(RECORD_BYTES_MAX + 1))


def test_body_leaves_room_for_its_envelope() -> None:
    """What the engine allows a body, and an envelope with long keys, fit a record together."""
    longest = msgspec.structs.replace(
        GOOD, actor="a" * 128, evidence_key="e" * 255, fingerprint="f" * 64, index="9" * 19, ledger="l" * 63,
        request_key="r" * 255, tenant="t" * 64, caused_by="9" * 19,
    )  # fmt: skip
    assert len(encode(longest)) - len(encode(GOOD.body)) + BODY_BYTES_MAX <= RECORD_BYTES_MAX


def test_value_spelled_out_and_left_out_are_one_record() -> None:
    """Text read from a file equals the same text in our source, and must become the same bytes."""
    spelled = LotFacts(code="A/1", numbered=False, production_month="2026-05", project="P", scheme="".join("GEC"))
    assert encode(msgspec.structs.replace(GOOD, body=LotBody(lot=spelled))) == encode(GOOD)


def test_types_have_the_names_of_their_bodies() -> None:
    """The nine types of version 1: new ones may come, none may go or change its name."""
    assert {"account", "credential", "import", "ledger", "lot", "party", "policy", "posting", "refusal"} <= set(
        BODY_TYPES
    )
    assert {TYPE_OF_BODY[body] for body in BODY_TYPES.values()} == set(BODY_TYPES)
