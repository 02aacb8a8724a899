"""Parties are dated facts: registered, renamed, gone, merged; nothing about them is edited."""

import pytest

from ledger.store.session import connect_sync
from tests.api.conftest import PROJECT, PROVED, A, B, Service, issuance, problem_of, transfer
from tests.conftest import PLATFORM, day


def registered(service: Service, party: str, kind: str, name: str) -> None:
    """Register a party, as the operator."""
    body = {"party": party, "kind": kind, "name": name, "aliases": [f"{name}（别名）"]}
    answer = service["operator"].write("/v1/parties", body)
    assert answer.status_code == 201, answer.text


def changed(service: Service, party: str, change: str, **more: str) -> None:
    """Change a party from today on."""
    answer = service["operator"].write(f"/v1/parties/{party}/changes", {"change": change, "on": day(0)} | more)
    assert answer.status_code == 201, answer.text


def test_a_project_registered_over_the_api_can_issue(service: Service) -> None:
    """Its accounts are there at once; its name and aliases are its own."""
    registered(service, "P-NEW", "project", "德令哈光伏一期")
    assert service["operator"].write("/v1/issuances", issuance(5_000, project="P-NEW")).status_code == 201
    found = service["regulator"].get("/v1/parties/P-NEW").json()
    assert (found["kind"], found["name"], found["changes"]) == ("project", "德令哈光伏一期", [])
    body = {"party": "P-OTHER", "kind": "project", "name": "德令哈 光伏一期"}
    problem_of(service["operator"].write("/v1/parties", body), 409, "alias_taken")
    again = {"party": "P-NEW", "kind": "project", "name": "另一个名字"}
    problem_of(service["operator"].write("/v1/parties", again), 409, "party_exists")


def test_names_are_dated_and_the_journal_has_none_of_them(service: Service) -> None:
    """A new name is shown with its day, the old one still leads to the party, and no record holds either."""
    registered(service, "S-NAMED", "seller", "青海旧名新能源")
    changed(service, "S-NAMED", "name", name="青海新名新能源")
    changed(service, "S-NAMED", "alias", name="新名")
    found = service["regulator"].get("/v1/parties/S-NAMED").json()
    assert found["name"] == "青海新名新能源"
    assert [(one["change"], one["name"]) for one in found["changes"]] == [("name", "青海新名新能源"), ("alias", "新名")]
    for name in ("青海旧名新能源", "青海新名新能源", "新名"):
        body = {"party": "S-THIEF", "kind": "seller", "name": name}
        problem_of(service["operator"].write("/v1/parties", body), 409, "alias_taken")
    journal = str(service.records())
    assert "新名" not in journal and "旧名" not in journal


def test_who_exited_receives_nothing_more(service: Service) -> None:
    """What it holds it can still pass on, which is how its affairs are wound up."""
    registered(service, "GH-EXIT", "enterprise", "退出企业")
    assert service["a"].write("/v1/transfers", transfer(10, target="GH-EXIT")).status_code == 201
    changed(service, "GH-EXIT", "exit")
    found = problem_of(service["a"].write("/v1/transfers", transfer(1, target="GH-EXIT")), 422, "party_exited")
    assert found["figures"] == {"party": "GH-EXIT", "exited_on": day(0)}
    offer = {"receiver": "GH-EXIT", "quantity": "1"}
    problem_of(service["a"].write("/v1/offers", offer), 422, "party_exited")
    promise = {"enterprise": "GH-EXIT", "quantity": "1"}
    problem_of(service["operator"].write("/v1/subscriptions", promise), 422, "party_exited")
    assert service["operator"].write("/v1/transfers", transfer(10, source="GH-EXIT", target=A)).status_code == 201
    again = {"change": "exit", "on": day(0)}
    problem_of(service["operator"].write("/v1/parties/GH-EXIT/changes", again), 422, "party_exited")


