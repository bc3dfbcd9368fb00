"""What every command has in common: how it ends when it was typed wrongly."""

import pytest

from ostiary.cli.main import main


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


@pytest.mark.parametrize(
    ("line", "named", "where"),
    [
        ("nosuch", "'nosuch'", "ostiary --help"),
        ("user nosuch", "'nosuch'", "ostiary user --help"),
        ("user create", "'username'", "ostiary user create --help"),
        ("token create t", "'--user'", "ostiary token create --help"),
        ("serve --workers many", "'--workers'", "ostiary serve --help"),
        ("serve --workers 0", "'--workers'", "ostiary serve --help"),
        ("settings --nosuch", "--nosuch", "ostiary settings --help"),
        ("settings extra", "extra", "ostiary settings --help"),
    ],
)
def test_a_line_typed_wrongly_ends_with_one_sentence_and_status_2(
    line: str, named: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, *line.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert named in shown.err
    assert shown.err.endswith(f"see {where}. [command.usage]\n")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("line", ["", "user"])
def test_a_group_without_a_command_shows_its_help(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, *line.split()) == 2
    shown = capsys.readouterr()
    assert f"Usage: ostiary {line}".rstrip() in shown.out + shown.err
    assert "error" not in shown.err


def test_help_and_version_end_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "--help") == 0
    assert ended(monkeypatch, "--version") == 0
    assert "ostiary " in capsys.readouterr().out


def test_a_field_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)
    monkeypatch.setenv("OSTIARY_SECRET_KEY", "k" * 40)
    assert ended(monkeypatch, "user", "create", "jane", "--email", "nope") == 2
    assert "(email)" not in (shown := capsys.readouterr().err)
    assert shown.startswith("error: email: ")
