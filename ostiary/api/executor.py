"""``/flows/executor/`` and ``/flows/inspector/``: running a flow as authentik's clients do, and looking at a run."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from ostiary.api.challenges import ChallengeTypes, answers_schema
from ostiary.api.generic import found
from ostiary.api.operations import ANYONE, Asking, Operations, holding
from ostiary.flows.models import StageBinding
from ostiary.flows.programs import FlowPrograms
from ostiary.kit.errors import InvalidInput
from ostiary.objects.flows import FlowStageBinding
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.web.visits import Visit

_Query = Annotated[str, Query(max_length=8192, description="The query string of the page that the flow runs on.")]


class FlowInspectorPlan(BaseModel):
    """A run at one of its stages."""

    current_stage: FlowStageBinding
    next_planned_stage: FlowStageBinding
    plan_context: dict[str, Any]
    session_id: str


class FlowInspection(BaseModel):
    """What this browser's run of a flow has come to."""

    model_config = ConfigDict(title="FlowInspection")

    plans: list[FlowInspectorPlan]
    current_plan: FlowInspectorPlan | None
    is_completed: bool


def mount(operations: Operations, kinds: Kinds, rooms: Rooms, programs: FlowPrograms) -> None:
    """Adds the operations."""
    flows, bindings = kinds["authentik_flows.flow"], kinds["authentik_flows.flowstagebinding"]
    told: dict[str, Any] = {"who": ANYONE, "tag": "flows", "answers": ChallengeTypes}
    path = "/flows/executor/{flow_slug}/"

    @operations.operation("GET", path, "flows_executor_get", **told)
    async def get(flow_slug: str, request: Request, query: _Query = "") -> Response:
        """The present challenge of a flow."""
        return await programs.get(_visit(request), flow_slug, query)

    body = {"required": True, "content": {"application/json": {"schema": answers_schema()}}}

    @operations.operation("POST", path, "flows_executor_solve", openapi_extra={"requestBody": body}, **told)
    async def solve(flow_slug: str, request: Request, query: _Query = "") -> Response:
        """Answers the present challenge; the answer to that is the next one."""
        return await programs.solve(_visit(request), flow_slug, query)

    @operations.operation(
        "GET",
        "/flows/inspector/{flow_slug}/",
        "flows_inspector_get",
        who=holding("authentik_flows.inspect_flow"),
        tag="flows",
        answers=FlowInspection,
    )
    async def inspect(flow_slug: str, request: Request, asking: Asking) -> dict[str, Any]:
        """Where this browser's run stands. At the last stage there is no next one, which the shape cannot say; then
        only the context is missing.
        """
        async with rooms.database.reading() as r:
            row = await found(r, flows, flow_slug, asking)
        run = await programs.present(_visit(request), row.slug)
        plan = None
        if run is not None and run.position + 1 < len(run.plan.stages):
            ids = [stage.binding_id for stage in run.plan.stages[run.position : run.position + 2]]
            async with rooms.database.reading() as r:
                rows = [await r.get(StageBinding, one) for one in ids]
                if None not in rows:
                    current, following = await bindings.read(r, rows, asking, {})
                    context = {"pending_user_identifier": run.pending.typed} if run.pending else {}
                    plan = {
                        "current_stage": current,
                        "next_planned_stage": following,
                        "plan_context": context,
                        "session_id": run.id or "",
                    }
        return {"plans": [plan] if plan else [], "current_plan": plan, "is_completed": False}


def _visit(request: Request) -> Visit:
    visit: Visit | None = request.state.visit
    if visit is None:
        raise InvalidInput("flow.token_not_taken", "A flow is run by a browser with its cookies, not by a token.")
    return visit
