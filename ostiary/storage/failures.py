"""What a database's failure means to the caller, whichever driver reports it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ostiary.kit.errors import Unavailable

_DRIVERS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def failure(error: BaseException) -> Unavailable:
    """The public form of a failure: `storage.full` when the disk is, else `storage.unreachable`."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL or isinstance(cause, asyncpg.DiskFullError):
            return Unavailable("storage.full", "The database's disk is full; nothing is written until space is freed.")
        cause = cause.__cause__ or getattr(cause, "orig", None)
    return Unavailable("storage.unreachable", "The database cannot be asked right now.")


@contextmanager
def unreachable() -> Iterator[None]:
    """Around use of an engine: turns a database that cannot be asked into :func:`failure`; other errors stay.

    Time limits and deadlocks count as well: what the statement would have answered is not known.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeoutError, *_DRIVERS) as error:
        raise failure(error) from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error.orig and error.orig.__cause__, asyncpg.PostgresError):
            raise failure(error) from error
        raise


@contextmanager
def direct() -> Iterator[None]:
    """Around reads by a driver: they break no rule, so whatever it reports is a question left unanswered."""
    try:
        yield
    except _DRIVERS as error:
        raise failure(error) from error
