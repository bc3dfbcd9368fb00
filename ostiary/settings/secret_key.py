"""The secret key that is made at the first start when none is configured, and kept in the data directory."""

import contextlib
import os
import secrets
from pathlib import Path

from ostiary.kit.errors import InvalidInput
from ostiary.settings.tree import Settings

FILE = "secret_key"


def with_secret_key(settings: Settings) -> Settings:
    """The settings as they are, or with the key of ``data_dir/secret_key``, which is made (mode 0600) if missing.

    Several processes may start at once: they end with the same key. Raises InvalidInput: `settings.data_dir_unusable`
    when the directory cannot be written, `settings.secret_key_exposed` when others may read the file,
    `settings.secret_key_short` when it does not hold a key.
    """
    if settings.secret_key:
        return settings
    file = settings.data_dir / FILE
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make(file)
        key = file.read_text(encoding="ascii").strip()
        mode = file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "settings.data_dir_unusable",
            f"The secret key cannot be kept in {settings.data_dir}; name a directory that this user may write to.",
            field="data_dir",
        ) from error
    # A group may read it: Kubernetes' fsGroup adds that to every file of a volume.
    if mode & 0o007:
        raise InvalidInput(
            "settings.secret_key_exposed",
            f"Every user of this machine may read {file}; take that away with 'chmod o-rwx'.",
            field="secret_key",
        )
    if len(key) < 32:
        raise InvalidInput(
            "settings.secret_key_short",
            f"{file} does not hold a secret key; restore it from a backup, or remove it if nothing was stored yet.",
            field="secret_key",
        )
    return settings.model_copy(update={"secret_key": [key]})


def _make(file: Path) -> None:
    """Writes a whole key beside its place, then links it there; who comes second finds the first one's."""
    draft = file.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        draft.unlink()
