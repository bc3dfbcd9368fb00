"""What clients receive of users, groups and tokens. The names are those of authentik's schema."""

from datetime import datetime
from typing import Any, Literal

from pydantic import SkipValidation
from typing_extensions import TypedDict

from ostiary.objects.kind import Shown
from ostiary.objects.moments import Moment
from ostiary.objects.roles import Role

Intent = Literal["verification", "api", "recovery", "app_password"]


class PartialGroup(Shown):
    """A group within a user."""

    pk: str
    num_pk: int
    name: str
    is_superuser: bool
    attributes: dict[str, Any]


class RelatedGroup(Shown):
    """A group above or below another."""

    pk: str
    name: str
    is_superuser: bool
    attributes: dict[str, Any]
    group_uuid: str


class PartialUser(TypedDict):
    """A user within a group. Groups may have many, so they are written down as they are read, without being checked."""

    pk: int
    username: str
    name: str
    is_active: bool
    last_login: datetime | None
    email: str
    attributes: dict[str, Any]
    uid: str


class User(Shown):
    """What a client receives of a user."""

    pk: int
    username: str
    name: str
    is_active: bool
    last_login: datetime | None
    date_joined: datetime
    is_superuser: bool
    groups: list[str]
    groups_obj: list[PartialGroup] | None
    roles: list[str]
    roles_obj: list[Role] | None
    email: str
    avatar: str
    attributes: dict[str, Any]
    uid: str
    path: str
    type: str
    uuid: str
    password_change_date: datetime
    last_updated: datetime


class Group(Shown):
    """What a client receives."""

    pk: str
    num_pk: int
    name: str
    is_superuser: bool
    parents: list[str]
    parents_obj: list[RelatedGroup] | None
    users: list[int] | None
    users_obj: SkipValidation[list[PartialUser] | None]
    attributes: dict[str, Any]
    roles: list[str]
    roles_obj: list[Role]
    inherited_roles_obj: list[Role] | None
    children: list[str]
    children_obj: list[RelatedGroup] | None


class Token(Shown):
    """What a client receives; the key is asked for by itself."""

    pk: str
    managed: str | None
    identifier: str
    intent: Intent
    user: int
    user_obj: User
    description: str
    expires: Moment | None
    expiring: bool
