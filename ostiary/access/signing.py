"""The key that signs right now and the key set that it is verified with, as a worker holds them."""

import json
from typing import Any

from ostiary.access.served import Load
from ostiary.keys.keyring import unsealed
from ostiary.kit.jose import SigningKey
from ostiary.storage.secrets import Secrets

_KEYS = "SELECT kid, algorithm, state, public, private FROM signing_keys ORDER BY state, created, kid"
_ALGORITHM = "ES256"


class Signing:
    """Part of the access table: the feed announces every change of a key, and then all is loaded again."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._sealed = ""
        self.key: SigningKey | None = None
        """What signs; None before the first start has made one."""
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
        if self.key is None or sealed != self._sealed:
            self.key, self._sealed = unsealed(self._secrets, kid, algorithm, sealed), sealed


def _read(stored: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored) if isinstance(stored, str | bytes) else stored
    return found
