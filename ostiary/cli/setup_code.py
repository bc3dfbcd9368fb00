"""``ostiary setup-code``: another code for the set-up page."""

import typer

from ostiary.cli.columns import say
from ostiary.cli.context import run
from ostiary.directory.setup import LIFETIME, TRIES
from ostiary.parts import Parts


def setup_code(context: typer.Context) -> None:
    """Print another code for the set-up page, as long as nobody has completed it."""

    async def body(parts: Parts) -> None:
        code = await parts.setup.new_code()
        minutes = int(LIFETIME.total_seconds() // 60)
        say(code)
        base_url = parts.settings.web.base_url
        if base_url:
            say(f"Open {base_url}/if/flow/initial-setup/?code={code}")
        else:
            say("Open /if/flow/initial-setup/ at the address where browsers reach Ostiary, and enter it there.")
        say(f"It works for {minutes} minutes and {TRIES} tries; the code before it does not work any more.")

    run(context, body)
