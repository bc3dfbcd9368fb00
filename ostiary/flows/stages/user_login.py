"""Turns what was proved into a login. The only place where a person who signs in by a flow gets one."""

from ostiary.directory.devices import Devices
from ostiary.directory.models import User
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Effects, Next, Question, Run, Visitor, epoch
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Refused
from ostiary.sessions.lifecycle import Sessions
from ostiary.storage.session import Database

_ROOM = "flows"


class UserLogin:
    """Stage type ``user_login``."""

    def __init__(self, *, database: Database, clock: Clock, sessions: Sessions, devices: Devices) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._devices = devices

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks nothing."""
        return None

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again:
        """Starts the login, with its event, in one transaction.

        The person is looked at again inside it: whoever was disabled, or got another password, since they proved the
        old one, does not get in.
        """
        pending = run.pending
        if pending is None or pending.user_id is None or not pending.proved:
            raise Refused("flow.nobody_proved", "Nobody has proved who they are in this flow; please start again.")
        async with self._database.writing() as w:
            user = await w.get(User, pending.user_id)
            if user is None or not user.is_active or epoch(user) != pending.epoch:
                raise Refused("flow.proof_outdated", "Your account has just changed; please sign in again.")
            login = await self._sessions.start(
                w,
                user_id=user.id,
                method=pending.proved[0],
                client_ip=visitor.client_ip,
                user_agent=visitor.user_agent,
                replaces=visitor.session.id if visitor.session else None,
            )
            user.last_login = self._clock.now()
            actor = Actor(user.id, user.username, visitor.client_ip)
            await record(
                w,
                self._clock,
                Action.LOGIN,
                _ROOM,
                actor,
                method=pending.proved[0],
                application=run.intent.application_slug,
            )
            return Next(pending, Effects(login=login, device=self._devices.issue(user)))
