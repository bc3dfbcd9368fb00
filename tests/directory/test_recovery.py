"""A recovery link sets one person's password, once, within a while."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from ostiary.directory.lockout import Lockout
from ostiary.directory.models import Token
from ostiary.directory.passwords import Passwords
from ostiary.directory.recovery import LONGEST, Recovery, forget
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users, existing
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

NEW = "correct horse battery"


@pytest.fixture
def recovery(
    database: Database, clock: FakeClock, passwords: Passwords, users: Users, tokens: Tokens, secrets: Secrets
) -> Recovery:
    users.on_credentials_changed.append(forget)
    lockout = Lockout(clock=clock, secrets=secrets)
    return Recovery(database=database, clock=clock, passwords=passwords, users=users, tokens=tokens, lockout=lockout)


async def test_a_link_sets_the_password_once(
    database: Database, users: Users, passwords: Passwords, recovery: Recovery
) -> None:
    ada = await users.create("ada", password="the old one", by=COMMAND)
    key = await recovery.make(ada.id, by=COMMAND)
    async with database.reading() as r:
        assert (await recovery.whose(r, key)).username == "ada"
        row = (await r.scalars(select(Token))).one()
        assert key not in (row.key_hash, row.key_sealed, row.identifier, row.description)
    await recovery.complete(key, NEW, client_ip="192.0.2.1")
    async with database.reading() as r:
        assert (await passwords.verify((await existing(r, ada.id)).password_hash, NEW)).ok
        event = (await r.scalars(select(Event).where(Event.action == "password_set"))).one()
    assert (event.user["username"], event.client_ip, event.context["how"]) == ("ada", "192.0.2.1", "recovery link")
    with pytest.raises(NotFound, match=r"recovery.link_over"):
        await recovery.complete(key, "another password", client_ip=None)


async def test_of_two_that_use_it_at_once_one_succeeds(users: Users, recovery: Recovery) -> None:
    ada = await users.create("ada", by=COMMAND)
    key = await recovery.make(ada.id, by=COMMAND)
    attempts = [recovery.complete(key, f"{NEW} {number}", client_ip=None) for number in range(3)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert all(isinstance(result, NotFound) for result in results if isinstance(result, BaseException))


async def test_a_link_ends_with_its_time_with_another_link_and_with_another_password(
    users: Users, recovery: Recovery, clock: FakeClock
) -> None:
    ada = await users.create("ada", by=COMMAND)
    late = await recovery.make(ada.id, lifetime=timedelta(minutes=5), by=COMMAND)
    clock.advance(301)
    first = await recovery.make(ada.id, by=COMMAND)
    second = await recovery.make(ada.id, by=COMMAND)
    await users.set_password(ada.id, "set by hand", by=COMMAND)
    for key in (late, first, second, "", "made-up"):
        with pytest.raises(NotFound, match=r"recovery.link_over"):
            await recovery.complete(key, NEW, client_ip=None)


async def test_a_password_that_may_not_be_leaves_the_link_good(users: Users, recovery: Recovery) -> None:
    ada = await users.create("ada.lovelace", by=COMMAND)
    key = await recovery.make(ada.id, by=COMMAND)
    for bad in ("short", "ada.lovelace"):
        with pytest.raises(InvalidInput):
            await recovery.complete(key, bad, client_ip=None)
    await recovery.complete(key, NEW, client_ip=None)


async def test_who_cannot_sign_in_gets_no_link(users: Users, recovery: Recovery, database: Database) -> None:
    robot = await users.create("robot", type="service_account", by=COMMAND)
    gone = await users.create("gone", is_active=False, by=COMMAND)
    ada = await users.create("ada", by=COMMAND)
    with pytest.raises(InvalidInput, match=r"user.service_account_password"):
        await recovery.make(robot.id, by=COMMAND)
    with pytest.raises(Conflict, match=r"user.disabled"):
        await recovery.make(gone.id, by=COMMAND)
    for lifetime in (timedelta(0), LONGEST + timedelta(seconds=1)):
        with pytest.raises(InvalidInput, match=r"recovery.lifetime"):
            await recovery.make(ada.id, lifetime=lifetime, by=COMMAND)
    key = await recovery.make(ada.id, by=COMMAND)
    await users.disable(ada.id, by=COMMAND)
    await users.enable(ada.id, by=COMMAND)
    with pytest.raises(NotFound):
        await recovery.complete(key, NEW, client_ip=None)
