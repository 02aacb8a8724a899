"""The OpenAPI 3.1 document: Litestar's, made as exact as the API is.

Litestar declares bodies more loosely than msgspec checks them, and no response headers; both are put right here.
"""

import functools
from typing import Any

import msgspec
from litestar import Litestar

from api import bodies, carbon_bodies, carbon_schemas, events, import_schemas, park_bodies, schemas
from api.reconciliations import MEDIA_TYPES
from ledger.writer import BATCH_MAX

_REF = "#/components/schemas/{name}"
_TEXT = {"schema": {"type": "string"}}
_PARAMETERS = {
    "cursor": {"type": "string", "format": "cursor", "maxLength": 200},
    "known_as_of": {
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]{1,18}$"},
            {"type": "string", "format": "date-time", "maxLength": 40},
        ]
    },
    "effective_as_of": {"type": "string", "format": "date"},
}
"""Parameters that Litestar would let be null, which nothing in a URL can be."""


@functools.lru_cache(maxsize=8)
def openapi_document(app: Litestar) -> bytes:
    """The document's bytes."""
    document = app.openapi_schema.to_schema()
    document["components"]["schemas"].update(_components())
    document["paths"]["/v1/batches"]["post"]["requestBody"] = _batch_body(events.BatchItem)
    document["paths"]["/v1/readings/batches"]["post"]["requestBody"] = _batch_body(carbon_bodies.ReadingItemIn)
    document["paths"]["/v1/imports"]["post"]["requestBody"] = _file_body("A statement")
    document["paths"]["/v1/readings/files"]["post"]["requestBody"] = _file_body("Readings")
    for path in ("/v1/reconciliations", "/v1/inventories/draft"):
        document["paths"][path]["get"]["responses"]["200"]["content"] |= {
            MEDIA_TYPES[form]: {"schema": {"type": "string"}} for form in ("csv", "xlsx")
        }
    for operations in document["paths"].values():
        for operation in operations.values():
            _describe(operation)
    return msgspec.json.encode(document)


def _components() -> dict[str, Any]:
    """Every struct that crosses the wire, as msgspec itself checks it."""
    rooms = (schemas, carbon_schemas, import_schemas, bodies, carbon_bodies, park_bodies)
    ours = [*(one for room in rooms for one in vars(room).values()), *events.ITEMS]
    structs = [one for one in ours if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    _, found = msgspec.json.schema_components([s for s in structs if not s.__name__.startswith("_")], ref_template=_REF)
    return found


def _batch_body(kind: Any) -> dict[str, Any]:
    (item,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    # The discriminator says again what each item's own `type` says, and tools trip over it.
    items = {"anyOf": item["anyOf"]} if "anyOf" in item else item
    array = {"type": "array", "minItems": 1, "maxItems": BATCH_MAX, "items": items}
    lines = array | {"description": "One item as JSON on each line."}
    return {
        "required": True,
        "content": {"application/json": {"schema": array}, "application/x-ndjson": {"schema": lines}},
    }


def _file_body(what: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": f"{what}: CSV, XLSX, XLS or ODS."}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"], "additionalProperties": False}
    return {"required": True, "content": {"multipart/form-data": {"schema": form}}}


def _describe(operation: dict[str, Any]) -> None:
    if "401" not in operation["responses"]:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        name = "known_as_of" if _names_a_moment(operation, parameter) else parameter["name"]
        schema = _PARAMETERS.get(name, parameter["schema"])
        if schema.get("format") == "cursor" and operation["operationId"] == "listPostings":
            schema = schema | {"format": "posting-cursor"}
        parameter["schema"] = _never_null({k: int(v) if isinstance(v, float) else v for k, v in schema.items()})
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = {"description": "The caller's own, or one of ours"} | _TEXT
        if status >= "400":
            headers["Content-Language"] = {"schema": {"enum": ["en", "zh-CN"]}, "required": True}
            headers["Vary"] = _TEXT
        match status:
            case "201" | "202":
                headers["Idempotent-Replayed"] = {"description": "true where the key had this outcome already"} | _TEXT
            case "401":
                headers["WWW-Authenticate"] = {"required": True} | _TEXT
            case "405":
                headers["Allow"] = {"description": "The path's methods", "required": True} | _TEXT
            case "429" | "503":
                headers["Retry-After"] = {"description": "Seconds to wait", "required": True} | _TEXT


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without the null that Litestar lets an optional one be: nothing in a URL is null."""
    if "null" not in schema.get("type", ()):
        return schema
    kind = [one for one in schema["type"] if one != "null"]
    choices = {"enum": [one for one in schema["enum"] if one is not None]} if "enum" in schema else {}
    return schema | {"type": kind[0] if len(kind) == 1 else kind} | choices


def _names_a_moment(operation: dict[str, Any], parameter: dict[str, Any]) -> bool:
    """Whether a size of this operation may be an instant as well."""
    return operation["operationId"] == "listChanges" and parameter["name"] in {"from_size", "to_size"}
