"""The exception queue: what keeps a statement from posting is told, owned, resolved by a fact, and checked again."""

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.imports import job
from tests.api.conftest import A, Service, open_service, problem_of
from tests.api.test_imports import NAMED, checked, posted, send, settled
from tests.conftest import Server, code
from tests.imports.statement_files import PROJECT, row, statement, total

UNKNOWN = "从未登记企业有限公司"
RIGHT, WRONG = row(1, **NAMED), row(2, buyer_name=UNKNOWN)


@pytest.fixture
def service(server: Server) -> Iterator[Service]:
    """A park with a queue of its own."""
    with contextlib.closing(open_service(server)) as found:
        yield found


def queue(service: Service, **asked: str) -> list[dict[str, Any]]:
    """What waits, the oldest first."""
    return service["operator"].get("/v1/exceptions", params=asked).json()["items"]


def test_an_unknown_name_waits_until_it_is_an_alias(service: Service) -> None:
    """The alias is the fact that resolves it; checked again, the file posts, and the queue is empty."""
    operator = service["operator"]
    found = checked(operator, statement([RIGHT, WRONG]))
    (waiting,) = queue(service)
    assert (waiting["import_id"], waiting["age_days"], waiting["owner"]) == (found["id"], 0, found["received_by"])
    assert (waiting["problem"]["rule"], waiting["problem"]["given"]) == ("unknown_name", UNKNOWN)
    assert queue(service, rule="control_total") == [] and queue(service, rule="unknown_name") == [waiting]
    change = {"change": "alias", "on": datetime.date.today().isoformat(), "name": UNKNOWN}
    assert operator.write(f"/v1/parties/{A}/changes", change).status_code == 201
    assert queue(service) == [waiting]  # nothing is re-run behind anybody's back
    assert operator.post(f"/v1/imports/{found['id']}/check").status_code == 202
    assert settled(operator, found["id"], "checked")["report"]["problems"] == []
    assert queue(service) == []


def test_a_rejected_line_never_posts_and_the_others_do(service: Service) -> None:
    """Its rejection is a record; totals that differ by it are signed off; the same file again says the same."""
    operator, content = service["operator"], statement([RIGHT, WRONG], after=[total("200", "1040.00")])
    found = checked(operator, content)
    line = found["report"]["problems"][0]["line"]
    size = service.size
    path = f"/v1/imports/{found['id']}/rows/{line}/rejection"
    answer = operator.write(path, {"reason": "not_ours"})
    assert answer.status_code == 201 and service.size == size + 1
    assert operator.write(path, {"reason": "not_ours"}).headers["Idempotent-Replayed"] == "true"
    found = settled(operator, found["id"], "refused")
    assert found["report"]["rejected"] == 1
    assert [problem["rule"] for problem in found["report"]["problems"]] == ["control_total"]
    answer = operator.post(f"/v1/imports/{found['id']}/posting?sign_off=partial_export")
    assert answer.status_code == 202
    found = settled(operator, found["id"], "posted")
    assert (found["report"]["new_trades"], found["report"]["rejected"]) == (1, 1)
    (told,) = operator.get(f"/v1/imports/{found['id']}/rows?verdict=rejected").json()["items"]
    assert told["line"] == line and queue(service) == []
    assert checked(operator, content)["report"]["replayed"]


def test_of_two_lines_that_contradict_each_other_the_one_left_posts(service: Service) -> None:
    """Rejecting one of them decides the conflict."""
    operator = service["operator"]
    found = checked(operator, statement([RIGHT, RIGHT | {"quantity": "101", "amount": "525.20"}]))
    (problem,) = found["report"]["problems"]
    assert problem["rule"] == "trade_conflict"
    answer = operator.write(f"/v1/imports/{found['id']}/rows/{problem['line']}/rejection", {"reason": "twice"})
    assert answer.status_code == 201
    assert settled(operator, found["id"], "checked")["report"]["new_quantity"] == 100


