"""What only a real browser can say: that the policy lets a brand's look through, and people from outside go on."""

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from sqlalchemy import select

from ostiary.app import Server
from ostiary.applications.models import Application
from ostiary.brands.models import Brand
from ostiary.events.record import COMMAND
from ostiary.parts import build
from ostiary.settings.load import load
from tests.brands.conftest import PASSWORD, PIXEL
from tests.served import chromium

FLOW = "/if/flow/default-authentication-flow/"
_SVG = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='96' height='32'>"
    b"<rect width='96' height='32' rx='8' fill='#6a3d9a'/></svg>"
)
MARK = f"data:image/svg+xml;base64,{b64encode(_SVG).decode()}"
CSS = ":root { --accent: rgb(106, 61, 154) } .card { background-image: url(https://elsewhere.test/x.png) }"


@asynccontextmanager
async def listening(url: str, folder: Path) -> AsyncIterator[tuple[Server, str]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environ = {
            "OSTIARY_DATA_DIR": str(folder),
            "OSTIARY_DATABASE__URL": url,
            "OSTIARY_WEB__BASE_URL": origin,
            "OSTIARY_BOOTSTRAP__PASSWORD": PASSWORD,
        }
        server = Server(await build(load(None, environ).settings))
        web = uvicorn.Server(uvicorn.Config(server.asgi, log_level="error", proxy_headers=False))
        running = asyncio.create_task(web.serve(sockets=[listener]))
        try:
            yield server, origin
        finally:
            web.should_exit = True
            await running
            await server.close()


async def test_a_brand_is_seen_and_nothing_from_elsewhere_is_loaded(sqlite_url: str, tmp_path: Path) -> None:
    async with listening(sqlite_url, tmp_path) as (server, origin), chromium() as browser:
        async with server.parts.database.reading() as r:
            brand = (await r.scalars(select(Brand.id))).one()
        values = {
            "branding_title": "Acme",
            "branding_logo": MARK,
            "branding_favicon": MARK,
            "branding_default_flow_background": PIXEL,
            "branding_custom_css": CSS,
        }
        await server.parts.brands.update(brand, values, by=COMMAND)
        page = await browser.new_page()
        loaded: list[str] = []
        refused: dict[str, str | None] = {}
        page.on("requestfinished", lambda request: loaded.append(request.url))
        page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
        await page.goto(origin + FLOW, wait_until="networkidle")
        assert await page.title() == "Sign in · Acme"
        assert await page.evaluate("document.querySelector('.brand img').naturalWidth") == 96
        style = "getComputedStyle(document.querySelector('{}')).{}"
        assert await page.evaluate(style.format("button", "backgroundColor")) == "rgb(106, 61, 154)"
        assert "/static/brand." in await page.evaluate(style.format("body", "backgroundImage"))
        assert loaded
        assert all(url.startswith(origin) for url in loaded)
        assert refused == {"https://elsewhere.test/x.png": "csp"}


async def test_people_from_outside_go_on_in_spite_of_the_forms_policy(sqlite_url: str, tmp_path: Path) -> None:
    async with listening(sqlite_url, tmp_path) as (server, origin), chromium() as browser:
        parts = server.parts
        await parts.applications.create(
            "hello",
            access="everyone",
            values={"launch_url": f"http://localhost:{origin.rsplit(':')[-1]}/-/live"},
            by=COMMAND,
        )
        await parts.users.create("guest", password=PASSWORD, type="external", by=COMMAND)
        async with parts.database.reading() as r:
            brand = (await r.scalars(select(Brand.id))).one()
            application = (await r.scalars(select(Application.id))).one()
        await parts.brands.update(brand, {"default_application": application}, by=COMMAND)
        page = await browser.new_page()
        await page.goto(origin + FLOW)
        await page.fill("#uid_field", "guest")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("http://localhost:*/-/live")
