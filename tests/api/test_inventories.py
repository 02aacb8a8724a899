"""Carbon over HTTP: readings in, an inventory pinned to a size, its life, and each figure down to its sources."""

import csv
import hashlib
import io
import json
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from ledger.core.activity import MATERIALS
from ledger.reports.explanation import Figure
from ledger.store.session import connect_sync
from tests.api.conftest import PROVED, A, B, Client, Service, problem_of, retirement
from tests.conftest import day

ON = "2026-06-30"
QUERY = {"year": "2026", "factors_on": ON}
SENT = PROVED | {"level": "REPORTED"}


def meter(name: str, enterprise: str = A, material: str = "electricity", **more: Any) -> dict[str, Any]:
    """The body of a meter at the enterprise's works."""
    route = {"route": "GRID"} if material == "electricity" else {}
    return (
        {"meter": name, "enterprise": enterprise, "site": "works", "stage": "all", "material": material} | route | more
    )


def reading(quantity: str, month: int = 1, meter: str = "E1", **more: Any) -> dict[str, Any]:
    """The body of a reading of four weeks, in MWh."""
    days = {"first_on": f"2026-{month:02}-01", "last_on": f"2026-{month:02}-28"}
    return {"meter": meter, "quantity": quantity, "unit": "MWh", "evidence": SENT} | days | more


@pytest.fixture
def park(fresh: Service) -> Service:
    """Two enterprises with a meter each; the first makes aluminium too."""
    operator = fresh["operator"]
    for body in (meter("E1"), meter("E2", B), meter("AL1", material="aluminium"), meter("E1-sub", under="E1")):
        assert operator.write("/v1/meters", body).status_code == 201, body
    return fresh


def posted(client: Client, path: str, body: dict[str, Any]) -> int:
    """The log index of what was posted."""
    answer = client.write(path, body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["transaction"])


