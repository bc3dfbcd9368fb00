"""Asks who a person is and, with a ``password_stage`` in its configuration, for the password in the same form.

Both fields in one form is what password managers fill in.
"""

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Next, Pending, Question, Run, Visitor
from ostiary.kit.errors import Refused, Unavailable


class Identification:
    """Stage type ``identification``."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Always asks, unless the person is named already."""
        if run.pending is not None:
            return None
        return Question("flows/identification.html", {"hint": run.intent.login_hint, "password": _with_password(stage)})

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again:
        """Names the person. A name that nobody has goes on like any other."""
        if run.pending is not None:
            return Next(run.pending)
        typed = fields.get("uid_field", "").strip()
        password = fields.get("password", "")
        errors = {}
        if not typed:
            errors["uid_field"] = "Enter your username or e-mail address."
        if _with_password(stage) and not password:
            errors["password"] = "Enter your password."  # noqa: S105 - a sentence
        if errors:
            return Again(errors)
        if not _with_password(stage):
            return Next(Pending(typed))
        attempt = Attempt(visitor.client_ip, visitor.shared_peer, visitor.device)
        try:
            user = await self._credentials.check(typed, password, attempt)
        except (Refused, Unavailable) as error:
            return Again({"": error.message}, error.status)
        return Next(Pending.proven(user, "password", typed))


def _with_password(stage: PlannedStage) -> bool:
    return bool(stage.config.get("password_stage"))
