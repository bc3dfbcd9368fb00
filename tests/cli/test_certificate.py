"""The commands `ostiary certificate …`, as a person types them."""

from pathlib import Path

import pytest

from tests.cli.test_session import ostiary
from tests.keys.test_pem import made


@pytest.fixture(autouse=True)
def installation(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OSTIARY_DATABASE__URL", sqlite_url)


def test_a_certificate_from_its_file_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    certificate, key = made()
    (tmp_path / "c.pem").write_text(certificate)
    (tmp_path / "k.pem").write_text(key)
    files = ("--certificate", str(tmp_path / "c.pem"), "--key", str(tmp_path / "k.pem"))
    assert ostiary(monkeypatch, "certificate", "import", "mail", *files) == 0
    assert ostiary(monkeypatch, "certificate", "generate", "x.example.com", "--alg", "ed25519", "--days", "3") == 0
    capfd.readouterr()

    assert ostiary(monkeypatch, "certificate", "list") == 0
    rows = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert [row[:3] for row in rows[1:]] in (
        [["x.example.com", "ed25519", "yes"], ["mail", "ec", "yes"]],
        [["mail", "ec", "yes"], ["x.example.com", "ed25519", "yes"]],
    )
    assert ostiary(monkeypatch, "certificate", "show", "mail") == 0
    assert capfd.readouterr().out == certificate
    assert ostiary(monkeypatch, "certificate", "show", "mail", "--key") == 0
    assert capfd.readouterr().out == key

    assert ostiary(monkeypatch, "certificate", "delete", "mail", "--yes") == 0
    assert ostiary(monkeypatch, "certificate", "show", "mail") == 2
    assert "certificate.not_found" in capfd.readouterr().err


def test_what_cannot_be_stored_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.pem").write_text(made()[0])
    (tmp_path / "b.pem").write_bytes(b"\xff\xfe")
    for arguments, code in (
        (("--certificate", str(tmp_path / "none.pem")), "certificate.file_unreadable"),
        (("--certificate", str(tmp_path / "b.pem")), "certificate.file_unreadable"),
        (("--certificate", str(tmp_path / "c.pem"), "--key", str(tmp_path / "c.pem")), "certificate.key_data_invalid"),
    ):
        assert ostiary(monkeypatch, "certificate", "import", "mail", *arguments) == 2
        assert code in capfd.readouterr().err
    assert ostiary(monkeypatch, "certificate", "import", "bare", "--certificate", str(tmp_path / "c.pem")) == 0
    assert ostiary(monkeypatch, "certificate", "show", "bare", "--key") == 2
    assert "certificate.no_key" in capfd.readouterr().err
