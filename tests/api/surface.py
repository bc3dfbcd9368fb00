"""Every operation of the API, without a server: for tests that hold lists against it.

``python -m tests.api.surface`` marks those that exist in ostiary/api/operations.txt and writes the OpenAPI document.
"""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from ostiary.api import document, operations
from ostiary.api.app import application
from ostiary.api.app import operations as every_operation
from ostiary.api.operations import Operations
from ostiary.objects.kinds import all_kinds

LIST = Path(operations.__file__).parent / "operations.txt"


def surface() -> Operations:
    """The operations, over rooms that do nothing."""
    rooms: Any = MagicMock()
    return every_operation(all_kinds(rooms), rooms, MagicMock(), MagicMock())


def described() -> str:
    """The OpenAPI document, as it should stand in the file."""
    built = surface()
    return document.text(application(built), built)


def _mark() -> None:
    built = {(one.method, one.path, one.name) for one in surface().built}
    document.FILE.write_text(described())
    lines = []
    for method, path, name, _ in operations.listed():
        lines.append(f"{'+' if (method, path, name) in built else '-'} {method} {path} {name}\n")
    LIST.write_text("".join(lines))


if __name__ == "__main__":
    _mark()
