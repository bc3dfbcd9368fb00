"""Path secrets: what authenticates a proxy by the address that it asks at, instead of by its own address.

Shown once, stored as a keyed hash. While any is in force, addresses without one are refused.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from ostiary.applications.models import PathSecret
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.tokens import b64, random_token
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing

PURPOSE: Final = "path-secret"
"""Of the keyed hash under which one is stored."""
LONGEST: Final = 128
"""Characters of a path secret."""
SHOWN: Final = 4
"""How many of its characters a list shows."""
DEFAULT_KEEP: Final = timedelta(hours=1)
LONGEST_KEEP: Final = timedelta(days=30)

_ROOM = "applications"
_NAME: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9_.]{0,49}")


class PathSecrets:
    """The verbs. What returns a secret returns it for the only time."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    async def add(self, name: str, *, by: Actor) -> tuple[PathSecret, str]:
        """A new one under a name of its own. Raises `path_secret.name_invalid`, `path_secret.name_taken`."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "path_secret.name_invalid",
                "name: use 1 to 50 letters, digits, - _ and . such as ingress-nginx; the first is a letter or digit.",
                field="name",
            )
        async with self._database.writing() as w:
            row, secret = self._made(name)
            w.add(row)
            try:
                await w.flush()
            except IntegrityError as error:
                raise Conflict(
                    "path_secret.name_taken",
                    "name: there is a path secret of that name; rotate it, or choose another name.",
                    field="name",
                ) from error
            await self._record(w, Action.MODEL_CREATED, name, by)
        return row, secret

    async def rotate(self, name: str, *, keep: timedelta = DEFAULT_KEEP, by: Actor) -> tuple[PathSecret, str]:
        """A new secret under the same name; those before are good for ``keep`` more at most.

        Raises `path_secret.not_found`, `path_secret.keep_invalid`.
        """
        if not timedelta() <= keep <= LONGEST_KEEP:
            raise InvalidInput("path_secret.keep_invalid", "keep: from seconds=0 to days=30.", field="keep")
        now = self._clock.now()
        async with self._database.writing() as w:
            rows = (await w.scalars(select(PathSecret).where(PathSecret.name == name).with_for_update())).all()
            if not any(row.expires is None for row in rows):
                raise _unknown()
            for row in rows:
                # One that an earlier rotation kept is not to outlive this one.
                row.expires = now + keep if row.expires is None else min(row.expires, now + keep)
            row, secret = self._made(name)
            w.add(row)
            await w.flush()
            await self._record(w, Action.SECRET_ROTATE, name, by, keep_seconds=int(keep.total_seconds()))
        return row, secret

    async def delete(self, name: str, *, by: Actor) -> None:
        """Ends it at once, with what a rotation had kept of it. Raises `path_secret.not_found`."""
        async with self._database.writing() as w:
            rows = (await w.scalars(select(PathSecret).where(PathSecret.name == name).with_for_update())).all()
            if not rows:
                raise _unknown()
            for row in rows:
                await w.delete(row)
            await self._record(w, Action.MODEL_DELETED, name, by)

    def _made(self, name: str) -> tuple[PathSecret, str]:
        secret = b64(random_token())
        row = PathSecret(
            name=name,
            start=secret[:SHOWN],
            secret_hash=self._secrets.hash(PURPOSE, secret.encode("ascii")),
            created=self._clock.now(),
        )
        return row, secret

    async def _record(self, w: Writing, action: Action, name: str, by: Actor, **context: int) -> None:
        await record(w, self._clock, action, _ROOM, by, model="path_secret", name=name, **context)


async def listed(r: Reading, now: datetime) -> Sequence[PathSecret]:
    """Those in force, by name, the newest of each name first."""
    in_force = or_(PathSecret.expires.is_(None), PathSecret.expires > now)
    query = select(PathSecret).where(in_force).order_by(PathSecret.name, PathSecret.created.desc())
    return (await r.scalars(query)).all()


def _unknown() -> NotFound:
    return NotFound("path_secret.not_found", "name: there is no path secret of that name.", field="name")
