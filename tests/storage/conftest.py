"""Databases without any table."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import Cluster, _execute, in_own_loop


@pytest.fixture
def make_empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of a kind, and gives its URL."""
    made: list[tuple[Cluster, str]] = []

    def make(kind: str) -> str:
        name = f"empty_{secrets.token_hex(8)}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.sqlite3"
        cluster: Cluster = request.getfixturevalue("cluster")
        in_own_loop(lambda: _execute(cluster.url(), f"CREATE DATABASE {name}"))
        made.append((cluster, name))
        return cluster.url(name)

    yield make
    for cluster, name in made:
        in_own_loop(lambda cluster=cluster, name=name: _execute(cluster.url(), f"DROP DATABASE {name} WITH (FORCE)"))  # type: ignore[misc]
