"""From stored rows to the stages that a flow runs, in order, and who may run it. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ostiary.kit.errors import Refused


@dataclass(frozen=True)
class PlannedStage:
    """One step: its stored name, its type, and that type's own configuration."""

    name: str
    type: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A flow with its stages in order."""

    slug: str
    title: str
    designation: str
    authentication: str
    stages: tuple[PlannedStage, ...]


class Admission(Enum):
    """What a flow's requirement says to a visitor."""

    WELCOME = "welcome"
    SIGN_IN_FIRST = "sign in first"
    SIGNED_IN_ALREADY = "signed in already"


def plan(
    *,
    slug: str,
    title: str,
    designation: str,
    authentication: str,
    bound: Iterable[tuple[int, PlannedStage]],
    known_types: Collection[str],
) -> Plan:
    """Orders the bound stages. Raises `flow.stage_type_unknown`: to leave a step out could leave out the proof."""
    stages = tuple(stage for _, stage in sorted(bound, key=lambda pair: pair[0]))
    for stage in stages:
        if stage.type not in known_types:
            raise Refused(
                "flow.stage_type_unknown",
                f"The flow {slug} has a stage of type {stage.type}, which does not exist here; an administrator must"
                f" remove it or use one of: {', '.join(sorted(known_types))}.",
            )
    return Plan(slug, title, designation, authentication, stages)


def admission(requirement: str, *, signed_in: bool) -> Admission:
    """Whether a visitor may run a flow. Raises `flow.requirement_unknown`: what we cannot judge is refused."""
    if requirement == "none":
        return Admission.WELCOME
    if requirement == "require_authenticated":
        return Admission.WELCOME if signed_in else Admission.SIGN_IN_FIRST
    if requirement == "require_unauthenticated":
        return Admission.SIGNED_IN_ALREADY if signed_in else Admission.WELCOME
    raise Refused(
        "flow.requirement_unknown",
        f"The flow asks for {requirement}, which does not exist here; an administrator must set none,"
        " require_authenticated or require_unauthenticated.",
    )
