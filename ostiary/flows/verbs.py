"""All verbs of this room together."""

from dataclasses import dataclass

from ostiary.flows.bindings import StageBindings
from ostiary.flows.conditions import UNCONDITIONAL, Conditions
from ostiary.flows.registry import Flows
from ostiary.flows.stage_registry import Stages
from ostiary.flows.uses import Uses
from ostiary.kit.clock import Clock
from ostiary.storage.session import Database


@dataclass(frozen=True)
class FlowVerbs:
    """What changes flows, stages and their places, and who uses them."""

    uses: Uses
    flows: Flows
    stages: Stages
    bindings: StageBindings


def flow_verbs(*, database: Database, clock: Clock, conditions: Conditions = UNCONDITIONAL) -> FlowVerbs:
    """Builds them."""
    uses = Uses(conditions=conditions)
    return FlowVerbs(
        uses=uses,
        flows=Flows(database=database, clock=clock, uses=uses),
        stages=Stages(database=database, clock=clock, uses=uses),
        bindings=StageBindings(database=database, clock=clock, uses=uses),
    )
