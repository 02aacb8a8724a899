"""Statement files over HTTP: posted whole or not at all, and refused as what they are."""

import contextlib
import datetime
import io
import json
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openpyxl
import pytest

from api.imports import SETTLED
from tests.api.conftest import A, Client, Service, make_keys, problem_of
from tests.conftest import Park, Server, opening_requests
from tests.imports.settlement_files import settlement, settlement_row
from tests.imports.statement_files import row, statement, total

NAMED = {"buyer_name": f"企业{A}"}
ROWS = [row(number, **NAMED) for number in (1, 2, 3)]


@pytest.fixture
def fresh(server: Server) -> Iterator[Service]:
    """A park that knows its enterprises only: sellers and platforms come with the statements."""
    park = Park(server.clone("template_empty"))
    park.expect_posted(*(r for r in opening_requests() if getattr(r.command, "kind", "enterprise") == "enterprise"))
    keys = make_keys(park)
    park.close()
    with contextlib.closing(Service(park.database, keys=keys)) as found:
        yield found


def send(caller: Client, content: bytes, name: str = "trades.csv") -> httpx.Response:
    """Upload a statement."""
    return caller.post("/v1/imports", files={"file": (name, content)})


def settled(caller: Client, import_id: str, *states: str) -> dict[str, Any]:
    """The import once somebody has to decide, by default whatever; fails where that takes long."""
    deadline = time.monotonic() + 60
    while (job := caller.get(f"/v1/imports/{import_id}").json())["state"] not in (states or SETTLED):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    return job


def checked(caller: Client, content: bytes, name: str = "trades.csv") -> dict[str, Any]:
    """Upload a statement and wait until it was checked, or refused."""
    answer = send(caller, content, name)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/imports/{answer.json()['id']}"
    return settled(caller, answer.json()["id"])


def posted(caller: Client, content: bytes, name: str = "trades.csv") -> dict[str, Any]:
    """Upload a statement, and have it posted once it was checked."""
    job = checked(caller, content, name)
    answer = caller.post(f"/v1/imports/{job['id']}/posting")
    assert answer.status_code == 202, answer.text
    return settled(caller, job["id"], "posted", "refused")


def workbook(cells: list[list[object]]) -> bytes:
    """An XLSX of these rows."""
    book, packed = openpyxl.Workbook(), io.BytesIO()
    for line in cells:
        book.active.append(line)
    book.save(packed)
    return packed.getvalue()


def bomb(size: int) -> bytes:
    """An XLSX whose sheet unpacks to so many bytes of nothing."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["a"]]))) as book,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in book.namelist():
            content = book.read(name)
            if name.startswith("xl/worksheets/sheet"):
                content = content.replace(b"<sheetData>", b"<sheetData>" + b" " * size)
            out.writestr(name, content)
    return packed.getvalue()


def test_an_upload_is_answered_at_once_and_posts_when_told_to(fresh: Service) -> None:
    """202 and a job; its report and its rows are there before anything is posted; posting it makes the balances."""
    size = fresh.size
    job = checked(fresh["operator"], statement([*ROWS, ROWS[0]]))
    assert (job["state"], job["rows"], fresh.size) == ("checked", 4, size)
    assert (job["report"]["traded"], job["report"]["duplicates"], job["report"]["posted"]) == (300, 1, 0)
    pages = f"/v1/imports/{job['id']}/rows"
    rows = fresh["regulator"].get(f"{pages}?limit=3").json()
    assert [row["verdict"] for row in rows["items"]] == [None, None, None]
    last = fresh["regulator"].get(f"{pages}?cursor={rows['next_cursor']}").json()
    assert [(row["line"], row["verdict"], row["values"]["quantity"]) for row in last["items"]] == [
        (8, "duplicate", 100)
    ]
    assert fresh["operator"].post(f"/v1/imports/{job['id']}/posting").status_code == 202
    done = settled(fresh["operator"], job["id"], "posted")
    assert done["report"]["posted"] > 0 and done["posted_rows"] in (0, 4)
    assert set(fresh["operator"].get("/v1/balances").json()["totals"].values()) == {"0"}
    assert fresh.database.value("select count(*) from trade where state = 'TRANSFERRED'") >= 3


def test_a_statement_posts_no_second_time(fresh: Service) -> None:
    """The same file again is another import, which posts nothing, and otherwise tells the same."""
    first, size = posted(fresh["operator"], statement(ROWS)), fresh.size
    again = posted(fresh["operator"], statement(ROWS))
    assert (first["state"], again["state"], fresh.size) == ("posted", "posted", size) and first["id"] != again["id"]
    assert again["report"] == first["report"] | {"posted": 0, "replayed": True}
    listed = fresh["auditor"].get("/v1/imports?limit=1").json()
    assert [item["id"] for item in listed["items"]] == [again["id"]]
    rest = fresh["auditor"].get(f"/v1/imports?cursor={listed['next_cursor']}").json()
    assert [item["id"] for item in rest["items"]] == [first["id"]] and rest["next_cursor"] is None


def test_a_statement_s_province_is_the_lot_s(fresh: Service) -> None:
    """By its two letters, of trades and of settlements: a rule may say whose certificates serve a year."""
    operator = fresh["operator"]
    trades = [row(number, **NAMED, province=name) for number, name in ((1, "青海省"), (2, "宁夏"), (3, ""))]
    assert posted(operator, statement(trades))["state"] == "posted"
    known = "select province from lot order by lot_id"
    assert [province for (province,) in fresh.database.rows(known)] == ["QH", "NX", None]
    sold = settlement([settlement_row(企业名称=NAMED["buyer_name"], 所在省份="甘肃")])
    assert posted(operator, sold, "settlement.xlsx")["state"] == "posted"
    assert fresh.database.rows(known)[-1] == ("GS",)


def test_a_rejected_import_posts_nothing(fresh: Service) -> None:
    """What was checked can be rejected; what is over can be neither posted nor rejected."""
    size = fresh.size
    job = checked(fresh["operator"], statement(ROWS))
    assert fresh["operator"].post(f"/v1/imports/{job['id']}/rejection").json()["state"] == "rejected"
    for step in ("posting", "rejection"):
        problem = problem_of(fresh["operator"].post(f"/v1/imports/{job['id']}/{step}"), 409, "import_not_ready")
        assert problem["figures"]["state"] == "rejected"
    assert fresh.size == size


def test_progress_is_told_as_it_comes(fresh: Service) -> None:
    """Server-sent events, each the import's document; the last says that somebody has to decide."""
    import_id = send(fresh["operator"], statement(ROWS)).json()["id"]
    with fresh["regulator"].stream("GET", f"/v1/imports/{import_id}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        events = [line for line in answer.iter_lines() if line.startswith(("event:", "data:"))]
    assert events[-2] == "event: settled"
    assert json.loads(events[-1].removeprefix("data: ")) == settled(fresh["operator"], import_id)


def test_two_uploads_at_once_post_one_statement(fresh: Service) -> None:
    """Whoever comes first, every trade is posted once."""
    clients = [fresh.client(fresh.keys["operator"]) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda client: send(client, statement(ROWS)).json()["id"], clients))
    for job in set(jobs):
        settled(fresh["operator"], job)
        fresh["operator"].post(f"/v1/imports/{job}/posting")
        settled(fresh["operator"], job, "posted")
    assert fresh.database.value("select count(*) from trade where trade_id like '%T0000%'") == 3


