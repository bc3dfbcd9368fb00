"""API tokens, app passwords and recovery links: long random keys, stored as a keyed hash.

A key is shown once, unless its token was made ``viewable``, as the API's clients expect: then it is stored sealed too,
and every sight of it is an event.

An API token acts for its user at the management API. An app password opens one application for programs that cannot
follow a sign-in page; it belongs to that very application and goes with it, so that nobody who takes over a freed slug
takes over its passwords. A recovery link sets a password once. None is ever accepted for another.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import column, or_, select, table
from sqlalchemy.exc import IntegrityError

from ostiary.directory import fields
from ostiary.directory.models import Token, User
from ostiary.directory.users import ROOM, existing, held
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.tokens import b64, random_token
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing
from ostiary.system.registry import current

INTENTS: Final = ("api", "app_password")
RECOVERY: Final = "recovery"
"""The intent of tokens that only recovery links have."""

DEFAULT_LIFETIME = timedelta(days=360)

PURPOSE: Final = "token"
"""Of the keyed hash under which a key is stored."""

# What a sealed key is bound to, besides its token.
_SEAL, _COLUMN = "token-key", "tokens.key_sealed"

# Known here by name alone: applications are a room above this one.
_APPLICATIONS = table("applications", column("id"), column("slug"))
_LONGEST_KEY = 512
# Shorter ones could be guessed.
_SHORTEST_KEY = 20
_KEY = re.compile(rf"[\x21-\x7e]{{{_SHORTEST_KEY},{_LONGEST_KEY}}}")

APP_PASSWORD: Final = rf"[A-Za-z0-9_-]{{43,{_LONGEST_KEY}}}"
"""What an app password looks like: at the door anything else is a word of the application's own."""


