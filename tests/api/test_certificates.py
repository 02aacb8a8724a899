"""From any certificate back to its issuance and forward to where it lies; and what a retirement says."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import (
    PROVED,
    A,
    B,
    Service,
    issuance,
    listing,
    open_service,
    problem_of,
    retirement,
    trade,
    transfer,
)
from tests.conftest import PLATFORM, PROJECT, Server, code

MONTH = "2026-06"
SOLD, KEPT = (1, 60), (61, 100)


def own(serial: int) -> str:
    """The code of one certificate of the project's month."""
    return code(PROJECT, MONTH, serial)


LOT = f"{PROJECT}/{MONTH}/AB"


def serials(first: int, last: int) -> list[dict[str, str]]:
    """One range, as a body names it."""
    return [{"first": str(first), "last": str(last)}]


@pytest.fixture(scope="module")
def indexes(service: Service) -> dict[str, str]:
    """A hundred certificates issued; sixty listed, sold to A, thirty given to B, which retires ten."""
    operator, a, b = service["operator"], service["a"], service["b"]
    sold = {"code_first": own(SOLD[0]), "code_last": own(SOLD[1])}
    steps = {
        "issue": (
            operator,
            "/v1/issuances",
            issuance(100_000, production_month=MONTH, code_first=own(1), code_last=own(100)),
        ),
        "list": (operator, "/v1/listings", listing(60, lot=LOT, serials=serials(*SOLD))),
        "trade": (
            operator,
            "/v1/trades",
            trade(
                60,
                order="C1",
                project=PROJECT,
                production_month=MONTH,
                seller=PROJECT,
                platform=PLATFORM,
                mode="LISTING",
                **sold,
            ),
        ),
        "transfer_trade": (operator, "/v1/trades/transfers", {"trade": f"{PLATFORM}/C1/{PROJECT}/{MONTH}"}),
        "transfer": (a, "/v1/transfers", transfer(30, lot=LOT, serials=serials(31, 60))),
        "retire": (
            b,
            "/v1/retirements",
            retirement(10, lot=LOT, serials=serials(41, 50), proof="PROOF-1", site="M-7", evidence=PROVED),
        ),
    }
    found = {}
    for name, (caller, path, body) in steps.items():
        answer = caller.write(path, body)
        assert answer.status_code == 201, answer.text
        found[name] = answer.json()["transaction"]
    return found


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """A park of its own."""
    with contextlib.closing(open_service(server)) as found:
        yield found


