"""Whether a password is in known leaks, by the range search of Have I Been Pwned
(https://haveibeenpwned.com/API/v3#PwnedPasswords).

The service learns the first five of forty characters of the password's SHA-1, which some hundreds of known passwords
share, and nothing else. Nobody is asked unless a password policy wishes it.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

from ostiary.kit.errors import OstiaryError, Unavailable

SERVICE: Final = "https://api.pwnedpasswords.com/range/"
_LARGEST = 262_144

Fetch = Callable[[str, int], Awaitable[bytes]]
"""(URL, most bytes) to a body, as `Outgoing.get` has it."""


class Leaks:
    """Asks the service."""

    def __init__(self, *, fetch: Fetch, service: str = SERVICE) -> None:
        self._fetch = fetch
        self._service = service

    async def count(self, password: str) -> int:
        """How often it was found in leaks. Raises `password.leaks_unknown` where the service does not answer: a
        password that cannot be judged is not taken.
        """
        # The service's own choice of a hash; nothing is protected by it.
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            body = await self._fetch(self._service + digest[:5], _LARGEST)
            for line in body.decode("ascii").splitlines():
                suffix, _, number = line.strip().partition(":")
                if suffix.upper() == digest[5:]:
                    return int(number)
        except (OstiaryError, ValueError) as error:
            raise Unavailable(
                "password.leaks_unknown",
                "The service that knows leaked passwords does not answer, so the new password could not be judged; try"
                " again in a moment.",
            ) from error
        return 0