def draft(client: Client, **asked: str) -> dict[str, Any]:
    """The draft of 2026 by the factors of ON."""
    answer = client.get("/v1/inventories/draft", params=QUERY | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def figures(client: Client, **asked: str) -> dict[str, str]:
    """The draft's figures."""
    return draft(client, **asked)["figures"]


def test_an_enterprise_sees_its_emissions(park: Service) -> None:
    """T1 and T4 over HTTP: both Scope 2 side by side, Scope 1 by product, sub-meters not added up again."""
    mine = park["a"]
    posted(mine, "/v1/readings", reading("10,000"))
    posted(mine, "/v1/readings", reading("９００", meter="E1-sub"))
    posted(mine, "/v1/readings", reading("500", meter="AL1", unit="吨"))
    found = figures(mine)
    assert (found["scope2_location"], found["scope2_market"]) == ("1567", "6096")
    assert (found["scope1"], found["aluminium_t"]) == ("784.7", "500")
    posted(mine, "/v1/retirements", retirement(4_000))
    after = figures(mine)
    assert (after["scope2_location"], after["scope2_market"]) == ("1567", "3657.6")
    fallback = next(line for line in draft(mine)["lines"] if line["scope"] == "2_location")["factor"]
    assert (fallback["factor_set"], fallback["instead_of"]) == ("CN-2022", "CN-2023 QH")


def test_days_without_a_reading_are_told(park: Service) -> None:
    """Nothing is filled in; a meter that was never read has the whole year missing, up to the report's day."""
    posted(park["a"], "/v1/readings", reading("10"))
    found = [(gap["meter"], gap["first_on"], gap["last_on"]) for gap in draft(park["a"])["gaps"]]
    assert found == [("AL1", "2026-01-01", ON), ("E1", "2026-01-29", ON)]


def test_the_park_is_the_sum_of_those_it_knows(park: Service) -> None:
    """Who has no meter is no zero; who burns a fuel without a factor is refused by name and in no total."""
    posted(park["operator"], "/v1/readings", reading("100"))
    posted(park["operator"], "/v1/readings", reading("50", meter="E2"))
    found = draft(park["regulator"])
    assert found["figures"]["scope2_market"] == "91.44" and found["refused"] == []
    assert found["without_meters"] and A not in found["without_meters"]
    posted(park["operator"], "/v1/meters", meter("COAL", B, "raw_coal"))
    posted(park["operator"], "/v1/readings", reading("1", meter="COAL", unit="t"))
    found = draft(park["regulator"])
    assert [(one["enterprise"], one["code"]) for one in found["refused"]] == [(B, "factor_missing")]
    assert found["figures"]["scope2_market"] == "60.96"
    problem = problem_of(park["b"].get("/v1/inventories/draft", params=QUERY), 422, "factor_missing")
    assert "raw_coal" in problem["detail"]


def test_scope_3_by_rule(park: Service) -> None:
    """Electricity upstream as category 3: a figure of its own, explained to the reading; without a rule none at all."""
    posted(park["operator"], "/v1/readings", reading("100"))
    posted(park["operator"], "/v1/readings", reading("50", meter="E2"))
    before, size = draft(park["regulator"]), str(park.size)
    assert "scope3" not in before["figures"]
    factor = {
        "kind": "factor",
        "data_year": "2022",
        "factor_set": "UPSTREAM",
        "material": "electricity",
        "of": "EMISSION",
    }
    factor |= {"method": "category_3", "per": "MWh", "region": "CN", "value": "0.04"}
    for rule in ({"kind": "value_chain", "category": "3", "material": "electricity"}, factor):
        body = {"in_force_from": "2020-01-01", "source": "a test", "rule": rule}
        assert park["admin"].write("/v1/policies", body).status_code == 201
    found = draft(park["regulator"])
    assert found["figures"]["scope3"] == "6"
    assert {name: found["figures"][name] for name in before["figures"]} == before["figures"]
    asked = QUERY | {"figure": "scope3", "path": f"{A}/1/E1"}
    leaf = park["regulator"].get("/v1/inventories/explanation", params=asked).json()
    assert (leaf["value"], [part["quantity"] for part in leaf["parts"]]) == ("4", ["100"])
    assert draft(park["regulator"], known_as_of=size) == before
    wrong = {"in_force_from": "2020-01-01", "source": "a test", "rule": {"kind": "value_chain", "category": "16"}}
    wrong["rule"] |= {"material": "electricity"}
    problem_of(park["admin"].write("/v1/policies", wrong), 422, "rule_unsound")


def test_who_submits_says_whose_it_is_and_only_its_own(park: Service) -> None:
    """An operator is no enterprise; another's inventory is, to an enterprise, as if it were not there."""
    posted(park["operator"], "/v1/readings", reading("100"))
    size = park.size
    body = {"year": "2026"}
    problem = problem_of(park["operator"].write("/v1/inventories", body), 422, "enterprise_needed")
    assert "certificate" not in problem["detail"]
    problem_of(park["b"].write("/v1/inventories", body | {"enterprise": A}), 404, "not_found")
    assert park.size == size
    posted(park["a"], "/v1/inventories", body)


@pytest.mark.parametrize(
    ("year", "on"), [("2025", "2025-12-30"), ("2025", "2024-05-01"), ("2025", day(1)), (str(int(day(0)[:4]) + 1), None)]
)
def test_a_report_of_another_day_hides_nothing(park: Service, year: str, on: str | None) -> None:
    """Days before the year's end would be no gap, and old factors would judge; of a year to come there is nothing."""
    posted(park["a"], "/v1/readings", reading("100"))
    size = park.size
    problem_of(park["a"].write("/v1/inventories", {"year": year, "factors_on": on or day(0)}), 422, "inventory_day")
    assert park.size == size
    posted(park["a"], "/v1/inventories", {"year": "2025", "factors_on": "2025-12-31"})


def test_what_was_known_then_gives_the_same_bytes(park: Service) -> None:
    """Whatever is learnt later: a late reading, a correction, a retirement."""
    mine = park["a"]
    first = posted(mine, "/v1/readings", reading("100"))
    size = str(park.size)
    before = mine.get("/v1/inventories/draft", params=QUERY | {"known_as_of": size}).content
    posted(mine, "/v1/readings", reading("120", corrects=str(first)))
    posted(mine, "/v1/readings", reading("80", 2))
    posted(mine, "/v1/retirements", retirement(7))
    assert mine.get("/v1/inventories/draft", params=QUERY | {"known_as_of": size}).content == before
    assert figures(mine)["consumed_mwh"] == "200"


def test_submitted_verified_due_and_restated(park: Service) -> None:
    """The digest is reproduced for ever; what changed since is told by cause; a restatement names its original."""
    mine, second = park["a"], park["second"]
    first = posted(mine, "/v1/readings", reading("100"))
    record = posted(mine, "/v1/inventories", {"year": "2026"})
    verdict = {"verdict": "verified", "findings": "no_findings"}
    posted(second, f"/v1/inventories/{record}/judgements", verdict)
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["reproduces"], found["restatement_due"], found["submission"]["state"]) == (True, False, "verified")
    content = json.dumps(found["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hashlib.sha256(content).hexdigest() == found["submission"]["digest"]
    posted(mine, "/v1/readings", reading("130", corrects=str(first)))
    posted(mine, "/v1/retirements", retirement(10))
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["reproduces"], found["restatement_due"]) == (True, True)
    assert found["causes"] == {
        "activity": {
            "consumed_mwh": "30", "residual_mwh": "30", "scope2_location": "4.701", "scope2_market": "18.288",
        },
        "retirement": {"claimed_mwh": "10", "scope2_market": "-6.096"},
    }  # fmt: skip
    problem_of(mine.write("/v1/inventories", {"year": "2026"}), 409, "inventory_verified")
    again = posted(mine, "/v1/inventories", {"year": "2026", "restates": str(record)})
    body = park["auditor"].get(f"/v1/audit/records/{again}").json()["record"]["body"]
    assert (body["figures"]["activity/scope2_location"], body["restates"]) == ("4.701", str(record))
    posted(mine, "/v1/readings", reading("7", 4))  # what comes later is no part of what the restatement changed
    assert mine.get(f"/v1/inventories/{again}").json()["restated"] == found["causes"]
    posted(second, f"/v1/inventories/{again}/judgements", verdict)
    states = [one["state"] for one in mine.get("/v1/inventories").json()["items"]]
    assert states == ["restated", "verified"]


def test_an_approved_booking_error_makes_a_restatement_due(park: Service) -> None:
    """The inventory that counted the claim says so; the certificates may be claimed again under a new proof only."""
    mine, operator, second = park["a"], park["operator"], park["second"]
    posted(mine, "/v1/readings", reading("100"))
    claim = posted(mine, "/v1/retirements", retirement(40, proof="HX-1"))
    record = posted(mine, "/v1/inventories", {"year": "2026"})
    posted(second, f"/v1/inventories/{record}/judgements", {"verdict": "verified", "findings": "immaterial"})
    back = {"transaction": str(claim), "why": "error", "evidence": PROVED}
    answer = operator.write("/v1/reversals", back)
    assert answer.status_code == 202 and not mine.get(f"/v1/inventories/{record}").json()["restatement_due"]
    assert second.judge(answer.json()["transaction"], "approvals").status_code == 201
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["reproduces"], found["restatement_due"]) == (True, True)
    gone = {"claimed_mwh": "-40", f"retirement_{claim}": "-40", "scope2_market": "24.384"}
    assert found["causes"] == {"retirement": gone}
    for proof in ("HX-1", "hx-1"):
        problem_of(mine.write("/v1/retirements", retirement(40, proof=proof)), 409, "evidence_used")
    # Claimed again, the figures are as they were; the claim that the inventory counted is gone all the same.
    posted(mine, "/v1/retirements", retirement(40, proof="HX-2"))
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["restatement_due"], found["causes"]) == (True, {"retirement": {f"retirement_{claim}": "-40"}})
    warned = park["regulator"].get("/v1/warnings").json()["warnings"]
    assert [one["enterprise"] for one in warned if one["kind"] == "restatement_due"] == [A]


