"""May this subject do this, and why: the whole decision, free of input and output.

An application says ``everyone`` or ``bound``. Only the rules of a bound one are asked; ``any`` needs one that passes,
``all`` needs each to pass. A bound application without a rule in force denies, so nothing that disappears (a group, a
policy, a binding that ran out) can open a door.

A rule that errs does not pass, negated or not. In ``any`` mode another rule may still pass: rules there are
alternatives, and a broken alternative opens nothing. In ``all`` mode it denies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ostiary.directory.vocabulary import PERSON
from ostiary.kit.expressions import Failed, Vocabulary

VOCABULARY = Vocabulary(
    {
        **PERSON,
        "request.host": "string",
        "request.method": "string",
        "request.path": "string",
        "request.client_ip": "string",
        "now": "timestamp",
    }
)
"""What a rule may read. ``request.path`` has no query."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks. ``groups`` are ids and ``group_names`` names, both with inherited groups."""

    user_id: int
    username: str
    name: str = ""
    email: str = ""
    is_active: bool = True
    is_superuser: bool = False
    type: str = "internal"
    groups: frozenset[str] = frozenset()
    group_names: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a name and an address have earned at sign-in: the sums of all scores of the ``name`` and of the ``address``,
    each None where it is not known, and of ``both`` together, which are part of the other two."""

    name: int | None = None
    address: int | None = None
    both: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for, and when. Empty texts where there is no request, as in a launch page's list.

    ``standing`` is None where nobody knows it, ``event`` where nothing has happened: policies about them fail there.
    """

    now: datetime
    host: str = ""
    method: str = ""
    path: str = ""
    client_ip: str = ""
    standing: Standing | None = None
    event: Mapping[str, Any] | None = None


class Asked(Protocol):
    """A policy that can be asked, of whatever type. An expression is one."""

    @property
    def volatile(self) -> bool:
        """Whether its answer may change while the person, the groups and the policy stay the same."""

    @property
    def reads(self) -> frozenset[str]:
        """The names of what it reads."""

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Exactly true or exactly false; raises `Failed` for everything else."""


class Kind(StrEnum):
    """What a rule asks about the subject."""

    USER = "user"
    GROUP = "group"
    POLICY = "policy"
    LOST = "lost"
    """Whom or what the binding named was deleted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One binding. ``kind`` is a `Kind`, ``key`` the user's id in decimal, the group's or the policy's id.

    ``name`` is that subject's, for people to read. ``expression`` is what a policy asks; a policy's rule without one
    could not be compiled: it errs.
    """

    binding_id: str
    order: int
    kind: str
    key: str
    name: str
    negate: bool = False
    enabled: bool = True
    expires: datetime | None = None
    expression: Asked | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether it counts at this moment; it stops counting at ``expires``."""
        return self.enabled and (self.expires is None or now < self.expires)


class Result(StrEnum):
    """A rule's part in a decision."""

    FOR = "for"
    AGAINST = "against"
    ERROR = "error"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a decision: the rule (None for what is no rule), its result and one sentence for administrators."""

    rule: Rule | None
    result: Result
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer with its reasons, in the rules' order.

    ``volatile`` decisions hold for this question only. Others may be kept until the data that they came from changes,
    and no longer than ``expires``.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    volatile: bool = False
    expires: datetime | None = None


def wants_standing(rules: Sequence[Rule]) -> bool:
    """Whether one of these rules asks what somebody has earned at sign-in."""
    return any(rule.expression is not None and "standing" in rule.expression.reads for rule in rules)


def decide(access: str, mode: str, rules: Sequence[Rule], subject: Subject, question: Question) -> Decision:
    """The decision. Unknown words for ``access`` and ``mode`` deny."""
    if access == "everyone":
        return Decision(allowed=True, reasons=(Reason(None, Result.FOR, "Everyone who is signed in may open it."),))
    if access != "bound" or mode not in ("any", "all"):
        return Decision(
            allowed=False, reasons=(Reason(None, Result.ERROR, "The stored access rule is not one that exists."),)
        )
    ordered = sorted(rules, key=lambda rule: (rule.order, rule.binding_id))
    reasons = tuple(_ask(rule, subject, question) for rule in ordered)
    asked = [reason for reason in reasons if reason.result is not Result.IDLE]
    expires = min(
        (rule.expires for rule in ordered if rule.expires is not None and rule.in_force(question.now)), default=None
    )
    if not asked:
        nothing = Reason(None, Result.AGAINST, "It is open to bound people only, and no binding is in force.")
        return Decision(allowed=False, reasons=(*reasons, nothing))
    passes = [reason.result is Result.FOR for reason in asked]
    allowed = all(passes) if mode == "all" else any(passes)
    # What a lasting rule settles, no request and no hour can change.
    lasting = [passed for reason, passed in zip(asked, passes, strict=True) if not _volatile(reason)]
    settled = (not all(lasting)) if mode == "all" else any(lasting)
    return Decision(allowed, reasons, volatile=len(lasting) < len(asked) and not settled, expires=expires)


def _volatile(reason: Reason) -> bool:
    expression = reason.rule.expression if reason.rule else None
    return expression is not None and expression.volatile


def _ask(rule: Rule, subject: Subject, question: Question) -> Reason:
    if not rule.enabled:
        return Reason(rule, Result.IDLE, "The binding is disabled.")
    if not rule.in_force(question.now):
        return Reason(rule, Result.IDLE, "The binding has expired.")
    if rule.kind == Kind.POLICY:
        return _ask_policy(rule, subject, question)
    if rule.kind == Kind.USER:
        met = rule.key == str(subject.user_id)
        text = f"The person is {'' if met else 'not '}{rule.name}."
        return _settle(rule, met, text)
    if rule.kind == Kind.GROUP:
        met = rule.key in subject.groups
        text = f"The person is {'' if met else 'not '}in group {rule.name}."
        return _settle(rule, met, text)
    if rule.kind == Kind.LOST:
        return Reason(rule, Result.ERROR, "Whom or what the binding named was deleted, so it never passes.")
    return Reason(rule, Result.ERROR, "The binding's kind is not one that exists.")


def _ask_policy(rule: Rule, subject: Subject, question: Question) -> Reason:
    if rule.expression is None:
        return Reason(rule, Result.ERROR, f"Policy {rule.name} cannot be read, so it never passes.")
    try:
        met = rule.expression.evaluate(_values(subject, question))
    except Failed as failure:
        return Reason(rule, Result.ERROR, f"Policy {rule.name} failed, so it does not pass: {failure.reason}")
    return _settle(rule, met, f"Policy {rule.name} answered {'true' if met else 'false'}.")


def _settle(rule: Rule, met: bool, text: str) -> Reason:
    if rule.negate:
        text += " The binding is negated."
    return Reason(rule, Result.FOR if met is not rule.negate else Result.AGAINST, text)


def as_read(subject: Subject) -> dict[str, Any]:
    """A person as expressions read them, by the names of ``PERSON``."""
    return {
        "user.id": subject.user_id,
        "user.username": subject.username,
        "user.name": subject.name,
        "user.email": subject.email,
        "user.type": subject.type,
        "user.is_superuser": subject.is_superuser,
        "user.groups": list(subject.group_names),
        "user.attributes": dict(subject.attributes),
    }


def _values(subject: Subject, question: Question) -> dict[str, Any]:
    return as_read(subject) | {
        "request.host": question.host,
        "request.method": question.method,
        "request.path": question.path,
        "request.client_ip": question.client_ip,
        "now": question.now,
        "standing": question.standing,
        "event": question.event,
    }
