"""A command as a person types it: what it printed and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Ostiary = Callable[..., Shown]


def done(shown: Shown) -> str:
    assert (shown.status, shown.err) == (0, "")
    return shown.out


def refused(shown: Shown, code: str) -> None:
    assert (shown.status, shown.out) == (2, "")
    assert f"[{code}]" in shown.err
    assert len(shown.err.splitlines()) == 1