def test_somebody_takes_an_import_over(service: Service) -> None:
    """The queue can be asked by who sees to it."""
    found = checked(service["operator"], statement([WRONG]))
    taken = service["second"].post(f"/v1/imports/{found['id']}/owner").json()
    assert taken["owner"] != found["owner"]
    assert len(queue(service, owner=taken["owner"])) == 1 and queue(service, owner=found["owner"]) == []


def test_only_the_latest_import_of_a_file_waits(service: Service) -> None:
    """A file sent again has its exceptions once; what is posted has none."""
    operator, content = service["operator"], statement([WRONG])
    checked(operator, content)
    second = checked(operator, content)
    assert [one["import_id"] for one in queue(service)] == [second["id"]]
    posted(operator, statement([RIGHT]))
    assert len(queue(service)) == 1


def test_a_line_of_what_is_over_cannot_be_rejected(service: Service) -> None:
    """409 as for any decision on an import that is posted."""
    operator = service["operator"]
    found = posted(operator, statement([RIGHT]))
    answer = operator.write(f"/v1/imports/{found['id']}/rows/5/rejection", {"reason": "twice"})
    problem_of(answer, 409, "import_not_ready")


def test_a_chunked_import_goes_on_past_a_line_that_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All else is in, the line is in the queue, and the same file posts the rest of itself once that is decided."""
    monkeypatch.setattr(job, "CHUNK_ROWS", 2)
    monkeypatch.setattr(job, "BATCH_MAX", 1)
    operator = service["operator"]
    codes = {"code_first": code(PROJECT, "2024-03", 1), "code_last": code(PROJECT, "2024-03", 100)}
    first, taken = row(1, **NAMED, **codes), row(3, **NAMED, **codes)
    assert posted(operator, statement([first]))["state"] == "posted"
    content = statement([row(number, **NAMED) for number in (2, 4)] + [taken] + [row(5, **NAMED)], after=[])
    before = checked(operator, content, "later.csv")
    assert before["state"] == "checked"  # what is wrong with it is seen only where serials are decided
    assert operator.post(f"/v1/imports/{before['id']}/posting").status_code == 202
    done = settled(operator, before["id"], "partly_posted")
    assert done["report"]["refused"] == 1 and done["posted_rows"] == 4
    assert all(one["state"] != "broken" for one in service["auditor"].get("/v1/audit/invariants").json()["items"])
    (waiting,) = queue(service)
    line = waiting["problem"]["line"]
    again = send(operator, content, "later.csv").json()  # it is not over, so it is the same import
    assert again["id"] == before["id"]
    assert operator.post(f"/v1/imports/{again['id']}/posting").status_code == 202
    again = settled(operator, before["id"], "partly_posted", "refused")
    assert (again["state"], again["report"]["posted"]) == ("partly_posted", 0)  # nothing more of it can post
    answer = operator.write(f"/v1/imports/{before['id']}/rows/{line}/rejection", {"reason": "twice"})
    assert answer.status_code == 201
    settled(operator, before["id"], "checked")
    operator.post(f"/v1/imports/{before['id']}/posting")
    assert settled(operator, before["id"], "posted")["report"]["posted"] == 1  # its own record: nothing else is left
    assert queue(service) == [] and checked(operator, content, "later.csv")["report"]["replayed"]


def test_a_price_far_off_its_vintage_waits_for_a_look(service: Service) -> None:
    """Each dear price is told once, as an outlier or as one no certificate has; another vintage's is its own."""
    usual = [row(number, **NAMED) for number in range(1, 12)]
    outlier = row(12, **NAMED) | {"price": "41.60", "amount": "4160.00"}
    slipped = row(13, **NAMED) | {"price": "52.00", "amount": "5200.00"}
    older = row(14, **NAMED, production_month="2022-11") | {"price": "1.00", "amount": "100.00"}
    content = statement([*usual, outlier, slipped, older])
    assert checked(service["operator"], content)["state"] == "checked"
    told = {(one["problem"]["rule"], one["problem"]["given"]) for one in queue(service)}
    assert told == {("price_outlier", "41.60"), ("price_suspect", "52.00")} and len(queue(service)) == 2
    assert posted(service["operator"], content)["state"] == "posted"
    assert queue(service) == []
