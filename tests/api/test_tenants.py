"""Two enterprises side by side: every operation of the API, asked for by every caller about another's things.

The table has a row for each operation of /openapi.json; an operation without a row fails. What is A's must answer
to B as what does not exist: the same status and, apart from the name asked for, the same bytes.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

import ledger.keys
from ledger.core.command import RevokeCredential
from tests.api.conftest import (
    GIVEN,
    LOT,
    LOT_B,
    PROVED,
    ROLES,
    UNITS,
    A,
    B,
    Client,
    Service,
    freeze,
    issuance,
    listing,
    open_service,
    problem_of,
    retirement,
    trade,
    transfer,
)
from tests.conftest import PROJECT, PROVINCE, SELLER, Park, Server, code

EVERYBODY = frozenset(ROLES)
POSTERS = frozenset({"a", "b", "operator", "second"})
OPERATOR = frozenset({"operator", "second"})
PARK = frozenset({"operator", "second", "regulator", "auditor", "admin"})
ORDER = "ORDER-OF-A-4711"
PROMISED = 424_242
NOBODY = "GH-777"
IMPORT = "0" * 32
READING = {"meter": "M-A", "first_on": "2026-02-01", "last_on": "2026-02-28", "quantity": "53.117", "unit": "MWh"}
"""Of a meter of A's."""


class Row(NamedTuple):
    """Who may use an operation, and how it is asked for about enterprise `who` (or its thing `number`)."""

    roles: frozenset[str]
    ask: Callable[[Client, str, str], httpx.Response]
    about_another: tuple[int, str] | None = None
    """(status, code) when B asks about A's thing; None where the operation is about no thing of anybody's."""
    open: bool = False


def get(path: str) -> Callable[[Client, str, str], httpx.Response]:
    """Ask for a path; {who} and {number} stand for the thing."""
    return lambda caller, who, number: caller.get(path.format(who=who, number=number))


def post(path: str, body: Callable[[str, str], Any]) -> Callable[[Client, str, str], httpx.Response]:
    """Post a body about the thing."""
    return lambda caller, who, number: caller.write(path, body(who, number))


def item(who: str, number: str) -> list[dict[str, Any]]:
    """A batch about an enterprise."""
    return [{"type": "subscription", "quantity": "1", "enterprise": who}]


def settled(who: str, number: str) -> dict[str, Any]:
    """A contract's settled month."""
    return {
        "buyer": who, "contract": number, "platform": "GEC", "project": PROJECT, "production_month": "2026-05",
    }  # fmt: skip


