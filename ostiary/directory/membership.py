"""Who belongs to what: members of a group are members of its parents, and of theirs."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from sqlalchemy import Select, func, select

from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.storage.session import Reading, Writing

PEOPLE = ("internal", "external")

# Any constant, as long as nobody else uses it.
_DIRECTORY_LOCK = 0x6F73_7469_6172


def effective_groups(direct: AbstractSet[str], parents: Mapping[str, AbstractSet[str]]) -> set[str]:
    """All groups that membership of ``direct`` means. Ends on any graph, even one with a cycle."""
    reached: set[str] = set()
    waiting = list(direct)
    while waiting:
        group = waiting.pop()
        if group not in reached:
            reached.add(group)
            waiting.extend(parents.get(group, ()))
    return reached


async def parents_of_all(r: Reading) -> dict[str, set[str]]:
    """The whole graph: group id to the ids of its parents."""
    parents: dict[str, set[str]] = {}
    for group_id, parent_id in await r.execute(select(GroupParent.group_id, GroupParent.parent_id)):
        parents.setdefault(group_id, set()).add(parent_id)
    return parents


def effective(direct: Select[str]) -> Select[str]:
    """As a query: the ids of all groups that membership of those means, found by the database."""
    (first,) = direct.selected_columns
    reached = direct.with_only_columns(first.label("group_id")).cte("reached", recursive=True)
    reached = reached.union(select(GroupParent.parent_id).join(reached, GroupParent.group_id == reached.c.group_id))
    return select(reached.c.group_id)


async def groups_of(r: Reading, user_id: int) -> list[Group]:
    """A person's groups, inherited ones too, by name."""
    direct = select(Membership.group_id).where(Membership.user_id == user_id)
    query = select(Group).where(Group.id.in_(effective(direct))).order_by(Group.name)
    return list((await r.scalars(query)).all())


async def is_superuser(r: Reading, user_id: int) -> bool:
    """Whether one of a person's groups, direct or inherited, is a superuser group."""
    return any(group.is_superuser for group in await groups_of(r, user_id))


async def active_superusers(r: Reading) -> int:
    """How many people can sign in and administer. Service accounts do not count: nobody signs in as one."""
    # Members of a child are members of its parents, so from a superuser group the way leads down to its children.
    reached = select(Group.id).where(Group.is_superuser).cte("powerful", recursive=True)
    reached = reached.union(select(GroupParent.group_id).join(reached, GroupParent.parent_id == reached.c.id))
    members = select(Membership.user_id).where(Membership.group_id.in_(select(reached.c.id)))
    query = select(func.count()).where(User.id.in_(members), User.is_active, User.type.in_(PEOPLE))
    return await r.scalar(query) or 0


async def one_at_a_time(w: Writing) -> None:
    """Until this transaction ends, no other one changes the graph or the last superuser.

    SQLite has one writer anyway; on PostgreSQL two transactions could each see only the other's old state.
    """
    if w.get_bind().dialect.name == "postgresql":
        await w.execute(select(func.pg_advisory_xact_lock(_DIRECTORY_LOCK)))
