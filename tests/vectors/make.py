"""Write the frozen vectors once: `python tests/vectors/make.py`. Run again only when a format of a NEW version comes.

records.json: one record of each type: its JSON for readers, its bytes in hexadecimal, its leaf hash.
roots.json: roots over leaves `leaf 0`, `leaf 1` ... for sizes 0 to 16 and 1000.
"""

import hashlib
import json
import sys
from pathlib import Path

from ledger.core.carbon_rules import ClaimLimit, ClaimPurpose, Factor, FactorFallback, GridRegion, SupplyRoute
from ledger.core.certificate import LotFacts
from ledger.core.command import Batch
from ledger.core.events import (
    Evidence,
)
from ledger.core.policy import (
    Acquisition,
    Approval,
    CcerLinkage,
    CodeLayout,
    ComplianceBasis,
    Dating,
    Move,
    Period,
    PolicyRow,
    TradeOnce,
    Validity,
    VintageMatch,
)
from ledger.core.record import (
    TYPE_OF_BODY,
    AccountBody,
    AnswerBody,
    Body,
    CloseBody,
    CredentialBody,
    Envelope,
    ImportBody,
    InventoryBody,
    JudgementBody,
    LedgerBody,
    LotBody,
    MeterBody,
    OfferBody,
    PartyBody,
    PartyChangeBody,
    PolicyBody,
    PostedLeg,
    PostingBody,
    ProposalBody,
    ReadingBody,
    RefusalBody,
    RejectionBody,
    RetirementBody,
    SigningKeyBody,
    TradeState,
    WithdrawalBody,
    encode,
)
from ledger.core.seed import SEED
from ledger.proof.merkle import leaf_hash, root_of

HERE = Path(__file__).parent
LEAF = "leaf {}"
SIZES = (*range(17), 1000)
SERIES = "1A2B2023630100077/2024-03/11"
SIGNING_KEY = "greenledger.example/ganhe+9d02b1c3+AWgKVJZnS+9DFUgmX1rJLbDEUoqYUmRljyrAcgU/o0gD"
LOT = LotFacts(
    code=SERIES, energy_class="1", numbered=True, production_month="2024-03", project="1A2B2023630100077",
    province="青海", source="SOLAR", trade_class="1",
)  # fmt: skip
TRADE = TradeState(
    amount_fen="6240000", buyer="GH-004", codes=("“甲”\t\u0001", "乙\\/𝄞"), mode="LISTING", platform="gec",
    price="5.20", quantity="12000", seller="S-1", state="TRADED",
    trade_id="gec/GEC20240705000123/1A2B2023630100077/2024-03",
)  # fmt: skip


def _leg(account: str, quantity: int, **more: object) -> PostedLeg:
    return PostedLeg(account=account, commodity="GEC", lot=SERIES, quantity=str(quantity), **more)


