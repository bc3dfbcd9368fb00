"""Flows, and stages' places in them, as something that policies, groups and people are bound to."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.uses import Uses
from ostiary.policies.bindings import Bindable
from ostiary.storage.session import Reading, Writing


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


def bindables(uses: Uses) -> tuple[Bindable, Bindable]:
    """Flows and places. What is bound to them must not leave people without a way in or out."""

    def flow(w: Writing, flow_id: str) -> AbstractAsyncContextManager[None]:
        return uses.held(w, [flow_id])

    @asynccontextmanager
    async def place(w: Writing, binding_id: str) -> AsyncIterator[None]:
        found = await w.scalar(select(StageBinding.flow_id).where(StageBinding.id == binding_id))
        async with uses.held(w, [] if found is None else [found]):
            yield

    return (
        Bindable("flow_id", "flow", _flow, held=flow),
        Bindable("stage_binding_id", "stage_binding", _place, held=place),
    )
