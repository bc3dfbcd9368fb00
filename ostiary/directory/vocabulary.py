"""What expressions may read of a person, whatever they are for: dotted names and their CEL types."""

from collections.abc import Mapping
from typing import Final

PERSON: Final[Mapping[str, str]] = {
    "user.id": "int",
    "user.username": "string",
    "user.name": "string",
    "user.email": "string",
    "user.type": "string",
    "user.is_superuser": "bool",
    "user.groups": "list<string>",
    "user.attributes": "map<string,dyn>",
}
"""``user.groups`` holds names, inherited ones too."""
