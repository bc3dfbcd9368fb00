import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ostiary.directory.groups import Groups
from ostiary.directory.membership import active_superusers
from ostiary.directory.models import Group, User
from ostiary.directory.users import Users
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock

Change = Callable[[Users, Groups, User, Group, Group, bool], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "disable": lambda users, groups, user, top, team, force: users.disable(user.id, force=force, by=COMMAND),
    "delete": lambda users, groups, user, top, team, force: users.delete(user.id, force=force, by=COMMAND),
    "make it a program": lambda users, groups, user, top, team, force: users.update(
        user.id, type="service_account", force=force, by=COMMAND
    ),
    "take it out of the group": lambda users, groups, user, top, team, force: groups.remove_member(
        team.id, user.id, force=force, by=COMMAND
    ),
    "take the group's power": lambda users, groups, user, top, team, force: groups.update(
        top.id, is_superuser=False, force=force, by=COMMAND
    ),
    "take the group from below": lambda users, groups, user, top, team, force: groups.set_parents(
        team.id, [], force=force, by=COMMAND
    ),
    "delete the group": lambda users, groups, user, top, team, force: groups.delete(top.id, force=force, by=COMMAND),
    "delete its group": lambda users, groups, user, top, team, force: groups.delete(team.id, force=force, by=COMMAND),
}


@pytest.fixture
async def top(groups: Groups) -> Group:
    return await groups.create("admins", is_superuser=True, by=COMMAND)


@pytest.fixture
async def team(groups: Groups, top: Group) -> Group:
    return await groups.create("team", parents=["admins"], by=COMMAND)


@pytest.fixture
async def user(users: Users, team: Group) -> User:
    return await users.create("akadmin", groups=["team"], by=COMMAND)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_last_superuser_is_lost_by_force_only(
    database: Database, users: Users, groups: Groups, user: User, top: Group, team: Group, change: Change
) -> None:
    # Neither a disabled person nor a program can take over.
    await users.create("asleep", groups=["admins"], is_active=False, by=COMMAND)
    await users.create("robot", groups=["admins"], type="service_account", by=COMMAND)
    with pytest.raises(Conflict) as raised:
        await change(users, groups, user, top, team, False)  # noqa: FBT003
    assert raised.value.code == "user.last_superuser"
    async with database.reading() as r:
        assert await active_superusers(r) == 1
    await change(users, groups, user, top, team, True)  # noqa: FBT003
    async with database.reading() as r:
        assert await active_superusers(r) == 0


async def test_with_a_second_superuser_nothing_is_in_the_way(users: Users, groups: Groups, user: User) -> None:
    await users.create("second", groups=["admins"], by=COMMAND)
    await users.disable(user.id, by=COMMAND)
    await users.delete(user.id, by=COMMAND)


async def test_without_any_superuser_nothing_is_in_the_way(users: Users) -> None:
    jane = await users.create("jane", by=COMMAND)
    await users.disable(jane.id, by=COMMAND)


async def test_two_superusers_disabled_at_once_leave_one(
    database_url: str, database: Database, clock: FakeClock, users: Users, user: User
) -> None:
    other_database = Database(open_engine(database_url))
    other = Users(database=other_database, clock=clock, passwords=users._passwords)
    second = await users.create("second", groups=["admins"], by=COMMAND)
    for _ in range(5):
        done = await asyncio.gather(
            users.disable(user.id, by=COMMAND), other.disable(second.id, by=COMMAND), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in done) == ["Conflict", "User"]
        await users.enable(user.id, by=COMMAND)
        await users.enable(second.id, by=COMMAND)
    await other_database.close()
