"""Statement files over HTTP: posted whole or not at all, and refused as what they are."""

import contextlib
import datetime
import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openpyxl
import pytest

from ledger.imports.documents import TradeStatement
from tests.api.conftest import A, Client, Service, make_keys, problem_of
from tests.conftest import Park, Server, opening_requests
from tests.imports.statement_files import row, statement

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


def send(caller: Client, content: bytes, name: str = "trades.csv", *, dry_run: bool = False) -> httpx.Response:
    """Upload a statement."""
    return caller.post(f"/v1/imports?dry_run={str(dry_run).lower()}", files={"file": (name, content)})


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


def test_a_statement_posts_and_posts_no_second_time(fresh: Service) -> None:
    """201 with what was posted; the same file again is 200, replayed, posted 0, and otherwise the same document."""
    first, again = send(fresh["operator"], statement(ROWS)), send(fresh["operator"], statement(ROWS))
    assert (first.status_code, again.status_code) == (201, 200), first.text
    one, two = first.json(), again.json()
    assert one["posted"] > 0 and not one["replayed"] and one["traded"] == 300
    assert two == one | {"posted": 0, "replayed": True}
    trial = fresh["operator"].get("/v1/balances").json()
    assert set(trial["totals"].values()) == {"0"}


def test_a_dry_run_posts_nothing(fresh: Service) -> None:
    """The same figures, and not one record more."""
    size = fresh.size
    dry = send(fresh["operator"], statement(ROWS), dry_run=True)
    assert dry.status_code == 200 and fresh.size == size
    wet = send(fresh["operator"], statement(ROWS)).json()
    assert dry.json() == wet | {"posted": 0, "dry_run": True}


def test_two_uploads_at_once_post_one_statement(fresh: Service) -> None:
    """Whoever comes first, every trade is posted once and both callers hear so."""
    clients = [fresh.client(fresh.keys["operator"]) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda client: send(client, statement(ROWS)), clients))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201], [a.text for a in answers]
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
    answer = send(fresh["operator"], statement([ROWS[0], row(2, **NAMED | cells)]))
    found = problem_of(answer, 422, "statement_refused")
    (problem,) = found["report"]["problems"]
    assert (problem["file"], problem["line"], problem["rule"]) == ("trades.csv", 6, rule)
    assert problem["column"] == column and problem["given"] and problem["expected"] and "sheet" in problem
    assert found["report"]["posted"] == 0 and found["report"]["refused"] == 1
    assert fresh.size == size
    assert send(fresh["operator"], statement(ROWS)).status_code == 201  # nothing of the bad file is in the way


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
        found = problem_of(answer, 422, "statement_refused")
        assert found["report"]["problems"][0]["rule"] and found["report"]["problems"][0]["given"]
    assert datetime.datetime.now(datetime.UTC) - began < datetime.timedelta(seconds=10)
    assert service.size == size


PART = b'Content-Disposition: form-data; name="file"; filename="%s"\r\n\r\na,b\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--x--", b"--x\r\n", b"--y\r\n" + PART % b"a.csv" + b"--y--", b"--x\r\n" + PART % b"a.csv",
        b'--x\r\nContent-Disposition: form-data; name="other"; filename="a.csv"\r\n\r\na\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--\r\n',
        b"--x\r\n" + PART % b"a\x00b.csv" + b"--x--\r\n", b"--x\r\n" + PART % b"\xff\xfe.csv" + b"--x--\r\n",
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


def test_reading_a_large_file_does_not_hold_others_up(fresh: Service) -> None:
    """While a statement of a thousand rows is posted, another caller goes on being answered."""
    content = statement([row(number, **NAMED) for number in range(1, 1001)])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(send, fresh["operator"], content, "large.csv")
        answered = 0
        while not running.done():
            assert fresh["b"].get("/v1/limits").status_code == 200
            answered += 1
        assert running.result().status_code == 201, running.result().text[:300]
    assert answered > 1, "nobody else was answered while the file was read and posted"


def test_the_reader_of_statements_is_the_products(service: Service) -> None:
    """The files of these tests are statements in the product's own eyes."""
    from ledger.imports.statement import read_statement

    assert isinstance(read_statement("trades.csv", statement(ROWS)), TradeStatement)
