"""Runs flows, without HTTP: it shows a stage, judges its answer, goes on.

Until the first successful answer the state lives in the form, sealed and bound to the browser, so that a stranger who
only looks costs no row. From then on it is one row that each step takes away and writes anew: a step happens once.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select

from ostiary.flows.intent import Intent, decoded, encoded
from ostiary.flows.models import Flow, FlowRun, StageBinding
from ostiary.flows.models import Stage as StageRow
from ostiary.flows.plan import Plan, PlannedStage, plan
from ostiary.flows.run import Again, Effects, Pending, Question, Run, Stage, Visitor, advanced
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, NotFound, Refused
from ostiary.kit.tokens import b64
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database

_PURPOSE = "flow-run"
_LIFETIME = timedelta(minutes=30)
# What cannot be one is not asked for: PostgreSQL knows no NUL.
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,255}")
_ID = re.compile(r"[-0-9a-f]{36}")


@dataclass(frozen=True)
class Shown:
    """A stage asks. ``errors`` is not empty if it asks again."""

    run: Run
    question: Question
    errors: dict[str, str]
    status: int = 200


@dataclass(frozen=True)
class Finished:
    """The flow is over."""

    run: Run
    effects: Effects


class Executor:
    """``stages`` maps a stage type to what runs it."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets, stages: Mapping[str, Stage]) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._stages = dict(stages)

    async def plan(self, slug: str) -> Plan:
        """The stored flow. Raises `flow.not_found`, or `flow.stage_type_unknown` for one that cannot run whole."""
        async with self._database.reading() as r:
            flow = await r.scalar(select(Flow).where(Flow.slug == slug)) if _SLUG.fullmatch(slug) else None
            if flow is None:
                raise NotFound("flow.not_found", "There is no such page.")
            rows = await r.execute(
                select(StageBinding.order, StageRow)
                .join(StageRow, StageRow.id == StageBinding.stage_id)
                .where(StageBinding.flow_id == flow.id)
            )
            bound = [(order, PlannedStage(stage.name, stage.type, stage.config)) for order, stage in rows]
        return plan(
            slug=flow.slug,
            title=flow.title,
            designation=flow.designation,
            authentication=flow.authentication,
            bound=bound,
            known_types=self._stages.keys(),
        )

    async def begin(self, plan: Plan, intent: Intent, visitor: Visitor, browser: bytes) -> Shown | Finished:
        """Runs a flow up to its first question."""
        return await self._go(Run(plan, intent, self._clock.now()), Effects(), visitor, browser)

    async def show(self, run: Run, visitor: Visitor, errors: dict[str, str] | None = None) -> Shown | None:
        """The question of a run's present stage; None if it has none any more."""
        stage = run.stage
        question = None if stage is None else await self._stages[stage.type].ask(run, stage, visitor)
        return None if question is None else Shown(run, question, errors or {})

    async def answer(self, run: Run, fields: dict[str, str], visitor: Visitor, browser: bytes) -> Shown | Finished:
        """Gives an answer to the present stage: asked again, or on to the next question or the end."""
        stage = run.stage
        question = None if stage is None else await self._stages[stage.type].ask(run, stage, visitor)
        if stage is None or question is None:
            raise Refused("flow.not_asked", "This step asks nothing any more; please start again.")
        result = await self._stages[stage.type].act(run, stage, fields, visitor)
        if isinstance(result, Again):
            return Shown(run, question, result.errors, result.status)
        await self._take(run)
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

    async def _go(self, run: Run, effects: Effects, visitor: Visitor, browser: bytes) -> Shown | Finished:
        while (stage := run.stage) is not None:
            runner = self._stages[stage.type]
            question = await runner.ask(run, stage, visitor)
            if question is not None:
                return Shown(await self._put(run, browser), question, {})
            result = await runner.act(run, stage, {}, visitor)
            if isinstance(result, Again):
                raise Refused("flow.step_refused", " ".join(result.errors.values()))
            run = advanced(run, result.pending)
            effects = effects.joined(result.effects)
        return Finished(run, effects)

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
        return Run(run.plan, run.intent, run.began, run.position, run.pending, row_id)

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
            pending = Pending(pending["typed"], pending["user_id"], tuple(pending["proved"]), pending["epoch"])
        return Run(plan, decoded(state["intent"]), began, state["position"], pending, run_id)


def _encoded(run: Run) -> bytes:
    state = {
        "flow": _shape(run.plan),
        "intent": encoded(run.intent),
        "began": run.began.timestamp(),
        "position": run.position,
        "pending": None if run.pending is None else asdict(run.pending),
    }
    return json.dumps(state).encode()


def _shape(plan: Plan) -> list[str]:
    # A run whose flow was changed under it begins anew: its position may mean another stage now.
    return [plan.slug, *(f"{stage.name} {stage.type}" for stage in plan.stages)]


def _bound(browser: bytes) -> str:
    return b64(browser)
