"""Puts a backup in the place of a database's data: in one transaction, as a new incarnation.

A backup is older than what was revoked since. So a restore ends every session, application session, ticket and flow
under way unless it is told to keep them, and every running server drops what it remembers.
"""

import json
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.kit.errors import Conflict
from ostiary.storage import installation
from ostiary.storage.backup import Manifest, Table, chunks, columns, verify
from ostiary.storage.base import new_id
from ostiary.storage.feed import NOT_DECIDING, TRIGGERED
from ostiary.storage.migrate import alone, lay_triggers, upgrade
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Writing

ENDED: Final = frozenset({"sessions", "app_sessions", "tickets", "flow_runs"})
"""Tables whose rows a restore leaves out: what was ended since the backup must not live again."""


async def restore(
    source: Path,
    url: str,
    *,
    secrets: Secrets,
    record: Callable[[Writing], Awaitable[None]],
    keep_sessions: bool = False,
    force: bool = False,
) -> Manifest:
    """Replaces all data by the backup's, whole or not at all; a backup of an older release is upgraded on the way.

    ``record`` writes the event in the same transaction. Raises `restore.not_empty` unless ``force``, `secret_key.wrong`
    if the backup belongs to another key, and what :func:`ostiary.storage.backup.verify` raises.
    """
    manifest = verify(source)
    async with alone(url) as connection:
        if not force and await connection.run_sync(_holds_data):
            raise Conflict(
                "restore.not_empty", "The database holds an installation already; --force replaces it.", field="force"
            )
        await connection.run_sync(_clear)
        await connection.run_sync(upgrade, manifest.revision)
        with zipfile.ZipFile(source) as archive:
            for table in manifest.tables:
                if keep_sessions or table.name not in ENDED:
                    for rows in chunks(archive, table):
                        await connection.run_sync(_insert, table.name, rows)
                await connection.run_sync(_continue, table)
        await connection.run_sync(upgrade)
        await connection.run_sync(lay_triggers)
        await _begin_anew(connection, secrets, record)
    return manifest


async def _begin_anew(
    connection: AsyncConnection, secrets: Secrets, record: Callable[[Writing], Awaitable[None]]
) -> None:
    async with Writing(connection, expire_on_commit=False) as w:
        installation.check(await installation.read(w), secrets)
        await w.execute(update(Installation).values(incarnation=new_id()))
        await record(w)
        await w.flush()


def _holds_data(connection: Connection) -> bool:
    return connection.dialect.has_table(connection, "installation") and (
        connection.execute(text("SELECT 1 FROM installation")).first() is not None
    )


def _clear(connection: Connection) -> None:
    """Drops our tables and no others: the database may be shared."""
    names = sorted({"alembic_version", *TRIGGERED, *NOT_DECIDING})
    present = [f'"{name}"' for name in names if connection.dialect.has_table(connection, name)]
    if connection.dialect.name == "postgresql":
        if present:
            connection.execute(text(f"DROP TABLE {', '.join(present)}"))
        return
    for name in present:
        connection.execute(text(f"DROP TABLE {name}"))


def _insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    kinds = columns(connection, table)
    names = ", ".join(f'"{name}"' for name in kinds)
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                f'INSERT INTO "{table}" ({names}) SELECT {names}'
                f' FROM json_populate_recordset(CAST(NULL AS "{table}"), CAST(CAST(:rows AS text) AS json))'
            ),
            {"rows": json.dumps(rows)},
        )
        return
    values = ", ".join(f":{name}" for name in kinds)
    connection.execute(
        text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'),
        [{name: _stored(row.get(name), kind) for name, kind in kinds.items()} for row in rows],
    )


def _stored(value: Any, kind: str) -> Any:
    return json.dumps(value) if kind == "json" and value is not None else value


def _continue(connection: Connection, table: Table) -> None:
    """Numbers go on after the last that was ever given out, also where rows were left out."""
    if table.sequence is None:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"),
            {"table": table.name, "last": table.sequence},
        )
        return
    connection.execute(
        text(
            "SELECT setval(CAST(pg_get_serial_sequence(:table, attname) AS regclass), :last) FROM pg_attribute"
            " WHERE attrelid = CAST(CAST(:table AS text) AS regclass) AND attnum > 0 AND NOT attisdropped"
            " AND pg_get_serial_sequence(:table, attname) IS NOT NULL"
        ),
        {"table": table.name, "last": table.sequence},
    )
