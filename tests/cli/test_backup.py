"""The commands `ostiary migrate`, `ostiary backup` and `ostiary restore`, as a person types them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ostiary.cli.main import main

Ostiary = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ostiary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ostiary:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("OSTIARY_SECRET_KEY", "k" * 32)
    (tmp_path / "data").mkdir()

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return command


def test_a_database_is_made_backed_up_and_restored(ostiary: Ostiary, tmp_path: Path) -> None:
    assert "The database is at" in ostiary("migrate")[1]
    assert "already" in ostiary("migrate")[1]
    status, _, error = ostiary("backup", str(tmp_path / "b"))
    assert (status, error.count("storage.not_initialised")) == (1, 1)
    assert ostiary("policy", "add", "p", "-e", "true")[0] == 0
    status, out, _ = ostiary("backup", str(tmp_path / "b"))
    assert status == 0
    assert "Keep the secret key too" in out
    assert ostiary("policy", "delete", "p")[0] == 0
    status, _, error = ostiary("restore", str(tmp_path / "b"))
    assert (status, error.count("restore.not_empty")) == (2, 1)
    status, out, _ = ostiary("restore", str(tmp_path / "b"), "--force")
    assert status == 0
    assert "Every session has ended" in out
    assert "p" in ostiary("policy", "list")[1].split()
    assert _events(tmp_path) == 1


def _events(tmp_path: Path) -> int:
    (file,) = (tmp_path / "data").glob("*.sqlite3")
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        count = connection.scalar(text("SELECT count(*) FROM events WHERE action = 'data_restored'"))
    engine.dispose()
    return int(count or 0)


def test_a_file_that_is_no_backup_is_one_sentence(ostiary: Ostiary, tmp_path: Path) -> None:
    status, _, error = ostiary("restore", str(tmp_path / "none"))
    assert status == 2
    assert "is no readable backup of Ostiary. (source) [backup.unreadable]" in error
