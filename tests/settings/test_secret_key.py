"""The secret key that Ostiary makes for itself."""

import multiprocessing
from pathlib import Path

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.settings.secret_key import with_secret_key
from ostiary.settings.tree import Settings


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def test_it_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    made = with_secret_key(settings)
    assert len(made.secret_key[0]) == 64
    file = tmp_path / "data" / "secret_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert with_secret_key(settings) == made
    assert _names(file.parent) == ["secret_key"]


def test_a_configured_key_is_left_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=["k" * 32])
    assert with_secret_key(settings) is settings
    assert _names(tmp_path) == []


def _key(directory: Path, start: "multiprocessing.synchronize.Barrier") -> str:
    start.wait()
    return with_secret_key(Settings(data_dir=directory)).secret_key[0]


def test_processes_that_start_together_end_with_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(4) as pool:
        barrier = manager.Barrier(4)
        keys = pool.starmap(_key, [(tmp_path, barrier)] * 4)
    assert len(set(keys)) == 1
    assert _names(tmp_path) == ["secret_key"]


def test_a_key_that_everyone_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text("k" * 64)
    file.chmod(0o644)
    with pytest.raises(InvalidInput) as caught:
        with_secret_key(Settings(data_dir=tmp_path))
    assert caught.value.code == "settings.secret_key_exposed"
    file.chmod(0o660)
    assert with_secret_key(Settings(data_dir=tmp_path)).secret_key == ["k" * 64]


def test_a_cut_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.touch(mode=0o600)
    with pytest.raises(InvalidInput) as caught:
        with_secret_key(Settings(data_dir=tmp_path))
    assert caught.value.code == "settings.secret_key_short"


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput) as caught:
        with_secret_key(Settings(data_dir=tmp_path / "file" / "data"))
    assert (caught.value.code, caught.value.field) == ("settings.data_dir_unusable", "data_dir")
