"""From a cookie to the application session it stands for, or the reason why it stands for none.

Everything that no row announces is computed here with the clock: the ends of sessions and logins, and idleness.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ostiary.access.served import Load, Served
from ostiary.access.table import AccessTable, Entry, Login
from ostiary.kit.tokens import digest
from ostiary.storage.secrets import Secrets

TOUCH = timedelta(seconds=60)

# Why a check knows nobody. Stable: they travel inside attempts and stand in logs.
NO_COOKIE = "no_cookie"
BAD_COOKIE = "bad_cookie"
ENDED = "session_ended"
ELSEWHERE = "other_application"
EXPIRED = "session_expired"
IDLE = "session_idle"


class Identify:
    """``idle`` is seconds; ``touch(login id, last used)`` notes that a login is in use."""

    def __init__(
        self, *, table: AccessTable, secrets: Secrets, idle: int, touch: Callable[[str, datetime], None]
    ) -> None:
        self._table = table
        self._secrets = secrets
        self._idle = timedelta(seconds=idle)
        self._touch = touch

    def session(self, served: Served, host_key: str, cookies: str, now: datetime) -> Load[Entry | str]:
        """The live application session that a Cookie header gives at ``served``, or one of the reasons above."""
        value = served.cookie.read(self._secrets, cookies, served.secure)
        if value is None:
            return BAD_COOKIE if served.cookie.name(served.secure) + "=" in cookies else NO_COOKIE
        entry = self._table.entries.get(digest(value.encode("ascii")))
        if entry is None:
            secret = served.cookie.verify(self._secrets, value)
            entry = None if secret is None else (yield from self._table.load_session(value.encode("ascii"), secret))
        if entry is None:
            return ENDED
        if not _belongs(entry, served, host_key):
            return ELSEWHERE
        if now >= entry.expires or now >= entry.login.expires:
            return EXPIRED
        if (yield from self._is_idle(entry, now)):
            return IDLE
        return entry

    def _is_idle(self, entry: Entry, now: datetime) -> Load[bool]:
        login = entry.login
        if login.ends_when_idle and now - login.last_used >= self._idle:
            # Another worker may know better; a login is never refused as idle on this one's word alone.
            last_used = yield from self._table.load_last_used(login.id)
            if last_used is None or now - last_used >= self._idle:
                return True
            login.last_used = max(login.last_used, last_used)
        self.use(login, now)
        return False

    def use(self, login: Login, now: datetime) -> None:
        """Notes that a login is in use, once a minute."""
        if now - login.last_used >= TOUCH:
            self._touch(login.id, login.last_used)
            login.last_used = now

    def until(self, entry: Entry) -> datetime:
        """The moment at which what was found about a session has to be looked at again."""
        login = entry.login
        ends = min(entry.expires, login.expires)
        return min(ends, login.last_used + self._idle) if login.ends_when_idle else ends


def _belongs(entry: Entry, served: Served, host_key: str) -> bool:
    if entry.provider_id != served.provider_id:
        return False
    if served.is_domain:
        return entry.kind == "domain" and entry.host == served.cookie_domain
    return entry.kind == "app" and entry.host == served.host_key == host_key
