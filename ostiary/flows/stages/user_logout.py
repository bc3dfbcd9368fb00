"""Ends the login, and with it every application."""

from ostiary.flows.intent import HOME
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Deny, Effects, Next, Question, Run, Visitor
from ostiary.sessions.lifecycle import Sessions


class UserLogout:
    """Stage type ``user_logout``."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks whether the person means it, unless it is known that they do: another site can send anybody here."""
        if visitor.session is None or visitor.own_wish:
            return None
        username = visitor.session.username
        return Question(
            "flows/user_logout.html",
            {"username": username},
            # authentik asks nobody. Of its components, this one is about ending a login; any answer is a yes.
            "ak-stage-session-end",
            {"pending_user": username, "pending_user_avatar": "", "overview_url": HOME},
        )

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Ends the login. Whoever has none is signed out already."""
        if visitor.session is not None:
            await self._sessions.end(
                visitor.session.id, by=visitor.session.actor(visitor.client_ip), reason="signed out"
            )
        return Next(run.pending, Effects(signed_out=True))
