"""``/api/v3/`` for people: every operation with who may call it, and ``/api/v3/schema/`` for programs."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ostiary.api.document import FILE
from ostiary.api.operations import ANYONE, PREFIX, Operations
from ostiary.web.look import look_of
from ostiary.web.pages import Pages

_METHODS = ("get", "post", "put", "patch", "delete")


def mount(operations: Operations, pages: Pages) -> None:
    """Adds both."""

    @operations.operation("GET", "/schema/", "schema_retrieve", who=ANYONE, tag="schema", answers=dict[str, Any])
    async def schema() -> Response:
        """The OpenAPI document."""
        return FileResponse(FILE, media_type="application/json")

    @operations.operation("GET", "/", "ostiary_browser", who=ANYONE, tag="schema", include_in_schema=False)
    async def browser(request: Request, tag: str = Query(default="", max_length=64)) -> Response:
        document = json.loads(FILE.read_text())
        every = list(_operations(document))
        tags = sorted({one["tag"] for one in every})
        counts = [(name, sum(one["tag"] == name for one in every)) for name in tags]
        shown = [one for one in every if one["tag"] == tag]
        return pages.render(
            "api/browser.html", look=look_of(request), tags=counts, tag=tag if tag in tags else "", operations=shown
        )


def _operations(document: Mapping[str, Any]) -> Any:
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                one = item[method]
                body = one.get("requestBody", {}).get("content", {})
                yield {
                    "tag": one["tags"][0],
                    "name": one["operationId"],
                    "method": method.upper(),
                    "path": path.removeprefix(PREFIX),
                    "summary": one.get("summary", ""),
                    "description": one.get("description", ""),
                    "who": one["x-ostiary-who"],
                    "parameters": [_parameter(entry) for entry in one.get("parameters", ())],
                    "body": _fields(schemas, next(iter(body.values()))["schema"]) if body else None,
                }


def _parameter(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "type": _type(entry["schema"]),
        "required": entry.get("required", False),
        "text": entry.get("description", "") or ("in the path" if entry["in"] == "path" else ""),
    }


def _fields(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of a body; none for one that is no object with names."""
    whole = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    required = set(whole.get("required", ()))
    return [
        {"name": name, "type": _type(one), "required": name in required, "text": one.get("description", "")}
        for name, one in whole.get("properties", {}).items()
    ]


def _type(schema: Mapping[str, Any]) -> str:
    """What a value looks like, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
