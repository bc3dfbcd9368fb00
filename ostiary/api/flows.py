"""``/flows/``: flows, their stages' places, and what can be asked of a flow. Running one is in `executor`."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi.responses import Response
from pydantic import BaseModel

from ostiary.api.generic import Generic, found
from ostiary.api.operations import Asking, Operations, able, holding
from ostiary.blueprints.export import Export
from ostiary.flows.diagram import diagram
from ostiary.objects.flow_parts import belonging
from ostiary.objects.kind import CHANGE
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms


class FlowDiagram(BaseModel):
    """A flow as a picture."""

    diagram: str


class Link(BaseModel):
    """An address."""

    link: str


class Cache(BaseModel):
    """How much is remembered."""

    count: int


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    flows, database = kinds["authentik_flows.flow"], rooms.database

    def operation(suffix: str, method: str = "GET", **more: Any) -> Callable[[Any], Any]:
        path, _, name = suffix.partition(" ")
        return operations.operation(method, f"/flows/instances/{path}", f"flows_instances_{name}", tag="flows", **more)

    @operation("cache_info/ cache_info_retrieve", who=holding("authentik_flows.view_flow_cache"), answers=Cache)
    async def cache_info(asking: Asking) -> dict[str, int]:
        """Flows are read anew at every run: nothing is remembered."""
        return {"count": 0}

    @operation("cache_clear/ cache_clear_create", "POST", who=holding("authentik_flows.clear_flow_cache"), status=204)
    async def cache_clear(asking: Asking) -> None:
        """There is nothing to forget."""

    @operation("{slug}/diagram/ diagram_retrieve", who=able(flows), answers=FlowDiagram)
    async def drawn(slug: str, asking: Asking) -> dict[str, str]:
        """The flow in Mermaid's words."""
        async with database.reading() as r:
            row = await found(r, flows, slug, asking)
            return {"diagram": diagram(await rooms.flows.uses.plan(r, row))}

    @operation("{slug}/execute/ execute_retrieve", who=able(flows, CHANGE), answers=Link)
    async def execute(slug: str, asking: Asking) -> dict[str, str]:
        """Where a browser runs it."""
        async with database.reading() as r:
            row = await found(r, flows, slug, asking)
            base_url = (await rooms.system.shown(r))["base_url"]
        return {"link": f"{base_url}/if/flow/{quote(row.slug)}/"}

    yaml = {200: {"content": {"text/yaml": {"schema": {"type": "string"}}}}}

    @operation(
        "{slug}/export/ export_retrieve",
        who=holding("authentik_flows.export_flow"),
        response_class=Response,
        responses=yaml,
    )
    async def exported(slug: str, asking: Asking) -> Response:
        """The flow with its stages and their places, as a blueprint."""
        async with database.reading() as r:
            row = await found(r, flows, slug, asking)
            text = await Export(kinds).written(r, only=await belonging(r, row))
        return Response(
            text,
            media_type="text/yaml",
            headers={"Content-Disposition": f'attachment; filename="{row.slug}.yaml"'},
        )

    Generic(operations, database, flows, path="/flows/instances/", prefix="flows_instances", key="slug")
    Generic(
        operations,
        database,
        kinds["authentik_flows.flowstagebinding"],
        path="/flows/bindings/",
        prefix="flows_bindings",
        key="fsb_uuid",
    )
