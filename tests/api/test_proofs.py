"""Checkpoints, proofs, receipts, tiles and bundles over HTTP, each checked as somebody would who trusts nobody here."""

import base64
import hashlib
import io

import metamorphic_log
import pytest

from ledger.core.record import decode
from ledger.proof.findings import Known
from ledger.proof.merkle import is_consistent, leaf_hash, root_from_inclusion, root_of
from ledger.proof.note import Checkpoint, Note
from ledger.proof.verifier import verify
from tests.api.conftest import A, B, Service, problem_of, transfer
from tests.proof.logs import KEY, ORIGIN, PINNED


def checkpoint_of(service: Service, caller: str = "a", size: int | None = None) -> Checkpoint:
    """The checkpoint a caller gets, once its signature is that of the pinned key."""
    answer = service[caller].get("/v1/proofs/checkpoint", params={} if size is None else {"size": size})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    note = Note.parse(answer.content)
    assert note.signers([KEY.verifier]) == [KEY.verifier]
    return Checkpoint.of(note)


def post_one(service: Service) -> int:
    """A transfer from A to B; its log index."""
    return int(service["a"].write("/v1/transfers", transfer(1)).json()["transaction"])


def test_receipt_proves_a_transaction_to_anybody(service: Service) -> None:
    """Bytes, path and checkpoint of a receipt fit each other, and a library that is not ours accepts them."""
    index = post_one(service)
    problem_of(service["a"].get(f"/v1/proofs/receipts/{index}"), 404, "not_sealed")
    service.seal()
    for caller in ("a", "b", "auditor"):
        receipt = service[caller].get(f"/v1/proofs/receipts/{index}").json()
        content, path = base64.b64decode(receipt["record_bytes"]), [bytes.fromhex(node) for node in receipt["path"]]
        assert decode(content).index == str(index)
        leaf = hashlib.sha256(b"\x00" + content).digest()
        metamorphic_log.checkpoint_verify_inclusion(receipt["checkpoint"], [str(KEY.verifier)], index, leaf, path)
        assert receipt["proof"].endswith(receipt["checkpoint"]) and f"\nindex {index}\n" in receipt["proof"]


def test_receipt_of_somebody_else_is_not_to_be_had(service: Service) -> None:
    """A record that names another enterprise only is as one that does not exist."""
    given = next(r for r in service.records() if r["type"] == "posting" and r["body"]["command"] == "transfer_trade")
    assert [leg["account"] for leg in given["body"]["legs"]].count(f"Holding:Ent:{A}") == 1
    index = given["index"]
    service.seal()
    assert service["a"].get(f"/v1/proofs/receipts/{index}").status_code == 200
    theirs = problem_of(service["b"].get(f"/v1/proofs/receipts/{index}"), 404, "not_found")
    nothing = problem_of(service["b"].get("/v1/proofs/receipts/9999999"), 404, "not_found")
    assert theirs["detail"].replace(index, "9999999") == nothing["detail"]
    assert f"Holding:Ent:{B}" not in str(theirs)


def test_proofs_of_every_record_lead_to_the_checkpoint(service: Service) -> None:
    """Inclusion of each record, and consistency of each size, with the newest checkpoint; anybody may ask."""
    service.seal()
    newest = checkpoint_of(service)
    leaves = [bytes.fromhex(item["leaf_hash"]) for item in _records(service)][: newest.size]
    assert root_of(leaves) == newest.root
    for index in range(newest.size):
        found = service["b"].get("/v1/proofs/inclusion", params={"index": index}).json()
        path = [bytes.fromhex(node) for node in found["path"]]
        assert root_from_inclusion(leaves[index], index=index, size=newest.size, path=path) == newest.root
        size = index + 1
        found = service["b"].get("/v1/proofs/consistency", params={"from_size": size}).json()
        proof = [bytes.fromhex(node) for node in found["path"]]
        both = {"size": size, "root": root_of(leaves[:size]), "later_size": newest.size, "later_root": newest.root}
        assert is_consistent(**both, proof=proof)


def _records(service: Service) -> list[dict[str, str]]:
    found, cursor = [], None
    while True:
        page = service["auditor"].get(
            "/v1/audit/records", params={"limit": 500} | ({"cursor": cursor} if cursor else {})
        )
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


