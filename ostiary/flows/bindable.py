"""Flows, and stages' places in them, as something that policies, groups and people are bound to."""

from typing import Final

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.policies.bindings import Bindable
from ostiary.storage.session import Reading


async def _flow(r: Reading, flow_id: str) -> str | None:
    slug: str | None = await r.scalar(select(Flow.slug).where(Flow.id == flow_id))
    return slug


async def _place(r: Reading, binding_id: str) -> str | None:
    query = (
        select(Flow.slug, Stage.name)
        .join(StageBinding, StageBinding.flow_id == Flow.id)
        .join(Stage, Stage.id == StageBinding.stage_id)
        .where(StageBinding.id == binding_id)
    )
    found = (await r.execute(query)).one_or_none()
    return None if found is None else f"{found[1]} in {found[0]}"


FLOWS: Final = Bindable("flow_id", "flow", _flow)
STAGES: Final = Bindable("stage_binding_id", "stage_binding", _place)
