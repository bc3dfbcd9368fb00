"""The worked examples of docs/api.md, as they stand on the page, against a served installation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.api.house import ApiHouse

EXAMPLES = Path(__file__).parents[2] / "examples" / "api"


def run(api: ApiHouse, *command: str) -> str:
    environ = {**os.environ, "OSTIARY": api.origin, "TOKEN": api.root}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_worked_examples_do_what_they_say(api: ApiHouse) -> None:
    assert shutil.which("curl"), "scripts/test installs it"
    assert '"slug":"wiki"' in run(api, "sh", str(EXAMPLES / "protect.sh"))
    assert run(api, sys.executable, str(EXAMPLES / "team.py")) == "ada may open Wiki: True\n"
    assert '"meta_description":"What we know"' in run(api, "sh", str(EXAMPLES / "change.sh"))
