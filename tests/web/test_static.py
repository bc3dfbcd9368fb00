"""Static files are immutable under their hashed names, and nothing else is served."""

from ostiary.storage.session import Database
from ostiary.web.static import Static
from tests.clock import FakeClock
from tests.house import PACKAGE, house


async def test_a_hashed_name_may_be_kept_for_ever(database: Database, clock: FakeClock) -> None:
    async with house(database, clock) as door:
        url = Static(PACKAGE / "static").url("style.css")
        browser = door.browser()
        for prefix in ("", "/ostiary", "/outpost.goauthentik.io"):
            answer = await browser.get(prefix + url)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-type"] == "text/css; charset=utf-8"
        for path in ("/static/style.css", "/static/..%2fweb%2fpages.py", "/static/"):
            assert (await browser.get(path)).status_code == 404
