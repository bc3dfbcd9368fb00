"""Policies of every type, in authentik's words. Each type's fields are its room's; here they are told to clients."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import ColumnElement, Select, false, func, select, true

from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.objects.kind import CHANGE, DELETE, Caller, Fields, Filter, Integer, Kind, Shown, UsedBy, Words, equals
from ostiary.objects.moments import Moment
from ostiary.objects.people import Uuid
from ostiary.policies.models import Policy, PolicyBinding
from ostiary.policies.password import SYMBOLS
from ostiary.policies.registry import Policies, given_text
from ostiary.policies.types import CONFIGURED, EXPRESSION
from ostiary.storage.session import Reading

Amount = Annotated[int, Field(ge=0, lt=2**31)]


class PolicyRequest(Fields):
    """What every type has."""

    name: Annotated[str, Field(min_length=1)]
    execution_logging: bool = False


class ExpressionPolicyRequest(PolicyRequest):
    """``expression`` is CEL, or one of the recognised defaults of authentik's in Python."""

    expression: Annotated[str, Field(min_length=1)]


class PasswordPolicyRequest(PolicyRequest):
    """In force for every new password as long as it exists."""

    password_field: Annotated[str, Field(min_length=1)] = "password"  # noqa: S105 - a field's name
    amount_digits: Amount = 0
    amount_uppercase: Amount = 0
    amount_lowercase: Amount = 0
    amount_symbols: Amount = 0
    length_min: Amount = 0
    symbol_charset: Annotated[str, Field(min_length=1)] = SYMBOLS
    error_message: str = ""
    check_static_rules: bool = True
    check_have_i_been_pwned: bool = False
    check_zxcvbn: bool = False
    hibp_allowed_count: Amount = 1
    zxcvbn_score_threshold: Amount = 2


class ReputationPolicyRequest(PolicyRequest):
    """Passes when the reputation is at most ``threshold``."""

    check_ip: bool = True
    check_username: bool = True
    threshold: Integer = -5


class EventMatcherPolicyRequest(PolicyRequest):
    """What is null matches every event; ``query`` is CEL."""

    action: str | None = None
    client_ip: Annotated[str, Field(min_length=1)] | None = None
    app: str | None = None
    model: str | None = None
    query: Annotated[str, Field(min_length=1)] | None = None


class PolicyShown(Shown):
    """What clients receive of every type."""

    pk: str
    name: str
    execution_logging: bool
    component: str
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str
    bound_to: int


PolicyShown.__name__ = PolicyShown.__qualname__ = "Policy"


class ExpressionPolicy(PolicyShown):
    """An expression as it was given."""

    expression: str


class PasswordPolicy(PolicyShown):
    """All its fields."""

    password_field: str
    amount_digits: int
    amount_uppercase: int
    amount_lowercase: int
    amount_symbols: int
    length_min: int
    symbol_charset: str
    error_message: str
    check_static_rules: bool
    check_have_i_been_pwned: bool
    check_zxcvbn: bool
    hibp_allowed_count: int
    zxcvbn_score_threshold: int


class ReputationPolicy(PolicyShown):
    """All its fields."""

    check_ip: bool
    check_username: bool
    threshold: int


class EventMatcherPolicy(PolicyShown):
    """All its fields."""

    action: str | None
    client_ip: str | None
    app: str | None
    model: str | None
    query: str | None


_COMMON: Final[Mapping[str, Filter]] = {
    "name": equals(Policy.name),
    "policy_uuid": Filter(Uuid, lambda value: Policy.id == value),
    "created": Filter(Moment, lambda value: Policy.created == value),
    "last_updated": Filter(Moment, lambda value: Policy.updated == value),
    # None logs its executions.
    "execution_logging": Filter(bool, lambda value: false() if value else true()),
}


def _configured(fields: type[Fields]) -> dict[str, Filter]:
    """Filters by a type's own fields, which are stored together."""
    return {
        name: _stored(name, info.annotation)
        for name, info in fields.model_fields.items()
        if name not in PolicyRequest.model_fields
    }


def _stored(name: str, annotation: Any) -> Filter:
    entry = Policy.config[name]
    if annotation is bool:
        return Filter(bool, lambda value: entry.as_boolean() == value)
    if annotation is int:
        return Filter(Integer, lambda value: entry.as_integer() == value)
    return Filter(str, lambda value: entry.as_string() == value)


