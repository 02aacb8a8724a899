"""Signed notes and checkpoints: exactly the public format, and nothing that was touched is believed."""

import base64
import os
import random

import metamorphic_log
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.merkle import leaf_hash, root_from_inclusion, root_of
from ledger.proof.note import (
    NOTE_BYTES_MAX,
    WITNESS,
    BadNote,
    Checkpoint,
    Note,
    SignerKey,
    VerifierKey,
    inclusion_text,
)
from ledger.proof.pinned import BadKeys, read_pinned
from tests.proof.logs import KEY, ORIGIN, THIEF, bundle_of, busy_park, claims_of, verified
from tests.proof.test_merkle import inclusion_proof

FLIPS = int(os.environ.get("LEDGER_FLIPS", "6000"))
"""Random bit flips in all; the figure asked for is 100,000."""
WITNESS_KEY = SignerKey.make("witness.example/w1", b"w" * 32, kind=WITNESS)
CHECKPOINT = Checkpoint(ORIGIN, 5, bytes(range(32)))
GO_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
GO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""A key and a note of another implementation's documentation."""
seeds = st.binary(min_size=32, max_size=32)


def signed() -> bytes:
    """A checkpoint that the log signed and a witness cosigned."""
    return CHECKPOINT.note().signed(KEY).cosigned(WITNESS_KEY, timestamp=1_700_000_000).encode()


