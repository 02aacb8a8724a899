"""Pinned keys: whose signatures the reader trusts, and for which sizes. Kept by the reader, never taken from a bundle.

A text file, a line each; what follows a # is a remark:

    signer KEY FROM_SIZE [TO_SIZE]     signs the log's checkpoints of these sizes, both included
    witness KEY                        cosigns what it has seen grow
    quorum N                           so many witnesses must have cosigned the newest checkpoint; 0 without this line
"""

import msgspec

from ledger.proof.note import SIGNER, SIZE_MAX, WITNESS, BadNote, Note, VerifierKey


class BadKeys(ValueError):
    """A file of pinned keys that cannot be read; the message names the line."""


class PinnedSigner(msgspec.Struct, frozen=True):
    """A signer's key and the sizes it signs."""

    key: VerifierKey
    from_size: int
    to_size: int


class Pinned(msgspec.Struct, frozen=True):
    """Whom the reader trusts."""

    signers: tuple[PinnedSigner, ...]
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0

    def signers_of(self, note: Note, size: int) -> list[VerifierKey]:
        """Those who signed a checkpoint of this size and may; BadNote where one of their signatures is wrong."""
        return note.signers(one.key for one in self.signers if one.from_size <= size <= one.to_size)

    def witnesses_of(self, note: Note) -> list[VerifierKey]:
        """The witnesses who cosigned; BadNote where one of their signatures is wrong."""
        return note.signers(self.witnesses)


def read_pinned(text: str) -> Pinned:
    """The keys of a file; BadKeys names the first line that is none, or says that no signer is pinned."""
    signers, witnesses, quorum = [], [], 0
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.partition("#")[0].split()
        try:
            match words:
                case []:
                    continue
                case ["signer", key, from_size]:
                    signers.append(PinnedSigner(_key(key, SIGNER), _number(from_size), SIZE_MAX))
                case ["signer", key, from_size, to_size]:
                    signers.append(PinnedSigner(_key(key, SIGNER), _number(from_size), _number(to_size)))
                case ["witness", key]:
                    witnesses.append(_key(key, WITNESS))
                case ["quorum", count]:
                    quorum = _number(count)
                case _:
                    raise BadNote("it is none of: signer KEY FROM [TO], witness KEY, quorum N")
        except BadNote as fault:
            raise BadKeys(f"line {number} of the pinned keys: {fault}") from fault
    if not signers:
        raise BadKeys("the pinned keys name no signer, so no checkpoint can be believed")
    if quorum > len(set(witnesses)):
        raise BadKeys(f"the quorum is {quorum}, and {len(set(witnesses))} witnesses are pinned")
    return Pinned(tuple(signers), tuple(dict.fromkeys(witnesses)), quorum)


def _key(text: str, kind: int) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind != kind:
        raise BadNote(f"{key.name} is a key of type {key.kind}; here one of type {kind} is expected")
    return key


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= SIZE_MAX):
        raise BadNote(f"{text[:30]!r} is no number")
    return int(text)
