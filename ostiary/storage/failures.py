"""What a database's failure means to the caller, whichever driver reports it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ostiary.kit.errors import Unavailable

# What says nothing about the statement itself; time limits and deadlocks too, for its answer is not known. A
# transaction is read-only against our will on a server that has become a standby.
_POSTGRES = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
)
_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
# asyncpg says InternalClientError when it finds that an idle connection was closed by the server.
_CLIENT = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_DRIVERS = (sqlite3.Error, asyncpg.PostgresError, *_CLIENT)


def failure(error: BaseException) -> Unavailable:
    """The public form of a failure: `storage.full` when the disk is, else `storage.unreachable`."""
    for cause in _causes(error):
        if isinstance(cause, asyncpg.DiskFullError) or _sqlite_code(cause) == sqlite3.SQLITE_FULL:
            return Unavailable("storage.full", "The database's disk is full; nothing is written until space is freed.")
    return Unavailable("storage.unreachable", "The database cannot be asked right now.")


@contextmanager
def unreachable() -> Iterator[None]:
    """Around use of an engine: turns a database that cannot be asked into :func:`failure`; other errors stay."""
    try:
        yield
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        raise failure(error) from error
    except DBAPIError as error:
        if error.connection_invalidated or any(map(_unanswered, _causes(error))):
            raise failure(error) from error
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, sqlite3.Error) as error:
        # Connecting fails with the driver's own errors.
        if _unanswered(error):
            raise failure(error) from error
        raise


@contextmanager
def direct() -> Iterator[None]:
    """Around reads by a driver: they break no rule, so whatever it reports is a question left unanswered."""
    try:
        yield
    except _DRIVERS as error:
        raise failure(error) from error


def _unanswered(error: BaseException) -> bool:
    return isinstance(error, (*_POSTGRES, *_CLIENT)) or _sqlite_code(error) in _SQLITE


def _sqlite_code(error: BaseException) -> int | None:
    # The low byte is the primary code; the rest says where it happened.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__
