"""Stored flows, stages, the order in which a flow runs them, and runs under way."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
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


class Stage(Base):
    """One step, of a type that has a file in flows/stages; ``config`` is that type's own."""

    __tablename__ = "stages"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(32))
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)


class StageBinding(Base):
    """A stage's place in a flow."""

    __tablename__ = "flow_stage_bindings"
    __table_args__ = (UniqueConstraint("flow_id", "order"),)

    id: Mapped[Id]
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id", ondelete="CASCADE"))
    stage_id: Mapped[str] = mapped_column(ForeignKey("stages.id", ondelete="CASCADE"), index=True)
    order: Mapped[int]


class FlowRun(Base):
    """A flow after its first successful post and before its end. It opens nothing."""

    __tablename__ = "flow_runs"

    id: Mapped[Id]
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id", ondelete="CASCADE"))
    browser_hash: Mapped[str] = mapped_column(String(64), comment="of the form cookie that began it")
    state: Mapped[str] = mapped_column(comment="sealed")
    expires: Mapped[datetime] = mapped_column(index=True)
