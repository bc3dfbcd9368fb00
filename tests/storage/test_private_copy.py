import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from ostiary.storage.private_copy import copy_into, private_place


def beside(url: str) -> set[str]:
    return {path.name for path in Path(make_url(url).database or "").parent.iterdir()}


def test_a_copy_can_be_changed_and_goes_away(sqlite_url: str) -> None:
    before = beside(sqlite_url)
    with private_place(sqlite_url) as place:
        assert place is not None
        assert place[0].stat().st_mode & 0o777 == 0o700
        copied = make_url(copy_into(place[0], sqlite_url)).database or ""
        assert Path(copied).stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copied)) as c, c:
            c.execute("DELETE FROM alembic_version")
        with closing(sqlite3.connect(make_url(sqlite_url).database or "")) as c:
            assert c.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    assert beside(sqlite_url) - before <= {"ostiary.sqlite3-wal", "ostiary.sqlite3-shm"}


def test_what_a_killed_process_left_goes_with_the_next_copy(sqlite_url: str) -> None:
    left = Path(make_url(sqlite_url).database or "").with_name(".ostiary.sqlite3.copy-0123")
    left.mkdir()
    (left / "copy.sqlite3").write_text("people")
    with private_place(sqlite_url) as one:
        assert not left.exists()
        with private_place(sqlite_url) as other:
            assert one is not None
            assert other is not None
            # That of a living process is not taken away.
            assert one[0].exists()


def test_a_server_needs_no_copy() -> None:
    with private_place("postgresql://nobody@127.0.0.1/nothing") as place:
        assert place is None
