"""Refusals of people we know, collected while checks are answered and written as audit events in batches.

A check never writes: it notes, and a background task stores. One event per login, application and reason in an hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.storage.session import Database

_ONCE = timedelta(hours=1)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who was refused where, and why. ``rules`` are the policy engine's sentences, for administrators."""

    login_id: str
    user_id: int
    username: str
    client_ip: str
    application: str
    host: str
    reason: str
    rules: tuple[str, ...]


class Refusals:
    """``note`` costs a dictionary look-up; ``flush`` writes what is new."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[tuple[str, str, str], datetime] = {}
        self._waiting: list[Refusal] = []

    def note(self, refusal: Refusal) -> None:
        """Keeps it for the next flush unless the same was noted within the hour."""
        now = self._clock.now()
        key = (refusal.login_id, refusal.application, refusal.reason)
        last = self._noted.get(key)
        if (last is not None and now - last < _ONCE) or len(self._waiting) >= _MOST:
            return
        if len(self._noted) >= _MOST:
            self._noted = {key: at for key, at in self._noted.items() if now - at < _ONCE}
            if len(self._noted) >= _MOST:
                self._noted.clear()
        self._noted[key] = now
        self._waiting.append(refusal)

    async def flush(self) -> None:
        """Writes the waiting refusals in one transaction; keeps them if the database cannot be asked."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            async with self._database.writing() as w:
                for refusal in waiting:
                    await record(
                        w,
                        self._clock,
                        Action.ACCESS_REFUSED,
                        "forwardauth",
                        Actor(refusal.user_id, refusal.username, refusal.client_ip or None),
                        application=refusal.application,
                        host=refusal.host,
                        reason=refusal.reason,
                        rules=list(refusal.rules),
                    )
        except BaseException:
            self._waiting = waiting + self._waiting
            raise
