import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from ostiary.directory.bootstrap import GROUP, USERNAME, Bootstrap, Given
from ostiary.directory.membership import groups_of, is_superuser
from ostiary.directory.passwords import Passwords
from ostiary.directory.setup import LIFETIME, TRIES, Setup
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import Users, by_username
from ostiary.events.listing import events
from ostiary.events.record import COMMAND, Actor
from ostiary.kit.errors import Conflict, InvalidInput, OstiaryError
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

VISITOR = Actor(None, None, "203.0.113.9")
FIELDS = {"email": "root@example.com", "password": "a good password", "base_url": "https://auth.example.com/"}


@pytest.fixture
async def setup(
    database: Database, clock: FakeClock, secrets: Secrets, passwords: Passwords, users: Users, tokens: Tokens
) -> Setup:
    bootstrap = Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        await bootstrap.first_start(w, Given())
    return Setup(database=database, clock=clock, secrets=secrets, passwords=passwords, users=users)


async def refused(setup: Setup, code: str) -> str:
    with pytest.raises(OstiaryError) as raised:
        await setup.check(code)
    return raised.value.code


async def test_the_code_has_128_bits_in_groups_and_only_its_hash_is_stored(database: Database, setup: Setup) -> None:
    code = await setup.new_code()
    assert re.fullmatch(r"([0-9a-f]{4}-){7}[0-9a-f]{4}", code)
    async with database.reading() as r:
        row = repr((await r.execute(text("SELECT * FROM installation"))).one())
    assert code not in row
    assert code.replace("-", "") not in row


async def test_a_code_is_read_however_it_is_copied(setup: Setup) -> None:
    code = await setup.new_code()
    for typed in (code, code.upper(), f" {code} \n", code.replace("-", ""), code.replace("-", " ")):
        await setup.check(typed)
    await setup.check(code.replace("0", "O").replace("1", "l"))


async def test_a_wrong_code_is_counted_and_the_tenth_ends_it(setup: Setup) -> None:
    code = await setup.new_code()
    wrong = "0000-" + code[5:] if not code.startswith("0000") else "1111-" + code[5:]
    for typed in [wrong] * (TRIES - 1):
        assert await refused(setup, typed) == "setup.code_wrong"
    await setup.check(code)
    assert await refused(setup, "\ud800" * 10_000) == "setup.code_wrong"
    assert await refused(setup, code) == "setup.code_expired"
    await setup.check(await setup.new_code())


async def test_a_code_lasts_an_hour(setup: Setup, clock: FakeClock) -> None:
    assert timedelta(minutes=60) == LIFETIME
    code = await setup.new_code()
    clock.advance(3599)
    await setup.check(code)
    clock.advance(1)
    assert await refused(setup, code) == "setup.code_expired"
    with pytest.raises(InvalidInput):
        await setup.complete(code=code, by=VISITOR, **FIELDS)


async def test_another_code_replaces_the_one_before(setup: Setup) -> None:
    first = await setup.new_code()
    second = await setup.new_code()
    assert await refused(setup, first) == "setup.code_wrong"
    await setup.check(second)


async def test_a_start_prints_a_code_only_if_none_works(setup: Setup, clock: FakeClock) -> None:
    first = await setup.first_code()
    assert first is not None
    assert await setup.first_code() is None
    await setup.check(first)
    clock.advance(3600)
    assert await setup.first_code() is not None


async def test_of_servers_that_start_together_one_prints_a_code(
    database_url: str, clock: FakeClock, secrets: Secrets, passwords: Passwords, setup: Setup
) -> None:
    other_database = Database(open_engine(database_url))
    other = Setup(
        database=other_database,
        clock=clock,
        secrets=secrets,
        passwords=passwords,
        users=Users(database=other_database, clock=clock, passwords=passwords),
    )
    codes = await asyncio.gather(*(one.first_code() for one in (setup, other, setup, other)))
    await other_database.close()
    (printed,) = [code for code in codes if code is not None]
    await setup.check(printed)


async def test_before_any_code_none_works(setup: Setup) -> None:
    assert await setup.is_open()
    assert await refused(setup, "") == "setup.code_expired"
    assert await refused(setup, "0" * 32) == "setup.code_expired"


