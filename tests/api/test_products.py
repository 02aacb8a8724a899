"""Embodied carbon and allowances over HTTP: what one passes on the next receives, and what is surrendered is due."""

from typing import Any

from tests.api.conftest import PROVED, A, B, Client, Service, problem_of

TONNE = 10**6


def posted(client: Client, path: str, body: dict[str, Any]) -> str:
    """The transaction's id."""
    answer = client.write(path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction"]


def lots(client: Client, **asked: str) -> dict[str, tuple[str, str | None]]:
    """lot -> (embodied grams, kg per tonne)."""
    found = client.get("/v1/products", params=asked).json()["items"]
    return {f"{one['enterprise']}/{one['lot']}": (one["embodied_g"], one["kg_per_tonne"]) for one in found}


def test_carbon_goes_along_the_chain(fresh: Service) -> None:
    """From alumina to aluminium to an alloy of the next enterprise; each sees its own, the regulator all."""
    a, b = fresh["a"], fresh["b"]
    posted(
        a, "/v1/products/receipts", {"lot": "alumina", "quantity": str(193 * TONNE), "emissions_g": str(150 * TONNE)}
    )
    made = {"outputs": [{"lot": "al-1", "quantity": str(100 * TONNE)}], "emissions_g": str(1_200 * TONNE)}
    posted(a, "/v1/products", made | {"inputs": [{"lot": "alumina", "quantity": str(193 * TONNE)}]})
    size = str(fresh.size)
    posted(
        a, "/v1/products/sales", {"lot": "al-1", "quantity": str(40 * TONNE), "receiver": B, "receiver_lot": "ingot"}
    )
    assert lots(a) == {f"{A}/al-1": (str(810 * TONNE), "13500.000"), f"{A}/alumina": ("0", None)}
    assert lots(b) == {f"{B}/ingot": (str(540 * TONNE), "13500.000")}
    assert lots(a, known_as_of=size)[f"{A}/al-1"] == (str(1_350 * TONNE), "13500.000")
    assert lots(fresh["regulator"]) == lots(a) | lots(b)
    refused = a.write("/v1/products/sales", {"lot": "al-1", "quantity": str(61 * TONNE)})
    assert problem_of(refused, 422, "product_insufficient")["figures"]["held"] == str(60 * TONNE)


def test_a_batch_takes_products_too(fresh: Service) -> None:
    """All or nothing, as any other facts."""
    items = [
        {"type": "product", "outputs": [{"lot": "x", "quantity": "3"}], "emissions_g": "7"},
        {"type": "product_sale", "lot": "x", "quantity": "1"},
    ]
    assert fresh["a"].write("/v1/batches", items).json()["posted"] == 2
    assert lots(fresh["a"]) == {f"{A}/x": ("5", "2500.000")}


def test_what_is_surrendered_is_due(fresh: Service) -> None:
    """Against a verified inventory only; a certificate lowers nothing."""
    operator, a = fresh["operator"], fresh["a"]
    meter = {"meter": "AL", "enterprise": A, "site": "w", "stage": "s", "material": "aluminium"}
    posted(operator, "/v1/meters", meter)
    days = {"first_on": "2025-01-01", "last_on": "2025-01-31"}
    posted(a, "/v1/readings", {"meter": "AL", "quantity": "1000", "unit": "t"} | days)
    posted(
        operator,
        "/v1/allowances/allocations",
        {"enterprise": A, "quantity": "2000", "year": "2025"} | {"evidence": PROVED},
    )
    posted(operator, "/v1/allowances/ccer", {"enterprise": A, "quantity": "500", "evidence": PROVED})
    # B never had any: its account opens with what it is given.
    legs = [{"account": f"CEA:Ent:{who}", "commodity": "CEA", "quantity": q} for who, q in ((A, "-100"), (B, "100"))]
    posted(a, "/v1/transfers", {"postings": legs})
    assert fresh["b"].get(f"/v1/accounts/CEA:Ent:{B}/balances").json()["balances"][0]["quantity"] == "100"
    due = {"year": "2025", "cea": "1492", "ccer": "78"}
    problem_of(a.write("/v1/allowances/surrenders", due), 422, "inventory_needed")
    record = posted(a, "/v1/inventories", {"year": "2025"})
    verdict = {"verdict": "verified", "findings": "no_findings"}
    posted(fresh["second"], f"/v1/inventories/{record}/judgements", verdict)
    refused = a.write("/v1/allowances/surrenders", due | {"cea": "1", "ccer": "79"})
    assert problem_of(refused, 422, "ccer_above_limit")["figures"]["limit"] == "78"  # 5 % of 1,569.4
    posted(a, "/v1/allowances/surrenders", due)
    refused = a.write("/v1/allowances/surrenders", {"year": "2025", "cea": "1"})
    assert problem_of(refused, 422, "surrender_above_obligation")["figures"]["obligation"] == "1570"
    problem_of(a.write("/v1/allowances/surrenders", {"year": "2025"}), 422, "invalid_quantity")
    problem_of(operator.write("/v1/allowances/surrenders", {"year": "2025", "cea": "1"}), 422, "enterprise_needed")