def test_who_merged_is_found_as_who_remains(service: Service) -> None:
    """Its names lead to the party that remains, over several mergers; its units move by a transfer."""
    for party, name in (("GH-M1", "被并企业甲"), ("GH-M2", "被并企业乙"), ("GH-M3", "存续企业")):
        registered(service, party, "enterprise", name)
    assert service["a"].write("/v1/transfers", transfer(7, target="GH-M1")).status_code == 201
    changed(service, "GH-M1", "merger", into="GH-M2", document=PROVED["document"])
    changed(service, "GH-M2", "merger", into="GH-M3")
    moved = transfer(7, source="GH-M1", target="GH-M3")
    assert service["operator"].write("/v1/transfers", moved).status_code == 201
    found = service["regulator"].get("/v1/parties/GH-M1").json()
    assert (found["merged_into"], found["exited_on"]) == ("GH-M2", day(0))
    trade = {
        "platform": PLATFORM, "order": "M1", "project": "P1", "production_month": "2026-05", "buyer": "GH-M1",
        "seller": "S-0001", "quantity": "3",
    }  # fmt: skip
    problem_of(service["operator"].write("/v1/trades", trade), 422, "party_exited")
    with connect_sync(service.database.urls.reader) as connection:
        connection.execute("select set_config('greenledger.ledger', '1', false)")
        connection.execute("select set_config('greenledger.tenant', '*', false)")
        rows = connection.execute("select party_id from visible_name where lookup = '被并企业甲'").fetchall()
    assert rows == [("GH-M3",)]


@pytest.mark.parametrize(
    ("party", "body", "status", "code"),
    [
        ("GH-NONE", {"change": "exit"}, 422, "unknown_party"),
        (PROJECT, {"change": "name"}, 422, "change_incomplete"),
        (PROJECT, {"change": "exit", "name": "x"}, 422, "change_incomplete"),
        (PROJECT, {"change": "merger"}, 422, "change_incomplete"),
        (PROJECT, {"change": "alias", "name": "\u3000"}, 422, "name_blank"),
        (PROJECT, {"change": "merger", "into": A}, 422, "unknown_party"),
        (PROJECT, {"change": "merger", "into": PROJECT}, 422, "unknown_party"),
        (PROJECT, {"change": "marriage"}, 400, "malformed_request"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    service: Service, party: str, body: dict[str, str], status: int, code: str
) -> None:
    """With a stable code, and nothing recorded about the party."""
    problem_of(service["operator"].write(f"/v1/parties/{party}/changes", {"on": day(0)} | body), status, code)
    assert service["regulator"].get(f"/v1/parties/{PROJECT}").json()["changes"] == []


def test_what_a_merged_enterprise_holds_goes_to_the_one_it_merged_into(service: Service) -> None:
    """Certificates, their cost and the promise, by the merger's document; asked again, nothing is left."""
    operator = service["operator"]
    registered(service, "GH-OLD", "enterprise", "并入前企业")
    succession = {"party": "GH-OLD", "evidence": PROVED}
    problem_of(operator.write("/v1/parties/successions", succession), 409, "party_not_merged")
    bundle = {"buyer": "GH-OLD", "seller": "S-0001", "contract": "M1", "energy_kwh": "70000", "amount_fen": "35000"}
    assert operator.write("/v1/bundles", {"project": "P1", "production_month": "2026-03"} | bundle).status_code == 201
    assert operator.write("/v1/subscriptions", {"enterprise": "GH-OLD", "quantity": "9"}).status_code == 201
    assert service["a"].write("/v1/transfers", transfer(10, target="GH-OLD")).status_code == 201
    changed(service, "GH-OLD", "merger", into=B)
    before = {name: held(service, name, B) for name in KEPT}
    problem_of(operator.write("/v1/parties/successions", {"party": "GH-OLD"}), 422, "evidence_needed")
    answer = operator.write("/v1/parties/successions", succession)
    assert answer.status_code == 201, answer.text
    assert {name: held(service, name, "GH-OLD") for name in KEPT} == dict.fromkeys(KEPT, 0)
    assert {name: held(service, name, B) - before[name] for name in KEPT} == {
        "Holding:Ent": 80,
        "Commitment:Ent": 9,
        "Inventory:GEC": 35_000,
    }
    problem_of(operator.write("/v1/parties/successions", succession), 409, "nothing_to_succeed")
    problem_of(service["b"].write("/v1/parties/successions", succession), 403, "forbidden")


KEPT = ("Holding:Ent", "Commitment:Ent", "Inventory:GEC")


def held(service: Service, account: str, party: str) -> int:
    """The balance of a party's account, whatever its commodity."""
    found = service["regulator"].get(f"/v1/accounts/{account}:{party}/balances")
    assert found.status_code == 200, found.text
    return sum(int(one["quantity"]) for one in found.json()["balances"])