@pytest.mark.parametrize(
    ("cells", "rule", "column"),
    [
        ({"buyer_name": "无此企业"}, "unknown_name", "买方名称"),
        ({"amount": "520.02"}, "amount_not_quantity_times_price", "成交金额（元）"),
        ({"quantity": "0", "amount": "0.00"}, "quantity_not_positive", "绿证数量（个）"),
    ],
)
def test_a_bad_row_posts_nothing_and_is_told(fresh: Service, cells: dict[str, str], rule: str, column: str) -> None:
    """One bad row holds the whole file back; the problem names file, sheet, line, column, rule, given and expected."""
    size = fresh.size
    job = posted(fresh["operator"], statement([ROWS[0], row(2, **NAMED | cells)]))
    (problem,) = job["report"]["problems"]
    assert (problem["file"], problem["line"], problem["rule"]) == ("trades.csv", 6, rule)
    assert problem["column"] == column and problem["given"] and problem["expected"] and "sheet" in problem
    assert (job["state"], job["report"]["posted"], job["report"]["refused"]) == ("refused", 0, 1)
    assert fresh.size == size
    assert posted(fresh["operator"], statement(ROWS))["state"] == "posted"  # nothing of the bad file is in the way


def test_a_file_refused_today_posts_once_its_cause_is_cured(fresh: Service) -> None:
    """An unknown name becomes an alias: the same import, ordered again, posts."""
    job = posted(fresh["operator"], statement([row(1, buyer_name="旧名铝业")]))
    assert (job["state"], job["report"]["problems"][0]["rule"]) == ("refused", "unknown_name")
    alias = {"change": "alias", "name": "旧名铝业", "on": "2024-01-01", "document": "d" * 64}
    assert fresh["operator"].write(f"/v1/parties/{A}/changes", alias).status_code == 201
    assert fresh["operator"].post(f"/v1/imports/{job['id']}/posting").status_code == 202
    assert settled(fresh["operator"], job["id"], "posted")["report"]["problems"] == []


def test_totals_that_differ_are_signed_off_by_somebody(fresh: Service) -> None:
    """A file whose total is not that of its rows is refused; signed off it posts, and its record says why."""
    content = statement(ROWS, after=[total("301", "1,565.20")])
    job = posted(fresh["operator"], content)
    assert (job["state"], [one["rule"] for one in job["report"]["problems"]]) == ("refused", ["control_total"])
    waiting = fresh["regulator"].get("/v1/imports?state=refused").json()["items"]
    assert [one["id"] for one in waiting] == [job["id"]]
    wrong = fresh["operator"].post(f"/v1/imports/{job['id']}/posting?sign_off=because")
    problem_of(wrong, 400, "malformed_request")
    assert fresh["operator"].post(f"/v1/imports/{job['id']}/posting?sign_off=partial_export").status_code == 202
    done = settled(fresh["operator"], job["id"], "posted")
    assert (done["report"]["signed_off"], done["report"]["traded"]) == ("partial_export", 300)
    assert [one["rule"] for one in done["report"]["warnings"]] == ["control_total"]
    record = next(one for one in fresh.records() if one["type"] == "import")
    assert record["body"]["figures"]["signed_off"] == "partial_export"


