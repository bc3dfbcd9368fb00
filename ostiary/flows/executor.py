"""Runs flows, without HTTP: it shows a stage, judges its answer, goes on.

Until the first successful answer the state lives in the form, sealed and bound to the browser, so that a stranger who
only looks costs no row. From then on it is one row that each step takes away and writes anew: a step happens once.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from ostiary.directory.naming import Naming
from ostiary.directory.permissions import permissions_of
from ostiary.flows.conditions import GIVING, UNCONDITIONAL, Conditions
from ostiary.flows.intent import Intent, decoded, encoded
from ostiary.flows.models import Flow, FlowRun
from ostiary.flows.plan import Plan
from ostiary.flows.planned import planned
from ostiary.flows.run import Again, Deny, Effects, Pending, Question, Run, Stage, Visitor, advanced
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, NotFound, Refused
from ostiary.kit.tokens import b64
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database

_PURPOSE = "flow-run"
_LIFETIME = timedelta(minutes=30)
# Changes with the form of the state, so that a run of another release begins anew instead of being misread.
_SHAPE = "2"
# What cannot be one is not asked for: PostgreSQL knows no NUL.
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,255}")
_ID = re.compile(r"[-0-9a-f]{36}")


@dataclass(frozen=True)
class Shown:
    """A stage asks. ``errors`` is not empty if it asks again. ``effects`` are those of the stages before it."""

    run: Run
    question: Question
    errors: dict[str, str]
    status: int = 200
    effects: Effects = field(default_factory=Effects)


@dataclass(frozen=True)
class Finished:
    """The flow is over."""

    run: Run
    effects: Effects


@dataclass(frozen=True)
class Denied:
    """The flow has ended without success. ``at_once``: it did not even begin, so that its ``denied_action`` says where
    the visitor goes.
    """

    plan: Plan
    intent: Intent
    message: str
    at_once: bool = False
    pending: Pending | None = None


Outcome = Shown | Finished | Denied


class Executor:
    """``stages`` maps a stage type to what runs it; ``conditions`` asks the policies of flows and stages."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        secrets: Secrets,
        stages: Mapping[str, Stage],
        conditions: Conditions = UNCONDITIONAL,
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._stages = dict(stages)
        self._conditions = conditions

    async def plan(self, slug: str) -> Plan:
        """The stored flow. Raises `flow.not_found`, or `flow.stage_type_unknown` for one that cannot run whole."""
        async with self._database.reading() as r:
            flow = await r.scalar(select(Flow).where(Flow.slug == slug)) if _SLUG.fullmatch(slug) else None
            if flow is None:
                raise NotFound("flow.not_found", "There is no such page.")
            conditional = await self._conditions.conditional(r, flow.id)
            return await planned(r, flow, known_types=self._stages.keys(), conditional=conditional)

    async def is_superuser(self, user_id: int) -> bool:
        """Whether this person may run what asks for a superuser."""
        async with self._database.reading() as r:
            return (await permissions_of(r, user_id)).superuser

    async def begin(self, plan: Plan, intent: Intent, visitor: Visitor, browser: bytes) -> Outcome:
        """Runs a flow up to its first question."""
        denied = await self._denied(plan, intent, visitor)
        if denied is not None:
            return denied
        left_out = [
            position
            for position, stage in enumerate(plan.stages)
            if stage.evaluate_on_plan and not (await self._conditions.includes(plan, stage, None, visitor)).passes
        ]
        run = Run(plan, intent, self._clock.now(), left_out=tuple(left_out))
        return await self._go(run, Effects(), visitor, browser)

    async def show(self, run: Run, visitor: Visitor, errors: dict[str, str] | None = None) -> Shown | None:
        """The question of a run's present stage; None if it has none any more."""
        stage = run.stage
        question = None if stage is None else await self._stages[stage.type].ask(run, stage, visitor)
        return None if question is None else Shown(run, question, errors or {})

    async def answer(self, run: Run, fields: dict[str, str], visitor: Visitor, browser: bytes) -> Outcome:
        """Gives an answer to the present stage: asked again, or on to the next question or the end."""
        denied = None if run.id is not None else await self._denied(run.plan, run.intent, visitor)
        if denied is not None:
            return denied
        stage = run.stage
        question = None
        # A question may lie open for half an hour, and what let it be asked may be over by then.
        if stage is not None and await self._takes_part(run, visitor):
            question = await self._stages[stage.type].ask(run, stage, visitor)
        if stage is None or question is None:
            raise Refused("flow.not_asked", "This step asks nothing any more; please start again.")
        result = await self._stages[stage.type].act(run, stage, fields, visitor)
        if isinstance(result, Again):
            return await self._again(run, question, result, visitor, browser)
        await self._take(run)
        if isinstance(result, Deny):
            return Denied(run.plan, run.intent, result.message, pending=run.pending)
        return await self._go(advanced(run, result.pending), result.effects, visitor, browser)

    def sealed(self, run: Run, browser: bytes) -> str:
        """The state of a run that is not stored yet, for the form; it opens only in this browser."""
        return self._secrets.seal(_PURPOSE, _encoded(run), _bound(browser))

    def opened(self, plan: Plan, text: str, browser: bytes) -> Run | None:
        """The run of a form; None if it is not ours, not this browser's, too old, or the flow has changed since."""
        try:
            return self._decoded(plan, self._secrets.open(_PURPOSE, text, _bound(browser)), None)
        except InvalidInput:
            return None

    async def stored(self, plan: Plan, run_id: str, browser: bytes) -> Run | None:
        """The stored run; None under the same conditions."""
        if not _ID.fullmatch(run_id):
            return None
        async with self._database.reading() as r:
            row = await r.scalar(
                select(FlowRun).where(
                    FlowRun.id == run_id,
                    FlowRun.browser_hash.in_(self._secrets.hashes(_PURPOSE, browser)),
                    FlowRun.expires > self._clock.now(),
                )
            )
        if row is None:
            return None
        try:
            return self._decoded(plan, self._secrets.open(_PURPOSE, row.state, f"flow_runs.state {row.id}"), row.id)
        except InvalidInput:
            return None

    async def expire(self) -> None:
        """Removes runs that nobody finished; a job calls it."""
        async with self._database.writing() as w:
            await w.execute(delete(FlowRun).where(FlowRun.expires <= self._clock.now()))

    async def abandon(self, browser: bytes) -> None:
        """Forgets the stored runs of a browser."""
        async with self._database.writing() as w:
            await w.execute(delete(FlowRun).where(FlowRun.browser_hash.in_(self._secrets.hashes(_PURPOSE, browser))))

    async def latest(self, plan: Plan, browser: bytes) -> Run | None:
        """The stored run of a flow that this browser began last, for whoever keeps nothing but cookies."""
        hashes = self._secrets.hashes(_PURPOSE, browser)
        async with self._database.reading() as r:
            newest = await r.scalar(
                select(FlowRun.id)
                .where(FlowRun.flow_id == plan.id, FlowRun.browser_hash.in_(hashes))
                .order_by(FlowRun.expires.desc())
                .limit(1)
            )
        return None if newest is None else await self.stored(plan, newest, browser)

    async def _denied(self, plan: Plan, intent: Intent, visitor: Visitor) -> Denied | None:
        opinion = await self._conditions.admits(plan, visitor)
        if opinion.passes:
            return None
        return Denied(plan, intent, " ".join(opinion.messages) or "You may not use this page.", at_once=True)

    async def _again(self, run: Run, question: Question, again: Again, visitor: Visitor, browser: bytes) -> Outcome:
        """After a wrong answer: the same question, or the flow from its beginning, or its end."""
        run = replace(run, failures=run.failures + 1)
        if again.most is not None and run.failures >= again.most:
            await self._take(run)
            return Denied(run.plan, run.intent, "There were too many wrong answers.", pending=run.pending)
        action = "retry" if run.stage is None else run.stage.invalid_response_action
        if action == "retry":
            if again.most is not None:
                await self._keep(run)
            return Shown(run, question, again.errors, again.status)
        await self._take(run)
        kept = run.pending if action == "restart_with_context" else None
        outcome = await self._go(replace(run, position=0, pending=kept, id=None), Effects(), visitor, browser)
        if not isinstance(outcome, Shown):
            return outcome
        same = outcome.question.template == question.template
        return replace(
            outcome,
            errors=again.errors if same else {"": " ".join(again.errors.values())},
            status=again.status,
        )

    async def _go(self, run: Run, effects: Effects, visitor: Visitor, browser: bytes) -> Outcome:
        while (stage := run.stage) is not None:
            if not await self._takes_part(run, visitor):
                run = advanced(run, run.pending)
                continue
            runner = self._stages[stage.type]
            question = await runner.ask(run, stage, visitor)
            if question is not None:
                return Shown(await self._put(run, browser), question, {}, effects=effects)
            result = await runner.act(run, stage, {}, visitor)
            if isinstance(result, Again):
                raise Refused("flow.step_refused", " ".join(result.errors.values()))
            if isinstance(result, Deny):
                return Denied(run.plan, run.intent, result.message, pending=run.pending)
            run = advanced(run, result.pending)
            effects = effects.joined(result.effects)
        return Finished(run, effects)

    async def _takes_part(self, run: Run, visitor: Visitor) -> bool:
        stage = run.stage
        if stage is None or run.position in run.left_out:
            return False
        # What gives something is asked for whom, and nobody has proved who they are when a run begins.
        if not stage.re_evaluate_policies and stage.type not in GIVING:
            return True
        return (await self._conditions.includes(run.plan, stage, run.pending, visitor)).passes

    async def _put(self, run: Run, browser: bytes) -> Run:
        if run.pending is None:
            return run
        row_id = new_id()
        async with self._database.writing() as w:
            flow_id = await w.scalar(select(Flow.id).where(Flow.slug == run.plan.slug))
            if flow_id is None:
                raise NotFound("flow.not_found", "There is no such page.")
            w.add(
                FlowRun(
                    id=row_id,
                    flow_id=flow_id,
                    browser_hash=self._secrets.hash(_PURPOSE, browser),
                    state=self._secrets.seal(_PURPOSE, _encoded(run), f"flow_runs.state {row_id}"),
                    expires=run.began + _LIFETIME,
                )
            )
        return replace(run, id=row_id)

    async def _keep(self, run: Run) -> None:
        """Writes a stored run's state anew in its row."""
        if run.id is None:
            return
        state = self._secrets.seal(_PURPOSE, _encoded(run), f"flow_runs.state {run.id}")
        async with self._database.writing() as w:
            await w.execute(update(FlowRun).where(FlowRun.id == run.id).values(state=state))

    async def _take(self, run: Run) -> None:
        """A stored step is taken once: of two answers at the same time, one finds nothing."""
        if run.id is None:
            return
        async with self._database.writing() as w:
            gone = await w.scalar(delete(FlowRun).where(FlowRun.id == run.id).returning(FlowRun.id))
        if gone is None:
            raise Refused("flow.step_taken", "This step has been answered already, perhaps in another tab.")

    def _decoded(self, plan: Plan, data: bytes, run_id: str | None) -> Run | None:
        state = json.loads(data)
        began = datetime.fromtimestamp(state["began"], UTC)
        if state["flow"] != _shape(plan) or not timedelta(0) <= self._clock.now() - began < _LIFETIME:
            return None
        pending = state["pending"]
        if pending is not None:
            naming = pending["naming"]
            pending = Pending(
                pending["typed"],
                pending["user_id"],
                tuple(pending["proved"]),
                pending["epoch"],
                Naming(tuple(naming["by"]), naming["any_case"]),
                pending["known_as"],
            )
        left_out, failures = tuple(state["left_out"]), state["failures"]
        return Run(plan, decoded(state["intent"]), began, state["position"], pending, run_id, left_out, failures)


def _encoded(run: Run) -> bytes:
    state = {
        "flow": _shape(run.plan),
        "intent": encoded(run.intent),
        "began": run.began.timestamp(),
        "position": run.position,
        "pending": None if run.pending is None else asdict(run.pending),
        "left_out": run.left_out,
        "failures": run.failures,
    }
    return json.dumps(state).encode()


def _shape(plan: Plan) -> list[str]:
    # A run whose flow was changed under it begins anew: its position may mean another stage now.
    text = json.dumps(
        [[stage.name, stage.type, stage.config, stage.binding_id] for stage in plan.stages], sort_keys=True
    )
    return [_SHAPE, plan.slug, hashlib.sha256(text.encode()).hexdigest()]


def _bound(browser: bytes) -> str:
    return b64(browser)
