"""Flows and their stages' places, as authentik's API has them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, select

from ostiary.events.record import Actor
from ostiary.flows.bindings import StageBindings
from ostiary.flows.models import Flow as FlowRow
from ostiary.flows.models import Stage as StageRow
from ostiary.flows.models import StageBinding
from ostiary.flows.registry import Flows
from ostiary.flows.uses import Use
from ostiary.objects.kind import Caller, Fields, Filter, Integer, Kind, Shown, UsedBy, Words, equals
from ostiary.objects.stage_words import WORDS
from ostiary.policies.models import PolicyBinding
from ostiary.storage.session import Reading

Designation = Literal[
    "authentication", "authorization", "invalidation", "enrollment", "unenrollment", "recovery", "stage_configuration"
]
Authentication = Literal[
    "none",
    "require_authenticated",
    "require_unauthenticated",
    "require_superuser",
    "require_redirect",
    "require_outpost",
    "require_token",
]
Denied = Literal["message_continue", "message", "continue"]
Layout = Literal[
    "stacked",
    "content_left",
    "content_right",
    "sidebar_left",
    "sidebar_right",
    "sidebar_left_frame_background",
    "sidebar_right_frame_background",
]
EngineMode = Literal["all", "any"]
InvalidResponse = Literal["retry", "restart", "restart_with_context"]


class FlowRequest(Fields):
    """What a client may set of a flow."""

    name: str
    slug: str
    title: str
    designation: Designation
    background: str = ""
    policy_engine_mode: EngineMode = "any"
    compatibility_mode: bool = False
    layout: Layout = "stacked"
    denied_action: Denied = "message_continue"
    authentication: Authentication = "none"


class FlowSet(Shown):
    """A flow, as its stages tell of it."""

    pk: str
    policybindingmodel_ptr_id: str
    name: str
    slug: str
    title: str
    designation: Designation
    background_url: str
    policy_engine_mode: EngineMode
    compatibility_mode: bool
    export_url: str
    layout: Layout
    denied_action: Denied


class Flow(FlowSet):
    """What a client receives of a flow."""

    background: str
    background_themed_urls: dict[str, str] | None
    stages: list[str]
    policies: list[str]
    cache_count: int
    authentication: Authentication


class FlowStageBindingRequest(Fields):
    """What a client may set of a stage's place."""

    target: str
    stage: str
    evaluate_on_plan: bool = False
    re_evaluate_policies: bool = True
    order: int = Field(ge=-(2**31), le=2**31 - 1)
    policy_engine_mode: EngineMode = "any"
    invalid_response_action: InvalidResponse = "retry"


class Stage(Shown):
    """What all stages have in common."""

    pk: str
    name: str
    component: str
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str
    flow_set: list[FlowSet]


class FlowStageBinding(Shown):
    """What a client receives of a stage's place."""

    pk: str
    policybindingmodel_ptr_id: str
    target: str
    stage: str
    stage_obj: Stage
    evaluate_on_plan: bool
    re_evaluate_policies: bool
    order: int
    policy_engine_mode: EngineMode
    invalid_response_action: InvalidResponse


