import asyncio

import pytest
from sqlalchemy import func, select, text

from ostiary.directory.groups import Groups
from ostiary.directory.models import RolePermission
from ostiary.directory.permissions import permissions_of
from ostiary.directory.roles import Roles, found, groups_of_role, listed, named, permissions_of_role, users_of
from ostiary.directory.users import Users
from ostiary.events.listing import events
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database

VIEW, CHANGE = "authentik_core.view_user", "authentik_core.change_user"


async def test_a_role_gives_what_it_permits_to_people_and_members_until_it_is_deleted(
    database: Database, roles: Roles, users: Users, groups: Groups
) -> None:
    help_desk = await roles.create(" Help desk ", by=COMMAND)
    team = await groups.create("team", by=COMMAND)
    jane = await users.create("jane", by=COMMAND)
    john = await users.create("john", groups=["team"], by=COMMAND)
    rows = await roles.permit(help_desk.id, [VIEW, CHANGE, VIEW], by=COMMAND)
    assert [row.codename for row in rows] == [VIEW, CHANGE]
    assert [row.id for row in await roles.permit(help_desk.id, [CHANGE], by=COMMAND)] == [rows[1].id]
    assert await roles.add_user(help_desk.id, jane.id, by=COMMAND)
    assert not await roles.add_user(help_desk.id, jane.id, by=COMMAND)
    assert await roles.add_group(help_desk.id, team.id, by=COMMAND)
    assert not await roles.add_group(help_desk.id, team.id, by=COMMAND)
    async with database.reading() as r:
        assert (await permissions_of(r, jane.id)).everywhere == {VIEW, CHANGE}
        assert await permissions_of(r, john.id) == await permissions_of(r, jane.id)
        assert [user.username for user in await users_of(r, help_desk.id)] == ["jane"]
        assert [group.name for group in await groups_of_role(r, help_desk.id)] == ["team"]
        assert (await named(r, "Help desk")).id == help_desk.id
    assert await roles.remove_group(help_desk.id, team.id, by=COMMAND)
    assert not await roles.remove_group(help_desk.id, team.id, by=COMMAND)
    async with database.reading() as r:
        assert not (await permissions_of(r, john.id)).everywhere
    await roles.delete(help_desk.id, by=COMMAND)
    async with database.reading() as r:
        assert not (await permissions_of(r, jane.id)).everywhere
        assert await listed(r) == []
    await users.delete(jane.id, by=COMMAND)


async def test_permissions_for_one_object_are_given_and_taken_one_by_one(
    database: Database, roles: Roles, users: Users
) -> None:
    role = await roles.create("one", by=COMMAND)
    jane = await users.create("jane", by=COMMAND)
    await roles.add_user(role.id, jane.id, by=COMMAND)
    await roles.permit(role.id, [VIEW, CHANGE], object_pk="7", by=COMMAND)
    await roles.permit(role.id, [VIEW], object_pk="8", by=COMMAND)
    await roles.permit(role.id, [VIEW], by=COMMAND)
    assert await roles.forbid(role.id, [VIEW, "no.such"], by=COMMAND) == [VIEW]
    assert await roles.forbid(role.id, [VIEW], by=COMMAND) == []
    assert await roles.forbid(role.id, [CHANGE], object_pk="7", by=COMMAND) == [CHANGE]
    async with database.reading() as r:
        held = await permissions_of(r, jane.id)
        assert [(row.model, row.object_pk) for row in await permissions_of_role(r, role.id)] == [
            ("authentik_core.user", "7"),
            ("authentik_core.user", "8"),
        ]
    assert held.everywhere == set()
    assert held.objects == {VIEW: {"7", "8"}}


async def test_sets_of_permissions_and_roles_are_made_exactly_so(
    database: Database, roles: Roles, users: Users, groups: Groups
) -> None:
    first, second, third = [await roles.create(name, by=COMMAND) for name in ("first", "second", "third")]
    jane, team = await users.create("jane", by=COMMAND), await groups.create("team", by=COMMAND)
    await roles.permit(first.id, [VIEW], object_pk="7", by=COMMAND)
    await roles.set_permissions(first.id, [VIEW, CHANGE], by=COMMAND)
    await roles.set_permissions(first.id, [CHANGE], by=COMMAND)
    async with database.reading() as r:
        kept = [(row.codename, row.object_pk) for row in await permissions_of_role(r, first.id)]
    assert kept == [(CHANGE, ""), (VIEW, "7")]
    await roles.set_of_user(jane.id, [first.id, second.id, first.id], by=COMMAND)
    await roles.set_of_user(jane.id, [second.id, third.id], by=COMMAND)
    await roles.set_of_group(team.id, [first.id, second.id], by=COMMAND)
    await roles.set_of_group(team.id, [], by=COMMAND)
    with pytest.raises(NotFound, match=r"role\.not_found"):
        await roles.set_of_group(team.id, [first.id, "none"], by=COMMAND)
    async with database.reading() as r:
        held = {role.name: len(await users_of(r, role.id)) for role in await listed(r)}
        assert held == {"first": 0, "second": 1, "third": 1}
        assert not any([await groups_of_role(r, role.id) for role in await listed(r)])