def test_what_changes_no_emissions_is_a_cause_too(park: Service) -> None:
    """Tonnes made, and certificates in excess: both stand in what was verified."""
    mine, second, operator = park["a"], park["second"], park["operator"]
    posted(mine, "/v1/readings", reading("100"))
    posted(operator, "/v1/meters", meter("PVC", A, "pvc"))
    made = posted(mine, "/v1/readings", reading("100", meter="PVC", unit="t"))
    claim = posted(mine, "/v1/retirements", retirement(130))
    record = posted(mine, "/v1/inventories", {"year": "2026"})
    posted(second, f"/v1/inventories/{record}/judgements", {"verdict": "verified", "findings": "no_findings"})
    posted(mine, "/v1/readings", reading("50", meter="PVC", unit="t", corrects=str(made)))
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["restatement_due"], found["causes"]) == (True, {"activity": {"pvc_t": "-50"}})
    lot = mine.get(f"/v1/transactions/{claim}").json()["postings"][0]["lot"]
    parts = [{"lot": lot, "quantity": "20"}]
    answer = operator.write(
        "/v1/reversals", {"transaction": str(claim), "why": "error", "evidence": PROVED, "parts": parts}
    )
    assert second.judge(answer.json()["transaction"], "approvals").status_code == 201
    less = {"claimed_mwh": "-20", "excess_mwh": "-20", f"retirement_{claim}": "-20"}
    assert mine.get(f"/v1/inventories/{record}").json()["causes"]["retirement"] == less


