"""``ostiary user``: people and service accounts."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

import typer

from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.directory.fields import attributes_from_json
from ostiary.directory.membership import groups_of
from ostiary.directory.models import User
from ostiary.directory.recovery import LIFETIME, PATH
from ostiary.directory.tokens import DEFAULT_LIFETIME
from ostiary.directory.users import by_username, listed
from ostiary.events.record import COMMAND
from ostiary.kit.durations import parse_duration, show_duration
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts

_Username = Annotated[str, typer.Argument(help="The username, such as jane.doe.", show_default=False)]
_Name = Annotated[str | None, typer.Option(help="The name that people read.")]
_Email = Annotated[str | None, typer.Option(help="The email address.")]
_Type = Annotated[
    str | None, typer.Option("--type", help="internal, external, service_account or internal_service_account.")
]
_Path = Annotated[str | None, typer.Option(help="Where the user is filed, such as users/staff.")]
_Attributes = Annotated[str | None, typer.Option(help='A JSON object, such as {"room": "12"}.')]
_Force = Annotated[bool, typer.Option("--force", help="Also if no active superuser is left then.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

commands = typer.Typer(help="People and service accounts.", no_args_is_help=True)


@commands.command()
def create(
    context: typer.Context,
    username: _Username,
    name: _Name = None,
    email: _Email = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group to belong to; repeatable.")] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password, or read it from standard input.")
    ] = False,
    type_: _Type = None,
    path: _Path = None,
    attributes: _Attributes = None,
) -> None:
    """Create a user: ostiary user create jane --email jane@example.com --group staff --password."""
    typed = asking.password() if password else None

    async def body(parts: Parts) -> None:
        made = await parts.users.create(
            username,
            name=name or "",
            email=email or "",
            type=type_ or "internal",
            path=path or "users",
            attributes=attributes_from_json(attributes) if attributes is not None else None,
            password=typed,
            groups=group or (),
            by=COMMAND,
        )
        say(f"{made.username} is created.")
        if typed is None:
            say(f"Without a password {made.username} cannot sign in: ostiary user set-password {made.username}")

    run(context, body)


@commands.command("create-service-account")
def create_service_account(
    context: typer.Context,
    username: _Username,
    with_group: Annotated[bool, typer.Option("--with-group", help="Also a group of the same name.")] = False,
    expires: Annotated[
        str, typer.Option(help="When its token ends: days=7 from now, a moment with its zone, or never.")
    ] = show_duration(int(DEFAULT_LIFETIME.total_seconds())),
) -> None:
    """Create a user that is a program, and print the key of its API token this once."""

    async def body(parts: Parts) -> None:
        user, token, key = await parts.service_accounts.create(
            username,
            with_group=with_group,
            expires=asking.moment(expires, parts.clock, "token", or_never=True),
            by=COMMAND,
        )
        say(f"{user.username} is created. Its token {token.identifier} has this key, which is not shown again:")
        say(key)

    run(context, body)


@commands.command("list")
def list_command(
    context: typer.Context,
    search: Annotated[str, typer.Option(help="Part of a username, a name or an address.")] = "",
    group: Annotated[str | None, typer.Option(help="Only direct members of this group.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    after: Annotated[str, typer.Option(help="Go on after this username.")] = "",
) -> None:
    """List users by username."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            found = await listed(r, search=search, group=group, after=after, limit=limit)
        show_columns(
            ("USERNAME", "NAME", "EMAIL", "TYPE", "STATE"),
            [(user.username, user.name or "-", user.email or "-", user.type, _state(user)) for user in found],
        )
        if len(found) == limit:
            say(f"There may be more: --after {found[-1].username}")

    run(context, body)


