"""Applications and the providers that serve them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text, true
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
    """Forward authentication of one host, of a path below it (`forward_single`), or of a domain (`forward_domain`).

    Fields have the database's defaults too, so that a row written by an older release says what it always said.
    """

    __tablename__ = "proxy_providers"
    __table_args__ = (UniqueConstraint("host_key", "path", name="uq_proxy_providers_host_key_path"),)

    id: Mapped[int] = mapped_column(
        ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mode: Mapped[str] = mapped_column(String(16))
    handoff: Mapped[str] = mapped_column(String(8), default="callback", comment="callback or in_place")
    external_host: Mapped[str] = mapped_column(comment="canonical origin, such as https://hello.example.com")
    host_key: Mapped[str] = mapped_column(comment="host[:port] of external_host, the key of a check")
    cookie_domain: Mapped[str] = mapped_column(default="")
    session_seconds: Mapped[int] = mapped_column(default=86_400, comment="longest life of an application session")
    session_validity: Mapped[str] = mapped_column(default="", server_default="", comment="the same as it was written")
    path: Mapped[str] = mapped_column(
        default="", server_default="", comment="the application's path below its host, such as /grafana, or nothing"
    )
    open_paths: Mapped[list[Any]] = mapped_column(
        default=list, server_default=text("'[]'"), comment="paths, each open with all below it to anybody"
    )
    skip_path_regex: Mapped[str] = mapped_column(
        default="", server_default="", comment="open to anybody: RE2, one expression a line, each from ^ to $"
    )
    cors_preflight: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="whether browsers' preflight requests pass unasked"
    )
    header_style: Mapped[str] = mapped_column(
        String(16), default="authentik", server_default="authentik", comment="authentik, remote or own"
    )
    header_names: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), comment="for style own: username, groups, email, name, uid to header"
    )
    group_filter: Mapped[str] = mapped_column(
        default="", server_default="", comment="RE2 that a group's whole name meets to be named to the application"
    )
    additional_headers: Mapped[list[Any]] = mapped_column(
        default=list, server_default=text("'[]'"), comment="what the attribute additionalHeaders may fill"
    )
    signed_identity: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="whether the application gets a signed assertion"
    )
    basic_auth_enabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    basic_auth_user_attribute: Mapped[str] = mapped_column(default="", server_default="")
    basic_auth_password_attribute: Mapped[str] = mapped_column(default="", server_default="")
    header_authentication: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="whether machines may come with an Authorization header"
    )
    jwt_issuers: Mapped[list[Any]] = mapped_column(
        default=list, server_default=text("'[]'"), comment="whose tokens count: issuer, audience, keys, claim, users"
    )


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
    publisher: Mapped[str] = mapped_column(default="", server_default="", comment="who made it, for people to read")
    open_in_new_tab: Mapped[bool] = mapped_column(default=False, server_default=false())
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false(), comment="left out of people's pages")
    enabled: Mapped[bool] = mapped_column(default=True)
    access: Mapped[str] = mapped_column(String(8), comment="everyone or bound")
    policy_engine_mode: Mapped[str] = mapped_column(String(3), default="any")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"), unique=True)
    created: Mapped[datetime]


class PathSecret(Base):
    """A secret in the address at which a proxy asks; shown once, stored as a keyed hash.

    A rotation leaves the old one with an end. Of each name, exactly one has none.
    """

    __tablename__ = "path_secrets"
    __table_args__ = (
        Index(
            "ix_path_secrets_name",
            "name",
            unique=True,
            sqlite_where=text("expires IS NULL"),
            postgresql_where=text("expires IS NULL"),
        ),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(50))
    start: Mapped[str] = mapped_column(String(4), comment="its first characters, by which people tell one from another")
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime]
    expires: Mapped[datetime | None] = mapped_column(index=True)
