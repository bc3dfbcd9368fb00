import json
from typing import Any

import pytest

from ostiary.access.machine_plan import machine_plan

ISSUER = {"issuer": "https://ci.example.com", "audience": "hello", "jwks_uri": "https://ci.example.com/jwks"}


@pytest.mark.parametrize("stored", ["", "{", "nil", b"\xff", "3", '"x"', "{}", None, 3, {}])
def test_issuers_that_cannot_be_read_open_nothing(stored: Any) -> None:
    plan = machine_plan(1, stored)
    assert plan is not None
    assert plan.issuers == ()


@pytest.mark.parametrize(
    "entry",
    [
        None,
        3,
        [],
        {},
        {**ISSUER, "issuer": ""},
        {**ISSUER, "audience": None},
        {**ISSUER, "claim": 3},
        {**ISSUER, "users": ["ada"]},
        {**ISSUER, "jwks_uri": 3},
        {**ISSUER, "jwks": {"keys": []}},
        {**ISSUER, "jwks_uri": "", "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {**ISSUER, "jwks_uri": ""},
    ],
)
def test_an_issuer_that_cannot_be_read_is_left_out_alone(entry: Any) -> None:
    plan = machine_plan(1, json.dumps([entry, ISSUER]))
    assert plan is not None
    assert [issuer.issuer for issuer in plan.issuers] == [ISSUER["issuer"]]


def test_no_plan_where_machines_have_no_way_in() -> None:
    assert machine_plan(0, json.dumps([ISSUER])) is None
