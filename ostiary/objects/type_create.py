"""What kinds of a thing can be made, for the wizards of clients."""

from collections.abc import Iterable
from typing import Any

from ostiary.objects.kind import Shown, Words


class TypeCreate(Shown):
    """One of them."""

    name: str
    description: str
    component: str
    model_name: str
    icon_url: str | None = None
    requires_enterprise: bool = False
    deprecated: bool = False


def types_of(kinds: Iterable[tuple[Words, str]]) -> list[dict[str, Any]]:
    """Each with its description."""
    return [
        TypeCreate(
            name=words.name, description=description, component=words.component, model_name=words.model
        ).model_dump()
        for words, description in kinds
    ]