def test_a_claim_taken_back_is_told_of_what_waits_to_be_verified(park: Service) -> None:
    """Who verifies sees that it is no more what it was."""
    mine, second = park["a"], park["second"]
    posted(mine, "/v1/readings", reading("100"))
    claim = posted(mine, "/v1/retirements", retirement(40))
    record = posted(mine, "/v1/inventories", {"year": "2026"})
    assert not mine.get(f"/v1/inventories/{record}").json()["restatement_due"]
    answer = park["operator"].write("/v1/reversals", {"transaction": str(claim), "why": "error", "evidence": PROVED})
    assert second.judge(answer.json()["transaction"], "approvals").status_code == 201
    assert mine.get(f"/v1/inventories/{record}").json()["restatement_due"]


def test_what_an_enterprise_reads_itself_is_not_confirmed(park: Service) -> None:
    """REPORTED at most; nor does it confirm its own correction of what the operator read."""
    index = posted(park["operator"], "/v1/readings", reading("100", evidence=PROVED))
    mine = park["a"]
    for body in (reading("100", 2, evidence=PROVED), reading("90", corrects=str(index), evidence=PROVED)):
        found = problem_of(mine.write("/v1/readings", body, headers={"Accept-Language": "zh-CN"}), 403, "forbidden")
        assert "自行确认其读数" in found["detail"]
    posted(mine, "/v1/readings", reading("90", corrects=str(index)))


def test_what_needs_no_factor_is_explained_without_one(park: Service) -> None:
    """Consumption and claims of who burns what has no factor; of the park it is told who is left out."""
    mine, operator = park["a"], park["operator"]
    posted(operator, "/v1/meters", meter("COAL", A, "raw_coal"))
    for body in (reading("100"), reading("10", meter="COAL", unit="t")):
        posted(mine, "/v1/readings", body)
    posted(park["b"], "/v1/readings", reading("7", meter="E2"))
    claim = posted(mine, "/v1/retirements", retirement(40))

    def explained(figure: str, path: str | None) -> Any:
        asked = QUERY | {"figure": figure} | ({} if path is None else {"path": path})
        return park["regulator"].get("/v1/inventories/explanation", params=asked)

    assert explained("consumed_mwh", A).json()["value"] == "100"
    (part,) = explained("claimed_mwh", f"{A}/1/~certificates").json()["parts"]
    assert (part["record"], part["value"]) == (str(claim), "40")
    assert explained("scope1", A).json()["code"] == "factor_missing"
    whole = explained("consumed_mwh", None).json()
    assert (whole["value"], whole["left_out"]) == ("7", [A])
    assert draft(park["regulator"])["figures"]["consumed_mwh"] == "7"


def test_what_is_metered_since_does_not_hide_a_verified_inventory(park: Service) -> None:
    """A fuel without a factor makes a restatement due and says why; once the factor is there it can be restated."""
    mine, operator, second = park["a"], park["operator"], park["second"]
    posted(mine, "/v1/readings", reading("100"))
    record = posted(mine, "/v1/inventories", {"year": "2026"})
    posted(second, f"/v1/inventories/{record}/judgements", {"verdict": "verified", "findings": "no_findings"})
    posted(operator, "/v1/meters", meter("COAL", A, "raw_coal"))
    assert not mine.get(f"/v1/inventories/{record}").json()["restatement_due"]  # nothing was read of it: a gap
    posted(mine, "/v1/readings", reading("10", meter="COAL", unit="t"))
    found = mine.get(f"/v1/inventories/{record}").json()
    assert (found["reproduces"], found["restatement_due"]) == (True, True) and "raw_coal" in found["refused"]
    rule = {"kind": "factor", "of": "EMISSION", "region": "CN", "material": "raw_coal", "per": "t", "value": "1.9"}
    rule |= {"factor_set": "FUEL", "data_year": "2026"}
    body = {"in_force_from": "2026-01-01", "source": "a test", "rule": rule}
    posted(park["admin"], "/v1/policies", body)
    assert mine.get(f"/v1/inventories/{record}").json()["causes"] == {"activity": {"scope1": "19"}}
    posted(mine, "/v1/inventories", {"year": "2026", "restates": str(record)})


