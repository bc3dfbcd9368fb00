"""The files that a command is given blueprints in."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ostiary.blueprints.reader import FILES
from ostiary.blueprints.values import Outside
from ostiary.kit.errors import InvalidInput, NotFound

_STDIN: Final = "-"


@dataclass(frozen=True)
class Content:
    """What a file is called, its bytes, and what of the world it may read."""

    name: str
    data: bytes
    outside: Outside


def content(file: str) -> Content:
    """Reads a file, or standard input.

    Raises `blueprint.no_file`, `blueprint.unreadable`.
    """
    environment = dict(os.environ)
    if file == _STDIN:
        try:
            data = sys.stdin.read(FILES.size + 1).encode("utf-8", "surrogateescape")
        except UnicodeDecodeError as error:
            raise InvalidInput("blueprint.unreadable", "Standard input is not UTF-8.") from error
        return Content("standard input", data, Outside(environment))
    path = Path(file)
    try:
        with path.open("rb") as opened:
            data = opened.read(FILES.size + 1)
    except FileNotFoundError as error:
        raise NotFound("blueprint.no_file", f"There is no file {file}.") from error
    except OSError as error:
        raise InvalidInput("blueprint.unreadable", f"{file} cannot be read: {error.strerror}.") from error
    return Content(file, data, Outside(environment, path.resolve().parent))
