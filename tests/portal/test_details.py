from collections.abc import AsyncIterator

import pytest

from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.kit.errors import NotFound
from ostiary.storage.session import Database
from ostiary.system.registry import System
from tests.clock import FakeClock
from tests.house import House, house


@pytest.fixture
async def door(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    async with house(database, clock) as built:
        yield built


async def stored(door: House, username: str = "ada") -> tuple[str, str]:
    async with door.database.reading() as r:
        user = await by_username(r, username)
        return user.name, user.email


async def test_people_change_what_the_administrators_let_them(door: House) -> None:
    browser = door.browser()
    await browser.sign_in()
    await browser.get("/if/user/details/")
    assert "readonly" not in browser.page.inputs["name"]
    assert "readonly" in browser.page.inputs["email"]
    answer = await browser.send({"name": "Ada King"})
    assert answer.status_code == 303
    assert await stored(door) == ("Ada King", "ada@example.com")
    for field, value in (("email", "other@example.com"), ("username", "admin")):
        await browser.get("/if/user/details/")
        answer = await browser.send({"name": "Changed", field: value})
        assert answer.status_code == 403
        assert "Only an administrator can change it." in answer.text
        assert await stored(door) == ("Ada King", "ada@example.com")


async def test_settings_and_attributes_decide(door: House) -> None:
    system = System(database=door.database, clock=door.clock, base_url=None, retention=86_400)
    await system.update(
        {"default_user_change_name": False, "default_user_change_username": True, "default_user_change_email": True},
        by=COMMAND,
    )
    async with door.database.reading() as r:
        bob = await by_username(r, "bob")
    await door.users.update(bob.id, attributes={"goauthentik.io/user/can-change-name": True}, by=COMMAND)
    for username, may_name in (("ada", False), ("bob", True)):
        browser = door.browser()
        await browser.sign_in(username)
        await browser.get("/if/user/details/")
        assert ("readonly" not in browser.page.inputs["name"]) is may_name
        answer = await browser.send({"username": f"{username}2", "email": f"{username}2@example.com"})
        assert answer.status_code == 303
        assert (await stored(door, f"{username}2"))[1] == f"{username}2@example.com"
        with pytest.raises(NotFound):
            await stored(door, username)


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_stored(door: House) -> None:
    system = System(database=door.database, clock=door.clock, base_url=None, retention=86_400)
    await system.update({"default_user_change_username": True, "default_user_change_email": True}, by=COMMAND)
    browser = door.browser()
    await browser.sign_in()
    for field, value, status, sentence in (
        ("email", "nope", 400, "It is not an address"),
        ("username", "bob", 409, "another user has it already"),
    ):
        await browser.get("/if/user/details/")
        answer = await browser.send({"name": "Changed", field: value})
        assert answer.status_code == status
        assert sentence.lower() in answer.text.split(f'id="{field}-error">')[1].split("</p>")[0].lower()
        assert (await stored(door))[0] == "Ada Lovelace"
    answer = await browser.send({"csrf": "forged"})
    assert answer.status_code == 403
