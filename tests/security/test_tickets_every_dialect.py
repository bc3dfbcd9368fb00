"""A ticket brings one login to one browser, at one application, by one way, once: whichever proxy asks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.street import Browser, Street
from tests.forwardauth.street import street as built_street

REDIRECTING = ("traefik", "nginx-fwd", "caddy", "haproxy", "envoy")
APPS = "https://apps.example.com"


@pytest.fixture
async def street(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Street]:
    database = Database(open_engine(sqlite_url))
    async with built_street(database, sqlite_url, clock) as built:
        yield built
    await database.close()


async def ticketed(street: Street, dialect: str, url: str) -> tuple[Browser, str]:
    """A browser of somebody signed in, and the address with a ticket that our host sends it to, not opened yet."""
    browser = street.browser(dialect)
    await browser.open("https://first.example.com/")
    await browser.sign_in_here()
    where = url
    for _ in range(8):
        where = str((await browser.step(where)).headers["location"])
        if "ticket=" in where:
            return browser, where
    raise AssertionError(browser.trail)


async def doors(street: Street, handoff: str) -> None:
    for host in ("https://first.example.com", "https://hello.example.com", f"{APPS}/a", f"{APPS}/b"):
        await street.house.application(host, handoff=handoff)


def seats(answer: Any) -> bool:
    """Whether an answer gives a browser a session of an application."""
    line = answer.headers.get("set-cookie", "")
    return bool(line) and "_try_" not in line and "ostiary_loops" not in line and "ostiary_form" not in line


@pytest.mark.parametrize("url", ["https://hello.example.com/x?y=1", f"{APPS}/a/x"])
@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_only_a_page_that_is_opened_redeems_a_ticket_in_place(street: Street, dialect: str, url: str) -> None:
    await doors(street, "in_place")
    browser, address = await ticketed(street, dialect, url)
    ask, cookies = street.house.ask_as, browser.cookies(address)
    for method in ("POST", "HEAD", "OPTIONS", "PUT", "get"):
        assert not seats(await ask(dialect, address, cookies, method=method))
    assert not seats(await ask(dialect, address, cookies, navigation=False))
    for other in (
        address.replace("ostiary-ticket", "%6fstiary-ticket"),
        address.replace("ostiary-ticket", "Ostiary-Ticket"),
        address + "&z=1",
        address + "%00",
        address + "/",
        address.replace("ticket=", "ticket=A"),
        f"{address}&ostiary-ticket={'A' * 64}",
        address.replace("https://", "https://other."),
    ):
        answer = await ask(dialect, other, cookies)
        assert not seats(answer), other
        assert answer.status in (302, 401, 403), other
    good = await ask(dialect, address, cookies)
    assert (good.status, good.headers["location"], seats(good)) == (302, url, True)
    assert not seats(await ask(dialect, address, cookies))


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_ticket_in_another_browser_opens_nothing_and_stays_good(street: Street, dialect: str) -> None:
    await doors(street, "in_place")
    browser, address = await ticketed(street, dialect, f"{APPS}/a/x")
    ask, cookies = street.house.ask_as, browser.cookies(address)
    thief = street.browser(dialect)
    await thief.step(f"{APPS}/a/x")
    await thief.step(f"{APPS}/b/x")
    for given in (None, thief.cookies(address), f"{thief.cookies(address)}; {cookies}"):
        answer = await ask(dialect, address, given)
        assert not seats(answer)
        assert (answer.status, "ostiary-ticket" in answer.headers["location"]) == (302, False)
    assert seats(await ask(dialect, address, cookies))


async def test_where_a_page_looks_like_an_image_nobody_is_signed_in_by_one(street: Street) -> None:
    """Envoy passes on listed headers only: without Accept and Fetch Metadata, what another site embeds looks alike."""
    await doors(street, "in_place")
    _, address = await ticketed(street, "envoy", f"{APPS}/a/x")
    victim = street.browser("envoy")
    await victim.step(f"{APPS}/a/x")
    ask = street.house.ask_as
    for given in (victim.cookies(address), None):
        answer = await ask("envoy", address, given, navigation=False, without="Accept")
        assert (answer.status, seats(answer)) == (302, False)
    # What the victim's own attempt leads to is as it was.
    again = await ask("envoy", f"{APPS}/a/x", victim.cookies(address), navigation=False, without="Accept")
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_ticket_of_one_path_is_no_good_at_another(street: Street, dialect: str) -> None:
    await doors(street, "in_place")
    browser, address = await ticketed(street, dialect, f"{APPS}/a/x")
    await browser.step(f"{APPS}/b/x")
    ask, cookies = street.house.ask_as, browser.cookies(address)
    ticket = address.partition("?")[2]
    for other in (f"{APPS}/b/x?{ticket}", f"{APPS}/b?{ticket}", f"https://hello.example.com/?{ticket}"):
        assert not seats(await ask(dialect, other, cookies)), other
    for other in (f"{APPS}/a/../b/x?{ticket}", f"{APPS}/a//x?{ticket}", f"{APPS}/?{ticket}"):
        answer = await ask(dialect, other, cookies)
        assert (answer.status, seats(answer)) == (403, False), other
    for prefix in ("/ostiary", "/outpost.goauthentik.io"):
        page = await browser.step(f"{APPS}{prefix}/callback?{ticket.replace('ostiary-', '')}")
        assert (page.status_code, seats(page)) == (400, False)
    assert seats(await ask(dialect, address, cookies))


@pytest.mark.parametrize("dialect", REDIRECTING)
async def test_a_ticket_for_the_callback_is_no_good_in_place(street: Street, dialect: str) -> None:
    await doors(street, "callback")
    browser, address = await ticketed(street, dialect, f"{APPS}/a/x")
    assert address.startswith(f"{APPS}/ostiary/callback?app=") or "/outpost.goauthentik.io/callback?app=" in address
    ticket = address.partition("ticket=")[2]
    ask, cookies = street.house.ask_as, browser.cookies(address)
    for path in ("/a/x", "/a", "/b"):
        assert not seats(await ask(dialect, f"{APPS}{path}?ostiary-ticket={ticket}", cookies))
    thief = street.browser(dialect)
    await thief.step(f"{APPS}/a/x")
    assert not seats(await thief.step(address))
    other = await browser.step(address.replace(APPS, "https://hello.example.com"))
    assert (other.status_code, seats(other)) == (400, False)
    assert seats(await browser.step(address))
