"""What commands ask of a person: a secret, a confirmation, a moment."""

import sys
from datetime import datetime, timedelta

import typer

from ostiary.kit.clock import Clock
from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput


def password() -> str:
    """A password, typed twice unseen at a terminal, else the first line of standard input.

    It is no argument: everybody on the machine can read those.
    """
    if not sys.stdin.isatty():
        # A line longer than any password may be is cut, and then refused.
        return sys.stdin.readline(10_000).removesuffix("\n").removesuffix("\r")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", default="")
    return typed


def confirmed(question: str, *, yes: bool) -> None:
    """Goes on only after --yes or a yes at the terminal. Raises `command.not_confirmed`."""
    if not yes and not (sys.stdin.isatty() and typer.confirm(question)):
        raise InvalidInput("command.not_confirmed", "Nothing was changed; confirm it with --yes.", field="yes")


def expiry(text: str, clock: Clock) -> datetime | None:
    """A moment to come: ``days=7`` from now, or one with its zone; None for ``never``."""
    if text == "never":
        return None
    if "=" in text:
        return clock.now() + timedelta(seconds=parse_duration(text, field="expires"))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(
            "token.expires_invalid",
            "expires: write a length of time such as days=7, a moment with its zone such as 2030-01-31T18:00+01:00,"
            " or never.",
            field="expires",
        )
    return moment
