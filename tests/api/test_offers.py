"""A transfer in two steps: offered, which reserves; then accepted, rejected, withdrawn or lapsed."""

from typing import Any

import pytest

from tests.api.conftest import LOT, A, B, Service, problem_of, transfer
from tests.conftest import day


def offered(service: Service, quantity: int = 10, **more: Any) -> str:
    """The id of A's offer to B."""
    answer = service["a"].write("/v1/offers", {"receiver": B, "quantity": str(quantity), "lot": LOT} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction"]


def replied(service: Service, who: str, offer: str, answer: str) -> Any:
    """What somebody hears who answers an offer."""
    return service[who].write("/v1/offers/answers", {"offer": offer, "answer": answer})


def held(service: Service) -> tuple[int, int]:
    """What A and B hold."""
    return service["a"].balance(A), service["b"].balance(B)


def test_an_offer_reserves_until_it_is_accepted(service: Service) -> None:
    """It leaves the holding at once, cannot be used twice, stays A's in the positions, and is B's once accepted."""
    a, b = held(service)
    offer = offered(service)
    assert held(service) == (a - 10, b)
    lines = service["a"].get("/v1/positions").json()["lines"]
    assert (lines[0]["held"], lines[0]["offered"]) == (str(a - 10), "10")
    seen = service["b"].get(f"/v1/offers/{offer}").json()
    assert (seen["enterprise"], seen["state"]) == (A, "open")
    assert seen["certificates"] == [{"lot": LOT, "quantity": "10", "serials": []}]
    receipt = replied(service, "b", offer, "accept").json()
    assert [x["account"] for x in receipt["balances"]] == [f"Holding:Ent:{B}"]
    assert held(service) == (a - 10, b + 10)
    told = service["a"].get(f"/v1/offers/{offer}").json()
    assert (told["state"], told["answered"]) == ("accept", receipt["transaction"])
    problem_of(replied(service, "b", offer, "accept"), 409, "offer_answered")
    problem_of(replied(service, "a", offer, "withdraw"), 409, "offer_answered")


@pytest.mark.parametrize(("who", "answer"), [("b", "reject"), ("a", "withdraw"), ("operator", "reject")])
def test_what_is_not_accepted_goes_back(service: Service, who: str, answer: str) -> None:
    """All of it, by whoever may say so."""
    before = held(service)
    offer = offered(service)
    assert replied(service, who, offer, answer).status_code == 201
    assert held(service) == before
    assert service["b"].get(f"/v1/offers/{offer}").json()["state"] == answer


@pytest.mark.parametrize(
    ("who", "answer"), [("a", "accept"), ("a", "reject"), ("b", "withdraw"), ("stranger", "accept")]
)
def test_nobody_answers_for_the_other_end(service: Service, who: str, answer: str) -> None:
    """The wrong end hears what a stranger hears, which is what it hears of no offer at all."""
    offer = offered(service, receiver="GH-003") if who == "stranger" else offered(service)
    caller = "b" if who == "stranger" else who
    size = service.size
    theirs = problem_of(replied(service, caller, offer, answer), 422, "offer_unknown")
    nothing = problem_of(replied(service, caller, "987654321", answer), 422, "offer_unknown")
    assert theirs["detail"].replace(offer, "N") == nothing["detail"].replace("987654321", "N")
    assert service.size == size + 2  # both refusals are on record, nothing else
    if who == "stranger":
        problem_of(service["b"].get(f"/v1/offers/{offer}"), 404, "not_found")
        assert offer not in [one["offer"] for one in service["b"].get("/v1/offers").json()["items"]]


def test_an_offer_has_its_day(service: Service) -> None:
    """Not before its day has passed does it lapse; for no day before today can it be made."""
    offer = offered(service, expires_on=day(0))
    assert service["b"].get(f"/v1/offers/{offer}").json()["expires_on"] == day(0)
    problem_of(replied(service, "b", offer, "lapse"), 409, "offer_open")
    body = {"receiver": B, "quantity": "1", "lot": LOT, "expires_on": day(-1)}
    problem_of(service["a"].write("/v1/offers", body), 422, "offer_lapsed")


def test_more_than_is_held_and_oneself_are_refused(service: Service) -> None:
    """With their codes, and nothing posted."""
    before = held(service)
    body = {"receiver": B, "quantity": "99999999", "lot": LOT}
    problem_of(service["a"].write("/v1/offers", body), 422, "insufficient_balance")
    problem_of(service["a"].write("/v1/offers", body | {"receiver": A}), 422, "offer_to_itself")
    problem_of(service["a"].write("/v1/offers", body | {"receiver": "GH-999"}), 422, "unknown_party")
    problem_of(service["a"].write("/v1/offers", body | {"enterprise": B}), 403, "not_your_account")
    assert held(service) == before


def test_what_is_offered_cannot_be_moved_otherwise(service: Service) -> None:
    """A transfer out of the reservation is no allowed move."""
    offered(service)
    legs = transfer(5, lot=LOT)["postings"]
    legs[0]["account"] = f"Offered:{A}"
    problem_of(service["a"].write("/v1/transfers", {"postings": legs}), 422, "move_not_allowed")


def test_serials_stay_together_through_an_offer(service: Service) -> None:
    """Numbered certificates are offered, accepted and handed on by their serials."""
    lots = service["a"].get(f"/v1/accounts/Holding:Ent:{A}/balances").json()["balances"][0]["lots"]
    lot = next(one["lot"] for one in lots if one["serials"])
    offer = offered(service, 5, lot=lot, serials=[{"first": "11", "last": "15"}])
    assert service["b"].get(f"/v1/offers/{offer}").json()["certificates"][0]["serials"] == [["11", "15"]]
    assert replied(service, "b", offer, "accept").status_code == 201
    mine = service["b"].get(f"/v1/accounts/Holding:Ent:{B}/balances").json()["balances"][0]["lots"]
    assert next(one["serials"] for one in mine if one["lot"] == lot) == [["11", "15"]]
