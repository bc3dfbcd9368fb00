"""Ends the flow, whoever runs it; with policies at its place in the flow, whoever meets them."""

from typing import Final

from ostiary.flows.plan import PlannedStage
from ostiary.flows.run import Deny as Denial
from ostiary.flows.run import Question, Run, Visitor
from ostiary.flows.stage_fields import Option, StageFields, sentence

FIELDS: Final = StageFields(options={"deny_message": Option(sentence, "")})
_PLAIN: Final = "You may not go on here."


class Deny:
    """Stage type ``deny``."""

    async def ask(self, run: Run, stage: PlannedStage, visitor: Visitor) -> Question | None:
        """Asks nothing."""
        return None

    async def act(self, run: Run, stage: PlannedStage, fields: dict[str, str], visitor: Visitor) -> Denial:
        """Denies, in the administrator's words if there are any."""
        return Denial(FIELDS.whole(stage.config)["deny_message"] or _PLAIN)
