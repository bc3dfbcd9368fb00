"""Which fields name other objects by numbers, which say what another object's field says already, and what an object
is called.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

USERS: Final = "authentik_core.user"
PROVIDERS: Final = "providers"

# UUIDs are told by their form and never meet; numbers need to be told by their field.
NUMBERED: Final[Mapping[str, str]] = {
    "user": USERS,
    "users": USERS,
    "provider": PROVIDERS,
    "providers": PROVIDERS,
    "backchannel_providers": PROVIDERS,
    "jwt_federation_providers": PROVIDERS,
}
"""Field → the family of objects whose primary key it holds."""

AGAIN: Final[Mapping[str, frozenset[str]]] = {
    "authentik_core.group": frozenset({"users"}),
}
"""Model → fields that say again what another object's field says, so that an export holds it once."""

APART: Final = frozenset(
    {
        "authentik_core.authenticatedsession",
        "authentik_events.event",
        "authentik_policies_reputation.reputation",
        "authentik_blueprints.blueprintinstance",
        # All of a sort together; each is held as what it is.
        "authentik_core.propertymapping",
        "authentik_core.provider",
        "authentik_flows.stage",
        "authentik_outposts.outpostserviceconnection",
        "authentik_policies.policy",
    }
)
"""Models that blueprints do not hold: what happened, and what has a model of its own."""

PASSING: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "authentik_core.token": ("intent", frozenset({"recovery", "verification"})),
}
"""Model → a field, and the values of it that objects have which nobody makes by hand and which soon end."""

LOST: Final[Mapping[str, Sequence[str]]] = {
    "authentik_policies.policybinding": ("policy", "group", "user"),
}
"""Model → fields of which one is needed; where all are gone, the object only keeps something shut."""

# What says of an object without a name which one it is: the object that it is of, and the one that it adds.
_BETWEEN: Final = ("target", "policy", "group", "user", "stage")
_NAMES: Final = ("name", "slug", "username", "identifier", "domain", "title", "managed")


def family(label: str) -> str:
    """What shares one series of numbers."""
    return PROVIDERS if label.startswith("authentik_providers_") and label.endswith("provider") else label


def key_of(label: str, pk: Any) -> str:
    """An object's primary key as one of all objects: UUIDs never meet, numbers need their family."""
    return str(pk) if isinstance(pk, str) else f"{family(label)} {pk}"


def referred(field: str, value: Any) -> str | None:
    """The same of what a field's value, or one value of its list, names; None if that is no primary key."""
    if isinstance(value, str) and UUID.fullmatch(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and field in NUMBERED:
        return f"{NUMBERED[field]} {value}"
    return None


def called(shown: Mapping[str, Any]) -> str | None:
    """What people call an object, if it has a name at all."""
    for name in _NAMES:
        value = shown.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def called_between(shown: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What to call an object that connects others, such as ``wiki → writers``; nothing if those have no known names."""
    ends = [names.get(referred(name, shown.get(name)) or "") for name in _BETWEEN]
    return " → ".join(end for end in ends if end)
