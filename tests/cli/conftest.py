import io
from pathlib import Path

import pytest

from ostiary.cli.main import main
from tests.cli.typed import Ostiary, Shown


@pytest.fixture
def ostiary(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ostiary:
    """Runs a command against a fresh database."""
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)

    def command(*arguments: str, typed: str = "") -> Shown:
        monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        return Shown(int(ended.value.code or 0), shown.out, shown.err)

    return command