def hops(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """What happened, from where, to where, by which transaction."""
    return [(hop["command"], hop["from_account"], hop["to_account"], hop["transaction"]) for hop in found["hops"]]


def test_a_retired_serial_leads_back_to_its_issuance(service: Service, indexes: dict[str, str]) -> None:
    """One row a hop, each with the log index of its transaction, and where it lies."""
    found = service["regulator"].get(f"/v1/certificates/{own(45)}").json()
    assert hops(found) == [
        ("issue", f"Issuance:{PROJECT}", f"Holding:Project:{PROJECT}", indexes["issue"]),
        ("list", f"Holding:Project:{PROJECT}", f"Listed:{PLATFORM}:{PROJECT}", indexes["list"]),
        ("trade", f"Listed:{PLATFORM}:{PROJECT}", f"Clearing:{PLATFORM}", indexes["trade"]),
        ("transfer_trade", f"Clearing:{PLATFORM}", f"Holding:Ent:{A}", indexes["transfer_trade"]),
        ("transfer", f"Holding:Ent:{A}", f"Holding:Ent:{B}", indexes["transfer"]),
        ("retire", f"Holding:Ent:{B}", f"Retired:{B}:COMPLIANCE_SHARE:2026", indexes["retire"]),
    ]
    assert [hop["serials"] for hop in found["hops"]] == [["45", "45"]] * 6
    assert [place["account"] for place in found["places"]] == [f"Retired:{B}:COMPLIANCE_SHARE:2026"]
    assert found["lot"]["production_month"] == MONTH and found["hops"][-1]["document"] == PROVED["document"]


def test_a_range_lies_in_pieces_that_add_up(service: Service, indexes: dict[str, str]) -> None:
    """A range shows every place of its parts; split and merged, they are the range again."""
    found = service["regulator"].get(f"/v1/certificates/{own(1)}", params={"to": own(100)}).json()
    places = [(place["account"].split(":")[0], *map(int, place["serials"])) for place in found["places"]]
    assert places == [
        ("Holding", 1, 30), ("Holding", 31, 40), ("Retired", 41, 50), ("Holding", 51, 60), ("Holding", *KEPT),
    ]  # fmt: skip
    assert [hop["transaction"] for hop in found["hops"]] == list(indexes.values())


def test_an_enterprise_sees_its_own_hops_only(service: Service, indexes: dict[str, str]) -> None:
    """Others' accounts are withheld; of a certificate that went on, nothing after it left; of none, nothing at all."""
    found = service["b"].get(f"/v1/certificates/{own(45)}").json()
    assert hops(found) == [
        ("transfer", "withheld", f"Holding:Ent:{B}", indexes["transfer"]),
        ("retire", f"Holding:Ent:{B}", f"Retired:{B}:COMPLIANCE_SHARE:2026", indexes["retire"]),
    ]
    gone = service["a"].get(f"/v1/certificates/{own(45)}").json()
    assert hops(gone) == [
        ("transfer_trade", "withheld", f"Holding:Ent:{A}", indexes["transfer_trade"]),
        ("transfer", f"Holding:Ent:{A}", "withheld", indexes["transfer"]),
    ]
    assert gone["places"] == []
    for serial in (1, 61, 999):
        problem_of(service["b"].get(f"/v1/certificates/{own(serial)}"), 404, "not_found")


def test_numbers_that_came_later_keep_the_counted_past(service: Service) -> None:
    """Units that were counted when they came lead back to the trade that brought them."""
    operator, name = service["operator"], "GEC/LATE/P1/2026-04"
    codes = {"code_first": code("P1", "2026-04", 1), "code_last": code("P1", "2026-04", 20)}
    order = trade(20, order="LATE", production_month="2026-04", project=f"{'P1':0>17}")
    name = f"GEC/LATE/{'P1':0>17}/2026-04"
    for path, body in (
        ("/v1/trades", order),
        ("/v1/trades/transfers", {"trade": name}),
        ("/v1/trades/identifications", {"trade": name} | codes),
    ):
        assert operator.write(path, body).status_code == 201
    found = service["a"].get(f"/v1/certificates/{codes['code_first']}").json()
    assert [(hop["command"], hop["serials"], hop["quantity"]) for hop in found["hops"]] == [
        ("transfer_trade", None, "20"),
        ("identify_trade", ["1", "1"], "1"),
    ]
    park = service["regulator"].get(f"/v1/certificates/{codes['code_first']}").json()
    assert [hop["command"] for hop in park["hops"]] == ["trade", "transfer_trade", "identify_trade"]


def test_a_retirement_statement_names_codes_and_log_indexes(service: Service, indexes: dict[str, str]) -> None:
    """Whose claim, what for, on which proof, with which certificates, under which indexes; its chains lead back."""
    for caller in ("b", "operator", "auditor"):
        found = service[caller].get(f"/v1/retirements/{indexes['retire']}").json()
        assert (found["transaction"], int(found["claim_record"])) == (indexes["retire"], int(indexes["retire"]) - 1)
        assert (found["enterprise"], found["beneficiary"], found["purpose"]) == (B, B, "COMPLIANCE_SHARE")
        assert (found["year"], found["proof"], found["site"], found["quantity"]) == ("2026", "PROOF-1", "M-7", "10")
        (lot,) = found["lots"]
        assert (lot["serials"], lot["codes"]) == ([["41", "50"]], [[own(41), own(50)]])
        assert found["reversed_by"] == [] and found["policies"]
    (chain,) = service["auditor"].get(f"/v1/retirements/{indexes['retire']}/custody").json()
    assert [hop["transaction"] for hop in chain["hops"]] == list(indexes.values())
    problem_of(service["a"].get(f"/v1/retirements/{indexes['retire']}"), 404, "not_found")
    problem_of(service["b"].get(f"/v1/retirements/{indexes['transfer']}"), 404, "not_found")


def test_a_retirement_recorded_for_an_enterprise_is_its_own_to_read(service: Service) -> None:
    """An operator records it; the enterprise whose claim it is reads the statement, another does not."""
    made = service["operator"].write("/v1/retirements", retirement(1, enterprise=A)).json()["transaction"]
    assert service["a"].get(f"/v1/retirements/{made}").json()["enterprise"] == A
    problem_of(service["b"].get(f"/v1/retirements/{made}"), 404, "not_found")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ("9.16E+17", "code_damaged"),
        ("9.16E17", "code_damaged"),
        ("1234567890", "code_malformed"),
        (own(1) + "0", "code_malformed"),
        (own(1)[:-1] + "中", "code_malformed"),
    ],
)
def test_what_is_no_code_is_refused_by_name(service: Service, given: str, refused: str) -> None:
    """Asked for or posted: the code given is told, and nothing is posted."""
    size = service.size
    found = problem_of(service["operator"].get(f"/v1/certificates/{given}"), 422, refused)
    assert found["figures"]["given"] == given
    body = issuance(1_000, code_first=given, code_last=given)
    problem_of(service["operator"].write("/v1/issuances", body), 422, refused)
    assert service.size == size


def test_a_code_may_be_typed_full_width_and_small(service: Service, indexes: dict[str, str]) -> None:
    """The same certificate, as an input method writes it."""
    wide = own(45).lower().translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789ab"})
    assert wide != own(45)
    assert hops(service["regulator"].get(f"/v1/certificates/{wide}").json())[0][3] == indexes["issue"]
