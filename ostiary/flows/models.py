"""Stored flows, stages, the order in which a flow runs them, and runs under way."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class Flow(Base):
    """A named sequence of stages for one purpose (``designation``)."""

    __tablename__ = "flows"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    title: Mapped[str]
    designation: Mapped[str] = mapped_column(String(32))
    authentication: Mapped[str] = mapped_column(String(32), default="none", comment="who may run it")
    denied_action: Mapped[str] = mapped_column(
        String(32), default="message_continue", server_default="message_continue", comment="where whoever may not goes"
    )
    policy_engine_mode: Mapped[str] = mapped_column(String(8), default="any", server_default="any")
    compatibility_mode: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="kept for API clients; our pages are always as it asks"
    )
    background: Mapped[str] = mapped_column(
        default="", server_default="", comment="kept for API clients; only what asks for no picture"
    )


class Stage(Base):
    """One step, of a type that has a file in flows/stages; ``config`` is that type's own."""

    __tablename__ = "stages"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(32))
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)


class StageBinding(Base):
    """A stage's place in a flow. Of two with the same order, the one whose stage's name comes first is first."""

    __tablename__ = "flow_stage_bindings"
    __table_args__ = (UniqueConstraint("flow_id", "stage_id", "order"),)

    id: Mapped[Id]
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id", ondelete="CASCADE"))
    stage_id: Mapped[str] = mapped_column(ForeignKey("stages.id", ondelete="CASCADE"), index=True)
    order: Mapped[int]
    evaluate_on_plan: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="whether its policies are asked when a run begins"
    )
    re_evaluate_policies: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="whether its policies are asked when its turn comes"
    )
    policy_engine_mode: Mapped[str] = mapped_column(String(8), default="any", server_default="any")
    invalid_response_action: Mapped[str] = mapped_column(
        String(24), default="retry", server_default="retry", comment="retry, restart or restart_with_context"
    )


class FlowRun(Base):
    """A flow after its first successful post and before its end. It opens nothing."""

    __tablename__ = "flow_runs"

    id: Mapped[Id]
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id", ondelete="CASCADE"))
    browser_hash: Mapped[str] = mapped_column(String(64), comment="of the form cookie that began it")
    state: Mapped[str] = mapped_column(comment="sealed")
    expires: Mapped[datetime] = mapped_column(index=True)
