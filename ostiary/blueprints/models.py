"""Blueprints that were applied or are kept, and which objects are theirs."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class BlueprintInstance(Base):
    """A blueprint by its name: a file of ours or of the command line (``path``), or kept here whole (``content``)."""

    __tablename__ = "blueprints"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str] = mapped_column(default="")
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    content: Mapped[str] = mapped_column(default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(String(16), default="unknown", comment="successful, error or unknown")
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="of its metadata")
    last_applied: Mapped[datetime | None]
    last_applied_hash: Mapped[str] = mapped_column(String(128), default="")


class BlueprintObject(Base):
    """An object that a blueprint made or keeps as it is. The object may be gone; then this says nothing."""

    __tablename__ = "blueprint_objects"
    __table_args__ = (Index("ix_blueprint_objects_model_pk", "model", "pk"),)

    blueprint_id: Mapped[str] = mapped_column(ForeignKey("blueprints.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(128), primary_key=True, comment="authentik's label")
    pk: Mapped[str] = mapped_column(String(64), primary_key=True)
    kept: Mapped[bool] = mapped_column(comment="whether applying the blueprint again sets the object back")
