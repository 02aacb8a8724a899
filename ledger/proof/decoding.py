"""Records read strictly: canonical, of a type that is known, and in one form only."""

import datetime
import functools
import re
from collections.abc import Sequence
from itertools import compress
from typing import Literal

import msgspec

from ledger.core.record import BODY_TYPES, Body, Envelope, PostingBody

_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")


class _Parsed(Envelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    body: msgspec.Raw


class _Posting(Envelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    body: PostingBody
    type: Literal["posting"]
    type_v: Literal["1"]
    v: Literal["1"]


_POSTING_ENDS = b'"type":"posting","type_v":"1","v":"1"}'
"""How a canonical record of a transaction ends: by far the most are such, and read in one go."""
_ENCODER = msgspec.json.Encoder(order="sorted")
_encode = _ENCODER.encode
NO_JSON = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PARSER = msgspec.json.Decoder(_Parsed, strict=True)
_POSTINGS = msgspec.json.Decoder(_Posting, strict=True)
_BODIES = {name: msgspec.json.Decoder(body) for name, body in BODY_TYPES.items()}
Read = tuple[Envelope | None, Body | None]


def decoded(contents: Sequence[bytes]) -> list[Read]:
    """Envelope and body of each record: no envelope where it is not canonical, no body where its type is not known.

    What is written again from what was understood must be the very bytes: no other key, order, blank or escape.
    """
    likely = [content.endswith(_POSTING_ENDS) for content in contents]
    postings = _at_once(_POSTINGS, list(compress(contents, likely)))
    if postings is None:
        return [_read(content) for content in contents]
    if all(likely):
        return [(posting, posting.body) for posting in postings]
    following = iter(postings)
    return [
        (posting := next(following), posting.body) if is_posting else _read(content)
        for content, is_posting in zip(contents, likely, strict=True)
    ]


def _at_once(decoder: msgspec.json.Decoder[_Posting], contents: Sequence[bytes]) -> list[_Posting] | None:
    """All these records; None where any of them is not what it seems."""
    lines = b"\n".join([*contents, b""])
    try:
        found = decoder.decode_lines(lines)
        # No canonical text has a raw newline, so that lines and records are the same where their number is.
        is_canonical = lines.count(b"\n") == len(contents) and _ENCODER.encode_lines(found) == lines
    except NO_JSON:
        return None
    return found if is_canonical and _are_plain(found) else None


def _read(content: bytes) -> Read:
    parsed = _envelope(content)
    decoder = None if parsed is None else _BODIES.get(parsed.type)
    if parsed is None or decoder is None or parsed.type_v != "1" or parsed.v != "1":
        return parsed, None
    try:
        body = decoder.decode(parsed.body)
    except NO_JSON:
        return None, None
    return (parsed, body) if _encode(body) == bytes(parsed.body) else (None, None)


def _envelope(content: bytes) -> _Parsed | None:
    try:
        parsed = _PARSER.decode(content)
        return parsed if _encode(parsed) == content and _are_plain([parsed]) else None
    except NO_JSON:
        return None


def _are_plain(records: Sequence[Envelope]) -> bool:
    """Whether moments, salts and fingerprints are written as records write them: else neither order nor secrecy means
    much."""
    salts = [record.salt for record in records]
    digests = [record.fingerprint for record in records if record.fingerprint is not None]
    are_long = all(len(salt) == 32 for salt in salts) and all(len(digest) == 64 for digest in digests)
    is_hex = not "".join([*salts, *digests]).encode().translate(None, b"0123456789abcdef")
    return are_long and is_hex and all(map(_is_moment, {record.recorded_at for record in records}))


@functools.lru_cache(maxsize=1024)  # the records of a group share one
def _is_moment(text: str) -> bool:
    try:
        return _MOMENT.fullmatch(text) is not None and datetime.datetime.fromisoformat(text) is not None
    except ValueError:
        return False
