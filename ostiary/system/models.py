"""The administrators' settings, and the releases that this installation has run."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Serial


class StoredSettings(Base):
    """One row (id 1): what was set, by name. What was not set is not there and has its default."""

    __tablename__ = "system_settings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    given: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Release(Base):
    """A release that ran here, from its first start on."""

    __tablename__ = "releases"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    started: Mapped[datetime]
