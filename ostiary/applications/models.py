"""Applications and the providers that serve them."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id, Serial, new_id


class Provider(Base):
    """How applications are served; one row per provider of any type, its fields in the type's own table."""

    __tablename__ = "providers"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    type: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(unique=True)
    # Slugs of flows: a flow that is missing when it is needed is refused there, so a rename can never open anything.
    authentication_flow: Mapped[str | None]
    authorization_flow: Mapped[str]
    invalidation_flow: Mapped[str]


class ProxyProvider(Base):
    """Forward authentication of one host (`forward_single`) or one domain (`forward_domain`)."""

    __tablename__ = "proxy_providers"

    id: Mapped[int] = mapped_column(
        ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mode: Mapped[str] = mapped_column(String(16))
    handoff: Mapped[str] = mapped_column(String(8), default="callback", comment="callback or in_place")
    external_host: Mapped[str] = mapped_column(comment="canonical origin, such as https://hello.example.com")
    host_key: Mapped[str] = mapped_column(unique=True, comment="host[:port] of external_host, the key of a check")
    cookie_domain: Mapped[str] = mapped_column(default="")
    session_seconds: Mapped[int] = mapped_column(default=86_400, comment="longest life of an application session")


class Application(Base):
    """What a person sees and a policy guards."""

    __tablename__ = "applications"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    group: Mapped[str] = mapped_column(default="")
    icon: Mapped[str] = mapped_column(default="")
    launch_url: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="", comment="whom a refused person may ask")
    enabled: Mapped[bool] = mapped_column(default=True)
    access: Mapped[str] = mapped_column(String(8), comment="everyone or bound")
    policy_engine_mode: Mapped[str] = mapped_column(String(3), default="any")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), unique=True)
    created: Mapped[datetime]
