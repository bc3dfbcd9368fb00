"""``ostiary token``: API tokens and app passwords."""

from collections.abc import Mapping
from typing import Annotated

import typer

from ostiary.applications.registry import Protected, existing
from ostiary.applications.registry import listed as applications
from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.directory.models import Token
from ostiary.directory.tokens import DEFAULT_LIFETIME, RECOVERY, listed
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.kit.durations import show_duration
from ostiary.parts import Parts

_Identifier = Annotated[str, typer.Argument(help="The token's name, such as backup-job.", show_default=False)]

commands = typer.Typer(help="API tokens and app passwords.", no_args_is_help=True)


@commands.command()
def create(
    context: typer.Context,
    identifier: _Identifier,
    user: Annotated[str, typer.Option(help="For whom it acts.", show_default=False)],
    app: Annotated[
        str | None, typer.Option(help="Make an app password, which opens only this application (its slug).")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="When it ends: days=7 from now, a moment with its zone, or never.")
    ] = show_duration(int(DEFAULT_LIFETIME.total_seconds())),
    description: Annotated[str, typer.Option(help="One line about it.")] = "",
) -> None:
    """Create a token and print its key on standard output, this once."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            owner = await by_username(r, user)
            opens = await existing(r, app) if app is not None else None
        slug = opens.application.slug if opens is not None else None
        _, key = await parts.tokens.create(
            identifier,
            user_id=owner.id,
            intent="api" if slug is None else "app_password",
            application=slug,
            expires=asking.moment(expires, parts.clock, "token", or_never=True),
            description=description,
            by=COMMAND,
        )
        _show_key(key)
        if opens is not None:
            _show_use(opens)

    run(context, body)


@commands.command("list")
def list_command(
    context: typer.Context,
    user: Annotated[str | None, typer.Option(help="Only tokens of this user.")] = None,
) -> None:
    """List tokens; their keys are not stored."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            found = await listed(r, user_id=(await by_username(r, user)).id if user is not None else None)
            slugs = {one.application.id: one.application.slug for one in await applications(r)}
        show_columns(
            ("IDENTIFIER", "USER", "FOR", "EXPIRES", "DESCRIPTION"),
            [
                (
                    token.identifier,
                    owner.username,
                    _purpose(token, slugs),
                    _end(token, expired=token.expires is not None and token.expires <= parts.clock.now()),
                    token.description,
                )
                for token, owner in found
            ],
        )

    run(context, body)


@commands.command()
def rotate(context: typer.Context, identifier: _Identifier) -> None:
    """Replace a token's key and print the new one; the old one stops at once."""

    async def body(parts: Parts) -> None:
        _, key = await parts.tokens.rotate(identifier, by=COMMAND)
        _show_key(key)

    run(context, body)


@commands.command()
def delete(
    context: typer.Context,
    identifier: _Identifier,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a token; its key stops at once."""
    asking.confirmed(f"Delete the token {identifier}?", yes=yes)
    run(context, lambda parts: parts.tokens.delete(identifier, by=COMMAND))
    say(f"{identifier} is deleted.")


def _show_key(key: str) -> None:
    typer.echo("This key is not shown again:", err=True)
    say(key)


def _show_use(opens: Protected) -> None:
    """How a program comes in with an app password, as commands to copy."""
    proxy = opens.proxy
    address = "https://<the application>" if proxy is None else f"{proxy.external_host}{proxy.path}"
    typer.echo("A program sends it with each request, in one of two ways:", err=True)
    typer.echo(f'  curl -H "Authorization: Bearer $KEY" {address}/', err=True)
    typer.echo(f'  curl -u ":$KEY" {address}/', err=True)
    if proxy is not None and not proxy.header_authentication:
        slug = opens.application.slug
        typer.echo(f"{slug} takes none yet: ostiary app set {slug} --header-authentication", err=True)


def _purpose(token: Token, slugs: Mapping[str, str]) -> str:
    if token.intent == RECOVERY:
        return "a recovery link"
    if token.intent != "app_password":
        return "the API"
    return slugs.get(token.application_id or "", "nothing")


def _end(token: Token, *, expired: bool) -> str:
    if token.expires is None:
        return "never"
    return token.expires.isoformat(timespec="minutes") + (" (over)" if expired else "")
