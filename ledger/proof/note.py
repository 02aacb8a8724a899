"""Signed notes and checkpoints: what a log's operator, and those who watch it, put their names to.

Formats of C2SP, unmodified: signed-note (Ed25519), tlog-checkpoint, tlog-cosignature v1. Keys are written as Go's
note package writes them: `<name>+<key id>+<base64>` public, `PRIVATE+KEY+...` secret.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.proof.merkle import HASH_BYTES

NOTE_BYTES_MAX = 64 * 1024
SIGNATURES_MAX = 64
SIZE_MAX = 2**63 - 1
SIGNER, WITNESS = 1, 4
"""Signature types: of a log's own key, and of one who cosigns with the time."""
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
_DASH = "— "
_NAME = re.compile(r"[^\s+\x00-\x20\x7f]{1,255}")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class BadNote(ValueError):
    """Bytes that are no signed note, checkpoint or key, or whose known signature is wrong; the message says what."""


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key under the name it signs with."""

    name: str
    kind: int
    """SIGNER or WITNESS."""
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, kind, key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        content = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{content}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that `str` wrote; BadNote where the text is none, or its id is not that of its key."""
        name, _, rest = text.partition("+")
        key_id, _, content = rest.partition("+")
        raw = _base64(content, "key")
        if not _NAME.fullmatch(name) or len(raw) != 1 + _KEY_BYTES or raw[0] not in {SIGNER, WITNESS}:
            raise BadNote(f"{text[:80]!r} is no Ed25519 key of a signed note")
        key = cls(name, raw[0], raw[1:])
        if key.key_id.hex() != key_id:
            raise BadNote(f"the key {name} has the id {key.key_id.hex()}, where its text says {key_id[:16]!r}")
        return key


class SignerKey(msgspec.Struct, frozen=True):
    """A secret key. It has no text form but `secret_text`, so that no log shows it by accident."""

    name: str
    kind: int
    seed: bytes

    @classmethod
    def make(cls, name: str, seed: bytes, *, kind: int = SIGNER) -> Self:
        """The key of this name from 32 random bytes."""
        if not _NAME.fullmatch(name):
            raise BadNote(f"{name[:80]!r} cannot name a key: no spaces, no plus signs")
        assert len(seed) == _KEY_BYTES
        return cls(name, kind, seed)

    @property
    def verifier(self) -> VerifierKey:
        """The public key."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of these bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def secret_text(self) -> str:
        """What the key file holds."""
        content = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{content}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that `secret_text` wrote; BadNote, which does not repeat the text, where it is none."""
        parts = text.strip().split("+", 4)
        try:
            raw = base64.b64decode(parts[4], validate=True) if len(parts) == 5 else b""
        except (binascii.Error, ValueError):
            raw = b""
        if parts[:2] != ["PRIVATE", "KEY"] or len(raw) != 1 + _KEY_BYTES or raw[0] not in {SIGNER, WITNESS}:
            raise BadNote("the key file holds no PRIVATE+KEY of a signed note")
        key = cls.make(parts[2], raw[1:], kind=raw[0])
        if key.verifier.key_id.hex() != parts[3]:
            raise BadNote("the key file is damaged: its key has another id than it says")
        return key

    def __repr__(self) -> str:
        return f"SignerKey({self.name})"


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    content: bytes
    """64 bytes, after eight of the time where a witness signed."""


