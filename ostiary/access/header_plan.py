"""Which headers an application is told people by, as its stored fields say."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ostiary.applications.header_fields import PARTS, STYLE_NAMES
from ostiary.kit.errors import InvalidInput
from ostiary.kit.header_names import aliases, header_name
from ostiary.kit.patterns import Pattern, compile_pattern
from ostiary.mappings.evaluate import Mapped

ASSERTION: Final = "X-Ostiary-Jwt-Assertion"
SEPARATOR: Final = "|"
"""Joins lists where nothing else is asked for."""
_STYLED: Final = tuple(dict.fromkeys(name for names in STYLE_NAMES.values() for name in names.values()))


@dataclass(frozen=True)
class Basic:
    """The attributes that hold the name (else it is the e-mail address) and the password for the application."""

    user: str
    password: str


@dataclass(frozen=True)
class HeaderPlan:
    """What is said, and under which names. ``parts`` are (part, header); lists are joined by ``separator``."""

    parts: tuple[tuple[str, str], ...] = tuple(STYLE_NAMES["authentik"].items())
    separator: str = SEPARATOR
    group_filter: Pattern | None = None
    additional: tuple[str, ...] = ()
    mapped: tuple[Mapped, ...] = ()
    basic: Basic | None = None
    readable: bool = True
    """Whether all that is stored was understood; else nobody is named, for the application would miss something."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every identity header of an allowing answer, empty ones too, so that a visitor's own never passes."""
        return (
            *(name for _, name in self.parts),
            *self.additional,
            *(mapping.header for mapping in self.mapped),
            ASSERTION,
        )

    @cached_property
    def blank(self) -> tuple[bytes, ...]:
        """The lines of these headers without a value."""
        return tuple(f"{name}: ".encode("ascii") for name in self.names)

    def told(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a person's groups that the application is told of."""
        wanted = self.group_filter
        return groups if wanted is None else tuple(name for name in groups if wanted.meets(name))


def header_plan(
    style: Any, names: Any, group_filter: Any, additional: Any, basic: Sequence[Any], mapped: Iterable[Mapped]
) -> HeaderPlan:
    """The plan of a provider's stored columns, JSON as text or parsed; ``basic`` is enabled, user and password."""
    try:
        return _plan(style, _parsed(names), group_filter, _parsed(additional), basic, tuple(mapped))
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError):
        # Stored by hand or by a newer release.
        return HeaderPlan(readable=False)


def _plan(
    style: str, names: dict[str, str], group_filter: str, additional: list[str], basic: Sequence[Any], mapped: Any
) -> HeaderPlan:
    parts = [(part, names[part]) for part in PARTS if part in names] if style == "own" else STYLE_NAMES[style].items()
    plan = HeaderPlan(
        parts=tuple(parts),
        separator=SEPARATOR if style == "authentik" else ",",
        group_filter=compile_pattern(group_filter, "group_filter") if group_filter else None,
        additional=tuple(additional),
        mapped=mapped,
        basic=Basic(basic[1], basic[2]) if basic[0] else None,
    )
    for name in plan.names[:-1]:
        header_name(name, "name")
    if len({name.lower() for name in plan.names}) < len(plan.names):
        raise ValueError("two headers of one name")
    return plan


def removal(plan: HeaderPlan) -> bytes:
    """What ends an allowing answer to a proxy that takes off the headers we list: that line, and an empty one.

    Listed are the identity headers that this application is not told, and every spelling of any that servers fold into
    one of them. Never one that is set: with Envoy, taking off wins.
    """
    set_here = {name.lower() for name in plan.names}
    listed = [name.lower() for name in _STYLED if name.lower() not in set_here]
    for name in dict.fromkeys((*plan.names, *_STYLED)):
        # What tells of the application and not of the person is worth no name that only readers of dots would take.
        listed += aliases(name, "_" if name.startswith("X-authentik-meta-") else "_.")
    return b"x-envoy-auth-headers-to-remove: " + ",".join(dict.fromkeys(listed)).encode("ascii") + b"\r\n\r\n"


def _parsed(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str | bytes) else stored
