"""Fixtures that every room shares. ``database`` and ``database_url`` run each test on SQLite and on PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.databases import Cluster, postgresql_database, shared_cluster, sqlite_template

pytest_plugins = ("tests.proxies.report",)

# A busy machine is no fault of the code under test.
hypothesis.settings.register_profile("ostiary", deadline=None)
hypothesis.settings.load_profile("ostiary")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still at noon of 1 June 2026, UTC."""
    return FakeClock()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Cluster]:
    """The run's PostgreSQL server."""
    base = tmp_path_factory.getbasetemp()
    with shared_cluster(base if worker_id == "master" else base.parent) as running:
        yield running


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh SQLite database with the whole schema."""
    file = tmp_path / "ostiary.sqlite3"
    shutil.copy(_sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql_url(cluster: Cluster) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database with the whole schema."""
    with postgresql_database(cluster) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with the whole schema, on each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An opened fresh database, on each kind in turn."""
    opened = Database(open_engine(database_url))
    yield opened
    await opened.close()
