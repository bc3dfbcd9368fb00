"""What a person may manage: everything, or what their roles say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Select, or_, select

from ostiary.directory.membership import effective
from ostiary.directory.models import Group, Membership, Role, RoleGroup, RolePermission, RoleUser
from ostiary.storage.session import Reading


@dataclass(frozen=True)
class Permissions:
    """``everywhere`` are codenames that hold for every object, ``objects`` codename → the primary keys (as text) of
    single ones. Codenames are authentik's, such as ``authentik_core.view_user``.
    """

    superuser: bool = False
    everywhere: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def may(self, codename: str, pk: str | int | None = None) -> bool:
        """Whether it holds for every object or, with ``pk``, at least for that one."""
        if self.superuser or codename in self.everywhere:
            return True
        return pk is not None and str(pk) in self.objects_of(codename)

    def objects_of(self, codename: str) -> frozenset[str]:
        """The single objects that it holds for."""
        return self.objects.get(codename, frozenset())

    def covers(self, other: "Permissions") -> bool:
        """Whether nobody gains anything who is given what ``other`` holds."""
        if self.superuser:
            return True
        return (
            not other.superuser
            and other.everywhere <= self.everywhere
            and all(
                codename in self.everywhere or keys <= self.objects_of(codename)
                for codename, keys in other.objects.items()
            )
        )


NONE: Final = Permissions()
"""What a stranger may manage."""


async def permissions_of(r: Reading, user_id: int) -> Permissions:
    """What this person may manage, by their own roles and those of their groups, inherited ones too."""
    direct = select(Membership.group_id).where(Membership.user_id == user_id)
    return await _brought(r, direct, select(RoleUser.role_id).where(RoleUser.user_id == user_id))


async def permissions_brought(r: Reading, *, groups: Iterable[str] = (), roles: Iterable[str] = ()) -> Permissions:
    """What anybody may manage who is put into these groups and given these roles."""
    return await _brought(
        r, select(Group.id).where(Group.id.in_(list(groups))), select(Role.id).where(Role.id.in_(list(roles)))
    )


async def roles_of(r: Reading, user_id: int) -> list[str]:
    """The ids of the roles that a person holds, themselves or by their groups, inherited ones too."""
    above = effective(select(Membership.group_id).where(Membership.user_id == user_id))
    mine = select(RoleUser.role_id).where(RoleUser.user_id == user_id)
    by_groups = select(RoleGroup.role_id).where(RoleGroup.group_id.in_(above))
    return list(
        await r.scalars(select(Role.id).where(or_(Role.id.in_(mine), Role.id.in_(by_groups))).order_by(Role.id))
    )


def permitted_objects(user_id: int, codename: str) -> Select[str]:
    """As a query: the primary keys, as text, of the single objects that a person has this permission for."""
    above = effective(select(Membership.group_id).where(Membership.user_id == user_id))
    return select(RolePermission.object_pk).where(
        RolePermission.codename == codename,
        RolePermission.object_pk != "",
        or_(
            RolePermission.role_id.in_(select(RoleUser.role_id).where(RoleUser.user_id == user_id)),
            RolePermission.role_id.in_(select(RoleGroup.role_id).where(RoleGroup.group_id.in_(above))),
        ),
    )


async def _brought(r: Reading, groups: Select[str], roles: Select[str]) -> Permissions:
    above = effective(groups)
    if await r.scalar(select(Group.id).where(Group.id.in_(above), Group.is_superuser).limit(1)) is not None:
        return Permissions(superuser=True)
    held = or_(
        RolePermission.role_id.in_(roles),
        RolePermission.role_id.in_(select(RoleGroup.role_id).where(RoleGroup.group_id.in_(above))),
    )
    everywhere: set[str] = set()
    objects: dict[str, set[str]] = {}
    for codename, pk in await r.execute(select(RolePermission.codename, RolePermission.object_pk).where(held)):
        if pk:
            objects.setdefault(codename, set()).add(pk)
        else:
            everywhere.add(codename)
    return Permissions(
        everywhere=frozenset(everywhere), objects={name: frozenset(keys) for name, keys in objects.items()}
    )
