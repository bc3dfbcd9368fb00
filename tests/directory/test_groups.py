import asyncio

import pytest
from sqlalchemy import select

from ostiary.directory.groups import Groups, found, listed, members, parents_of
from ostiary.directory.membership import active_superusers, groups_of, is_superuser
from ostiary.directory.users import Users, existing
from ostiary.events.listing import events
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock


async def test_membership_is_inherited_through_several_parents(
    database: Database, users: Users, groups: Groups
) -> None:
    company = await groups.create("company", by=COMMAND)
    admins = await groups.create("admins", is_superuser=True, by=COMMAND)
    await groups.create("team", parents=["company", "admins"], by=COMMAND)
    jane = await users.create("jane", groups=["team"], by=COMMAND)
    john = await users.create("john", groups=["company"], by=COMMAND)
    async with database.reading() as r:
        assert [group.name for group in await groups_of(r, jane.id)] == ["admins", "company", "team"]
        assert [group.name for group in await groups_of(r, john.id)] == ["company"]
        assert await is_superuser(r, jane.id)
        assert not await is_superuser(r, john.id)
        assert await active_superusers(r) == 1
        assert [user.username for user in await members(r, company.id)] == ["john"]
        assert [user.username for user in await members(r, company.id, inherited=True)] == ["jane", "john"]
        assert [user.username for user in await members(r, admins.id, inherited=True)] == ["jane"]


async def test_a_group_cannot_come_to_stand_above_itself(database: Database, groups: Groups) -> None:
    top = await groups.create("top", by=COMMAND)
    middle = await groups.create("middle", parents=["top"], by=COMMAND)
    bottom = await groups.create("bottom", parents=["middle"], by=COMMAND)
    for group, parent in ((top, top), (top, middle), (top, bottom), (middle, bottom)):
        with pytest.raises(Conflict) as raised:
            await groups.set_parents(group.id, [parent.id], by=COMMAND)
        assert (raised.value.code, raised.value.field) == ("group.circle", "parents")
    await groups.set_parents(bottom.id, [middle.id, top.id, top.id], by=COMMAND)
    async with database.reading() as r:
        assert [group.name for group in await parents_of(r, bottom.id)] == ["middle", "top"]
    await groups.set_parents(bottom.id, [], by=COMMAND)
    await groups.set_parents(top.id, [bottom.id], by=COMMAND)


async def test_two_halves_of_a_circle_at_once_leave_one(database_url: str, clock: FakeClock) -> None:
    first, second = Database(open_engine(database_url)), Database(open_engine(database_url))
    one, other = Groups(database=first, clock=clock), Groups(database=second, clock=clock)
    for _ in range(5):
        left = await one.create(f"left{_}", by=COMMAND)
        right = await one.create(f"right{_}", by=COMMAND)
        done = await asyncio.gather(
            one.set_parents(left.id, [right.id], by=COMMAND),
            other.set_parents(right.id, [left.id], by=COMMAND),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in done) == ["Conflict", "NoneType"]
    await first.close()
    await second.close()


async def test_members_come_and_go_with_events(database: Database, users: Users, groups: Groups) -> None:
    staff = await groups.create("staff", by=COMMAND)
    jane = await users.create("jane", by=COMMAND)
    assert await groups.add_member(staff.id, jane.id, by=COMMAND)
    assert not await groups.add_member(staff.id, jane.id, by=COMMAND)
    assert await groups.remove_member(staff.id, jane.id, by=COMMAND)
    assert not await groups.remove_member(staff.id, jane.id, by=COMMAND)
    async with database.reading() as r:
        removed, added, *_ = await events(r)
    assert (added.action, added.context["added"], added.user) == ("model_updated", "jane", {"username": "cli"})
    assert removed.context == {"model": "group", "name": "staff", "removed": "jane", "pk": jane.id}


async def test_a_deleted_group_is_gone_with_what_hung_on_it(database: Database, users: Users, groups: Groups) -> None:
    top = await groups.create("top", by=COMMAND)
    staff = await groups.create("staff", parents=["top"], by=COMMAND)
    jane = await users.create("jane", groups=["staff"], by=COMMAND)
    await groups.delete(staff.id, by=COMMAND)
    async with database.reading() as r:
        assert await groups_of(r, jane.id) == []
        assert [group.name for group in await listed(r)] == ["top"]
        with pytest.raises(NotFound):
            await found(r, staff.id)
    await groups.delete(top.id, by=COMMAND)


