"""Early warnings over HTTP (domain reference, section 5.4): each with a day it is told on and one it is not."""

from typing import Any

from tests.api.conftest import GIVEN, LOT, PROVED, A, B, Client, Service, problem_of, retirement, trade
from tests.api.test_imports import checked
from tests.api.test_indicators import DAYS, METER, opening
from tests.conftest import day
from tests.imports.corpus_files import text

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


def of_2025(service: Service) -> list[dict[str, Any]]:
    """All warnings of that year."""
    return service["regulator"].get("/v1/warnings", params={"year": "2025"}).json()["warnings"]


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
    (due,) = [one for one in of_2025(fresh) if one["kind"] == "restatement_due"]
    assert (due["enterprise"], due["figures"]["inventory"]) == (A, record)
    assert due["figures"]["activity/scope1"] == "-784.7"  # 500 t at 1.424 + 0.1454
    again = posted(a, "/v1/inventories", {"year": "2025", "restates": record})
    assert told(fresh["regulator"], "surrendered_above_obligation") == []
    posted(second, f"/v1/inventories/{again}/judgements", verdict)
    assert told(fresh["regulator"], "surrendered_above_obligation") == [(A, "1570", None)]
    assert told(fresh["b"], "surrendered_above_obligation") == []
    assert [one for one in of_2025(fresh) if one["kind"] == "restatement_due"] == []


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


def test_prices_far_off_their_vintage(fresh: Service) -> None:
    """Ten trades at 5 yuan; a slipped point is told for thirty days, a price four times as high is not.

    An enterprise hears of its own, and sees no other's trades: one alone says nothing of what is usual.
    """
    operator, regulator = fresh["operator"], fresh["regulator"]
    dated = {"occurred_on": day(-1), "evidence": PROVED}
    for _ in range(9):
        posted(operator, "/v1/trades", trade(10, amount_fen="5000", **dated))
    posted(operator, "/v1/trades", trade(10, buyer=B, order="slipped", amount_fen="50000", **dated))
    assert told(regulator, "price_outlier") == [(B, "10", day(-1))]
    posted(operator, "/v1/trades", trade(10, order="dear", amount_fen="20000", **dated))
    found = regulator.get("/v1/warnings").json()["warnings"]
    (figures,) = [one["figures"] for one in found if one["kind"] == "price_outlier"]
    slipped = {"trade": "GEC/slipped/P1/2026-05", "vintage": "2026", "yuan": "50.0000", "median_yuan": "5.0000"}
    assert figures == slipped
    assert told(fresh["b"], "price_outlier") == [] == told(fresh["a"], "price_outlier")
    assert told(regulator, "price_outlier", on=day(28)) == [(B, "10", day(-1))]
    assert told(regulator, "price_outlier", on=day(29)) == []
    posted(operator, "/v1/trades/voids", {"trade": "GEC/slipped/P1/2026-05"})
    assert told(regulator, "price_outlier") == []


def test_factors_that_are_old_or_stand_in_for_one(fresh: Service) -> None:
    """Of 2023 there is no factor of Qinghai: 2022's stands in (domain 4.2). Data of 2023 are old for 2026."""
    regulator = fresh["regulator"]

    def outdated(year: str) -> list[tuple[str, ...]]:
        answer = regulator.get("/v1/warnings", params={"year": year, "on": "2026-11-01"}).json()
        figures = [one["figures"] for one in answer["warnings"] if one["kind"] == "factor_outdated"]
        return [(one["of"], one["data_year"], one.get("instead_of", "")) for one in figures]

    stands_in = ("GRID_AVERAGE", "2022", "CN-2023 QH")
    assert outdated("2025") == [stands_in]
    assert outdated("2026") == [stands_in, ("NATIONAL_RESIDUAL", "2023", "")]
    assert told(regulator, "factor_missing") == []
    assert told(regulator, "factor_missing", on="2020-01-01") == [(None, None, None)] * 2
    rule = {"kind": "factor", "of": "GRID_AVERAGE", "material": "electricity", "region": "QH", "factor_set": "CN-2023",
            "data_year": "2023", "value": "0.15", "per": "MWh"}  # fmt: skip
    body = {"in_force_from": "2026-01-01", "source": "s", "rule": rule}
    assert fresh["admin"].write("/v1/policies", body).status_code == 201
    assert outdated("2025") == []


def test_a_summary_that_differs_from_the_book(fresh: Service) -> None:
    """万张 to two places are 50 certificates either way; what is further off is told, and by how much."""
    operator, regulator = fresh["operator"], fresh["regulator"]
    dated = {"occurred_on": day(0), "evidence": PROVED}
    for party, promised, traded in (("GH-003", "10000", 1_050), ("GH-004", "4000", 1_051)):
        posted(operator, "/v1/subscriptions", {"enterprise": party, "quantity": promised} | dated)
        posted(operator, "/v1/trades", trade(traded, buyer=party, **dated))
    year, month = day(0)[:4], int(day(0)[5:7])
    lines = [
        ["甘河工业园区重点用能企业绿证认购、交易情况汇总表"],
        [f"填报单位：园区管委会   截至：{year}年{month}月   单位：万张"],
        ["序号", "企业名称", "认购数量", "认购日期", "认购依据", "交易数量", "核销数量", "备注"],
        [1, "企业GH-003", "1.00", "", "承诺书", "0.10", 0, ""],
        [2, "企业GH-004", "0.50", "", "承诺书", "0.10", 0, ""],
    ]
    assert checked(operator, text(lines), "park-summary.csv")["state"] in {"checked", "refused"}
    differs = [one for one in told(regulator, "summary_differs") if one[0] is not None]
    assert differs == [("GH-004", "1000", None), ("GH-004", "51", None)]
    assert told(fresh["a"], "summary_differs") == []
    assert told(regulator, "summary_differs", year=str(int(year) - 1)) == []


def test_asked_badly(service: Service) -> None:
    """A year that is none, a day that is none."""
    for wrong in ({"year": "26"}, {"on": "2026-13-01"}):
        assert service["regulator"].get("/v1/warnings", params=wrong).status_code == 400
    problem_of(service["regulator"].get("/v1/warnings", params={"on": "0001-01-10"}), 422, "day_too_early")
    assert LOT not in service["b"].get("/v1/warnings", params={"on": "2028-04-30"}).text
