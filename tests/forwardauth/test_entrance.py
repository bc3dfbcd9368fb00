"""The way in from proxies that nobody declared."""

import pytest

from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.street import UNDECLARED, Street, street

HELLO = "https://hello.example.com/a?b=c"
SECRET = "s" * 32


@pytest.mark.parametrize("handoff", ["callback", "in_place"])
@pytest.mark.parametrize("dialect", ["nginx", "traefik", "envoy"])
async def test_behind_a_path_secret_people_sign_in_though_nobody_declared_the_proxy(
    database: Database, database_url: str, clock: FakeClock, dialect: str, handoff: str
) -> None:
    async with street(database, database_url, clock, path_secret=SECRET) as built:
        await built.house.application(handoff=handoff)
        browser = built.browser(dialect)
        await browser.open(HELLO)
        page = await browser.sign_in_here()
        assert (page.status_code, browser.trail[-1]) == (200, HELLO)
        left = await browser.open("https://hello.example.com/ostiary/sign_out", Sec_Fetch_Site="same-origin")
        assert left.url.host == "auth.example.com"
        await built.house.let_know()
        assert (await browser.open(HELLO)).url.host == "auth.example.com"


@pytest.mark.parametrize("path", ["start", "callback", "sign_out"])
async def test_without_one_the_page_names_the_address_to_declare(street: Street, path: str) -> None:
    await street.house.application()
    page = await street.browser(peer=UNDECLARED).step(f"https://hello.example.com/ostiary/{path}")
    assert (page.status_code, UNDECLARED in page.text) == (403, True)


@pytest.mark.parametrize("path", ["start?rd=/", "callback", "sign_out"])
async def test_what_an_undeclared_proxy_forwards_is_not_believed(
    database: Database, database_url: str, clock: FakeClock, path: str
) -> None:
    """Not the host above all: it would choose whose cookie is set."""
    async with street(database, database_url, clock, path_secret=SECRET) as built:
        await built.house.application()
        page = await built.browser().get(
            f"https://nobody.example.com/ostiary/{path}",
            Host="nobody.example.com",
            X_Forwarded_Host="hello.example.com",
        )
        assert "hello" not in page.text + page.headers.get("location", "")
