"""The access table: what one worker holds in memory to answer checks.

Applications and groups are held whole; people and sessions as they are met, at most ``LIMIT`` of the latter. A change
announced by the feed makes the table forget, never edit: the next check reads the present state. Cached answers carry
the table's ``version``, so that a changed rule outdates all of them at once, and hang on the session they belong to, so
that none outlives it.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from ostiary.access.served import Load, Rules, Served, moment
from ostiary.access.signing import Signed, Signing
from ostiary.directory.membership import effective_groups
from ostiary.events.record import Actor
from ostiary.kit.tokens import digest
from ostiary.policies.engine import Subject
from ostiary.sessions.app_sessions import stored_hashes
from ostiary.storage.feed import DROP, Answer
from ostiary.storage.secrets import Secrets

LIMIT = 20_000
_MANY = 32
_NEVER = datetime.fromtimestamp(0, UTC)

_ENTRY = """
SELECT c.id, c.provider_id, c.kind, c.host, c.expires,
    s.id, s.user_id, s.last_used, s.expires, s.impersonator_id, s.ends_when_idle
FROM app_sessions c JOIN sessions s ON s.id = c.session_id WHERE c.token_hash IN
"""
_PERSON = "SELECT id, uuid, username, name, email, is_active, type, attributes FROM users WHERE id = ?"


@dataclass(slots=True, eq=False)
class Person:
    """Somebody the table has met; ``subject`` is what policies see of them, ``signed`` what was signed about them for
    each provider (id)."""

    uuid: str
    subject: Subject
    logins: dict[str, "Login"] = field(default_factory=dict)
    signed: dict[int, Signed] = field(default_factory=dict)
    inherited: tuple[Mapping[str, Any], ...] = ()
    """Attributes of the person's groups, in the order of their names; the person's own come after."""

    def actor(self, client_ip: str) -> Actor:
        """Who they are, for events."""
        return Actor(self.subject.user_id, self.subject.username, client_ip or None)


@dataclass(slots=True, eq=False)
class Login:
    """A login at our host. ``last_used`` is what this worker knows of its use, up to a minute behind. ``impersonator``
    is the administrator who acts as ``person`` in it."""

    id: str
    person: Person
    last_used: datetime
    expires: datetime
    impersonator: Person | None = None
    ends_when_idle: bool = True
    entries: dict[bytes, "Entry"] = field(default_factory=dict)

    def actor(self, client_ip: str) -> Actor:
        """Who asks, for events: an administrator who acts as somebody is named, and as whom they act."""
        if self.impersonator is None:
            return self.person.actor(client_ip)
        subject = self.person.subject
        return replace(self.impersonator.actor(client_ip), acting_as=(subject.user_id, subject.username))


@dataclass(slots=True, eq=False)
class Entry:
    """An application session. ``answer`` is the whole answer of its last allowed check, good for exactly ``served``
    while the table has ``version`` and the clock is in [``since``, ``until``); ``private`` are the header lines that
    belong to it at an address with a path secret alone."""

    key: bytes
    id: str
    provider_id: int
    kind: str
    host: str
    expires: datetime
    login: Login
    answer: bytes = b""
    private: bytes = b""
    served: Served | None = None
    version: int = -1
    since: datetime = _NEVER
    until: datetime = _NEVER


class Remembering(Protocol):
    """A part that remembers what the feed can outdate."""

    def forget(self, kind: str, key: str) -> None:
        """One announced change."""

    def clear(self) -> None:
        """Everything may have changed."""


class AccessTable:
    """One per worker. ``changes`` counts what the feed announced: a load that straddles a change is not kept.

    ``listeners`` forget along with it.
    """

    def __init__(self, *, secrets: Secrets, base_url: str | None) -> None:
        self._secrets = secrets
        self.rules = Rules(base_url)
        self.signing = Signing(secrets)
        self.version = 0
        self.changes = 0
        self.entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._logins: dict[str, Login] = {}
        self._impersonated: dict[str, Login] = {}
        self._people: dict[int, Person] = {}
        self._by_id: dict[str, Entry] = {}
        self.listeners: list[Remembering] = []
        self._loading = False
        self._stale_all = True
        self._stale_applications: set[str] = set()
        self._stale_providers: set[int] = set()

    @property
    def stale(self) -> bool:
        """Whether rules have changed that are not loaded yet. Nothing is decided by a stale table."""
        return self._loading or self._stale_all or bool(self._stale_applications) or bool(self._stale_providers)

    @property
    def known(self) -> int:
        """What to compare ``changes`` with after a load that begins now. It equals none while rules are stale: who is
        met then is made of the old groups, and nothing would announce the new ones again."""
        return -1 if self.stale else self.changes

    def apply(self, changes: Answer) -> None:
        """Forgets what the feed says has changed; ``DROP`` forgets everything."""
        if changes is DROP:
            self.changes += 1
            self._drop()
            return
        for kind, key in changes:
            self.changes += 1
            self._forget(kind, key)
            for listener in self.listeners:
                listener.forget(kind, key)

    def _drop(self) -> None:
        self.version += 1
        self.entries.clear()
        self._logins.clear()
        self._impersonated.clear()
        self._people.clear()
        self._by_id.clear()
        for listener in self.listeners:
            listener.clear()
        self._stale_all = True

    def _forget(self, kind: str, key: str) -> None:
        if kind == "app_session":
            entry = self._by_id.get(key)
            if entry is not None:
                self._remove(entry)
        elif kind == "session":
            login = self._logins.get(key)
            if login is not None:
                self._remove_all(login.entries.values())
        elif kind == "user":
            person = self._people.get(int(key))
            if person is not None:
                self._remove_all(entry for login in person.logins.values() for entry in login.entries.values())
                self._people.pop(int(key), None)
            for login in list(self._impersonated.values()):
                if login.impersonator is not None and login.impersonator.subject.user_id == int(key):
                    self._remove_all(login.entries.values())
        elif kind in ("application", "binding"):
            self.version += 1
            self._stale_applications.add(key)
        elif kind == "provider":
            self.version += 1
            self._stale_providers.add(int(key))
        elif kind in ("policy", "mapping", "path_secret", "key"):
            self.version += 1
            self._stale_all = True
        elif kind in ("token", "brand", "flow"):
            pass  # Only machines come with a token, and they are remembered apart; looks and flows decide no check.
        else:
            # Groups reach into every person and every rule; a kind that this release does not know could be anything.
            self._drop()

    def load_rules(self) -> Load[None]:
        """Loads what is stale. Whoever calls it asks the feed again before believing the result."""
        everything = self._stale_all or len(self._stale_applications) + len(self._stale_providers) > _MANY
        applications, providers = self._stale_applications, self._stale_providers
        self._stale_all, self._stale_applications, self._stale_providers = False, set(), set()
        self._loading = True
        try:
            if everything:
                yield from self.rules.load_all()
                yield from self.signing.load()
            else:
                yield from self.rules.load_some(applications, providers)
        except BaseException:
            self._stale_all = True
            raise
        finally:
            self._loading = False
            self.version += 1

    def load_session(self, cookie_value: bytes, secret: bytes) -> Load[Entry | None]:
        """The application session of a cookie whose MAC was good, read anew; kept if nothing changed meanwhile."""
        changes = self.known
        hashes = stored_hashes(self._secrets, secret)
        rows = yield f"{_ENTRY} ({', '.join('?' * len(hashes))})", tuple(hashes)
        if not rows:
            return None
        entry_id, provider_id, kind, host, expires, login_id, user_id, last_used, login_expires, other, idles = rows[0]
        person = yield from self.load_person(user_id)
        if person is None:
            return None
        impersonator = None
        if other is not None:
            impersonator = yield from self.load_person(other)
            if impersonator is None or not impersonator.subject.is_active:
                return None
        unchanged = changes == self.changes
        login = self._logins.get(login_id) if unchanged else None
        if login is None:
            login = Login(login_id, person, moment(last_used), moment(login_expires), impersonator, bool(idles))
        entry = Entry(digest(cookie_value), entry_id, provider_id, kind, host, moment(expires), login)
        if unchanged:
            self._keep(entry)
        return entry

    def load_person(self, user_id: int) -> Load[Person | None]:
        """Somebody by id, with inherited groups. From memory if met before."""
        person = self._people.get(user_id)
        if person is not None:
            return person
        rows = yield _PERSON, (user_id,)
        memberships = yield "SELECT group_id FROM memberships WHERE user_id = ?", (user_id,)
        if not rows:
            return None
        return self._person(rows[0], {row[0] for row in memberships})

    def load_last_used(self, login_id: str) -> Load[datetime | None]:
        """When a login was last used, as all workers know it; None if it has ended."""
        rows = yield "SELECT last_used FROM sessions WHERE id = ?", (login_id,)
        return moment(rows[0][0]) if rows else None

    def _person(self, row: tuple[Any, ...], direct: set[str]) -> Person:
        user_id, uuid, username, name, email, is_active, kind, attributes = row
        names = self.rules.group_names
        groups = frozenset(effective_groups(direct, self.rules.group_parents))
        return Person(
            uuid,
            Subject(
                user_id=user_id,
                username=username,
                name=name,
                email=email,
                is_active=bool(is_active),
                is_superuser=not groups.isdisjoint(self.rules.superuser_groups),
                type=kind,
                groups=groups,
                group_names=tuple(sorted(names[group] for group in groups if group in names)),
                attributes=json.loads(attributes) if isinstance(attributes, str | bytes) else attributes,
            ),
            inherited=tuple(
                self.rules.group_attributes[group]
                for group in sorted(groups & self.rules.group_attributes.keys(), key=lambda group: names.get(group, ""))
            ),
        )

    def _keep(self, entry: Entry) -> None:
        login = entry.login
        person = self._people.setdefault(login.person.subject.user_id, login.person)
        login.person = person
        person.logins[login.id] = self._logins.setdefault(login.id, login)
        if login.impersonator is not None:
            self._impersonated[login.id] = login
        login.entries[entry.key] = entry
        self.entries[entry.key] = entry
        self._by_id[entry.id] = entry
        while len(self.entries) > LIMIT:
            self._remove(next(iter(self.entries.values())))

    def _remove_all(self, entries: Iterable[Entry]) -> None:
        for entry in list(entries):
            self._remove(entry)

    def _remove(self, entry: Entry) -> None:
        self.entries.pop(entry.key, None)
        self._by_id.pop(entry.id, None)
        login = entry.login
        login.entries.pop(entry.key, None)
        if not login.entries:
            self._logins.pop(login.id, None)
            self._impersonated.pop(login.id, None)
            login.person.logins.pop(login.id, None)
            if not login.person.logins:
                self._people.pop(login.person.subject.user_id, None)
