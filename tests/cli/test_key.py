"""The commands `ostiary key …`, as a person types them."""

import re
from pathlib import Path

import pytest

from tests.cli.test_session import ostiary


@pytest.fixture(autouse=True)
def installation(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)


def keys(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    """State → kid."""
    assert ostiary(monkeypatch, "key", "list") == 0
    found = re.findall(r"^(\S{43}) +ES256 +(\w+)", capfd.readouterr().out, re.MULTILINE)
    return {state: kid for kid, state in found}


def test_keys_are_listed_and_rotated(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    first = keys(monkeypatch, capfd)
    assert first.keys() == {"current", "next"}
    assert ostiary(monkeypatch, "key", "rotate") == 2
    assert "[key.too_new]" in capfd.readouterr().err
    assert ostiary(monkeypatch, "key", "rotate", "--hurry") == 0
    second = keys(monkeypatch, capfd)
    assert (second["current"], second["retired"]) == (first["next"], first["current"])
    assert ostiary(monkeypatch, "key", "rotate", "--hurry", "--discard") == 2
    assert "[key.rotate_how]" in capfd.readouterr().err
    assert ostiary(monkeypatch, "key", "rotate", "--discard") == 0
    third = keys(monkeypatch, capfd)
    assert third.keys() == {"current", "next"}
    assert not set(third.values()) & set(second.values())
