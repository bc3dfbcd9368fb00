"""Stored policies, what they are bound to, and what names and addresses have earned at sign-in."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


def _named(*columns: str) -> str:
    return "(" + " + ".join(f"CASE WHEN {column} IS NULL THEN 0 ELSE 1 END" for column in columns) + ")"


class Policy(Base):
    """A named rule of one of ``types.TYPES``. ``expression`` is CEL, of that type alone; ``config`` is any type's own.

    It passes only when its answer is exactly true.
    """

    __tablename__ = "policies"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(16), default="expression")
    expression: Mapped[str]
    config: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    created: Mapped[datetime] = mapped_column(server_default=text("0"))
    updated: Mapped[datetime] = mapped_column(server_default=text("0"))


class PolicyBinding(Base):
    """Ties a user, group or policy to an application, a flow, or a stage's place in a flow. One whose subject was
    deleted stays and never passes: in an application that needs every binding, its going must not let in whom the
    others let in.
    """

    __tablename__ = "policy_bindings"
    __table_args__ = (
        CheckConstraint(f"{_named('user_id', 'group_id', 'policy_id')} <= 1", name="one_subject"),
        CheckConstraint(f"{_named('application_id', 'flow_id', 'stage_binding_id')} = 1", name="one_target"),
    )

    id: Mapped[Id]
    application_id: Mapped[str | None] = mapped_column(ForeignKey("applications.id", ondelete="CASCADE"), index=True)
    flow_id: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="CASCADE"), index=True)
    stage_binding_id: Mapped[str | None] = mapped_column(
        ForeignKey("flow_stage_bindings.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="SET NULL"), index=True)
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("policies.id", ondelete="SET NULL"), index=True)
    order: Mapped[int] = mapped_column(default=0)
    negate: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    timeout: Mapped[int] = mapped_column(
        default=30, server_default=text("30"), comment="kept for API clients; no evaluation takes a second"
    )
    failure_result: Mapped[bool] = mapped_column(default=False, comment="kept for API clients; an error always denies")
    expires: Mapped[datetime | None]

    @property
    def target_id(self) -> str:
        """What it is bound to, by id."""
        return self.application_id or self.flow_id or self.stage_binding_id or ""


class ReputationScore(Base):
    """What one name has earned at one address: failed sign-ins lower it, successful ones raise it."""

    __tablename__ = "reputation_scores"
    __table_args__ = (UniqueConstraint("subject", "ip"),)

    id: Mapped[Id]
    subject: Mapped[str] = mapped_column(
        String(64), comment="user:<id>, or a keyed hash of a name that nobody has, so that both are counted alike"
    )
    identifier: Mapped[str] = mapped_column(default="", comment="the username, to be read; empty if nobody has it")
    ip: Mapped[str] = mapped_column(String(64), index=True, comment="an address, or a /64 network; empty if unknown")
    score: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)
