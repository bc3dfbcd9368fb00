"""Machines that a worker has met: which person a credential in a header stands for, at which provider.

The key holds the provider, so that what was found out for one application is never the word about another. A change
that the feed announces makes it forget; the end of a credential is computed by whoever asks.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from ostiary.access.served import Load, Served, moment
from ostiary.access.table import AccessTable, Person

LIMIT = 10_000
_NEVER = datetime.fromtimestamp(0, UTC)
_BY_KEY_HASH = """
SELECT id, identifier, user_id, application_id, expires, last_used FROM tokens
WHERE intent = 'app_password' AND key_hash IN
"""

K = TypeVar("K")
Key = tuple[bytes, int]
"""SHA-256 of the whole Authorization value, and the provider."""


@dataclass(frozen=True, slots=True)
class AppPassword:
    """A stored app password with its owner. ``expires`` is None for one that lasts."""

    id: str
    identifier: str
    application_id: str | None
    expires: datetime | None
    last_used: datetime | None
    owner: Person


@dataclass(slots=True, eq=False)
class Machine:
    """A credential that was recognised. ``name`` says which, for the audit log, and is no secret; ``token_id`` is set
    for an app password. ``answer`` is kept as an application session's is, and ends with ``ends`` at the latest."""

    key: Key
    person: Person
    name: str
    token_id: str | None
    ends: datetime
    last_used: datetime = _NEVER
    answer: bytes = b""
    private: bytes = b""
    served: Served | None = None
    version: int = -1
    since: datetime = _NEVER
    until: datetime = _NEVER


class Machines:
    """At most ``limit`` of them, the longest unused ones forgotten first. Part of one worker's table."""

    def __init__(self, *, table: AccessTable, limit: int = LIMIT) -> None:
        self._table = table
        self._limit = limit
        self._met: OrderedDict[Key, Machine] = OrderedDict()
        self._by_token: dict[str, set[Key]] = {}
        self._by_user: dict[int, set[Key]] = {}
        table.listeners.append(self)

    def __len__(self) -> int:
        return len(self._met)

    def find(self, key: Key) -> Machine | None:
        machine = self._met.get(key)
        if machine is not None:
            self._met.move_to_end(key)
        return machine

    def holds(self, machine: Machine) -> bool:
        """Whether it has not been forgotten meanwhile."""
        return self._met.get(machine.key) is machine

    def keep(self, machine: Machine, changes: int) -> None:
        """Remembers what was found since ``changes`` was `known` to the table, unless something changed in between."""
        if changes != self._table.changes:
            return
        self._remove(machine.key)
        self._met[machine.key] = machine
        self._by_user.setdefault(machine.person.subject.user_id, set()).add(machine.key)
        if machine.token_id is not None:
            self._by_token.setdefault(machine.token_id, set()).add(machine.key)
        while len(self._met) > self._limit:
            self._remove(next(iter(self._met)))

    def forget(self, kind: str, key: str) -> None:
        """What the feed announces."""
        if kind == "token":
            self._remove_all(self._by_token.get(key))
        elif kind == "user":
            self._remove_all(self._by_user.get(int(key)))
        elif kind in ("application", "provider"):
            self.clear()

    def clear(self) -> None:
        self._met.clear()
        self._by_token.clear()
        self._by_user.clear()

    def load_app_password(self, hashes: Sequence[str]) -> Load[AppPassword | None]:
        """The app password with one of these keyed hashes, whichever application it is for."""
        rows = yield f"{_BY_KEY_HASH} ({', '.join('?' * len(hashes))})", tuple(hashes)
        if not rows:
            return None
        token_id, identifier, user_id, application_id, expires, last_used = rows[0]
        owner = yield from self._table.load_person(user_id)
        if owner is None:
            return None
        return AppPassword(
            id=token_id,
            identifier=identifier,
            application_id=application_id,
            expires=None if expires is None else moment(expires),
            last_used=None if last_used is None else moment(last_used),
            owner=owner,
        )

    def load_user(self, username: str) -> Load[Person | None]:
        """The person of exactly that username."""
        rows = yield "SELECT id FROM users WHERE username = ?", (username,)
        return (yield from self._table.load_person(rows[0][0])) if rows else None

    def _remove_all(self, keys: set[Key] | None) -> None:
        for key in list(keys or ()):
            self._remove(key)

    def _remove(self, key: Key) -> None:
        machine = self._met.pop(key, None)
        if machine is None:
            return
        _drop(self._by_user, machine.person.subject.user_id, key)
        if machine.token_id is not None:
            _drop(self._by_token, machine.token_id, key)


def _drop(index: dict[K, set[Key]], at: K, key: Key) -> None:
    keys = index.get(at)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[at]
