"""Two who administer a part, a superuser, and what attacks on the one by the others reach for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from sqlalchemy import select

from ostiary.api.caller import CSRF_HEADER
from ostiary.blueprints.models import BlueprintInstance
from ostiary.directory.codenames import PERMISSIONS
from ostiary.directory.models import Group, GroupParent, Membership, RoleGroup, RolePermission, RoleUser, Token, User
from ostiary.directory.permissions import permissions_of
from ostiary.events.record import COMMAND
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.objects.people import superuser_ids
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.sessions.cookie import FORM, LOGIN
from ostiary.sessions.models import Session
from ostiary.storage.base import Base
from ostiary.storage.session import Reading
from tests.api.house import ApiHouse

EVERYTHING: Final = tuple(PERMISSIONS)
"""What a role can hold; what is left to gain is being a superuser, or acting as one."""

PEOPLE: Final = tuple(
    name
    for name, one in PERMISSIONS.items()
    if one.model.word in ("user", "group", "token", "authenticatedsession", "role", "initialpermissions")
)
"""What the helper holds; what is left to gain is everything else."""

EMPTY: Final = "version: 1\nentries: []\n"
"""A blueprint that asks for nothing."""

# Whoever changes these decides how people sign in, or does what no role is given for.
DECIDING: Final = (
    "flows",
    "stages",
    "flow_stage_bindings",
    "brands",
    "system_settings",
    "blueprints",
    "installation",
)


@dataclass(frozen=True)
class World:
    """The ids of what attacks reach for. ``me`` asks, with a token (``http``) or a login."""

    house: ApiHouse
    http: httpx2.Client
    cookies: dict[str, str]
    me: int
    root: int
    top: str
    below: str
    plain: str
    wide: str
    high: str
    own: str
    root_token: str
    root_session: str
    my_token: str
    flow: str
    flow_slug: str
    place: str
    stage: str
    spare: str
    blueprint: str
    application: str
    policy: str
    flow_policy: str
    binding: str
    flow_binding: str
    brand: str
    other: int

    def unique(self, stem: str) -> str:
        """A name that nothing has yet."""
        return self.house.unique(stem)

    def user(self, **more: Any) -> dict[str, Any]:
        """A whole user, as one is put or made."""
        name = self.unique("made")
        return {"username": name, "name": name, **more}

    def group(self, **more: Any) -> dict[str, Any]:
        """A whole group."""
        return {"name": self.unique("made"), **more}

    def print(self) -> dict[str, Any]:
        """Everything that no attack may change."""
        return self.house.run(_print(self))

    @contextmanager
    def browser(self) -> Iterator[httpx2.Client]:
        """The same caller with a login, as scripts on our pages have it."""
        with httpx2.Client(base_url=f"{self.house.origin}/api/v3", cookies=self.cookies, timeout=30) as http:
            http.headers[CSRF_HEADER] = http.get("/rbac/permissions/").headers[CSRF_HEADER]
            yield http


def world(house: ApiHouse, permissions: tuple[str, ...]) -> World:
    """A superuser by inheritance with a token and a login, and somebody who holds these permissions."""
    return house.run(_world(house, permissions))


async def _world(house: ApiHouse, permissions: tuple[str, ...]) -> World:
    parts, unique = house.parts, house.unique
    top = await parts.groups.create(unique("top"), is_superuser=True, by=COMMAND)
    below = await parts.groups.create(unique("below"), parents=[top.name], by=COMMAND)
    plain = await parts.groups.create(unique("plain"), by=COMMAND)
    wide = await parts.groups.create(unique("wide"), by=COMMAND)
    high = await parts.roles.create(unique("high"), by=COMMAND)
    await parts.roles.permit(high.id, EVERYTHING, by=COMMAND)
    await parts.roles.add_group(high.id, wide.id, by=COMMAND)
    name = unique("root")
    root = await parts.users.create(
        name, groups=[below.name], email=f"{name}@example.com", password="a long password", by=COMMAND
    )
    token, _ = await parts.tokens.create(unique("root-token"), user_id=root.id, expires=None, by=COMMAND)
    me = await parts.users.create(unique("delegate"), groups=[plain.name], by=COMMAND)
    own = await parts.roles.create(unique("own"), by=COMMAND)
    await parts.roles.permit(own.id, permissions, by=COMMAND)
    await parts.roles.add_user(own.id, me.id, by=COMMAND)
    mine, key = await parts.tokens.create(unique("my-token"), user_id=me.id, expires=None, by=COMMAND)
    cookies = []
    async with parts.database.writing() as w:
        for user_id in (root.id, me.id):
            cookies.append(
                await parts.sessions.start(
                    w, user_id=user_id, method="password", client_ip=None, user_agent="", replaces=None
                )
            )
    async with parts.database.reading() as r:
        session = (await r.scalars(select(Session.id).where(Session.user_id == root.id))).one()
    made = await _decisions(house)
    other = await parts.users.create(unique("other"), groups=[wide.name], password="a long password", by=COMMAND)
    form, _ = FORM.mint(parts.secrets)
    return World(
        house=house,
        http=house.http(key),
        cookies={LOGIN.name(secure=False): cookies[1], FORM.name(secure=False): form},
        me=me.id,
        root=root.id,
        top=top.id,
        below=below.id,
        plain=plain.id,
        wide=wide.id,
        high=high.id,
        own=own.id,
        root_token=token.identifier,
        root_session=session,
        my_token=mine.identifier,
        other=other.id,
        **made,
    )


async def _decisions(house: ApiHouse) -> dict[str, str]:
    """A brand, a blueprint, an application and a flow with a stage, the last two each with a policy bound to them."""
    parts, unique = house.parts, house.unique
    application = await parts.applications.create(unique("app"), access="bound", by=COMMAND)
    policy, other = [await parts.policies.create(unique("policy"), "true", by=COMMAND) for _ in range(2)]
    brand = await parts.brands.create(f"{unique('brand')}.example.com", by=COMMAND)
    slug = unique("flow")
    flow = Flow(slug=slug, name=slug, title=slug, designation="authentication")
    stage = Stage(name=unique("stage"), type="password", config={})
    spare = Stage(name=unique("stage"), type="user_login", config={})
    blueprint = BlueprintInstance(name=unique("blueprint"), content=EMPTY)
    async with parts.database.writing() as w:
        w.add_all([flow, stage, spare, blueprint])
        await w.flush()
        place = StageBinding(flow_id=flow.id, stage_id=stage.id, order=10)
        binding = PolicyBinding(application_id=application.id, policy_id=policy.id)
        flow_binding = PolicyBinding(flow_id=flow.id, policy_id=other.id)
        w.add_all([place, binding, flow_binding])
    return {
        "application": application.id,
        "policy": policy.id,
        "flow_policy": other.id,
        "brand": brand.id,
        "flow": flow.id,
        "flow_slug": slug,
        "stage": stage.id,
        "spare": spare.id,
        "place": place.id,
        "blueprint": blueprint.id,
        "binding": binding.id,
        "flow_binding": flow_binding.id,
    }


async def _print(world: World) -> dict[str, Any]:
    async with world.house.parts.database.reading() as r:
        kept: dict[str, Any] = {
            name: await _rows(r, select(Base.metadata.tables[name]))
            for name in DECIDING
            if name in Base.metadata.tables
        }
        bindings = Base.metadata.tables["policy_bindings"]
        of_flows = select(bindings).where(bindings.c.application_id.is_(None))
        kept["bindings of flows"] = await _rows(r, of_flows)
        decide = select(of_flows.subquery().c.policy_id)
        kept["their policies"] = await _rows(r, select(Policy.__table__).where(Policy.id.in_(decide)))
        admins = await _superusers(r)
        kept["superusers"] = await _rows(r, select(User.__table__).where(User.id.in_(admins)))
        for model in (Membership, RoleUser, Token, Session):
            table = Base.metadata.tables[model.__tablename__]
            kept[f"their {table.name}"] = await _rows(r, select(table).where(table.c.user_id.in_(admins)))
        kept["superuser groups"] = await _rows(r, select(Group.__table__).where(Group.id.in_([world.top, world.below])))
        kept["all superuser groups"] = await _rows(r, select(Group.id).where(Group.is_superuser))
        ways = select(GroupParent.__table__).where(GroupParent.group_id.in_([world.top, world.below]))
        kept["ways up"] = await _rows(r, ways)
        kept["what the caller may"] = await permissions_of(r, world.me)
        held = select(RolePermission.codename, RolePermission.object_pk).where(RolePermission.role_id == world.high)
        kept["what the higher role may"] = await _rows(r, held)
        kept["who may more"] = await _rows(r, select(RoleGroup.__table__).where(RoleGroup.role_id == world.high))
        kept["members who may more"] = await _rows(
            r, select(Membership.user_id).where(Membership.group_id == world.wide)
        )
        return kept


async def _superusers(r: Reading) -> list[int]:
    return sorted(await r.scalars(select(User.id).where(User.id.in_(superuser_ids()))))


async def _rows(r: Reading, query: Any) -> list[tuple[Any, ...]]:
    # When a token or login was last used is no change of it.
    rows = [{**row} for row in (await r.execute(query)).mappings()]
    for row in rows:
        row.pop("last_used", None)
    return sorted(tuple(str(value) for value in row.values()) for row in rows)