async def test_names_are_unique_and_changes_are_recorded(database: Database, groups: Groups) -> None:
    staff = await groups.create("staff", attributes={"a": 1}, by=COMMAND)
    with pytest.raises(Conflict) as raised:
        await groups.create(" staff ", by=COMMAND)
    assert raised.value.code == "group.name_taken"
    other = await groups.create("other", by=COMMAND)
    with pytest.raises(Conflict):
        await groups.update(other.id, name="staff", by=COMMAND)
    await groups.update(staff.id, name="people", attributes={"pin": "4711"}, by=COMMAND)
    await groups.update(staff.id, name="people", by=COMMAND)
    async with database.reading() as r:
        newest = (await events(r))[0]
        assert newest.context["changes"] == {"name": ["staff", "people"], "attributes": True}
        assert (await found(r, staff.id)).attributes == {"pin": "4711"}


@pytest.mark.parametrize("name", ["", "  ", "a|b", "a\nb", "a\0", "x" * 151, "safe\u202eelif"])
async def test_a_name_that_a_header_could_not_carry_is_refused(groups: Groups, name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        await groups.create(name, by=COMMAND)
    assert (raised.value.code, raised.value.field) == ("group.name_invalid", "name")


async def test_an_unknown_parent_makes_nothing(database: Database, groups: Groups) -> None:
    with pytest.raises(NotFound):
        await groups.create("staff", parents=["nowhere"], by=COMMAND)
    async with database.reading() as r:
        assert await listed(r) == []
        assert await events(r) == []


async def test_members_are_set_to_exactly_those_named(database: Database, users: Users, groups: Groups) -> None:
    group = await groups.create("staff", by=COMMAND)
    ada, bob, eve = [await users.create(name, by=COMMAND) for name in ("ada", "bob", "eve")]
    await groups.set_members(group.id, [ada.id, bob.id], by=COMMAND)
    await groups.set_members(group.id, [bob.id, eve.id], by=COMMAND)
    async with database.reading() as r:
        assert [user.username for user in await members(r, group.id)] == ["bob", "eve"]
        last = (await r.scalars(select(Event).order_by(Event.id.desc()).limit(1))).one()
    assert (last.context["added"], last.context["removed"]) == (["eve"], ["ada"])
    with pytest.raises(InvalidInput, match=r"user.not_found.*9999"):
        await groups.set_members(group.id, [9999], by=COMMAND)
    async with database.reading() as r:
        assert [user.username for user in await members(r, group.id)] == ["bob", "eve"]


async def test_groups_of_a_user_are_set_to_exactly_those_named(
    database: Database, users: Users, groups: Groups, clock: FakeClock
) -> None:
    ada = await users.create("ada", by=COMMAND)
    staff, night = [await groups.create(name, by=COMMAND) for name in ("staff", "night")]
    await groups.set_groups_of(ada.id, [staff.id], by=COMMAND)
    clock.advance(60)
    await groups.set_groups_of(ada.id, [night.id], by=COMMAND)
    async with database.reading() as r:
        assert [group.name for group in await groups_of(r, ada.id)] == ["night"]
        assert (await existing(r, ada.id)).last_updated == clock.now()
        last = (await r.scalars(select(Event).order_by(Event.id.desc()).limit(1))).one()
    assert last.context["changes"] == {"groups": [["staff"], ["night"]]}
    with pytest.raises(InvalidInput, match=r"group.not_found"):
        await groups.set_groups_of(ada.id, ["00000000-0000-0000-0000-000000000000"], by=COMMAND)


async def test_the_last_superuser_cannot_be_set_out_of_their_group(users: Users, groups: Groups) -> None:
    admins = await groups.create("admins", is_superuser=True, by=COMMAND)
    ada = await users.create("ada", groups=["admins"], by=COMMAND)
    for attempt in (groups.set_members(admins.id, [], by=COMMAND), groups.set_groups_of(ada.id, [], by=COMMAND)):
        with pytest.raises(Conflict, match=r"user.last_superuser"):
            await attempt
