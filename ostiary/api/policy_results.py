"""A decision, as clients read it."""

from typing import Any

from pydantic import BaseModel

from ostiary.policies.engine import Decision


class LogEvent(BaseModel):
    """A line that a policy logged; ours log none."""

    timestamp: str
    log_level: str
    logger: str
    event: str
    attributes: dict[str, Any]


class PolicyTestResult(BaseModel):
    """Whether it passes, and a sentence for each rule that had a part in it."""

    passing: bool
    messages: list[str]
    log_messages: list[LogEvent] = []

    @classmethod
    def of(cls, decision: Decision, *, tell: bool = True) -> "PolicyTestResult":
        """``tell`` whoever may know the rules."""
        return cls(passing=decision.allowed, messages=[reason.text for reason in decision.reasons] if tell else [])
