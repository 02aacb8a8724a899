"""What the READMEs show is run: their make targets exist, their commands parse, their requests get their answers."""

import io
import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient
from uvloop import run

from api.app import create_app
from ledger import signing
from ledger.cli import app as cli
from ledger.database import Database
from ledger.demo import run_demo
from ledger.proof.verifying import verify_file
from ledger.settings import Settings
from tests.conftest import Server

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")


def blocks(readme: str) -> list[str]:
    """The shell blocks of a README, continued lines joined."""
    found = re.findall(r"```sh\n(.*?)```", (ROOT / readme).read_text(), re.DOTALL)
    return [block.replace("\\\n", " ") for block in found]


@pytest.fixture(scope="module")
def home() -> Path:
    """The data folder of the demo."""
    return Path(tempfile.mkdtemp())


@pytest.fixture(scope="module")
def demo(durable_server: Server, home: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """The demo park, served in this process."""
    database = durable_server.clone("template_empty")
    settings = Settings(home=home, writer_url=database.urls.writer, reader_url=database.urls.reader)
    result = run(run_demo(Database(database.urls, database.admin_url), settings))
    assert result.is_right
    with TestClient(create_app(settings)) as client:
        yield client, result.keys | {"signer url": database.urls.signer}


def requests(readme: str) -> list[tuple[str, dict[str, str], str | None]]:
    """(URL, headers, body) of every curl request a README shows, in order."""
    found = []
    for block in blocks(readme):
        for command in re.findall(r"^curl .*?(?=^curl |^KEY=|\Z)", block, re.DOTALL | re.MULTILINE):
            words = shlex.split(command)
            headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
            body = next((words[at + 1] for at, word in enumerate(words) if word == "-d"), None)
            found.append((next(word for word in words if word.startswith("http")), headers, body))
    return found


def ask(
    client: TestClient,
    keys: dict[str, str],
    request: tuple[str, dict[str, str], str | None],
    *,
    who: str = "enterprise GH-001",
) -> httpx.Response:
    """Send a README's request as GH-001, or as somebody else."""
    url, headers, body = request
    path = url.removeprefix("http://127.0.0.1:8000")
    headers = {name: value.replace("$KEY", keys[who]) for name, value in headers.items()}
    return client.request("GET" if body is None else "POST", path, headers=headers, content=body)


def test_readme_requests_get_the_answers_it_describes(demo: tuple[TestClient, dict[str, str]]) -> None:
    """The transfer posts, its repeat is replayed, the overdraft is refused in Chinese, both reads answer."""
    client, keys = demo
    transfer, overdraft, now, as_of, _, positions, draft, explained = requests("README.md")
    first, again = ask(client, keys, transfer), ask(client, keys, transfer)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    refused = ask(client, keys, overdraft)
    assert refused.status_code == 422
    assert refused.json()["code"] == "insufficient_balance"
    assert "未作任何记账" in refused.json()["detail"]
    held = int(ask(client, keys, now).json()["balances"][0]["quantity"])
    assert held == int(first.json()["balances"][0]["quantity"])
    assert ask(client, keys, as_of).status_code == 200
    assert {line["party"] for line in ask(client, keys, positions).json()["lines"]} == {"GH-001"}
    figures, parts = ask(client, keys, draft).json()["figures"], ask(client, keys, explained).json()
    assert figures["scope2_market"] == parts["value"] and parts["parts"][0]["path"] == "GH-001/1"


def test_chinese_readme_request_posts(demo: tuple[TestClient, dict[str, str]]) -> None:
    """The Chinese README's transfer posts too."""
    client, keys = demo
    transfer, _ = requests("README.zh-CN.md")
    assert ask(client, keys, transfer).status_code == 201


@pytest.mark.parametrize("readme", READMES)
def test_readme_proof_is_verified_offline(
    demo: tuple[TestClient, dict[str, str]], home: Path, tmp_path: Path, readme: str
) -> None:
    """The bundle it downloads, once sealed, is clean by the very command it shows; with a byte changed it is not."""
    client, keys = demo
    transfer, bundle = requests(readme)[0], next(r for r in requests(readme) if r[0].endswith("/bundle"))
    index = int(ask(client, keys, transfer).json()["transaction"])
    signing.run_once(keys["signer url"], home / "signer" / "ganhe", "ganhe")
    answer = ask(client, keys, bundle, who="regulator")
    command = next(line for line in "\n".join(blocks(readme)).splitlines() if " verify park" in line and "/" in line)
    words = shlex.split(command)[2:]
    file, pinned, state = (tmp_path / words[0], home / Path(words[2]).name, tmp_path / words[4])
    assert (words[1], words[3]) == ("--keys", "--state")
    file.write_bytes(answer.content)
    said = io.StringIO()
    assert verify_file(file, keys=pinned, state=state, json=True, out=said) == 0
    report = json.loads(said.getvalue())
    assert report["to_size"] > index and report["balances_compared"]
    file.write_bytes(answer.content.replace(b"Holding:Ent:GH-001", b"Holding:Ent:GH-002", 1))
    assert verify_file(file, keys=pinned, state=state, json=True, out=said) == 1


@pytest.mark.parametrize("readme", READMES)
def test_readme_names_only_targets_and_commands_that_exist(readme: str) -> None:
    """Every `make` target stands in the Makefile, every `greenledger` command on the command line."""
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join(blocks(readme))
    targets = re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    commands = re.findall(r"bin/greenledger ([a-z]+(?: (?:create|revoke|init|run))?)", text)
    assert commands
    for command in commands:
        cli.parse_commands(command.split())[0] == tuple(command.split()) or pytest.fail(command)


def test_readme_keys_line_reads_the_demo_keys(demo: tuple[TestClient, dict[str, str]]) -> None:
    """The line that sets KEY names the entry that the demo writes."""
    _, keys = demo
    assert f'["{next(iter(keys))}"]' in blocks("README.md")[1]
