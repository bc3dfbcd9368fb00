"""Errors are pages to people and JSON to programs, and repeat nothing."""

import httpx2
import pytest

from ostiary.kit.errors import Unavailable
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import house


async def test_not_found_is_a_page_or_json(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        browser = door.browser()
        page = await browser.get("/if/admin/")
        assert page.status_code == 404
        assert "There is nothing at this address" in page.text
        assert "content-security-policy" in page.headers
        assert 'class="button plain" href="/"' in page.text
        answer = await browser.http.get("/nothing", headers={"Accept": "*/*"})
        assert answer.json() == {
            "error": "page.not_found",
            "message": "There is nothing at this address. Check it, or go back to where you came from.",
        }


async def test_a_wrong_method_says_which_are_right(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        answer = await door.browser().http.delete("/if/flow/default-authentication-flow/")
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


async def test_a_database_that_is_away_is_503_without_its_words(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(database, clock) as door:
        browser = door.browser()

        def away() -> None:
            raise Unavailable("storage.unreachable", "The database cannot be asked right now.") from OSError("host db7")

        monkeypatch.setattr(door.database, "reading", away)
        answer = await browser.get("/if/flow/default-authentication-flow/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "db7" not in answer.text


async def test_an_error_that_nobody_expected_says_nothing_of_itself(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(database, clock) as door:

        async def broken(slug: str) -> None:
            raise RuntimeError("the password of the database is s3cret")

        monkeypatch.setattr(door.executor, "plan", broken)
        transport = httpx2.ASGITransport(app=door.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="https://auth.example.com") as http:
            answer = await http.get("/if/flow/default-authentication-flow/", headers={"Accept": "text/html"})
        assert answer.status_code == 500
        assert "internal.unexpected" in answer.text
        assert "s3cret" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/if/flow/%00/", "/if/flow/a%00b/", "/if/flow/default-authentication-flow/?run=%00", "/static/%00"]
)
async def test_what_no_database_can_hold_is_not_asked_for(database: Database, clock: FakeClock, path: str) -> None:
    async with house(database, clock) as door:
        assert (await door.browser().get(path)).status_code in (200, 404)


async def test_a_page_on_an_applications_host_finds_its_style_there(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        for prefix in ("/ostiary", "/outpost.goauthentik.io"):
            page = await door.browser("https://hello.example.com").get(f"{prefix}/nothing")
            assert page.status_code == 404
            assert f'href="{prefix}/static/style.' in page.text
            assert 'href="/"' not in page.text
