"""What policies say of a flow and its stages. The engine asks; whoever owns policies answers."""

from dataclasses import dataclass
from typing import Final, Protocol

from ostiary.flows.plan import Plan, PlannedStage
from ostiary.flows.run import Pending, Visitor
from ostiary.storage.session import Reading

GIVING: Final = frozenset({"user_login", "user_write", "initial_setup"})
"""The types of stages that give something; all others protect."""


@dataclass(frozen=True)
class Opinion:
    """Whether policies agree, and what they say to the visitor."""

    passes: bool
    messages: tuple[str, ...] = ()


class Conditions(Protocol):
    """Both raise `Refused` where they cannot know: a step that is left out could be the proof."""

    async def admits(self, plan: Plan, visitor: Visitor) -> Opinion:
        """Whether the visitor may begin this flow. Asked when it begins, and again at its first answer."""

    async def includes(self, plan: Plan, stage: PlannedStage, pending: Pending | None, visitor: Visitor) -> Opinion:
        """Whether a stage takes part. ``pending`` is who is signing in, as far as it is known by then."""

    async def conditional(self, r: Reading, plan_id: str) -> frozenset[str]:
        """The ids of those of a flow's stage bindings that have policies."""

    async def shut(self, r: Reading, plan_id: str) -> bool:
        """Whether nobody may begin the flow who is not signed in, whatever the hour and their address."""


class _Nothing:
    async def admits(self, plan: Plan, visitor: Visitor) -> Opinion:
        return Opinion(passes=True)

    async def includes(self, plan: Plan, stage: PlannedStage, pending: Pending | None, visitor: Visitor) -> Opinion:
        return Opinion(passes=True)

    async def conditional(self, r: Reading, plan_id: str) -> frozenset[str]:
        return frozenset()

    async def shut(self, r: Reading, plan_id: str) -> bool:
        return False


UNCONDITIONAL: Final[Conditions] = _Nothing()
"""No policy is asked."""