async def test_what_cannot_be_is_refused_and_stores_nothing(database: Database, roles: Roles, users: Users) -> None:
    role = await roles.create("one", by=COMMAND)
    jane = await users.create("jane", by=COMMAND)
    other = await roles.create("other", by=COMMAND)
    for attempt, code in (
        (roles.create("one", by=COMMAND), "role.name_taken"),
        (roles.rename(other.id, "one", by=COMMAND), "role.name_taken"),
        (roles.create(" ", by=COMMAND), "role.name_invalid"),
        (roles.create("x" * 151, by=COMMAND), "role.name_invalid"),
        (roles.permit(role.id, [VIEW, "authentik_flows.change_flow"], by=COMMAND), "permission.superusers_only"),
        (roles.permit(role.id, [VIEW, "nonsense"], by=COMMAND), "permission.unknown"),
        (roles.permit(role.id, [VIEW], object_pk="", by=COMMAND), "permission.object_invalid"),
        (roles.permit(role.id, [VIEW], object_pk="\0", by=COMMAND), "permission.object_invalid"),
        (roles.permit(role.id, [VIEW] * 1001, by=COMMAND), "permission.too_many"),
        (roles.set_permissions(role.id, [VIEW, "nonsense"], by=COMMAND), "permission.unknown"),
        (roles.permit("none", [VIEW], by=COMMAND), "role.not_found"),
        (roles.add_user("none", jane.id, by=COMMAND), "role.not_found"),
        (roles.add_user(role.id, 999, by=COMMAND), "user.not_found"),
        (roles.add_group(role.id, "none", by=COMMAND), "group.not_found"),
    ):
        with pytest.raises((Conflict, InvalidInput, NotFound)) as refused:
            await attempt
        assert refused.value.code == code
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(RolePermission)) == 0
        assert (await found(r, other.id)).name == "other"


async def test_every_change_of_a_role_is_an_event(
    database: Database, roles: Roles, users: Users, groups: Groups
) -> None:
    jane, team = await users.create("jane", by=COMMAND), await groups.create("team", by=COMMAND)
    role = await roles.create("one", by=COMMAND)
    await roles.rename(role.id, "two", by=COMMAND)
    await roles.rename(role.id, "two", by=COMMAND)
    await roles.permit(role.id, [VIEW], by=COMMAND)
    await roles.permit(role.id, [VIEW], by=COMMAND)
    await roles.forbid(role.id, [VIEW], by=COMMAND)
    await roles.add_user(role.id, jane.id, by=COMMAND)
    await roles.remove_user(role.id, jane.id, by=COMMAND)
    await roles.add_group(role.id, team.id, by=COMMAND)
    await roles.delete(role.id, by=COMMAND)
    async with database.reading() as r:
        recorded = [event for event in await events(r, limit=50) if event.context.get("model") == "role"]
    facts = [
        (str(event.action), {name: value for name, value in event.context.items() if name not in ("model", "name")})
        for event in sorted(recorded, key=lambda event: event.id)
    ]
    assert facts == [
        ("model_created", {}),
        ("model_updated", {"changes": {"name": ["one", "two"]}}),
        ("model_updated", {"permitted": [VIEW], "object_pk": None}),
        ("model_updated", {"forbidden": [VIEW], "object_pk": None}),
        ("model_updated", {"added": {"user": "jane", "pk": jane.id}}),
        ("model_updated", {"removed": {"user": "jane", "pk": jane.id}}),
        ("model_updated", {"added": {"group": "team", "pk": team.id}}),
        ("model_deleted", {}),
    ]


async def test_a_person_deleted_meanwhile_gets_no_role(database: Database, roles: Roles, users: Users) -> None:
    role = await roles.create("one", by=COMMAND)
    for number in range(5):
        jane = await users.create(f"jane{number}", by=COMMAND)
        given, deleted = await asyncio.gather(
            roles.add_user(role.id, jane.id, by=COMMAND), users.delete(jane.id, by=COMMAND), return_exceptions=True
        )
        assert deleted is None
        assert given is True or isinstance(given, NotFound)
    async with database.reading() as r:
        assert await users_of(r, role.id) == []


async def test_a_deleted_object_takes_the_permissions_for_it_with_it(
    database: Database, roles: Roles, users: Users, groups: Groups
) -> None:
    role, doomed = await roles.create("one", by=COMMAND), await roles.create("doomed", by=COMMAND)
    jane, team = await users.create("jane", by=COMMAND), await groups.create("team", by=COMMAND)
    number = str(jane.id)
    await roles.permit(role.id, [VIEW, "authentik_core.reset_user_password"], object_pk=number, by=COMMAND)
    await roles.permit(role.id, ["authentik_providers_proxy.view_proxyprovider"], object_pk=number, by=COMMAND)
    await roles.permit(role.id, ["authentik_core.view_group"], object_pk=team.id, by=COMMAND)
    await roles.permit(role.id, ["authentik_rbac.view_role"], object_pk=doomed.id, by=COMMAND)
    await roles.permit(role.id, [VIEW], by=COMMAND)
    await users.delete(jane.id, by=COMMAND)
    await roles.delete(doomed.id, by=COMMAND)
    async with database.writing() as w:
        # Past our verbs, as a hand with psql would.
        await w.execute(text("DELETE FROM groups"))
    async with database.reading() as r:
        left = [(row.codename, row.object_pk) for row in await permissions_of_role(r, role.id)]
    # A provider of the same number is another object.
    assert left == [(VIEW, ""), ("authentik_providers_proxy.view_proxyprovider", number)]
