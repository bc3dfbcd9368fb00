"""The page behind a recovery link; it needs no script."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from ostiary.directory.models import User
from ostiary.events.record import COMMAND
from ostiary.sessions.models import Session
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import House, house

PAGE = "/if/recovery/"
NEW = "a better password"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def link(door: House, username: str = "ada") -> str:
    async with door.database.reading() as r:
        user = (await r.scalars(select(User).where(User.username == username))).one()
    return f"{PAGE}?key={await door.recovery.make(user.id, by=COMMAND)}"


async def test_a_person_sets_a_password_once_and_signs_in_with_it(door: House) -> None:
    elsewhere, browser = door.browser(), door.browser()
    await elsewhere.sign_in()
    url = await link(door)
    moved = await browser.get(url)
    assert (moved.status_code, moved.headers["location"]) == (303, PAGE)
    assert "HttpOnly" in moved.headers["set-cookie"]
    page = await browser.get(PAGE)
    assert "For ada." in browser.page.text
    assert "<script" not in page.text
    done = await browser.send({"password": NEW, "password_repeat": NEW})
    assert "Your password is set" in done.text
    async with door.database.reading() as r:
        assert (await r.scalars(select(Session))).all() == []
    assert (await browser.sign_in(password=NEW)).status_code == 303
    again = door.browser()
    await again.get(url)
    assert (await again.get(PAGE)).status_code == 404
    assert "used already" in again.page.text


async def test_opening_the_link_uses_nothing_up(door: House) -> None:
    url = await link(door)
    for _ in range(3):
        browser = door.browser()
        await browser.get(url)
        assert (await browser.get(PAGE)).status_code == 200


async def test_what_is_wrong_is_said_beside_the_field_and_the_link_stays(door: House) -> None:
    browser = door.browser()
    await browser.get(await link(door))
    for typed, sentence in (
        ({"password": "", "password_repeat": ""}, "Choose a new password."),
        ({"password": NEW, "password_repeat": "other"}, "The two passwords differ."),
        ({"password": "short", "password_repeat": "short"}, "fewer than 8 characters"),
    ):
        await browser.get(PAGE)
        answer = await browser.send(typed)
        assert answer.status_code == 400
        assert sentence in answer.text
    await browser.get(PAGE)
    assert (await browser.send({"password": NEW, "password_repeat": NEW})).status_code == 200


async def test_another_sites_form_sets_nothing(door: House) -> None:
    browser = door.browser()
    await browser.get(await link(door))
    await browser.get(PAGE)
    answer = await browser.send({"csrf": "made-up", "password": NEW, "password_repeat": NEW})
    assert answer.status_code == 403
    assert (await browser.sign_in(password=NEW)).status_code != 303


@pytest.mark.parametrize("key", ["", "made-up", "x" * 500, "%00", "%C3%A9", "a%0d%0aSet-Cookie:b=c"])
async def test_a_made_up_link_opens_nothing(door: House, key: str) -> None:
    browser = door.browser()
    response = await browser.get(f"{PAGE}?key={key}")
    assert response.headers["location"] == PAGE
    assert len(response.headers.get_list("set-cookie")) <= 1
    assert (await browser.get(PAGE)).status_code == 404
