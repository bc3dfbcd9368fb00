"""Errors are pages to people and JSON to programs, and repeat nothing."""

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
