"""Keys that may be used once, told apart in little memory: 16 bytes each, by a hash that nobody outside can aim at."""

from array import array
from collections.abc import Hashable, Iterable

_PARTS = 256


class KeysSeen:
    """Which record used which key first. Two of many millions are taken for one once in a million runs, not more."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(_PARTS)]
        """By the hash's last byte: a key's hash, then the index of the record that used it."""

    def add(self, key: Hashable, index: int) -> None:
        """Note that record `index` used the key: texts only, which hash by SipHash under a secret of this process."""
        self.add_all(((key, index),))

    def add_all(self, keys: Iterable[tuple[Hashable, int]]) -> None:
        """The same for many keys, each with its record."""
        parts = self._parts
        for key, index in keys:
            number = hash(key)
            part = parts[number & 255]
            part.append(number)
            part.append(index)

    def first_repeated(self) -> int | None:
        """The first record that used a key used before it."""
        found = []
        for part in self._parts:
            hashes = part[::2]
            if len(set(hashes)) == len(hashes):
                continue
            seen: set[int] = set()
            for number, index in zip(hashes, part[1::2], strict=True):
                if number in seen:
                    found.append(index)
                    break
                seen.add(number)
        return min(found, default=None)
