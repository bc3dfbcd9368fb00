import asyncio
import base64
import hashlib
import threading
from collections.abc import Sequence

import pytest

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.directory.devices import Devices
from ostiary.directory.lockout import Lockout
from ostiary.directory.models import User
from ostiary.directory.passwords import Passwords
from ostiary.directory.users import Users, existing
from ostiary.events.listing import events
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Refused, Unavailable
from ostiary.storage.engine import open_engine
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock

HERE = Attempt("203.0.113.9")
RIGHT, WRONG = "correct horse", "wrong horse"


@pytest.fixture
def devices(clock: FakeClock, secrets: Secrets) -> Devices:
    return Devices(clock=clock, secrets=secrets)


@pytest.fixture
def lockout(clock: FakeClock, secrets: Secrets) -> Lockout:
    return Lockout(clock=clock, secrets=secrets, peer_attempts=12, shared_peer_attempts=20)


@pytest.fixture
def credentials(
    database: Database, clock: FakeClock, passwords: Passwords, lockout: Lockout, devices: Devices
) -> Credentials:
    return Credentials(database=database, clock=clock, passwords=passwords, lockout=lockout, devices=devices)


@pytest.fixture
async def alice(users: Users) -> User:
    return await users.create("alice", email="alice@example.com", password=RIGHT, by=COMMAND)


async def refusal(
    credentials: Credentials, name: str = "alice", password: str = WRONG, attempt: Attempt = HERE
) -> tuple[str, str]:
    with pytest.raises(Refused) as raised:
        await credentials.check(name, password, attempt)
    return raised.value.code, raised.value.message


async def all_events(database: Database) -> Sequence[Event]:
    async with database.reading() as r:
        return [event for event in reversed(await events(r)) if event.action != "user_write"]


@pytest.mark.parametrize("name", ["alice", " ALICE", "ａｌｉｃｅ", "Alice@Example.COM"])
async def test_the_right_password_finds_the_person_by_any_spelling(
    credentials: Credentials, alice: User, name: str
) -> None:
    assert (await credentials.check(name, RIGHT, HERE)).id == alice.id


async def test_unknown_disabled_service_and_wrong_end_in_one_sentence(
    credentials: Credentials, users: Users, alice: User
) -> None:
    gone = await users.create("gone", password=RIGHT, is_active=False, by=COMMAND)
    await users.create("robot", type="service_account", by=COMMAND)
    answers = {
        await refusal(credentials, "alice", "wrong horse"),
        await refusal(credentials, "nobody", RIGHT),
        await refusal(credentials, "not a name at all \ud800\0", RIGHT),
        await refusal(credentials, gone.username, RIGHT),
        await refusal(credentials, "robot", RIGHT),
        await refusal(credentials, "", ""),
    }
    assert [code for code, _ in answers] == ["login.failed"]


async def test_an_address_that_two_accounts_share_signs_in_neither(
    credentials: Credentials, users: Users, alice: User
) -> None:
    await users.create("alice2", email="alice@example.com", password=RIGHT, by=COMMAND)
    assert (await refusal(credentials, "alice@example.com", RIGHT))[0] == "login.failed"


async def test_five_failures_lock_a_known_and_an_unknown_name_alike(
    database: Database, credentials: Credentials, clock: FakeClock, alice: User
) -> None:
    known = [await refusal(credentials, "alice") for _ in range(6)]
    unknown = [await refusal(credentials, "nobody") for _ in range(6)]
    assert known == unknown
    assert [code for code, _ in known] == ["login.failed"] * 5 + ["login.locked"]
    assert known[-1][1] == "There were too many failed attempts. Wait 15 minutes, then try again."
    assert (await refusal(credentials, "alice", RIGHT))[0] == "login.locked"
    clock.advance(15 * 60 - 1)
    assert await refusal(credentials, "alice", RIGHT) == (
        "login.locked",
        "There were too many failed attempts. Wait a minute, then try again.",
    )
    clock.advance(1)
    assert (await credentials.check("alice", RIGHT, HERE)).id == alice.id


async def test_the_fifth_attempt_may_still_be_right_and_clears_the_count(credentials: Credentials, alice: User) -> None:
    for _ in range(2):
        for _ in range(4):
            await refusal(credentials)
        await credentials.check("alice", RIGHT, HERE)


async def test_failures_spread_wider_than_the_window_do_not_lock(
    credentials: Credentials, clock: FakeClock, alice: User
) -> None:
    for _ in range(3):
        for _ in range(4):
            await refusal(credentials, attempt=Attempt(None))
        clock.advance(15 * 60)
    await credentials.check("alice", RIGHT, HERE)


