"""The commands `ostiary session …`, as a person types them."""

import asyncio
from pathlib import Path

import pytest

from ostiary.cli.main import main
from ostiary.directory.users import find_for_sign_in
from ostiary.events.record import COMMAND
from ostiary.parts import build
from ostiary.settings.load import load

PASSWORD = "a long password"


@pytest.fixture
def signed_in(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of two logins of ada and one of bob."""
    environ = {"OSTIARY_DATA_DIR": str(tmp_path), "OSTIARY_DATABASE__URL": sqlite_url}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    async def begin() -> list[str]:
        parts = await build(load(None, environ).settings)
        ids = []
        for username in ("ada", "ada", "bob"):
            async with parts.database.reading() as r:
                user = await find_for_sign_in(r, username)
            user = user or await parts.users.create(username, password=PASSWORD, by=COMMAND)
            async with parts.database.writing() as w:
                cookie = await parts.sessions.start(
                    w,
                    user_id=user.id,
                    method="password",
                    client_ip="192.0.2.1",
                    user_agent="[bold]Browser",
                    replaces=None,
                )
            async with parts.database.reading() as r:
                found = await parts.sessions.find(r, cookie)
            assert found is not None
            ids.append(found.id)
        await parts.close()
        return ids

    return asyncio.run(begin())


def ostiary(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ostiary", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_logins_are_listed_shown_and_ended(
    signed_in: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ostiary(monkeypatch, "session", "list") == 0
    listed = capfd.readouterr().out
    assert all(session in listed for session in signed_in)
    assert ostiary(monkeypatch, "session", "list", "--user", "BOB") == 0
    assert [session in capfd.readouterr().out for session in signed_in[2:]] == [True]
    assert ostiary(monkeypatch, "session", "show", signed_in[0]) == 0
    shown = capfd.readouterr().out
    assert "[bold]Browser" in shown
    assert "192.0.2.1" in shown
    assert ostiary(monkeypatch, "session", "end", signed_in[2]) == 0
    assert capfd.readouterr().out == "1 session ended.\n"
    assert ostiary(monkeypatch, "session", "end", "--user", "ada") == 0
    assert capfd.readouterr().out == "2 sessions ended.\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "none"), "session.not_found"),
        (("end", "none"), "session.not_found"),
        (("end",), "session.which"),
        (("end", "x", "--user", "ada"), "session.which"),
        (("list", "--user", "nobody"), "user.not_found"),
        (("end", "--user", "nobody"), "user.not_found"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    signed_in: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: str,
) -> None:
    assert ostiary(monkeypatch, "session", *arguments) == 2
    assert f"[{code}]" in capfd.readouterr().err
