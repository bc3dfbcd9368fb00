"""The names, values and headers of the cookies on our own host.

A value is 32 random bytes and a 16-byte MAC, so that a made-up one is refused without asking the database. A name has
two forms: ``__Host-`` (RFC 6265bis section 4.1.3.2) where our address is https, and a bare one where it is plain
http; each is accepted only there.
"""

from dataclasses import dataclass
from typing import Protocol

from ostiary.kit.errors import InvalidInput
from ostiary.kit.tokens import b64, random_token, unb64

_SECRET = 32
_MAC = 16
_LONGEST_HEADER = 16_384


class Macs(Protocol):
    """What this file needs of the secrets: MACs for one purpose each."""

    def mac(self, purpose: str, value: bytes) -> bytes: ...

    def check_mac(self, purpose: str, value: bytes, mac: bytes) -> bool: ...


@dataclass(frozen=True)
class Cookie:
    """One kind of cookie. A value minted for one kind means nothing in another."""

    base: str
    purpose: str

    def name(self, secure: bool) -> str:
        """Its name where our address is https (``secure``) or plain http."""
        return f"__Host-{self.base}" if secure else self.base

    def mint(self, secrets: Macs) -> tuple[str, bytes]:
        """A new value and the 32 bytes inside it."""
        secret = random_token()
        return b64(secret + secrets.mac(self.purpose, secret)), secret

    def verify(self, secrets: Macs, value: str) -> bytes | None:
        """The 32 bytes inside a value that we minted, else None."""
        if len(value) != 64:
            return None
        try:
            raw = unb64(value)
        except InvalidInput:
            return None
        secret, mac = raw[:_SECRET], raw[_SECRET:]
        return secret if secrets.check_mac(self.purpose, secret, mac) else None

    def read(self, secrets: Macs, header: str, secure: bool) -> str | None:
        """Our value in a ``Cookie`` header, or None.

        A neighbour below the same domain can plant a second cookie of the plain name. Then one may win only if
        exactly one of them is ours.
        """
        ours = {value for value in values(header, self.name(secure)) if self.verify(secrets, value) is not None}
        return ours.pop() if len(ours) == 1 else None

    def header(self, value: str, secure: bool, max_age: int | None = None) -> str:
        """The ``Set-Cookie`` header. Without ``max_age`` (seconds) the cookie lasts as long as the browser runs."""
        age = "" if max_age is None else f"; Max-Age={max_age}"
        return f"{self.name(secure)}={value}; Path=/{age}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"

    def cleared(self, secure: bool) -> str:
        """The ``Set-Cookie`` header that removes it."""
        return self.header("", secure, max_age=0)


def values(header: str, name: str) -> list[str]:
    """Every value that a ``Cookie`` header (RFC 6265 section 4.2) gives to ``name``, in order."""
    found = []
    for pair in header[:_LONGEST_HEADER].split(";"):
        key, separator, value = pair.strip().partition("=")
        if separator and key == name:
            found.append(value)
    return found


def single(header: str, name: str) -> str:
    """The value of a cookie that came exactly once, else nothing: of two, one may be a neighbour's."""
    found = values(header, name)
    return found[0] if len(found) == 1 else ""


LOGIN = Cookie("ostiary", "login-cookie")
FORM = Cookie("ostiary_form", "form-cookie")
DEVICE = Cookie("ostiary_device", "known-device")
SETUP = Cookie("ostiary_setup", "setup-code")
RECOVERY = Cookie("ostiary_recovery", "recovery-link")