def bodies() -> dict[str, Body]:
    """One body of each type, and more where a type has several forms."""
    document = hashlib.sha256(b"statement").hexdigest()
    evidence = Evidence(level="CONFIRMED", document=document, line="Sheet1!5")
    posting = PostingBody(
        adjusts_period="2024-06", command="trade", effective_on="2024-07-05", engine="1", evidence=evidence,
        findings=("codes_unread",),
        legs=(_leg("External:S-1", -12_000, serials=(("1", "12000"),)), _leg("Clearing:gec", 12_000)),
        occurred_on="2024-07-05", policies=("12", "9"), reverses="3", selection="soonest_expiry_lowest_serial",
        status="lump", trade=TRADE,
    )  # fmt: skip
    plain = PostingBody(
        command="transfer", effective_on="2026-11-23", engine="1", evidence=Evidence(level="REPORTED"),
        legs=(_leg("Holding:Ent:GH-001", -1), _leg("Holding:Ent:GH-002", 1)), occurred_on="2026-11-23", policies=("1",),
    )  # fmt: skip
    rules = {kind: next(row for row in SEED if isinstance(row.rule, kind)) for kind in (Move, Dating, CodeLayout)}
    found: dict[str, Body] = {
        "account": AccountBody(accounts=("Commitment:Contra", "Commitment:Unallocated"), owner="GH-001"),
        "credential": CredentialBody(
            credential="k1", role="enterprise", secret_sha256="a" * 64, state="active", subject="person:1",
            tenant="GH-001",
        ),
        "credential revoked": CredentialBody(credential="k1", state="revoked"),
        "import": ImportBody(document=document, figures={"posted": "3", "control_total_ok": "exact"}, layout="A"),
        "ledger": LedgerBody(origin="greenledger.example/ganhe", zone="Asia/Shanghai"),
        "lot": LotBody(lot=LOT),
        "party": PartyBody(
            accounts=("External:S-1",), kind="seller", names=("b" * 64,), party="S-1", private=("c" * 64,)
        ),
        "posting": posting,
        "posting plain": plain,
        "refusal": RefusalBody(
            code="insufficient_balance", command="transfer", figures={"asked": "1000", "account": "Holding:Ent:GH-001"}
        ),
    }  # fmt: skip
    found |= {f"policy {kind.__name__}": PolicyBody(row=row) for kind, row in rules.items()}
    found |= {"policy Validity": PolicyBody(row=next(r for r in SEED if isinstance(r.rule, Validity)))}
    # Types that came later stand at the end, so that the indexes of those before them stay.
    return found | {
        "retirement": RetirementBody(
            beneficiary="GH-001", enterprise="GH-001", from_month="2026-01", proof="HX-2026/0001",
            purpose="COMPLIANCE_SHARE", site="W-1", to_month="2026-06", year="2026",
        ),
        "policy VintageMatch": PolicyBody(row=next(r for r in SEED if isinstance(r.rule, VintageMatch))),
    } | {
        f"policy {kind.__name__}": PolicyBody(row=next(row for row in SEED if isinstance(row.rule, kind)))
        for kind in (Acquisition, TradeOnce, CcerLinkage, Approval)
    } | {
        "proposal": ProposalBody(
            command='{"type":"reverse","transaction":7,"reason":"error"}', evidence_key="proof:HX-1", role="operator",
            subject="person:ann", tenant="GH-001",
        ),
        "judgement": JudgementBody(proposal="8", subject="person:ben", verdict="approved"),
        "offer": OfferBody(enterprise="GH-001", expires_on="2026-12-01", receiver="GH-002"),
        "answer": AnswerBody(answer="accept", offer="10"),
        "party_change": PartyChangeBody(
            change="merger", document=document, into="GH-002", names=("e" * 64,), on="2026-12-01", party="GH-001"
        ),
        "policy ComplianceBasis": PolicyBody(row=next(r for r in SEED if isinstance(r.rule, ComplianceBasis))),
        "signing_key": SigningKeyBody(key=SIGNING_KEY, replaces=SIGNING_KEY),
        "withdrawal": WithdrawalBody(evidence=evidence, occurred_on="2024-08-31", trade_id=TRADE.trade_id),
        "rejection": RejectionBody(document=document, line="12", reason="not_ours", sheet="-"),
        "policy Period": PolicyBody(
            row=PolicyRow(in_force_from="2000-01-01", rule=Period(month="2024-07", state="closed"), source="design D6")
        ),
        "close": CloseBody(
            figures={"GEC/holding_ent": "134252", "in_transit": "0"}, month="2024-07", positions="f" * 64,
            state="closed", tree_size="901",
        ),
        "posting that corrects": PostingBody(
            command="correct_bundle", corrects="9", effective_on="2024-08-26", engine="1", evidence=evidence,
            findings=("original_missing",), legs=(_leg("Suspense:Import:BEIJING", -100), _leg("External:S-1", 100)),
            occurred_on="2024-08-26", policies=("12",), status="original_missing",
        ),
        "meter": MeterBody(
            enterprise="GH-001", material="electricity", meter="M-1", rating="50000000", route="GRID", site="works",
            stage="potline", under="M-0",
        ),
        "reading": ReadingBody(
            corrects="33", enterprise="GH-001", evidence=evidence, first_on="2026-01-01", hours=("600",) * 24,
            last_on="2026-01-01", meter="M-1", quantity="14400",
        ),
        "inventory": InventoryBody(
            digest="d" * 64, enterprise="GH-001", factors_on="2026-06-30", figures={"scope1": "392350"}, restates="30",
            state="submitted", subject="person:ann", tree_size="35", year="2025",
        ),
        "inventory judged": InventoryBody(
            enterprise="GH-001", findings="no_findings", inventory="36", state="verified", subject="person:ben",
            year="2025",
        ),
    } | {
        f"policy {kind.__name__}": PolicyBody(row=next(row for row in SEED if isinstance(row.rule, kind)))
        for kind in (Factor, FactorFallback, GridRegion, SupplyRoute, ClaimPurpose)
    } | {
        "policy ClaimLimit": PolicyBody(
            row=PolicyRow(in_force_from="2026-01-01", rule=ClaimLimit(), source="domain 3.5, invariant 9")
        ),
    }  # fmt: skip


def envelope(index: int, body: Body) -> Envelope:
    """The body under an envelope that uses every field for even indexes, and only those it must for odd ones."""
    kind = TYPE_OF_BODY[type(body)]
    full = {
        "batch": Batch(i="1", id="b-1", n="2"), "caused_by": "9", "evidence_key": "gec/x/2", "fingerprint": "f" * 64,
        "request_key": "key-1", "tenant": "GH-001",
    }  # fmt: skip
    return Envelope(
        actor="local:ann", body=body, index=str(index), ledger="ganhe", recorded_at="2026-11-23T07:30:00.000000Z",
        salt=f"{index:032x}", type=kind, type_v="1", v="1", **({} if index % 2 else full),
    )  # fmt: skip


def records() -> dict[str, dict[str, str]]:
    """Every vector: readable, exact, hashed."""
    found = {}
    for index, (name, body) in enumerate(bodies().items()):
        content = encode(envelope(index, body))
        found[name] = {"json": content.decode(), "hex": content.hex(), "leaf": leaf_hash(content).hex()}
    return found


def roots() -> dict[str, object]:
    """Roots over the fixed sequence."""
    leaves = [leaf_hash(LEAF.format(index).encode()) for index in range(max(SIZES))]
    return {"leaf": LEAF, "roots": {str(size): root_of(leaves[:size]).hex() for size in SIZES}}


if __name__ == "__main__":
    for name, content in (("records.json", records()), ("roots.json", roots())):
        (HERE / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        sys.stdout.write(f"{name} written\n")
