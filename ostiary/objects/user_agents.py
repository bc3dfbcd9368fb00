"""What a browser says of itself, in the parts that clients of the API expect. It decides nothing."""

import re
from typing import Final

_BROWSERS: Final = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS|Chromium)/"),
    ("Safari", r"Version/(?=.*Safari/)"),
    ("curl", r"curl/"),
)
_SYSTEMS: Final = (
    ("iOS", r"iPhone|iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("Mac OS X", r"Mac OS X"),
    ("Chrome OS", r"CrOS"),
    ("Linux", r"Linux"),
)
_DEVICES: Final = (("iPhone", r"iPhone"), ("iPad", r"iPad"), ("Mac", r"Macintosh"))
_NUMBERS: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")


def parsed(text: str) -> dict[str, object]:
    """``device``, ``os``, ``user_agent`` and the ``string`` itself; "Other" and "" where it does not say."""
    family, numbers = "Other", None
    for name, mark in _BROWSERS:
        found = re.search(mark, text)
        if found:
            family, numbers = name, _NUMBERS.match(text, found.end())
            break
    major, minor, patch = numbers.groups("") if numbers else ("", "", "")
    return {
        "device": {"family": _first(_DEVICES, text)},
        "os": {"family": _first(_SYSTEMS, text)},
        "user_agent": {"family": family, "major": major, "minor": minor, "patch": patch},
        "string": text,
    }


def _first(known: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, mark in known if re.search(mark, text)), "Other")
