"""Databases without any table, and a release to come."""

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ostiary.storage import migrate
from ostiary.storage.feed import NOT_DECIDING
from ostiary.storage.migrate import head_revision, revisions
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


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The history of a release that adds a table; its last step can be made to fail."""
    migrations = migrate._VERSIONS.parent
    versions = tmp_path / "next" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").write_text((migrations / "env.py").read_text())
    for name in revisions():
        (versions / f"{name}.py").write_text((migrations / "versions" / f"{name}.py").read_text())
    (versions / "9000_next.py").write_text(
        f'revision = "9000_next"\ndown_revision = "{head_revision()}"\n'
        "from alembic import op\n"
        'def upgrade():\n    op.execute("CREATE TABLE added (a INTEGER)")\n'
    )
    monkeypatch.setattr(migrate, "_VERSIONS", versions)
    monkeypatch.setitem(NOT_DECIDING, "added", "decides nothing")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return versions
