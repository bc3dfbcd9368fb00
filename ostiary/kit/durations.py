"""Lengths of time as people write them: ``weeks=1;days=2;hours=3;minutes=4;seconds=5``."""

import re
from collections.abc import Mapping
from typing import Final

from ostiary.kit.errors import InvalidInput

_SECONDS: Final[Mapping[str, int]] = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_PART: Final = re.compile(r"\s*([a-z]+)\s*=\s*(\d{1,9})\s*", re.ASCII | re.IGNORECASE)
_LONGEST: Final = 100 * 365 * 86_400


def parse_duration(text: str, *, field: str | None = None) -> int:
    """Whole seconds. Parts are parted by ``;`` or ``,``, each unit at most once, at most a hundred years in all.

    Raises `duration.invalid`; the sentence shows a right one.
    """
    seconds: dict[str, int] = {}
    for part in re.split("[;,]", text):
        match = _PART.fullmatch(part)
        unit = match[1].lower() if match else ""
        if match is None or unit not in _SECONDS or unit in seconds:
            raise InvalidInput(
                "duration.invalid",
                f"{text!r} is not a length of time; write for example 'days=2;hours=3', "
                f"with each of {', '.join(_SECONDS)} at most once.",
                field=field,
            )
        seconds[unit] = int(match[2]) * _SECONDS[unit]
    total = sum(seconds.values())
    if total > _LONGEST:
        raise InvalidInput("duration.invalid", f"{text!r} is longer than a hundred years.", field=field)
    return total


def show_duration(seconds: int) -> str:
    """The same grammar back, from days down."""
    parts = []
    for unit, size in list(_SECONDS.items())[1:]:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{unit}={count}")
    return ";".join(parts) or "seconds=0"
