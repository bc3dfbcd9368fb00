"""What went wrong with names, passwords, tokens and logs elsewhere, and must not here."""

import random
import re
import subprocess
import sys

import pytest
from sqlalchemy import text

from ostiary.directory.bootstrap import USERNAME, Bootstrap, Given
from ostiary.directory.credentials import Attempt, Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.groups import Groups
from ostiary.directory.groups import listed as listed_groups
from ostiary.directory.lockout import Lockout
from ostiary.directory.passwords import Passwords
from ostiary.directory.service_accounts import ServiceAccounts
from ostiary.directory.setup import Setup
from ostiary.directory.tokens import Tokens
from ostiary.directory.usernames import canonical
from ostiary.directory.users import Users, by_username, find_for_sign_in, listed
from ostiary.events.listing import Wanted, events
from ostiary.events.record import COMMAND, Actor
from ostiary.kit.errors import InvalidInput, NotFound, OstiaryError, Refused
from ostiary.storage import installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

HOSTILE_SQL = ("'", "' OR '1'='1", '"; DROP TABLE users; --', "%", "_", "\\", "a' UNION SELECT key_hash FROM tokens --")


@pytest.fixture
def credentials(database: Database, clock: FakeClock, secrets: Secrets, passwords: Passwords) -> Credentials:
    return Credentials(
        database=database,
        clock=clock,
        passwords=passwords,
        lockout=Lockout(clock=clock, secrets=secrets),
        devices=Devices(clock=clock, secrets=secrets),
    )


@pytest.mark.parametrize(
    "placeholder",
    [
        "{http.reverse_proxy.header.Remote-User}",
        "{http.auth.user.id}",
        "{{ user }}",
        "${remote_user}",
        "$remote_user",
        "%{REMOTE_USER}e",
        "(null)",
        "null",
        "undefined",
        "-",
        "<nil>",
    ],
)
async def test_fa_23_a_placeholder_is_nobody(database: Database, users: Users, placeholder: str) -> None:
    known = await users.create("jane", by=COMMAND)
    for attempt in (users.create(placeholder, by=COMMAND), users.rename(known.id, placeholder, by=COMMAND)):
        with pytest.raises(InvalidInput) as raised:
            await attempt
        assert raised.value.code == "user.username_invalid"
    async with database.reading() as r:
        assert [user.username for user in await listed(r)] == ["jane"]
        assert await find_for_sign_in(r, placeholder) is None


async def test_se_21_every_spelling_meets_the_same_ban(credentials: Credentials, users: Users) -> None:
    alice = await users.create("alice", password="correct horse", by=COMMAND)
    spellings = ("ALICE", "alice ", "ａｌｉｃｅ", "\talice", "Alice")
    assert {canonical(spelling) for spelling in spellings} == {alice.username}
    await users.disable(alice.id, by=COMMAND)
    for spelling in spellings:
        with pytest.raises(Refused):
            await credentials.check(spelling, "correct horse", Attempt("203.0.113.9"))
    await users.enable(alice.id, by=COMMAND)
    with pytest.raises(Refused) as raised:
        await credentials.check("alice", "correct horse", Attempt("203.0.113.10"))
    assert raised.value.code == "login.locked"


async def test_oi_18_a_cut_key_opens_nothing(database: Database, users: Users, tokens: Tokens) -> None:
    jane = await users.create("jane", by=COMMAND)
    _, key = await tokens.create("ci", user_id=jane.id, expires=None, by=COMMAND)
    async with database.reading() as r:
        for length in range(len(key)):
            assert await tokens.find(r, key[:length], intent="api") is None
            assert await tokens.find(r, key[length + 1 :], intent="api") is None
        assert await tokens.find(r, key, intent="api") is not None


async def test_oi_14_a_disabled_service_account_has_no_token(
    database: Database, users: Users, groups: Groups, tokens: Tokens
) -> None:
    accounts = ServiceAccounts(database=database, users=users, groups=groups, tokens=tokens)
    robot, _, key = await accounts.create("robot", expires=None, by=COMMAND)
    await users.disable(robot.id, by=COMMAND)
    async with database.reading() as r:
        assert await tokens.find(r, key, intent="api") is None


