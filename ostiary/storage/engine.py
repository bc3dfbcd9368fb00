"""Opens the database: SQLite in the data directory, or PostgreSQL by URL."""

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def open_engine(url: str | URL) -> AsyncEngine:
    """The engine for ``sqlite:///file`` or ``postgresql://…``; drivers are ours to choose."""
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target.set(drivername="sqlite+aiosqlite"))
    return create_async_engine(target.set(drivername="postgresql+asyncpg"), pool_pre_ping=True, pool_size=5)


def _sqlite(url: URL) -> AsyncEngine:
    engine = create_async_engine(url)
    sync = engine.sync_engine

    @event.listens_for(sync, "connect")
    def connect(connection: Any, record: Any) -> None:
        # The driver's own transaction handling is off: BEGIN below says which kind of transaction starts.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(sync, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that may write takes the write lock at once; upgrading a read lock later can only fail.
        reading = connection.get_execution_options().get("ostiary_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite library in use."""
    return sqlite3.sqlite_version_info
