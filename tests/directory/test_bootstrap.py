import asyncio
import base64
import hashlib

import pytest
from sqlalchemy import func, select

from ostiary.directory.bootstrap import GROUP, TOKEN, USERNAME, Bootstrap, Given
from ostiary.directory.membership import active_superusers, groups_of
from ostiary.directory.models import Group, User
from ostiary.directory.passwords import Passwords
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users, by_username
from ostiary.events.listing import events
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def bootstrap(clock: FakeClock, passwords: Passwords, users: Users, tokens: Tokens) -> Bootstrap:
    return Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)


async def start(
    database: Database, bootstrap: Bootstrap, secrets: Secrets, clock: FakeClock, given: Given | None = None
) -> bool:
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        return await bootstrap.first_start(w, given or Given())


async def completed(database: Database) -> bool:
    async with database.reading() as r:
        return (await installation.read(r)).setup_completed is not None


async def test_the_first_start_makes_the_administrator_who_cannot_sign_in_yet(
    database: Database, bootstrap: Bootstrap, secrets: Secrets, clock: FakeClock
) -> None:
    assert await start(database, bootstrap, secrets, clock)
    assert not await start(database, bootstrap, secrets, clock)
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
        assert (user.password_hash, user.type, user.is_active) == (None, "internal", True)
        assert [(group.name, group.is_superuser) for group in await groups_of(r, user.id)] == [(GROUP, True)]
        assert await active_superusers(r) == 1
    assert not await completed(database)


@pytest.mark.parametrize(
    ("given", "closes"),
    [
        (Given(), False),
        (Given(token=KEY), False),
        (Given(email="root@example.com"), False),
        (Given(token=KEY, email="root@example.com"), False),
        (Given(password="", password_hash=""), False),
        (Given(password="a good password"), True),
        (Given(password_hash=f"pbkdf2_sha256$1000$NaCl${'A' * 43}="), True),
    ],
)
async def test_only_a_password_or_its_hash_closes_the_set_up(
    database: Database, bootstrap: Bootstrap, secrets: Secrets, clock: FakeClock, given: Given, *, closes: bool
) -> None:
    await start(database, bootstrap, secrets, clock, given)
    assert await completed(database) is closes
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
        assert (user.password_hash is not None) is closes
        assert user.email == (given.email or "")
        actions = [event.action for event in await events(r)]
    assert ("setup_completed" in actions) is closes


async def test_the_given_password_hash_and_token_work(
    database: Database, bootstrap: Bootstrap, secrets: Secrets, clock: FakeClock, passwords: Passwords, tokens: Tokens
) -> None:
    value = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"a good password", b"NaCl", 1000)).decode()
    given = Given(password_hash=f"pbkdf2_sha256$1000$NaCl${value}", token=KEY)
    await start(database, bootstrap, secrets, clock, given)
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
        found = await tokens.find(r, KEY, intent="api")
        log = repr([event.context for event in await events(r)])
    assert (await passwords.verify(user.password_hash, "a good password")).ok
    assert found is not None
    assert (found[0].identifier, found[1].username, found[0].expires) == (TOKEN, USERNAME, None)
    assert KEY not in log
    assert value not in log


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        (Given(password="a good password", password_hash="x"), "bootstrap.twice", "bootstrap.password"),
        (Given(password="short"), "password.too_short", "bootstrap.password"),
        (Given(password=USERNAME + "\0xxx"), "password.characters", "bootstrap.password"),
        (Given(password_hash="md5$a$b"), "password.hash_unknown", "bootstrap.password_hash"),
        (
            Given(password_hash=f"pbkdf2_sha256$9000000$a${'A' * 43}="),
            "password.hash_costly",
            "bootstrap.password_hash",
        ),
        (Given(token="short"), "bootstrap.token_invalid", "bootstrap.token"),
        (Given(token="with a space in the middle of it"), "bootstrap.token_invalid", "bootstrap.token"),
        (Given(email="root"), "user.email_invalid", "email"),
    ],
)
async def test_wrong_values_stop_the_first_start_and_leave_nothing(
    database: Database,
    bootstrap: Bootstrap,
    secrets: Secrets,
    clock: FakeClock,
    given: Given,
    code: str,
    field: str,
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await start(database, bootstrap, secrets, clock, given)
    assert (raised.value.code, raised.value.field) == (code, field)
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(User)) == 0
        assert await r.scalar(select(func.count()).select_from(Group)) == 0
    assert await start(database, bootstrap, secrets, clock, Given(password="a good password"))


async def test_a_later_start_changes_nothing(
    database: Database, bootstrap: Bootstrap, secrets: Secrets, clock: FakeClock, users: Users
) -> None:
    await start(database, bootstrap, secrets, clock, Given(password="a good password"))
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
    assert not await start(database, bootstrap, secrets, clock, Given(password="another password", token=KEY))
    async with database.reading() as r:
        assert (await by_username(r, USERNAME)).password_hash == user.password_hash
    await users.delete(user.id, force=True, by=COMMAND)
    assert not await start(database, bootstrap, secrets, clock, Given(password="another password"))
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(User)) == 0


async def test_two_servers_that_start_at_once_make_one_administrator(
    database_url: str, secrets: Secrets, clock: FakeClock, passwords: Passwords
) -> None:
    async def server() -> bool:
        database = Database(open_engine(database_url))
        users = Users(database=database, clock=clock, passwords=passwords)
        tokens = Tokens(database=database, clock=clock, secrets=secrets)
        bootstrap = Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)
        made = await start(database, bootstrap, secrets, clock, Given(password="a good password", token=KEY))
        await database.close()
        return made

    assert sorted(await asyncio.gather(server(), server(), server())) == [False, False, True]
