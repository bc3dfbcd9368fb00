"""Leaving one application, and nothing else."""

import pytest
from sqlalchemy import select

from ostiary.events.models import Event
from ostiary.sessions.models import AppSession
from tests.forwardauth.street import Browser, Street

HELLO = "https://hello.example.com/"
WIKI = "https://wiki.example.com/"
OUT = HELLO + "ostiary/sign_out?scope=application"
OWN = "https://auth.example.com/ostiary/sign_out?application=hello"


@pytest.fixture
async def browser(street: Street) -> Browser:
    """Signed in at two applications."""
    await street.house.application(HELLO)
    await street.house.application(WIKI)
    browser = street.browser()
    await browser.open(HELLO)
    await browser.sign_in_here()
    assert (await browser.open(WIKI)).status_code == 200
    return browser


async def inside(street: Street, browser: Browser) -> tuple[bool, bool]:
    """Whether a check still lets this browser's cookies into either application."""
    await street.house.let_know()
    answers = [await street.house.ask(url, browser.kept.get(url), navigation=False) for url in (HELLO, WIKI)]
    return answers[0].status == 200, answers[1].status == 200


async def left(street: Street) -> list[tuple[str, str, str]]:
    """(application, who, from where) of every event that tells of leaving one."""
    async with street.house.database.reading() as r:
        events = await r.scalars(select(Event).where(Event.action == "logout").order_by(Event.id))
        return [(one.context["application"], one.user["username"], one.client_ip or "") for one in events]


@pytest.fixture(autouse=True)
def kept(browser: Browser) -> dict[str, str | None]:
    """The cookies of both applications, as somebody who copied them would keep them."""
    browser.kept = {url: browser.cookies(url) for url in (HELLO, WIKI)}
    return browser.kept


@pytest.mark.parametrize("address", [OUT, HELLO + "outpost.goauthentik.io/sign_out?application=hello", OWN])
@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_it_ends_that_application_and_no_other(street: Street, browser: Browser, address: str, site: str) -> None:
    page = await browser.open(address, Sec_Fetch_Site=site)
    assert page.status_code == 200
    assert "You are signed out of Hello" in page.text
    assert await inside(street, browser) == (False, True)
    assert [entry[:2] for entry in await left(street)] == [("hello", "ada")]
    # The login goes on: opening it again asks for no password, and is a session of its own.
    assert (await browser.open(HELLO)).status_code == 200
    async with street.house.database.reading() as r:
        assert len(list(await r.scalars(select(AppSession.id)))) == 2


@pytest.mark.parametrize("address", [OUT, OWN])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "none", "Sec_Purpose": "prefetch"},
    ],
)
async def test_another_sites_link_asks_first(
    street: Street, browser: Browser, address: str, headers: dict[str, str]
) -> None:
    page = await browser.open(address, **headers)
    assert page.status_code == 200
    assert str(page.url).endswith("/if/user/sessions/?application=hello")
    assert "Sign out of Hello?" in page.text
    assert await inside(street, browser) == (True, True)
    answer = await browser.send({}, X_Forwarded_Proto="https", Host="auth.example.com")
    assert answer.status_code == 303
    assert await inside(street, browser) == (False, True)


async def test_the_question_is_answered_only_by_its_own_form(street: Street, browser: Browser) -> None:
    await browser.open(OWN, Sec_Fetch_Site="cross-site")
    answer = await browser.send({"csrf": "x"}, X_Forwarded_Proto="https", Host="auth.example.com")
    assert answer.status_code == 403
    assert await inside(street, browser) == (True, True)


@pytest.mark.parametrize(
    "address",
    [
        # An application ends itself, and no other.
        HELLO + "ostiary/sign_out?application=wiki",
        "https://auth.example.com/ostiary/sign_out?application=nothing",
        "https://auth.example.com/ostiary/sign_out?application=%3Cscript%3E",
        HELLO + "ostiary/sign_out?application=",
    ],
)
async def test_what_is_not_there_ends_nothing(street: Street, browser: Browser, address: str) -> None:
    page = await browser.open(address, Sec_Fetch_Site="same-origin")
    assert page.url.path == "/if/user/sessions/"
    assert "<script>" not in page.text
    assert await inside(street, browser) == (True, True)
    assert await left(street) == []


async def test_a_stranger_is_told_nothing(street: Street, browser: Browser) -> None:
    for address in (OUT, OWN, OWN + "x"):
        page = await street.browser().open(address, Sec_Fetch_Site="none")
        assert page.url.path == "/if/flow/default-authentication-flow/"
        assert "Hello" not in page.text
    assert await inside(street, browser) == (True, True)


async def test_below_one_domain_one_application_of_several_paths_is_left(street: Street) -> None:
    await street.house.application("https://many.example.com/a", slug="many-a")
    await street.house.application("https://many.example.com/b", slug="many-b")
    await street.house.let_know()
    browser = street.browser()
    await browser.open("https://many.example.com/a/")
    await browser.sign_in_here()
    assert (await browser.open("https://many.example.com/b/")).status_code == 200
    cookies = browser.cookies("https://many.example.com/")
    await browser.open("https://many.example.com/ostiary/sign_out?application=many-b", Sec_Fetch_Site="same-origin")
    await street.house.let_know()
    assert (await street.house.ask("https://many.example.com/a/", cookies)).status == 200
    assert (await street.house.ask("https://many.example.com/b/", cookies)).status == 401


async def test_a_stranger_is_not_told_what_the_application_is_called(street: Street, browser: Browser) -> None:
    page = await street.browser().step(OUT, Sec_Fetch_Site="none")
    assert page.headers["location"] == "https://auth.example.com/if/user/sessions/?application="
