"""Fields that are refused whatever object they are given for: unknown ones, and those that would do nothing."""

from collections.abc import Collection, Iterable
from typing import Any

from ostiary.kit.errors import InvalidInput


def refuse_unknown(area: str, what: str, given: Iterable[str], known: Collection[str]) -> None:
    """``what`` is a sentence's subject, such as ``a brand``. Raises `<area>.field_unknown`."""
    for name in given:
        if name not in known:
            raise InvalidInput(
                f"{area}.field_unknown", f"{name}: {what} has no such field; it has {', '.join(known)}.", field=name
            )


def refuse_effect(area: str, name: str, value: Any, nothing: Collection[Any]) -> None:
    """Whatever would be kept and do nothing is refused, since somebody would rely on it.

    ``nothing`` are the values that ask for nothing; 0 is not False there. Raises `<area>.not_supported_yet`.
    """
    if not any(value == one and type(value) is type(one) for one in nothing):
        raise InvalidInput(
            f"{area}.not_supported_yet", f"{name}: it has no effect yet, so it is not stored; leave it out.", field=name
        )
