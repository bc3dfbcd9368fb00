"""Who uses a flow, and the hold against changes that would let nobody in or out any more."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select

from ostiary.applications.models import Provider
from ostiary.flows.conditions import UNCONDITIONAL, Conditions
from ostiary.flows.models import Flow, StageBinding
from ostiary.flows.plan import Plan, fault
from ostiary.flows.planned import planned
from ostiary.flows.stages.types import TYPES
from ostiary.flows.start import AUTHENTICATION, INVALIDATION, SETUP
from ostiary.kit.errors import Conflict, InvalidInput, Refused
from ostiary.storage.session import Reading, Writing

_KNOWN: Final = (*TYPES, "initial_setup")
# What Ostiary's own pages do with a flow of that slug when nobody says otherwise.
_OWN: Final[Mapping[str, tuple[str, str]]] = {
    AUTHENTICATION: ("authentication", "Ostiary's sign-in page"),
    INVALIDATION: ("invalidation", "Ostiary's sign-out page"),
    SETUP: ("stage_configuration", "Ostiary's set-up page"),
}
_BY_STRANGERS: Final = frozenset({"authentication", "stage_configuration"})
_NEEDED: Final = frozenset({"authentication", "invalidation", "stage_configuration"})


@dataclass(frozen=True)
class Use:
    """``role`` is what the user needs the flow for, such as ``authentication``; nothing if any flow would do."""

    role: str
    name: str
    app: str = ""
    model_name: str = ""
    pk: str = ""


Asked = Callable[[Reading, Flow], Awaitable[Sequence[Use]]]


class Uses:
    """``others`` answer for rooms above this one; the composition root fills the list."""

    def __init__(self, *, conditions: Conditions = UNCONDITIONAL) -> None:
        self._conditions = conditions
        self.others: list[Asked] = []

    async def of(self, r: Reading, flow: Flow) -> list[Use]:
        """Everybody who uses a flow, Ostiary itself first."""
        uses = [Use(*_OWN[flow.slug])] if flow.slug in _OWN else []
        named = or_(
            Provider.authentication_flow == flow.slug,
            Provider.authorization_flow == flow.slug,
            Provider.invalidation_flow == flow.slug,
        )
        for provider in await r.scalars(select(Provider).where(named).order_by(Provider.name)):
            # Only a sign-in has to work; what an application does at its end is its own.
            role = "authentication" if provider.authentication_flow == flow.slug else ""
            model = f"{provider.type}provider"
            uses.append(Use(role, provider.name, f"authentik_providers_{provider.type}", model, str(provider.id)))
        for other in self.others:
            uses.extend(await other(r, flow))
        return uses

    async def fault(self, r: Reading, flow: Flow, role: str) -> str:
        """Why a flow cannot serve as ``role``; nothing if it can."""
        try:
            plan = await self.plan(r, flow)
            shut = await self._conditions.shut(r, flow.id)
        except Refused:
            return "has a stage of a type that does not exist here"
        return fault(plan, role) or ("admits nobody who is not signed in" if shut and role in _BY_STRANGERS else "")

    async def plan(self, r: Reading, flow: Flow) -> Plan:
        """The flow as it would run. Raises `flow.stage_type_unknown`."""
        conditional = await self._conditions.conditional(r, flow.id)
        return await planned(r, flow, known_types=_KNOWN, conditional=conditional)

    async def check(self, r: Reading, flow: Flow, role: str, field: str) -> None:
        """Refuses a flow that cannot serve: for whoever is about to use it. Raises `flow.unfit`."""
        reason = await self.fault(r, flow, role)
        if reason:
            raise InvalidInput(
                "flow.unfit", f"{field}: the flow {flow.slug} {reason}; choose another or change it first.", field=field
            )

    @asynccontextmanager
    async def held(self, w: Writing, flow_ids: Sequence[str], *, force: bool = False) -> AsyncIterator[None]:
        """Around a change of flows: those that served somebody before must serve them after it.

        Raises `flow.locks_out`, naming who needs it.
        """
        if force:
            yield
            return
        await w.flush()
        needed: list[tuple[str, str, str]] = []
        for flow in await w.scalars(select(Flow).where(Flow.id.in_(flow_ids))):
            for use in await self.of(w, flow):
                if use.role in _NEEDED and not await self.fault(w, flow, use.role):
                    needed.append((flow.id, use.role, use.name))
        yield
        await w.flush()
        for flow_id, role, name in needed:
            flow_now = await w.get(Flow, flow_id)
            reason = "is gone" if flow_now is None else await self.fault(w, flow_now, role)
            if reason:
                slug = "" if flow_now is None else f" {flow_now.slug}"
                raise Conflict(
                    "flow.locks_out",
                    f"Afterwards the flow{slug} {reason}, and it is used by {name}; give them another flow first.",
                )


async def flows_of(r: Reading, stage_ids: Sequence[str]) -> list[str]:
    """The ids of the flows that run one of these stages."""
    query = select(StageBinding.flow_id).where(StageBinding.stage_id.in_(stage_ids)).distinct()
    return list(await r.scalars(query))
