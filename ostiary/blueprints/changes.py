"""What applying does to one object, field by field, in a form that may be shown to anybody who may see the object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CREATE: Final = "create"
CHANGE: Final = "change"
DELETE: Final = "delete"

# What is called so, as in somebody's attributes, is not shown, whatever field it is in.
_SECRET: Final = ("password", "secret", "credential", "private_key", "token", "api_key", "kubeconfig")


class _Mark:
    """Stands for a value in a difference."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


MASKED: Final = _Mark("(secret)")
NOTHING: Final = _Mark("(none)")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after; `NOTHING` where there is none, `MASKED` where it is a secret."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one object. ``action`` is create, change or delete; ``where`` the entry's file and line."""

    action: str
    model: str
    name: str
    pk: str
    fields: tuple[FieldChange, ...]
    where: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any], secrets: frozenset[str]) -> Iterator[FieldChange]:
    """Every field that differs, in the order of ``after``; what only ``before`` has comes last."""
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name, NOTHING), after.get(name, NOTHING)
        if old != new:
            yield from _of_field(name, old, new, secret=name in secrets)


def _of_field(name: str, old: Any, new: Any, *, secret: bool) -> Iterator[FieldChange]:
    if secret:
        yield FieldChange(name, _hidden(old), _hidden(new))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner_old, inner_new = old.get(key, NOTHING), new.get(key, NOTHING)
            if inner_old != inner_new:
                yield from _of_field(f"{name}.{key}", inner_old, inner_new, secret=telling(key))
    else:
        yield FieldChange(name, masked(old), masked(new))


def masked(value: Any) -> Any:
    """The value with whatever stands under a secret's name left out."""
    if isinstance(value, Mapping):
        return {key: MASKED if telling(key) else masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def telling(name: str) -> bool:
    """Whether a name says that its value is a secret."""
    folded = str(name).casefold()
    return any(word in folded for word in _SECRET)


def _hidden(value: Any) -> Any:
    return NOTHING if value is NOTHING or value in ("", None) else MASKED
