"""The pages of a signed-in person."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from ostiary.applications.registry import Applications
from ostiary.directory.models import User
from ostiary.events.record import COMMAND
from ostiary.sessions.models import Session
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import PASSWORD, House, house

NEW = "another good password"


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def test_the_way_in_leads_home(door: House) -> None:
    answer = await door.browser().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/if/user/")


async def test_a_person_sees_what_they_may_open_and_nothing_else(door: House) -> None:
    applications = Applications(database=door.database, clock=door.clock, base_url=None)
    proxy = {"external_host": "https://hello.example.com"}
    await applications.add_proxied(
        "hello", access="everyone", proxy=proxy, values={"name": "Hello <World>"}, by=COMMAND
    )
    await applications.create("secret", access="bound", values={"launch_url": "https://secret.example"}, by=COMMAND)
    await applications.create("off", access="everyone", values={"launch_url": "https://off.example"}, by=COMMAND)
    await applications.disable("off", by=COMMAND)
    browser = door.browser()
    await browser.sign_in()
    page = await browser.get("/if/user/")
    assert "Ada Lovelace" in page.text
    assert 'href="https://hello.example.com"' in page.text
    assert "Hello &lt;World&gt;" in page.text
    assert "secret.example" not in page.text
    assert "off.example" not in page.text


async def test_a_password_change_ends_the_others_and_rotates_this_one(door: House) -> None:
    here, there = door.browser(), door.browser()
    await here.sign_in()
    await there.sign_in()
    before = here.http.cookies["__Host-ostiary"]
    await here.get("/if/user/password/")
    assert [here.page.inputs[name]["autocomplete"] for name in ("username", "current", "password")] == [
        "username",
        "current-password",
        "new-password",
    ]
    answer = await here.send({"current": PASSWORD, "password": NEW, "password_repeat": NEW})
    assert answer.status_code == 200
    assert "Your password is changed" in answer.text
    assert here.http.cookies["__Host-ostiary"] != before
    assert (await here.get("/if/user/")).status_code == 200
    assert (await there.get("/if/user/")).status_code == 303
    here.http.cookies.set("__Host-ostiary", before, domain="auth.example.com")
    assert (await here.get("/if/user/")).status_code == 303
    assert (await there.sign_in()).status_code == 403
    assert (await there.sign_in(password=NEW)).status_code == 303


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({}, "current", "Enter your present password."),
        ({"current": PASSWORD}, "password", "Choose a new password."),
        (
            {"current": PASSWORD, "password": NEW, "password_repeat": "x"},
            "password_repeat",
            "The two passwords differ.",
        ),
        ({"current": "wrong", "password": NEW, "password_repeat": NEW}, "current", "That is not your present password"),
        ({"current": PASSWORD, "password": "short", "password_repeat": "short"}, "password", "fewer than 8 characters"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    door: House, values: dict[str, str], field: str, sentence: str
) -> None:
    browser = door.browser()
    await browser.sign_in()
    await browser.get("/if/user/password/")
    answer = await browser.send(values)
    assert answer.status_code == 400
    error = answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
    assert sentence in error
    assert "autofocus" in browser.page.inputs[field]
    assert all(value not in answer.text for value in (PASSWORD, NEW))
    async with door.database.reading() as r:
        assert len(list(await r.scalars(select(Session.id)))) == 1
        changed = (await r.scalars(select(User).where(User.username == "ada"))).one().password_changed
    assert changed == door.clock.now()


async def test_guessing_at_an_open_browser_is_locked(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await browser.get("/if/user/password/")
    for _ in range(5):
        await browser.send({"current": "wrong", "password": NEW, "password_repeat": NEW})
    answer = await browser.send({"current": PASSWORD, "password": NEW, "password_repeat": NEW})
    assert answer.status_code == 403
    assert "too many failed attempts" in answer.text
