"""A browser's login, and what grew out of it on applications' hosts."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, true
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class Session(Base):
    """A login. Deleting the row ends it, and every application session and ticket with it."""

    __tablename__ = "sessions"

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    impersonator_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        index=True,
        comment="the administrator who signed in and acts as user_id",
    )
    created: Mapped[datetime]
    authenticated: Mapped[datetime] = mapped_column(comment="when the person last proved who they are")
    method: Mapped[str] = mapped_column(String(32))
    last_used: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True, comment="absolute end")
    ends_when_idle: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="false where the sign-in itself said how long it lasts"
    )
    client_ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(512), default="")


class AppSession(Base):
    """What one application's cookie stands for, on one host. It lives no longer than its login."""

    __tablename__ = "app_sessions"

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8), comment="app or domain")
    host: Mapped[str] = mapped_column(comment="the host the cookie was set on; for a domain cookie, the domain")
    created: Mapped[datetime]
    expires: Mapped[datetime]


class Ticket(Base):
    """The single-use, 30-second proof that carries a login from our host to an application's host."""

    __tablename__ = "tickets"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8), comment="callback or in_place")
    host: Mapped[str]
    nonce_hash: Mapped[str] = mapped_column(String(64), comment="of the attempt cookie that the browser must hold")
    return_url: Mapped[str]
    expires: Mapped[datetime] = mapped_column(index=True)
