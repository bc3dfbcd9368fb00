"""A copy of a SQLite database that one process may change and throw away.

It lies in a directory of its own beside the database, which is locked as long as anybody works with it. Whoever ends
without deleting it has lost that lock, and the next one who makes a copy deletes what they left.
"""

import fcntl
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from ostiary.storage.failures import direct

_FILE: Final = "copy.sqlite3"


@contextmanager
def private_place(url: str) -> Iterator[tuple[Path, int] | None]:
    """A locked directory for a copy, with the descriptor that locks it, to be handed to a child; None where the
    database is no file. It is gone at the end."""
    target = make_url(url)
    if target.get_backend_name() != "sqlite":
        yield None
        return
    with direct():
        file = Path(target.database or "").absolute()
        _sweep(file)
        place = file.with_name(f"{_stem(file)}{secrets.token_hex(8)}")
        place.mkdir(mode=0o700)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield place, descriptor
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def copy_into(place: Path, url: str) -> str:
    """Copies the database as it is now, while others read and write it; the URL of the copy.

    Raises `storage.unreachable`, `storage.full`.
    """
    file = place / _FILE
    with direct(), closing(sqlite3.connect(make_url(url).database or "", timeout=10)) as source:
        source.execute("VACUUM INTO ?", (str(file),))
        file.chmod(0o600)
    return f"sqlite:///{file}"


def _stem(file: Path) -> str:
    return f".{file.name}.copy-"


def _sweep(file: Path) -> None:
    for left in file.parent.glob(f"{_stem(file)}*"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
