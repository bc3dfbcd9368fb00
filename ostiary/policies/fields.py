"""The configuration of the types of policies: what each field may hold, and what it is where nobody says.

What is refused here with ``policy.not_supported_yet`` is a field of authentik's that would promise an effect which does
not exist; its default is accepted everywhere.
"""

import ipaddress
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_unknown

Check = Callable[[str, Any], Any]
"""(field's name, value) to the value as it is stored. Raises `policy.field_invalid` and its like."""

_LARGEST: Final = 2**31 - 1


class Fields:
    """The fields of one type: their checks and defaults."""

    def __init__(self, **fields: tuple[Any, Check]) -> None:
        self._fields = fields
        self.defaults: Mapping[str, Any] = {name: default for name, (default, _) in fields.items()}

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is given, checked. Raises `policy.field_unknown` and what the checks raise."""
        refuse_unknown("policy", "this type of policy", values, self._fields)
        return {name: self._fields[name][1](name, value) for name, value in values.items()}

    def complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A stored configuration with the defaults of what it lacks, so that one of an older release can be read."""
        return {**self.defaults, **config}


def number(low: int = 0, high: int = _LARGEST) -> Check:
    """A whole number in these bounds."""

    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _invalid(name, f"it is a whole number from {low} to {high}.")
        return value

    return check


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _invalid(name, "it is true or false.")
    return value


def line(longest: int = 1_000) -> Check:
    """One line of text, or nothing."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _invalid(name, "it is a text.")
        text = unicodedata.normalize("NFC", value)
        if len(text) > longest or not text.isprintable():
            raise _invalid(name, f"it is one line of at most {longest} visible characters.")
        return text

    return check


def only(allowed: Any, instead: str) -> Check:
    """authentik's default alone, of a field without effect here."""

    def check(name: str, value: Any) -> Any:
        if value != allowed or isinstance(value, bool) is not isinstance(allowed, bool):
            raise InvalidInput("policy.not_supported_yet", f"{name}: {instead}", field=name)
        return value

    return check


def or_nothing(check: Check) -> Check:
    """The same, or null; an empty text is null too."""
    return lambda name, value: None if value is None or value == "" else check(name, value)


def one_of(words: Mapping[str, object] | frozenset[str], what: str) -> Check:
    """One of these words."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise _invalid(name, what)
        return value

    return check


def address(name: str, value: Any) -> str:
    """An IP address."""
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise _invalid(name, "it is one IP address, such as 192.0.2.7.") from error


def _invalid(name: str, wanted: str) -> InvalidInput:
    return InvalidInput("policy.field_invalid", f"{name}: {wanted}", field=name)
