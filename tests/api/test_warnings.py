"""Early warnings over HTTP (domain reference, section 5.4): each with a day it is told on and one it is not."""

from typing import Any

from tests.api.conftest import GIVEN, LOT, PROVED, A, B, Client, Service, retirement, trade
from tests.api.test_indicators import DAYS, METER, opening
from tests.conftest import day

YEAR_END = {"year": "2025", "on": "2025-12-20"}


def told(client: Client, kind: str, **asked: str) -> list[tuple[str | None, str | None, str | None]]:
    """(enterprise, quantity, day) of the warnings of one kind."""
    answer = client.get("/v1/warnings", params=asked)
    assert answer.status_code == 200, answer.text
    found = [one for one in answer.json()["warnings"] if one["kind"] == kind]
    return [(one["enterprise"], one["quantity"], one["on"]) for one in found]


def posted(client: Client, path: str, body: dict[str, Any]) -> str:
    """The transaction's id."""
    answer = client.write(path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction"]


def test_certificates_about_to_lapse(service: Service) -> None:
    """Of May 2026: the last day is the last of the 23rd month after, 2028-04-30 (domain 1.7)."""
    last = "2028-04-30"
    both = [(A, str(GIVEN + 1000), last), (B, str(GIVEN), last)]
    for on, within in (("2028-03-31", "30"), ("2028-03-30", "60"), ("2028-02-29", "90"), ("2028-04-30", "30")):
        answer = service["regulator"].get("/v1/warnings", params={"on": on}).json()
        expiring = [one for one in answer["warnings"] if one["kind"] == "expiring"]
        assert [(one["enterprise"], one["quantity"], one["on"]) for one in expiring] == both
        assert {one["figures"]["within_days"] for one in expiring} == {within}
    assert not told(service["regulator"], "expiring", on="2028-01-30")
    assert not told(service["regulator"], "expiring", on="2028-05-01")
    assert told(service["b"], "expiring", on="2028-04-30") == [(B, str(GIVEN), last)]


def test_trades_long_in_clearing(fresh: Service) -> None:
    """More than 15 days after the trade; what was withdrawn, or moved, is told no more, save as it was known then."""
    operator, regulator = fresh["operator"], fresh["regulator"]
    for order, on in (("old", day(-16)), ("new", day(-15))):
        posted(operator, "/v1/trades", trade(100, order=order, occurred_on=on, evidence=PROVED))
    assert told(regulator, "clearing_overdue") == [(A, "100", day(-16))]
    assert told(fresh["b"], "clearing_overdue") == []
    size = str(fresh.size)
    before = regulator.get("/v1/warnings", params={"known_as_of": size, "on": day(0)}).json()
    named = {"trade": "GEC/old/P1/2026-05"}
    posted(operator, "/v1/trades/voids", named | {"quantity": "40"})
    assert told(regulator, "clearing_overdue") == [(A, "60", day(-16))]
    posted(operator, "/v1/trades/transfers", named)
    assert told(regulator, "clearing_overdue") == []
    assert regulator.get("/v1/warnings", params={"known_as_of": size, "on": day(0)}).json() == before


def test_promises_nothing_is_done_about(fresh: Service) -> None:
    """More than 90 days after it was made, or after the last trade."""
    operator, regulator = fresh["operator"], fresh["regulator"]
    for party, on in (("GH-003", day(-91)), ("GH-004", day(-90))):
        promise = {"enterprise": party, "quantity": "50", "occurred_on": on, "evidence": PROVED}
        posted(operator, "/v1/subscriptions", promise)
    assert told(regulator, "promise_without_trade") == [("GH-003", "50", day(-91))]
    posted(operator, "/v1/trades", trade(1, buyer="GH-003"))
    assert told(regulator, "promise_without_trade") == []


def test_a_gap_near_the_end_of_the_year(fresh: Service) -> None:
    """Eleven days before it: the certificates that are missing, and what they cost at the last price."""
    operator, admin, regulator = fresh["operator"], fresh["admin"], fresh["regulator"]
    rule = {"kind": "industry_of", "enterprise": B, "industry": "cement"}
    assert admin.write("/v1/policies", {"in_force_from": "2020-01-01", "source": "s", "rule": rule}).status_code == 201
    posted(operator, "/v1/meters", METER | {"meter": "E-B", "enterprise": B})
    posted(operator, "/v1/readings", DAYS | {"meter": "E-B", "quantity": "18"})
    posted(operator, "/v1/openings", opening(B, 9))
    # 70 % of 18 MWh are 12.6: 13 certificates, of which 9 are held.
    assert told(regulator, "gap_near_year_end", **YEAR_END) == [(B, "4", None)]
    assert told(regulator, "gap_near_year_end", year="2025", on="2025-11-01") == []
    dated = {"occurred_on": "2025-12-10", "evidence": PROVED, "production_month": "2025-11"}
    posted(operator, "/v1/trades", trade(30, amount_fen="15151", **dated))
    posted(
        operator, "/v1/trades", trade(5, order="withdrawn", amount_fen="9999", **dated | {"occurred_on": "2025-12-11"})
    )
    posted(operator, "/v1/trades/voids", {"trade": "GEC/withdrawn/P1/2025-11"})
    found = regulator.get("/v1/warnings", params=YEAR_END).json()["warnings"]
    figures = next(one["figures"] for one in found if one["kind"] == "gap_near_year_end")
    assert figures == {"days_left": "11", "target_percent": "70.0", "yuan": "20.20"}  # 4 x 151.51 / 30
    price = regulator.get("/v1/indicators", params={"year": "2025", "factors_on": "2025-12-20"}).json()["last_price"]
    assert (price["yuan"], price["amount_fen"], price["quantity"], price["vintage"]) == (
        "5.0503", 15151, 30, "2025-11",
    )  # fmt: skip
    assert fresh["b"].get("/v1/indicators", params={"year": "2025"}).json()["last_price"] is None  # another's trade


def test_claims_above_consumption(fresh: Service) -> None:
    """Thirty certificates claimed for 18 MWh."""
    operator, regulator = fresh["operator"], fresh["regulator"]
    posted(operator, "/v1/meters", METER | {"meter": "E-B", "enterprise": B})
    posted(operator, "/v1/readings", DAYS | {"meter": "E-B", "quantity": "18"})
    posted(operator, "/v1/openings", opening(B, 30))
    assert told(regulator, "claimed_above_consumption", year="2025") == []
    claim = retirement(30, enterprise=B, lot=f"opening/{B}/O-1") | {"year": "2025"}
    posted(operator, "/v1/retirements", claim)
    assert told(regulator, "claimed_above_consumption", year="2025") == [(B, "12", None)]


def test_surrendered_above_a_restated_obligation(fresh: Service) -> None:
    """1,570 t surrendered for an inventory that is restated to half of it."""
    operator, a, second = fresh["operator"], fresh["a"], fresh["second"]
    posted(operator, "/v1/meters", {"meter": "AL", "enterprise": A, "site": "w", "stage": "s", "material": "aluminium"})
    days = {"first_on": "2025-01-01", "last_on": "2025-01-31", "unit": "t"}
    reading = posted(a, "/v1/readings", {"meter": "AL", "quantity": "1000"} | days)
    allowances = {"enterprise": A, "quantity": "2000", "year": "2025", "evidence": PROVED}
    posted(operator, "/v1/allowances/allocations", allowances)
    record, verdict = posted(a, "/v1/inventories", {"year": "2025"}), {"verdict": "verified", "findings": "no_findings"}
    posted(second, f"/v1/inventories/{record}/judgements", verdict)
    posted(a, "/v1/allowances/surrenders", {"year": "2025", "cea": "1570"})
    assert told(fresh["regulator"], "surrendered_above_obligation") == []
    posted(a, "/v1/readings", {"meter": "AL", "quantity": "500", "corrects": reading} | days)
    again = posted(a, "/v1/inventories", {"year": "2025", "restates": record})
    assert told(fresh["regulator"], "surrendered_above_obligation") == []
    posted(second, f"/v1/inventories/{again}/judgements", verdict)
    assert told(fresh["regulator"], "surrendered_above_obligation") == [(A, "1570", None)]
    assert told(fresh["b"], "surrendered_above_obligation") == []


def test_rules_that_have_run_out(service: Service) -> None:
    """The linkage of CCER ends on 2026-09-30; what counts for 2026 no notice has said (domain 5.1, 5.4)."""
    regulator = service["regulator"]
    assert told(regulator, "rule_lapsed", on="2026-09-30") == []
    assert told(regulator, "rule_lapsed", on="2026-10-01") == [(None, None, "2026-09-30")]
    assert told(regulator, "rule_missing", year="2026") == [(None, None, None)]
    assert told(regulator, "rule_missing", year="2025") == []


def test_certificates_of_no_use_for_the_year(fresh: Service) -> None:
    """From 2026 on only the year's own certificates count (domain 1.8): those of November 2025 are valid, and idle."""
    posted(fresh["operator"], "/v1/openings", opening(B, 9))
    assert told(fresh["regulator"], "vintage_unusable", year="2026") == [(B, "9", None)]
    assert told(fresh["regulator"], "vintage_unusable", year="2025") == []
    assert told(fresh["regulator"], "vintage_unusable", year="2026", on="2027-11-01") == []  # lapsed on 2027-10-31


def test_asked_badly(service: Service) -> None:
    """A year that is none, a day that is none."""
    for wrong in ({"year": "26"}, {"on": "2026-13-01"}):
        assert service["regulator"].get("/v1/warnings", params=wrong).status_code == 400
    assert LOT not in service["b"].get("/v1/warnings", params={"on": "2028-04-30"}).text