async def test_another_spelling_and_the_address_share_one_budget(credentials: Credentials, alice: User) -> None:
    for name in ("alice", "ALICE", "alice ", "ａｌｉｃｅ", "alice@example.com"):
        assert (await refusal(credentials, name))[0] == "login.failed"
    assert (await refusal(credentials, "Alice", RIGHT))[0] == "login.locked"


async def test_a_known_device_is_heard_while_strangers_are_locked_out(
    credentials: Credentials, devices: Devices, users: Users, clock: FakeClock, alice: User
) -> None:
    known = Attempt("203.0.113.9", device=devices.issue(alice))
    for _ in range(5):
        await refusal(credentials)
    assert (await refusal(credentials, password=RIGHT))[0] == "login.locked"
    assert (await credentials.check("alice", RIGHT, known)).id == alice.id
    assert (await refusal(credentials, password=RIGHT))[0] == "login.locked"
    answers = [(await refusal(credentials, attempt=known))[0] for _ in range(6)]
    assert answers == ["login.failed"] * 5 + ["login.locked"]


async def test_a_device_of_another_person_or_another_password_or_another_time_is_a_stranger(
    credentials: Credentials, devices: Devices, users: Users, clock: FakeClock, alice: User
) -> None:
    mallory = await users.create("mallory", password=RIGHT, by=COMMAND)
    token = devices.issue(alice)
    assert devices.recognise(alice, token) is not None
    assert devices.recognise(mallory, token) is None
    for index in range(len(token)):
        swapped = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        assert devices.recognise(alice, swapped) is None
    for broken in (None, "", "x", token[:-1], token + "A", token * 2, "é"):
        assert devices.recognise(alice, broken) is None
    clock.advance(1)
    await users.set_password(alice.id, "another horse", by=COMMAND)
    async with users._database.reading() as r:
        changed = await existing(r, alice.id)
    assert devices.recognise(changed, token) is None
    fresh = devices.issue(changed)
    clock.advance(90 * 86_400 - 1)
    assert devices.recognise(changed, fresh) is not None
    clock.advance(1)
    assert devices.recognise(changed, fresh) is None


async def test_one_address_may_not_try_many_names(credentials: Credentials, alice: User) -> None:
    for number in range(12):
        assert (await refusal(credentials, f"name{number}"))[0] == "login.failed"
    assert (await refusal(credentials, "alice", RIGHT))[0] == "login.locked"
    assert (await credentials.check("alice", RIGHT, Attempt("203.0.113.10"))).id == alice.id


