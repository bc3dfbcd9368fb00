"""Leases: of all processes, one runs a job; if it dies, another follows.

Time is the database's clock alone, so machines whose clocks disagree still agree on who holds a lease. ``fence`` grows
with every new holder: what a former holder writes late can be told from what its successor wrote.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text

from ostiary.kit.errors import Conflict
from ostiary.storage.session import Database, Writing

_NOW: Final[Mapping[str, str]] = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
}


class Leases:
    """``holder`` names this process, unlike any other that ever was: a host name and a random part."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._now = _NOW["sqlite" if database.is_sqlite else "postgresql"]

    async def acquire(self, name: str, seconds: float) -> int | None:
        """The fencing number if the lease is ours for ``seconds`` from now, None while another holds it.

        Asking again before it ends prolongs it under the same number. Raises `storage.unreachable`.
        """
        statement = text(
            f"INSERT INTO leases (name, holder, fence, expires) VALUES (:name, :holder, 1, {self._now} + :length)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires,"
            f" fence = leases.fence +"
            f" CASE WHEN leases.holder = :holder AND leases.expires > {self._now} THEN 0 ELSE 1 END"
            f" WHERE leases.holder = :holder OR leases.expires <= {self._now} RETURNING fence"
        )
        parameters = {"name": name, "holder": self._holder, "length": round(seconds * 1_000_000)}
        async with self._database.writing() as w:
            fence: int | None = await w.scalar(statement, parameters)
            return fence

    async def release(self, name: str) -> None:
        """Gives the lease up at once, if it is ours; its number stays, so the next holder's is higher."""
        async with self._database.writing() as w:
            await w.execute(
                text("UPDATE leases SET expires = 0 WHERE name = :name AND holder = :holder"),
                {"name": name, "holder": self._holder},
            )

    async def still_held(self, w: Writing, name: str, fence: int) -> None:
        """Inside a job's own transaction: raises `lease.lost` unless the lease is ours under ``fence``."""
        lock = "" if self._database.is_sqlite else " FOR SHARE"
        held = await w.scalar(
            text(
                "SELECT 1 FROM leases WHERE name = :name AND holder = :holder AND fence = :fence"
                f" AND expires > {self._now}{lock}"
            ),
            {"name": name, "holder": self._holder, "fence": fence},
        )
        if held is None:
            raise Conflict("lease.lost", f"Another process has taken over {name}.")
