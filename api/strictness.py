"""What the framework lets pass and a ledger must not: undeclared parameters, repeated names, control characters.

A mistyped `known_as_off` would answer another question than the one asked; a JSON object that names a quantity
twice means one thing to its sender and another to us. Both are refused before anything else is looked at.
"""

import functools
import json
import re
from typing import Any

from litestar import Litestar, Request, Response

from api.problems import PARSED, malformed

JSON = "application/json"
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


async def before_request(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Refuse a request that says more than, or otherwise than, what its operation declares."""
    declared = declared_of(request.app).get((request.scope["path_template"], request.method))
    if declared is None:
        return _options(request) if request.method == "OPTIONS" else None
    names, kinds = declared
    seen: set[str] = set()
    for name, value in request.query_params.multi_items() if request.scope["query_string"] else ():
        if name not in names:
            raise malformed(f"There is no query parameter {name[:64]!r} here", f"此处没有查询参数 {name[:64]!r}")
        if name in seen:
            raise malformed(f"Query parameter {name} was given more than once", f"查询参数 {name} 重复")
        seen.add(name)
        _refuse_control(value)
        if value.lower() == "null":  # which the framework reads as: not given
            raise malformed(f"{name}: null is no value; leave the parameter out", f"{name}：不得为 null，可省略")
    _refuse_control(request.scope["path"])
    if kinds:
        refuse_media_type(request, *kinds)
    if kinds == (JSON,):
        request.scope["state"][PARSED] = parse(await request.body())
    return None


def _options(request: Request[Any, Any, Any]) -> Response[None]:
    """What may be done here; the framework forgets methods that other handlers of the path bring."""
    template = request.scope["path_template"]
    methods = {method for path, method in declared_of(request.app) if path == template} | {"OPTIONS"}
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(methods))})


def refuse_media_type(request: Request[Any, Any, Any], *allowed: str) -> None:
    """415 unless the body is of one of these media types."""
    # From the plain list: to have it parsed as the framework does took 2 % of a transfer.
    header = next((value for name, value in request.scope["headers"] if name == b"content-type"), b"")
    kind = header.decode("latin-1").partition(";")[0].strip().lower()
    if kind not in allowed:
        given, wanted = kind[:100] or "-", ", ".join(allowed)
        raise malformed(f"The body must be {wanted}; given: {given}", f"请求体应为 {wanted}，给出 {given}", status=415)


def parse(content: bytes, where: str = "body") -> Any:
    """The JSON value as plain Python; 400 where it is none, is nested too deeply or names a field twice."""
    try:
        found = _DECODER.decode(content.decode())
        if b"\\" in content:  # raw control characters are no JSON; escaped ones need a backslash
            _refuse_control_in(found)
    except RecursionError:
        raise malformed(f"{where}: nested too deeply", f"{where}：嵌套过深") from None
    except UnicodeDecodeError as fault:
        at = fault.start
        raise malformed(f"{where}: not UTF-8 (byte {at})", f"{where}：不是 UTF-8（字节 {at}）") from None
    except _RepeatedError as fault:
        name = repr(fault.args[0][:64])
        raise malformed(f"{where}: the field {name} stands twice in one object", f"{where}：字段 {name} 重复") from None
    except ValueError as fault:
        if not content.strip():
            raise malformed(f"{where}: empty", f"{where}：为空") from None
        raise malformed(f"{where}: not JSON: {str(fault)[:200]}", f"{where}：不是 JSON：{str(fault)[:200]}") from None
    return found


class _RepeatedError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedError(next(name for name in names if names.count(name) > 1))
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a value")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse_constant)


def _refuse_control_in(value: Any) -> None:
    match value:
        case str():
            _refuse_control(value)
        case dict():
            for name, item in value.items():
                _refuse_control(name)
                _refuse_control_in(item)
        case list():
            for item in value:
                _refuse_control_in(item)


def _refuse_control(text: str) -> None:
    if (found := _CONTROL.search(text)) is not None:
        point = f"U+{ord(found[0]):04X}"
        raise malformed(f"The character {point} was given; no text may contain it", f"文本中不得含有字符 {point}")


@functools.lru_cache(maxsize=8)
def declared_of(app: Litestar) -> dict[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]]:
    """By path and method: the query parameters an operation declares, and the media types it takes.

    Slow the first time: the whole OpenAPI document is made.
    """
    found = {}
    for path, item in app.openapi_schema.to_schema()["paths"].items():
        for method, operation in item.items():
            names = frozenset(p["name"] for p in operation.get("parameters", ()) if p["in"] == "query")
            kinds = tuple(operation.get("requestBody", {}).get("content", {}))
            found[path, method.upper()] = names, kinds
    return found