TABLE: dict[str, Row] = {
    "listAccounts": Row(EVERYBODY, get("/v1/accounts")),
    "getAccount": Row(EVERYBODY, get("/v1/accounts/Holding:Ent:{who}"), (404, "not_found")),
    "getBalances": Row(EVERYBODY, get("/v1/accounts/Commitment:Ent:{who}/balances?known_as_of=30"), (404, "not_found")),
    "listPostings": Row(EVERYBODY, get("/v1/accounts/Holding:Ent:{who}/postings"), (404, "not_found")),
    "getTrialBalance": Row(EVERYBODY, get("/v1/balances")),
    "getTransaction": Row(EVERYBODY, get("/v1/transactions/{number}"), (404, "not_found")),
    "listRecords": Row(PARK, get("/v1/audit/records?from={number}")),
    "checkInvariants": Row(PARK, get("/v1/audit/invariants")),
    "listChanges": Row(EVERYBODY, get("/v1/audit/changes?from_size=30")),
    "getCheckpoint": Row(EVERYBODY, get("/v1/proofs/checkpoint")),
    "listSigningKeys": Row(EVERYBODY, get("/v1/proofs/keys")),
    "getInclusionProof": Row(EVERYBODY, get("/v1/proofs/inclusion?index={number}&size=9000000")),
    "getConsistencyProof": Row(EVERYBODY, get("/v1/proofs/consistency?from_size=1&to_size=2")),
    "getReceipt": Row(EVERYBODY, get("/v1/proofs/receipts/{number}"), (404, "not_found")),
    "getTile": Row(PARK, get("/v1/proofs/tile/0/000.p/5")),
    "getEntryBundle": Row(PARK, get("/v1/proofs/tile/entries/000.p/5")),
    "getAuditBundle": Row(PARK, get("/v1/proofs/bundle")),
    "getLimits": Row(EVERYBODY, get("/v1/limits")),
    "postTransfer": Row(
        POSTERS,
        post("/v1/transfers", lambda who, _: transfer(1, source=who, target="GH-003")),
        (403, "not_your_account"),
    ),
    "postSubscription": Row(
        POSTERS,
        post("/v1/subscriptions", lambda who, _: {"quantity": "1", "enterprise": who}),
        (403, "not_your_account"),
    ),
    "postTrade": Row(OPERATOR, post("/v1/trades", lambda who, _: trade(1, buyer=who))),
    "postTradeTransfer": Row(
        OPERATOR, post("/v1/trades/transfers", lambda _, number: {"trade": f"GEC/{number}/P1/2026-05"})
    ),
    "postTradeIdentification": Row(
        OPERATOR,
        post(
            "/v1/trades/identifications",
            lambda _, number: {"trade": f"GEC/{number}/P1/2026-05", "code_first": "A1", "code_last": "A2"},
        ),
    ),
    "postTradeVoid": Row(OPERATOR, post("/v1/trades/voids", lambda _, number: {"trade": f"GEC/{number}/P1/2026-05"})),
    "postRetirement": Row(
        POSTERS,
        post("/v1/retirements", lambda who, _: retirement(1, enterprise=who)),
        (403, "not_your_account"),
    ),
    "postFreeze": Row(OPERATOR, post("/v1/freezes", lambda who, _: freeze(1, who))),
    "postFreezeRelease": Row(OPERATOR, post("/v1/freezes/releases", lambda who, _: freeze(1, who))),
    "postSubscriptionReduction": Row(
        OPERATOR,
        post("/v1/subscriptions/reductions", lambda who, _: {"enterprise": who, "quantity": "1", "cause": "error"}),
    ),
    "postTradeDelivery": Row(
        OPERATOR, post("/v1/trades/deliveries", lambda _, number: {"trade": f"GEC/{number}/P1/2026-05"})
    ),
    "postSuccession": Row(OPERATOR, post("/v1/parties/successions", lambda who, _: {"party": who})),
    "postIssuance": Row(OPERATOR, post("/v1/issuances", lambda _, number: issuance(1_000, reference=number))),
    "postOpening": Row(
        OPERATOR, post("/v1/openings", lambda who, number: UNITS | {"enterprise": who, "reference": number})
    ),
    "postBundle": Row(
        OPERATOR,
        post(
            "/v1/bundles",
            lambda who, number: {
                "project": PROJECT,
                "production_month": "2026-05",
                "buyer": who,
                "seller": SELLER,
                "contract": number,
                "energy_kwh": "1",
            },
        ),
    ),
    "postEnergyTransfer": Row(
        OPERATOR,
        post(
            "/v1/energy-transfers",
            lambda who, number: (
                UNITS
                | {"enterprise": who, "seller": SELLER, "route": "SELF_USE", "reference": number, "tradable": False}
            ),
        ),
    ),
    "postProvinceReceipt": Row(
        OPERATOR,
        post(
            "/v1/provinces/receipts",
            lambda _, number: UNITS | {"account": PROVINCE, "seller": SELLER, "reference": number},
        ),
    ),
    "postProvinceAllocation": Row(
        OPERATOR,
        post(
            "/v1/provinces/allocations",
            lambda who, _: {"province": PROVINCE, "enterprise": who, "quantity": "1", "evidence": PROVED},
        ),
    ),
    "postListing": Row(OPERATOR, post("/v1/listings", lambda _, __: listing(1))),
    "postListingWithdrawal": Row(OPERATOR, post("/v1/listings/withdrawals", lambda _, __: listing(1))),
    "postCancellation": Row(
        OPERATOR, post("/v1/cancellations", lambda _, __: {"project": PROJECT, "quantity": "1", "evidence": PROVED})
    ),
    "postReversal": Row(OPERATOR, post("/v1/reversals", lambda _, number: {"transaction": number, "why": "error"})),
    "listProposals": Row(EVERYBODY, get("/v1/proposals")),
    "getProposal": Row(EVERYBODY, get("/v1/proposals/{number}"), (404, "not_found")),
    "approveProposal": Row(OPERATOR, lambda caller, _, number: caller.judge(number, "approvals")),
    "rejectProposal": Row(OPERATOR, lambda caller, _, number: caller.judge(number, "rejections")),
    "postOffer": Row(
        POSTERS,
        post("/v1/offers", lambda who, _: {"enterprise": who, "receiver": "GH-003", "quantity": "1"}),
        (403, "not_your_account"),
    ),
    "postOfferAnswer": Row(
        POSTERS,
        post("/v1/offers/answers", lambda _, number: {"offer": number, "answer": "accept"}),
        (422, "offer_unknown"),
    ),
    "listOffers": Row(EVERYBODY, get("/v1/offers")),
    "getOffer": Row(EVERYBODY, get("/v1/offers/{number}"), (404, "not_found")),
    "listParties": Row(EVERYBODY, get("/v1/parties")),
    "getParty": Row(EVERYBODY, get("/v1/parties/{who}"), (404, "not_found")),
    "postParty": Row(
        {"operator", "second", "admin"},
        post("/v1/parties", lambda _, number: {"party": f"N-{number}", "kind": "seller", "name": f"N {number}"}),
    ),
    "postPartyChange": Row(
        {"operator", "second", "admin"},
        post("/v1/parties/S-0001/changes", lambda _, __: {"change": "alias", "on": "2026-11-01"}),
    ),
    "listPolicies": Row(EVERYBODY, get("/v1/policies")),
    "postPolicy": Row(
        frozenset({"admin"}),
        post(
            "/v1/policies", lambda _, __: {"in_force_from": "2026-01-01", "source": "x", "rule": {"kind": "trade_once"}}
        ),
    ),
    "postBreakSettlement": Row(
        OPERATOR,
        post(
            "/v1/trades/breaks",
            lambda who, number: {"trade": f"GEC/{number}/P1/2026-05", "enterprise": who, "quantity": "1", "lot": LOT_B},
        ),
    ),
    "getCertificate": Row(EVERYBODY, get("/v1/certificates/" + code("P1", "2026-05", 7)), (404, "not_found")),
    "getRetirement": Row(EVERYBODY, get("/v1/retirements/{number}"), (404, "not_found")),
    "getRetirementCustody": Row(EVERYBODY, get("/v1/retirements/{number}/custody"), (404, "not_found")),
    "getPositions": Row(EVERYBODY, get("/v1/positions?by=vintage")),
    "getRoutes": Row(EVERYBODY, get("/v1/positions/routes")),
    "postExpiry": Row(
        OPERATOR,
        post("/v1/expiries", lambda who, _: {"account": f"Holding:Ent:{who}", "lot": LOT_B, "quantity": "1"}),
    ),
    "postBatch": Row(POSTERS, post("/v1/batches", item), (403, "not_your_account")),
    "postImport": Row(
        OPERATOR,
        lambda caller, who, _: caller.post("/v1/imports", files={"file": ("x.csv", who.encode())}),
    ),
    "listImports": Row(PARK, get("/v1/imports")),
    "getImport": Row(PARK, get(f"/v1/imports/{IMPORT}")),
    "listImportRows": Row(PARK, get(f"/v1/imports/{IMPORT}/rows")),
    "postImportPosting": Row(OPERATOR, lambda caller, _, __: caller.post(f"/v1/imports/{IMPORT}/posting")),
    "postImportRejection": Row(OPERATOR, lambda caller, _, __: caller.post(f"/v1/imports/{IMPORT}/rejection")),
    "postImportCheck": Row(OPERATOR, lambda caller, _, __: caller.post(f"/v1/imports/{IMPORT}/check")),
    "postImportOwner": Row(OPERATOR, lambda caller, _, __: caller.post(f"/v1/imports/{IMPORT}/owner")),
    "postLineRejection": Row(
        OPERATOR, post(f"/v1/imports/{IMPORT}/rows/12/rejection", lambda _, __: {"reason": "not_ours"})
    ),
    "listExceptions": Row(PARK, get("/v1/exceptions")),
    "listenToImport": Row(PARK, get(f"/v1/imports/{IMPORT}/events")),
    "reconcile": Row(PARK, get("/v1/reconciliations?from=2024-07-01&to=2024-07-31")),
    "listPeriods": Row(PARK, get("/v1/periods")),
    "postPeriodClosing": Row(OPERATOR, post("/v1/periods/2020-01/closings", lambda _, __: {"state": "soft"})),
    "postPeriodReopening": Row(OPERATOR, post("/v1/periods/2020-01/reopenings", lambda _, __: {"reason": "error"})),
    "postBundleCorrection": Row(
        OPERATOR,
        post(
            "/v1/bundles/corrections",
            lambda who, number: (
                settled(who, number) | {"seller": SELLER, "energy_kwh": "1", "quantity": "1", "evidence": PROVED}
            ),
        ),
    ),
    "postTradeCorrection": Row(
        OPERATOR,
        post(
            "/v1/trades/corrections",
            lambda who, number: {
                "platform": "GEC",
                "order": number,
                "project": PROJECT,
                "production_month": "2026-05",
                "buyer": who,
                "seller": SELLER,
                "quantity": "1",
                "evidence": PROVED,
            },
        ),
    ),
    "postTradeLink": Row(OPERATOR, post("/v1/trades/links", lambda _, number: {"trade": f"GEC/{number}/P1/2026-05"})),
    "postCorrectionLink": Row(OPERATOR, post("/v1/bundles/links", settled)),
    "getRecord": Row(EVERYBODY, get("/v1/audit/records/{number}"), (404, "not_found")),
    "listMeters": Row(EVERYBODY, get("/v1/meters")),
    "postMeter": Row(
        {"operator", "second", "admin"},
        post(
            "/v1/meters",
            lambda who, number: {
                "meter": f"M{number}",
                "enterprise": who,
                "site": "w",
                "stage": "s",
                "material": "electricity",
                "route": "GRID",
            },
        ),
    ),
    "listReadings": Row(EVERYBODY, get("/v1/readings?year=2026&meter=M-A")),
    "postReading": Row(POSTERS, post("/v1/readings", lambda _, __: READING), (422, "unknown_meter")),
    "postReadings": Row(POSTERS, post("/v1/readings/batches", lambda _, __: [READING]), (422, "unknown_meter")),
    "postReadingsFile": Row(
        POSTERS,
        lambda caller, _, __: caller.post("/v1/readings/files", files={"file": ("x.csv", "no,header\n")}),
    ),
    "listFactors": Row(EVERYBODY, get("/v1/factors")),
    "getDraftInventory": Row(EVERYBODY, get("/v1/inventories/draft?year=2026&enterprise={who}"), (404, "not_found")),
    "explainFigure": Row(
        EVERYBODY, get("/v1/inventories/explanation?year=2026&figure=scope2_location&path={who}"), (404, "not_found")
    ),
    "getIndicators": Row(EVERYBODY, get("/v1/indicators?year=2025")),
    "listWarnings": Row(EVERYBODY, get("/v1/warnings?year=2025")),
    "checkPublished": Row(EVERYBODY, get("/v1/indicators/published?energy_mwh=65810&tce=16750")),
    "getSaving": Row(EVERYBODY, get("/v1/indicators/savings?needed_tce=1000&cross_province=5")),
    "postAllowanceAllocation": Row(
        OPERATOR,
        post(
            "/v1/allowances/allocations",
            lambda who, _: {"enterprise": who, "quantity": "1", "year": "2025", "evidence": PROVED},
        ),
    ),
    "postCcerPurchase": Row(
        OPERATOR, post("/v1/allowances/ccer", lambda who, _: {"enterprise": who, "quantity": "1", "evidence": PROVED})
    ),
    "postSurrender": Row(
        POSTERS,
        post("/v1/allowances/surrenders", lambda who, _: {"enterprise": who, "year": "2025", "cea": "1"}),
        (403, "not_your_account"),
    ),
    "listProducts": Row(EVERYBODY, get("/v1/products")),
    "postProduct": Row(
        POSTERS,
        post("/v1/products", lambda who, _: {"enterprise": who, "outputs": [{"lot": "L", "quantity": "1"}]}),
        (403, "not_your_account"),
    ),
    "postProductSale": Row(
        POSTERS,
        post("/v1/products/sales", lambda who, _: {"enterprise": who, "lot": "L", "quantity": "1"}),
        (403, "not_your_account"),
    ),
    "postProductReceipt": Row(
        POSTERS,
        post(
            "/v1/products/receipts",
            lambda who, _: {"enterprise": who, "lot": "L", "quantity": "1", "emissions_g": "1"},
        ),
        (403, "not_your_account"),
    ),
    "listInventories": Row(EVERYBODY, get("/v1/inventories")),
    "getInventory": Row(EVERYBODY, get("/v1/inventories/{number}"), (404, "inventory_unknown")),
    "postInventory": Row(
        POSTERS, post("/v1/inventories", lambda who, _: {"year": "2026", "enterprise": who}), (404, "not_found")
    ),
    "postInventoryJudgement": Row(
        OPERATOR,
        post("/v1/inventories/7/judgements", lambda _, __: {"verdict": "returned", "findings": "material"}),
    ),
    "getHealth": Row(EVERYBODY, get("/healthz"), open=True),
    "getReadiness": Row(EVERYBODY, get("/readyz"), open=True),
}


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """A park in which A has a promise, a trade in transit and certificates that B has nothing to do with."""
    with contextlib.closing(open_service(server)) as found:
        assert found["a"].write("/v1/subscriptions", {"quantity": str(PROMISED)}).status_code == 201
        assert found["operator"].write("/v1/trades", trade(31_337, order=ORDER)).status_code == 201
        meter = {"meter": "M-A", "enterprise": A, "site": "w-a", "stage": "s", "material": "electricity"}
        assert found["operator"].write("/v1/meters", meter | {"route": "GRID"}).status_code == 201
        days = {"first_on": "2026-01-01", "last_on": "2026-01-31"}
        assert found["a"].write("/v1/readings", READING | days).status_code == 201
        assert found["a"].write("/v1/inventories", {"year": "2026"}).status_code == 201
        yield found


