"""Leases: of all processes, one runs a job; if it dies, another follows.

Time is the database's clock alone, so machines whose clocks disagree still agree on who holds a lease. ``fence`` grows
with every new holder, so that work which is not idempotent can tell a former holder's late write from its successor's.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text

from ostiary.storage.session import Database

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
