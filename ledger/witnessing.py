"""A witness's look at a service: the newest checkpoint, the proof that it extends what was seen, a cosignature."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from ledger.proof.note import NOTE_BYTES_MAX, Checkpoint, Note
from ledger.proof.pinned import BadKeys, read_pinned
from ledger.proof.witness import NotCosigned, cosign, keep, read_seen
from ledger.signer import read_key

_SECONDS = 30
_PROOF_BYTES_MAX = 64 * 1024


class Unreachable(Exception):
    """The service cannot be asked, or answers with something else; the message says what."""


def look(url: str, api_key: str, *, key: Path, keys: Path, state: Path) -> Note:
    """The newest checkpoint with this witness's signature, which is in the state before it is handed out.

    Raises NotCosigned where it does not extend what was seen; Unreachable, NoKey, BadKeys or BadNote where nothing
    could be judged.
    """
    secret = read_key(key)
    try:
        pinned = read_pinned(keys.read_text("utf-8"))
    except OSError as why:
        raise BadKeys(f"{keys.name} cannot be read: {why.strerror}") from why
    note = Note.parse(_get(url, "/v1/proofs/checkpoint", api_key, NOTE_BYTES_MAX))
    seen, new = read_seen(state), Checkpoint.of(note)
    proof: Sequence[bytes] = ()
    if seen is not None and 0 < seen.checkpoint.size < new.size:
        path = f"/v1/proofs/consistency?from_size={seen.checkpoint.size}&to_size={new.size}"
        proof = _proof(_get(url, path, api_key, _PROOF_BYTES_MAX))
    made = cosign(note, proof, seen=seen, pinned=pinned, key=secret, timestamp=int(time.time()))
    keep(state, made)
    return made


def _get(url: str, path: str, api_key: str, limit: int) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise Unreachable(f"{url[:80]} is no address of a service: http:// or https:// is expected.")
    headers = {"Authorization": f"Bearer {api_key}"}
    request = urllib.request.Request(url.rstrip("/") + path, headers=headers)  # noqa: S310 (judged above)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 (judged above)
            content: bytes = answer.read(limit + 1)
    except (OSError, ValueError) as why:
        raise Unreachable(f"{path} cannot be had: {why}") from why
    if len(content) > limit:
        raise Unreachable(f"{path} answers with more than {limit} bytes.")
    return content


def _proof(content: bytes) -> list[bytes]:
    try:
        return [bytes.fromhex(node) for node in json.loads(content)["path"]]
    except (ValueError, KeyError, TypeError) as why:
        raise NotCosigned("the proof of consistency cannot be read") from why