def test_nobody_claims_for_another(park: Service) -> None:
    """Neither what another consumed nor what it claimed is told, or used up."""
    problem = problem_of(park["a"].write("/v1/retirements", retirement(1, beneficiary=B)), 403, "forbidden")
    assert "figures" not in problem or "metered" not in problem["figures"]
    posted(park["operator"], "/v1/retirements", retirement(1, enterprise=A, beneficiary=B))
    problem_of(
        park["operator"].write("/v1/retirements", retirement(1, enterprise=A, beneficiary="S-0001")),
        422,
        "unknown_party",
    )


@pytest.mark.parametrize(
    ("figure", "unit", "kinds"),
    [
        ("scope1", "tCO2e", {"reading"}),
        ("scope2_location", "tCO2e", {"reading"}),
        ("scope2_market", "tCO2e", {"reading", "posting"}),
        ("tce_calorific", "tce", {"reading"}),
        ("tce_equivalent", "tce", {"reading"}),
        ("consumed_mwh", "MWh", {"reading"}),
        ("residual_mwh", "MWh", {"reading"}),
        ("claimed_mwh", "MWh", {"posting"}),
        ("excess_mwh", "MWh", {"posting"}),
        ("aluminium_t", "t", {"reading"}),
    ],
)
def test_a_figure_leads_down_to_its_sources(park: Service, figure: str, unit: str, kinds: set[str]) -> None:
    """Each level sums to the one above, exactly; at the end stand records, and an enterprise sees none but its own."""
    posted(park["a"], "/v1/readings", reading("100.123"))
    posted(park["a"], "/v1/readings", reading("80.001", 2))
    posted(park["a"], "/v1/readings", reading("3", meter="AL1", unit="t"))
    posted(park["b"], "/v1/readings", reading("50", meter="E2"))
    posted(park["a"], "/v1/retirements", retirement(60))
    posted(park["b"], "/v1/retirements", retirement(70))  # more than was consumed
    auditor, records = park["auditor"], []

    def descend(path: str | None, expected: str) -> None:
        asked = QUERY | {"figure": figure} | ({} if path is None else {"path": path})
        found = auditor.get("/v1/inventories/explanation", params=asked).json()
        assert (found["value"], found["unit"]) == (expected, unit)
        assert sum((Decimal(part["value"]) for part in found["parts"]), Decimal(0)) == Decimal(found["value"])
        for part in found["parts"]:
            if part["path"] is None:
                records.append(auditor.get(f"/v1/audit/records/{part['record']}").json()["record"]["type"])
            else:
                descend(part["path"], part["value"])

    descend(None, told_of(draft(park["regulator"]), figure))
    assert set(records) == kinds
    other = park["b"].get("/v1/inventories/explanation", params=QUERY | {"figure": figure, "path": A})
    problem_of(other, 404, "not_found")


def told_of(park: dict[str, Any], figure: str) -> str:
    """The park's figure as its inventory tells it: of its own figures, or as the sum of its enterprises'."""
    if figure in park["figures"]:
        return str(park["figures"][figure])
    found = Decimal(0)
    for one in park["enterprises"]:
        coal = [coal["tce"] for coal in one["coal"] if coal["basis"] == figure.replace("tce", "coal").upper()]
        found += sum(map(Decimal, coal)) + Decimal(one["figures"].get(figure, "0"))
    return f"{found.normalize():f}"


def test_every_product_has_a_figure_that_can_be_explained() -> None:
    """A new product is not forgotten here."""
    products = {f"{one.code}_t" for one in MATERIALS.values() if one.role == "product"}
    assert {figure for figure in get_args(Figure) if figure.endswith("_t")} == products


def test_many_readings_at_once(park: Service) -> None:
    """All or nothing, or each on its own; a unit nobody knows refuses its own item."""
    good, bad = reading("1", meter="E2"), reading("1", 2, meter="E2", unit="万张")
    answer = park["b"].write("/v1/readings/batches", [good, bad])
    assert problem_of(answer, 422, "unit_unknown")["items"][0]["code"] == "batch_refused"
    answer = park["b"].write("/v1/readings/batches?mode=independent", [good, bad])
    assert [item["status"] for item in answer.json()["items"]] == ["posted", "refused"]
    listed = park["b"].get("/v1/readings", params={"year": "2026"}).json()
    assert [(one["meter"], one["quantity"], one["unit"]) for one in listed["items"]] == [("E2", "1000000", "Wh")]
    assert park["a"].get("/v1/readings", params={"year": "2026"}).json()["items"] == []


