"""A service account: a user that is a program, with a token of its own and, if wanted, a group of its own."""

from datetime import datetime

from ostiary.directory.groups import Groups
from ostiary.directory.models import Token, User
from ostiary.directory.tokens import Tokens
from ostiary.directory.usernames import canonical
from ostiary.directory.users import Users
from ostiary.events.record import Actor
from ostiary.storage.session import Database


class ServiceAccounts:
    """Makes them whole or not at all."""

    def __init__(self, *, database: Database, users: Users, groups: Groups, tokens: Tokens) -> None:
        self._database = database
        self._users = users
        self._groups = groups
        self._tokens = tokens

    async def create(
        self,
        username: str,
        *,
        with_group: bool = False,
        expires: datetime | None,
        viewable: bool = False,
        by: Actor,
    ) -> tuple[User, Token, str]:
        """User, API token and its key, which is shown this once unless ``viewable``; with ``with_group``, a group of
        the same name.
        """
        async with self._database.writing() as w:
            groups = []
            if with_group:
                groups = [(await self._groups.create_in(w, canonical(username), by=by)).name]
            user = await self._users.create_in(
                w, username, name=username.strip(), type="service_account", path="users/service", groups=groups, by=by
            )
            token, key = await self._tokens.create_in(
                w, f"service-account-{user.id}", user=user, intent="api", expires=expires, viewable=viewable, by=by
            )
            return user, token, key
