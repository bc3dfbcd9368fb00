"""What a worker remembers is bounded, and forgotten when the feed says so."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from ostiary.access import table
from ostiary.directory.models import User
from ostiary.sessions.models import Session
from tests.clock import FakeClock
from tests.forwardauth.house import House


@pytest.fixture
async def house(sqlite_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(sqlite_url, clock)
    yield built
    await built.close()


async def test_sessions_are_bounded_and_the_oldest_goes_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LIMIT", 3)
    door = await house.application()
    person = await house.person()
    cookies = [await door.session(await house.login(person)) for _ in range(5)]
    for cookie in cookies:
        assert (await house.ask(cookie=cookie)).status == 200
    assert len(house.table.entries) == 3
    remembered = house.responder.remembered
    assert (await house.ask(cookie=cookies[4])).status == 200
    assert house.responder.remembered == remembered + 1
    assert (await house.ask(cookie=cookies[0])).status == 200
    assert house.responder.remembered == remembered + 1


async def test_people_leave_with_their_last_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LIMIT", 1)
    door = await house.application()
    for name in ("ada", "bob"):
        assert (await house.ask(cookie=await door.session(await house.login(await house.person(name))))).status == 200
    assert len(house.table._people) == len(house.table._logins) == len(house.table._by_id) == 1


async def test_a_change_of_one_application_leaves_the_others_objects(house: House) -> None:
    one = await house.application("https://one.example.com")
    await house.application("https://two.example.com")
    await house.ask("https://one.example.com/")
    before = dict(house.table.rules.by_host)
    await one.set(name="Renamed")
    await house.ask("https://one.example.com/")
    after = house.table.rules.by_host
    assert after[b"one.example.com"] is not before[b"one.example.com"]
    assert after[b"two.example.com"] is before[b"two.example.com"]


async def test_a_kind_that_this_release_does_not_know_forgets_everything(house: House) -> None:
    door = await house.application()
    await house.ask(cookie=await door.session(await house.login(await house.person())))
    house.table.apply([("something new", "1")])
    assert not house.table.entries
    assert house.table.stale


async def test_an_expression_that_no_longer_compiles_denies(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="this is no CEL")
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_an_anonymous_check_leaves_nothing_behind(house: House) -> None:
    await house.application()
    for number in range(50):
        await house.ask(f"https://hello.example.com/{number}", f"__Host-ostiary_00000000={number}")
        await house.ask(f"https://{number}.example.com/")
    assert not house.table.entries
    assert not house.table.rules.met


async def test_an_impersonated_login_ends_with_its_administrator(house: House) -> None:
    door = await house.application()
    ada, bob = await house.person("ada"), await house.person("bob")
    login = await house.login(bob)
    async with house.database.writing() as w:
        await w.execute(update(Session).values(impersonator_id=ada))
    cookie = await door.session(login)
    assert (await house.ask(cookie=cookie)).status == 200
    async with house.database.writing() as w:
        await w.execute(update(User).where(User.id == ada).values(is_active=False))
    assert (await house.ask(cookie=cookie)).status != 200
    assert not house.table._impersonated
