"""A signed-in person changes their own name, e-mail address and username, as far as the administrators let them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ostiary.directory.models import User
from ostiary.directory.users import Users, existing
from ostiary.events.record import Actor
from ostiary.kit.errors import Refused
from ostiary.storage.session import Database, Reading
from ostiary.system.registry import current

FIELDS: Final = ("name", "email", "username")
_ATTRIBUTE: Final = "goauthentik.io/user/can-change-{}"


@dataclass(frozen=True)
class Details:
    """What is stored, and which fields the person may change."""

    values: Mapping[str, str]
    changeable: frozenset[str]


class OwnDetails:
    """The verb, and what it lets through."""

    def __init__(self, *, database: Database, users: Users) -> None:
        self._database = database
        self._users = users

    async def of(self, user_id: int) -> Details:
        """A person's details. Raises `user.not_found`."""
        async with self._database.reading() as r:
            user = await existing(r, user_id)
            return Details({name: getattr(user, name) for name in FIELDS}, await _changeable(r, user))

    async def change(self, user_id: int, values: Mapping[str, str], *, by: Actor) -> None:
        """Stores the fields that differ, all or none. Raises `user.own_field_fixed` and what `Users` refuses."""
        async with self._database.together() as w:
            user = await existing(w, user_id)
            changeable = await _changeable(w, user)
            new = {name: value for name, value in values.items() if name in FIELDS and value != getattr(user, name)}
            for name in new:
                if name not in changeable:
                    raise Refused("user.own_field_fixed", f"{name}: only an administrator can change it.", field=name)
            username = new.pop("username", None)
            if new:
                await self._users.update(user_id, name=new.get("name"), email=new.get("email"), by=by)
            if username is not None:
                await self._users.rename(user_id, username, by=by)


async def _changeable(r: Reading, user: User) -> frozenset[str]:
    settings = await current(r)
    allowed = set()
    for name in FIELDS:
        said = user.attributes.get(_ATTRIBUTE.format(name))
        if said if isinstance(said, bool) else getattr(settings, f"default_user_change_{name}"):
            allowed.add(name)
    return frozenset(allowed)
