"""Signing out: at once if the person asked for it, with a question if a page elsewhere sent them."""

from collections.abc import AsyncIterator

import pytest

from ostiary.flows.intent import Intent
from ostiary.flows.signout import SignOutTickets
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import Browser, House, house

FLOW = "/if/flow/default-invalidation-flow/"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def signed_in(browser: Browser) -> bool:
    return (await browser.http.get("/if/user/")).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
async def test_by_ones_own_wish_it_needs_no_question(door: House, site: str) -> None:
    browser = door.browser()
    await browser.sign_in()
    page = await browser.get(FLOW, Sec_Fetch_Site=site, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate")
    assert "You are signed out" in page.text
    assert "__Host-ostiary=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure" in page.headers.get_list("set-cookie")
    assert not await signed_in(browser)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "none", "Sec_Fetch_Dest": "document", "Sec_Purpose": "prefetch;prerender"},
    ],
)
async def test_otherwise_the_person_is_asked(door: House, headers: dict[str, str]) -> None:
    browser = door.browser()
    await browser.sign_in()
    page = await browser.get(FLOW, **headers)
    assert "Sign out?" in page.text
    assert await signed_in(browser)
    assert "You are signed out" in (await browser.send({}, **headers)).text
    assert not await signed_in(browser)


async def test_a_ticket_stands_for_the_wish(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    async with door.database.reading() as r:
        session = await door.sessions.find(r, browser.http.cookies["__Host-ostiary"])
    assert session is not None
    ticket = door.tickets.issue(session.id)
    page = await browser.get(f"{FLOW}?ticket={ticket}", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")
    assert "You are signed out" in page.text
    assert not await signed_in(browser)


def test_a_ticket_is_of_one_login_and_lives_a_minute(clock: FakeClock) -> None:
    tickets = SignOutTickets(secrets=Secrets(["k" * 32]), clock=clock)
    ticket = tickets.issue("s1")
    assert tickets.names(ticket, "s1")
    assert not tickets.names(ticket, "s2")
    assert not tickets.names("x", "s1")
    clock.advance(60)
    assert not tickets.names(ticket, "s1")


async def test_the_way_back_to_the_application_is_offered(door: House) -> None:
    browser = door.browser()
    intent = Intent(application_name="Hello", application_slug="hello", return_origin="https://hello.example.com")
    page = await browser.get(door.start.url(intent, "default-invalidation-flow"))
    assert 'href="https://hello.example.com/"' in page.text


async def test_who_is_signed_out_already_hears_so(door: House) -> None:
    assert "You are signed out" in (await door.browser().get(FLOW)).text
