"""Logs made in memory, and bundles of them: as the service would send them, or as somebody would forge them."""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from ledger.core.book import Book
from ledger.core.command import CreateCredential, Principal, Request
from ledger.core.events import Freeze, Leg, Retire, Subscribe, Trade, Transfer, TransferTrade
from ledger.core.record import TYPE_OF_BODY, Body, Envelope, Posted, PostingBody, RefusalBody, encode
from ledger.core.refusal import Refusal
from ledger.core.serial_range import SerialRange
from ledger.proof.bundle import MAGIC, Header, frame, records_frame
from ledger.proof.findings import Finding, Known, Report
from ledger.proof.merkle import Frontier, leaf_hash
from ledger.proof.note import Checkpoint, SignerKey
from ledger.proof.pinned import Pinned, PinnedSigner
from ledger.proof.verifier import verify
from tests.core import park as core_park
from tests.core.park import ADMIN, CONFIRMED, ONE, OPERATOR, PROJECT, codes, everything, facts, issue

ORIGIN = "greenledger.example/ganhe"
KEY = SignerKey.make(ORIGIN, b"k" * 32)
THIEF = SignerKey.make(ORIGIN, b"t" * 32)
PINNED = Pinned((PinnedSigner(KEY.verifier, 0, 2**62),))
EVERY = 16
"""Records from one checkpoint to the next."""


