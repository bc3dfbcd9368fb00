"""Random tokens, their text form and their digests."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from ostiary.kit.errors import InvalidInput


def random_token() -> bytes:
    """32 bytes from the system's generator."""
    return secrets.token_bytes(32)


def b64(value: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """The bytes of exactly that text. Raises `token.malformed` for anything that `b64` would not write.

    Python's decoder skips foreign characters and ignores stray bits, so two spellings could stand for one value;
    encoding the result again and comparing leaves one.
    """
    try:
        value = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise InvalidInput("token.malformed", "This is not base64url text.") from error
    if b64(value) != text:
        raise InvalidInput("token.malformed", "This is not base64url text.")
    return value


def digest(value: bytes) -> bytes:
    """SHA-256, 32 bytes: enough for a value that is itself random; anything guessable needs a keyed hash."""
    return sha256(value).digest()
