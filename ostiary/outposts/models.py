"""Outposts, what they serve, how they would be run, and which workers are alive."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class ServiceConnection(Base):
    """Where outposts can be run: a Kubernetes cluster or a Docker daemon."""

    __tablename__ = "service_connections"

    id: Mapped[Id]
    type: Mapped[str] = mapped_column(String(16), comment="kubernetes or docker")
    name: Mapped[str] = mapped_column(unique=True)
    local: Mapped[bool] = mapped_column(default=False)
    kubeconfig: Mapped[str | None] = mapped_column(comment="sealed")
    verify_ssl: Mapped[bool] = mapped_column(default=True)
    url: Mapped[str] = mapped_column(default="", comment="of a Docker daemon")


class Outpost(Base):
    """Workers that answer for providers of one type."""

    __tablename__ = "outposts"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(16))
    config: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="the keys that were given")
    managed: Mapped[str | None] = mapped_column(unique=True, comment="set for the embedded one")
    service_connection_id: Mapped[str | None] = mapped_column(
        ForeignKey("service_connections.id", ondelete="SET NULL"), index=True
    )


class OutpostProvider(Base):
    """A provider is listed at an outpost."""

    __tablename__ = "outpost_providers"

    outpost_id: Mapped[str] = mapped_column(ForeignKey("outposts.id", ondelete="CASCADE"), primary_key=True)
    provider_id: Mapped[int] = mapped_column(
        ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class OutpostWorker(Base):
    """A worker process of this installation, as it last told."""

    __tablename__ = "outpost_workers"

    id: Mapped[Id]
    hostname: Mapped[str]
    version: Mapped[str] = mapped_column(String(64))
    started: Mapped[datetime]
    last_seen: Mapped[datetime] = mapped_column(index=True)
    fresh: Mapped[bool] = mapped_column(comment="whether it could believe its access table then")
