"""Leaving one application: its sessions of one login end, at every proxy, and the login goes on."""

from sqlalchemy import delete

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.sessions.models import AppSession, Ticket
from ostiary.storage.session import Database


class Leaving:
    """The verb."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def leave(self, session_id: str, provider_id: int, *, application: str, by: Actor) -> int:
        """Ends what a login opened through a provider, tickets on their way too; how many sessions there were.

        ``application`` is the slug for the event, which is written if there was any.
        """
        async with self._database.writing() as w:
            # Tickets first, and waited for: one that is being redeemed right now has made its session by then.
            count = 0
            for kind in (Ticket, AppSession):
                ended = await w.execute(
                    delete(kind)
                    .where(kind.session_id == session_id, kind.provider_id == provider_id)
                    .returning(kind.provider_id)
                    .execution_options(synchronize_session=False)
                )
                count = len(ended.all())
            if count:
                about = {"application": application, "session": session_id, "applications": count}
                await record(w, self._clock, Action.LOGOUT, "sessions", by, reason="left the application", **about)
            return count
