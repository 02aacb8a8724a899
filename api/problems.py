"""Refusals and faults -> RFC 9457 problem documents, in English or Chinese by Accept-Language."""

import functools
import json
import re
from typing import Any

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import ClientException, HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from psycopg_pool import PoolTimeout

from api.bodies import CHOICES
from api.metrics import request_id_of
from api.schemas import ItemOut, ProblemOut
from ledger.core.refusal import NOTHING_POSTED, NOTHING_POSTED_ZH, Refusal, refuse

PARSED = "greenledger_body"
"""Where in a request's state its parsed body waits, so that a problem can tell what was given."""
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = {429: "30", 503: "1"}
TYPE = "urn:greenledger:problem:{code}"

log = structlog.get_logger()

_TITLES = {
    400: ("malformed_request", "Malformed request", "请求格式错误"),
    401: ("unauthorized", "No valid credential", "没有有效凭据"),
    403: ("forbidden", "Forbidden", "无权操作"),
    404: ("not_found", "Not found", "未找到"),
    405: ("method_not_allowed", "Method not allowed", "不允许的方法"),
    413: ("body_too_large", "Body too large", "请求体过大"),
    415: ("unsupported_media_type", "Unsupported media type", "不支持的媒体类型"),
    500: ("internal_fault", "Fault on our side", "服务内部故障"),
}


def malformed(english: str, chinese: str, *, status: int = 400) -> ClientException:
    """What to raise for a request that is not one of this API's; sentences without their full stop."""
    return ClientException(english, status_code=status, extra={"zh": chinese})


class Problem(Exception):
    """A refusal on its way out of a handler."""

    def __init__(
        self,
        refusal: Refusal,
        *,
        record: int | None = None,
        items: list[ItemOut] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.record = record
        self.items = items
        self.status = status or refusal.reason.status


def wants_chinese(request: Request[Any, Any, Any]) -> bool:
    """Whether the first language the caller accepts, of those we speak, is Chinese."""
    best, chinese = 0.0, False
    for part in request.headers.get("accept-language", "").lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        language = tag.split("-")[0]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if language in {"zh", "en"} and weight > best:
            best, chinese = weight, language == "zh"
    return chinese


def problem_response(request: Request[Any, Any, Any], problem: Problem) -> Response[ProblemOut]:
    """The document that tells a refusal."""
    chinese, refusal = wants_chinese(request), problem.refusal
    body = ProblemOut(
        type=TYPE.format(code=refusal.code),
        title=refusal.title(chinese=chinese),
        status=problem.status,
        detail=refusal.detail(chinese=chinese),
        code=refusal.code,
        figures=refusal.figures or None,
        items=problem.items,
        record=None if problem.record is None else str(problem.record),
    )
    return _response(request, body, chinese=chinese)


def _response(request: Request[Any, Any, Any], body: ProblemOut, *, chinese: bool) -> Response[ProblemOut]:
    headers = {"Content-Language": "zh-CN" if chinese else "en", "Vary": "Accept-Language"}
    if body.status in RETRY_SECONDS:
        headers["Retry-After"] = RETRY_SECONDS[body.status]
    if body.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="greenledger"'
    return Response(body, status_code=body.status, media_type=MEDIA_TYPE, headers=headers)


def _simple(
    request: Request[Any, Any, Any], status: int, detail: tuple[str, str], errors: list[dict[str, str]] | None = None
) -> Response[ProblemOut]:
    """A problem that is no refusal of the ledger's; `detail` in English and Chinese."""
    chinese = wants_chinese(request)
    code, title, title_zh = _TITLES.get(status, _TITLES[400])
    text = f"{detail[1]}。" if chinese else f"{detail[0]}."
    if status != 500:
        text += NOTHING_POSTED_ZH if chinese else f" {NOTHING_POSTED}"
    body = ProblemOut(
        type=TYPE.format(code=code),
        title=title_zh if chinese else title,
        status=status,
        detail=text,
        code=code,
        errors=errors,
    )
    return _response(request, body, chinese=chinese)


def on_problem(request: Request[Any, Any, Any], problem: Problem) -> Response[ProblemOut]:
    """A refusal raised by a handler."""
    return problem_response(request, problem)


def on_validation(request: Request[Any, Any, Any], fault: ValidationException) -> Response[ProblemOut]:
    """A request that does not fit its schema: each error with where it is."""
    errors = [_error(request, extra) for extra in (fault.extra or []) if isinstance(extra, dict)]
    return _simple(request, 400, _told(errors) if errors else (str(fault.detail), str(fault.detail)), errors or None)


class MisfitError(Exception):
    """Items of a batch that do not fit their schema; `errors` as `schema_error` makes them."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(len(errors))
        self.errors = errors


def on_misfit(request: Request[Any, Any, Any], fault: MisfitError) -> Response[ProblemOut]:
    """A batch with an item that is none."""
    return _simple(request, 400, _told(fault.errors), fault.errors)


def _told(errors: list[dict[str, str]]) -> tuple[str, str]:
    return (
        "; ".join(f"{e['field']}: {e['given']} was given. {e['problem']}" for e in errors),
        "；".join(f"{e['field']}：给出 {e['given']}。{e['problem']}" for e in errors),
    )


def _error(request: Request[Any, Any, Any], extra: dict[str, Any]) -> dict[str, str]:
    """Where a value stands, what was given there and what is expected."""
    field, source = str(extra.get("key", "")), extra.get("source")
    where = str(getattr(source, "value", source) or "body")
    problem = str(extra.get("message", ""))
    if where == "body":
        field = "body" if field in {"", "data"} else field
        return schema_error(request, field, request.scope["state"].get(PARSED), problem)
    field = "Idempotency-Key" if field == "key" else field
    places: dict[str, Any] = {"query": request.query_params, "path": request.path_params}
    given = _shown(places.get(where, request.headers).get(field))
    return {"field": field, "in": where, "given": given, "problem": problem}


def schema_error(request: Request[Any, Any, Any], field: str, body: Any, problem: str) -> dict[str, str]:
    """A field of a body that does not fit its schema, as `errors` tells it."""
    name = field.rpartition(".")[2]
    if name == "quantity":
        problem = _QUANTITY_ZH if wants_chinese(request) else _QUANTITY
    elif problem.startswith("Invalid enum value") and name in CHOICES:
        expected = ", ".join(CHOICES[name])
        problem = f"应为以下之一：{expected}" if wants_chinese(request) else f"Expected one of {expected}"
    for part, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", "" if field == "body" else field):
        try:
            body = body[int(number)] if number else body[part]
        except (LookupError, TypeError):
            body = None
    return {"field": field, "in": "body", "given": _shown(body), "problem": problem}


_QUANTITY = 'Expected a whole number of smallest units other than zero, as a string of ASCII digits, such as "100"'
_QUANTITY_ZH = '应为非零整数（最小单位），写成半角数字字符串，如 "100"'
GIVEN_CHARS_MAX = 80


def _shown(value: Any) -> str:
    """What a caller gave, as JSON, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str).encode(errors="backslashreplace").decode()
    return text if len(text) <= GIVEN_CHARS_MAX else text[:GIVEN_CHARS_MAX] + "..."


