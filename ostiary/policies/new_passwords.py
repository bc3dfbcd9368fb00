"""Judges every new password by all password policies there are."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from ostiary.kit.errors import InvalidInput
from ostiary.kit.strength import score
from ostiary.policies.leaks import Leaks
from ostiary.policies.models import Policy
from ostiary.policies.password import PasswordRules
from ostiary.storage.session import Database

_GUESSED: Final = "it is too easy to guess; choose a longer one, or one with less common words."


class NewPasswords:
    """Its ``judge`` is one of `Passwords.judges`."""

    def __init__(self, *, database: Database, leaks: Leaks) -> None:
        self._database = database
        self._leaks = leaks
        self._thinking = asyncio.Semaphore(1)

    async def judge(self, password: str, field: str) -> None:
        """Raises `password.policy` with what the first policy that refuses it wants, `password.leaks_unknown` where
        that cannot be found out, and `password.policy_unreadable` for a policy that was not stored by us.
        """
        async with self._database.reading() as r:
            query = select(Policy.name, Policy.config).where(Policy.type == "password").order_by(Policy.name)
            stored = [(name, config) for name, config in await r.execute(query)]
        for name, config in stored:
            await self.ask(name, config, password, field)

    async def ask(self, name: str, config: Mapping[str, Any], password: str, field: str) -> None:
        """The same of one policy."""
        try:
            rules = PasswordRules.read(config)
            lacks = rules.lacks(password)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                "password.policy_unreadable",
                f"{field}: the policy {name} cannot be read, so no new password can be judged; tell an administrator.",
                field=field,
            ) from error
        why = f"it needs {', '.join(lacks)}." if lacks else await self._more(rules, password)
        if why:
            said = f"{rules.error_message.rstrip()} ({why.rstrip('.')})" if rules.error_message else why
            raise InvalidInput("password.policy", f"{field}: {said}", field=field)

    async def _more(self, rules: PasswordRules, password: str) -> str:
        if rules.score is not None:
            async with self._thinking:
                found = await asyncio.to_thread(score, password)
            if found <= rules.score:
                return _GUESSED
        if rules.leaks is not None and (found := await self._leaks.count(password)) > rules.leaks:
            times = "once" if found == 1 else f"{found} times"
            return f"it was found {times} in passwords that have leaked elsewhere; choose another."
        return ""
