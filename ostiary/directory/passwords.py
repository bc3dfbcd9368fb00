"""Hashes and checks passwords, a few at a time.

Argon2id with 19 MiB, two passes, one lane (RFC 9106; OWASP's second choice): 22 ms of one core. It runs in a pool that
leaves one core to everything else, behind a bounded queue, so a crowd at the sign-in page costs neither memory nor the
checks of those who are in. Nothing here logs, and no error text holds what was typed.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from ostiary.kit.errors import InvalidInput, Unavailable

T = TypeVar("T")

# (password, the field it was typed into): raises InvalidInput for what may not become one.
Judge = Callable[[str, str], Awaitable[None]]

LONGEST_BYTES = 1024

# What an imported hash may cost at most; beyond it, each sign-in would be an attack on ourselves.
_MOST_ITERATIONS = 2_000_000
_MOST_MEMORY_KIB = 262_144
_MOST_PASSES = 10
_MOST_LANES = 16

_PBKDF2 = re.compile(r"pbkdf2_sha256\$([1-9][0-9]{0,9})\$([^$]{1,64})\$([A-Za-z0-9+/]{43}=)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok``: the password is right. ``needs_rehash``: it is, and the stored form is not the one made today."""

    ok: bool
    needs_rehash: bool = False


class Passwords:
    """The pool. ``threads`` is how many hashes run at once (default: cores - 1), ``queue`` how many may wait."""

    def __init__(
        self,
        *,
        threads: int | None = None,
        queue: int = 64,
        min_length: int = 8,
        memory_kib: int = 19_456,
        passes: int = 2,
    ) -> None:
        self._threads = threads or max(1, len(os.sched_getaffinity(0)) - 1)
        self._most = self._threads + queue
        self._min_length = min_length
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._dummy = _unmatchable(self._hasher)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="password")
        self._pending = 0
        self._lock = Lock()
        self.judges: list[Judge] = []
        """Who else has a say in what may become a password."""

    async def approve(self, password: str, *, username: str = "", field: str = "password") -> None:
        """Refuses what may not become a password, by our own rule and by all ``judges``.

        Whoever stores a password that somebody chose asks here first.
        """
        self.check_new(password, username=username, field=field)
        for judge in self.judges:
            await judge(password, field)

    def check_new(self, password: str, *, username: str = "", field: str = "password") -> None:
        """Our own rule alone: not too short, too long, with NUL, or the person's own name."""
        if "\0" in password or _encoded(password) is None:
            raise InvalidInput(
                "password.characters",
                f"{field}: it holds a character that cannot be stored; choose another.",
                field=field,
            )
        if len(_encoded(password) or b"") > LONGEST_BYTES:
            raise InvalidInput(
                "password.too_long",
                f"{field}: it is longer than {LONGEST_BYTES} bytes; choose a shorter one.",
                field=field,
            )
        if len(_normal(password)) < self._min_length:
            raise InvalidInput(
                "password.too_short",
                f"{field}: it has fewer than {self._min_length} characters; choose a longer one.",
                field=field,
            )
        if username and _normal(password).casefold() == username.casefold():
            raise InvalidInput(
                "password.is_username", f"{field}: it is the same as the username; choose another.", field=field
            )

    async def hash(self, password: str) -> str:
        """The form to store. Ask :meth:`approve` first. Raises `passwords.busy`."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Whether the password is the stored one; None (nobody, or no password) costs the same and is never right.

        Raises `passwords.busy`.
        """
        return await self._run(lambda: self._verify(stored, password))

    def close(self) -> None:
        """Ends the pool's threads; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        encoded = _encoded(password)
        if encoded is None or len(encoded) > LONGEST_BYTES:
            stored, password = None, ""
        if stored is not None and (match := _PBKDF2.fullmatch(stored)):
            return Verdict(ok := _pbkdf2_matches(match, password), ok)
        if stored is not None and stored.startswith("argon2$"):
            # Django writes its own name before the usual form, and does not normalise what was typed.
            ok = self._argon2_matches(stored.removeprefix("argon2"), password)
            return Verdict(ok, ok)
        ok = self._argon2_matches(self._dummy if stored is None else stored, _normal(password))
        if stored is None or not ok:
            return Verdict(ok=False)
        return Verdict(ok=True, needs_rehash=self._hasher.check_needs_rehash(stored))

    def _argon2_matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._pending >= self._most:
                raise Unavailable("passwords.busy", "Too many people are signing in right now; try again in a moment.")
            self._pending += 1
        future = self._pool.submit(work)
        # Counted until the thread is done with it, not until the caller went away.
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, future: "Future[T]") -> None:
        with self._lock:
            self._pending -= 1


def check_imported(stored: str, *, field: str) -> str:
    """A hash that another system made, if it is one that we read and not too costly.

    Accepted are Django's ``pbkdf2_sha256$…`` (at most 2,000,000 iterations) and ``argon2$argon2id$…``, and the plain
    ``$argon2id$…`` (at most 256 MiB, 10 passes, 16 lanes). Raises `password.hash_unknown` or `password.hash_costly`.
    """
    if match := _PBKDF2.fullmatch(stored):
        if int(match[1]) > _MOST_ITERATIONS:
            raise _costly(field)
        return stored
    try:
        parameters = extract_parameters(stored.removeprefix("argon2"))
    except InvalidHashError:
        parameters = None
    if parameters is None or not _is_argon2id(parameters):
        raise InvalidInput(
            "password.hash_unknown",
            f"{field}: this is not a hash of a known form; it must begin with pbkdf2_sha256$, argon2$argon2id$"
            " or $argon2id$.",
            field=field,
        )
    if (
        parameters.memory_cost > _MOST_MEMORY_KIB
        or parameters.time_cost > _MOST_PASSES
        or parameters.parallelism > _MOST_LANES
    ):
        raise _costly(field)
    return stored


def _is_argon2id(parameters: Parameters) -> bool:
    return parameters.type is Type.ID and parameters.version == ARGON2_VERSION and parameters.hash_len >= 16


def _costly(field: str) -> InvalidInput:
    return InvalidInput(
        "password.hash_costly",
        f"{field}: checking this hash costs more than one sign-in may; use at most {_MOST_ITERATIONS} iterations of"
        f" PBKDF2, or {_MOST_MEMORY_KIB // 1024} MiB, {_MOST_PASSES} passes and {_MOST_LANES} lanes of Argon2id.",
        field=field,
    )


def _normal(password: str) -> str:
    # The same key pressed on another system may send another sequence for the same character (RFC 8265, 4.2.2).
    return unicodedata.normalize("NFC", password)


def _encoded(password: str) -> bytes | None:
    try:
        return password.encode()
    except UnicodeEncodeError:
        return None


def _pbkdf2_matches(match: "re.Match[str]", password: str) -> bool:
    try:
        expected = base64.b64decode(match[3], validate=True)
    except binascii.Error:
        return False
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), match[2].encode(), int(match[1]))
    return hmac.compare_digest(made, expected)


def _unmatchable(hasher: PasswordHasher) -> str:
    """A hash in the present form that no known password makes, so that a check against it costs the same."""
    salt, value = (base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${value}"
