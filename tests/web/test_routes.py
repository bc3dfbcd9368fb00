"""A route says who may call it, or does not exist."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ostiary.storage.session import Database
from ostiary.web.routes import Routes
from tests.clock import FakeClock
from tests.house import house


async def answer(request: Request) -> Response:
    return PlainTextResponse("")


def test_a_route_without_who_cannot_be_built() -> None:
    untyped: Any = Routes(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="who"):
        untyped.route("/x", answer)
    with pytest.raises(ValueError, match="everybody"):
        untyped.route("/x", answer, who="everybody")
    assert untyped.built() == []


async def test_a_stranger_is_sent_to_sign_in_and_comes_back(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        browser = door.browser()
        refused = await browser.get("/if/user/password/?from=mail")
        assert refused.status_code == 303
        assert refused.headers["location"].startswith("/if/flow/default-authentication-flow/?intent=")
        await browser.get(refused.headers["location"])
        back = await browser.send({"uid_field": "ada", "password": "correct horse"})
        assert back.headers["location"] == "/if/user/password/?from=mail"


async def test_a_missing_slash_is_added_without_the_host(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        answer = await door.browser().get("/if/flow/default-authentication-flow?x=1")
        assert (answer.status_code, answer.headers["location"]) == (307, "./default-authentication-flow/?x=1")
