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


def moment(text: str, clock: Clock, what: str, *, or_never: bool = False) -> datetime | None:
    """A moment to come: ``days=7`` from now, or one with its zone; None for ``never`` where that is an answer.

    ``what`` begins the code of a refusal: ``token``, ``binding``.
    """
    if or_never and text == "never":
        return None
    if "=" in text:
        return clock.now() + timedelta(seconds=parse_duration(text, field="expires"))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(
            f"{what}.expires_invalid",
            "expires: write a length of time such as days=7, or a moment with its zone: 2030-01-31T18:00+01:00"
            f"{', or never' if or_never else ''}.",
            field="expires",
        )
    return found
