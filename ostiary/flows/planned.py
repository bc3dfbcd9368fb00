"""A stored flow as the engine runs it."""

from collections.abc import Collection

from sqlalchemy import select

from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.plan import Plan, PlannedStage, plan
from ostiary.storage.session import Reading


async def planned(
    r: Reading, flow: Flow, *, known_types: Collection[str], conditional: frozenset[str] = frozenset()
) -> Plan:
    """Raises `flow.stage_type_unknown` for one that cannot run whole."""
    query = (
        select(StageBinding, Stage)
        .join(Stage, Stage.id == StageBinding.stage_id)
        .where(StageBinding.flow_id == flow.id)
    )
    rows = [(binding, stage) for binding, stage in await r.execute(query)]
    shown = await _shown_passwords(r, [stage for _, stage in rows])
    bound = [
        (
            binding.order,
            PlannedStage(
                stage.name,
                stage.type,
                {**stage.config, **shown.get(str(stage.config.get("password_stage")), {})},
                binding.id,
                binding.evaluate_on_plan,
                binding.re_evaluate_policies,
                binding.policy_engine_mode,
                binding.invalid_response_action,
                binding.id in conditional,
            ),
        )
        for binding, stage in rows
    ]
    return plan(
        slug=flow.slug,
        title=flow.title,
        designation=flow.designation,
        authentication=flow.authentication,
        bound=bound,
        known_types=known_types,
        flow_id=flow.id,
        denied_action=flow.denied_action,
        policy_engine_mode=flow.policy_engine_mode,
    )


async def _shown_passwords(r: Reading, stages: list[Stage]) -> dict[str, dict[str, bool]]:
    """What an identification stage takes over from the password stage whose field it shows."""
    wanted = {str(stage.config["password_stage"]) for stage in stages if stage.config.get("password_stage")}
    if not wanted:
        return {}
    rows = await r.execute(select(Stage.id, Stage.config).where(Stage.id.in_(wanted)))
    return {key: {"allow_show_password": bool(config.get("allow_show_password"))} for key, config in rows}
