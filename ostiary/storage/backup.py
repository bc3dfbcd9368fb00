"""A backup: all data in one file that fits either database, taken in one snapshot while servers run.

The file is a zip: one ``<table>.jsonl`` a table, a JSON object a row, and ``manifest.json`` with the schema's revision,
each table's number of rows, SHA-256 and the last number its sequence gave out. What belongs to one server only is left
out: the feed, leases, and PostgreSQL's transaction numbers.
"""

import hashlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

import ostiary
from ostiary.kit.errors import Conflict, InvalidInput, Unavailable
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.feed import NOT_DECIDING, TRIGGERED
from ostiary.storage.migrate import database_revision, revisions, upgrade_needed
from ostiary.storage.session import Database, Reading

FORMAT: Final = 1
OURS: Final = frozenset({*TRIGGERED, *NOT_DECIDING} - {"feed", "leases", "simulations"})
"""The tables of a backup; what holds for minutes is not in it, and the database may be shared with others'."""
_OWN_TO_A_SERVER: Final = "xid"
_CHUNK: Final = 500


@dataclass(frozen=True)
class Table:
    """What the manifest says of one table."""

    name: str
    rows: int
    sha256: str
    sequence: int | None


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. Tables stand in an order in which each refers to earlier ones only."""

    revision: str
    version: str
    created: datetime
    tables: tuple[Table, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


async def backup(url: str, target: Path) -> Manifest:
    """Writes a backup, whole or not at all, readable by its owner alone.

    Raises `backup.exists`, `backup.not_writable`, `storage.upgrade_needed`, `storage.not_initialised` and `storage.*`.
    """
    _refuse_existing(target)
    database = Database(open_engine(url))
    try:
        revision = await database_revision(database)
        if revision is None or await upgrade_needed(database):
            raise Unavailable(
                "storage.upgrade_needed", "The database has an older release's schema; run `ostiary migrate` first."
            )
        async with database.reading() as r:
            await installation.read(r)
            if not database.is_sqlite:
                await r.execute(text("SET LOCAL statement_timeout = 0"))
            with _new_file(target) as archive:
                return await _write(r, archive, revision)
    finally:
        await database.close()


def verify(source: Path) -> Manifest:
    """Reads a backup from end to end.

    Raises `backup.unreadable` if it is none, `backup.damaged` if a part differs from its checksum, `backup.newer` if
    this release cannot read it.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _manifest(archive)
            for table in manifest.tables:
                digest, rows = hashlib.sha256(), 0
                with archive.open(f"{table.name}.jsonl") as lines:
                    for line in lines:
                        digest.update(line)
                        rows += 1
                if (rows, digest.hexdigest()) != (table.rows, table.sha256):
                    raise InvalidInput(
                        "backup.damaged", f"{source}: the table {table.name} is not what was written.", field="source"
                    )
            return manifest
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, ValueError) as error:
        raise InvalidInput(
            "backup.unreadable", f"{source} is no readable backup of Ostiary.", field="source"
        ) from error


def chunks(archive: zipfile.ZipFile, table: Table) -> Iterator[list[dict[str, Any]]]:
    """A table's rows, a few hundred at a time."""
    with archive.open(f"{table.name}.jsonl") as lines:
        chunk = []
        for line in lines:
            chunk.append(json.loads(line))
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def columns(connection: Connection, table: str) -> dict[str, str]:
    """The columns that a backup holds, each with its kind: `json`, `bool` or anything else."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text(f'PRAGMA table_info("{table}")')).all()
        kinds = {row.name: {"JSON": "json", "BOOLEAN": "bool"}.get(row.type, "") for row in found}
    else:
        names = connection.scalars(
            text(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(CAST(:table AS text) AS regclass)"
                " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ),
            {"table": table},
        )
        kinds = dict.fromkeys(names, "")
    kinds.pop(_OWN_TO_A_SERVER, None)
    return kinds


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    found = json.loads(archive.read("manifest.json"))
    if found.get("product") != "ostiary":
        raise ValueError("another product's file")
    if found["format"] != FORMAT or found["revision"] not in revisions():
        raise InvalidInput(
            "backup.newer",
            f"The backup was made by release {found['version']}, which is newer than this one; use that release.",
            field="source",
        )
    tables = tuple(Table(**table) for table in found["tables"])
    if not all(table.name.isidentifier() for table in tables):
        raise ValueError("a table's name is none")
    return Manifest(found["revision"], found["version"], datetime.fromisoformat(found["created"]), tables)


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise Conflict("backup.exists", f"{target} exists already; name another file.", field="target")


async def _write(r: Reading, archive: zipfile.ZipFile, revision: str) -> Manifest:
    connection = await r.connection()
    names = await connection.run_sync(
        lambda sync: [name for name, _ in inspect(sync).get_sorted_table_and_fkc_names() if name is not None]
    )
    tables = []
    for name in names:
        if name not in OURS:
            continue
        digest, rows = hashlib.sha256(), 0
        with archive.open(f"{name}.jsonl", "w", force_zip64=True) as lines:
            async for line in _lines(r, name):
                lines.write(line)
                digest.update(line)
                rows += 1
        tables.append(Table(name, rows, digest.hexdigest(), await _sequence(r, name)))
    manifest = Manifest(revision, ostiary.__version__, datetime.now(UTC), tuple(tables))
    archive.writestr(
        "manifest.json",
        json.dumps(
            {
                "product": "ostiary",
                "format": FORMAT,
                "version": manifest.version,
                "revision": manifest.revision,
                "created": manifest.created.isoformat(),
                "tables": [vars(table) for table in tables],
            },
            indent=1,
        ),
    )
    return manifest


async def _lines(r: Reading, table: str) -> AsyncIterator[bytes]:
    kinds = await (await r.connection()).run_sync(columns, table)
    names = ", ".join(f'"{name}"' for name in kinds)
    if r.get_bind().dialect.name == "sqlite":
        async for row in await r.stream(text(f'SELECT {names} FROM "{table}"')):
            yield _line({name: _portable(value, kinds[name]) for name, value in zip(kinds, row, strict=True)})
    else:
        query = text(f'SELECT CAST(row_to_json(t) AS text) FROM (SELECT {names} FROM "{table}") AS t')
        async for row in await r.stream(query):
            yield _line(json.loads(row[0]))


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _portable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "bool":
        return bool(value)
    return json.loads(value) if kind == "json" else value


async def _sequence(r: Reading, table: str) -> int | None:
    """The last number that the table gave out, so that no deleted row's number is ever given again."""
    if r.get_bind().dialect.name == "sqlite":
        query = "SELECT seq FROM sqlite_sequence WHERE name = :table"
    else:
        query = (
            "SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence(:table, attname) AS regclass)) FROM pg_attribute"
            " WHERE attrelid = CAST(CAST(:table AS text) AS regclass) AND attnum > 0 AND NOT attisdropped"
            " AND pg_get_serial_sequence(:table, attname) IS NOT NULL"
        )
    last: int | None = await r.scalar(text(query), {"table": table})
    return last


@contextmanager
def _new_file(target: Path) -> Iterator[zipfile.ZipFile]:
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.unfinished")
    try:
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    yield archive
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(target)
            directory = os.open(target.absolute().parent, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
        except (ConnectionError, TimeoutError):
            raise  # the database's, not the file's
        except OSError as error:
            raise InvalidInput(
                "backup.not_writable", f"{target} cannot be written: {error.strerror}.", field="target"
            ) from error
    finally:
        unfinished.unlink(missing_ok=True)
