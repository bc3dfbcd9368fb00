"""The first administrator, made by whoever holds the set-up code."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from ostiary.events.models import Event
from ostiary.storage import installation
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import Browser, House, house

FLOW = "/if/flow/initial-setup/"
GOOD = {"email": "jane@example.com", "password": "a long password", "password_repeat": "a long password"}


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock, base_url="", unused=True) as built:
        yield built


async def follow(browser: Browser, code: str) -> None:
    """Opens the link that the log prints."""
    answer = await browser.get(f"{FLOW}?code={code}")
    assert (answer.status_code, answer.headers["location"]) == (303, FLOW)
    assert answer.headers["referrer-policy"] == "no-referrer"
    await browser.get(FLOW)


async def test_the_way_in_leads_to_the_set_up_page(door: House) -> None:
    browser = door.browser()
    assert (await browser.get("/")).headers["location"] == FLOW
    page = await browser.get(FLOW)
    assert "ostiary setup-code" in page.text
    assert "log" in page.text
    assert browser.page.inputs["base_url"]["value"] == "https://auth.example.com"
    assert browser.page.inputs["password"]["autocomplete"] == "new-password"
    assert FLOW in (await browser.get("/if/flow/default-authentication-flow/")).text


async def test_a_link_with_the_code_sets_the_house_up_and_signs_in(door: House) -> None:
    code = await door.setup.new_code()
    browser = door.browser()
    await follow(browser, code)
    assert code not in browser.page.html
    assert "code" not in browser.page.inputs
    answer = await browser.send(GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://auth.example.com/if/user/")
    assert "__Host-ostiary_setup" not in browser.http.cookies
    assert "akadmin" in (await browser.get("/if/user/")).text
    async with door.database.reading() as r:
        row = await installation.read(r)
        actions = set(await r.scalars(select(Event.action)))
    assert (row.base_url, row.setup_completed) == ("https://auth.example.com", door.clock.now())
    assert {"setup_completed", "login"} <= actions


async def test_the_page_closes_for_good(door: House) -> None:
    code = await door.setup.new_code()
    browser, late = door.browser(), door.browser()
    await follow(late, code)
    await follow(browser, code)
    await browser.send(GOOD)
    for answer in (await late.send(GOOD), await door.browser().get(FLOW)):
        assert answer.status_code == 409
        assert "setup.completed" in answer.text
    assert (await door.browser().get("/")).headers["location"] == "/if/user/"


async def test_the_code_may_be_typed(door: House) -> None:
    code = await door.setup.new_code()
    browser = door.browser()
    await browser.get(FLOW)
    assert browser.page.inputs["code"]["autocomplete"] == "one-time-code"
    answer = await browser.send({**GOOD, "code": f" {code.upper()} "})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"code": ""}, "code", "Enter the set-up code."),
        ({"code": "0000-0000"}, "code", "This is not the code"),
        ({"password": "", "password_repeat": ""}, "password", "Choose a password."),
        ({"password_repeat": "another"}, "password_repeat", "The two passwords differ."),
        ({"password": "short", "password_repeat": "short"}, "password", "fewer than 8 characters"),
        ({"email": ""}, "email", "Enter the administrator"),
        ({"email": "jane"}, "email", "address"),
        ({"base_url": "auth.example.com"}, "base_url", "https://"),
        ({"base_url": "https://auth.example.com/sso"}, "base_url", "https://"),
        ({"base_url": "javascript:alert(1)"}, "base_url", "https://"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    door: House, changed: dict[str, str], field: str, sentence: str
) -> None:
    code = await door.setup.new_code()
    browser = door.browser()
    await browser.get(FLOW)
    answer = await browser.send({**GOOD, "code": code, **changed})
    assert answer.status_code == 400
    assert sentence in answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
    assert "autofocus" in browser.page.inputs[field]
    assert "a long password" not in answer.text
    for name in ("email", "base_url"):
        if name in changed:
            assert browser.page.inputs[name]["value"] == changed[name]
    # Nothing was half done, and what was typed need not be typed again.
    again = await browser.send({**GOOD, "code": code, "base_url": "https://auth.example.com"})
    assert again.status_code == 303


async def test_a_dead_code_in_the_cookie_is_asked_for_again(door: House, clock: FakeClock) -> None:
    browser = door.browser()
    await follow(browser, await door.setup.new_code())
    clock.advance(3600)
    await browser.get(FLOW)
    answer = await browser.send(GOOD)
    assert "code-error" in answer.text
    answer = await browser.send({**GOOD, "code": await door.setup.new_code()})
    assert answer.status_code == 303


async def test_ten_wrong_tries_end_the_code(door: House) -> None:
    code = await door.setup.new_code()
    browser = door.browser()
    await browser.get(FLOW)
    for _ in range(10):
        await browser.send({**GOOD, "code": "wrong"})
    answer = await browser.send({**GOOD, "code": code})
    assert answer.status_code == 400
    assert "setup-code" in answer.text.split('id="code-error">')[1]


async def test_a_configured_address_is_not_asked_for(database: Database, clock: FakeClock) -> None:
    async with house(database, clock, unused=True) as door:
        browser = door.browser()
        await follow(browser, await door.setup.new_code())
        assert "readonly" in browser.page.inputs["base_url"]
        answer = await browser.send({**GOOD, "base_url": "https://evil.test"})
        assert answer.headers["location"] == "/if/user/"
        async with database.reading() as r:
            assert (await installation.read(r)).base_url == "https://auth.example.com"


async def test_plain_http_sets_plain_cookies_for_the_confirmed_address(door: House) -> None:
    browser = door.browser("http://auth.localhost:9000")
    await follow(browser, await door.setup.new_code())
    assert browser.page.inputs["base_url"]["value"] == "http://auth.localhost:9000"
    answer = await browser.send(GOOD)
    assert answer.headers["location"] == "http://auth.localhost:9000/if/user/"
    assert answer.headers.get_list("set-cookie")[0].startswith("ostiary=")
    assert (await browser.get("/if/user/")).status_code == 200


async def test_another_address_is_reached_by_a_link(door: House) -> None:
    browser = door.browser("http://127.0.0.1:9000")
    await follow(browser, await door.setup.new_code())
    answer = await browser.send({**GOOD, "base_url": "https://auth.example.com"})
    assert answer.status_code == 200
    assert 'href="https://auth.example.com/if/user/"' in answer.text


@pytest.mark.parametrize("code", ["x" * 65, "a;b", "é", "<script>", "a b", ""])
async def test_what_cannot_be_a_code_is_not_kept(door: House, code: str) -> None:
    answer = await door.browser().http.get(FLOW, params={"code": code}, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
