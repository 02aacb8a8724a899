"""Keys that may be used once, told apart in little memory: 16 bytes each, by a hash that nobody outside can aim at."""

from array import array
from collections.abc import Hashable

_PARTS = 256


class KeysSeen:
    """Which record used which key first. Two of many millions are taken for one once in a million runs, not more."""

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(_PARTS)]
        self._indexes = [array("q") for _ in range(_PARTS)]

    def add(self, key: Hashable, index: int) -> None:
        """Note that record `index` used the key: texts only, which hash by SipHash under a secret of this process."""
        number = hash(key)
        self._hashes[number & 255].append(number)
        self._indexes[number & 255].append(index)

    def first_repeated(self) -> int | None:
        """The first record that used a key used before it."""
        found = []
        for hashes, indexes in zip(self._hashes, self._indexes, strict=True):
            if len(set(hashes)) == len(hashes):
                continue
            seen: set[int] = set()
            for number, index in zip(hashes, indexes, strict=True):
                if number in seen:
                    found.append(index)
                    break
                seen.add(number)
        return min(found, default=None)
