"""An administrator acts as another person in their own browser, for a reason that is written down, and returns.

The login stays theirs: it is the same row, with another cookie value, in which ``user_id`` is the person and
``impersonator_id`` the administrator. It ends with either of them. What it had opened at applications ends at both
changes, so nobody is at an application's door as somebody whom they are not.
"""

from sqlalchemy import delete, update

from ostiary.directory.impersonation import check_impersonation
from ostiary.directory.permissions import permissions_of
from ostiary.directory.users import existing
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, NotFound, Refused
from ostiary.sessions.lifecycle import Sessions
from ostiary.sessions.models import AppSession, Session, Ticket
from ostiary.storage.session import Database, Writing
from ostiary.system.registry import current

_ROOM = "sessions"
_LONGEST_REASON = 255


class Impersonation:
    """The verbs. Each answers the cookie value that the browser must keep from now on."""

    def __init__(self, *, database: Database, clock: Clock, sessions: Sessions) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions

    async def begin(self, session_id: str, user_id: int, *, reason: str, client_ip: str | None) -> str:
        """Acts as that person from here on.

        Raises `impersonation.off`, `impersonation.reason`, `impersonation.nested`, `impersonation.oneself`, and what
        :func:`check_impersonation` raises.
        """
        reason = reason.strip()
        async with self._database.writing() as w:
            settings = await current(w)
            if not settings.impersonation:
                raise Refused("impersonation.off", "Nobody may act as another person here; a setting forbids it.")
            if not settings.impersonation_require_reason <= len(reason) <= _LONGEST_REASON:
                raise InvalidInput(
                    "impersonation.reason",
                    f"reason: say in at most {_LONGEST_REASON} characters why you act as this person.",
                    field="reason",
                )
            session = await _held(w, session_id)
            if session.impersonator_id is not None:
                raise Refused("impersonation.nested", "You act as somebody already; return to your own account first.")
            if session.user_id == user_id:
                raise InvalidInput("impersonation.oneself", "This is your own account.")
            administrator, person = await existing(w, session.user_id), await existing(w, user_id)
            await check_impersonation(w, await permissions_of(w, administrator.id), person)
            value = await self._become(w, session_id, person.id, administrator.id)
            by = Actor(administrator.id, administrator.username, client_ip)
            about = {"pk": person.id, "username": person.username, "reason": reason}
            await record(w, self._clock, Action.IMPERSONATION_STARTED, _ROOM, by, **about)
            return value

    async def end(self, session_id: str, *, client_ip: str | None) -> str | None:
        """Returns to the administrator's own account; None if the login is nobody's but its own."""
        async with self._database.writing() as w:
            session = await _held(w, session_id)
            if session.impersonator_id is None:
                return None
            administrator, person = await existing(w, session.impersonator_id), await existing(w, session.user_id)
            value = await self._become(w, session_id, administrator.id, None)
            by = Actor(administrator.id, administrator.username, client_ip)
            about = {"pk": person.id, "username": person.username}
            await record(w, self._clock, Action.IMPERSONATION_ENDED, _ROOM, by, **about)
            return value

    async def _become(self, w: Writing, session_id: str, user_id: int, impersonator_id: int | None) -> str:
        # Tickets first, and waited for: one that is being redeemed right now has made its session by then.
        for kind in (Ticket, AppSession):
            opened = delete(kind).where(kind.session_id == session_id)
            await w.execute(opened.execution_options(synchronize_session=False))
        value, token_hash = self._sessions.mint()
        await w.execute(
            update(Session)
            .where(Session.id == session_id)
            .values(user_id=user_id, impersonator_id=impersonator_id, token_hash=token_hash)
            .execution_options(synchronize_session=False)
        )
        return value


async def _held(w: Writing, session_id: str) -> Session:
    # FOR NO KEY UPDATE on PostgreSQL: whoever redeems a ticket of this login holds the ticket and comes for this row.
    session = await w.get(Session, session_id, with_for_update={"key_share": True}, populate_existing=True)
    if session is None:
        raise NotFound("session.not_found", "This session has ended.")
    return session
