"""What a flow is made of, for an export of it alone."""

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.stages.types import TYPES
from ostiary.objects.stage_words import WORDS
from ostiary.storage.session import Reading


async def belonging(r: Reading, flow: Flow) -> dict[str, list[str]]:
    """Primary keys by model: the flow, its stages with those that they refer to, their places."""
    places = (await r.scalars(select(StageBinding).where(StageBinding.flow_id == flow.id))).all()
    wanted = {place.stage_id for place in places}
    stages = (await r.scalars(select(Stage).where(Stage.id.in_(wanted)))).all()
    named = {
        stage.config.get(option) for stage in stages if stage.type in TYPES for option in TYPES[stage.type].references
    }
    others = (await r.scalars(select(Stage).where(Stage.id.in_(named - wanted - {None})))).all()
    parts: dict[str, list[str]] = {"authentik_flows.flow": [flow.id]}
    for stage in (*stages, *others):
        # What nobody can make, no file makes.
        if stage.type in TYPES:
            parts.setdefault(WORDS[stage.type].label, []).append(stage.id)
    if places:
        parts["authentik_flows.flowstagebinding"] = [place.id for place in places]
    return parts
