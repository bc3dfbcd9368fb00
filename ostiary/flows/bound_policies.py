"""Asks what is bound to flows and to the places of stages in them.

A flow without bindings is for everybody whom its ``authentication`` lets run it; one with bindings denies unless they
pass, and what errs does not pass. Bindings that are switched off do not count; one that has ended still counts as one
that does not pass, so that no flow opens by itself.

For a stage it depends on what the stage does. One that protects – asks for a name or a password, denies – is left out
only if its bindings clearly say so: where one errs, or none is in force any more, it takes part, so that a policy that
fails never skips a proof. One that gives – the login itself – is given only if they pass; where that cannot be known,
the flow ends with that sentence.

Policies see a person only once they have proved who they are, or are signed in: what a page asks of somebody who only
typed a name would tell strangers about the account. Before that, ``user.id`` is 0 and there are no groups.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, select

from ostiary.access.explain import as_rule, subject_of
from ostiary.applications.bindings import bindings_where
from ostiary.directory.models import User
from ostiary.directory.users import find_for_sign_in
from ostiary.flows.conditions import GIVING, Opinion
from ostiary.flows.models import Flow, StageBinding
from ostiary.flows.plan import Plan, PlannedStage
from ostiary.flows.run import Pending, Visitor
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Refused
from ostiary.policies.engine import Question, Result, Rule, Subject, decide, wants_standing
from ostiary.policies.models import PolicyBinding
from ostiary.policies.reputation import Reputation, of_user, standing_of
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.session import Database, Reading

STRANGER: Final = Subject(0, "", type="")
"""How policies see somebody who has not proved who they are."""


class BoundPolicies:
    """Answers the engine."""

    def __init__(self, *, database: Database, clock: Clock, reputation: Reputation) -> None:
        self._database = database
        self._clock = clock
        self._reputation = reputation
        self._compiler = PolicyCompiler()

    async def admits(self, plan: Plan, visitor: Visitor) -> Opinion:
        """Whether the visitor may begin this flow."""
        async with self._database.reading() as r:
            rules = await self._rules(r, PolicyBinding.flow_id == plan.id)
            if not rules:
                return Opinion(passes=True)
            subject, key = await self._person(r, None, visitor)
            question = await self._question(r, rules, key, visitor)
        allowed = decide("bound", plan.policy_engine_mode, rules, subject, question).allowed
        return Opinion(allowed and not _lapsed(plan.policy_engine_mode, rules, question.now))

    async def includes(self, plan: Plan, stage: PlannedStage, pending: Pending | None, visitor: Visitor) -> Opinion:
        """Whether a stage takes part. Raises `flow.policy_failed` for one that gives where nobody can know."""
        if not stage.conditional:
            return Opinion(passes=True)
        async with self._database.reading() as r:
            rules = await self._rules(r, PolicyBinding.stage_binding_id == stage.binding_id)
            if not rules:
                return Opinion(passes=True)
            subject, key = await self._person(r, pending, visitor)
            question = await self._question(r, rules, key, visitor)
        decision = decide("bound", stage.policy_engine_mode, rules, subject, question)
        lapsed = stage.type in GIVING and _lapsed(stage.policy_engine_mode, rules, question.now)
        if decision.allowed and not lapsed:
            return Opinion(passes=True)
        in_force = [reason for reason in decision.reasons if reason.rule is not None and reason.result != Result.IDLE]
        unclear = not in_force or any(reason.result is Result.ERROR for reason in decision.reasons)
        if unclear and stage.type in GIVING:
            raise Refused(
                "flow.policy_failed",
                "Whether you may go on here could not be decided. Tell an administrator; the policies of this flow need"
                " a look.",
            )
        return Opinion(passes=unclear)

    async def conditional(self, r: Reading, plan_id: str) -> frozenset[str]:
        """The ids of those of a flow's stage bindings that have bindings of their own."""
        query = (
            select(PolicyBinding.stage_binding_id)
            .join(StageBinding, StageBinding.id == PolicyBinding.stage_binding_id)
            .where(StageBinding.flow_id == plan_id, PolicyBinding.enabled)
        )
        return frozenset(key for key in await r.scalars(query) if key is not None)

    async def shut(self, r: Reading, plan_id: str) -> bool:
        """Whether no stranger may begin a flow, whatever the hour and their address."""
        rules = await self._rules(r, PolicyBinding.flow_id == plan_id)
        mode = await r.scalar(select(Flow.policy_engine_mode).where(Flow.id == plan_id))
        if not rules or mode is None:
            return False
        now = self._clock.now()
        decision = decide("bound", mode, rules, STRANGER, Question(now))
        return _lapsed(mode, rules, now) or (not decision.allowed and not decision.volatile)

    async def _rules(self, r: Reading, target: ColumnElement[bool]) -> Sequence[Rule]:
        """What is bound there and not switched off."""
        return [as_rule(bound, self._compiler) for bound in await bindings_where(r, target) if bound.binding.enabled]

    async def _person(self, r: Reading, pending: Pending | None, visitor: Visitor) -> tuple[Subject, str]:
        """Whom policies see, and under which key they have a reputation."""
        if pending is not None and not pending.proved:
            meant = await find_for_sign_in(r, pending.typed, pending.naming)
            return STRANGER, self._reputation.subject(meant, pending.typed)
        user_id = pending.user_id if pending is not None else visitor.session.user_id if visitor.session else None
        user = None if user_id is None else await r.get(User, user_id)
        return (STRANGER, "") if user is None else (await subject_of(r, user), of_user(user.id))

    async def _question(self, r: Reading, rules: Sequence[Rule], key: str, visitor: Visitor) -> Question:
        now, address = self._clock.now(), visitor.own_ip
        standing = await standing_of(r, key, address, now) if wants_standing(rules) else None
        return Question(now, client_ip=address, standing=standing)


def _lapsed(mode: str, rules: Sequence[Rule], now: datetime) -> bool:
    """Whether one has ended of several that all have to pass: whom it kept out does not get in by that."""
    return mode == "all" and any(not rule.in_force(now) for rule in rules)