class AnyPolicies(Kind):
    """Base of the kinds of policies."""

    table = Policy
    pk = Policy.id
    key = Policy.id
    search = (Policy.name,)
    ordering: ClassVar = {"name": Policy.name, "created": Policy.created, "last_updated": Policy.updated}
    filters: ClassVar[Mapping[str, Filter]] = _COMMON
    identifiers: ClassVar = {"name": Policy.name}
    of_type: ClassVar[str | None] = None
    """As stored; None for all."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def every(self) -> Select[Any]:
        return select(Policy) if self.of_type is None else select(Policy).where(Policy.type == self.of_type)

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        counted = await r.execute(
            select(PolicyBinding.policy_id, func.count())
            .where(PolicyBinding.policy_id.in_([row.id for row in rows]))
            .group_by(PolicyBinding.policy_id)
        )
        bound = {row[0]: row[1] for row in counted}
        return [
            {
                "pk": row.id,
                "name": row.name,
                "execution_logging": False,
                "bound_to": bound.get(row.id, 0),
                **(self._words(row)).shown(),
                **self._own(row),
            }
            for row in rows
        ]

    def _words(self, row: Policy) -> Words:
        return self.words

    def _own(self, row: Policy) -> dict[str, Any]:
        if self.of_type == EXPRESSION:
            return {"expression": given_text(row)}
        return CONFIGURED[row.type].complete(row.config)

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        """A policy that a flow or a stage's place asks decides who becomes whom."""
        if caller.is_superuser or row is None or verb not in (CHANGE, DELETE):
            return
        asked = select(PolicyBinding.id).where(
            PolicyBinding.policy_id == row.id, PolicyBinding.application_id.is_(None)
        )
        if await r.scalar(asked.limit(1)) is not None:
            raise Refused(
                "permission.raises", "A flow asks this policy, so that only superusers may change or delete it."
            )

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        given = _without_logging(values)
        if self.of_type is None:
            raise InvalidInput(
                "policy.type_unknown", "Policies are made as what they are, such as an expression policy."
            )
        return (await self._policies.make(self.of_type, given.pop("name"), given, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        given = _without_logging(values)
        await self._policies.change(row.id, given, new_name=given.pop("name", None), by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._policies.delete(row.name, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        query = select(PolicyBinding).where(PolicyBinding.policy_id == row.id).order_by(PolicyBinding.id)
        # A binding outlives its policy, and then never passes.
        return [
            UsedBy("authentik_policies", "policybinding", one.id, f"Binding {one.order} of {row.name}", "left_dangling")
            for one in await r.scalars(query)
        ]


def _without_logging(values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    if given.pop("execution_logging", False):
        raise InvalidInput(
            "policy.not_supported_yet",
            "execution_logging: executions of policies are not logged; the test of a policy says what it answers.",
            field="execution_logging",
        )
    return given


class ExpressionPolicies(AnyPolicies):
    """CEL."""

    words = Words(
        "authentik_policies_expression.expressionpolicy",
        "Expression Policy",
        "Expression Policies",
        "ak-policy-expression-form",
    )
    of_type = EXPRESSION
    fields = ExpressionPolicyRequest
    shown: ClassVar[type[Shown]] = ExpressionPolicy
    filters: ClassVar[Mapping[str, Filter]] = {**_COMMON, "expression": equals(Policy.expression)}


class PasswordPolicies(AnyPolicies):
    """New passwords."""

    words = Words(
        "authentik_policies_password.passwordpolicy",
        "Password Policy",
        "Password Policies",
        "ak-policy-password-form",
    )
    of_type = "password"
    fields = PasswordPolicyRequest
    shown: ClassVar[type[Shown]] = PasswordPolicy
    filters: ClassVar[Mapping[str, Filter]] = {**_COMMON, **_configured(PasswordPolicyRequest)}


class ReputationPolicies(AnyPolicies):
    """What names and addresses have earned."""

    words = Words(
        "authentik_policies_reputation.reputationpolicy",
        "Reputation Policy",
        "Reputation Policies",
        "ak-policy-reputation-form",
    )
    of_type = "reputation"
    fields = ReputationPolicyRequest
    shown: ClassVar[type[Shown]] = ReputationPolicy
    filters: ClassVar[Mapping[str, Filter]] = {**_COMMON, **_configured(ReputationPolicyRequest)}


class EventMatcherPolicies(AnyPolicies):
    """Events."""

    words = Words(
        "authentik_policies_event_matcher.eventmatcherpolicy",
        "Event Matcher Policy",
        "Event Matcher Policies",
        "ak-policy-event-matcher-form",
    )
    of_type = "event_matcher"
    fields = EventMatcherPolicyRequest
    shown: ClassVar[type[Shown]] = EventMatcherPolicy
    filters: ClassVar[Mapping[str, Filter]] = {**_COMMON, **_configured(EventMatcherPolicyRequest)}
    renamed: ClassVar[Mapping[str, str]] = {"expression": "query"}


OF_TYPE: Final[Mapping[str, type[AnyPolicies]]] = {
    str(kind.of_type): kind for kind in (ExpressionPolicies, PasswordPolicies, ReputationPolicies, EventMatcherPolicies)
}


class AllPolicies(AnyPolicies):
    """Policies of every type: looked at and deleted here, made and changed as what they are."""

    words = Words("authentik_policies.policy", "Policy", "Policies")
    fields = PolicyRequest
    shown: ClassVar[type[Shown]] = PolicyShown
    filters: ClassVar[Mapping[str, Filter]] = {
        "bindings__isnull": Filter(bool, lambda value: _bound() if value is False else ~_bound()),
        # There are no prompt stages yet, so that none asks a policy.
        "promptstage__isnull": Filter(bool, lambda value: true() if value else false()),
    }

    def _words(self, row: Policy) -> Words:
        kind = OF_TYPE.get(row.type)
        return self.words if kind is None else kind.words

    def _own(self, row: Policy) -> dict[str, Any]:
        return {}


def _bound() -> ColumnElement[bool]:
    return select(PolicyBinding.id).where(PolicyBinding.policy_id == Policy.id).exists()
