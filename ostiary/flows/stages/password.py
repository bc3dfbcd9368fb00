"""Asks for the password of the person who was named before."""

from ostiary.directory.credentials import Attempt, Credentials
from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Again, Next, Pending, Question, Run, Visitor
from ostiary.kit.errors import Refused, Unavailable


class Password:
    """Stage type ``password``."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks, unless the password has been shown already."""
        if run.pending is not None and "password" in run.pending.proved:
            return None
        return Question("flows/password.html", {"typed_name": run.pending.typed if run.pending else ""})

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Next | Again:
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
        try:
            user = await self._credentials.check(run.pending.typed, password, attempt)
        except (Refused, Unavailable) as error:
            return Again({"": error.message}, error.status)
        return Next(Pending.proven(user, "password", run.pending.typed))
