"""Tokens: for the API, and app passwords for one application each.

``application`` is ours: the slug of the one application that an app password opens. Tokens of the intent ``recovery``
are made by recovery links alone and cannot be changed.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import Select, column, false, select, table

from ostiary.access.openable import openable
from ostiary.directory import escalation
from ostiary.directory.fields import application_slug
from ostiary.directory.impersonation import CODENAME as IMPERSONATE
from ostiary.directory.membership import PEOPLE
from ostiary.directory.models import Token, User
from ostiary.directory.tokens import RECOVERY, application_unknown
from ostiary.directory.tokens import Tokens as TokenVerbs
from ostiary.directory.usernames import folded
from ostiary.directory.users import existing
from ostiary.events.record import Actor
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.objects import people_shown
from ostiary.objects.kind import ADD, DELETE, Caller, Fields, Filter, Key, Kind, Words, equals
from ostiary.objects.moments import Moment
from ostiary.objects.people import shown_users
from ostiary.objects.people_shown import Intent
from ostiary.storage.session import Database, Reading
from ostiary.system.registry import current

_VIEW_APPLICATION: Final = "authentik_core.view_application"

# Known here by name alone.
_APPLICATIONS = table("applications", column("id"), column("slug"))


class TokenRequest(Fields):
    """What a client may set."""

    managed: str | None = None
    identifier: str = Field(min_length=1, max_length=255, pattern=r"^[-a-zA-Z0-9_]+$")
    intent: Intent = "api"
    user: Key | None = None
    description: str = ""
    expires: Moment | None = None
    expiring: bool = True
    application: str | None = None


class DeclaredToken(TokenRequest):
    """What a blueprint may set: the key too, which the API takes at an address of its own."""

    key: str | None = None


class Tokens(Kind):
    """Kind of tokens. Everybody may have tokens of their own."""

    words = Words("authentik_core.token", "Token", "Tokens", "ak-token-form")
    table = Token
    pk = Token.id
    key = Token.identifier
    owner = Token.user_id
    fields = TokenRequest
    declared = DeclaredToken
    ours = frozenset({"application"})
    secrets = frozenset({"key"})
    shown = people_shown.Token
    search = (Token.identifier, Token.description, User.username)
    ordering: ClassVar = {
        "identifier": Token.identifier,
        "expires": Token.expires,
        "description": Token.description,
        "intent": Token.intent,
        "user__username": User.username,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "identifier": equals(Token.identifier),
        "intent": equals(Token.intent, Intent),
        "description": equals(Token.description),
        "expires": equals(Token.expires, Moment),
        "expiring": Filter(bool, lambda wanted: Token.expires.is_not(None) if wanted else Token.expires.is_(None)),
        # None of ours is managed by anything.
        "managed": Filter(str, lambda _: false()),
        "user__username": Filter(str, lambda name: User.username == folded(name)),
    }
    identifiers: ClassVar = {"identifier": Token.identifier}

    def __init__(self, *, database: Database, clock: Clock, tokens: TokenVerbs) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens

    def every(self) -> Select[Any]:
        return select(Token).join(User, User.id == Token.user_id)

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        owners = (await r.scalars(select(User).where(User.id.in_({row.user_id for row in rows})))).all()
        users = {user["pk"]: user for user in await shown_users(r, owners)}
        named = select(_APPLICATIONS.c.id, _APPLICATIONS.c.slug).where(
            _APPLICATIONS.c.id.in_({row.application_id for row in rows if row.application_id})
        )
        slugs = {row[0]: row[1] for row in await r.execute(named)}
        return [
            {
                "pk": row.id,
                "managed": None,
                "identifier": row.identifier,
                "intent": row.intent,
                "user": row.user_id,
                "user_obj": users[row.user_id],
                "description": row.description,
                "expires": row.expires,
                "expiring": row.expires is not None,
                "application": slugs.get(row.application_id),
            }
            for row in rows
        ]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        owner = caller.user_id if row is None else row.user_id
        wanted = values.get("user") or owner
        if verb == DELETE:
            if owner is not None and owner != caller.user_id:
                await escalation.may_touch_user(r, caller.may, owner)
            return
        refuse_while_acting(caller)
        if (
            wanted is not None
            and wanted != caller.user_id
            and wanted != owner
            and not caller.may.may(self.codename(ADD))
        ):
            raise Refused("api.not_allowed", "You may make tokens for yourself alone.")
        for user_id in {owner, wanted}:
            if user_id is not None and user_id != caller.user_id:
                await may_get_in_as(r, caller, user_id)
        if row is None and wanted is not None and values.get("application") is not None:
            await self._application_known(r, caller, wanted, values["application"])

    async def _application_known(self, r: Reading, caller: Caller, owner: int, application: str) -> None:
        """An application that the caller may not see is to them none, unless the token's owner may open it."""
        slug = application_slug(application)
        pk = await r.scalar(select(_APPLICATIONS.c.id).where(_APPLICATIONS.c.slug == slug))
        if caller.may.may(_VIEW_APPLICATION, pk):
            return
        if pk not in await openable(r, owner, self._clock.now(), caller.actor.client_ip or ""):
            raise application_unknown()

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        _not_managed(values)
        intent = values.get("intent", "api")
        if intent in (RECOVERY, "verification"):
            raise InvalidInput(
                "token.intent_not_made",
                "intent: tokens of this intent are not made by hand; use api or app_password.",
                field="intent",
            )
        owner = values.get("user") or by.user_id
        if owner is None:
            raise InvalidInput("token.user_missing", "user: name the user for whom the token acts.", field="user")
        expires = values.get("expires")
        async with self._database.together() as w:
            if not values.get("expiring", True):
                expires = None
            elif expires is None:
                expires = self._clock.now() + timedelta(seconds=(await current(w)).token_seconds)
            token, _ = await self._tokens.create(
                values["identifier"],
                user_id=owner,
                intent=intent,
                expires=expires,
                description=values.get("description", ""),
                application=values.get("application"),
                viewable=True,
                by=by,
            )
            if values.get("key"):
                await self._tokens.set_key(token.identifier, values["key"], by=by)
        return token.id

    async def holds(self, r: Reading, row: Any, name: str, value: Any) -> bool:
        return not value or self._tokens.key_is(row, value)

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        _not_managed(values)
        if row.intent == RECOVERY:
            raise recovery_is_fixed()
        if values.get("intent", row.intent) != row.intent:
            raise InvalidInput(
                "token.intent_fixed", "intent: a token keeps its intent; make another token.", field="intent"
            )
        async with self._database.together() as w:
            application = values.get("application")
            if application is not None and application != await self._slug(w, row):
                raise InvalidInput(
                    "token.application_fixed",
                    "application: an app password stays with its application; make another one.",
                    field="application",
                )
            forever = values.get("expiring") is False
            expires = None if forever else values.get("expires")
            if values.get("expiring") and expires is None and row.expires is None:
                expires = self._clock.now() + timedelta(seconds=(await current(w)).token_seconds)
            await self._tokens.update(
                row.identifier,
                new_identifier=values.get("identifier"),
                user_id=values.get("user"),
                description=values.get("description"),
                expires=expires,
                forever=forever,
                by=by,
            )
            if values.get("key"):
                await self._tokens.set_key(values.get("identifier", row.identifier), values["key"], by=by)

    async def _slug(self, r: Reading, row: Any) -> str | None:
        query = select(_APPLICATIONS.c.slug).where(_APPLICATIONS.c.id == row.application_id)
        return await r.scalar(query)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._tokens.delete(row.identifier, by=by)


async def may_get_in_as(r: Reading, caller: Caller, user_id: int) -> None:
    """Whether this caller may hold a credential of that user: nobody who may do more, and a person only with the
    permission to act as them, because applications let them in too."""
    await escalation.may_touch_user(r, caller.may, user_id)
    user = await existing(r, user_id)
    if user.type in PEOPLE and not caller.may.may(IMPERSONATE, user_id):
        raise Refused(
            escalation.CODE,
            f"user: whoever holds a person's token acts as them; that needs {IMPERSONATE}.",
            field="user",
        )


def refuse_while_acting(caller: Caller) -> None:
    """Nobody takes home a credential of the person as whom they act."""
    if caller.actor.acting_as is not None:
        raise Refused("impersonation.no_credentials", "You act as somebody else; return to your own account for this.")


def recovery_is_fixed() -> Refused:
    """A recovery link is made and deleted; a key of one's own choice would be a way past the present password."""
    return Refused("token.recovery_fixed", "This token belongs to a recovery link; it can be deleted, not changed.")


def _not_managed(values: Mapping[str, Any]) -> None:
    if values.get("managed") is not None:
        raise InvalidInput(
            "token.not_supported_yet", "managed: no token is managed by anything; leave it out.", field="managed"
        )
