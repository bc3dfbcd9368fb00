"""The commands `ostiary outpost …`, as a person types them."""

from pathlib import Path

import pytest

from tests.cli.test_session import ostiary


def test_the_embedded_outpost_is_listed_and_shown(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)
    assert ostiary(monkeypatch, "outpost", "list") == 0
    assert "authentik Embedded Outpost  proxy  0          0" in capfd.readouterr().out
    assert ostiary(monkeypatch, "outpost", "show", "authentik Embedded Outpost") == 0
    assert "It answers for every application" in capfd.readouterr().out
    assert ostiary(monkeypatch, "outpost", "show", "nothing") == 2
    assert "[outpost.not_found]" in capfd.readouterr().err
