"""People, groups, memberships, roles, tokens and failed attempts."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id, Serial, new_id


class User(Base):
    """A person or a service account. ``username`` is stored canonical: NFKC, case folded."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    username: Mapped[str] = mapped_column(String(150), unique=True)
    name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(String(254), default="", index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    type: Mapped[str] = mapped_column(String(32), default="internal")
    path: Mapped[str] = mapped_column(default="users")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    password_hash: Mapped[str | None]
    password_changed: Mapped[datetime | None]
    created: Mapped[datetime]
    last_login: Mapped[datetime | None]
    last_updated: Mapped[datetime] = mapped_column(server_default="0")


class Group(Base):
    """A named set of people. Members of a child group are members of its parents."""

    __tablename__ = "groups"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)


class GroupParent(Base):
    """One edge of the inheritance graph, which has no cycles."""

    __tablename__ = "group_parents"
    __table_args__ = (CheckConstraint("group_id <> parent_id", name="not_itself"),)

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    parent_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True)


class Membership(Base):
    """A person's direct membership."""

    __tablename__ = "memberships"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True)


class Role(Base):
    """A named set of permissions, held by people and by the members of groups."""

    __tablename__ = "roles"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)


class RolePermission(Base):
    """What a role may do: to every object of a type, or to one."""

    __tablename__ = "role_permissions"
    __table_args__ = (UniqueConstraint("role_id", "codename", "object_pk"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    role_id: Mapped[str] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"))
    model: Mapped[str] = mapped_column(default="", server_default="", comment="authentik's, as authentik_core.user")
    codename: Mapped[str] = mapped_column(comment="authentik's, such as authentik_core.view_user")
    object_pk: Mapped[str] = mapped_column(
        default="", index=True, comment="the one object's primary key as text; empty for every"
    )


class InitialPermissions(Base):
    """What a role may do to each object that somebody makes who holds it."""

    __tablename__ = "initial_permissions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role_id: Mapped[str] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), index=True)
    codenames: Mapped[list[Any]] = mapped_column(default=list, comment="such as authentik_core.view_user")


class RoleUser(Base):
    """A person holds a role."""

    __tablename__ = "role_users"

    role_id: Mapped[str] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)


class RoleGroup(Base):
    """The members of a group hold a role, those of the groups below it too."""

    __tablename__ = "role_groups"

    role_id: Mapped[str] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True)


class Token(Base):
    """An API token, an app password or a recovery link. Its key is stored as a keyed hash, by which it is found; a
    token that was made through the API also keeps the key itself, sealed, because the API's clients read it again.
    """

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_user_id_intent", "user_id", "intent"),)

    id: Mapped[Id]
    identifier: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    intent: Mapped[str] = mapped_column(String(16), comment="api, app_password or recovery")
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    key_sealed: Mapped[str | None] = mapped_column(comment="the key itself, sealed, if it may be shown again")
    description: Mapped[str] = mapped_column(default="")
    application: Mapped[str | None] = mapped_column(comment="the slug that an app password was made for, to be read")
    application_id: Mapped[str | None] = mapped_column(
        ForeignKey("applications.id", ondelete="CASCADE"),
        index=True,
        comment="the one application that an app password opens",
    )
    created: Mapped[datetime]
    expires: Mapped[datetime | None] = mapped_column(index=True)
    last_used: Mapped[datetime | None]


class Lockout(Base):
    """Failed sign-ins of one name, known or not, so that a lock tells nobody whether the name exists."""

    __tablename__ = "lockouts"

    subject: Mapped[str] = mapped_column(
        String(64), primary_key=True, comment="keyed hash of the canonical name or peer"
    )
    failures: Mapped[int]
    window_started: Mapped[datetime] = mapped_column(index=True)
    locked_until: Mapped[datetime | None]
