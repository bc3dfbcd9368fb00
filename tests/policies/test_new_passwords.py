"""Every new password passes by the password policies, whoever sets it."""

import hashlib
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from ostiary.directory.passwords import Passwords
from ostiary.directory.users import Users
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, OstiaryError, Unavailable
from ostiary.policies.leaks import Leaks
from ostiary.policies.models import Policy
from ostiary.policies.new_passwords import NewPasswords
from ostiary.policies.registry import Policies
from ostiary.storage.session import Database
from tests.clock import FakeClock

GOOD = "a Quite long 1!"


class Service:
    """Knows one leaked password, or does not answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = True
        self.leaked = hashlib.sha1(b"correct horse", usedforsecurity=False).hexdigest().upper()

    async def fetch(self, url: str, limit: int) -> bytes:
        self.asked.append(url)
        if not self.answers:
            raise Unavailable("outgoing.unreachable", "down")
        return f"{'0' * 35}:3\r\n{self.leaked[5:]}:7\r\n{'F' * 35}:0".encode()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def passwords(database: Database, service: Service) -> Iterator[Passwords]:
    pool = Passwords(threads=1, memory_kib=64, passes=1)
    pool.judges.append(NewPasswords(database=database, leaks=Leaks(fetch=service.fetch)).judge)
    yield pool
    pool.close()


@pytest.fixture
def users(database: Database, clock: FakeClock, passwords: Passwords) -> Users:
    return Users(database=database, clock=clock, passwords=passwords)


async def refused(passwords: Passwords, password: str) -> str:
    with pytest.raises(OstiaryError) as caught:
        await passwords.approve(password, field="new")
    assert caught.value.field in ("new", None)
    return f"{caught.value.code} {caught.value.message}"


async def test_a_policy_is_in_force_from_its_making_to_its_deletion(policies: Policies, users: Users) -> None:
    ada = await users.create("ada", password="12345678", by=COMMAND)
    await policies.make("password", "digits", {"amount_lowercase": 1, "length_min": 9}, by=COMMAND)
    for attempt in (
        users.set_password(ada.id, "12345678", by=COMMAND),
        users.create("bob", password="12345678", by=COMMAND),
    ):
        with pytest.raises(InvalidInput) as caught:
            await attempt
        assert caught.value.code == "password.policy"
        assert caught.value.message == "password: it needs 9 characters in all, 1 small letter (a to z)."
    await users.set_password(ada.id, "12345678a", by=COMMAND)
    await policies.delete("digits", by=COMMAND)
    await users.set_password(ada.id, "12345678", by=COMMAND)


async def test_all_policies_have_to_agree_and_say_it_in_their_words(policies: Policies, passwords: Passwords) -> None:
    await policies.make("password", "a", {"amount_digits": 1}, by=COMMAND)
    await policies.make("password", "b", {"amount_symbols": 1, "error_message": "See the handbook"}, by=COMMAND)
    assert await refused(passwords, "aaaaaaaa!") == "password.policy new: it needs 1 digit."
    assert await refused(passwords, "aaaaaaaa1") == "password.policy new: See the handbook (it needs 1 symbol)"
    assert (await refused(passwords, "a1!")).startswith("password.too_short")
    await passwords.approve("aaaaaaa1!")


async def test_what_is_easy_to_guess_is_refused(policies: Policies, passwords: Passwords) -> None:
    await policies.make("password", "strong", {"check_zxcvbn": True}, by=COMMAND)
    assert (await refused(passwords, "Password123!")).startswith("password.policy new: it is too easy to guess")
    await passwords.approve(GOOD)


async def test_what_has_leaked_is_refused_and_the_service_learns_five_characters(
    policies: Policies, passwords: Passwords, service: Service
) -> None:
    await passwords.approve("correct horse")
    assert service.asked == []
    made = await policies.make("password", "leaks", {"check_have_i_been_pwned": True}, by=COMMAND)
    assert "it was found 7 times" in await refused(passwords, "correct horse")
    assert service.asked == [f"https://api.pwnedpasswords.com/range/{service.leaked[:5]}"]
    await passwords.approve(GOOD)
    await policies.change(made.id, {"hibp_allowed_count": 7}, by=COMMAND)
    await passwords.approve("correct horse")
    service.answers = False
    assert (await refused(passwords, GOOD)).startswith("password.leaks_unknown ")


async def test_a_policy_that_cannot_be_read_refuses(
    policies: Policies, passwords: Passwords, database: Database
) -> None:
    await policies.make("password", "p", {}, by=COMMAND)
    for config in ({"length_min": "x"}, {"symbol_charset": None, "amount_symbols": 1}):
        async with database.writing() as w:
            await w.execute(update(Policy).values(config=config))
        assert (await refused(passwords, GOOD)).startswith("password.policy_unreadable new: ")
