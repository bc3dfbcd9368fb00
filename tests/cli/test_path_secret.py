"""The commands `ostiary path-secret …`, as a person types them."""

import re
from pathlib import Path

import pytest

from ostiary.cli.main import main


def ostiary(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True)
def house(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)
    monkeypatch.setenv("OSTIARY_LOG__FORMAT", "json")


def test_a_path_secret_from_making_to_deleting(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ostiary(monkeypatch, "path-secret", "add", "edge") == 0
    out, err = capfd.readouterr()
    first = re.fullmatch(r"/ostiary/auth/nginx~([\w-]{43})\n", out)
    assert first
    assert "refused from now on" in err

    assert ostiary(monkeypatch, "path-secret", "list") == 0
    out = capfd.readouterr().out
    assert f"edge  {first[1][:4]}…" in out
    assert first[1] not in out

    assert ostiary(monkeypatch, "path-secret", "rotate", "edge", "--keep", "minutes=5") == 0
    out, err = capfd.readouterr()
    second = re.fullmatch(r"/ostiary/auth/nginx~([\w-]{43})\n", out)
    assert second
    assert "good until" in err
    assert ostiary(monkeypatch, "path-secret", "list") == 0
    out = capfd.readouterr().out
    assert re.search(rf"{re.escape(second[1][:4])}….* never +current", out)
    assert re.search(rf"{re.escape(first[1][:4])}….* replaced, still good", out)

    assert ostiary(monkeypatch, "path-secret", "delete", "edge") == 2
    assert ostiary(monkeypatch, "path-secret", "delete", "edge", "--yes") == 0
    assert "It was the last" in capfd.readouterr().err


def test_those_of_the_settings_are_listed_masked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "abcd" + "e" * 32
    monkeypatch.setenv("OSTIARY_FORWARD_AUTH__PATH_SECRETS", secret)
    assert ostiary(monkeypatch, "path-secret", "list") == 0
    out, err = capfd.readouterr()
    assert "(settings)  abcd…" in out
    assert secret not in out + err


def test_a_wrong_name_or_length_of_time_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ostiary(monkeypatch, "path-secret", "add", "a b") == 2
    assert "path_secret.name_invalid" in capfd.readouterr().err
    assert ostiary(monkeypatch, "path-secret", "rotate", "edge") == 2
    assert "path_secret.not_found" in capfd.readouterr().err
    assert ostiary(monkeypatch, "path-secret", "rotate", "edge", "--keep", "long") == 2
    assert "duration.invalid" in capfd.readouterr().err
