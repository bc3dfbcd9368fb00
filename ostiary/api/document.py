"""The OpenAPI document: made from the operations at release, served as a file.

``python -m tests.api.surface`` writes it; a test holds it against the code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from ostiary.api.operations import ANYONE, PREFIX, Operations

FILE: Final = Path(__file__).parent / "openapi.json"

_VALIDATION_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": "ValidationError",
    "description": "What was wrong, by field; what is wrong with the whole stands under non_field_errors.",
    "properties": {
        "non_field_errors": {"type": "array", "items": {"type": "string"}},
        "code": {"type": "string", "description": "Stable, such as user.username_taken."},
    },
    "additionalProperties": {},
}
_GENERIC_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": "GenericError",
    "properties": {
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable, such as api.not_allowed."},
    },
    "required": ["detail"],
}
_ERRORS: Final = (
    ("400", "The request is wrong; nothing was done.", "ValidationError"),
    ("403", "Whoever asks may not do this.", "GenericError"),
    ("404", "There is no such object, or the caller may not see it.", "GenericError"),
    ("409", "Something else needs it as it is.", "GenericError"),
    ("412", "It is no longer as If-Match says.", "GenericError"),
    ("503", "It cannot be known right now.", "GenericError"),
)


def document(app: FastAPI, built: Operations) -> dict[str, Any]:
    """The whole document (OpenAPI 3.1)."""
    made: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    made["info"]["description"] = "The management API: authentik's, as far as it exists here."
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= {"ValidationError": _VALIDATION_ERROR, "GenericError": _GENERIC_ERROR}
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    made["components"]["securitySchemes"] = {"authentik": {"type": "http", "scheme": "bearer"}}
    for one in built.built:
        operation = made["paths"].get(f"{PREFIX}{one.path}", {}).get(one.method.lower())
        if operation is None:
            continue
        operation["x-ostiary-who"] = one.who.words
        operation["security"] = [{"authentik": []}, {}] if one.who is ANYONE else [{"authentik": []}]
        operation["responses"].pop("422", None)
        for status, description, schema in _ERRORS:
            operation["responses"].setdefault(
                status,
                {
                    "description": description,
                    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
                },
            )
    return made


def text(app: FastAPI, built: Operations) -> str:
    """The same, as it stands in the file."""
    return json.dumps(document(app, built), indent=1, ensure_ascii=False) + "\n"