class Tokens:
    """The verbs. What returns a key returns it for the only time."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    async def create(
        self,
        identifier: str,
        *,
        user_id: int,
        intent: str = "api",
        expires: datetime | None,
        description: str = "",
        application: str | None = None,
        viewable: bool = False,
        by: Actor,
    ) -> tuple[Token, str]:
        """A new token and its key. ``expires=None`` lasts until it is deleted; ``application`` is a slug, for an app
        password only; ``viewable`` lets `view_key` show it again. Raises `token.identifier_taken` and the like."""
        async with self._database.writing() as w:
            return await self.create_in(
                w,
                identifier,
                user=await held(w, user_id),
                intent=intent,
                expires=expires,
                description=description,
                application=application,
                viewable=viewable,
                by=by,
            )

    async def create_in(
        self,
        w: Writing,
        identifier: str,
        *,
        user: User,
        intent: str = "api",
        expires: datetime | None = None,
        description: str = "",
        application: str | None = None,
        key: str | None = None,
        viewable: bool = False,
        by: Actor,
    ) -> tuple[Token, str]:
        """The same within the caller's transaction; ``key`` is one that was chosen elsewhere."""
        now = self._clock.now()
        if intent not in (*INTENTS, RECOVERY):
            raise InvalidInput("token.intent_invalid", f"intent: it is one of {', '.join(INTENTS)}.", field="intent")
        if (intent == "app_password") != (application is not None):
            raise InvalidInput(
                "token.application_invalid",
                "application: an app password names the one application that it opens, and no other token names one.",
                field="application",
            )
        _to_come(expires, now)
        application_id = None
        if application is not None:
            application = fields.application_slug(application)
            application_id = await w.scalar(
                select(_APPLICATIONS.c.id).where(_APPLICATIONS.c.slug == application).with_for_update(read=True)
            )
            if application_id is None:
                raise application_unknown()
        key = key or await _new_key(w)
        token = Token(
            id=(token_id := new_id()),
            identifier=fields.identifier(identifier),
            user_id=user.id,
            intent=intent,
            key_hash=self._hash(key),
            key_sealed=self._sealed(token_id, key) if viewable else None,
            description=fields.description(description),
            application=application,
            application_id=application_id,
            created=now,
            expires=expires,
        )
        w.add(token)
        await _flush(w)
        await self._record(w, Action.MODEL_CREATED, token, user, by)
        return token, key

    async def update(
        self,
        identifier: str,
        *,
        new_identifier: str | None = None,
        user_id: int | None = None,
        description: str | None = None,
        expires: datetime | None = None,
        forever: bool = False,
        by: Actor,
    ) -> Token:
        """Changes what is given, leaves what is None; ``forever`` takes the end away."""
        async with self._database.writing() as w:
            token = await named(w, identifier, hold=True)
            before = (token.identifier, token.user_id, token.description, token.expires)
            if new_identifier is not None:
                token.identifier = fields.identifier(new_identifier)
            if user_id is not None:
                token.user_id = (await held(w, user_id)).id
            if description is not None:
                token.description = fields.description(description)
            if forever:
                token.expires = None
            elif expires is not None and expires != token.expires:
                _to_come(expires, self._clock.now())
                token.expires = expires
            await _flush(w)
            if before != (token.identifier, token.user_id, token.description, token.expires):
                await self._record(w, Action.MODEL_UPDATED, token, await existing(w, token.user_id), by)
            return token

    async def set_key(self, identifier: str, key: str, *, by: Actor) -> Token:
        """Gives a token this key; the old one stops at once. Raises `token.key_invalid`, `token.key_taken`."""
        if not _KEY.fullmatch(key):
            raise InvalidInput(
                "token.key_invalid",
                f"key: give {_SHORTEST_KEY} to {_LONGEST_KEY} printable characters without spaces.",
                field="key",
            )
        async with self._database.writing() as w:
            token = await named(w, identifier, hold=True)
            if token.intent == "app_password" and not re.fullmatch(APP_PASSWORD, key):
                raise InvalidInput(
                    "token.key_invalid",
                    "key: doors know an app password by its look; give 43 letters, digits, - and _, or more.",
                    field="key",
                )
            token.key_hash = self._hash(key)
            token.key_sealed = self._sealed(token.id, key)
            token.last_used = None
            try:
                await w.flush()
            except IntegrityError as error:
                # Two tokens of one key would be one token of two people.
                raise Conflict("token.key_taken", "key: it cannot be used; choose another.", field="key") from error
            await self._record(w, Action.SECRET_ROTATE, token, await existing(w, token.user_id), by)
            return token

    def key_is(self, token: Token, key: str) -> bool:
        """Whether that is the token's key already."""
        return hmac.compare_digest(token.key_hash, self._hash(key))

    async def view_key(self, identifier: str, *, by: Actor) -> str:
        """A token's key, with the event that it was shown. Raises `token.key_not_kept` where only its hash is."""
        async with self._database.writing() as w:
            token = await named(w, identifier)
            if token.key_sealed is None:
                raise NotFound(
                    "token.key_not_kept",
                    "key: this token's key was shown once, when it was made, and is not kept; set another.",
                    field="key",
                )
            key = self._secrets.open(_SEAL, token.key_sealed, f"{_COLUMN} {token.id}").decode()
            await self._record(w, Action.SECRET_VIEW, token, await existing(w, token.user_id), by)
            return key

    async def rotate(self, identifier: str, *, by: Actor) -> tuple[Token, str]:
        """A new key, which lasts as long from now as the old one did from its making; the old one stops at once."""
        now = self._clock.now()
        async with self._database.writing() as w:
            key = await _new_key(w)
            token = await named(w, identifier, hold=True)
            if token.expires is not None:
                token.expires = now + (token.expires - token.created)
            token.created = now
            token.last_used = None
            token.key_hash = self._hash(key)
            if token.key_sealed is not None:
                token.key_sealed = self._sealed(token.id, key)
            await self._record(w, Action.SECRET_ROTATE, token, await existing(w, token.user_id), by)
        return token, key

    async def delete(self, identifier: str, *, by: Actor) -> None:
        """Deletes a token; its key stops at once."""
        async with self._database.writing() as w:
            token = await named(w, identifier, hold=True)
            await self._record(w, Action.MODEL_DELETED, token, await existing(w, token.user_id), by)
            await w.delete(token)

    async def find(self, r: Reading, key: str, *, intent: str) -> tuple[Token, User] | None:
        """The token of that key and its active owner; None for any other, expired or unknown one."""
        if not key or len(key) > _LONGEST_KEY:
            return None
        hashes = self._secrets.hashes(PURPOSE, key.encode("utf-8", "replace"))
        query = (
            select(Token, User)
            .join(User, User.id == Token.user_id)
            .where(
                Token.key_hash.in_(hashes),
                Token.intent == intent,
                or_(Token.expires.is_(None), Token.expires > self._clock.now()),
                User.is_active,
            )
        )
        found = (await r.execute(query)).first()
        return (found[0], found[1]) if found is not None else None

    def _hash(self, key: str) -> str:
        return self._secrets.hash(PURPOSE, key.encode())

    def _sealed(self, token_id: str, key: str) -> str:
        return self._secrets.seal(_SEAL, key.encode(), f"{_COLUMN} {token_id}")

    async def _record(self, w: Writing, action: Action, token: Token, user: User, by: Actor) -> None:
        await record(
            w,
            self._clock,
            action,
            ROOM,
            by,
            model="token",
            identifier=token.identifier,
            intent=token.intent,
            owner=user.username,
            application=token.application,
            expires=token.expires.isoformat() if token.expires else None,
        )


def application_unknown() -> NotFound:
    """The refusal of an app password for what is no application, or none that the caller knows of."""
    return NotFound(
        "token.application_unknown", "application: there is no application of that slug.", field="application"
    )


async def _new_key(r: Reading) -> str:
    """As long as the administrators want them, never shorter than 32 random bytes make it."""
    length = (await current(r)).default_token_length
    key = ""
    while len(key) < length:
        key += b64(random_token())
    return key[:length]


def _to_come(expires: datetime | None, now: datetime) -> None:
    if expires is not None and expires <= now:
        raise InvalidInput(
            "token.expires_past", "expires: it lies in the past; give a moment to come, or none.", field="expires"
        )


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "token.identifier_taken",
            "identifier: another token has it already; choose another.",
            field="identifier",
        ) from error


async def named(r: Reading, identifier: str, *, hold: bool = False) -> Token:
    """The token of that identifier; ``hold`` it against other transactions. Raises `token.not_found`."""
    query = select(Token).where(Token.identifier == fields.identifier(identifier))
    token = await r.scalar(query.with_for_update() if hold else query)
    if token is None:
        raise NotFound("token.not_found", "identifier: there is no token of that name.", field="identifier")
    return token


async def listed(r: Reading, *, user_id: int | None = None) -> Sequence[tuple[Token, User]]:
    """Tokens with their owners, by identifier."""
    query = select(Token, User).join(User, User.id == Token.user_id).order_by(Token.identifier)
    if user_id is not None:
        query = query.where(Token.user_id == user_id)
    return [(token, user) for token, user in await r.execute(query)]
