"""The whole product behind a real socket, for authentik's own client: one house per kind of database and test file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.house import ApiHouse, running
from tests.databases import Cluster, postgresql_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    _sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiHouse]:
    """A served installation on SQLite and on PostgreSQL in turn. Tests of one file share it: they name their own."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("api") / "ostiary.sqlite3"
        file.write_bytes(_sqlite_template.read_bytes())
        with running(f"sqlite:///{file}") as house:
            yield house
    else:
        with postgresql_database(cluster) as url, running(url) as house:
            yield house


@pytest.fixture(scope="module")
def sqlite_api(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    """The same on SQLite alone, for what asks so much that once is enough."""
    file = tmp_path_factory.mktemp("api") / "ostiary.sqlite3"
    file.write_bytes(_sqlite_template.read_bytes())
    with running(f"sqlite:///{file}") as house:
        yield house
