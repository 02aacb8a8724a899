"""Indicators over HTTP: shares with their numerators, targets by industry, a ranking, checks of published claims."""

from typing import Any

import pytest

from tests.api.conftest import LOT, PROVED, A, B, Service, problem_of, retirement
from tests.conftest import PROJECT

METER = {"site": "works", "stage": "all", "material": "electricity", "route": "GRID"}
DAYS = {"first_on": "2025-01-01", "last_on": "2025-01-31", "unit": "MWh", "evidence": PROVED}
ASKED = {"year": "2025"}


def opening(party: str, quantity: int, reference: str = "O-1") -> dict[str, Any]:
    """Certificates of the last months of 2025 that the enterprise had by then."""
    body = {"enterprise": party, "reference": reference, "project": PROJECT, "production_month": "2025-11"}
    days = {"occurred_on": "2025-12-15", "effective_on": "2025-12-15"}
    return body | days | {"quantity": str(quantity), "evidence": PROVED}


@pytest.fixture
def park(fresh: Service) -> Service:
    """A aluminium works that reaches its target, a cement works that is only watched, others without meters."""
    operator, admin = fresh["operator"], fresh["admin"]
    for party, industry, consumed, held in ((A, "aluminium", "337", 240), (B, "cement", "18", 9)):
        rule = {"kind": "industry_of", "enterprise": party, "industry": industry}
        body = {"in_force_from": "2020-01-01", "source": "a list of the park", "rule": rule}
        assert admin.write("/v1/policies", body).status_code == 201
        assert operator.write("/v1/meters", METER | {"meter": f"E-{party}", "enterprise": party}).status_code == 201
        reading = DAYS | {"meter": f"E-{party}", "quantity": consumed}
        assert operator.write("/v1/readings", reading).status_code == 201
        assert operator.write("/v1/openings", opening(party, held)).status_code == 201
    return fresh