class FlowKind(Kind):
    """Kind of flows."""

    words = Words("authentik_flows.flow", "Flow", "Flows", "ak-flow-form")
    table = FlowRow
    pk = FlowRow.id
    key = FlowRow.slug
    fields = FlowRequest
    shown = Flow
    search = (FlowRow.name, FlowRow.slug, FlowRow.designation, FlowRow.title)
    ordering: ClassVar = {
        "slug": FlowRow.slug,
        "name": FlowRow.name,
        "title": FlowRow.title,
        "designation": FlowRow.designation,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "denied_action": equals(FlowRow.denied_action, Denied),
        "designation": equals(FlowRow.designation, Designation),
        "flow_uuid": equals(FlowRow.id),
        "name": equals(FlowRow.name),
        "slug": equals(FlowRow.slug),
    }
    identifiers: ClassVar = {"slug": FlowRow.slug, "name": FlowRow.name}
    superusers_only = True

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        ids = [row.id for row in rows]
        stages: dict[str, list[str]] = defaultdict(list)
        query = (
            select(StageBinding.flow_id, StageBinding.stage_id)
            .where(StageBinding.flow_id.in_(ids))
            .order_by(StageBinding.order)
        )
        for flow_id, stage_id in await r.execute(query):
            stages[flow_id].append(stage_id)
        policies = await _policies(r, ids)
        return [
            {
                **flow_set(row),
                "background": row.background,
                "background_themed_urls": None,
                "stages": stages[row.id],
                "policies": policies[row.id],
                "cache_count": 0,
                "authentication": row.authentication,
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        return (await self._flows.create(values, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._flows.update(row.slug, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._flows.delete(row.slug, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        places = await places_of(r, StageBinding.flow_id == row.id, StageRow.name)
        return [*places, *(_told(use) for use in await self._flows.uses.of(r, row) if use.model_name)]


class BindingKind(Kind):
    """Kind of stages' places in flows."""

    words = Words(
        "authentik_flows.flowstagebinding", "Flow Stage Binding", "Flow Stage Bindings", "ak-stage-binding-form"
    )
    table = StageBinding
    pk = StageBinding.id
    key = StageBinding.id
    fields = FlowStageBindingRequest
    shown = FlowStageBinding
    search = (StageBinding.policy_engine_mode, StageBinding.invalid_response_action)
    ordering: ClassVar = {"order": StageBinding.order, "target": StageBinding.flow_id, "stage": StageBinding.stage_id}
    filters: ClassVar[Mapping[str, Filter]] = {
        "target": equals(StageBinding.flow_id),
        "stage": equals(StageBinding.stage_id),
        "order": equals(StageBinding.order, Integer),
        "fsb_uuid": equals(StageBinding.id),
        "pbm_uuid": equals(StageBinding.id),
        "policies": Filter(
            list[str],
            lambda value: StageBinding.id.in_(
                select(PolicyBinding.stage_binding_id).where(PolicyBinding.policy_id.in_(value))
            ),
        ),
        "evaluate_on_plan": equals(StageBinding.evaluate_on_plan, bool),
        "re_evaluate_policies": equals(StageBinding.re_evaluate_policies, bool),
        "policy_engine_mode": equals(StageBinding.policy_engine_mode, EngineMode),
        "invalid_response_action": equals(StageBinding.invalid_response_action, InvalidResponse),
    }
    identifiers: ClassVar = {
        "target": StageBinding.flow_id,
        "stage": StageBinding.stage_id,
        "order": StageBinding.order,
    }
    superusers_only = True

    def __init__(self, bindings: StageBindings) -> None:
        self._bindings = bindings

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        found = (await r.scalars(select(StageRow).where(StageRow.id.in_({row.stage_id for row in rows})))).all()
        sets = await flow_sets(r, found)
        stages = {stage.id: stage_facts(stage, sets[stage.id]) for stage in found}
        return [
            {
                "pk": row.id,
                "policybindingmodel_ptr_id": row.id,
                "target": row.flow_id,
                "stage": row.stage_id,
                "stage_obj": stages[row.stage_id],
                "evaluate_on_plan": row.evaluate_on_plan,
                "re_evaluate_policies": row.re_evaluate_policies,
                "order": row.order,
                "policy_engine_mode": row.policy_engine_mode,
                "invalid_response_action": row.invalid_response_action,
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        return (await self._bindings.create(values, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._bindings.update(row.id, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._bindings.delete(row.id, by=by)


async def places_of(r: Reading, condition: ColumnElement[bool], other_end: Any) -> list[UsedBy]:
    """A flow's or a stage's places, each called by what stands at its other end; they go when that one goes."""
    query = (
        select(StageBinding.id, StageBinding.order, other_end)
        .join(FlowRow, FlowRow.id == StageBinding.flow_id)
        .join(StageRow, StageRow.id == StageBinding.stage_id)
        .where(condition)
        .order_by(FlowRow.slug, StageBinding.order, StageRow.name)
    )
    return [
        UsedBy("authentik_flows", "flowstagebinding", pk, f"Flow-stage binding #{order} to {name}", "cascade")
        for pk, order, name in await r.execute(query)
    ]


def flow_set(flow: FlowRow) -> dict[str, Any]:
    """A flow as its stages tell of it."""
    return {
        "pk": flow.id,
        "policybindingmodel_ptr_id": flow.id,
        "name": flow.name,
        "slug": flow.slug,
        "title": flow.title,
        "designation": flow.designation,
        "background_url": "",
        "policy_engine_mode": flow.policy_engine_mode,
        "compatibility_mode": flow.compatibility_mode,
        "export_url": f"/api/v3/flows/instances/{flow.slug}/export/",
        "layout": "stacked",
        "denied_action": flow.denied_action,
    }


def stage_facts(stage: StageRow, flows: list[dict[str, Any]]) -> dict[str, Any]:
    """What all stages have in common."""
    return {"pk": stage.id, "name": stage.name, "flow_set": flows, **WORDS[stage.type].shown()}


async def flow_sets(r: Reading, stages: Iterable[StageRow]) -> dict[str, list[dict[str, Any]]]:
    """The flows of each of these stages, in one statement."""
    sets: dict[str, list[dict[str, Any]]] = {stage.id: [] for stage in stages}
    query = (
        select(StageBinding.stage_id, FlowRow)
        .join(FlowRow, FlowRow.id == StageBinding.flow_id)
        .where(StageBinding.stage_id.in_(sets))
        .order_by(FlowRow.slug)
        .distinct()
    )
    for stage_id, flow in await r.execute(query):
        sets[stage_id].append(flow_set(flow))
    return sets


async def _policies(r: Reading, flow_ids: Sequence[str]) -> dict[str, list[str]]:
    """The policies bound to each of these flows, in one statement."""
    found: dict[str, list[str]] = defaultdict(list)
    query = (
        select(PolicyBinding.flow_id, PolicyBinding.policy_id)
        .where(PolicyBinding.flow_id.in_(flow_ids), PolicyBinding.policy_id.is_not(None))
        .order_by(PolicyBinding.order, PolicyBinding.id)
    )
    for flow_id, policy_id in await r.execute(query):
        if flow_id and policy_id and policy_id not in found[flow_id]:
            found[flow_id].append(policy_id)
    return found


def _told(use: Use) -> UsedBy:
    # A flow in use is not deleted at all; where somebody insists, the name stays and leads nowhere.
    return UsedBy(use.app, use.model_name, use.pk, use.name, "left_dangling")
