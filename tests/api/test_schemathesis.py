"""Requests made from our OpenAPI document, sent as everybody: nothing fails, nothing breaks the document, and nothing
succeeds that the matrix forbids.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from ostiary.api import document
from ostiary.directory.codenames import PERMISSIONS
from tests.api.house import ApiHouse
from tests.api.test_matrix import CALLERS, OPERATIONS, expected

DOCUMENT: dict[str, Any] = json.loads(document.FILE.read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
WHO = {one.name: expected(one) for one in OPERATIONS}


@pytest.fixture(scope="module")
def callers(sqlite_api: ApiHouse) -> Iterator[tuple[httpx2.Client, ...]]:
    api = sqlite_api
    keys = ("", api.token(), api.token(*PERMISSIONS), api.token(superuser=True))
    clients = tuple(api.http(key) for key in keys)
    yield clients
    for client in clients:
        client.close()


def _operations() -> Iterator[Any]:
    for result in SCHEMA.get_all_operations():
        one: Any = result
        one = one.ok()
        yield pytest.param(one, id=one.definition.raw["operationId"])


@pytest.mark.parametrize("operation", list(_operations()))
def test_whatever_is_asked_is_answered_as_documented(operation: Any, callers: tuple[httpx2.Client, ...]) -> None:
    name = operation.definition.raw["operationId"]

    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        for caller, client, refused in zip(CALLERS, callers, WHO[name], strict=True):
            answer = _sent(client, case)
            told = f"{case.method} {case.formatted_path} as {caller}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, told
            assert not (refused and answer.status_code < 300), told
            _hold(operation.definition.raw["responses"], answer, told)

    ask()


def _sent(client: httpx2.Client, case: Any) -> httpx2.Response:
    content = {} if case.body is schemathesis.core.NOT_SET else {"json": case.body}
    return client.request(case.method, case.formatted_path.removeprefix("/api/v3"), params=case.query or {}, **content)


def _hold(responses: dict[str, Any], answer: httpx2.Response, told: str) -> None:
    """The answer is one that the document names, in the shape that it gives."""
    assert str(answer.status_code) in responses, told
    wanted = responses[str(answer.status_code)].get("content", {}).get("application/json", {}).get("schema")
    if wanted:
        jsonschema_rs.validate({**wanted, "components": DOCUMENT["components"]}, answer.json())
