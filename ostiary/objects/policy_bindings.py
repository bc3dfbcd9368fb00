"""Bindings of policies, groups and people to applications, flows and the places of stages.

Each of these three has one primary key, by which ``target`` names it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import ColumnElement, and_, or_, select

from ostiary.applications.models import Application
from ostiary.directory.models import Group, User
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.objects.kind import Caller, Fields, Filter, Integer, Key, Kind, Shown, Words, equals, permitted
from ostiary.objects.moments import Moment
from ostiary.objects.people import Uuid, partial_group, partial_user
from ostiary.objects.people_shown import PartialGroup, PartialUser
from ostiary.objects.policies import OF_TYPE, AllPolicies, PolicyShown
from ostiary.policies.bindings import PolicyBindings
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.policies.registry import Policies
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Reading

_SUBJECTS: Final[Mapping[str, str]] = {"policy": "policy_id", "group": "group_id", "user": "user_id"}
_PLAIN: Final = ("negate", "enabled", "order", "timeout", "failure_result", "expires")


class PolicyBindingRequest(Fields):
    """Exactly one of policy, group and user."""

    policy: Uuid | None = None
    group: Uuid | None = None
    user: Key | None = None
    target: Uuid
    negate: bool = False
    enabled: bool = True
    order: Integer
    timeout: Annotated[int, Field(ge=0, lt=2**31)] = 30
    failure_result: bool = False


class PolicyBindingDeclared(PolicyBindingRequest):
    """As blueprints may set it."""

    expires: Moment | None = None


class PolicyBindingShown(Shown):
    """What clients receive. ``…_obj`` is null for whoever may not see that object."""

    pk: str
    policy: str | None
    group: str | None
    user: int | None
    policy_obj: PolicyShown | None
    group_obj: PartialGroup | None
    user_obj: PartialUser | None
    target: str
    negate: bool
    enabled: bool
    order: int
    timeout: int
    failure_result: bool
    expires: Moment | None
    expiring: bool


PolicyBindingShown.__name__ = PolicyBindingShown.__qualname__ = "PolicyBinding"

_TARGETS = (PolicyBinding.application_id, PolicyBinding.flow_id, PolicyBinding.stage_binding_id)


class PolicyBindingKind(Kind):
    """Kind of bindings."""

    words = Words("authentik_policies.policybinding", "Policy Binding", "Policy Bindings")
    table = PolicyBinding
    pk = PolicyBinding.id
    key = PolicyBinding.id
    fields = PolicyBindingRequest
    declared = PolicyBindingDeclared
    shown: ClassVar[type[Shown]] = PolicyBindingShown
    ordering: ClassVar = {
        "order": PolicyBinding.order,
        "enabled": PolicyBinding.enabled,
        "negate": PolicyBinding.negate,
        "timeout": PolicyBinding.timeout,
        "expires": PolicyBinding.expires,
        "pk": PolicyBinding.id,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "target": Filter(Uuid, lambda value: or_(*(column == value for column in _TARGETS))),
        "target_in": Filter(list[Uuid], lambda values: or_(*(column.in_(values) for column in _TARGETS))),
        "policy": Filter(Uuid, lambda value: PolicyBinding.policy_id == value),
        "policy__isnull": Filter(
            bool, lambda value: PolicyBinding.policy_id.is_(None) if value else PolicyBinding.policy_id.is_not(None)
        ),
        "enabled": equals(PolicyBinding.enabled, bool),
        "order": equals(PolicyBinding.order, Integer),
        "timeout": equals(PolicyBinding.timeout, Integer),
    }
    identifiers: ClassVar = {
        "order": PolicyBinding.order,
        "policy": PolicyBinding.policy_id,
        "group": PolicyBinding.group_id,
        "user": PolicyBinding.user_id,
    }

    def __init__(self, bindings: PolicyBindings, policies: Policies) -> None:
        self._bindings = bindings
        self._policies = AllPolicies(policies)

    def searching(self, text: str, caller: Caller) -> ColumnElement[bool]:
        """By the names of their subjects, as far as the caller may see those."""
        policies = select(Policy.id).where(holds_text(text, Policy.name), _seen_policies(caller))
        groups = select(Group.id).where(
            holds_text(text, Group.name), permitted(caller, "authentik_core.view_group", Group.id)
        )
        users = select(User.id).where(
            holds_text(text, User.username), permitted(caller, "authentik_core.view_user", User.id)
        )
        return or_(
            PolicyBinding.policy_id.in_(policies), PolicyBinding.group_id.in_(groups), PolicyBinding.user_id.in_(users)
        )

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        policies = await _by_key(r, Policy, [row.policy_id for row in rows])
        groups = await _by_key(r, Group, [row.group_id for row in rows])
        users = await _by_key(r, User, [row.user_id for row in rows])
        told = {
            one["pk"]: one
            for one in await self._policies.read(
                r, [policy for policy in policies.values() if _sees_policy(caller, policy)], caller, {}
            )
        }
        return [
            {
                "pk": row.id,
                "policy": row.policy_id,
                "group": row.group_id,
                "user": row.user_id,
                "policy_obj": told.get(row.policy_id),
                "group_obj": partial_group(groups[row.group_id])
                if row.group_id in groups and caller.may.may("authentik_core.view_group", row.group_id)
                else None,
                "user_obj": partial_user(users[row.user_id])
                if row.user_id in users and caller.may.may("authentik_core.view_user", row.user_id)
                else None,
                "target": row.target_id,
                **{name: getattr(row, name) for name in _PLAIN},
                "expiring": row.expires is not None,
            }
            for row in rows
        ]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        """What is bound to flows and stages decides who becomes whom; only superusers bind there. And nobody binds what
        they may not see, or to what they may not see.
        """
        if caller.is_superuser:
            return
        if row is not None and row.application_id is None:
            raise _not_for_delegates()
        target = values.get("target")
        if target is not None and (row is None or row.target_id != target):
            if await r.scalar(select(Application.id).where(Application.id == target)) is None:
                raise _not_for_delegates()
            if not caller.may.may("authentik_core.view_application", target):
                raise InvalidInput("binding.target_unknown", "target: there is no such application.", field="target")
        for word, column in _SUBJECTS.items():
            key = values.get(word)
            if key is None or (row is not None and getattr(row, column) == key):
                continue
            policy = await r.get(Policy, key) if word == "policy" else None
            sees = (
                policy is not None and _sees_policy(caller, policy)
                if word == "policy"
                else caller.may.may(f"authentik_core.view_{word}", key)
            )
            if not sees:
                raise InvalidInput("binding.subject_unknown", f"{word}: there is no such object.", field=word)

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        subject = _subject(values)
        if subject is None:
            raise _one_subject()
        fields = {name: values[name] for name in _PLAIN if name in values}
        return (await self._bindings.create(values["target"], subject, fields, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        subject = _subject(values)
        if subject is None and any(
            word in values and getattr(row, column) is not None for word, column in _SUBJECTS.items()
        ):
            # The one that it has is taken away, and no other is given.
            raise _one_subject()
        fields = {name: values[name] for name in _PLAIN if name in values}
        await self._bindings.update(row.id, fields, target=values.get("target"), subject=subject, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._bindings.delete(row.id, by=by)


def _subject(values: Mapping[str, Any]) -> tuple[str, Any] | None:
    given = [(column, values[word]) for word, column in _SUBJECTS.items() if values.get(word) is not None]
    if len(given) > 1:
        raise _one_subject()
    return given[0] if given else None


def _sees_policy(caller: Caller, policy: Policy) -> bool:
    kind = OF_TYPE.get(policy.type)
    own = () if kind is None else (f"{kind.words.app}.view_{kind.words.model}",)
    return any(caller.may.may(name, policy.id) for name in ("authentik_policies.view_policy", *own))


def _seen_policies(caller: Caller) -> ColumnElement[bool]:
    """The same as a condition."""
    own = (
        and_(Policy.type == type_, permitted(caller, f"{kind.words.app}.view_{kind.words.model}", Policy.id))
        for type_, kind in OF_TYPE.items()
    )
    return or_(permitted(caller, "authentik_policies.view_policy", Policy.id), *own)


async def _by_key(r: Reading, model: Any, keys: Sequence[Any]) -> dict[Any, Any]:
    wanted = {key for key in keys if key is not None}
    return {one.id: one for one in await r.scalars(select(model).where(model.id.in_(wanted)))} if wanted else {}


def _one_subject() -> InvalidInput:
    return InvalidInput("binding.target_missing", "A binding names exactly one policy, group or user.")


def _not_for_delegates() -> Refused:
    return Refused("permission.raises", "Only superusers decide who runs a flow and which stages.")
