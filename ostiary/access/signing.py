"""The key that signs right now, the key set that it is verified with, and what was signed, as a worker holds them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from ostiary.access.served import Load, Served
from ostiary.keys.keyring import unsealed
from ostiary.kit.errors import InvalidInput
from ostiary.kit.jose import SigningKey
from ostiary.storage.secrets import Secrets

_KEYS = "SELECT kid, algorithm, state, public, private FROM signing_keys ORDER BY state, created, kid"
_ALGORITHM = "ES256"
_log = structlog.get_logger("access")


@dataclass(frozen=True, slots=True)
class Signed:
    """Who somebody is, signed for one application; ``line`` is the whole header. Good for exactly this ``served``,
    while ``key`` signs, until ``until``."""

    served: Served
    key: SigningKey
    line: bytes
    until: datetime


class Signing:
    """Part of the access table: the feed announces every change of a key, and then all is loaded again."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._sealed = ""
        self.key: SigningKey | None = None
        """What signs; None if there is none that can be read, and then nothing is claimed of anybody."""
        self.published: tuple[dict[str, Any], ...] = ()
        """Public keys as JWKs (RFC 7517): the one that signs, the one that will, and those that have."""

    def load(self) -> Load[None]:
        """Reads the keys anew; unseals only one that it does not know yet."""
        rows = yield _KEYS, ()
        self.published = tuple(_read(row[3]) for row in rows)
        signing = next((row for row in rows if row[2] == "current" and row[1] == _ALGORITHM), None)
        if signing is None:
            self.key, self._sealed = None, ""
            return
        kid, algorithm, _, _, sealed = signing
        if sealed == self._sealed:
            return
        self.key, self._sealed = None, sealed
        try:
            self.key = unsealed(self._secrets, kid, algorithm, sealed)
        except (InvalidInput, ValueError):
            _log.error("signing_key_unreadable", kid=kid)


def _read(stored: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored) if isinstance(stored, str | bytes) else stored
    return found
