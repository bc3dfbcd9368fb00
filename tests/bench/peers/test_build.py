"""What cannot be built says why."""

from pathlib import Path

import pytest

from bench.peers import build
from bench.peers.build import Missing, Program, built, why

PROGRAM = Program("peer", "example.com/peer", "v1.2.3")


def test_the_reason_is_the_line_that_tells_it() -> None:
    log = (
        "go: downloading example.com/a v1.0.0\n"
        "go: example.com/peer@v1.2.3: reading https://somewhere/peer/@v/v1.2.3.info: 403 Forbidden\n"
    )
    assert why(log) == "the module proxy does not serve example.com/peer@v1.2.3"
    assert why("go: downloading a v1\n# example.com/peer\n./main.go:3: undefined: x\n") == "# example.com/peer"
    assert why("") == "go build failed"


def test_without_go_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="no go command"):
        built(PROGRAM, {})


def test_what_was_built_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "peer-v1.2.3").mkdir()
    (tmp_path / "peer-v1.2.3" / "finished").touch()
    assert built(PROGRAM, {}) == tmp_path / "peer-v1.2.3" / "peer"


def test_a_source_directory_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/go")
    with pytest.raises(Missing, match="is no directory"):
        built(PROGRAM, {"example.com/peer": tmp_path / "nowhere"})