@given(seeds, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
@settings(max_examples=50)
def test_checkpoint_comes_back_as_it_was_signed(seed: bytes, size: int, root: bytes) -> None:
    """Origin, size and root are read as they were, under the key that signed them and no other."""
    key = SignerKey.make(ORIGIN, seed)
    note = Note.parse(Checkpoint(ORIGIN, size, root).note().signed(key).encode())
    assert Checkpoint.of(note) == Checkpoint(ORIGIN, size, root)
    assert note.signers([key.verifier, THIEF.verifier]) == [key.verifier]
    assert VerifierKey.parse(str(key.verifier)) == key.verifier
    assert SignerKey.parse(key.secret_text()) == key


def test_note_of_another_implementation_is_read() -> None:
    """A key and a note from elsewhere: the signature is right, and the bytes come back."""
    note = Note.parse(GO_NOTE.encode())
    assert note.signers([VerifierKey.parse(GO_KEY)]) == [VerifierKey.parse(GO_KEY)]
    assert note.encode() == GO_NOTE.encode()


def test_another_implementation_accepts_our_checkpoint() -> None:
    """A library in Rust reads our note under our key, with the witness's line beside it, and refuses a touched one."""
    found = metamorphic_log.checkpoint_verify(signed().decode(), [str(KEY.verifier)])
    assert (found.origin, found.size, found.root) == (ORIGIN, 5, CHECKPOINT.root)
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.checkpoint_verify(signed().decode().replace("\n5\n", "\n6\n"), [str(KEY.verifier)])
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.checkpoint_verify(signed().decode(), [str(THIEF.verifier)])


def test_secret_is_in_no_text_but_its_own() -> None:
    """What a log line or an error would show of a key has nothing of its secret."""
    secret = base64.b64encode(KEY.seed).decode().rstrip("=")
    assert secret[4:] not in repr(KEY) + str(KEY) + str(KEY.verifier) + repr([KEY])
    with pytest.raises(BadNote) as raised:
        SignerKey.parse(KEY.secret_text()[:-8] + "AAAAAAA=")
    assert secret[4:20] not in str(raised.value)


def test_witness_signs_the_time_too() -> None:
    """A cosignature is of the text and its second: at another second it is wrong, and rejects the note."""
    note = Note.parse(signed())
    assert note.signers([WITNESS_KEY.verifier]) == [WITNESS_KEY.verifier]
    late = note.signatures[1]._replace(content=(1_700_000_001).to_bytes(8) + note.signatures[1].content[8:])
    with pytest.raises(BadNote, match="witness"):
        Note(note.text, (note.signatures[0], late)).signers([WITNESS_KEY.verifier])


def test_unknown_signatures_are_passed_over() -> None:
    """A line under a key nobody pinned says nothing, for or against."""
    note = Note.parse(CHECKPOINT.note().signed(THIEF).signed(KEY).encode())
    assert note.signers([KEY.verifier]) == [KEY.verifier]
    assert CHECKPOINT.note().signed(THIEF).signers([KEY.verifier]) == []


def test_wrong_signature_under_a_pinned_key_rejects_the_note() -> None:
    """Under the name and id of a pinned key only its own signature will do."""
    stolen = CHECKPOINT.note().signed(THIEF).signatures[0]._replace(key_id=KEY.verifier.key_id)
    with pytest.raises(BadNote, match="is wrong"):
        Note(CHECKPOINT.note().text, (stolen,)).signers([KEY.verifier])
    with pytest.raises(BadNote, match="twice"):
        CHECKPOINT.note().signed(KEY).signed(KEY).signers([KEY.verifier])


BAD_NOTES = {
    "nothing": b"",
    "no signatures": CHECKPOINT.note().text.encode(),
    "no last newline": signed()[:-1],
    "no blank line": signed().replace(b"\n\n", b"\n"),
    "carriage returns": signed().replace(b"\n", b"\r\n"),
    "not UTF-8": b"\xff" + signed(),
    "two dashes": signed().replace("— greenledger".encode(), b"-- greenledger"),
    "base64 with blanks": signed().replace(b"=\n", b" =\n"),
    "base64 of another form": signed().replace(b"EvI4", b"EvI 4"),
    "too large": signed() + b"x" * NOTE_BYTES_MAX,
    "too many signatures": signed() + signed().split(b"\n\n")[1] * 40,
    "bytes after a signature": signed() + b"more",
}


@pytest.mark.parametrize("case", BAD_NOTES)
def test_bad_note_is_refused(case: str) -> None:
    """What is not to the letter a signed note is none."""
    with pytest.raises(BadNote):
        Note.parse(BAD_NOTES[case]).signers([KEY.verifier])


@pytest.mark.parametrize(
    "text", ["x\n", "x\n05\nAAAA\n", "x\n5\nAAAA\n", "x\n-5\n" + "A" * 43 + "=\n", "x\n9" * 30 + "\n", "\n5\nx\n"]
)
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """Origin, a plain decimal, and a root of 32 bytes; nothing else."""
    with pytest.raises(BadNote):
        Checkpoint.of(Note(text, ()))


def test_receipt_is_written_as_tlog_proof() -> None:
    """Index, path and checkpoint as C2SP tlog-proof v1 has them."""
    lines = inclusion_text(index=7, path=[b"\x00" * 32], note=signed()).split("\n")
    assert lines[:4] == ["c2sp.org/tlog-proof@v1", "index 7", "A" * 43 + "=", ""]
    assert "\n".join(lines[4:]).encode() == signed()


BAD_KEYS = {
    "empty": "# nothing\n",
    "no size": f"signer {KEY.verifier}\n",
    "half a key": f"signer {str(KEY.verifier)[:-9]} 0\n",
    "a witness as a signer": f"signer {WITNESS_KEY.verifier} 0\n",
    "a signer as a witness": f"signer {KEY.verifier} 0\nwitness {KEY.verifier}\n",
    "a quorum of nobody": f"signer {KEY.verifier} 0\nquorum 1\n",
    "negative size": f"signer {KEY.verifier} -1\n",
    "another id": f"signer {str(KEY.verifier).replace(KEY.verifier.key_id.hex(), '00000000')} 0\n",
    "something else": "trust everybody\n",
    "a huge quorum": f"signer {KEY.verifier} 0\nquorum {'1' * 5000}\n",
    "a huge size": f"signer {KEY.verifier} {'9' * 5000}\n",
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_bad_file_of_keys_is_refused(case: str) -> None:
    """A pinned key that is not understood is not passed over: the file is refused, and says where."""
    with pytest.raises(BadKeys):
        read_pinned(BAD_KEYS[case])


def test_keys_are_pinned_for_sizes() -> None:
    """A key counts for the sizes it is pinned for, both ends included."""
    pinned = read_pinned(f"signer {KEY.verifier} 3 5  # until the rotation\nsigner {THIEF.verifier} 5\n")
    note = CHECKPOINT.note().signed(KEY).signed(THIEF)
    assert pinned.signers_of(note, 2) == []
    assert pinned.signers_of(note, 4) == [KEY.verifier]
    assert pinned.signers_of(note, 5) == [KEY.verifier, THIEF.verifier]
    assert pinned.signers_of(note, 6) == [THIEF.verifier]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def test_no_bit_of_a_note_can_be_flipped() -> None:
    """One bit anywhere in a signed checkpoint: it is not what both keys signed any more."""
    chance, content = random.Random(1), CHECKPOINT.note().signed(KEY).encode()
    for _ in range(FLIPS // 3):
        touched = _flipped(content, chance)
        try:
            note = Note.parse(touched)
            accepted = KEY.verifier in note.signers([KEY.verifier])
        except BadNote:
            continue
        assert not accepted, touched


def test_no_bit_of_a_proof_can_be_flipped() -> None:
    """One bit in the path of an inclusion proof, its leaf or its root: it leads elsewhere."""
    chance = random.Random(2)
    leaves = [leaf_hash(b"%d" % index) for index in range(77)]
    root = root_of(leaves)
    for _ in range(FLIPS // 3):
        index = chance.randrange(77)
        path = inclusion_proof(leaves, index)
        content = _flipped(leaves[index] + b"".join(path) + root, chance)
        parts = [content[at : at + 32] for at in range(0, len(content), 32)]
        assert root_from_inclusion(parts[0], index=index, size=77, path=parts[1:-1]) != parts[-1]


def test_no_bit_of_a_bundle_can_be_flipped() -> None:
    """One bit anywhere in a bundle, whole or the end of one: it is tampered with, or cannot be read."""
    chance, park = random.Random(3), busy_park()
    whole, end = bundle_of(park.contents, claims=claims_of(park.book)), bundle_of(park.contents, start=150)
    assert verified(whole).verdict == 0
    assert not verified(end).findings
    for number in range(FLIPS // 3):
        touched = _flipped(whole if number % 20 == 0 else end, chance)
        try:
            report = verified(touched)
        except (ValueError, UnicodeDecodeError):
            continue
        assert report.verdict == 1, touched
