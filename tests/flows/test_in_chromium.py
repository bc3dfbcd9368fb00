"""What only a real browser can say: focus, keyboard, narrow screens, and that the policy blocks nothing of ours."""

from ostiary.flows.intent import Intent
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD
from tests.served import chromium, served

NARROW = {"width": 320, "height": 640}
FOCUS = "document.activeElement.id"
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def test_a_person_signs_in_by_keyboard_without_scripts_on_a_narrow_screen(
    sqlite_url: str, clock: FakeClock
) -> None:
    database = Database(open_engine(sqlite_url))
    async with served(database, clock) as (door, origin), chromium() as browser:
        context = await browser.new_context(java_script_enabled=False, viewport=NARROW, color_scheme="dark")  # type: ignore[arg-type]
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(origin + door.start.url(Intent("/if/user/", "Hello World")))
        assert await page.title() == "Sign in to Hello World · Ostiary"
        assert await page.evaluate(FOCUS) == "uid_field"
        assert not await page.evaluate(SCROLLS)
        await page.keyboard.type("ada")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#password-error")
        assert await page.evaluate(FOCUS) == "password"
        assert await page.input_value("#uid_field") == "ada"
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[role=alert]")
        assert await page.evaluate(FOCUS) == "password"
        assert await page.get_by_label("Username or e-mail").input_value() == "ada"
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{origin}/if/user/")
        assert not await page.evaluate(SCROLLS)
        await page.get_by_role("link", name="Sign out").click()
        await page.get_by_role("heading", name="You are signed out").wait_for()
        await page.goto(f"{origin}/if/user/")
        assert "/if/flow/default-authentication-flow/" in page.url
        # A wrong password is answered with an error's status, which Chromium mentions; the policy blocked nothing.
        assert not [text for text in complaints if "Failed to load resource" not in text]
    await database.close()


async def test_the_set_up_link_leaves_no_code_behind(sqlite_url: str, clock: FakeClock) -> None:
    database = Database(open_engine(sqlite_url))
    async with served(database, clock, unused=True) as (door, origin), chromium() as browser:
        page = await browser.new_page()
        code = await door.setup.new_code()
        await page.goto(f"{origin}/if/flow/initial-setup/?code={code}")
        assert page.url == f"{origin}/if/flow/initial-setup/"
        assert code not in await page.content()
        await page.fill("#email", "jane@example.com")
        await page.fill("#password", PASSWORD)
        await page.fill("#password_repeat", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{origin}/if/user/")
        assert await page.get_by_text("akadmin").count()
    await database.close()