@pytest.mark.parametrize("name", ["a", "regulator", "auditor", "admin"])
def test_only_operators_import(fresh: Service, name: str) -> None:
    """Others may not upload, post or reject; an enterprise sees no import at all."""
    job = checked(fresh["operator"], statement(ROWS))
    size = fresh.size
    problem_of(send(fresh[name], statement(ROWS)), 403, "forbidden")
    for step in ("posting", "rejection"):
        problem_of(fresh[name].post(f"/v1/imports/{job['id']}/{step}"), 403, "forbidden")
    for path in ("", f"/{job['id']}", f"/{job['id']}/rows", f"/{job['id']}/events"):
        assert fresh[name].get(f"/v1/imports{path}").status_code == (403 if name == "a" else 200)
    assert fresh.size == size


def test_an_import_that_is_not_there_is_not_found(service: Service) -> None:
    """Whatever is asked of it."""
    for path in ("", "/rows", "/events"):
        problem_of(service["operator"].get(f"/v1/imports/{'0' * 32}{path}"), 404, "not_found")
    problem_of(service["operator"].post("/v1/imports/" + "0" * 32 + "/posting"), 404, "not_found")


FILES: dict[str, tuple[str, bytes]] = {
    "another kind": ("x.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "another kind named csv": ("x.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "empty": ("x.csv", b""),
    "blank": ("x.csv", b"\n\n\n"),
    "empty xlsx": ("x.xlsx", b""),
    "truncated xlsx": ("x.xlsx", workbook([["a"] * 20] * 100)[:900]),
    "text named xlsx": ("x.xlsx", b"a,b,c\n"),
    "a zip that is no workbook": ("x.xlsx", b"PK\x05\x06" + b"\0" * 18),
    "unknown headers": ("x.csv", b"a,b\n1,2\n"),
    "broken encoding": ("x.csv", statement(ROWS)[:200] + b"\xff\xff\x80\x80" + statement(ROWS)[200:]),
    "nul characters": ("x.csv", b"\0" * 1000),
    "one endless line": ("x.csv", b"a" * 2_000_000),
    "a million blanks": ("x.csv", b"," * 1_000_000),
    "zip bomb": ("x.xlsx", bomb(400_000_000)),
    "no name": ("", b"a,b\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_statement_is_refused(service: Service, name: str) -> None:
    """Whatever the file is, the answer is a problem with a rule, soon, and nothing is posted."""
    file, content = FILES[name]
    size, began = service.size, datetime.datetime.now(datetime.UTC)
    answer = send(service["operator"], content, file)
    if name == "no name":  # a part without a file name is a form field, not a file
        problem_of(answer, 400, "malformed_request")
    else:
        job = settled(service["operator"], answer.json()["id"])
        assert (answer.status_code, job["state"]) == (202, "unreadable")
        assert job["report"]["problems"][0]["rule"] and job["report"]["problems"][0]["given"]
    assert datetime.datetime.now(datetime.UTC) - began < datetime.timedelta(seconds=10)
    assert service.size == size


PART = b'Content-Disposition: form-data; name="file"; filename="%s"\r\n\r\na,b\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--x--", b"--x\r\n", b"--y\r\n" + PART % b"a.csv" + b"--y--", b"--x\r\n" + PART % b"a.csv",
        b'--x\r\nContent-Disposition: form-data; name="other"; filename="a.csv"\r\n\r\na\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n',
        b"--x\r\n" + PART % b"\xff\xfe.csv" + b"--x--\r\n",
        b"--x\r\n" + PART % b"a.csv" + b"--x\r\n" + PART % b"b.csv" + b"--x--\r\n",
    ],
)  # fmt: skip
def test_a_broken_form_is_refused(service: Service, body: bytes) -> None:
    """A form without its one file, or with a name that is no text, is a problem and never a fault."""
    size = service.size
    answer = service["operator"].post(
        "/v1/imports", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code in {400, 422}
    problem_of(answer, answer.status_code)
    assert service.size == size


def test_a_large_file_does_not_hold_others_up(fresh: Service) -> None:
    """While a statement of three thousand rows is read and posted, another caller goes on being answered."""
    content = statement([row(number, **NAMED) for number in range(1, 3_001)])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(posted, fresh["operator"], content, "large.csv")
        answered = 0
        while not running.done():
            assert fresh["b"].get("/v1/limits").status_code == 200
            answered += 1
        assert running.result()["state"] == "posted", running.result()
    assert answered > 10, "nobody else was answered while the file was read and posted"
