from typing import Any

import pytest

from ostiary.directory.models import Group, GroupParent, Membership, Role, RoleGroup, RolePermission, RoleUser, User
from ostiary.directory.permissions import NONE, Permissions, permissions_of
from ostiary.storage.session import Database
from tests.clock import FakeClock

VIEW, CHANGE = "authentik_core.view_user", "authentik_core.change_user"


async def test_roles_come_from_the_person_and_from_groups_inherited_ones_too(
    database: Database, clock: FakeClock
) -> None:
    async with database.writing() as w:
        w.add_all([User(id=1, username="ada", created=clock.now()), User(id=2, username="bob", created=clock.now())])
        w.add_all([Group(id="staff", name="staff"), Group(id="helpers", name="helpers"), Role(id="r", name="r")])
        w.add_all([Role(id="own", name="own"), Role(id="other", name="other")])
        await w.flush()
        w.add_all([GroupParent(group_id="helpers", parent_id="staff"), Membership(user_id=1, group_id="helpers")])
        w.add_all([RoleGroup(role_id="r", group_id="staff"), RoleUser(role_id="own", user_id=1)])
        w.add_all(
            [
                RolePermission(role_id="r", codename=VIEW),
                RolePermission(role_id="own", codename=CHANGE, object_pk="2"),
                RolePermission(role_id="other", codename="authentik_core.delete_user"),
            ]
        )
    async with database.reading() as r:
        ada, bob = await permissions_of(r, 1), await permissions_of(r, 2)
    assert ada == Permissions(everywhere=frozenset({VIEW}), objects={CHANGE: frozenset({"2"})})
    assert ada.may(VIEW)
    assert ada.may(VIEW, 7)
    assert ada.may(CHANGE, 2)
    assert not ada.may(CHANGE)
    assert not ada.may(CHANGE, 1)
    assert bob == NONE


@pytest.mark.parametrize(
    ("held", "given", "covers"),
    [
        ({"superuser": True}, {"superuser": True}, True),
        ({"superuser": True}, {"everywhere": {VIEW}}, True),
        ({"everywhere": {VIEW}}, {"superuser": True}, False),
        ({"everywhere": {VIEW}}, {}, True),
        ({"everywhere": {VIEW}}, {"everywhere": {VIEW, CHANGE}}, False),
        ({"everywhere": {VIEW}}, {"objects": {VIEW: frozenset("1")}}, True),
        ({"objects": {VIEW: frozenset("12")}}, {"objects": {VIEW: frozenset("1")}}, True),
        ({"objects": {VIEW: frozenset("1")}}, {"objects": {VIEW: frozenset("12")}}, False),
        ({"objects": {VIEW: frozenset("1")}}, {"everywhere": {VIEW}}, False),
    ],
)
def test_nobody_gives_more_than_they_hold(held: dict[str, Any], given: dict[str, Any], covers: bool) -> None:
    def made(parts: dict[str, Any]) -> Permissions:
        return Permissions(**{**parts, "everywhere": frozenset(parts.get("everywhere", ()))})

    assert made(held).covers(made(given)) is covers
