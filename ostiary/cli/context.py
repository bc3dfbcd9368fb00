"""What every command needs: the settings, the built parts, and one way to end on an error."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from ostiary.kit.errors import OstiaryError, Unavailable
from ostiary.settings.load import Loaded, load

if TYPE_CHECKING:
    from ostiary.parts import Parts

T = TypeVar("T")


@dataclass(frozen=True)
class Invocation:
    """What stood before the command: ``--config FILE``."""

    config: Path | None

    def load(self) -> Loaded:
        loaded = load(self.config, os.environ)
        for warning in loaded.warnings:
            typer.echo(f"warning: {warning}", err=True)
        return loaded


def invocation(context: typer.Context) -> Invocation:
    found = context.find_object(Invocation)
    if found is None:
        raise RuntimeError("the command was not started by `ostiary`")
    return found


@asynccontextmanager
async def opened(context: typer.Context) -> AsyncIterator["Parts"]:
    """The parts of this installation, its database brought up to date, closed again at the end."""
    # The whole product: a second of start-up that `serve` and `--help` do without.
    from ostiary.parts import build

    parts = await build(invocation(context).load().settings)
    try:
        yield parts
    finally:
        await parts.close()


def run(context: typer.Context, body: Callable[["Parts"], Awaitable[T]]) -> T:
    """Runs the body of a command with the opened parts."""

    async def main() -> T:
        async with opened(context) as parts:
            return await body(parts)

    return asyncio.run(main())


def fail(error: OstiaryError) -> int:
    """Prints one sentence with its code and field; returns the exit status: 2 for the input, 1 for the world."""
    # Many sentences begin with their field, or name it on the way; those need not say it twice.
    field = f" ({error.field})" if error.field and error.field not in error.message else ""
    typer.echo(f"error: {error.message}{field} [{error.code}]", err=True)
    return 1 if isinstance(error, Unavailable) else 2
