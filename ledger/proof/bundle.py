"""Audit bundles: all records from one size to another, with the checkpoints on the way, in one file that is streamed.

    greenledger-audit-bundle/v1 and a newline, then frames: a letter, four bytes of length (big endian), content

    H  what it is: JSON with ledger, origin, from_size, to_size, and the tree's edge at from_size (in hexadecimal)
    R  records in log order: their number (four bytes), their stored leaf hashes, then each behind two bytes of length
    C  a checkpoint on all the records before it
    B  what the operator says accounts hold at to_size: JSON lists of account, commodity, balance, sum of postings
    P  where the operator says serials lie at to_size: JSON lists of account, lot, first, last
    E  the end; nothing follows

No frame crosses a checkpoint, none is larger than FRAME_BYTES_MAX, so neither side ever holds more than one.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from ledger.core.record import RECORD_BYTES_MAX
from ledger.proof.merkle import HASH_BYTES
from ledger.proof.note import NOTE_BYTES_MAX

MAGIC = b"greenledger-audit-bundle/v1\n"
FRAME_BYTES_MAX = 8 * 1024 * 1024
RECORDS_BYTES_MAX = 4 * 1024 * 1024
"""Of records in one frame, as they are written; a single segment's are cut."""
CLAIMS_MAX = 10_000
"""Balances or places in one frame."""
_FRAME = struct.Struct(">cI")
_SMALL = {b"C": NOTE_BYTES_MAX, b"H": 64 * 1024, b"E": 0}


class BadBundle(ValueError):
    """Bytes that are no audit bundle; the message says where and why."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle is. Sizes are decimal strings, as in records."""

    edge: tuple[str, ...] = ()
    from_size: str
    ledger: str
    origin: str
    to_size: str


class Records(msgspec.Struct, frozen=True):
    """Records in log order with the leaf hashes that were stored for them."""

    leaves: bytes
    """Of all of them, one behind the other."""
    contents: list[bytes]


def frame(kind: bytes, content: bytes) -> bytes:
    """A frame's bytes."""
    assert len(content) <= _SMALL.get(kind, FRAME_BYTES_MAX), "the maker cuts what is too large"
    return _FRAME.pack(kind, len(content)) + content


def records_frame(leaves: bytes, records: bytes) -> bytes:
    """A frame of records that stand behind their lengths already, as in a segment."""
    return frame(b"R", struct.pack(">I", len(leaves) // HASH_BYTES) + leaves + records)


def read_frames(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each frame up to the end; BadBundle where the file is cut, or goes on after it."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise BadBundle("the file does not begin as an audit bundle of version 1")
    at = len(MAGIC)
    while True:
        head = stream.read(_FRAME.size)
        if len(head) < _FRAME.size:
            raise BadBundle(f"the file ends at byte {at + len(head)}, where a frame was expected")
        kind, length = _FRAME.unpack(head)
        limit = _SMALL.get(kind, FRAME_BYTES_MAX)
        if kind not in b"HRCBPE" or length > limit:
            raise BadBundle(f"byte {at} begins a frame {kind!r} of {length} bytes; {limit} is the limit, if it is one")
        content = stream.read(length)
        if len(content) < length:
            raise BadBundle(f"the file ends inside a frame at byte {at}")
        if kind == b"E":
            if stream.read(1):
                raise BadBundle("something follows the end of the bundle")
            return
        yield kind, content
        at += _FRAME.size + length


def read_records(content: bytes) -> Records:
    """The records of an R frame; BadBundle where lengths do not add up."""
    if len(content) < 4:
        raise BadBundle("a frame of records is too short")
    (count,) = struct.unpack_from(">I", content)
    at, end = 4 + HASH_BYTES * count, len(content)
    if not count or at > end:
        raise BadBundle(f"a frame of {end} bytes has no records, or no room for {count} leaf hashes")
    leaves, contents, last = content[4:at], [], end - 1
    while at < last:
        start = at + 2
        at = start + (content[at] << 8 | content[at + 1])
        contents.append(content[start:at])
    if at != end or len(contents) != count or max(map(len, contents), default=0) > RECORD_BYTES_MAX:
        raise BadBundle(f"a frame of {count} records is cut, has {len(contents)}, or one larger than records are")
    return Records(leaves, contents)