def test_bundle_is_verified_at_home(service: Service) -> None:
    """What the regulator downloads is clean; again after more was posted, it extends what was verified before."""
    service.seal()
    first = service["regulator"].get("/v1/proofs/bundle")
    assert first.status_code == 200
    report = verify(io.BytesIO(first.content), PINNED)
    assert (report.findings, report.verdict) == ([], 0)
    assert report.balances_compared and report.places_compared
    assert [key.key for key in report.keys] == [str(KEY.verifier)]
    known = Known(origin=ORIGIN, checkpoints=((report.to_size, report.root),))
    post_one(service)
    assert service["a"].write("/v1/transfers", transfer(10**9)).status_code == 422
    size = service.seal()
    later = verify(io.BytesIO(service["auditor"].get("/v1/proofs/bundle").content), PINNED, known)
    assert (later.findings, later.verdict, later.to_size) == ([], 0, size)
    assert sum(later.refusals.values()) == 1
    part = service["auditor"].get("/v1/proofs/bundle", params={"from_size": report.to_size}).content
    found = verify(io.BytesIO(part), PINNED, known)
    assert (found.findings, found.records, found.verdict) == ([], size - report.to_size, 2)
    nothing_new = service["auditor"].get("/v1/proofs/bundle", params={"from_size": size}).content
    found = verify(io.BytesIO(nothing_new), PINNED, known)
    assert (found.findings, found.records, found.verdict) == ([], 0, 2)
    old = service["auditor"].get("/v1/proofs/bundle", params={"to_size": report.to_size})
    assert verify(io.BytesIO(old.content), PINNED).to_size == report.to_size


def test_tiles_are_those_of_the_public_layout(fresh: Service) -> None:
    """Hash tiles and entry bundles where C2SP tlog-tiles puts them: a reader of that layout gets the same root."""
    batch = [{"type": "transfer"} | transfer(1) for _ in range(700)]
    assert fresh["a"].write("/v1/batches?mode=independent", batch).status_code == 200
    fresh.seal()
    newest = checkpoint_of(fresh, "auditor")
    leaves, entries = [], []
    for index in range(newest.size // 256 + 1):
        width = min(256, newest.size - 256 * index)
        name = f"{index:03}" + ("" if width == 256 else f".p/{width}")
        tile = fresh["auditor"].get(f"/v1/proofs/tile/0/{name}").content
        leaves += [tile[at : at + 32] for at in range(0, len(tile), 32)]
        bundle, at = fresh["auditor"].get(f"/v1/proofs/tile/entries/{name}").content, 0
        while at < len(bundle):
            length = int.from_bytes(bundle[at : at + 2])
            entries.append(bundle[at + 2 : at + 2 + length])
            at += 2 + length
    assert [leaf_hash(entry) for entry in entries] == leaves
    assert root_of(leaves) == newest.root
    whole = newest.size // 256
    above = fresh["auditor"].get(f"/v1/proofs/tile/1/000.p/{whole}").content
    assert above == b"".join(root_of(leaves[256 * at : 256 * at + 256]) for at in range(whole))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("checkpoint?size=3", 404, "not_sealed"),
        ("inclusion?index=5&size=90000000", 422, "not_yet_known"),
        ("inclusion?index=99&size=50", 404, "not_found"),
        ("consistency?from_size=50&to_size=20", 404, "not_found"),
        ("consistency?from_size=0", 400, "malformed_request"),
        ("inclusion", 400, "malformed_request"),
        ("receipts/1e5", 400, "malformed_request"),
        ("tile/0/999", 404, "not_found"),
        ("tile/0/000.p/256", 404, "not_found"),
        ("tile/9/000", 400, "malformed_request"),
        ("tile/0/..%2F..%2Fetc", 400, "malformed_request"),
        ("tile/entries/x999/999", 404, "not_found"),
        ("tile/1/x999/x999/x999/x999/x999/999.p/1", 404, "not_found"),
        ("tile/5/x999/x999/x999/x999/x999/999", 404, "not_found"),
        ("tile/entries/x999/x999/x999/x999/x999/999", 404, "not_found"),
        ("inclusion?index=5&size=9007199254740992", 422, "not_yet_known"),
        ("bundle?to_size=3", 404, "not_sealed"),
        ("bundle?from_size=90000000", 404, "not_found"),
    ],
)
def test_wrong_question_gets_a_clear_answer(service: Service, path: str, status: int, code: str) -> None:
    """What there is no proof of is said with a stable code, in both languages."""
    problem_of(service["auditor"].get(f"/v1/proofs/{path}"), status, code)
    chinese = problem_of(service["auditor"].get(f"/v1/proofs/{path}", headers={"Accept-Language": "zh"}), status, code)
    assert chinese["detail"] != problem_of(service["auditor"].get(f"/v1/proofs/{path}"), status, code)["detail"]


def test_nothing_is_sealed_before_a_signer_runs(service: Service) -> None:
    """Every checkpoint there is was signed by the one key, and each extends the one before."""
    sizes = [size for (size,) in service.database.rows("select size from checkpoint order by 1")]
    leaves = [bytes.fromhex(item["leaf_hash"]) for item in _records(service)]
    for size in sizes:
        assert checkpoint_of(service, size=size).root == root_of(leaves[:size])
