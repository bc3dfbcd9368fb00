"""Counts how often one browser is sent back to one address, so that a loop ends in an explanation.

The count lives in a cookie of our own host, where the login cookie evidently arrives; the application's host may be the
one that loses cookies. Nothing is stored.
"""

import json
from datetime import datetime

from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, digest, unb64
from ostiary.sessions.cookie import Cookie, values
from ostiary.storage.secrets import Secrets

MOST = 3
SECONDS = 30
_ADDRESSES = 12
_MAC = 16
_PURPOSE = "loops-cookie"
_COOKIE = Cookie("ostiary_loops", _PURPOSE)


class Loops:
    """Times are whole seconds. The newest addresses push out the oldest."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def count(
        self, cookies: str, secure: bool, *, session_id: str, provider_id: int, url_hash: str, now: datetime
    ) -> tuple[int, str]:
        """(how often within ``SECONDS`` before this time, Set-Cookie line that counts this time too)."""
        moment = int(now.timestamp())
        key = b64(digest(f"{session_id} {provider_id} {url_hash}".encode())[:9])
        seen = {
            name: [at for at in times if moment - SECONDS < at <= moment]
            for name, times in self._read(cookies, secure).items()
        }
        before = len(seen.get(key, ()))
        mine = {key: [*seen.pop(key, ()), moment][-MOST:]}
        kept = dict(sorted(((n, t) for n, t in seen.items() if t), key=lambda pair: pair[1][-1])[-_ADDRESSES:])
        body = json.dumps(kept | mine, separators=(",", ":")).encode()
        text = b64(body + self._secrets.mac(_PURPOSE, body))
        return before, _COOKIE.header(text, secure, max_age=SECONDS)

    def _read(self, cookies: str, secure: bool) -> dict[str, list[int]]:
        for text in values(cookies, _COOKIE.name(secure)):
            try:
                raw = unb64(text)
                if self._secrets.check_mac(_PURPOSE, raw[:-_MAC], raw[-_MAC:]):
                    counted: dict[str, list[int]] = json.loads(raw[:-_MAC])
                    return counted
            except (InvalidInput, ValueError):
                continue
        return {}
