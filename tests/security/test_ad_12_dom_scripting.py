"""AD-12: script payloads in parameters and fragments of the sign-in and sign-out pages run nowhere."""

from urllib.parse import quote

from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.served import chromium, served

PAYLOADS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "'-alert(1)-'")
PAGES = ("default-authentication-flow", "default-invalidation-flow", "initial-setup")


async def test_ad_12_nothing_runs_and_the_policy_has_nothing_to_block(sqlite_url: str, clock: FakeClock) -> None:
    database = Database(open_engine(sqlite_url))
    async with served(database, clock) as (_, origin), chromium() as browser:
        page = await browser.new_page()
        dialogs: list[str] = []
        complaints: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.on("console", lambda message: complaints.append(message.text))
        for payload in PAYLOADS:
            text = quote(payload, safe="")
            query = "&".join(f"{name}={text}" for name in ("intent", "run", "ticket", "next", "error", "login_hint"))
            for slug in PAGES:
                await page.goto(f"{origin}/if/flow/{slug}/?{query}#{text}")
        assert dialogs == []
        assert not [text for text in complaints if "Failed to load resource" not in text]
    await database.close()