class LogPark(core_park.Park):
    """A park whose records are written as its writer would write them."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self._asking: Request | None = None
        self._left = 0
        super().__init__()

    def ask(self, command: Any, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Posted | Refusal:
        """Decide and record, refusals that are frozen too."""
        self._asking = None
        decision = super().ask(command, by=by, evidence_key=evidence_key)
        if isinstance(decision, Refusal) and decision.reason.frozen:
            self.learn(RefusalBody(code=decision.code, command="transfer", figures=decision.figures))
        return decision

    def request(self, command: Any, *, by: Principal = OPERATOR, evidence_key: str | None = None) -> Request:
        """The request whose records come next."""
        self._asking = super().request(command, by=by, evidence_key=evidence_key)
        return self._asking

    def learn(self, body: Body) -> None:
        """Take a record in, and write its bytes."""
        index, asked = self.book.size, self._asking
        own = isinstance(body, PostingBody | RefusalBody)
        super().learn(body)
        self.contents.append(
            encode(
                Envelope(
                    actor="local:ann" if asked is None else asked.principal.actor,
                    body=body,
                    evidence_key=asked.evidence_key if asked is not None and own else None,
                    index=str(index),
                    ledger="ganhe",
                    recorded_at=f"2026-11-23T07:{index // 60:02}:{index % 60:02}.000000Z",
                    request_key=asked.request_key if asked is not None and own else None,
                    salt=f"{index:032x}",
                    tenant=None if asked is None else asked.principal.tenant,
                    type=TYPE_OF_BODY[type(body)],
                    type_v="1",
                    v="1",
                )
            )
        )


def numbered(source: str, target: str, first: int, last: int, lot: str) -> Transfer:
    """Serials first to last from one enterprise to another."""
    serials, quantity = (SerialRange(first, last + 1),), last - first + 1
    legs = (Leg(f"Holding:Ent:{source}", "GEC", -quantity, lot, serials),)
    return Transfer(legs=(*legs, Leg(f"Holding:Ent:{target}", "GEC", quantity, lot, serials)))


def busy_park() -> LogPark:
    """A park in which numbered and counted certificates were issued, traded, moved, frozen, retired and refused."""
    park = LogPark()
    park.post(issue(100_000, **codes(1, 100)))
    lot = f"{PROJECT}/2026-05/AB"
    known = park.book.lots[lot].facts
    for n, buyer in enumerate(("GH-001", "GH-002")):
        made = Trade(
            trade_id=f"n/{n}", buyer=buyer, seller=PROJECT, platform="gec", quantity=40, lot=known, price="5.00",
            amount_fen=20_000, evidence=CONFIRMED, **codes(1 + 40 * n, 40 + 40 * n),
        )  # fmt: skip
        park.post(made, evidence_key=f"gec/n/{n}")
        park.post(TransferTrade(trade_id=f"n/{n}", evidence=CONFIRMED), evidence_key=f"gec/n/{n}/transfer")
    park.post(core_park.trade(50, trade_id="c/1", lot=facts("counted")))
    park.post(TransferTrade(trade_id="c/1", evidence=CONFIRMED))
    park.post(Subscribe(enterprise="GH-001", quantity=500))
    for first in range(1, 20, 2):
        park.post(numbered("GH-001", "GH-003", first, first, lot), by=ONE)
    assert isinstance(park.ask(numbered("GH-001", "GH-003", 1, 1, lot), by=ONE), Refusal)
    park.post(
        Transfer(
            legs=(Leg("Holding:Ent:GH-001", "GEC", -7, "counted"), Leg("Holding:Ent:GH-002", "GEC", 7, "counted"))
        ),
        by=ONE,
    )
    park.post(Retire(enterprise="GH-001", quantity=5, purpose="VOLUNTARY", year="2026", lot=lot, proof="HX-1"), by=ONE)
    park.post(Retire(enterprise="GH-002", quantity=3, purpose="VOLUNTARY", year="2026", lot=lot, proof="HX-2"))
    park.post(Freeze(enterprise="GH-002", quantity=4, reason="DISPUTE", lot=lot, evidence=CONFIRMED))
    park.post(
        CreateCredential(
            credential="c1", role="enterprise", tenant="GH-001", subject="person:1", secret_sha256="a" * 64
        ),
        by=ADMIN,
    )
    return park


def claims_of(book: Book) -> bytes:
    """Frames that claim what the book holds."""
    balances, places = [], []
    for account in book.accounts.values():
        total = str(book.totals[account.account_id][0])
        balances.append((account.name, account.commodity, total, total))
        for (account_id, lot_id), held in book.ranges.items():
            if account_id == account.account_id and account.commodity == "GEC":
                code = book.lot_by_id[lot_id].facts.code
                places += [(account.name, code, str(r.first), str(r.end - 1)) for r in everything(held)]
    return frame(b"B", msgspec.json.encode(balances)) + frame(b"P", msgspec.json.encode(places))


def bundle_of(
    contents: Sequence[bytes],
    *,
    key: SignerKey = KEY,
    claims: bytes = b"",
    every: int = EVERY,
    leaves: Sequence[bytes] | None = None,
    signed: Sequence[bytes] | None = None,
    origin: str = ORIGIN,
    start: int = 0,
) -> bytes:
    """A bundle from a size on with a checkpoint every so many records. `leaves`: stored hashes; `signed`: the records
    whose roots were signed, where these are others."""
    stored, tree = [leaf_hash(one) for one in contents] if leaves is None else leaves, Frontier()
    tree.extend(stored[:start])
    edge = tuple(node.hex() for node in tree.hashes)
    header = Header(edge=edge, from_size=str(start), ledger="ganhe", origin=origin, to_size=str(len(contents)))
    parts = [MAGIC, frame(b"H", msgspec.json.encode(header))]
    for at in range(start, len(contents), every):
        piece = contents[at : at + every]
        joined = b"".join(len(one).to_bytes(2) + one for one in piece)
        parts.append(records_frame(b"".join(stored[at : at + every]), joined))
        tree.extend(leaf_hash(one) for one in (contents if signed is None else signed)[at : at + every])
        parts.append(frame(b"C", Checkpoint(origin, tree.size, tree.root()).note().signed(key).encode()))
    return b"".join((*parts, claims, frame(b"E", b"")))


def verified(bundle: bytes, *, pinned: Pinned = PINNED, known: Known | None = None) -> Report:
    """What the verifier says of a bundle."""
    return verify(io.BytesIO(bundle), pinned, known)


def known_of(contents: Sequence[bytes], *sizes: int) -> Known:
    """What somebody keeps who verified the log at these sizes."""
    found = []
    for size in sizes:
        tree = Frontier()
        tree.extend(map(leaf_hash, contents[:size]))
        found.append((size, tree.root().hex()))
    return Known(origin=ORIGIN, checkpoints=tuple(found))


def changed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The record after a change to its JSON, in canonical form."""
    document = json.loads(content)
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def rules(findings: Iterable[Finding]) -> set[str]:
    """The rules that are broken."""
    return {finding.rule for finding in findings}
