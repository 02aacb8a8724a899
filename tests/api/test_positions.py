"""Positions: by enterprise and for the park, on both axes, by vintage, source and route."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.imports.cells import half_unit
from ledger.imports.matching import match
from tests.api.conftest import PROVED, A, B, Service, freeze, make_keys, retirement, trade, transfer
from tests.conftest import Park, Server


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """An empty park with its keys."""
    park = Park(server.clone("template_park"))
    keys = make_keys(park)
    park.close()
    with contextlib.closing(Service(park.database, keys=keys)) as found:
        yield found


DECLARED = {"level": "DECLARED"}


@pytest.fixture(scope="module")
def sizes(service: Service) -> list[int]:
    """What the article says, then an enterprise's year; the tree size after each step."""
    operator, a = service["operator"], service["a"]
    name = "GEC/{}/P1/{}"
    steps: list[tuple[Any, str, dict[str, Any]]] = [
        (operator, "/v1/subscriptions", {"quantity": "3330000", "status": "lump", "evidence": DECLARED}),
        (operator, "/v1/trades", trade(20_000, order="T1", amount_fen="7200000", energy_source="wind")),
        (operator, "/v1/trades/transfers", {"trade": name.format("T1", "2026-05")}),
        (operator, "/v1/trades", trade(11_200, order="T2", production_month="2026-04", amount_fen="4320000")),
        (a, "/v1/transfers", transfer(2_000, lot=name.format("T1", "2026-05"))),
        (operator, "/v1/freezes", freeze(500, lot=name.format("T1", "2026-05"))),
        (a, "/v1/retirements", retirement(1_500, lot=name.format("T1", "2026-05"))),
    ]
    found = []
    for caller, path, body in steps:
        answer = caller.write(path, body)
        assert answer.status_code == 201, answer.text
        found.append(int(answer.json()["tree_size"]))
    return found


def line(answer: dict[str, Any], party: str, group: str | None = None) -> dict[str, str]:
    """A party's figures that are not zero."""
    (one,) = [one for one in answer["lines"] if (one["party"], one["group"]) == (party, group)]
    return {k: v for k, v in one.items() if v != "0" and k not in {"party", "kind", "group"}}


def test_every_figure_stands_in_its_own_column(service: Service, sizes: list[int]) -> None:
    """Subscribed, traded, transferred, held, frozen and retired are different things."""
    found = service["regulator"].get("/v1/positions").json()
    assert found["tree_size"] == str(sizes[-1])
    assert line(found, A) == {
        "traded": "31200", "transferred": "20000", "in_transit": "11200", "held": "16000", "frozen": "500",
        "retired": "1500",
    }  # fmt: skip
    assert line(found, B) == {"held": "2000"}
    assert line(found, "-") == {"subscribed": "3330000", "outstanding": "3330000"}
    assert len([one for one in found["lines"] if one["kind"] == "enterprise"]) == 6


def test_readings_a_and_c_stand_side_by_side(service: Service, sizes: list[int]) -> None:
    """The article's 333 万 and 3.12 万 (domain reference, section 3.6), with how far each is confirmed."""
    found = service["regulator"].get("/v1/positions").json()
    assert found["readings"]["A"] == {
        "subscribed": "3330000", "traded": "31200", "outstanding": "3330000", "fulfilment_percent": None,
    }  # fmt: skip
    assert found["readings"]["C"] == {
        "subscribed": "3330000", "traded": "31200", "outstanding": "3298800", "fulfilment_percent": "0.9369",
    }  # fmt: skip
    assert (found["subscribed_levels"], found["traded_levels"]) == ({"DECLARED": "3330000"}, {"REPORTED": "31200"})


def test_vintages_and_sources_add_up_to_the_whole(service: Service, sizes: list[int]) -> None:
    """Grouped figures are parts of the ungrouped ones."""
    whole = service["regulator"].get("/v1/positions").json()["totals"]
    for group, held in (("vintage", {"2026-05": "16000"}), ("source", {"wind": "16000"})):
        found = service["regulator"].get("/v1/positions", params={"by": group}).json()
        assert found["totals"] == whole
        for name, quantity in held.items():
            assert line(found, A, name)["held"] == quantity
    assert line(service["regulator"].get("/v1/positions?by=vintage").json(), A, "2026-04") == {
        "traded": "11200", "in_transit": "11200",
    }  # fmt: skip