async def test_completion_makes_an_administrator_who_can_sign_in_and_closes_for_good(
    database: Database, setup: Setup, passwords: Passwords, users: Users
) -> None:
    code = await setup.new_code()
    user = await setup.complete(code=code, by=VISITOR, **FIELDS)
    assert (user.username, user.email) == (USERNAME, "root@example.com")
    async with database.reading() as r:
        stored = await by_username(r, USERNAME)
        row = await installation.read(r)
        assert await is_superuser(r, stored.id)
        event = (await events(r))[0]
    assert (await passwords.verify(stored.password_hash, FIELDS["password"])).ok
    assert (row.base_url, row.setup_code_hash) == ("https://auth.example.com", None)
    assert (event.action, event.client_ip) == ("setup_completed", "203.0.113.9")
    assert event.context == {"how": "set-up page", "base_url": "https://auth.example.com"}

    # No lost password, no deleted administrator reopens it.
    async with database.writing() as w:
        await w.execute(text("UPDATE users SET password_hash = NULL"))
    await users.delete(stored.id, force=True, by=COMMAND)
    assert not await setup.is_open()
    assert await setup.first_code() is None
    assert await refused(setup, code) == "setup.completed"
    for attempt in (setup.new_code(), setup.complete(code=code, by=VISITOR, **FIELDS)):
        with pytest.raises(Conflict) as raised:
            await attempt
        assert raised.value.code == "setup.completed"


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"email": ""}, "user.email_invalid", "email"),
        ({"email": "root"}, "user.email_invalid", "email"),
        ({"base_url": ""}, "url.origin_invalid", "base_url"),
        ({"base_url": "auth.example.com"}, "url.origin_invalid", "base_url"),
        ({"base_url": "javascript:alert(1)"}, "url.origin_invalid", "base_url"),
        ({"base_url": "https://auth.example.com/path"}, "url.origin_invalid", "base_url"),
        ({"base_url": "https://me@auth.example.com"}, "url.origin_invalid", "base_url"),
        ({"password": "short"}, "password.too_short", "password"),
        ({"code": "0000"}, "setup.code_wrong", "code"),
    ],
)
async def test_wrong_fields_are_named_and_complete_nothing(
    setup: Setup, changed: dict[str, str], code: str, field: str
) -> None:
    given = {"code": await setup.new_code(), **FIELDS, **changed}
    with pytest.raises(InvalidInput) as raised:
        await setup.complete(by=VISITOR, **given)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert await setup.is_open()


async def test_of_two_at_once_one_wins(
    database_url: str,
    database: Database,
    clock: FakeClock,
    secrets: Secrets,
    passwords: Passwords,
    setup: Setup,
) -> None:
    other_database = Database(open_engine(database_url))
    other = Setup(
        database=other_database,
        clock=clock,
        secrets=secrets,
        passwords=passwords,
        users=Users(database=other_database, clock=clock, passwords=passwords),
    )
    code = await setup.new_code()
    asked = [
        one.complete(
            code=code,
            email=f"root{number}@example.com",
            password=f"password {number}",
            base_url="http://a.test",
            by=VISITOR,
        )
        for number, one in enumerate([setup, other] * 5)
    ]
    done = await asyncio.gather(*asked, return_exceptions=True)
    await other_database.close()
    won = [number for number, result in enumerate(done) if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert {result.code for result in done if isinstance(result, OstiaryError)} == {"setup.completed"}
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
        assert [event.action for event in await events(r)].count("setup_completed") == 1
    assert user.email == f"root{won[0]}@example.com"
    assert (await passwords.verify(user.password_hash, f"password {won[0]}")).ok


async def test_an_administrator_who_was_deleted_or_disabled_before_is_made_again(
    database: Database, setup: Setup, users: Users
) -> None:
    async with database.reading() as r:
        user = await by_username(r, USERNAME)
    await users.delete(user.id, force=True, by=COMMAND)
    made = await setup.complete(code=await setup.new_code(), by=VISITOR, **FIELDS)
    async with database.reading() as r:
        assert [group.name for group in await groups_of(r, made.id)] == [GROUP]
        assert made.is_active
