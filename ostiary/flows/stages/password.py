"""Asks for the password of the person who was named before."""

from typing import Final

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Deny, Next, Pending, Question, Run, Visitor
from ostiary.flows.stage_fields import Option, StageFields, boolean, number, some_of
from ostiary.kit.errors import Refused, Unavailable

BACKEND: Final = "authentik.core.auth.InbuiltBackend"
_LATER: Final = (
    "authentik.core.auth.TokenBackend",
    "authentik.sources.ldap.auth.LDAPBackend",
    "authentik.sources.kerberos.auth.KerberosBackend",
)
FIELDS: Final = StageFields(
    options={
        "backends": Option(some_of((BACKEND,), later=_LATER), [BACKEND]),
        "failed_attempts_before_cancel": Option(number(1, 1_000), 5),
        "allow_show_password": Option(boolean, default=False),
    },
    without_effect={"configure_flow": (None,)},
)


class Password:
    """Stage type ``password``."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks, unless the password has been shown already."""
        if run.pending is not None and "password" in run.pending.proved:
            return None
        name = run.pending.shown if run.pending else ""
        return Question(
            "flows/password.html",
            {"typed_name": name},
            "ak-stage-password",
            {
                "pending_user": name,
                "pending_user_avatar": "",
                "recovery_url": None,
                "allow_show_password": FIELDS.whole(stage.config)["allow_show_password"],
            },
        )

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again | Deny:
        """Checks the password against the name, whoever has it."""
        if run.pending is None:
            raise Refused(
                "flow.nobody_named", "This flow asks for a password before it knows whose; tell an administrator."
            )
        if "password" in run.pending.proved:
            return Next(run.pending)
        password = fields.get("password", "")
        if not password:
            return Again({"password": "Enter your password."})
        attempt = Attempt(visitor.client_ip, visitor.shared_peer, visitor.device)
        most: int = FIELDS.whole(stage.config)["failed_attempts_before_cancel"]
        try:
            user = await self._credentials.check(run.pending.typed, password, attempt, run.pending.naming)
        except Refused as error:
            return Again({"": error.message}, error.status, most)
        except Unavailable as error:
            return Again({"": error.message}, error.status)
        return Next(Pending.proven(user, "password", run.pending.typed))