class Note(msgspec.Struct, frozen=True):
    """A text and the signatures below it. Nothing of the text counts before `signers` has named a trusted key."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The note these bytes are; BadNote where they are none."""
        if len(content) > NOTE_BYTES_MAX:
            raise BadNote(f"{len(content)} bytes, where a note has {NOTE_BYTES_MAX} at most")
        try:
            whole = content.decode()
        except UnicodeDecodeError as fault:
            raise BadNote("a note is UTF-8") from fault
        if any(character < " " and character != "\n" for character in whole):
            raise BadNote("a note has no control characters")
        text, blank, below = whole.rpartition("\n\n")
        if not blank or not text or not below.endswith("\n"):
            raise BadNote("a note is a text, a blank line and signature lines, each with its newline")
        lines = below[:-1].split("\n")
        if len(lines) > SIGNATURES_MAX:
            raise BadNote(f"{len(lines)} signatures, where a note has {SIGNATURES_MAX} at most")
        return cls(text + "\n", tuple(map(_signature, lines)))

    def encode(self) -> bytes:
        """The note's bytes."""
        lines = (
            f"{_DASH}{one.name} {base64.b64encode(one.key_id + one.content).decode()}\n" for one in self.signatures
        )
        return f"{self.text}\n{''.join(lines)}".encode()

    def signers(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Those of the keys that signed; BadNote where a known key's signature is wrong. Unknown ones are passed over.

        A name and id that stand twice are refused: which of them is meant would be the reader's guess.
        """
        found = []
        for key in keys:
            mine = [one for one in self.signatures if (one.name, one.key_id) == (key.name, key.key_id)]
            if len(mine) > 1:
                raise BadNote(f"{key.name} signed the note twice")
            if mine:
                if not _is_signature(key, self.text, mine[0].content):
                    raise BadNote(f"the signature of {key.name} is wrong")
                found.append(key)
        return found

    def only(self, keys: Iterable[VerifierKey]) -> Self:
        """The note with the signatures of these keys and no other, in their order."""
        wanted = {(key.name, key.key_id) for key in keys}
        kept = tuple(one for one in self.signatures if (one.name, one.key_id) in wanted)
        return msgspec.structs.replace(self, signatures=kept)

    def signed(self, key: SignerKey) -> Self:
        """The note with one more signature of the log's own key."""
        assert key.kind == SIGNER
        made = Signature(key.name, key.verifier.key_id, key.sign(self.text.encode()))
        return msgspec.structs.replace(self, signatures=(*self.signatures, made))

    def cosigned(self, key: SignerKey, *, timestamp: int) -> Self:
        """The note with one more signature of a witness, at that POSIX second."""
        assert key.kind == WITNESS and 0 <= timestamp <= SIZE_MAX
        content = struct.pack(">Q", timestamp) + key.sign(_cosigned(self.text, timestamp))
        made = Signature(key.name, key.verifier.key_id, content)
        return msgspec.structs.replace(self, signatures=(*self.signatures, made))


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log says of itself: its name, its size, and the root of its tree."""

    origin: str
    size: int
    root: bytes

    def note(self) -> Note:
        """The text to sign."""
        return Note(f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n", ())

    @classmethod
    def of(cls, note: Note) -> Self:
        """The checkpoint a note's text is; BadNote where it is none. Lines after the third are extensions, passed over.

        Whether anybody signed it is for the caller to ask.
        """
        lines = note.text.split("\n")
        if len(lines) < 4 or not lines[0] or not _DECIMAL.fullmatch(lines[1]) or int(lines[1]) > SIZE_MAX:
            raise BadNote("a checkpoint is an origin, a size and a root, a line each")
        root = _base64(lines[2], "root")
        if len(root) != HASH_BYTES:
            raise BadNote(f"a root has {HASH_BYTES} bytes; this one has {len(root)}")
        return cls(lines[0], int(lines[1]), root)


def inclusion_text(*, index: int, path: Sequence[bytes], note: bytes) -> str:
    """A proof that a record is in the log a checkpoint speaks of, as C2SP tlog-proof v1 writes it."""
    hashes = "".join(base64.b64encode(one).decode() + "\n" for one in path)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{note.decode()}"


def _signature(line: str) -> Signature:
    name, _, content = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _NAME.fullmatch(name):
        raise BadNote(f"{line[:80]!r} is no signature line")
    raw = _base64(content, "signature")
    if len(raw) < 5:
        raise BadNote("a signature has a key id and content")
    return Signature(name, raw[:4], raw[4:])


def _is_signature(key: VerifierKey, text: str, content: bytes) -> bool:
    message = text.encode()
    if key.kind == WITNESS:
        if len(content) != 8 + _SIGNATURE_BYTES or (timestamp := int.from_bytes(content[:8])) > SIZE_MAX:
            return False
        message, content = _cosigned(text, timestamp), content[8:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(content, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _base64(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadNote(f"a {what} is written in base64") from fault
    if base64.b64encode(raw).decode() != text:
        raise BadNote(f"a {what} has one form in base64 only")
    return raw
