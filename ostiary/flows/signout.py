"""The sign-out ticket: proof that a person asked to sign out where an application was, so that we need not ask
again.
"""

import json
from datetime import timedelta

from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput
from ostiary.storage.secrets import Secrets

_PURPOSE = "sign-out"
_CONTEXT = "url"
_LIFETIME = timedelta(seconds=60)


class SignOutTickets:
    """Names one login and lives for a minute. All that it can do is end that login."""

    def __init__(self, *, secrets: Secrets, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock

    def issue(self, session_id: str) -> str:
        """URL-safe text for ``/if/flow/default-invalidation-flow/?ticket=…``."""
        claims = [session_id, (self._clock.now() + _LIFETIME).timestamp()]
        return self._secrets.seal(_PURPOSE, json.dumps(claims).encode(), _CONTEXT)

    def names(self, text: str, session_id: str) -> bool:
        """Whether a ticket is ours, still good, and of this login."""
        try:
            named, expires = json.loads(self._secrets.open(_PURPOSE, text, _CONTEXT))
        except InvalidInput:
            return False
        return bool(named == session_id and self._clock.now().timestamp() < expires)
