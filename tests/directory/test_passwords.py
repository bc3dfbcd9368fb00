import asyncio
import base64
import hashlib
import logging
import os
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from ostiary.directory.passwords import LONGEST_BYTES, Passwords, Verdict, check_imported
from ostiary.kit.errors import InvalidInput, Unavailable

WRONG = Verdict(ok=False, needs_rehash=False)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    pool = Passwords()
    yield pool
    pool.close()


def django_pbkdf2(password: str, iterations: int = 1000, salt: str = "NaCl") -> str:
    value = base64.b64encode(hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)).decode()
    return f"pbkdf2_sha256${iterations}${salt}${value}"


def django_argon2(password: str) -> str:
    return "argon2" + PasswordHasher(time_cost=1, memory_cost=64, parallelism=2).hash(password)


async def test_the_right_password_and_no_other_is_right(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse") == Verdict(ok=True, needs_rehash=False)
    for wrong in ("", "correct horse ", "Correct horse", "correct\0horse"):
        assert await passwords.verify(stored, wrong) == WRONG


async def test_the_cost_is_19_mib_two_passes_one_lane(passwords: Passwords) -> None:
    made = extract_parameters(await passwords.hash("correct horse"))
    assert (made.memory_cost, made.time_cost, made.parallelism, made.type.name) == (19_456, 2, 1, "ID")


async def test_nobody_costs_what_somebody_costs_and_is_never_right(passwords: Passwords) -> None:
    assert extract_parameters(passwords._dummy) == extract_parameters(await passwords.hash("x"))
    assert await passwords.verify(None, "correct horse") == WRONG
    assert await passwords.verify(None, "") == WRONG


async def test_an_older_cost_asks_for_a_rehash_after_the_right_password_only(passwords: Passwords) -> None:
    older = Passwords(memory_kib=1024, passes=1)
    stored = await older.hash("correct horse")
    older.close()
    assert await passwords.verify(stored, "correct horse") == Verdict(ok=True, needs_rehash=True)
    assert await passwords.verify(stored, "wrong horse") == WRONG


@pytest.mark.parametrize("make", [django_pbkdf2, django_argon2])
async def test_django_hashes_are_read_and_asked_to_be_replaced(passwords: Passwords, make: object) -> None:
    assert callable(make)
    stored = check_imported(make("correct horse"), field="hash")
    assert await passwords.verify(stored, "correct horse") == Verdict(ok=True, needs_rehash=True)
    assert await passwords.verify(stored, "wrong horse") == WRONG


@pytest.mark.parametrize("stored", ["", "!", "plain", "argon2$", "$argon2id$v=19$m=1", "pbkdf2_sha256$1$$", "md5$a$b"])
async def test_a_stored_value_of_no_known_form_is_never_right(passwords: Passwords, stored: str) -> None:
    assert await passwords.verify(stored, stored) == WRONG


async def test_an_accent_is_the_same_however_the_keyboard_sends_it(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 noir")
    assert (await passwords.verify(stored, "cafe\u0301 noir")).ok


@pytest.mark.parametrize(
    ("stored", "code"),
    [
        ("hunter2", "password.hash_unknown"),
        ("", "password.hash_unknown"),
        ("bcrypt_sha256$$2b$12$abc", "password.hash_unknown"),
        ("pbkdf2_sha1$1000$a$b", "password.hash_unknown"),
        (PasswordHasher(time_cost=1, memory_cost=64).hash("x").replace("argon2id", "argon2i"), "password.hash_unknown"),
        (django_pbkdf2("x").replace("$1000$", "$2000001$"), "password.hash_costly"),
        (django_argon2("x").replace("m=64", "m=262145"), "password.hash_costly"),
        (django_argon2("x").replace("t=1", "t=11"), "password.hash_costly"),
        (django_argon2("x").replace("p=2", "p=17"), "password.hash_costly"),
    ],
    ids=range(9),  # salts are new each time, and each test process must collect the same names
)
def test_a_hash_that_is_unknown_or_too_costly_is_not_imported(stored: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_imported(stored, field="bootstrap.password_hash")
    assert (raised.value.code, raised.value.field) == (code, "bootstrap.password_hash")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short77", "password.too_short"),
        ("", "password.too_short"),
        ("cafe\u0301cafe"[:8] + "", "password.too_short"),
        ("é" * (LONGEST_BYTES // 2) + "x", "password.too_long"),
        ("with\0nul in it", "password.characters"),
        ("lone \ud800 surrogate", "password.characters"),
        ("JaneDoe.1", "password.is_username"),
    ],
)
def test_each_rule_for_a_new_password_is_one_sentence(passwords: Passwords, password: str, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        passwords.check_new(password, username="janedoe.1", field="new_password")
    assert (raised.value.code, raised.value.field) == (code, "new_password")
    assert raised.value.message.startswith("new_password: it ")
    assert not password or password not in raised.value.message


def test_a_password_of_the_longest_and_the_shortest_length_is_taken(passwords: Passwords) -> None:
    passwords.check_new("x" * LONGEST_BYTES)
    passwords.check_new("12345678")


@pytest.mark.parametrize("typed", ["x" * (LONGEST_BYTES + 1), "x" * 10_000_000, "\ud800"])
async def test_what_could_never_be_stored_is_never_right(passwords: Passwords, typed: str) -> None:
    assert await passwords.verify(await passwords.hash("correct horse"), typed) == WRONG


async def test_beyond_the_queue_it_is_busy_and_recovers() -> None:
    passwords = Passwords(threads=1, queue=2)
    gate = threading.Event()
    waiting = [asyncio.ensure_future(passwords._run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as raised:
        await passwords.verify(None, "x")
    assert raised.value.code == "passwords.busy"
    waiting[2].cancel()  # a visitor who leaves frees the place only when no thread will work for them
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await passwords.verify(None, "x") == WRONG
    passwords.close()


def test_one_core_is_left_to_everything_else(passwords: Passwords) -> None:
    assert passwords._threads == max(1, len(os.sched_getaffinity(0)) - 1)


async def test_nothing_is_logged(passwords: Passwords, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stored = await passwords.hash("correct horse")
    await passwords.verify(stored, "wrong horse")
    assert "horse" not in caplog.text
    assert stored not in caplog.text
