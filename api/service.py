"""Health, readiness, the OpenAPI document and its pages, none of which needs a key or the outside world."""

from typing import Any

import swagger_ui_bundle
from litestar import Request, Response, get
from litestar.response import File

from api import problems
from api.document import openapi_document
from api.problems import Problem
from api.schemas import HealthOut
from api.security import PUBLIC
from ledger.core.refusal import refuse

_OPEN: dict[str, Any] = {"security": [], "tags": ["service"], "opt": PUBLIC}


@get("/healthz", operation_id="getHealth", summary="Liveness", responses=problems.declared(400, 405), **_OPEN)
async def health() -> HealthOut:
    """The process lives."""
    return HealthOut(status="ok")


@get("/readyz", operation_id="getReadiness", summary="Readiness", responses=problems.declared(400, 405, 503), **_OPEN)
async def readiness(request: Request[Any, Any, Any]) -> HealthOut:
    """The database answers."""
    if not await request.app.state.reading.is_reachable():
        raise Problem(refuse("unavailable"))
    return HealthOut(status="ready")


@get("/openapi.json", include_in_schema=False, security=[], opt=PUBLIC)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(openapi_document(request.app), media_type="application/json")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GreenLedger 绿账 API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="page"></div><script src="/docs/assets/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", validatorUrl: null})</script></body></html>
"""


_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'"
)


@get("/docs", include_in_schema=False, security=[], opt=PUBLIC)
async def docs() -> Response[str]:
    """Swagger UI, from this server only."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@get("/docs/assets/{name:str}", include_in_schema=False, security=[], opt=PUBLIC)
async def asset(name: str) -> File:
    """One of the two files the page needs."""
    if name not in _ASSETS:
        raise Problem(refuse("not_found", what=f"file {name}"))
    return File(swagger_ui_bundle.swagger_ui_path / name, media_type=_ASSETS[name], content_disposition_type="inline")


HANDLERS = (health, readiness, openapi, docs, asset)
