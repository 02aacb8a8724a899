"""The OpenAPI document is true: generated requests, right and wrong, get what it declares and never a 5xx."""

import contextlib
import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from api import cursors
from api.app import create_app
from api.document import openapi_document
from ledger.settings import Settings
from tests.api.conftest import Service, open_service
from tests.conftest import Server

EXAMPLES = 40
"""Of the fuzzing phase, for each operation and role; the coverage phase comes on top."""
REQUESTS_MIN = 2_000
_sent = {"enterprise": 0, "operator": 0}

_number = st.integers(0, 2**40)
schemathesis.openapi.format("cursor", _number.map(cursors.encode))
schemathesis.openapi.format("posting-cursor", st.tuples(_number, _number).map(lambda pair: cursors.encode(*pair)))


@schemathesis.serializer("application/x-ndjson")
def _lines(_: object, value: object) -> bytes:
    if not isinstance(value, list):
        return json.dumps(value).encode()
    return b"\n".join(json.dumps(item).encode() for item in value)


def _document() -> dict[str, object]:
    app = create_app(Settings(writer_url="postgresql://nowhere", reader_url="postgresql://nowhere"))
    return json.loads(openapi_document(app))


schema = schemathesis.openapi.from_dict(_document())
# A request that fits the document may still be refused by a rule of the ledger.
schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "403", "404", "409", "422", "429"]
wire = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Service]:
    """A park whose callers may be refused as often as the test likes."""
    with contextlib.closing(open_service(server, refusals_per_minute=1_000_000)) as found:
        yield found


@schema.parametrize()
@wire
def test_an_enterprise_gets_what_the_document_declares(case: schemathesis.Case, service: Service) -> None:
    """Every answer to an enterprise has a declared status, media type, headers and body."""
    _validate(case, service, "a", "enterprise")


@schema.parametrize()
@wire
def test_an_operator_gets_what_the_document_declares(case: schemathesis.Case, service: Service) -> None:
    """Every answer to an operator has a declared status, media type, headers and body."""
    _validate(case, service, "operator", "operator")


def _validate(case: schemathesis.Case, service: Service, key: str, role: str) -> None:
    _sent[role] += 1
    case.call_and_validate(base_url=service.url, headers={"Authorization": f"Bearer {service.keys[key]}"})


def test_enough_requests_were_made(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """The two roles together sent thousands of requests, and the book still balances."""
    with capsys.disabled():
        print(f"\nschemathesis: {_sent}")
    assert min(_sent.values()) >= REQUESTS_MIN // 2
    assert set(service["auditor"].get("/v1/balances").json()["totals"].values()) == {"0"}
