"""An administrator who acts as somebody sees so on every page, and a way back."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from ostiary.directory.groups import Groups
from ostiary.directory.models import User
from ostiary.events.record import COMMAND
from ostiary.sessions.cookie import LOGIN
from ostiary.sessions.models import Session
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import Browser, House, house


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def acting(door: House) -> Browser:
    """Ada's browser, in which she acts as Bob."""
    groups = Groups(database=door.database, clock=door.clock)
    admins = await groups.create("admins", is_superuser=True, by=COMMAND)
    async with door.database.reading() as r:
        ada, bob = (await r.scalars(select(User).order_by(User.username))).all()
    await groups.add_member(admins.id, ada.id, by=COMMAND)
    browser = door.browser()
    await browser.sign_in()
    async with door.database.reading() as r:
        session = (await r.scalars(select(Session))).one()
    value = await door.impersonation.begin(session.id, bob.id, reason="helping", client_ip=None)
    browser.http.cookies.set(LOGIN.name(secure=True), value, domain="auth.example.com", path="/")
    return browser


@pytest.mark.parametrize("path", ["/if/user/", "/if/user/sessions/", "/if/user/password/", "/if/user/details/"])
async def test_every_page_says_so_and_leads_back(door: House, path: str) -> None:
    browser = await acting(door)
    await browser.get(path)
    assert "You act as bob; you are ada." in browser.page.text
    assert browser.page.action == "/if/user/impersonation/"
    back = await browser.send({})
    assert back.status_code == 303
    await browser.get(path)
    assert "You act as" not in browser.page.text


async def test_another_site_cannot_end_it(door: House) -> None:
    browser = await acting(door)
    await browser.get("/if/user/")
    assert (await browser.send({"csrf": "made-up"})).status_code == 403
    await browser.get("/if/user/")
    assert "You act as bob" in browser.page.text


async def test_the_person_sees_who_acts_as_them_and_can_end_it(door: House) -> None:
    browser, own = await acting(door), door.browser()
    await own.sign_in("bob")
    await own.get("/if/user/sessions/")
    assert "ada, who acts as you" in own.page.text
    await own.send({})
    assert (await browser.get("/if/user/")).status_code == 303
