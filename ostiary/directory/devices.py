"""Recognises a browser in which a person has signed in before, so that strangers' failures do not lock them out there.

The browser keeps a token; nothing is stored. It is bound to the person and to the password it was earned with.
"""

from datetime import timedelta

from ostiary.directory.models import User
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, random_token, unb64
from ostiary.storage.secrets import MAC_BYTES, Secrets

LIFETIME = timedelta(days=90)

_PURPOSE = "known-device"
_ID_BYTES = 16
_TIME_BYTES = 8


class Devices:
    """Issues and recognises tokens. They open nothing; they only choose which budget a failure is counted in."""

    def __init__(self, *, clock: Clock, secrets: Secrets) -> None:
        self._clock = clock
        self._secrets = secrets

    def issue(self, user: User, lifetime: timedelta = LIFETIME) -> str:
        """A token for a browser in which ``user`` has just signed in."""
        expires = int((self._clock.now() + lifetime).timestamp())
        body = random_token()[:_ID_BYTES] + expires.to_bytes(_TIME_BYTES, "big")
        return b64(body + self._secrets.mac(_PURPOSE, body + _binding(user)))

    def recognise(self, user: User, token: str | None) -> str | None:
        """The device's id if the token is ours, is this person's, and has not expired."""
        try:
            raw = unb64(token or "")
        except InvalidInput:
            return None
        if len(raw) != _ID_BYTES + _TIME_BYTES + MAC_BYTES:
            return None
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not self._secrets.check_mac(_PURPOSE, body + _binding(user), mac):
            return None
        if int.from_bytes(body[_ID_BYTES:], "big") <= self._clock.now().timestamp():
            return None
        return b64(body[:_ID_BYTES])


def _binding(user: User) -> bytes:
    changed = user.password_changed.isoformat() if user.password_changed else ""
    return f"{user.uuid} {changed}".encode()