@pytest.mark.parametrize("hostile", HOSTILE_SQL)
async def test_ad_04_filters_are_values_and_never_statements(
    database: Database, users: Users, groups: Groups, hostile: str
) -> None:
    await users.create("jane", by=COMMAND)
    await groups.create("staff", by=COMMAND)
    async with database.reading() as r:
        assert await listed(r, search=hostile) == []
        assert len(await listed(r, after=hostile)) <= 1
        assert await events(r, Wanted(username=hostile)) == []
        with pytest.raises(NotFound):
            await listed(r, group=hostile)
        assert await find_for_sign_in(r, hostile) is None
        assert len(await listed_groups(r)) == 1


async def test_ad_10_no_secret_reaches_the_log_or_an_error(
    database: Database,
    clock: FakeClock,
    secrets: Secrets,
    passwords: Passwords,
    users: Users,
    groups: Groups,
    tokens: Tokens,
    credentials: Credentials,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    told: list[str] = []
    bootstrap = Bootstrap(clock=clock, passwords=passwords, users=users, tokens=tokens)
    setup = Setup(database=database, clock=clock, secrets=secrets, passwords=passwords, users=users)
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
        await bootstrap.first_start(w, Given(token="bootstrap-token-secret-1"))
    code = await setup.new_code()
    hidden = [
        "bootstrap-token-secret-1",
        code,
        code.replace("-", ""),
        "pass-secret-2",
        "pass-secret-3",
        "pass-secret-4",
    ]
    for attempt in (
        setup.check("0000-secret-5"),
        setup.complete(code=code, email="a@b.c", password="short-6", base_url="http://a.test", by=COMMAND),
        credentials.check(USERNAME, "pass-secret-7", Attempt("203.0.113.9")),
        credentials.check("name-secret-8", "x", Attempt("203.0.113.9")),
        users.create("jane", password="secret9", by=COMMAND),
        users.create("jane", password="\0pass-secret-10", by=COMMAND),
    ):
        with pytest.raises(OstiaryError) as raised:
            await attempt
        told.append(f"{raised.value} {raised.value.message}")
    user = await setup.complete(
        code=code, email="root@example.com", password="pass-secret-2", base_url="http://a.test", by=Actor(None, None)
    )
    jane = await users.create("jane", password="pass-secret-3", attributes={"pin": "attribute-secret-11"}, by=COMMAND)
    await users.update(jane.id, attributes={"pin": "attribute-secret-12"}, by=COMMAND)
    await users.set_password(jane.id, "pass-secret-4", by=COMMAND)
    await credentials.check("jane", "pass-secret-4", Attempt("203.0.113.9"))
    _, key = await tokens.create("ci", user_id=user.id, expires=None, by=COMMAND)
    _, rotated = await tokens.rotate("ci", by=COMMAND)
    hidden += [key, rotated]
    async with database.reading() as r:
        rows = (await r.execute(text("SELECT * FROM events"))).all()
        hashes = [jane.password_hash or "?", (await by_username(r, "jane")).password_hash or "?"]
    # The driver tells every statement at its level "debug"; our logging never lets that level of it out.
    logged = [entry.getMessage() for entry in caplog.records if not entry.name.startswith("aiosqlite")]
    everything = repr(rows) + "".join(logged) + "".join(told)
    assert len(rows) > 8
    assert not re.findall(r"\w*-?secret-?\d+|short-6", everything)
    for secret in (*hidden, *hashes):
        assert secret not in everything


MAKE = """
import random; random.seed(1)
import asyncio
from ostiary.directory.devices import Devices
from ostiary.directory.models import User
from ostiary.directory.passwords import Passwords
from ostiary.kit.clock import SystemClock
from ostiary.kit.tokens import b64, random_token
from ostiary.storage.secrets import Secrets
passwords = Passwords(threads=1, memory_kib=64, passes=1)
print(b64(random_token()))
print(Devices(clock=SystemClock(), secrets=Secrets(["x" * 32])).issue(User(uuid="u", password_changed=None)))
print(asyncio.run(passwords.hash("correct horse")))
passwords.close()
"""


def test_se_25_nothing_follows_from_the_seed_of_random() -> None:
    random.seed(1)
    one, other = (
        subprocess.run([sys.executable, "-c", MAKE], capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(2)
    )
    assert len(one) == len(other) == 3
    for left, right in zip(one, other, strict=True):
        assert left != right
        # 128 bits are 22 characters of base64.
        assert len(left) >= 22
