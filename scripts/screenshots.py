"""Takes the pictures of the sign-in page that the documents show, from a running installation."""

import secrets
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize

from tests.journeys.house import House, Plan, built
from tests.journeys.pages import expect_sign_in
from tests.rig.browser import chromium
from tests.rig.nginx import WHEEL

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
DESK = ViewportSize(width=960, height=640)
PHONE = ViewportSize(width=390, height=760)


def main() -> None:
    """Overwrites docs/images/sign-in*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ostiary-screenshots-") as name:
        folder = Path(name)
        plan = Plan(WHEEL, "sqlite", "http", "in_place")
        url = f"sqlite:///{folder}/data/ostiary.sqlite3"
        with built(plan, folder, url, OSTIARY_BOOTSTRAP__PASSWORD=secrets.token_hex()) as house:
            house.prepare(house.app("hello", "--everyone", "--name", "Hello World"))
            take(house)


def take(house: House) -> None:
    """One picture per look, of the page that a stranger meets on the way to an application."""
    with chromium(house.ports["http"]) as browser:
        for file, size, look in (
            ("sign-in", DESK, "light"),
            ("sign-in-dark", DESK, "dark"),
            ("sign-in-phone", PHONE, "light"),
        ):
            context = browser.new_context(
                viewport=size, device_scale_factor=2, color_scheme="dark" if look == "dark" else "light"
            )
            page = context.new_page()
            page.goto(house.url("hello"))
            expect_sign_in(page)
            page.screenshot(path=IMAGES / f"{file}.png")
            context.close()
            print(f"docs/images/{file}.png")


if __name__ == "__main__":
    main()
