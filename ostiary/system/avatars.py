"""A person's picture: drawn here from their initials, or an address that their attributes hold. Nothing is fetched."""

import re
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from zlib import crc32

from ostiary.kit.errors import InvalidInput

_ATTRIBUTE: Final = re.compile(r"attributes(\.[A-Za-z0-9_-]{1,50}){1,5}")
_ADDRESS: Final = re.compile(r"(https://|/)[^\s\"'<>\\]{1,1000}")


def check_modes(name: str, text: str) -> str:
    """A list of modes, parted by commas. Raises `system.not_supported_yet`, `system.setting_invalid`."""
    modes = [mode.strip() for mode in text.split(",")]
    for mode in modes:
        if mode == "gravatar" or mode.startswith("http"):
            raise InvalidInput(
                "system.not_supported_yet",
                f"{name}: pictures of other hosts are not asked for; use initials, attributes.<path> or none.",
                field=name,
            )
        if mode not in ("initials", "none") and not _ATTRIBUTE.fullmatch(mode):
            raise InvalidInput(
                "system.setting_invalid",
                f"{name}: write initials, none or attributes.<path>, or several of them parted by commas.",
                field=name,
            )
    return ",".join(modes)


def avatar(modes: str, *, name: str, username: str, attributes: Mapping[str, Any]) -> str:
    """An address for an ``img``; nothing where the modes give none."""
    for mode in modes.split(","):
        if mode == "none":
            return ""
        if mode == "initials":
            return _drawn(name.strip() or username)
        found = _attribute(attributes, mode.split(".")[1:])
        if isinstance(found, str) and _ADDRESS.fullmatch(found) and not found.startswith("//"):
            return found
    return ""


def _attribute(attributes: Mapping[str, Any], path: list[str]) -> Any:
    found: Any = attributes
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _drawn(name: str) -> str:
    words = name.split() or ["?"]
    letters = (words[0][:1] + (words[-1][:1] if len(words) > 1 else words[0][1:2])).upper()
    # The same name always has the same colour; nothing depends on which.
    hue = crc32(name.encode("utf-8", "replace")) % 360
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
        f'<rect width="64" height="64" fill="hsl({hue},45%,40%)"/>'
        '<text x="50%" y="50%" dy=".35em" fill="#fff" font-family="sans-serif" font-size="28" text-anchor="middle">'
        f"{escape(letters)}</text></svg>"
    )
    return "data:image/svg+xml;base64," + b64encode(picture.encode("utf-8", "replace")).decode()