async def test_an_own_account_does_not_renew_the_budget_of_an_address(credentials: Credentials, alice: User) -> None:
    for number in range(11):
        await refusal(credentials, f"name{number}")
        await credentials.check("alice", RIGHT, HERE)
    assert (await refusal(credentials, "name11"))[0] == "login.failed"
    assert (await refusal(credentials, "name12"))[0] == "login.locked"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("999.1.1.1", None, True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_an_address_is_counted_by_who_holds_it(lockout: Lockout, one: str, other: str | None, *, same: bool) -> None:
    assert (lockout.peer(one, shared=False) == lockout.peer(other, shared=False)) is same


async def test_an_undeclared_proxy_has_one_wide_budget_and_a_warning(
    database: Database, credentials: Credentials, alice: User
) -> None:
    behind = Attempt("10.0.0.5", shared_peer=True)
    for number in range(20):
        assert (await refusal(credentials, f"name{number}", attempt=behind))[0] == "login.failed"
    assert (await refusal(credentials, "alice", RIGHT, behind))[0] == "login.locked"
    warnings = [event for event in await all_events(database) if event.action == "configuration_warning"]
    assert len(warnings) == 1
    assert warnings[0].context["peer"] == "10.0.0.5"
    assert "setting proxies" in warnings[0].context["message"]


async def test_failures_and_locks_are_events_without_what_was_typed(
    database: Database, credentials: Credentials, alice: User
) -> None:
    for _ in range(6):
        await refusal(credentials, "alice", "the wrong horse")
    await refusal(credentials, "correct-horse-in-the-name-field", "x")
    written = await all_events(database)
    assert [event.action for event in written] == ["login_failed"] * 5 + ["lockout", "login_failed"]
    assert written[0].context == {"reason": "wrong password", "pk": alice.id, "username": "alice"}
    assert written[0].client_ip == "203.0.113.9"
    assert written[5].context == {"locked": "account", "pk": alice.id, "username": "alice"}
    assert written[6].context == {"reason": "unknown name"}
    assert "horse" not in repr([event.context for event in written])


async def test_a_hammered_lock_writes_nothing(database: Database, credentials: Credentials, alice: User) -> None:
    for _ in range(5):
        await refusal(credentials)
    before = len(await all_events(database))
    for _ in range(20):
        await refusal(credentials)
    assert len(await all_events(database)) == before


async def test_fifty_at_once_in_two_processes_worth_of_connections_are_five_attempts(
    database_url: str,
    database: Database,
    clock: FakeClock,
    passwords: Passwords,
    lockout: Lockout,
    devices: Devices,
    alice: User,
) -> None:
    other = Database(open_engine(database_url))
    both = [
        Credentials(database=opened, clock=clock, passwords=passwords, lockout=lockout, devices=devices)
        for opened in (database, other)
    ]

    async def attempt(number: int) -> str:
        try:
            await both[number % 2].check("alice", f"wrong {number}", Attempt(f"192.0.2.{number}"))
        except Refused as refused:
            return refused.code
        return "in"

    answers = await asyncio.gather(*(attempt(number) for number in range(50)))
    await other.close()
    assert sorted(answers) == ["login.failed"] * 5 + ["login.locked"] * 45
    assert [event.action for event in await all_events(database)].count("lockout") == 1


async def test_when_it_is_busy_the_attempt_is_given_back(
    database: Database, clock: FakeClock, users: Users, lockout: Lockout, devices: Devices, alice: User
) -> None:
    busy = Passwords(threads=1, queue=0, memory_kib=64, passes=1)
    credentials = Credentials(database=database, clock=clock, passwords=busy, lockout=lockout, devices=devices)
    gate = threading.Event()
    holding = asyncio.ensure_future(busy._run(gate.wait))
    await asyncio.sleep(0)
    for _ in range(7):
        with pytest.raises(Unavailable) as raised:
            await credentials.check("alice", RIGHT, HERE)
        assert raised.value.code == "passwords.busy"
    gate.set()
    await holding
    assert (await credentials.check("alice", RIGHT, HERE)).id == alice.id
    busy.close()


async def test_a_django_hash_is_replaced_at_the_first_sign_in(
    database: Database, credentials: Credentials, users: Users
) -> None:
    value = base64.b64encode(hashlib.pbkdf2_hmac("sha256", RIGHT.encode(), b"NaCl", 1000)).decode()
    async with database.writing() as w:
        bob = await users.create_in(w, "bob", password_hash=f"pbkdf2_sha256$1000$NaCl${value}", by=COMMAND)
    await refusal(credentials, "bob")
    async with database.reading() as r:
        assert ((await existing(r, bob.id)).password_hash or "").startswith("pbkdf2_sha256$")
    await credentials.check("bob", RIGHT, HERE)
    async with database.reading() as r:
        assert ((await existing(r, bob.id)).password_hash or "").startswith("$argon2id$")
    await credentials.check("bob", RIGHT, HERE)


async def test_a_password_changed_during_the_check_is_no_longer_right(
    database: Database, credentials: Credentials, users: Users, passwords: Passwords, alice: User
) -> None:
    verify = passwords.verify

    async def slow(stored: str | None, password: str) -> object:
        verdict = await verify(stored, password)
        await users.set_password(alice.id, "another horse", by=COMMAND)
        return verdict

    passwords.verify = slow  # type: ignore[method-assign, assignment]
    assert (await refusal(credentials, "alice", RIGHT))[0] == "login.failed"


async def test_an_administrator_opens_a_locked_account(
    database: Database, credentials: Credentials, lockout: Lockout, alice: User
) -> None:
    for _ in range(5):
        await refusal(credentials)
    async with database.writing() as w:
        await lockout.unlock(w, alice)
    await credentials.check("alice", RIGHT, HERE)


async def test_old_counters_are_forgotten_and_running_ones_are_kept(
    database: Database, credentials: Credentials, lockout: Lockout, clock: FakeClock, alice: User
) -> None:
    for _ in range(5):
        await refusal(credentials)
    clock.advance(14 * 60)
    await lockout.forget_old(database)
    assert (await refusal(credentials, "alice", RIGHT))[0] == "login.locked"
    clock.advance(60)
    await lockout.forget_old(database)
    await credentials.check("alice", RIGHT, HERE)
