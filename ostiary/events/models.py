"""The audit log's table."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Serial, new_id


class Event(Base):
    """One fact. It outlives the people and objects it names, so it holds copies and no foreign keys."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    created: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(64), index=True)
    room: Mapped[str] = mapped_column(String(32), comment="the feature that recorded it")
    user: Mapped[dict[str, Any]] = mapped_column(comment="{pk, username} of the person, {} for the system")
    client_ip: Mapped[str | None] = mapped_column(String(45))
    context: Mapped[dict[str, Any]]
    xid: Mapped[int | None] = mapped_column(
        BigInteger, index=True, comment="the writing transaction on PostgreSQL, by which a follower finds late commits"
    )