@pytest.fixture(scope="module")
def matrix(server: Server) -> Iterator[Service]:
    """Another park, for tests that post as everybody."""
    with contextlib.closing(open_service(server)) as found:
        yield found


def secrets_of_a(service: Service) -> set[str]:
    """What B must never read: A's id, names, lots, figures, orders and keys."""
    return {
        A, f"企业{A}", LOT, ORDER, str(GIVEN + 1000), str(PROMISED), "31337", "53117000", "53.117", "w-a",
        service.keys["a"], service.keys["a"].split("_")[1],
    }  # fmt: skip


def index_of_a(service: Service) -> str:
    """The log index of a transaction that is A's alone."""
    return service["a"].get(f"/v1/accounts/Commitment:Ent:{A}/postings").json()["items"][0]["transaction"]


def test_every_operation_has_its_row(service: Service) -> None:
    """An operation that nobody has thought through as another tenant fails here."""
    document = service.nobody.get("/openapi.json").json()
    found = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert found == set(TABLE)


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("caller", [*ROLES, "nobody"])
def test_only_the_roles_of_the_table_pass(matrix: Service, operation: str, caller: str) -> None:
    """A role that is not in the row is forbidden, a caller without a key is unauthorised; the others get past both."""
    row = TABLE[operation]
    who = A if caller == "a" else B
    size = matrix.size
    client = matrix.nobody if caller == "nobody" else matrix[caller]
    answer = row.ask(client, who, "0")
    if row.open:
        assert answer.status_code == 200
    elif caller == "nobody":
        problem_of(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    elif caller not in row.roles:
        problem_of(answer, 403, "forbidden")
    else:
        assert answer.status_code != 401 and '"code":"forbidden"' not in answer.text, answer.text
    if caller not in row.roles:
        assert matrix.size == size


@pytest.mark.parametrize("operation", [name for name, row in TABLE.items() if row.about_another])
def test_what_is_another_tenants_answers_as_what_does_not_exist(service: Service, operation: str) -> None:
    """B hears the same of A's thing as of nothing, and reads nothing of A's in it."""
    row = TABLE[operation]
    assert row.about_another is not None
    index = index_of_a(service)
    theirs = row.ask(service["b"], A, index)
    nothing = row.ask(service["b"], NOBODY, "987654321")
    found = problem_of(theirs, *row.about_another)
    if theirs.request.method == "GET":
        expected = nothing.text.replace(NOBODY, A).replace("987654321", index)
        assert (theirs.status_code, theirs.text) == (nothing.status_code, expected)
        assert {k: v for k, v in theirs.headers.items() if k not in {"date", "x-request-id", "content-length"}} == {
            k: v for k, v in nothing.headers.items() if k not in {"date", "x-request-id", "content-length"}
        }
    assert found["code"] and not [secret for secret in secrets_of_a(service) - {A} if secret in theirs.text]


@pytest.mark.parametrize("operation", [name for name, row in TABLE.items() if "b" in row.roles])
def test_b_reads_nothing_of_a_when_it_asks_about_itself(service: Service, operation: str) -> None:
    """No answer to B about its own things holds anything of A's, not even its id."""
    answer = TABLE[operation].ask(service["b"], B, "0")
    assert not [secret for secret in secrets_of_a(service) if secret in answer.text]


def test_a_sees_all_of_that(service: Service) -> None:
    """The twin: the same questions from A show every one of these, so B's silence means something."""
    texts = [
        service["a"].get(path).text
        for path in (
            "/v1/accounts", f"/v1/accounts/Holding:Ent:{A}/balances", f"/v1/accounts/Commitment:Ent:{A}/balances",
            "/v1/balances", f"/v1/transactions/{index_of_a(service)}",
        )
    ]  # fmt: skip
    for secret in (A, LOT, str(GIVEN + 1000), str(PROMISED)):
        assert any(secret in text for text in texts), secret


@pytest.mark.parametrize(
    ("theirs", "nothing"),
    [
        ({"lot": LOT}, {"lot": "LOT-X-0000"}),
        ({"lot": f"GEC/{ORDER}/P1/2026-05"}, {"lot": "GEC/ORDER-OF-X-0000/P1/2026-05"}),
    ],
)
def test_a_lot_held_elsewhere_is_as_one_that_does_not_exist(
    service: Service, theirs: dict[str, str], nothing: dict[str, str]
) -> None:
    """B cannot find out by trying which lots, and so which trades, others have."""
    answers = [
        service["b"].write("/v1/transfers", transfer(1, source=B, target="GH-003", **lot)) for lot in (theirs, nothing)
    ]
    told = [
        (answer.status_code, answer.json()["code"], {k: v for k, v in answer.json()["figures"].items() if k != "lot"})
        for answer in answers
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize("caller", ["b", "regulator"])
def test_a_trade_in_the_book_is_as_one_that_is_not(service: Service, caller: str) -> None:
    """Who may not record trades cannot find out by trying which ones there are."""
    size, told = service.size, []
    for order in (ORDER, "ORDER-OF-X-0000"):
        body, moved = trade(1, order=order, buyer=B), {"trade": f"GEC/{order}/P1/2026-05"}
        items = [{"type": "trade"} | body, {"type": "trade_transfer"} | moved]
        answers = [
            service[caller].write("/v1/trades", body), service[caller].write("/v1/trades/transfers", moved),
            service[caller].write("/v1/batches", items, key="b1"),
            service[caller].write("/v1/batches?mode=independent", items, key="b2"),
        ]  # fmt: skip
        told.append([(answer.status_code, answer.text.replace(order, "ORDER")) for answer in answers])
    assert told[0] == told[1]
    assert service.size == size


def test_a_serial_held_elsewhere_is_as_one_that_does_not_exist(service: Service) -> None:
    """Serials of a lot that B has a part in: those of A's and those of nobody's answer the same."""
    lot = next(
        one["lot"]
        for one in service["a"].get(f"/v1/accounts/Holding:Ent:{A}/balances").json()["balances"][0]["lots"]
        if one["serials"]
    )
    told = []
    for first, last in ((1, 10), (900_001, 900_010)):
        serials = [{"first": str(first), "last": str(last)}]
        found = (
            service["b"]
            .write("/v1/transfers", transfer(10, source=B, target="GH-003", lot=lot, serials=serials))
            .json()
        )
        told.append((found["code"], {k: v for k, v in found["figures"].items() if k != "serials"}))
    assert told[0] == told[1]


def test_a_revoked_key_is_refused_within_five_seconds(fresh: Service) -> None:
    """A key that was used a moment ago is refused soon after its revocation; other keys go on."""
    assert ledger.keys.CACHE_SECONDS < 5
    assert fresh["b"].get("/v1/limits").status_code == 200
    park = Park(fresh.database)
    park.expect_posted(park.admin(RevokeCredential(credential=fresh.keys["b"].split("_")[1])))
    park.close()
    revoked = time.monotonic()
    while fresh["b"].get("/v1/limits").status_code == 200:
        assert time.monotonic() - revoked < 5
        time.sleep(0.1)
    problem_of(fresh["b"].get("/v1/limits"), 401, "unauthorized")
    assert fresh["a"].get("/v1/limits").status_code == 200


def test_a_revoked_key_would_live_as_long_as_the_cache_says(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: with a longer memory the revoked key still works, so the test above measures the cache."""
    monkeypatch.setattr(ledger.keys, "CACHE_SECONDS", 3600)
    assert fresh["b"].get("/v1/limits").status_code == 200
    park = Park(fresh.database)
    park.expect_posted(park.admin(RevokeCredential(credential=fresh.keys["b"].split("_")[1])))
    park.close()
    time.sleep(0.2)
    assert fresh["b"].get("/v1/limits").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer gl_000000000000_" + "A" * 43, "Token {key}", "{key}",
     "Bearer {key}x", "Bearer {other}", "Bearer  {key}"],
)  # fmt: skip
def test_what_is_no_valid_key_is_refused(service: Service, header: str) -> None:
    """A malformed, unknown or half-right key is unauthorised, and the answer does not repeat it."""
    key, other = service.keys["a"], service.keys["a"][:16] + service.keys["b"][16:]
    headers = {"Authorization": header.format(key=key, other=other)}
    answer = service.nobody.get("/v1/limits", headers=headers)
    found = problem_of(answer, 401, "unauthorized")
    assert "gl_" not in json.dumps(found)
