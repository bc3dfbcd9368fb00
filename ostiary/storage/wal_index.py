"""Whether a SQLite database may have changed, from the memory that its processes share.

`PRAGMA data_version` answers it with three system calls, a fifth of what a check costs. The same answer lies in the
file ``<database>-shm``, which every connection to a database in WAL mode maps: each commit rewrites its header, the
first 48 bytes, before it returns (https://sqlite.org/walformat.html section 2.1: a counter of changes, the number of
frames, their checksum and salt). An equal header means that nothing was committed; another one means: ask SQLite.
"""

import mmap
import os
from pathlib import Path
from typing import ClassVar

_HEADER = 48


class WalIndex:
    """The header of one database's index, mapped read-only.

    Good only while a connection of this process that has read the database stays open: once the last one has closed,
    the file is deleted and made anew.
    """

    # Closing any descriptor of a file drops the locks that SQLite holds on it for this whole process (fcntl(2),
    # https://sqlite.org/howtocorrupt.html section 2.2). So each file is opened once, and closed when it is deleted.
    _kept: ClassVar[dict[tuple[int, int], "WalIndex"]] = {}

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, _HEADER, prot=mmap.PROT_READ)

    def header(self) -> bytes | None:
        """Equal to an earlier one only if nothing was committed in between; None if the file is gone."""
        return None if self._map.closed else self._map[:_HEADER]

    def let_go_if_deleted(self) -> bool:
        """Whether the file was deleted; then nobody can lock it any more, and it is closed."""
        if os.fstat(self._descriptor).st_nlink:
            return False
        self._map.close()
        os.close(self._descriptor)
        return True

    @classmethod
    def of(cls, database: Path) -> "WalIndex | None":
        """The index of a database; None where there is none: another journal mode, or nothing was read yet."""
        try:
            descriptor = os.open(database.with_name(f"{database.name}-shm"), os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            identity = status.st_dev, status.st_ino
            if status.st_size < _HEADER:
                return None
            if identity not in cls._kept:
                for known, index in list(cls._kept.items()):
                    if index.let_go_if_deleted():
                        del cls._kept[known]
                # The same file, by way of a descriptor that can neither read nor lock, and may therefore be closed.
                cls._kept[identity] = cls(os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC))
            return cls._kept[identity]
        finally:
            os.close(descriptor)
