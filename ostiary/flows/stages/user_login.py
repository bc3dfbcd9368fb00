"""Turns what was proved into a login. The only place where a person who signs in by a flow gets one."""

from datetime import timedelta
from typing import Any, Final

from ostiary.directory.devices import Devices
from ostiary.directory.models import User
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Deny, Effects, Next, Pending, Question, Run, Visitor, epoch
from ostiary.flows.stage_fields import Option, StageFields, boolean, duration
from ostiary.kit.clock import Clock
from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import Refused
from ostiary.sessions.lifecycle import Sessions
from ostiary.storage.session import Database

_ROOM = "flows"
FIELDS: Final = StageFields(
    options={
        "session_duration": Option(duration, "seconds=0"),
        "terminate_other_sessions": Option(boolean, default=False),
        "remember_me_offset": Option(duration, "seconds=0"),
        "remember_device": Option(duration, "days=90"),
    },
    without_effect={"network_binding": ("no_binding", None), "geoip_binding": ("no_binding", None)},
)


class UserLogin:
    """Stage type ``user_login``."""

    def __init__(self, *, database: Database, clock: Clock, sessions: Sessions, devices: Devices) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._devices = devices

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks whether to stay signed in, if the stage offers that."""
        pending = run.pending
        if pending is None or not pending.proved or not _seconds(stage, "remember_me_offset"):
            return None
        return Question(
            "flows/user_login.html",
            {"username": pending.shown},
            "ak-stage-user-login",
            {"pending_user": pending.shown, "pending_user_avatar": ""},
        )

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Starts the login, with its event, in one transaction.

        The person is looked at again inside it: whoever was disabled, or got another password, since they proved the
        old one, does not get in.
        """
        pending = run.pending
        if pending is None or pending.user_id is None or not pending.proved:
            raise Refused("flow.nobody_proved", "Nobody has proved who they are in this flow; please start again.")
        config = FIELDS.whole(stage.config)
        lasts = _lasts(stage, remembered=fields.get("remember_me") == "on")
        before = visitor.session.id if visitor.session else None
        async with self._database.writing() as w:
            user = await w.get(User, pending.user_id)
            if user is None or not user.is_active or epoch(user) != pending.epoch:
                raise Refused("flow.proof_outdated", "Your account has just changed; please sign in again.")
            actor = Actor(user.id, user.username, visitor.client_ip)
            if config["terminate_other_sessions"]:
                await self._sessions.end_elsewhere(w, user.id, before, by=actor)
            login = await self._sessions.start(
                w,
                user_id=user.id,
                method=pending.proved[0],
                client_ip=visitor.client_ip,
                user_agent=visitor.user_agent,
                replaces=before,
                lasts=lasts,
            )
            user.last_login = self._clock.now()
            await record(w, self._clock, Action.LOGIN, _ROOM, actor, **_about(run, pending))
            device = timedelta(seconds=_seconds(stage, "remember_device"))
            return Next(
                pending,
                Effects(
                    login=login,
                    login_seconds=None if lasts is None else int(lasts.total_seconds()),
                    device=self._devices.issue(user, device) if device else None,
                    device_seconds=int(device.total_seconds()),
                ),
            )


def _about(run: Run, pending: Pending) -> dict[str, Any]:
    return {"method": pending.proved[0], "application": run.intent.application_slug}


def _seconds(stage: PlannedStage, option: str) -> int:
    return parse_duration(FIELDS.whole(stage.config)[option])


def _lasts(stage: PlannedStage, *, remembered: bool) -> timedelta | None:
    """How long the login lasts by its own word; None if the settings say it."""
    own, offset = _seconds(stage, "session_duration"), _seconds(stage, "remember_me_offset")
    seconds = own + (offset if remembered else 0)
    return timedelta(seconds=seconds) if seconds else None
