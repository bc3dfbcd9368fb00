"""An administrator acts as somebody else, and everything that ends either of them ends it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update

from ostiary.applications.models import Provider
from ostiary.directory.groups import Groups
from ostiary.directory.models import Group, Role, RolePermission, RoleUser, User
from ostiary.directory.users import group_named
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import OstiaryError, Refused
from ostiary.sessions.lifecycle import LiveSession
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.session import Database
from ostiary.system.registry import System
from tests.clock import FakeClock
from tests.house import House, house


@dataclass
class Scene:
    """Ada is a superuser and signed in; Bob is a person."""

    door: House
    database: Database
    groups: Groups
    admins: Group
    ada: User
    bob: User
    cookie: str
    session: LiveSession

    async def find(self, cookie: str) -> LiveSession | None:
        async with self.database.reading() as r:
            return await self.door.sessions.find(r, cookie)

    async def begin(self, whom: User | None = None, reason: str = "helping") -> str:
        whom = whom or self.bob
        return await self.door.impersonation.begin(self.session.id, whom.id, reason=reason, client_ip="192.0.2.1")

    async def event(self, action: str) -> Event:
        async with self.database.reading() as r:
            return (await r.scalars(select(Event).where(Event.action == action))).one()


async def signed_in(door: House, user: User) -> tuple[str, LiveSession]:
    async with door.database.writing() as w:
        cookie = await door.sessions.start(
            w, user_id=user.id, method="password", client_ip=None, user_agent="", replaces=None
        )
    async with door.database.reading() as r:
        found = await door.sessions.find(r, cookie)
    assert found is not None
    return cookie, found


@pytest.fixture
async def scene(database: Database, clock: FakeClock) -> AsyncIterator[Scene]:
    async with house(database, clock) as door:
        groups = Groups(database=database, clock=clock)
        await groups.create("admins", is_superuser=True, by=COMMAND)
        async with database.reading() as r:
            ada, bob = (await r.scalars(select(User).order_by(User.username))).all()
            admins = await group_named(r, "admins")
        await groups.set_groups_of(ada.id, [admins.id], by=COMMAND)
        cookie, session = await signed_in(door, ada)
        yield Scene(door, database, groups, admins, ada, bob, cookie, session)


async def test_the_login_becomes_the_other_persons_and_returns(scene: Scene) -> None:
    acting = await scene.begin()
    assert await scene.find(scene.cookie) is None
    found = await scene.find(acting)
    assert found is not None
    assert (found.id, found.user_id, found.username) == (scene.session.id, scene.bob.id, "bob")
    assert found.impersonator is not None
    assert found.impersonator.username == "ada"
    own = await scene.door.impersonation.end(found.id, client_ip="192.0.2.1")
    assert own is not None
    assert await scene.find(acting) is None
    back = await scene.find(own)
    assert back is not None
    assert (back.username, back.impersonator) == ("ada", None)
    assert await scene.door.impersonation.end(back.id, client_ip=None) is None


async def test_events_name_both_and_the_reason(scene: Scene) -> None:
    acting = await scene.find(await scene.begin(reason="  ticket 17 "))
    assert acting is not None
    started = await scene.event("impersonation_started")
    assert started.user == {"pk": scene.ada.id, "username": "ada"}
    assert started.context == {"pk": scene.bob.id, "username": "bob", "reason": "ticket 17"}
    await scene.door.sessions.end(acting.id, by=acting.actor("192.0.2.1"), reason="signed out")
    ended = await scene.event("logout")
    bob = {"pk": scene.bob.id, "username": "bob"}
    assert ended.user == {"pk": scene.ada.id, "username": "ada", "on_behalf_of": bob}


async def test_what_the_login_had_opened_ends_at_both_changes(scene: Scene) -> None:
    async with scene.database.writing() as w:
        row = Provider(type="proxy", name="hello", authorization_flow="a", invalidation_flow="i")
        w.add(row)
        await w.flush()
        provider = row.id

    async def open_application() -> None:
        async with scene.database.writing() as w:
            w.add(
                AppSession(
                    token_hash="h",
                    session_id=scene.session.id,
                    provider_id=provider,
                    kind="app",
                    host="hello.example.com",
                    created=scene.door.clock.now(),
                    expires=scene.session.expires,
                )
            )

    async def none_open() -> bool:
        async with scene.database.reading() as r:
            return (await r.scalars(select(AppSession))).first() is None

    await open_application()
    await scene.begin()
    assert await none_open()
    await open_application()
    await scene.door.impersonation.end(scene.session.id, client_ip=None)
    assert await none_open()


async def refused(scene: Scene, code: str, whom: User | None = None, reason: str = "helping") -> None:
    with pytest.raises(OstiaryError) as raised:
        await scene.begin(whom, reason)
    assert raised.value.code == code
    assert await scene.find(scene.cookie) is not None
    async with scene.database.reading() as r:
        assert await r.scalar(select(Event.id).where(Event.action == "impersonation_started")) is None


async def test_it_needs_a_reason_a_person_and_one_level(scene: Scene) -> None:
    users = scene.door.users
    for reason in ("", "   ", "x" * 256):
        await refused(scene, "impersonation.reason", reason=reason)
    await refused(scene, "impersonation.oneself", scene.ada)
    await refused(scene, "impersonation.not_a_person", await users.create("job", type="service_account", by=COMMAND))
    await refused(scene, "impersonation.disabled", await users.create("gone", is_active=False, by=COMMAND))
    await scene.begin()
    with pytest.raises(Refused, match=r"impersonation.nested"):
        await scene.begin()


async def test_a_setting_forbids_it(scene: Scene, database: Database, clock: FakeClock) -> None:
    system = System(database=database, clock=clock, base_url=None, retention=1)
    await system.update({"impersonation": False}, by=COMMAND)
    await refused(scene, "impersonation.off")
    await system.update({"impersonation": True, "impersonation_require_reason": False}, by=COMMAND)
    assert await scene.begin(reason="")


async def delegated(scene: Scene, codename: str, pk: str = "") -> None:
    """Bob becomes an administrator of that, and the one who is signed in."""
    async with scene.database.writing() as w:
        role = Role(name="deputies")
        w.add(role)
        await w.flush()
        w.add_all([RolePermission(role_id=role.id, codename=codename, object_pk=pk)])
        w.add(RoleUser(role_id=role.id, user_id=scene.bob.id))
    scene.cookie, scene.session = await signed_in(scene.door, scene.bob)


async def test_a_delegated_administrator_never_becomes_a_superuser(scene: Scene) -> None:
    await delegated(scene, "authentik_core.impersonate")
    await refused(scene, "permission.raises", scene.ada)
    eve = await scene.door.users.create("eve", by=COMMAND)
    assert await scene.find(await scene.begin(eve)) is not None


async def test_who_may_not_impersonate_does_not(scene: Scene) -> None:
    eve = await scene.door.users.create("eve", by=COMMAND)
    await delegated(scene, "authentik_core.change_user")
    await refused(scene, "impersonation.not_allowed", eve)


async def test_who_may_act_as_one_person_acts_as_that_one_alone(scene: Scene) -> None:
    eve, kim = [await scene.door.users.create(name, by=COMMAND) for name in ("eve", "kim")]
    await delegated(scene, "authentik_core.impersonate", str(eve.id))
    await refused(scene, "impersonation.not_allowed", kim)
    assert await scene.begin(eve)


async def test_it_ends_with_the_permission(scene: Scene) -> None:
    acting = await scene.begin()
    await scene.door.users.create("other", groups=["admins"], by=COMMAND)
    assert await scene.door.sessions.end_unallowed() == 0
    await scene.groups.set_groups_of(scene.ada.id, [], by=COMMAND)
    assert await scene.find(acting) is None
    assert await scene.door.sessions.end_unallowed() == 1
    async with scene.database.reading() as r:
        assert (await r.scalars(select(Session))).all() == []


async def test_it_ends_when_the_person_comes_to_hold_more(scene: Scene) -> None:
    eve = await scene.door.users.create("eve", by=COMMAND)
    await delegated(scene, "authentik_core.impersonate")
    acting = await scene.begin(eve)
    await scene.groups.set_groups_of(eve.id, [scene.admins.id], by=COMMAND)
    assert await scene.find(acting) is None


@pytest.mark.parametrize("name", ["ada", "bob"])
async def test_another_password_of_either_ends_it(scene: Scene, name: str) -> None:
    acting = await scene.begin()
    user = scene.ada if name == "ada" else scene.bob
    await scene.door.users.set_password(user.id, "a new password", by=COMMAND)
    assert await scene.find(acting) is None
    async with scene.database.reading() as r:
        assert (await r.scalars(select(Session))).all() == []


async def test_a_disabled_administrator_is_nobody_at_once(scene: Scene) -> None:
    acting = await scene.begin()
    async with scene.database.writing() as w:
        await w.execute(update(User).where(User.id == scene.ada.id).values(is_active=False))
    assert await scene.find(acting) is None


async def test_signing_in_again_never_makes_the_borrowed_login_ones_own(scene: Scene) -> None:
    acting = await scene.find(await scene.begin())
    assert acting is not None
    async with scene.database.writing() as w:
        cookie = await scene.door.sessions.start(
            w, user_id=scene.bob.id, method="password", client_ip=None, user_agent="", replaces=acting.id
        )
    found = await scene.find(cookie)
    assert found is not None
    assert found.id != acting.id
    assert found.impersonator is None