def on_http(request: Request[Any, Any, Any], fault: HTTPException) -> Response[ProblemOut]:
    """What the framework itself refuses: unknown paths, methods, media types, broken JSON, large bodies."""
    path = request.url.path
    match fault.status_code:
        case 401:
            detail = (
                "The Authorization header must be 'Bearer KEY' with a valid key",
                "请求头 Authorization 应为 'Bearer KEY'，且密钥有效",
            )
        case 404:
            detail = (f"There is no resource {path}", f"没有资源 {path}")
        case 405:
            detail = (f"{request.method} is not a method of {path}", f"{path} 不接受 {request.method}")
        case 413:
            limit = request.app.state.settings.body_bytes_max
            detail = (f"A body may have {limit} bytes", f"请求体上限 {limit} 字节")
        case _:
            english = str(fault.detail).rstrip(".")
            detail = (english, fault.extra.get("zh", english) if isinstance(fault.extra, dict) else english)
    response = _simple(request, fault.status_code, detail)
    if fault.status_code == 405:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request[Any, Any, Any]) -> str:
    """The methods the path does have."""
    found = {
        method
        for route in request.app.routes
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", route.path_format), request.url.path)
        for method in getattr(route, "methods", ())
    }
    return ", ".join(sorted(found))


def on_decode(request: Request[Any, Any, Any], fault: msgspec.MsgspecError) -> Response[ProblemOut]:
    """A body that is not what its schema says."""
    return _simple(request, 400, (str(fault), str(fault)))


def on_database(request: Request[Any, Any, Any], fault: Exception) -> Response[ProblemOut]:
    """The database cannot be reached, or a read took too long."""
    log.warning("database_unavailable", request_id=request_id_of(request.scope), fault=type(fault).__name__)
    return problem_response(request, Problem(refuse("unavailable")))


def on_fault(request: Request[Any, Any, Any], fault: Exception) -> Response[ProblemOut]:
    """A fault of ours: logged with its trace, told without it."""
    log.error("internal_fault", request_id=request_id_of(request.scope), exc_info=fault)
    english = "The request could not be answered; whether a write was posted is told by asking again with its key"
    return _simple(request, 500, (english, "请求未能完成；写入是否成功，请用同一键再问"))


HANDLERS: dict[Any, Any] = {
    Problem: on_problem,
    ValidationException: on_validation,
    MisfitError: on_misfit,
    HTTPException: on_http,
    msgspec.MsgspecError: on_decode,
    psycopg.OperationalError: on_database,
    PoolTimeout: on_database,
    Exception: on_fault,
}


@functools.cache
def declared(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem responses an operation declares in OpenAPI."""
    return {
        status: ResponseSpec(
            ProblemOut,
            generate_examples=False,
            media_type=MEDIA_TYPE,  # type: ignore[arg-type]  # any media type will do
            description=_TITLES[status][1] if status in _TITLES else _DESCRIPTIONS[status],
        )
        for status in statuses
    }


_DESCRIPTIONS = {
    409: "Conflict with what is in the book",
    422: "Refused by a rule",
    423: "Closed or frozen",
    429: "Too many refused requests",
    503: "Busy, unreachable, or the outcome is unknown",
}
READ = (400, 401, 403, 404, 405, 422, 429, 503)
WRITE = (400, 401, 403, 404, 405, 409, 413, 415, 422, 423, 429, 503)
