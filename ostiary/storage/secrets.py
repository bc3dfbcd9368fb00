"""Secrets at rest: what is verified is a keyed hash, what must be shown again is sealed, the rest is derived.

Every key is derived by HKDF (RFC 5869) from a configured secret key, for one use and one purpose, so that a value made
for one purpose means nothing at another. ``secret_key`` is a list: the first makes new values, all of them read old
ones.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ostiary.kit.errors import InvalidInput

MAC_BYTES = 16
_SHORTEST_KEY = 32
_SALT = 16
_NONCE = 12


class Secrets:
    """Hashes, MACs and seals under the configured secret keys.

    ``purpose`` names what a value is for (``session``, ``flow-intent``); ``context`` names where a sealed value lives
    (table and column), so that a value copied to another column does not open there.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidInput("secret_key.missing", "secret_key is empty; give at least one key.", field="secret_key")
        for number, key in enumerate(keys, 1):
            if len(key.encode()) < _SHORTEST_KEY:
                raise InvalidInput(
                    "secret_key.too_short",
                    f"secret_key: key {number} is shorter than {_SHORTEST_KEY} bytes; make one: openssl rand -hex 32",
                    field="secret_key",
                )
        self._roots = tuple(key.encode() for key in keys)
        self._ids = tuple(_derive(root, b"", "id", "").hex()[:8] for root in self._roots)
        self._derived: dict[tuple[int, str, str], bytes] = {}

    def hash(self, purpose: str, value: bytes) -> str:
        """The keyed hash under which a secret is stored and found: HMAC-SHA256, 64 hex digits, with the first key."""
        return self._hmac(0, "hash", purpose, value).hex()

    def hashes(self, purpose: str, value: bytes) -> list[str]:
        """The hash under every key, first key first: what a look-up of a stored value tries."""
        return [self._hmac(index, "hash", purpose, value).hex() for index in range(len(self._roots))]

    def mac(self, purpose: str, value: bytes) -> bytes:
        """Sixteen bytes that prove that we issued ``value``: HMAC-SHA256, truncated, with the first key."""
        return self._hmac(0, "mac", purpose, value)[:MAC_BYTES]

    def check_mac(self, purpose: str, value: bytes, mac: bytes) -> bool:
        """Whether ``mac`` is ours under any key; takes the same time whichever byte differs."""
        genuine = False
        for index in range(len(self._roots)):
            genuine |= hmac.compare_digest(self._hmac(index, "mac", purpose, value)[:MAC_BYTES], mac)
        return genuine

    def seal(self, purpose: str, data: bytes, context: str) -> str:
        """Encrypts with the first key; the text is URL-safe and carries the key's id.

        AES-256-GCM under a key of its own per value (the salt enters HKDF), so that random nonces never wear out
        however many values strangers make us seal.
        """
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        key = _derive(self._roots[0], salt, "seal", purpose)
        sealed = salt + nonce + AESGCM(key).encrypt(nonce, data, context.encode())
        return f"1.{self._ids[0]}.{urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, purpose: str, text: str, context: str) -> bytes:
        """Decrypts what :meth:`seal` made. Raises `secret.unreadable` for anything else, whichever part is wrong."""
        try:
            version, key_id, body = text.split(".")
            if version != "1":
                raise ValueError("unknown version")
            root = self._roots[self._ids.index(key_id)]
            sealed = urlsafe_b64decode(body + "=" * (-len(body) % 4))
            if urlsafe_b64encode(sealed).rstrip(b"=").decode() != body:
                raise ValueError("not canonical")
            salt, nonce, data = sealed[:_SALT], sealed[_SALT : _SALT + _NONCE], sealed[_SALT + _NONCE :]
            return AESGCM(_derive(root, salt, "seal", purpose)).decrypt(nonce, data, context.encode())
        except (ValueError, InvalidTag) as error:
            raise InvalidInput(
                "secret.unreadable", "A sealed value cannot be opened with the configured secret keys."
            ) from error

    def needs_resealing(self, text: str) -> bool:
        """Whether the value was sealed with a key other than the first."""
        return not text.startswith(f"1.{self._ids[0]}.")

    def _hmac(self, index: int, use: str, purpose: str, value: bytes) -> bytes:
        name = (index, use, purpose)
        key = self._derived.get(name)
        if key is None:
            key = self._derived[name] = _derive(self._roots[index], b"", use, purpose)
        return hmac.digest(key, value, hashlib.sha256)


def _derive(root: bytes, salt: bytes, use: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt or None, info=f"ostiary {use} {purpose}".encode()).derive(root)
