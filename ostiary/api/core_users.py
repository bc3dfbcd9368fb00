"""``/core/users/``: people and service accounts, and what is done for one of them."""

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import Response

from ostiary.api import core_me, impersonation
from ostiary.api.generic import Generic
from ostiary.api.operations import Asking, Operations, able, holding
from ostiary.api.targets import target
from ostiary.directory import escalation
from ostiary.directory.models import Group, Membership, User
from ostiary.directory.recovery import LIFETIME, PATH
from ostiary.directory.tokens import DEFAULT_LIFETIME
from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import Conflict, OstiaryError, Refused
from ostiary.objects.kind import Caller, Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.moments import Moment
from ostiary.objects.rooms import Rooms
from ostiary.objects.tokens import refuse_while_acting
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Reading

RESET: Final = "authentik_core.reset_user_password"
ADD_USER: Final = "authentik_core.add_user"
ADD_TOKEN: Final = "authentik_core.add_token"  # noqa: S105 - a permission
ADD_GROUP: Final = "authentik_core.add_group"


class UserPath(BaseModel):
    """Where users are filed."""

    paths: list[str]


class UserPasswordSetRequest(Fields):
    """A new password."""

    password: str = Field(min_length=1)


class UserPasswordHashSetRequest(Fields):
    """A new password as the hash that another system made."""

    password: str = Field(min_length=1)


class UserRecoveryLinkRequest(Fields):
    """How long a recovery link lasts, such as ``hours=1``."""

    token_duration: str | None = Field(None, min_length=1)


class Link(BaseModel):
    """An address to follow."""

    link: str


class UserServiceAccountRequest(Fields):
    """A service account to make, with its token."""

    name: str = Field(min_length=1)
    create_group: bool = False
    expiring: bool = True
    expires: Moment | None = None


class UserServiceAccountResponse(BaseModel):
    """A service account that was made."""

    username: str
    token: str
    user_uid: str
    user_pk: int
    group_pk: str | None = None


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations. Those with an address of their own come before those of any user."""
    core_me.mount(operations, rooms)
    _paths(operations, kinds, rooms)
    _service_account(operations, rooms)
    _ways_in(operations, kinds, rooms)
    impersonation.mount(operations, kinds, rooms)
    Generic(
        operations, rooms.database, kinds["authentik_core.user"], path="/core/users/", prefix="core_users", key="id"
    )


def _paths(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    kind = kinds["authentik_core.user"]

    @operations.operation(
        "GET", "/core/users/paths/", "core_users_paths_retrieve", who=able(kind), tag="core", answers=UserPath
    )
    async def paths(asking: Asking, search: Annotated[str | None, Query(max_length=255)] = None) -> UserPath:
        query = select(User.path).distinct().order_by(User.path)
        if search:
            query = query.where(holds_text(search, User.path))
        async with rooms.database.reading() as r:
            visible = await kind.visible(r, asking)
            if visible is not None:
                query = query.where(visible)
            return UserPath(paths=list(await r.scalars(query)))


def _service_account(operations: Operations, rooms: Rooms) -> None:
    @operations.operation(
        "POST",
        "/core/users/service_account/",
        "core_users_service_account_create",
        who=holding(ADD_USER),
        tag="core",
        answers=UserServiceAccountResponse,
    )
    async def create(asking: Asking, body: UserServiceAccountRequest) -> UserServiceAccountResponse:
        for codename in (ADD_USER, ADD_TOKEN, *([ADD_GROUP] if body.create_group else [])):
            if not asking.may.may(codename):
                raise Refused("api.not_allowed", f"This needs {codename}.")
        refuse_while_acting(asking)
        expires = (body.expires or rooms.clock.now() + DEFAULT_LIFETIME) if body.expiring else None
        async with rooms.database.together() as w:
            try:
                user, _, key = await rooms.service_accounts.create(
                    body.name, with_group=body.create_group, expires=expires, viewable=True, by=asking.actor
                )
            except OstiaryError as error:
                if error.field == "username":
                    error.field, error.message = "name", error.message.replace("username: ", "name: ", 1)
                raise
            group = None
            if body.create_group:
                group = await w.scalar(
                    select(Group.id)
                    .join(Membership, Membership.group_id == Group.id)
                    .where(Membership.user_id == user.id)
                )
        return UserServiceAccountResponse(
            username=user.username, token=key, user_uid=user.uuid, user_pk=user.id, group_pk=group
        )


def _ways_in(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Passwords and recovery links: whoever gives one out could come in with it."""
    kind = kinds["authentik_core.user"]

    async def may_reset(r: Reading, asking: Caller, pk: int) -> None:
        await target(r, kind, pk, asking, RESET)
        refuse_while_acting(asking)
        await escalation.may_touch_user(r, asking.may, pk)

    @operations.operation(
        "POST",
        "/core/users/{id}/set_password/",
        "core_users_set_password_create",
        who=holding(RESET),
        tag="core",
        status=204,
    )
    async def set_password(asking: Asking, id: Key, body: UserPasswordSetRequest) -> Response:  # noqa: A002 - authentik's
        async with rooms.database.reading() as r:
            await may_reset(r, asking, id)

        async def still(r: Reading) -> None:
            await may_reset(r, asking, id)

        # Hashing takes its time; nobody waits for it with the database held.
        await rooms.users.set_password(id, body.password, if_allowed=still, by=asking.actor)
        return Response(status_code=204)

    @operations.operation(
        "POST",
        "/core/users/{id}/set_password_hash/",
        "core_users_set_password_hash_create",
        who=holding(RESET),
        tag="core",
        status=204,
    )
    async def set_password_hash(asking: Asking, id: Key, body: UserPasswordHashSetRequest) -> Response:  # noqa: A002 - authentik's
        async with rooms.database.together() as w:
            await may_reset(w, asking, id)
            await rooms.users.set_password_hash(id, body.password, by=asking.actor)
        return Response(status_code=204)

    @operations.operation(
        "POST", "/core/users/{id}/recovery/", "core_users_recovery_create", who=holding(RESET), tag="core", answers=Link
    )
    async def recovery(asking: Asking, id: Key, body: UserRecoveryLinkRequest | None = None) -> Link:  # noqa: A002 - authentik's
        lifetime = LIFETIME
        if body is not None and body.token_duration is not None:
            lifetime = timedelta(seconds=parse_duration(body.token_duration, field="token_duration"))
        async with rooms.database.together() as w:
            await may_reset(w, asking, id)
            base_url = (await rooms.system.shown(w))["base_url"]
            if not base_url:
                raise Conflict("recovery.no_address", "Nobody has said under which address Ostiary is reached.")
            key = await rooms.recovery.make(id, lifetime=lifetime, by=asking.actor)
        return Link(link=f"{base_url}{PATH}?{urlencode({'key': key})}")