def test_hours_of_a_month_travel_with_the_reading(park: Service) -> None:
    """They are in the record, where anybody it concerns may read them."""
    days = {"first_on": "2026-03-01", "last_on": "2026-03-31"}
    body = reading("744", **days, hours=["1"] * 744)
    index = posted(park["a"], "/v1/readings", body)
    record = park["a"].get(f"/v1/audit/records/{index}").json()["record"]
    assert (len(record["body"]["hours"]), record["body"]["quantity"]) == (744, "744000000")
    problem_of(park["a"].write("/v1/readings", reading("1", 4, hours=["1"])), 422, "reading_hours")


def test_refusals_are_told_in_chinese_too(park: Service) -> None:
    """A reading in another unit than the meter measures, and days that are read already."""
    answer = park["a"].write("/v1/readings", reading("1", unit="吨"), headers={"Accept-Language": "zh-CN"})
    assert "单位应为 MWh 一类，t 不适用" in problem_of(answer, 422, "unit_unfit")["detail"]
    posted(park["a"], "/v1/readings", reading("1"))
    answer = park["a"].write("/v1/readings", reading("2"), headers={"Accept-Language": "zh-CN"})
    assert "请更正该读数" in problem_of(answer, 409, "reading_overlaps")["detail"]


def test_an_inventory_as_a_table(park: Service) -> None:
    """CSV and XLSX say what JSON says, and each line what it is pinned to."""
    posted(park["a"], "/v1/readings", reading("100"))
    posted(park["b"], "/v1/readings", reading("50", meter="E2"))
    known = draft(park["regulator"])
    content = park["regulator"].get("/v1/inventories/draft", params=QUERY | {"format": "csv"}).content
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {(row["tree_size"], row["root"]) for row in rows} == {(known["tree_size"], known["root"])}
    for scope in ("1", "2_location", "2_market"):
        told = sum((Decimal(row["tco2e"]) for row in rows if row["scope"] == scope), Decimal(0))
        assert told == Decimal(known["figures"][f"scope{scope}"])
    assert {row["instead_of"] for row in rows if row["scope"] == "2_location"} == {"CN-2023 QH"}
    content = park["a"].get("/v1/inventories/draft", params=QUERY | {"format": "xlsx"}).content
    book = load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["figures", "lines", "standard coal", "gaps"]
    figures_ = {row[2]: row[3] for row in book["figures"].iter_rows(min_row=2, values_only=True)}
    assert figures_["scope2_market"] == "60.96" and A in {row[0].value for row in book["lines"].iter_rows(min_row=2)}


def test_a_submitted_inventory_as_tables(park: Service) -> None:
    """Those of the draft it was, whatever was read since."""
    mine = park["a"]
    posted(mine, "/v1/readings", reading("100"))
    record = posted(mine, "/v1/inventories", {"year": "2026", "factors_on": day(0)})
    size = mine.get(f"/v1/inventories/{record}").json()["submission"]["tree_size"]
    moment = mine.get(f"/v1/audit/records/{int(size) - 1}").json()["record"]["recorded_at"]
    posted(mine, "/v1/readings", reading("1", 2))
    for form in ("csv", "xlsx"):
        as_it_was = QUERY | {"factors_on": day(0), "known_as_of": moment, "format": form, "enterprise": A}
        told, drafted = (
            mine.get(path, params=params).content
            for path, params in (
                (f"/v1/inventories/{record}", {"format": form}),
                ("/v1/inventories/draft", as_it_was),
            )
        )
        assert cells(told, form) == cells(drafted, form) and len(told) > 100


def test_what_is_not_reproduced_is_no_table(park: Service) -> None:
    """A table says nothing of its digest: where that differs there is none, and JSON tells."""
    posted(park["a"], "/v1/readings", reading("100"))
    record = posted(park["a"], "/v1/inventories", {"year": "2026"})
    with connect_sync(park.database.admin_url) as connection:
        connection.execute("update inventory set digest = %s", ("0" * 64,))
    assert park["a"].get(f"/v1/inventories/{record}").json()["reproduces"] is False
    for form in ("csv", "xlsx"):
        answer = park["a"].get(f"/v1/inventories/{record}", params={"format": form})
        problem_of(answer, 409, "inventory_not_reproduced")


