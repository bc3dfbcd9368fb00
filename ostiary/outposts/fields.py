"""What outposts and service connections have in common: a name of one line."""

import unicodedata
from typing import Any

from ostiary.kit.errors import InvalidInput

_LONGEST_NAME = 150


def name(value: Any, what: str) -> str:
    """One line of 1 to 150 visible characters. ``what`` begins the code of a refusal."""
    text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise InvalidInput(
            f"{what}.name_invalid", f"name: use one line of 1 to {_LONGEST_NAME} visible characters.", field="name"
        )
    return text


def boolean(value: Any, field: str, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidInput(f"{what}.{field}_invalid", f"{field}: write true or false.", field=field)
    return value
