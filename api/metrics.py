"""Request ids, structured access logs and Prometheus metrics. No key, body or name is ever logged."""

import functools
import itertools
import re
import secrets
import time
from typing import Any

import structlog
from litestar import Request, Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("greenledger_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "greenledger_request_seconds",
    "Time to answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
WAITING = Gauge("greenledger_queue_waiting", "Commands that wait to be written")

_PROCESS, _NUMBERS = secrets.token_hex(6), itertools.count(1)
_PLAIN = re.compile(rb"(?!gl_)[A-Za-z0-9._:/+=-]{1,64}")
_STARTED, _REQUEST_ID = "greenledger_started", "greenledger_request_id"

log = structlog.get_logger("api")


class TimingMiddleware(ASGIMiddleware):
    """Notes when a request began."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on."""
        scope["state"][_STARTED] = time.perf_counter()
        await next_app(scope, receive, send)


async def before_send(message: Message, scope: Scope) -> None:
    """Give every answer a request id (the caller's X-Request-Id where it is a plain one); count it and log it."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    request_id = request_id_of(scope)
    MutableScopeHeaders(message)["X-Request-Id"] = request_id
    now = time.perf_counter()
    _note(scope, request_id, int(message["status"]), now - scope.get("state", {}).get(_STARTED, now))


def request_id_of(scope: Scope) -> str:
    """The request's id: the caller's where it is a plain one (and no key by mistake), else one of ours."""
    state = scope.setdefault("state", {})
    if _REQUEST_ID not in state:
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), None)
        plain = given is not None and _PLAIN.fullmatch(given) is not None
        state[_REQUEST_ID] = given.decode("ascii") if plain else f"{_PROCESS}-{next(_NUMBERS):x}"
    return state[_REQUEST_ID]


def _note(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    method, route = str(scope.get("method")), str(scope.get("path_template") or "unmatched")
    requests, took = _meters(method, route, status)
    requests.inc()
    took.observe(seconds)
    if status >= 400:
        ms = round(seconds * 1000, 1)
        log.info("answered", request_id=request_id, method=method, route=route, status=status, ms=ms)


@functools.lru_cache(maxsize=1024)  # methods, routes and statuses are few; finding a meter by its labels is slow
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


@get("/metrics", include_in_schema=False, security=[], opt={"public": True})
async def show(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Metrics in Prometheus' text form."""
    WAITING.set(request.app.state.writers.waiting)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
