"""Records read strictly: canonical, of a type that is known, and in one form only."""

import functools
import re
from collections.abc import Sequence

import msgspec

from ledger.core.record import BODY_TYPES, Body, Envelope

_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")


class _Parsed(Envelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    body: msgspec.Raw


_ENCODER = msgspec.json.Encoder(order="sorted")
_encode = _ENCODER.encode
NO_JSON = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PARSER = msgspec.json.Decoder(_Parsed, strict=True)
_BODIES = {name: msgspec.json.Decoder(body) for name, body in BODY_TYPES.items()}


def decoded(contents: Sequence[bytes]) -> list[tuple[Envelope | None, Body | None]]:
    """Envelope and body of each record: no envelope where it is not canonical, no body where its type is not known.

    What is written again from what was understood must be the very bytes: no other key, order, blank or escape.
    """
    found: list[tuple[Envelope | None, Body | None]] = []
    for parsed in _envelopes(contents):
        decoder = None if parsed is None else _BODIES.get(parsed.type)
        if parsed is None or decoder is None or parsed.type_v != "1" or parsed.v != "1":
            found.append((parsed, None))
            continue
        try:
            body = decoder.decode(parsed.body)
        except NO_JSON:
            found.append((None, None))
            continue
        found.append((parsed, body) if _encode(body) == bytes(parsed.body) else (None, None))
    return found


def _envelopes(contents: Sequence[bytes]) -> Sequence[_Parsed | None]:
    """The envelopes of canonical records, all at once; one by one only where one of them is none."""
    lines = b"\n".join([*contents, b""])
    try:
        found = _PARSER.decode_lines(lines)
        # No canonical text has a raw newline, so that lines and records are the same where their number is.
        if lines.count(b"\n") == len(contents) and _ENCODER.encode_lines(found) == lines:
            return [parsed if _is_plain(parsed) else None for parsed in found]
    except NO_JSON:
        pass
    return [_envelope(content) for content in contents]


def _envelope(content: bytes) -> _Parsed | None:
    try:
        parsed = _PARSER.decode(content)
        return parsed if _encode(parsed) == content and _is_plain(parsed) else None
    except NO_JSON:
        return None


def _is_plain(parsed: _Parsed) -> bool:
    """Whether the moment and the salt are written as records write them: else neither order nor secrecy means much."""
    return _is_moment(parsed.recorded_at) and len(parsed.salt) == 32 and parsed.salt.isalnum() and parsed.salt.isascii()


@functools.lru_cache(maxsize=1024)  # the records of a group share one
def _is_moment(text: str) -> bool:
    return _MOMENT.fullmatch(text) is not None
