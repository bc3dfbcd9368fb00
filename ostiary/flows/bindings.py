"""A stage's place in a flow: given, changed, taken away."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.flows.registry import ENGINE_MODES
from ostiary.flows.uses import Uses
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.given import refuse_unknown
from ostiary.storage.session import Database, Reading, Writing

ROOM: Final = "flows"
ACTIONS: Final = ("retry", "restart", "restart_with_context")
_LARGEST: Final = 2**31 - 1
_FLAGS: Final = ("evaluate_on_plan", "re_evaluate_policies")
_FIELDS: Final = ("target", "stage", "order", *_FLAGS, "policy_engine_mode", "invalid_response_action")


class StageBindings:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together.

    ``target`` and ``stage`` are ids of a flow and a stage.
    """

    def __init__(self, *, database: Database, clock: Clock, uses: Uses) -> None:
        self._database = database
        self._clock = clock
        self._uses = uses

    async def create(self, values: Mapping[str, Any], *, by: Actor, force: bool = False) -> StageBinding:
        """Raises `stage_binding.*`, and `flow.locks_out` unless ``force``."""
        checked = _checked(values)
        for field in ("target", "stage", "order"):
            if field not in checked:
                raise _invalid(field, "it is needed.")
        async with self._database.writing() as w:
            flow, stage = await _flow(w, checked["target"]), await _stage(w, checked["stage"])
            async with self._uses.held(w, [flow.id], force=force):
                binding = StageBinding(**_columns(checked))
                w.add(binding)
                await _flush(w)
            about = {**checked, "target": flow.slug, "stage": stage.name}
            await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, model="flow_stage_binding", **about)
        return binding

    async def update(
        self, binding_id: str, values: Mapping[str, Any], *, by: Actor, force: bool = False
    ) -> StageBinding:
        """Changes what is given. Raises `stage_binding.*`, and `flow.locks_out` unless ``force``."""
        checked = _checked(values)
        async with self._database.writing() as w:
            binding = await by_id(w, binding_id)
            new = _columns(checked)
            changes = {
                key: [getattr(binding, key), value] for key, value in new.items() if getattr(binding, key) != value
            }
            if not changes:
                return binding
            flow, stage = await _flow(w, binding.flow_id), await _stage(w, binding.stage_id)
            if "flow_id" in changes:
                await _flow(w, new["flow_id"])
            if "stage_id" in changes:
                await _stage(w, new["stage_id"])
            async with self._uses.held(w, [flow.id, new.get("flow_id", flow.id)], force=force):
                for key in changes:
                    setattr(binding, key, new[key])
                await _flush(w)
            about = {"target": flow.slug, "stage": stage.name, "changes": changes}
            await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="flow_stage_binding", **about)
            return binding

    async def delete(self, binding_id: str, *, by: Actor, force: bool = False) -> None:
        """Takes a stage out of a flow. Raises `flow.locks_out` unless ``force``."""
        async with self._database.writing() as w:
            binding = await by_id(w, binding_id)
            flow, stage = await _flow(w, binding.flow_id), await _stage(w, binding.stage_id)
            async with self._uses.held(w, [flow.id], force=force):
                await w.delete(binding)
            about = {"target": flow.slug, "stage": stage.name, "order": binding.order}
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="flow_stage_binding", **about)


async def by_id(r: Reading, binding_id: str) -> StageBinding:
    """Raises `stage_binding.not_found`."""
    binding = await r.get(StageBinding, binding_id)
    if binding is None:
        raise NotFound("stage_binding.not_found", "This flow stage binding does not exist.")
    return binding


async def bound_to(r: Reading, flow: Flow) -> Sequence[tuple[StageBinding, Stage]]:
    """A flow's stages in the order in which it runs them."""
    query = (
        select(StageBinding, Stage)
        .join(Stage, Stage.id == StageBinding.stage_id)
        .where(StageBinding.flow_id == flow.id)
        .order_by(StageBinding.order, Stage.name)
    )
    return [(binding, stage) for binding, stage in await r.execute(query)]


async def _flow(r: Reading, key: str) -> Flow:
    flow = await r.get(Flow, key)
    if flow is None:
        raise _invalid("target", "there is no flow of that id.")
    return flow


async def _stage(r: Reading, key: str) -> Stage:
    stage = await r.get(Stage, key)
    if stage is None:
        raise _invalid("stage", "there is no stage of that id.")
    return stage


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown("stage_binding", "a flow stage binding", values, _FIELDS)
    for name in ("target", "stage"):
        if name in values and (not isinstance(values[name], str) or len(values[name]) != 36):
            raise _invalid(name, "give an id.")
    order = values.get("order", 0)
    if not isinstance(order, int) or isinstance(order, bool) or not -_LARGEST - 1 <= order <= _LARGEST:
        raise _invalid("order", f"use a whole number from {-_LARGEST - 1} to {_LARGEST}.")
    for name in _FLAGS:
        if not isinstance(values.get(name, False), bool):
            raise _invalid(name, "it is true or false.")
    for name, words in (("policy_engine_mode", ENGINE_MODES), ("invalid_response_action", ACTIONS)):
        if values.get(name, words[0]) not in words:
            raise _invalid(name, f"it is one of {', '.join(words)}.")
    return dict(values)


def _columns(checked: Mapping[str, Any]) -> dict[str, Any]:
    names = {"target": "flow_id", "stage": "stage_id"}
    return {names.get(key, key): value for key, value in checked.items()}


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"stage_binding.{field}_invalid", f"{field}: {fault}", field=field)


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "stage_binding.exists", "order: this flow has that stage at that place already.", field="order"
        ) from error
