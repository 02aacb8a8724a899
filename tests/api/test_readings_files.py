"""A file of readings over HTTP: who sends it, what posts, and that nothing is told of another's meters."""

import io

import httpx
import openpyxl
import pytest

from tests.api.conftest import A, B, Client, Service, problem_of
from tests.api.test_inventories import draft, meter

MONTH = "计量点,日期,用电量(万千瓦时)\nE1,2026年1月,１．５\n合计,,1.5\n"


def upload(
    caller: Client, content: str | bytes, name: str = "抄表.csv", asked: str = "", **more: str
) -> httpx.Response:
    """Send a file; a text in GB18030, as the meters' own program writes it."""
    data = content.encode("gb18030") if isinstance(content, str) else content
    return caller.post(f"/v1/readings/files{asked}", files={"file": (name, data)}, headers=more)


@pytest.fixture
def park(fresh: Service) -> Service:
    """Two enterprises with a meter each."""
    for name, enterprise in (("E1", A), ("E2", B)):
        assert fresh["operator"].write("/v1/meters", meter(name, enterprise)).status_code == 201
    return fresh


def test_an_enterprise_sends_its_own_file(park: Service) -> None:
    """It posts once, counts in the inventory as REPORTED, and again is a no-op."""
    first = upload(park["a"], MONTH).json()
    assert (first["readings"], first["posted"], first["replayed"], first["problems"]) == (1, 1, 0, [])
    assert draft(park["a"])["figures"]["scope2_location"] == "2.3505"  # 15 MWh at 0.1567 t
    (one,) = park["a"].get("/v1/readings?year=2026").json()["items"]
    assert (one["level"], one["quantity"], one["unit"]) == ("REPORTED", "15000000", "Wh")
    size = park.size
    again = upload(park["a"], MONTH).json()
    assert again == first | {"posted": 0, "replayed": 1} and park.size == size


def test_what_cannot_be_true_is_told_by_line_and_the_rest_posts(park: Service) -> None:
    """An operator's workbook rests on a document: CONFIRMED. A day that is read already is refused, another posts."""
    assert upload(park["a"], MONTH).json()["posted"] == 1
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (("meter", "time", "quantity", "unit"), ("E1", "2026-01-05", 9, "MWh"), ("E2", "2026-01-05", 9, "MWh")):
        book.active.append(row)
    book.save(content := io.BytesIO())
    found = upload(park["operator"], content.getvalue(), "meters.xlsx").json()
    assert (found["readings"], found["posted"]) == (2, 1)
    assert [(one["rule"], one["line"], one["given"]) for one in found["problems"]] == [
        ("reading_overlaps", 2, "E1 2026-01-05")
    ]
    (one,) = park["b"].get("/v1/readings?year=2026").json()["items"]
    assert one["level"] == "CONFIRMED"


def test_another_s_meter_answers_as_one_that_is_not_there(park: Service) -> None:
    """Nor does it help to send the very file that its owner sent: nothing says whether that was read."""
    told = []
    for name in ("E1", "E-X"):
        told.append(upload(park["b"], MONTH.replace("E1", name)).json()["problems"][0])
    assert upload(park["a"], MONTH).json()["posted"] == 1
    told.append(upload(park["b"], MONTH).json()["problems"][0])
    assert {one["rule"] for one in told} == {"unknown_meter"}
    assert told[0] == told[2] == told[1] | {key: told[1][key].replace("E-X", "E1") for key in ("given", "expected")}


@pytest.mark.parametrize(
    ("content", "rule"),
    [("", "empty_file"), ("a,b\n1,2\n", "layout_unknown"), ("meter,time,quantity\nE1,2026-01,5\n", "unit_unknown")],
)
def test_a_file_that_cannot_be_read_posts_nothing(park: Service, content: str, rule: str) -> None:
    """It is refused as a whole, in the caller's language, by the rule it breaks."""
    size = park.size
    found = problem_of(upload(park["a"], content, **{"Accept-Language": "zh-CN"}), 422, "file_unreadable")
    assert found["figures"]["rule"] == rule and "未过账" in found["detail"]
    assert park.size == size


def test_a_file_that_corrects_takes_the_place_of_what_stood(park: Service) -> None:
    """Of the very same days, and only where the sender says so; what it says alike stays, and earlier sizes too."""
    assert upload(park["a"], MONTH + "E1,2026年2月,2\n").json()["posted"] == 2
    before, corrected = draft(park["a"]), MONTH.replace("１．５", "1.6") + "E1,2026年2月,2\n"
    size = str(park.size)
    refused = upload(park["a"], corrected).json()
    assert ({one["rule"] for one in refused["problems"]}, refused["posted"]) == ({"reading_overlaps"}, 0)
    found = upload(park["a"], corrected, asked="?corrects=true").json()
    assert (found["posted"], found["corrected"], found["replayed"], found["problems"]) == (1, 1, 1, [])
    assert draft(park["a"])["figures"]["consumed_mwh"] == "36"
    assert draft(park["a"], known_as_of=size) == before
    february, new = park["a"].get("/v1/readings?year=2026").json()["items"]
    assert (february["quantity"], new["quantity"]) == ("20000000", "16000000")
    stood = park["a"].get(f"/v1/readings?year=2026&known_as_of={size}").json()["items"]
    assert [one["corrected_by"] for one in stood] == [new["record"], None]
    again = upload(park["a"], corrected, asked="?corrects=true").json()
    assert (again["posted"], again["replayed"], again["problems"]) == (0, 2, [])
    # The first file again brings back nothing, and does not say that the book is as it says.
    first = upload(park["a"], MONTH + "E1,2026年2月,2\n", asked="?corrects=true").json()
    assert (first["posted"], [one["rule"] for one in first["problems"]]) == (0, ["reading_superseded"])


def test_other_days_are_no_correction_and_another_s_meter_has_none(park: Service) -> None:
    """A day of a month that is read whole overlaps it; whose meter it is not hears that there is no such meter."""
    assert upload(park["a"], MONTH).json()["posted"] == 1
    day = MONTH.replace("2026年1月", "2026-01-05")
    for caller, content, rule in ((park["a"], day, "reading_overlaps"), (park["b"], MONTH, "unknown_meter")):
        found = upload(caller, content, asked="?corrects=true").json()
        assert ([one["rule"] for one in found["problems"]], found["posted"]) == ([rule], 0)


def test_what_is_far_off_is_told_until_somebody_looked(park: Service) -> None:
    """Ten times a month's use may be a slip of units, or true; the sender says which."""
    history = MONTH + "E1,2026年2月,1.4\nE1,2026年3月,1.5\n"
    assert upload(park["a"], history).json()["posted"] == 3
    april = MONTH.replace("2026年1月", "2026年4月").replace("１．５", "15")
    assert [one["rule"] for one in upload(park["a"], april).json()["problems"]] == ["reading_unit_suspect"]
    assert upload(park["a"], april, asked="?confirmed=true").json()["posted"] == 1
