"""`python -m ostiary.cli.worker CONFIG DESCRIPTORS`: one worker, as the supervisor starts it.

Not a command of its own: it must not load the command line's libraries, which no request ever needs.
"""

import gc
import os
import sys
from pathlib import Path

from ostiary.kit.errors import OstiaryError, Unavailable
from ostiary.settings.load import load


def main(config: str, descriptors: str) -> int:
    """``config`` is the settings file, or empty. The supervisor's command has printed the settings' warnings."""
    os.umask(0o077)
    # Until it serves, a worker makes hardly any garbage; looking for it would take a twentieth of the start.
    gc.disable()
    # structlog imports rich if it can, to decorate tracebacks in a way that we never let it; that costs every worker
    # 5 MB and a fifth of a second. None makes the import fail (Python's reference, "The module cache").
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    from ostiary.app import served
    from ostiary.web import logs
    from ostiary.web.server import Inherited, run_worker

    settings = load(Path(config) if config else None, os.environ).settings
    logs.configure(settings.log.level, json=settings.log.as_json)
    run_worker(lambda: served(settings), Inherited.parse(descriptors))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except OstiaryError as error:
        field = f" ({error.field})" if error.field else ""
        sys.stderr.write(f"error: {error.message}{field} [{error.code}]\n")
        sys.exit(1 if isinstance(error, Unavailable) else 2)
