"""Tables of the store itself: the installation, the feed of changes, and leases."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Serial


class Installation(Base):
    """One row (id 1): which incarnation of the data this is, and what was settled at first start.

    A restore writes a new ``incarnation``; every process then drops what it remembers.
    """

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    incarnation: Mapped[str] = mapped_column(String(36))
    created: Mapped[datetime]
    canary: Mapped[str] = mapped_column(comment="sealed with the first secret key; a start with another key is refused")
    base_url: Mapped[str | None] = mapped_column(comment="confirmed on the set-up page; configuration wins")
    setup_code_hash: Mapped[str | None]
    setup_expires: Mapped[datetime | None]
    setup_failures: Mapped[int] = mapped_column(default=0)
    setup_completed: Mapped[datetime | None] = mapped_column(comment="set once, never cleared")


class FeedRow(Base):
    """What changed: a kind and a key, never the new state. Written by triggers only."""

    __tablename__ = "feed"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64))
    created: Mapped[int] = mapped_column(BigInteger, comment="microseconds since 1970, the database's clock")


class Lease(Base):
    """Who may run a job until when. ``fence`` grows with every new holder."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    fence: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int] = mapped_column(BigInteger, comment="microseconds since 1970, the database's clock")
