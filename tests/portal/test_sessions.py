"""The page that shows where a person is signed in."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from ostiary.applications.models import Provider
from ostiary.applications.registry import Applications
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.portal.sessions import browser_name
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.base import new_id
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import Browser, House, house

PAGE = "/if/user/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def opened(door: House, slug: str, name: str) -> None:
    """Ada's first login opens an application on two hosts."""
    applications = Applications(database=door.database, clock=door.clock, base_url=None)
    proxy = {"external_host": f"https://{slug}.example.com"}
    await applications.add_proxied(slug, access="everyone", proxy=proxy, values={"name": name}, by=COMMAND)
    now = door.clock.now()
    async with door.database.writing() as w:
        login = (await w.scalars(select(Session.id).order_by(Session.created))).first()
        provider = (await w.scalars(select(Provider.id).order_by(Provider.id.desc()))).first()
        for host in (f"{slug}.example.com", f"www.{slug}.example.com"):
            w.add(
                AppSession(
                    token_hash=new_id().ljust(64, "0"),
                    session_id=login,
                    provider_id=provider,
                    kind="app",
                    host=host,
                    created=now,
                    expires=now + timedelta(hours=1),
                )
            )


async def open_hosts(door: House) -> list[str]:
    async with door.database.reading() as r:
        return list(await r.scalars(select(AppSession.host).order_by(AppSession.host)))


async def press(browser: Browser, **fields: str) -> int:
    """Sends one of the page's buttons."""
    data = {"csrf": browser.page.fields["csrf"], **fields}
    return (await browser.http.post(PAGE, data=data)).status_code


async def test_an_empty_page_says_so(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    page = await browser.get(PAGE)
    assert "No application is open in this browser." in page.text
    assert "Nowhere else." in page.text
    assert "<form" not in page.text


async def test_one_application_is_left(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await opened(door, "hello", "Hello <World>")
    await opened(door, "wiki", "Wiki")
    page = await browser.get(PAGE)
    assert "Hello &lt;World&gt;" in page.text
    assert "hello.example.com, www.hello.example.com" in page.text
    assert await press(browser, application="hello") == 303
    assert await open_hosts(door) == ["wiki.example.com", "www.wiki.example.com"]
    assert "Hello" not in (await browser.get(PAGE)).text
    assert "You are signed out of Hello &lt;World&gt;." in (await browser.get(PAGE + "?left=hello")).text
    applications = Applications(database=door.database, clock=door.clock, base_url=None)
    await applications.create("secret", access="bound", values={"name": "Secret plan"}, by=COMMAND)
    # No address tells the names of applications that the person may not open.
    for other in ("wiki", "secret", "nothing", "<b>"):
        assert "You are signed out of" not in (await browser.get(f"{PAGE}?left={other}")).text
    async with door.database.reading() as r:
        event = (await r.scalars(select(Event).where(Event.action == "logout"))).one()
    assert (event.context["application"], event.context["applications"]) == ("hello", 2)
    assert event.user["username"] == "ada"


async def test_a_link_only_asks(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await opened(door, "hello", "Hello")
    assert "Sign out of Hello?" in (await browser.get(PAGE + "?application=hello")).text
    assert len(await open_hosts(door)) == 2
    assert "That application is not open in this browser." in (await browser.get(PAGE + "?application=other")).text


async def test_another_login_is_ended_and_only_ones_own(door: House) -> None:
    here, there, bob = door.browser(), door.browser(), door.browser()
    await here.sign_in()
    there.http.headers["User-Agent"] = FIREFOX
    door.clock.advance(1)
    await there.sign_in()
    await bob.sign_in("bob")
    page = await here.get(PAGE)
    assert "Firefox on Linux" in page.text
    async with door.database.reading() as r:
        there_id = await r.scalar(select(Session.id).where(Session.user_agent == FIREFOX))
        bobs = (await r.scalars(select(Session.id).order_by(Session.user_id.desc()))).first()
    assert await press(here, session=str(bobs)) == 404
    assert await press(here, session="nothing") == 404
    assert (await bob.get("/if/user/")).status_code == 200
    assert await press(here, session=str(there_id)) == 303
    assert (await there.get("/if/user/")).status_code == 303
    assert (await here.get("/if/user/")).status_code == 200


async def test_a_button_of_another_page_is_refused(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await opened(door, "hello", "Hello")
    await browser.get(PAGE)
    assert (await browser.http.post(PAGE, data={"csrf": "x", "application": "hello"})).status_code == 403
    assert len(await open_hosts(door)) == 2


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8.5", "curl"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_in_a_few_words(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name
