"""The command ``ostiary settings``."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ostiary.cli.main import app, main
from ostiary.settings.show import markdown

SECRET = "s" * 40


def test_it_prints_each_value_with_its_source_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "ostiary.yaml"
    file.write_text("web:\n  title: '[bold]Door'\n")
    result = CliRunner().invoke(
        app, ["--config", str(file), "settings"], env={"OSTIARY_SECRET_KEY": SECRET, "AUTHENTIK_LOG_LEVEL": "debug"}
    )
    assert result.exit_code == 0
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()}
    assert lines["web.title"] == f"[bold]Door ({file} line 2)"
    assert lines["log.level"] == "debug (AUTHENTIK_LOG_LEVEL)"
    assert lines["secret_key"] == "******** (OSTIARY_SECRET_KEY)"
    assert lines["web.workers"] == "1 (default)"
    assert SECRET not in result.output


def test_it_prints_the_page() -> None:
    assert CliRunner().invoke(app, ["settings", "--markdown"]).stdout == markdown()


def test_a_wrong_setting_ends_with_status_2_and_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ostiary", "settings"])
    monkeypatch.setenv("OSTIARY_WEB__WORKERS", "many")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert "web.workers" in shown.err
    assert "[settings.not_a_number]" in shown.err
    assert shown.out == ""
