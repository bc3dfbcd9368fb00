"""From stored rows to the stages that a flow runs, in order, and who may run it. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ostiary.kit.errors import Refused


@dataclass(frozen=True)
class PlannedStage:
    """One step: its stored name, its type, that type's own configuration, and what its place in the flow says.

    ``conditional``: it has policies, so it may be left out.
    """

    name: str
    type: str
    config: dict[str, Any]
    binding_id: str = ""
    evaluate_on_plan: bool = False
    re_evaluate_policies: bool = True
    policy_engine_mode: str = "any"
    invalid_response_action: str = "retry"
    conditional: bool = False


@dataclass(frozen=True)
class Plan:
    """A flow with its stages in order."""

    slug: str
    title: str
    designation: str
    authentication: str
    stages: tuple[PlannedStage, ...]
    id: str = ""
    denied_action: str = "message_continue"
    policy_engine_mode: str = "any"


class Admission(Enum):
    """What a flow's requirement says to a visitor."""

    WELCOME = "welcome"
    SIGN_IN_FIRST = "sign in first"
    SIGNED_IN_ALREADY = "signed in already"
    NOT_ALLOWED = "not allowed"


def plan(
    *,
    slug: str,
    title: str,
    designation: str,
    authentication: str,
    bound: Iterable[tuple[int, PlannedStage]],
    known_types: Collection[str],
    flow_id: str = "",
    denied_action: str = "message_continue",
    policy_engine_mode: str = "any",
) -> Plan:
    """Orders the bound stages. Raises `flow.stage_type_unknown`: to leave a step out could leave out the proof."""
    stages = tuple(stage for _, stage in sorted(bound, key=lambda pair: (pair[0], pair[1].name)))
    for stage in stages:
        if stage.type not in known_types:
            raise Refused(
                "flow.stage_type_unknown",
                f"The flow {slug} has a stage of type {stage.type}, which does not exist here; an administrator must"
                f" remove it or use one of: {', '.join(sorted(known_types))}.",
            )
    return Plan(slug, title, designation, authentication, stages, flow_id, denied_action, policy_engine_mode)


def admission(requirement: str, *, signed_in: bool, superuser: bool = False) -> Admission:
    """Whether a visitor may run a flow. Raises `flow.requirement_unknown`: what we cannot judge is refused."""
    if requirement == "none":
        return Admission.WELCOME
    if requirement == "require_authenticated":
        return Admission.WELCOME if signed_in else Admission.SIGN_IN_FIRST
    if requirement == "require_unauthenticated":
        return Admission.SIGNED_IN_ALREADY if signed_in else Admission.WELCOME
    if requirement == "require_superuser":
        if not signed_in:
            return Admission.SIGN_IN_FIRST
        return Admission.WELCOME if superuser else Admission.NOT_ALLOWED
    raise Refused(
        "flow.requirement_unknown",
        f"The flow asks for {requirement}, which does not exist here; an administrator must set none,"
        " require_authenticated, require_unauthenticated or require_superuser.",
    )


def fault(plan: Plan, role: str) -> str:
    """Why a flow cannot do what it is used for (``role``: authentication, invalidation or stage_configuration), as the
    end of a sentence that begins with "the flow"; nothing if it can.
    """
    if plan.designation != role:
        return f"is a flow for {plan.designation}, not for {role}"
    types = [stage.type for stage in plan.stages]
    if role == "invalidation":
        if plan.authentication not in ("none", "require_authenticated"):
            return f"asks for {plan.authentication}, so that nobody can sign out with it"
        return "" if "user_logout" in types else "has no stage that signs out"
    if plan.authentication not in ("none", "require_unauthenticated"):
        return f"asks for {plan.authentication}, which nobody meets who is about to sign in"
    if role == "stage_configuration":
        return "" if "initial_setup" in types else "has no stage that sets up the first administrator"
    return _no_way_in(plan)


def _no_way_in(plan: Plan) -> str:
    named = proved = False
    for stage in plan.stages:
        if stage.type == "identification":
            named, proved = True, proved or bool(stage.config.get("password_stage"))
        elif stage.type == "password":
            if not named:
                return f"asks for a password in {stage.name} before it asks for a name"
            proved = True
        elif stage.type == "deny" and not stage.conditional:
            return f"ends in {stage.name}, which denies everybody"
        elif stage.type == "user_login":
            return "" if proved else "has no stage that proves who a person is before the one that signs them in"
    return "has no stage that signs people in"