def cells(content: bytes, form: str) -> list[Any]:
    """What stands in a file."""
    if form == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    return [list(sheet.iter_rows(values_only=True)) for sheet in load_workbook(io.BytesIO(content))]


def test_who_is_in_no_total_of_the_park_stands_in_its_workbook(park: Service) -> None:
    """Without a factor, without a meter, and with one that was not read: each by name and why, none as zero."""
    operator = park["operator"]
    posted(park["a"], "/v1/readings", reading("100"))
    posted(operator, "/v1/meters", meter("COAL", "GH-003", "raw_coal"))
    posted(operator, "/v1/readings", reading("10", meter="COAL", unit="t"))
    content = park["regulator"].get("/v1/inventories/draft", params=QUERY | {"format": "xlsx"}).content
    book = load_workbook(io.BytesIO(content))
    why = {row[0]: row[1] for row in book["in no total"].iter_rows(min_row=2, values_only=True)}
    assert (why["GH-003"], why["GH-004"], why[B]) == ("factor_missing", "without_meters", "without_readings")
    assert A not in why and {row[0].value for row in book["lines"].iter_rows(min_row=2)} == {A}
    totals = {row[2]: row for row in book["figures"].iter_rows(min_row=2, values_only=True) if row[0] == "park"}
    assert totals["scope2_location"][1] == "2026" and totals["scope2_location"][4] == str(park.size)


def test_factors_have_a_source(park: Service) -> None:
    """Those published by a day, and no other."""
    asked = {"factors_on": "2025-06-30"}
    found = park["a"].get("/v1/factors", params=asked).json()["items"]
    residual = {one["factor_set"]: one["value"] for one in found if one["of"] == "NATIONAL_RESIDUAL"}
    assert residual == {"CN-2021": "0.5942", "CN-2022": "0.5856"}
    assert all(one["source"] and one["published_on"] <= "2025-06-30" for one in found)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(1, 12), st.integers(0, 500)),
        st.tuples(st.just("correct"), st.integers(0, 20), st.integers(0, 500)),
        st.tuples(st.just("retire"), st.integers(1, 50), st.just(0)),
        st.tuples(st.just("factor"), st.integers(1, 9_999), st.just(0)),
    ),
    min_size=3, max_size=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def lively(service: Service) -> Service:
    """One park for many histories: each has a meter of its own."""
    return service


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps, number=st.integers(0, 10**9))
def test_any_past_inventory_is_made_again_byte_for_byte(lively: Service, history: list[Any], number: int) -> None:
    """Over random histories of late readings, corrections, retirements and factors, at every size there was."""
    operator, admin, name = lively["operator"], lively["admin"], f"H{number}-{lively.size}"
    posted(operator, "/v1/meters", meter(name))
    seen: dict[str, bytes] = {}
    standing: list[int] = []
    for kind, number_, quantity in history:
        if kind == "read":
            body = reading(str(quantity), number_, meter=name, confirmed=True)
            answer = operator.write("/v1/readings", body)
            standing += [int(answer.json()["transaction"])] if answer.status_code == 201 else []
        elif kind == "correct" and standing:
            at = number_ % len(standing)
            old = lively["auditor"].get(f"/v1/audit/records/{standing[at]}").json()["record"]["body"]
            days = {"first_on": old["first_on"], "last_on": old["last_on"]}
            body = reading(str(quantity), meter=name, confirmed=True, corrects=str(standing[at])) | days
            standing[at] = posted(operator, "/v1/readings", body)
        elif kind == "retire":
            posted(lively["a"], "/v1/retirements", retirement(number_))
        elif kind == "factor":
            rule = {
                "kind": "factor",
                "of": "NATIONAL_RESIDUAL",
                "region": "CN",
                "material": "electricity",
                "per": "MWh",
            }
            rule |= {"factor_set": "CN-2099", "data_year": "2099", "value": f"0.{number_:04}"}
            posted(admin, "/v1/policies", {"in_force_from": "2026-01-01", "source": "a test", "rule": rule})
        asked = QUERY | {"known_as_of": str(lively.size)}
        seen[str(lively.size)] = lively["a"].get("/v1/inventories/draft", params=asked).content
    for size, content in seen.items():
        again = lively["a"].get("/v1/inventories/draft", params=QUERY | {"known_as_of": size})
        assert again.content == content
