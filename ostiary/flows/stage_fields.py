"""The options of a stage type: which there are, what each may hold, and what it holds unless something is said.

Whatever has no effect is refused, never stored: somebody would rely on it.
"""

import difflib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_effect

Check = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Option:
    """``check(name, value)`` answers what is stored, or raises. ``default`` is stored where nothing is said."""

    check: Check
    default: Any


@dataclass(frozen=True)
class StageFields:
    """``options`` by name; ``without_effect`` are authentik's further options, each with the values that ask for
    nothing. ``references`` are options that hold another stage's id, with the type that it must be of.
    """

    options: Mapping[str, Option] = field(default_factory=dict)
    without_effect: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)

    def made(self, values: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The whole configuration that these values make, over that of before. Raises `stage.*`."""
        config = self.whole(before or {})
        for name, value in values.items():
            if name in self.options:
                config[name] = self.options[name].check(name, value)
            elif name in self.without_effect:
                refuse_effect("stage", name, value, self.without_effect[name])
            else:
                known = [*self.options, *self.without_effect]
                near = difflib.get_close_matches(name, known, n=1)
                advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}."
                raise InvalidInput(
                    "stage.field_unknown", f"{name}: a stage of this type has no such option; {advice}", field=name
                )
        return config

    def whole(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A stored configuration with what it leaves unsaid."""
        return {name: config.get(name, option.default) for name, option in self.options.items()}


def boolean(name: str, value: Any) -> bool:
    """Exactly true or false."""
    if not isinstance(value, bool):
        raise invalid(name, "it is true or false.")
    return value


def reference(name: str, value: Any) -> str | None:
    """Another object's id, or nothing. Whether it exists is for whoever can look."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) != 36:
        raise invalid(name, "give the id of a stage, or null.")
    return value.lower()


def duration(name: str, value: Any) -> str:
    """A length of time, as it was written, such as ``days=30``."""
    if not isinstance(value, str):
        raise invalid(name, "write a length of time, such as days=30.")
    parse_duration(value, field=name)
    return value.strip()


def number(lowest: int, highest: int) -> Check:
    """A whole number in that range."""

    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise invalid(name, f"use a whole number from {lowest} to {highest}.")
        return value

    return check


def some_of(words: Sequence[str], later: Sequence[str] = ()) -> Check:
    """A list of at least one of these words; ``later`` are words that have no effect yet."""

    def check(name: str, value: Any) -> list[str]:
        if isinstance(value, list | tuple) and any(entry in later for entry in value):
            unsupported = next(entry for entry in value if entry in later)
            raise InvalidInput(
                "stage.not_supported_yet", f"{name}: {unsupported} is not supported yet; leave it out.", field=name
            )
        if not isinstance(value, list | tuple) or not value or any(entry not in words for entry in value):
            raise invalid(name, f"name at least one of {', '.join(words)}.")
        return list(dict.fromkeys(value))

    return check


def sentence(name: str, value: Any) -> str:
    """One line for people, or nothing."""
    text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else None
    if text is None or len(text) > 500 or not text.isprintable():
        raise invalid(name, "use one line of at most 500 visible characters.")
    return text


def invalid(name: str, fault: str) -> InvalidInput:
    """`stage.<option>_invalid`."""
    return InvalidInput(f"stage.{name}_invalid", f"{name}: {fault}", field=name)
