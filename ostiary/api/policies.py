"""``/policies/``: rules of every type, what they are bound to, and what people have earned."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

from ostiary.access.explain import ask, knowing, subject_of
from ostiary.api.generic import Generic, found
from ostiary.api.operations import Asking, Operations, able, holding
from ostiary.api.policy_results import PolicyTestResult
from ostiary.api.types import TypeCreate
from ostiary.directory.models import User
from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.objects.kind import Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.policies.engine import Question, Result
from ostiary.policies.models import Policy

_TAG: Final = "policies"
_TYPES: Final = (
    ("authentik_policies_expression.expressionpolicy", "expression", "A CEL expression that answers true or false."),
    ("authentik_policies_password.passwordpolicy", "password", "Judges every new password as long as it exists."),
    (
        "authentik_policies_reputation.reputationpolicy",
        "reputation",
        "Passes when what a name or an address has earned at sign-in is at most a threshold.",
    ),
    ("authentik_policies_event_matcher.eventmatcherpolicy", "event_matcher", "Passes when an event matches."),
)


class PolicyTestRequest(Fields):
    """Whom to ask a policy about. ``context`` may hold an ``event``, a ``password``, and a ``request`` with ``host``,
    ``method``, ``path`` and ``client_ip``.
    """

    user: Key
    context: Annotated[dict[str, Any], Field(max_length=100)] = {}


class Cache(BaseModel):
    """How many answers are kept."""

    count: int


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    every = kinds["authentik_policies.policy"]
    _generic(operations, kinds, rooms)

    @operations.operation(
        "GET",
        "/policies/all/types/",
        "policies_all_types_list",
        who=able(every),
        tag=_TAG,
        answers=list[TypeCreate],
    )
    async def types(asking: Asking) -> list[TypeCreate]:
        return [TypeCreate.of(kinds[label], description) for label, _, description in _TYPES]

    @operations.operation(
        "POST",
        "/policies/all/{policy_uuid}/test/",
        "policies_all_test_create",
        who=able(every),
        tag=_TAG,
        answers=PolicyTestResult,
    )
    async def test(asking: Asking, policy_uuid: str, body: PolicyTestRequest) -> PolicyTestResult:
        async with rooms.database.reading() as r:
            policy: Policy = await found(r, every, policy_uuid, asking)
            user: User = await found(r, kinds["authentik_core.user"], body.user, asking)
            if policy.type != "password":
                subject = await subject_of(r, user)
                reason = ask(policy, subject, await knowing(r, subject, _question(rooms, body.context)))
                return PolicyTestResult(passing=reason.result is Result.FOR, messages=[reason.text])
        try:
            await rooms.new_passwords.ask(policy.name, policy.config, _typed(body.context), "password")
        except OstiaryError as error:
            if error.code == "policy.test_needs_password":
                raise
            return PolicyTestResult(passing=False, messages=[error.message])
        return PolicyTestResult(passing=True, messages=[])

    # No answer outlives what it was made of, so there is never anything to clear.

    @operations.operation(
        "GET",
        "/policies/all/cache_info/",
        "policies_all_cache_info_retrieve",
        who=holding("authentik_policies.view_policy_cache"),
        tag=_TAG,
        answers=Cache,
    )
    async def cache_info(asking: Asking) -> Cache:
        return Cache(count=0)

    @operations.operation(
        "POST",
        "/policies/all/cache_clear/",
        "policies_all_cache_clear_create",
        who=holding("authentik_policies.clear_policy_cache"),
        tag=_TAG,
        status=204,
    )
    async def cache_clear(asking: Asking) -> Response:
        return Response(status_code=204)


def _generic(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    database = rooms.database
    every = kinds["authentik_policies.policy"]
    Generic(
        operations,
        database,
        every,
        path="/policies/all/",
        prefix="policies_all",
        key="policy_uuid",
        does="LRDB",
    )
    for label, word, _ in _TYPES:
        Generic(
            operations,
            database,
            kinds[label],
            path=f"/policies/{word}/",
            prefix=f"policies_{word}",
            key="policy_uuid",
        )
    Generic(
        operations,
        database,
        kinds["authentik_policies_reputation.reputation"],
        path="/policies/reputation/scores/",
        prefix="policies_reputation_scores",
        key="reputation_uuid",
        does="LRDB",
    )
    Generic(
        operations,
        database,
        kinds["authentik_policies.policybinding"],
        path="/policies/bindings/",
        prefix="policies_bindings",
        key="policy_binding_uuid",
    )


def _question(rooms: Rooms, context: dict[str, Any]) -> Question:
    request, event = context.get("request"), context.get("event")

    def told(name: str) -> str:
        value = request.get(name) if isinstance(request, dict) else None
        return value if isinstance(value, str) else ""

    return Question(
        rooms.clock.now(),
        told("host"),
        told("method"),
        told("path"),
        told("client_ip"),
        event=event if isinstance(event, dict) else None,
    )


def _typed(context: dict[str, Any]) -> str:
    prompts = context.get("prompt_data")
    typed = context.get("password", prompts.get("password") if isinstance(prompts, dict) else None)
    if not isinstance(typed, str):
        raise InvalidInput(
            "policy.test_needs_password", 'context: give the password to judge, as {"password": …}.', field="context"
        )
    return typed
