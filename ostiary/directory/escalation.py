"""Nobody raises themselves: whoever administers a part hands out what they hold, and touches nobody who holds more.

Superusers hold everything, so only they make superusers, and only they touch those that are: their account, password,
tokens, sessions, recovery links and groups. Each function answers nothing where it may happen, else raises
`permission.raises`. They look at what the directory says inside the caller's transaction, so ask them there.
"""

from collections.abc import Iterable
from typing import Final

from ostiary.directory.permissions import Permissions, permissions_brought, permissions_of
from ostiary.kit.errors import Refused
from ostiary.storage.session import Reading

CODE: Final = "permission.raises"

CHANGE_GROUP: Final = "authentik_core.change_group"
ADD_MEMBER: Final = "authentik_core.add_user_to_group"
REMOVE_MEMBER: Final = "authentik_core.remove_user_from_group"
CHANGE_ROLE: Final = "authentik_rbac.change_role"


async def may_touch_user(r: Reading, permissions: Permissions, user_id: int, *, field: str = "user") -> None:
    """To change, delete or disable them, or to get in as them: password, token, recovery link, session, impersonation.

    A new address or username is a way in too, by recovery, so every change counts.
    """
    if permissions.superuser:
        return
    _covers(permissions, await permissions_of(r, user_id), field, "this person may do more than you")


async def may_touch_groups(
    r: Reading, permissions: Permissions, group_ids: Iterable[str], *, field: str = "group"
) -> None:
    """To change or delete them, their members, parents and roles. What comes from groups above them counts too."""
    if permissions.superuser:
        return
    _covers(
        permissions, await permissions_brought(r, groups=group_ids), field, "members of this group may do more than you"
    )


async def may_give_groups(
    r: Reading, permissions: Permissions, group_ids: Iterable[str], *, field: str = "groups"
) -> None:
    """To put somebody into them, or other groups below them: members get into applications, so it is the group's
    administrator who decides. Unknown ids bring nothing; the verbs refuse those.
    """
    await _may_hand_over(r, permissions, group_ids, (), (CHANGE_GROUP, ADD_MEMBER), field)


async def may_take_groups(
    r: Reading, permissions: Permissions, group_ids: Iterable[str], *, field: str = "groups"
) -> None:
    """To take somebody out of them, or other groups from below them: a binding can also shut members out."""
    await _may_hand_over(r, permissions, group_ids, (), (CHANGE_GROUP, REMOVE_MEMBER), field)


async def may_give_roles(
    r: Reading, permissions: Permissions, role_ids: Iterable[str], *, field: str = "roles"
) -> None:
    """To give them to people or groups, or take them away."""
    await _may_hand_over(r, permissions, (), role_ids, (CHANGE_ROLE,), field)


async def may_touch_roles(
    r: Reading, permissions: Permissions, role_ids: Iterable[str], *, field: str = "role"
) -> None:
    """To change or delete them."""
    if permissions.superuser:
        return
    _covers(permissions, await permissions_brought(r, roles=role_ids), field, "this role may do more than you")


def may_give_permissions(
    permissions: Permissions, codenames: Iterable[str], object_pk: str | None = None, *, field: str = "permissions"
) -> None:
    """To put these codenames into a role: for every object, or for the one of ``object_pk``."""
    given = (
        Permissions(everywhere=frozenset(codenames))
        if object_pk is None
        else Permissions(objects={codename: frozenset({object_pk}) for codename in codenames})
    )
    _covers(permissions, given, field, "it would give more than you hold")


def may_make_superusers(permissions: Permissions, *, field: str = "is_superuser") -> None:
    """To make a group one of superusers, or no longer one."""
    _covers(permissions, Permissions(superuser=True), field, "only a superuser decides who is one")


async def _may_hand_over(
    r: Reading,
    permissions: Permissions,
    group_ids: Iterable[str],
    role_ids: Iterable[str],
    one_of: tuple[str, ...],
    field: str,
) -> None:
    if permissions.superuser:
        return
    groups, roles = list(group_ids), list(role_ids)
    for pk in (*groups, *roles):
        if not any(permissions.may(codename, pk) for codename in one_of):
            raise Refused(CODE, f"{field}: you need {' or '.join(one_of)} of what you give or take.", field=field)
    _covers(
        permissions, await permissions_brought(r, groups=groups, roles=roles), field, "it brings more than you hold"
    )


def _covers(held: Permissions, given: Permissions, field: str, why: str) -> None:
    if not held.covers(given):
        raise Refused(CODE, f"{field}: {why}; ask somebody who may do it.", field=field)
