"""FA-30: elsewhere a route was published without its guard when a part of the guard could not be found.

What is behind a protected host here are rows; whichever of them is gone, by whatever hand, the door is shut. That a
controller shows "not ready" belongs to one that does not exist yet.
"""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.directory.models import Group, Membership, User
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.sessions.models import AppSession, Session
from tests.clock import FakeClock
from tests.forwardauth.house import Door, House
from tests.security.test_fa_every_dialect import ALL, ROOT, closed


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(database_url, clock)
    yield built
    await built.close()


async def guarded(house: House, by: str = "group") -> tuple[Door, str]:
    """An application that one thing opens, a group or a policy, and somebody whom it lets in."""
    staff = await house.group("staff")
    door = await house.application(access="bound", open_paths=["/public"])
    await house.bind(door, **({"expression": "user.username == 'ada'"} if by == "policy" else {"group_id": staff}))
    return door, await door.session(await house.login(await house.person("ada", staff)))


GONE = {
    "group": (Group, Group.name == "staff"),
    "membership": (Membership, Membership.user_id > 0),
    "policy": (Policy, Policy.expression.is_not(None)),
    "bindings": (PolicyBinding, PolicyBinding.id.is_not(None)),
    "application": (Application, Application.slug == "hello"),
    "provider": (ProxyProvider, ProxyProvider.id > 0),
    "user": (User, User.username == "ada"),
    "login": (Session, Session.user_id > 0),
    "session": (AppSession, AppSession.provider_id > 0),
}


@pytest.mark.parametrize("part", GONE)
async def test_fa_30_a_part_that_is_gone_shuts_the_door(house: House, part: str) -> None:
    _, cookie = await guarded(house, part)
    for dialect in ALL:
        assert (await house.ask_as(dialect, ROOT, cookie)).status == 200
    await house.delete(*GONE[part])
    await house.let_know()
    for dialect in ALL:
        for given in (cookie, None):
            for navigation in (True, False):
                assert closed(await house.ask_as(dialect, ROOT, given, navigation=navigation)), dialect


@pytest.mark.parametrize("part", ["group", "policy"])
async def test_fa_30_where_every_part_is_needed_one_that_is_gone_lets_nobody_in(house: House, part: str) -> None:
    """Nor does one that kept somebody out."""
    staff, barred = await house.group("staff"), await house.group("barred")
    door = await house.application(access="bound", policy_engine_mode="all")
    if part == "group":
        await house.bind(door, group_id=barred, negate=True)
        await house.bind(door, expression="true")
    else:
        await house.bind(door, group_id=staff)
        await house.bind(door, expression="user.username == 'bob'", negate=True)
    cookie = await door.session(await house.login(await house.person("ada", staff)))
    theirs = await door.session(await house.login(await house.person("bob", staff, barred)))
    assert (await house.ask_as("traefik", ROOT, cookie)).status == 200
    assert closed(await house.ask_as("traefik", ROOT, theirs, navigation=False))
    await house.delete(*((Group, Group.id == barred) if part == "group" else (Policy, Policy.expression != "true")))
    await house.let_know()
    for dialect in ALL:
        for given in (cookie, theirs, None):
            assert closed(await house.ask_as(dialect, ROOT, given, navigation=False))


async def test_fa_30_an_application_without_its_provider_or_a_provider_without_its_application(house: House) -> None:
    door, cookie = await guarded(house)
    await house.update(Application, Application.id == door.application_id, provider_id=None)
    await house.let_know()
    for dialect in ALL:
        for path in ("", "public"):
            answer = await house.ask_as(dialect, ROOT + path, cookie, navigation=False)
            assert (closed(answer), answer.reason) == (True, "unknown_host")
    await house.delete(Provider, Provider.id == door.provider_id)
    await house.let_know()
    assert closed(await house.ask_as("traefik", ROOT, cookie))


@pytest.mark.parametrize("damage", ["policy_engine_mode", "access", "expression"])
async def test_fa_30_a_part_that_cannot_be_read_shuts_the_door(sqlite_url: str, clock: FakeClock, damage: str) -> None:
    """As a hand with a database shell, or a newer release, might have left it."""
    house = House(sqlite_url, clock)
    _, cookie = await guarded(house, "policy")
    assert (await house.ask_as("traefik", ROOT, cookie)).status == 200
    table = "policies" if damage == "expression" else "applications"
    async with house.database.writing() as w:
        await w.execute(text("PRAGMA ignore_check_constraints = ON"))
        await w.execute(text(f"UPDATE {table} SET {damage} = 'of a newer release'"))
        await w.execute(text("PRAGMA ignore_check_constraints = OFF"))
    for dialect in ALL:
        for given in (cookie, None):
            assert closed(await house.ask_as(dialect, ROOT, given, navigation=False))
    await house.close()
