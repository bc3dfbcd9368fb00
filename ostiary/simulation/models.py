"""Simulations that somebody asked the API for; any worker can say how they stand."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class Simulation(Base):
    """One run. Whoever runs it writes ``heard`` every few seconds; it is deleted soon after its end."""

    __tablename__ = "simulations"

    id: Mapped[Id]
    created: Mapped[datetime]
    heard: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16), default="running", comment="running, done, failed or cancelled")
    progress: Mapped[int] = mapped_column(default=0, comment="percent")
    report: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(comment="status, code, message, field")