def asked(service: Service, caller: str = "regulator", **more: str) -> dict[str, Any]:
    """The indicators of 2025."""
    answer = service[caller].get("/v1/indicators", params=ASKED | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_t13_over_http(park: Service) -> None:
    """Sums over sums, each target with the record that sets it; a promise counts as nothing."""
    assert park["a"].write("/v1/subscriptions", {"quantity": "1000"}).status_code == 201
    found = asked(park)
    assert (found["basis"], found["vintage"]) == ("HELD", "WITHIN_VALIDITY")
    assert (found["park"]["counted"], found["park"]["consumed_mwh"], found["park"]["percent"]) == (
        249,
        "355",
        "70.1408",
    )
    aluminium, cement = found["industries"]["aluminium"], found["industries"]["cement"]
    assert (aluminium["percent"], aluminium["meets"], aluminium["target_mode"]) == ("71.2166", True, "ASSESSED")
    assert (cement["percent"], cement["meets"], cement["target_mode"], cement["gap"]) == (
        "50.0000",
        False,
        "MONITORED",
        4,
    )
    rule = (
        park["auditor"].get(f"/v1/audit/records/{aluminium['target_record']}").json()["record"]["body"]["row"]["rule"]
    )
    assert (rule["kind"], rule["percent"]) == ("target", "70.0")


def test_ranking_and_those_without_data(park: Service) -> None:
    """By share; an enterprise without a meter has no rank, no share and no zero."""
    lines = asked(park)["enterprises"]
    assert [(line["rank"], line["enterprise"]) for line in lines[:3]] == [(1, A), (2, B), (None, "GH-003")]
    assert lines[2]["compliance"]["percent"] is None and lines[2]["scope2_location"] is None


def test_what_is_held_and_retired_later_counts_once(park: Service) -> None:
    """Held on the last day of 2025 and claimed for it in 2026: one certificate, whatever is asked first."""
    before = asked(park)["enterprises"][0]["compliance"]["counted"]
    claim = retirement(50, enterprise=A, lot=f"opening/{A}/O-1") | {"year": "2025"}
    assert park["operator"].write("/v1/retirements", claim).status_code == 201
    found = asked(park)["enterprises"][0]
    assert (found["compliance"]["counted"], found["retired"], found["held"]) == (before, 50, 240)


def test_what_came_later_does_not_count_for_the_year(park: Service) -> None:
    """The weight of 2025 must be met in 2025: a claim of certificates that came in 2026 is no share of it."""
    claim = retirement(50, enterprise=A, lot=LOT) | {"year": "2025"}
    assert park["operator"].write("/v1/retirements", claim).status_code == 201
    assert asked(park)["enterprises"][0]["compliance"]["counted"] == 240


def test_declared_figures_are_shown_as_such(park: Service) -> None:
    """The park's four of the end of 2023, then a series; a better confirmed row of the same day takes its place."""
    before = asked(park)["declared"]
    assert {one["figure"]: (one["percent"], one["as_of"], one["level"]) for one in before} == {
        "循环经济产值比重": ("89", "2023-12-31", "DECLARED"),
        "固废综合利用率": ("95", "2023-12-31", "DECLARED"),
        "重复用水率": ("95", "2023-12-31", "DECLARED"),
        "铝水就地转化率": ("77", "2023-12-31", "DECLARED"),
    }
    size = str(park.size)
    rule = {
        "kind": "declared_figure",
        "figure": "重复用水率",
        "percent": "96.5",
        "as_of": "2024-12-31",
        "level": "DECLARED",
    }
    body = {"in_force_from": "2024-12-31", "source": "a report", "rule": rule}
    assert park["admin"].write("/v1/policies", body).status_code == 201
    confirmed = body | {"rule": rule | {"as_of": "2023-12-31", "level": "CONFIRMED", "percent": "94.8"}}
    assert park["admin"].write("/v1/policies", confirmed).status_code == 201
    found = [one for one in asked(park)["declared"] if one["figure"] == "重复用水率"]
    assert [(one["as_of"], one["percent"], one["level"]) for one in found] == [
        ("2023-12-31", "94.8", "CONFIRMED"),
        ("2024-12-31", "96.5", "DECLARED"),
    ]
    assert asked(park, known_as_of=size)["declared"] == before
    for wrong in ({"percent": "101"}, {"as_of": "2024"}):
        refused = park["admin"].write("/v1/policies", body | {"rule": rule | wrong})
        assert problem_of(refused, 422, "rule_unsound")


def test_an_enterprise_sees_its_own_line(park: Service) -> None:
    """And no sums of others."""
    found = asked(park, "b")
    assert [(line["enterprise"], line["rank"]) for line in found["enterprises"]] == [(B, None)]
    assert found["enterprises"][0]["compliance"]["counted"] == 9
    assert (found["park"], found["industries"]) == (None, {}) and A not in str(found)


def test_which_industry_another_is_of_is_no_enterprise_s_business(park: Service) -> None:
    """A rule that names an enterprise is told to it and to the park."""

    def named(caller: str) -> set[str]:
        rules = park[caller].get("/v1/policies", params={"limit": "500"}).json()["items"]
        return {one["rule"]["enterprise"] for one in rules if "enterprise" in one["rule"]}

    assert (named("a"), named("b"), named("regulator")) == ({A}, {B}, {A, B})


def test_a_year_without_a_rule_has_no_share(park: Service) -> None:
    """What counts for 2026 no notice has said: it is named, and what was consumed and claimed is told all the same."""
    reading = DAYS | {"meter": f"E-{A}", "quantity": "50", "first_on": "2026-01-01", "last_on": "2026-01-31"}
    assert park["operator"].write("/v1/readings", reading).status_code == 201
    assert park["a"].write("/v1/retirements", retirement(60)).status_code == 201
    found = asked(park, year="2026")
    assert (found["basis"], found["vintage"], found["missing_rules"]) == (None, "SAME_YEAR", ["compliance basis"])
    assert (found["park"]["consumed_mwh"], found["park"]["counted"], found["park"]["percent"]) == ("50", None, None)
    (line,) = [one for one in found["enterprises"] if one["enterprise"] == A]
    assert (line["rank"], line["compliance"]["gap"], line["retired_percent"]) == (None, None, "120.0000")
    assert (line["excess_mwh"], line["scope2_market"]) == ("10", "0")


def test_shares_beside_each_other(park: Service) -> None:
    """Held, retired, of the grid alone; the weakest evidence of what was consumed; emissions of a tonne."""
    operator = park["operator"]
    own = METER | {"meter": "PV", "enterprise": B, "route": "SELF_USE"}
    product = {"meter": "AL", "enterprise": B, "site": "works", "stage": "all", "material": "aluminium"}
    for body in (own, product):
        assert operator.write("/v1/meters", body).status_code == 201
    declared = DAYS | {"meter": "PV", "quantity": "6", "evidence": {"level": "DECLARED"}}
    for reading in (declared, DAYS | {"meter": "AL", "quantity": "4", "unit": "t"}):
        assert operator.write("/v1/readings", reading).status_code == 201
    claim = retirement(3, enterprise=B, lot=f"opening/{B}/O-1") | {"year": "2025"}
    assert operator.write("/v1/retirements", claim).status_code == 201
    (line,) = [one for one in asked(park)["enterprises"] if one["enterprise"] == B]
    share = line["compliance"]
    assert (share["consumed_mwh"], share["percent"], share["grid_mwh"], share["grid_percent"]) == (
        "24", "37.5000", "18", "50.0000",
    )  # fmt: skip
    assert (line["held_percent"], line["retired_percent"], line["consumption_level"]) == (
        "37.5000", "12.5000", "DECLARED",
    )  # fmt: skip
    assert line["per_tonne"]["scope1"] == "1.5694"  # T4: 1.424 + 0.1454


def test_who_burns_what_has_no_factor_has_a_share_all_the_same(park: Service) -> None:
    """Its emissions cannot be told; what part of its electricity is green can, with what it claimed."""
    operator, known = park["operator"], asked(park)
    coal = {"meter": "COAL", "enterprise": A, "site": "works", "stage": "all", "material": "raw_coal"}
    assert operator.write("/v1/meters", coal).status_code == 201
    assert operator.write("/v1/readings", DAYS | {"meter": "COAL", "quantity": "4", "unit": "t"}).status_code == 201
    found = asked(park)
    (line,) = [one for one in found["enterprises"] if one["enterprise"] == A]
    (before,) = [one for one in known["enterprises"] if one["enterprise"] == A]
    assert (line["refused"], line["scope1"], line["excess_mwh"]) == ("factor_missing", None, None)
    for name in ("rank", "compliance", "held", "held_percent", "retired", "retired_percent"):
        assert line[name] == before[name] is not None
    assert found["park"] == known["park"]


def test_meters_that_were_not_read_are_no_zero(park: Service) -> None:
    """Of 2024 nothing was read: no share, no rank, no emissions."""
    (line,) = [one for one in asked(park, year="2024")["enterprises"] if one["enterprise"] == A]
    assert (line["rank"], line["compliance"]["consumed_mwh"], line["scope2_location"]) == (None, None, None)


def test_t16_over_http(park: Service) -> None:
    """A published claim that no factor gives is answered, not refused."""
    claim = {"energy_mwh": "65810", "tce": "16750", "tco2": "4389", "on": "2025-12-31"}
    coal, carbon = park["regulator"].get("/v1/indicators/published", params=claim).json()
    assert (coal["implied_per_mwh"], carbon["implied_per_mwh"]) == ("0.2545", "0.0667")
    assert {coal["verdict"], carbon["verdict"]} == {"not_reproducible_with_known_factors"}
    assert carbon["by"]["CN-2022/GRID_AVERAGE/QH"] == "10312.427"


def test_t14_over_http(park: Service) -> None:
    """Half of the saving needed is the most that certificates may count for."""
    params = {"needed_tce": "1000000", "cross_province": 5_000_000}
    found = park["regulator"].get("/v1/indicators/savings", params=params).json()
    assert (found["bought_tce"], found["cap_tce"], found["counted_tce"]) == ("614500", "500000", "500000")
    assert found["coefficient"] == "0.1229"


def test_a_rule_of_region_holds_all_the_way(park: Service) -> None:
    """What is of no province that serves the year is not held for it, and is warned of; what was claimed under the
    rule is right by the audit too.
    """
    operator = park["operator"]
    assert operator.write("/v1/openings", opening(A, 100, "O-2") | {"province": "GS"}).status_code == 201
    rule = {"kind": "claim_region", "consumed_from": "2025", "consumed_before": "2026", "provinces": "GS NX"}
    body = {"in_force_from": "2025-01-01", "source": "a test", "rule": rule}
    assert park["admin"].write("/v1/policies", body).status_code == 201
    found = asked(park)
    held = {line["enterprise"]: line["held"] for line in found["enterprises"] if line["held"]}
    assert (found["provinces"], held, found["park"]["counted"]) == (["GS", "NX"], {A: 100}, 100)
    warned = park["regulator"].get("/v1/warnings", params={"year": "2025"}).json()["warnings"]
    idle = [one for one in warned if one["kind"] == "region_unusable" and one["figures"]["vintage"] == "2025-11"]
    assert {one["enterprise"]: one["quantity"] for one in idle} == {A: "240", B: "9"}
    claim = retirement(60, year="2025", enterprise=A)
    assert operator.write("/v1/retirements", claim).status_code == 201
    problem_of(operator.write("/v1/retirements", claim), 422, "insufficient_balance")
    verdicts = park["auditor"].get("/v1/audit/invariants").json()["items"]
    assert [(one["number"], one["breaches"]) for one in verdicts if one["state"] == "broken"] == []
