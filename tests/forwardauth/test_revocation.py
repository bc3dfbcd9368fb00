"""Whatever ends a person's access is refused at the next check."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select, text

from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.events.record import SYSTEM
from ostiary.forwardauth.dialects.known import DIALECTS
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.sessions.leaving import Leaving
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.models import Installation
from tests.forwardauth.house import House


@dataclass
class Inside:
    """Ada is inside hello by membership of a child of the bound group; bob by the same group, and stays."""

    house: House
    parent: str
    child: str
    binding: str
    bob: str
    ada: str


@pytest.fixture
async def inside(house: House) -> Inside:
    parent, child = await house.group("parent"), await house.group("child")
    await house.add(GroupParent, group_id=child, parent_id=parent)
    door = await house.application(access="bound")
    binding = await house.bind(door, group_id=parent)
    ada = await door.session(await house.login(await house.person("ada", child)))
    bob = await door.session(await house.login(await house.person("bob", parent)))
    built = Inside(house, parent, child, binding, bob, ada)
    assert await verdicts(built) == (200, 200)
    assert await verdicts(built) == (200, 200)
    assert house.responder.remembered >= 2
    return built


async def verdicts(inside: Inside) -> tuple[int, int]:
    """What ada and bob are answered now, behind whichever proxy they come."""
    await inside.house.let_know()
    statuses = []
    for cookie in (inside.ada, inside.bob):
        status = (await inside.house.ask(cookie=cookie, navigation=False)).status
        for dialect in DIALECTS:
            answer = await inside.house.ask_as(dialect, cookie=cookie, navigation=False)
            assert (answer.status == 200) == (status == 200), dialect
        statuses.append(status)
    return statuses[0], statuses[1]


async def statement(inside: Inside, sql: str) -> None:
    async with inside.house.database.writing() as w:
        await w.execute(text(sql))


async def leave(inside: Inside) -> None:
    async with inside.house.database.reading() as r:
        login = await r.scalar(text(f"SELECT id FROM sessions WHERE user_id = {ADA}"))
        provider = await r.scalar(select(Provider.id))
    leaving = Leaving(database=inside.house.database, clock=inside.house.clock)
    assert await leaving.leave(str(login), provider or 0, application="hello", by=SYSTEM) == 1


Change = Callable[[Inside], Awaitable[object]]
ADA = "(SELECT id FROM users WHERE username = 'ada')"

ONE: dict[str, tuple[Change, int]] = {
    "person disabled": (lambda i: i.house.update(User, User.username == "ada", is_active=False), 403),
    "person deleted": (lambda i: i.house.delete(User, User.username == "ada"), 401),
    "login ended": (lambda i: statement(i, f"DELETE FROM sessions WHERE user_id = {ADA}"), 401),
    "application session ended": (
        lambda i: statement(
            i, f"DELETE FROM app_sessions WHERE session_id = (SELECT id FROM sessions WHERE user_id = {ADA})"
        ),
        401,
    ),
    "application left": (leave, 401),
    "membership ended": (lambda i: i.house.delete(Membership, Membership.group_id == i.child), 403),
    "group left its parent": (lambda i: i.house.delete(GroupParent, GroupParent.group_id == i.child), 403),
    "group deleted": (lambda i: i.house.delete(Group, Group.id == i.child), 403),
}

ALL: dict[str, tuple[Change, int]] = {
    "bound group deleted": (lambda i: i.house.delete(Group, Group.id == i.parent), 403),
    "binding deleted": (lambda i: i.house.delete(PolicyBinding, PolicyBinding.id == i.binding), 403),
    "binding disabled": (
        lambda i: i.house.update(PolicyBinding, PolicyBinding.id == i.binding, enabled=False),
        403,
    ),
    "binding negated": (lambda i: i.house.update(PolicyBinding, PolicyBinding.id == i.binding, negate=True), 403),
    "application disabled": (lambda i: i.house.update(Application, Application.slug == "hello", enabled=False), 403),
    "application deleted": (lambda i: i.house.delete(Application, Application.slug == "hello"), 401),
    "application without its provider": (
        lambda i: i.house.update(Application, Application.slug == "hello", provider_id=None),
        401,
    ),
    "provider deleted": (lambda i: i.house.delete(Provider, Provider.id > 0), 401),
    "provider moved to another host": (
        lambda i: i.house.update(ProxyProvider, ProxyProvider.id > 0, host_key="moved.example.com"),
        401,
    ),
    "all logins ended": (lambda i: i.house.delete(Session, Session.user_id > 0), 401),
    "all application sessions ended": (lambda i: i.house.delete(AppSession, AppSession.kind == "app"), 401),
    "everybody disabled in one statement": (lambda i: i.house.update(User, User.id > 0, is_active=False), 403),
}


@pytest.mark.parametrize("change", ONE)
async def test_one_person_is_out_and_the_other_stays(inside: Inside, change: str) -> None:
    act, status = ONE[change]
    await act(inside)
    assert await verdicts(inside) == (status, 200)


@pytest.mark.parametrize("change", ALL)
async def test_everybody_is_out(inside: Inside, change: str) -> None:
    act, status = ALL[change]
    await act(inside)
    assert await verdicts(inside) == (status, status)


async def test_a_policy_that_changes_counts_at_the_next_check(house: House) -> None:
    door = await house.application(access="bound")
    await house.bind(door, expression="user.username == 'ada'")
    cookie = await door.session(await house.login(await house.person("ada")))
    assert (await house.ask(cookie=cookie)).status == 200
    await house.update(Policy, Policy.name != "", expression="user.username == 'bob'")
    await house.let_know()
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403
    await house.update(Policy, Policy.name != "", expression="user.username == 'ada'")
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200
    await house.delete(Policy, Policy.name != "")
    await house.let_know()
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_new_data_in_the_old_place_is_believed_at_once(inside: Inside) -> None:
    """A restore gives the data a new incarnation; nothing that was remembered survives it."""
    house = inside.house
    await house.add(Installation, id=1, incarnation="one", created=house.clock.now(), canary="x", setup_failures=0)
    assert await verdicts(inside) == (200, 200)
    await house.delete(Session, Session.user_id > 0)
    await statement(inside, "DELETE FROM feed")
    await house.update(Installation, Installation.id == 1, incarnation="two")
    await statement(inside, "DELETE FROM feed")
    assert await verdicts(inside) == (401, 401)


async def test_a_signing_key_that_is_taken_away_takes_its_cookies_along(inside: Inside) -> None:
    house = inside.house
    other = House(house.url, house.clock, secrets=type(house.secrets)(["n" * 32, "k" * 32]))
    assert (await other.ask(cookie=inside.ada)).status == 200
    await other.close()
    other = House(house.url, house.clock, secrets=type(house.secrets)(["n" * 32]))
    assert (await other.ask(cookie=inside.ada)).status == 401
    await other.close()
