"""Array literals for set-wise statements, written out here: the driver looks at every element with a pattern."""

from collections.abc import Iterable, Sequence

import msgspec


def numbers(values: Sequence[int | None]) -> str:
    """An array of whole numbers, or nulls."""
    return "{" + msgspec.json.encode(values)[1:-1].decode() + "}"


def texts(values: Iterable[str | None]) -> str:
    """An array of texts, or nulls; each is quoted, so that no comma, brace, blank or NULL in it means anything."""
    values = list(values)
    written = msgspec.json.encode(values)
    if b"\\" not in written:  # nothing had to be escaped: then JSON and the database write it alike
        return "{" + written[1:-1].decode() + "}"
    quoted = [
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    ]
    return "{" + ",".join(quoted) + "}"
