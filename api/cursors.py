"""Opaque cursors of lists: base64 of the numbers of the last row shown."""

import base64
import binascii

from api.problems import malformed

LIMIT_MAX = 500


def encode(*numbers: int) -> str:
    """A cursor after the row these numbers name."""
    return base64.urlsafe_b64encode(",".join(map(str, numbers)).encode()).decode().rstrip("=")


def decode(cursor: str, count: int) -> tuple[int, ...]:
    """The numbers of a cursor; 400 where it is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        numbers = tuple(int(part) for part in text.split(","))
    except (ValueError, binascii.Error):
        numbers = ()
    # Base64 and int() both read more than they write; a cursor has one form only.
    if len(numbers) != count or encode(*numbers) != cursor or any(not 0 <= n < 2**63 for n in numbers):
        raise malformed("The cursor is not one that this API gave for this list", "游标不是本接口为该列表给出的")
    return numbers
