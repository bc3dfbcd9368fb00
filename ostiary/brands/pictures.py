"""Pictures of a brand: an address elsewhere, or the picture itself, which we then serve as a file of our own."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

LARGEST: Final = 128 * 1024
"""Bytes of one picture that is stored here."""

_LONGEST_ADDRESS: Final = 2_000
# No quote, no space, no semicolon, no comma: it stands in a policy and in a style sheet as it is.
_ADDRESS: Final = re.compile(
    r"(https://[a-z0-9.\-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~!$&()*+=:@/%-]*)(\?[A-Za-z0-9._~!$&*+=:@/?%-]*)?"
)
_DATA: Final = re.compile(r"data:(image/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})")
_TYPES: Final[Mapping[str, str]] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
    "image/x-icon": ".ico",
    "image/vnd.microsoft.icon": ".ico",
}


@dataclass(frozen=True)
class Picture:
    """A picture that is stored here; ``name`` is that of its file."""

    name: str
    type: str
    content: bytes


def is_address(text: str) -> bool:
    """Whether the picture lies elsewhere, at an address that pages may hold."""
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def source(address: str) -> str:
    """Such an address as a policy has it: without its query."""
    return address.partition("?")[0]


def picture(text: str) -> Picture | None:
    """The picture of a ``data:`` address; None for what is none, or too large, or of another type."""
    if len(text) > 2 * LARGEST:
        return None
    found = _DATA.fullmatch(text)
    ending = _TYPES.get(found[1]) if found else None
    if found is None or ending is None:
        return None
    try:
        content = b64decode(found[2], validate=True)
    except Error:
        return None
    if not content or len(content) > LARGEST:
        return None
    return Picture(f"brand.{sha256(content).hexdigest()[:24]}{ending}", found[1], content)