@commands.command()
def show(context: typer.Context, username: _Username) -> None:
    """Print a user and all groups, inherited ones too."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            user = await by_username(r, username)
            groups = await groups_of(r, user.id)
        for label, value in (
            ("username", user.username),
            ("name", user.name),
            ("email", user.email),
            ("type", user.type),
            ("path", user.path),
            ("state", _state(user)),
            ("superuser", "yes" if any(group.is_superuser for group in groups) else "no"),
            ("password", "set" if user.password_hash else "none"),
            ("groups", ", ".join(group.name for group in groups)),
            ("attributes", ", ".join(sorted(user.attributes))),
            ("created", user.created.isoformat(timespec="seconds")),
            ("last login", user.last_login.isoformat(timespec="seconds") if user.last_login else ""),
        ):
            if value:
                say(f"{label:<12}{value}")

    run(context, body)


@commands.command("set")
def set_command(
    context: typer.Context,
    username: _Username,
    name: _Name = None,
    email: _Email = None,
    type_: _Type = None,
    path: _Path = None,
    attributes: _Attributes = None,
    force: _Force = False,
) -> None:
    """Change what is given; an empty text ("") takes a name or an address away."""
    if (name, email, type_, path, attributes) == (None,) * 5:
        raise InvalidInput("user.nothing_to_change", 'Say what to change, such as --name "Jane Doe".')

    async def body(parts: Parts) -> None:
        user = await parts.users.update(
            await _id(parts, username),
            name=name,
            email=email,
            type=type_,
            path=path,
            attributes=attributes_from_json(attributes) if attributes is not None else None,
            force=force,
            by=COMMAND,
        )
        say(f"{user.username} is stored.")

    run(context, body)


@commands.command()
def rename(
    context: typer.Context,
    username: _Username,
    new: Annotated[str, typer.Argument(help="The new username.", show_default=False)],
) -> None:
    """Give a user another username; sessions, groups and tokens stay."""

    async def body(parts: Parts) -> None:
        user = await parts.users.rename(await _id(parts, username), new, by=COMMAND)
        say(f"The user is called {user.username} now.")

    run(context, body)


@commands.command()
def disable(context: typer.Context, username: _Username, force: _Force = False) -> None:
    """End all of a user's sessions and let nobody in as them."""

    async def body(parts: Parts) -> None:
        user = await parts.users.disable(await _id(parts, username), force=force, by=COMMAND)
        say(f"{user.username} is disabled, and all sessions of {user.username} are ended.")

    run(context, body)


@commands.command()
def enable(context: typer.Context, username: _Username) -> None:
    """Let a disabled user sign in again."""

    async def body(parts: Parts) -> None:
        user = await parts.users.enable(await _id(parts, username), by=COMMAND)
        say(f"{user.username} is enabled.")

    run(context, body)


@commands.command()
def unlock(context: typer.Context, username: _Username) -> None:
    """Open an account at once that was locked after failed attempts."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            user = await by_username(r, username)
        await parts.credentials.unlock(user, by=COMMAND)
        say(f"{user.username} is not locked.")

    run(context, body)


@commands.command("recovery-link")
def recovery_link(
    context: typer.Context,
    username: _Username,
    lasts: Annotated[str, typer.Option(help="For how long it works, at most days=7.")] = show_duration(
        int(LIFETIME.total_seconds())
    ),
) -> None:
    """Print a link with which a person sets a new password, once; the one before works no more."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            user = await by_username(r, username)
            base_url = (await parts.system.shown(r))["base_url"]
        lifetime = timedelta(seconds=parse_duration(lasts, field="lasts"))
        key = await parts.recovery.make(user.id, lifetime=lifetime, by=COMMAND)
        typer.echo("Whoever has this link can come in as them:", err=True)
        say(f"{base_url or 'http://<this server>'}{PATH}?{urlencode({'key': key})}")

    run(context, body)


@commands.command("set-password")
def set_password(context: typer.Context, username: _Username) -> None:
    """Set a password (asked for, or read from standard input) and end all of the user's sessions."""
    typed = asking.password()

    async def body(parts: Parts) -> None:
        await parts.users.set_password(await _id(parts, username), typed, by=COMMAND)
        say("The password is set, and all sessions of this user are ended.")

    run(context, body)


@commands.command()
def delete(context: typer.Context, username: _Username, yes: _Yes = False, force: _Force = False) -> None:
    """Delete a user with sessions, tokens, memberships and bindings."""
    asking.confirmed(f"Delete {username} with sessions, tokens, memberships and bindings?", yes=yes)

    async def body(parts: Parts) -> None:
        await parts.users.delete(await _id(parts, username), force=force, by=COMMAND)
        say(f"{username} is deleted.")

    run(context, body)


async def _id(parts: Parts, username: str) -> int:
    async with parts.database.reading() as r:
        return (await by_username(r, username)).id


def _state(user: User) -> str:
    return "active" if user.is_active else "disabled"
