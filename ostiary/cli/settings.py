"""``ostiary settings``: the effective tree, secrets masked, with the source of each value."""

from typing import Annotated

import typer

from ostiary.cli.context import invocation
from ostiary.settings.show import markdown, shown


def settings(
    context: typer.Context,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page that documents all settings instead.")
    ] = False,
) -> None:
    """Print every setting's effective value and where it came from."""
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    loaded = invocation(context).load()
    values = shown(loaded.settings)
    width = max(map(len, values))
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {value}  ({loaded.sources[name]})")
