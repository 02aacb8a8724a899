"""Period close over HTTP: with its figures, in order, and opened again by two people."""

import hashlib

import pytest

from tests.api.conftest import Service, problem_of
from tests.api.test_imports import NAMED, checked, fresh, posted  # noqa: F401 (a fixture)
from tests.imports.statement_files import row, statement

JULY = [row(number, **NAMED) for number in (1, 2)]


def close(service: Service, month: str, state: str = "closed", **more: str) -> object:
    """Ask to close a month."""
    return service["operator"].write(f"/v1/periods/{month}/closings", {"state": state}, **more)


def test_a_month_is_closed_with_its_figures(fresh: Service) -> None:  # noqa: F811 (the fixture)
    """201; the record has trial balance, breaks and size; the same key again is the same answer."""
    posted(fresh["operator"], statement(JULY))
    answer = close(fresh, "2024-07", key="close-july")
    assert answer.status_code == 201, answer.text
    again = close(fresh, "2024-07", key="close-july")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (answer.json(), "true")
    (period,) = fresh["regulator"].get("/v1/periods").json()["items"]
    assert (period["month"], period["state"], period["record"]) == ("2024-07", "closed", answer.json()["transaction"])
    figures = period["figures"]
    assert (figures["GEC/holding_ent"], figures["open_breaks"], figures["imports"]) == ("200", "0", "1")
    as_of = {"effective_as_of": "2024-07-31", "known_as_of": period["tree_size"]}
    trial = fresh["regulator"].get("/v1/balances", params=as_of).json()
    held = {f"{line['commodity']}/{line['kind']}": line["quantity"] for line in trial["lines"]}
    assert all(figures[name] == quantity for name, quantity in held.items() if quantity != "0")
    assert len(period["positions"]) == len(hashlib.sha256().hexdigest())


def test_a_late_statement_counts_in_the_first_open_month(fresh: Service) -> None:  # noqa: F811 (the fixture)
    """July is closed: a trade of July that arrives late keeps its day, and counts from the first of August on."""
    posted(fresh["operator"], statement(JULY[:1]))
    assert close(fresh, "2024-07").status_code == 201
    job = posted(fresh["operator"], statement(JULY), "late.csv")
    assert (job["state"], job["report"]["new_trades"]) == ("posted", 1)
    late = fresh.database.rows(
        "select occurred_on::text, effective_on::text from event where command = 'trade' order by log_index"
    )
    assert late == [("2024-07-05", "2024-07-05"), ("2024-07-05", "2024-08-01")]


@pytest.mark.parametrize("state", ["checked", "refused"])
def test_a_file_that_waits_holds_the_close_up(fresh: Service, state: str) -> None:  # noqa: F811 (the fixture)
    """While an import of the month is neither posted nor rejected it can be closed softly only."""
    cells = {} if state == "checked" else {"buyer_name": "无此企业"}
    job = checked(fresh["operator"], statement([row(1, **NAMED | cells)]))
    assert job["state"] == state
    problem = problem_of(close(fresh, "2024-07"), 422, "imports_open")
    assert problem["figures"]["count"] == "1"
    assert close(fresh, "2024-07", "soft").status_code == 201
    fresh["operator"].post(f"/v1/imports/{job['id']}/rejection")
    assert close(fresh, "2024-07").status_code == 201


def test_a_period_is_opened_again_by_two(fresh: Service) -> None:  # noqa: F811 (the fixture)
    """202 and a proposal; who asked cannot approve; once approved the month is open."""
    assert close(fresh, "2024-06").status_code == 201
    assert close(fresh, "2024-07").status_code == 201
    reopen = {"reason": "late_fact"}
    problem_of(fresh["operator"].write("/v1/periods/2024-06/reopenings", reopen), 422, "period_not_latest")
    waiting = fresh["operator"].write("/v1/periods/2024-07/reopenings", reopen)
    assert waiting.status_code == 202, waiting.text
    proposal = waiting.json()["transaction"]
    problem_of(fresh["operator"].judge(proposal, "approvals"), 403, "second_person_needed")
    assert fresh["second"].judge(proposal, "approvals").status_code == 201
    states = [(one["month"], one["state"]) for one in fresh["auditor"].get("/v1/periods").json()["items"]]
    assert states == [("2024-06", "closed"), ("2024-07", "closed"), ("2024-07", "open")]


@pytest.mark.parametrize(
    ("month", "state", "status", "code"),
    [("2099-01", "closed", 422, "period_out_of_order"), ("2024-13", "closed", 400, "malformed_request"),
     ("2024-07", "open", 400, "malformed_request")],
)  # fmt: skip
def test_what_cannot_be_closed_is_refused(service: Service, month: str, state: str, status: int, code: str) -> None:
    """A month to come, a month that is none, a state that is none."""
    problem_of(close(service, month, state), status, code)


@pytest.mark.parametrize("name", ["a", "regulator", "admin"])
def test_only_operators_close(service: Service, name: str) -> None:
    """Everybody else is refused; park-wide roles may look."""
    for path, body in (("closings", {"state": "closed"}), ("reopenings", {"reason": "error"})):
        problem_of(service[name].write(f"/v1/periods/2024-07/{path}", body), 403, "forbidden")
    assert service[name].get("/v1/periods").status_code == (403 if name == "a" else 200)
