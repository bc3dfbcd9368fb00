"""Stored policies and what they are bound to."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class Policy(Base):
    """A named rule. ``expression`` is CEL; it allows only when it answers exactly true."""

    __tablename__ = "policies"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(16), default="expression")
    expression: Mapped[str]


class PolicyBinding(Base):
    """Ties a user, group or policy to an application. One whose subject was deleted stays and never passes: in an
    application that needs every binding, its going must not let in whom the others let in."""

    __tablename__ = "policy_bindings"
    __table_args__ = (
        CheckConstraint(
            "(CASE WHEN user_id IS NULL THEN 0 ELSE 1 END + CASE WHEN group_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN policy_id IS NULL THEN 0 ELSE 1 END) <= 1",
            name="one_subject",
        ),
    )

    id: Mapped[Id]
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="SET NULL"), index=True)
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("policies.id", ondelete="SET NULL"), index=True)
    order: Mapped[int] = mapped_column(default=0)
    negate: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    failure_result: Mapped[bool] = mapped_column(default=False, comment="kept for API clients; an error always denies")
    expires: Mapped[datetime | None]