def test_an_earlier_size_shows_what_was_known_then(service: Service, sizes: list[int]) -> None:
    """Asked for what was known after each step, the same lines grow as the book did; the newest equals now."""
    held = []
    for size in sizes:
        found = service["regulator"].get("/v1/positions", params={"known_as_of": size}).json()
        held.append(int(line(found, A).get("held", "0")))
    assert held == [0, 0, 20_000, 20_000, 18_000, 17_500, 16_000]
    now = service["regulator"].get("/v1/positions").json()
    then = service["regulator"].get("/v1/positions", params={"known_as_of": sizes[-1]}).json()
    assert (then["lines"], then["totals"], then["readings"]) == (now["lines"], now["totals"], now["readings"])
    before = service["regulator"].get("/v1/positions", params={"effective_as_of": "2020-01-01"}).json()
    assert set(before["totals"].values()) == {"0"}


def test_an_enterprise_sees_its_own_lines(service: Service, sizes: list[int]) -> None:
    """Nobody else's party, promise or trade; its own figures are the park's."""
    found = service["a"].get("/v1/positions").json()
    assert {one["party"] for one in found["lines"]} == {A}
    assert line(found, A) == line(service["regulator"].get("/v1/positions").json(), A)
    assert (
        found["readings"]["A"]["subscribed"] == "0" and service["b"].get("/v1/positions/routes").json()["lines"] == []
    )


def test_average_cost_comes_from_the_book(service: Service, sizes: list[int]) -> None:
    """115,200 yuan for 31,200 certificates, in transit included: 3.6923 each (domain case T11), by vintage."""
    lines = service["regulator"].get("/v1/positions/routes").json()["lines"]
    found = {(one["route"], one["vintage"]): one for one in lines}
    may, april = found["UNBUNDLED_TRADE", "2026-05"], found["UNBUNDLED_TRADE", "2026-04"]
    assert (may["received"], may["priced"], may["cost_fen"], may["average_yuan"]) == (
        "20000", "20000", "7200000", "3.6000",
    )  # fmt: skip
    assert (april["received"], april["priced"], april["average_yuan"]) == ("0", "11200", "3.8571")
    cost, priced = (sum(int(one[name]) for one in lines) for name in ("cost_fen", "priced"))
    assert (cost, priced, round(cost / priced / 100, 4)) == (11_520_000, 31_200, 3.6923)


def test_routes_are_told_apart(service: Service, sizes: list[int]) -> None:
    """A bundle with its price, energy of one's own without one: each its route, cost only where a price is known."""
    operator = service["operator"]
    dates = {"project": "P1", "production_month": "2026-03"}
    bundle = {"buyer": B, "seller": "S-0001", "contract": "K1", "energy_kwh": "11400000", "amount_fen": "5700000"}
    energy = {"enterprise": B, "seller": "S-0001", "route": "SELF_USE", "reference": "E1", "quantity": "70"}
    assert operator.write("/v1/bundles", dates | bundle).status_code == 201
    gift = {"buyer": B, "seller": "S-0001", "contract": "K2", "energy_kwh": "600000"}
    assert operator.write("/v1/bundles", dates | gift).status_code == 201
    answer = operator.write("/v1/energy-transfers", dates | energy | {"tradable": False, "evidence": PROVED})
    assert answer.status_code == 201, answer.text
    found = {one["route"]: one for one in service["b"].get("/v1/positions/routes").json()["lines"]}
    green = found["GREEN_POWER_BUNDLE"]
    assert (green["received"], green["priced"], green["average_yuan"]) == ("12000", "11400", "5.0000")
    assert (found["SELF_USE"]["received"], found["SELF_USE"]["average_yuan"]) == ("70", None)


@pytest.mark.parametrize(
    ("printed", "figure", "verdict"),
    [
        ("333万", 3_329_600, "within_rounding"),
        ("3.12万", 31_180, "within_rounding"),
        ("333万", 3_330_000, "exact"),
        ("333万", 3_324_999, "no"),
        ("333万", 3_325_000, "within_rounding"),
        ("3.12万", 31_149, "no"),
    ],
)
def test_t15_printed_figures_are_intervals(printed: str, figure: int, verdict: str) -> None:
    """Domain case T15: an enterprise split is right if it lies inside the rounding of the printed figure."""
    whole = {"333万": 3_330_000, "3.12万": 31_200}[printed]
    assert match(figure, whole, within=half_unit(printed, None)) == verdict
