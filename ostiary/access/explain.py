"""Why somebody may or may not open an application, put into words for administrators."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.access.header_plan import SEPARATOR
from ostiary.applications.bindings import Bound, bindings_of
from ostiary.applications.models import Application
from ostiary.applications.registry import existing
from ostiary.directory.membership import groups_of
from ostiary.directory.models import User
from ostiary.directory.users import by_username
from ostiary.kit.errors import InvalidInput
from ostiary.kit.expressions import Compiler, Failed
from ostiary.mappings import evaluate as mappings
from ostiary.mappings.evaluate import Mapped
from ostiary.mappings.models import PropertyMapping
from ostiary.mappings.registry import by_name as mapping_named
from ostiary.policies.engine import (
    Decision,
    Kind,
    Question,
    Reason,
    Result,
    Rule,
    Subject,
    as_read,
    decide,
    wants_standing,
)
from ostiary.policies.models import Policy
from ostiary.policies.registry import by_name
from ostiary.policies.reputation import of_user, standing_of
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.session import Reading

_MARKS: Final[Mapping[Result, str]] = {
    Result.FOR: "for",
    Result.AGAINST: "against",
    Result.ERROR: "error",
    Result.IDLE: "idle",
}


@dataclass(frozen=True)
class Explanation:
    """A decision with whom and what it is about."""

    application: ApplicationRules
    subject: Subject
    decision: Decision

    def lines(self) -> Iterator[str]:
        """One line for the decision, one for how it is reached, one for each part in the rules' order."""
        allowed = "may open" if self.decision.allowed else "may not open"
        yield f"{self.subject.username} {allowed} {self.application.slug}."
        if self.application.access == "bound":
            yield f"{'One rule has' if self.application.mode == 'any' else 'All rules have'} to speak for it."
        for reason in self.decision.reasons:
            order = f"{reason.rule.order:>3}  " if reason.rule else ""
            yield f"  {_MARKS[reason.result]:<8}{order}{reason.text}"
        if self.decision.volatile:
            yield "The answer depends on the request or the time."
        if self.decision.expires is not None:
            yield f"A binding ends at {self.decision.expires:%Y-%m-%d %H:%M} UTC."


async def explain(r: Reading, username: str, slug: str, question: Question) -> Explanation:
    """The decision on this question, from the database. Raises `user.not_found`, `application.not_found`."""
    user = await by_username(r, username)
    application = (await existing(r, slug)).application
    rules, subject = await rules_of(r, application, PolicyCompiler()), await subject_of(r, user)
    question = await knowing(r, subject, question)
    return Explanation(rules, subject, authorize(rules, subject, question))


async def explain_policy(r: Reading, username: str, name: str, question: Question) -> Reason:
    """What one policy answers for a person. Raises `user.not_found`, `policy.not_found`."""
    policy, subject = await by_name(r, name), await subject_of(r, await by_username(r, username))
    return ask(policy, subject, await knowing(r, subject, question))


async def knowing(r: Reading, subject: Subject, question: Question) -> Question:
    """The question with the person's reputation, for rules that ask for it."""
    standing = await standing_of(r, of_user(subject.user_id), question.client_ip, question.now)
    return replace(question, standing=standing)


def ask(policy: Policy, subject: Subject, question: Question) -> Reason:
    """What one policy answers."""
    asked = PolicyCompiler().ready(policy.type, policy.expression, policy.config)
    rule = Rule("", 0, Kind.POLICY, policy.id, policy.name, expression=asked)
    return decide("bound", "all", [rule], subject, question).reasons[0]


async def explain_mapping(r: Reading, username: str, name: str) -> str:
    """What a mapping says of a person, or why it fails. Raises `user.not_found`, `mapping.not_found`."""
    mapping = await mapping_named(r, name)
    answer, successful = await evaluate_mapping(r, await by_username(r, username), mapping)
    if successful:
        return f"{mapping.header or mapping.scope}: {answer}"
    return f"Mapping {name} failed, so {username} is refused by every application that uses it: {answer}"


async def evaluate_mapping(r: Reading, user: User, mapping: PropertyMapping) -> tuple[str, bool]:
    """What a mapping says of a person and True, or why it fails and False."""
    subject = await subject_of(r, user)
    try:
        asked = Mapped(mapping.name, mapping.header, Compiler(mappings.VOCABULARY).compile_text(mapping.expression))
        return mappings.evaluate(asked, as_read(subject), SEPARATOR), True
    except (InvalidInput, Failed) as error:
        return error.reason if isinstance(error, Failed) else "it cannot be read", False


async def subject_of(r: Reading, user: User) -> Subject:
    """A user as policies see them."""
    groups = await groups_of(r, user.id)
    return Subject(
        user_id=user.id,
        username=user.username,
        name=user.name,
        email=user.email,
        is_active=user.is_active,
        is_superuser=any(group.is_superuser for group in groups),
        type=user.type,
        groups=frozenset(group.id for group in groups),
        group_names=tuple(group.name for group in groups),
        attributes=user.attributes,
    )


async def rules_of(r: Reading, application: Application, compiler: PolicyCompiler) -> ApplicationRules:
    """What decides about one application. A compiler takes a while to make; hand in one that is kept."""
    return rules_from(application, await bindings_of(r, application.id), compiler)


def rules_from(application: Application, bindings: Sequence[Bound], compiler: PolicyCompiler) -> ApplicationRules:
    """The same from bindings that were read already."""
    rules = [as_rule(bound, compiler) for bound in bindings]
    return ApplicationRules(
        id=application.id,
        slug=application.slug,
        name=application.name,
        enabled=application.enabled,
        access=application.access,
        mode=application.policy_engine_mode,
        rules=rules,
        wants_standing=wants_standing(rules),
    )


def as_rule(bound: Bound, compiler: PolicyCompiler) -> Rule:
    """What a binding asks, whatever it is bound to."""
    binding, policy = bound.binding, bound.policy
    return Rule(
        binding_id=binding.id,
        order=binding.order,
        kind=bound.target.kind,
        key=str(binding.user_id or binding.group_id or binding.policy_id or ""),
        name=bound.target.name,
        negate=binding.negate,
        enabled=binding.enabled,
        expires=binding.expires,
        expression=None if policy is None else compiler.ready(policy.type, policy.expression, policy.config),
    )
