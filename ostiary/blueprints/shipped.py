"""The blueprints that come with the product, by their paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ostiary.kit.errors import InvalidInput

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Shipped:
    """One file; ``path`` is such as ``default/flow-default-invalidation-flow.yaml``."""

    path: str
    data: bytes
    modified: datetime


def available() -> Iterator[Shipped]:
    """All of them, by path."""
    for file in sorted((_HERE / "default").glob("*.yaml")):
        modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        yield Shipped(file.relative_to(_HERE).as_posix(), file.read_bytes(), modified)


def shipped(path: str) -> Shipped:
    """The one of that path. Raises `blueprint.path_unknown`."""
    for one in available():
        if one.path == path:
            return one
    raise InvalidInput(
        "blueprint.path_unknown",
        "path: no blueprint of that path comes with Ostiary; send the blueprint itself as content.",
        field="path",
    )
