"""Refusals of people we know, collected while checks are answered and written as audit events in batches.

A check never writes: it notes, and a background task stores. One event per login, application and reason in an hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from ostiary.events.catalog import Action
from ostiary.events.models import Event
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.storage.session import Database, Writing

_ONCE = timedelta(hours=1)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who was refused where, and why. ``rules`` are the policy engine's sentences, for administrators; ``erred`` those
    of rules that failed instead of answering."""

    login_id: str
    by: Actor
    application: str
    host: str
    reason: str
    rules: tuple[str, ...]
    erred: tuple[str, ...] = ()


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
                    if await self._told(w, refusal):
                        continue
                    await self._tell(w, Action.ACCESS_REFUSED, refusal, refusal.rules)
                    if refusal.erred:
                        await self._tell(w, Action.POLICY_EXCEPTION, refusal, refusal.erred)
        except BaseException:
            self._waiting = waiting + self._waiting
            raise

    async def _tell(self, w: Writing, action: Action, refusal: Refusal, rules: tuple[str, ...]) -> None:
        await record(
            w,
            self._clock,
            action,
            "forwardauth",
            refusal.by,
            session=refusal.login_id,
            application=refusal.application,
            host=refusal.host,
            reason=refusal.reason,
            rules=list(rules),
        )

    async def _told(self, w: Writing, refusal: Refusal) -> bool:
        """Whether another worker, or this one before it restarted, has told the same within the hour."""
        same = (
            select(Event.id)
            .where(
                Event.action == str(Action.ACCESS_REFUSED),
                Event.created > self._clock.now() - _ONCE,
                Event.context["session"].as_string() == refusal.login_id,
                Event.context["application"].as_string() == refusal.application,
                Event.context["reason"].as_string() == refusal.reason,
            )
            .limit(1)
        )
        return await w.scalar(same) is not None
