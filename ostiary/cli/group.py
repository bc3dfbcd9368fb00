"""``ostiary group``: groups and who belongs to them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.directory.fields import attributes_from_json
from ostiary.directory.groups import listed, members, parents_of
from ostiary.directory.membership import parents_of_all
from ostiary.directory.users import by_username, group_named
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts

_Name = Annotated[str, typer.Argument(help="The group's name.", show_default=False)]
_Users = Annotated[list[str], typer.Argument(metavar="USERNAME...", help="Usernames.", show_default=False)]
_Attributes = Annotated[str | None, typer.Option(help='A JSON object, such as {"room": "12"}.')]
_Force = Annotated[bool, typer.Option("--force", help="Also if no active superuser is left then.")]

commands = typer.Typer(help="Groups, and who belongs to them.", no_args_is_help=True)


@commands.command()
def create(
    context: typer.Context,
    name: _Name,
    parent: Annotated[
        list[str] | None, typer.Option("--parent", help="A group that members of this one belong to; repeatable.")
    ] = None,
    superuser: Annotated[bool, typer.Option("--superuser", help="Its members administer everything.")] = False,
    attributes: _Attributes = None,
) -> None:
    """Create a group: ostiary group create staff."""

    async def body(parts: Parts) -> None:
        group = await parts.groups.create(
            name,
            is_superuser=superuser,
            parents=parent or (),
            attributes=attributes_from_json(attributes) if attributes is not None else None,
            by=COMMAND,
        )
        say(f"{group.name} is created.")

    run(context, body)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all groups by name."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            groups, above = await listed(r), await parents_of_all(r)
        names = {group.id: group.name for group in groups}
        show_columns(
            ("NAME", "PARENTS", "SUPERUSER"),
            [
                (
                    group.name,
                    ", ".join(sorted(names[parent] for parent in above.get(group.id, ()))) or "-",
                    "yes" if group.is_superuser else "-",
                )
                for group in groups
            ],
        )

    run(context, body)


@commands.command()
def show(context: typer.Context, name: _Name) -> None:
    """Print a group, the groups above it, and its members; those of groups below are marked."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            group = await group_named(r, name)
            above = await parents_of(r, group.id)
            direct = {user.id for user in await members(r, group.id)}
            everyone = await members(r, group.id, inherited=True)
        say(f"name        {group.name}")
        say(f"superuser   {'yes' if group.is_superuser else 'no'}")
        if above:
            say(f"parents     {', '.join(parent.name for parent in above)}")
        if group.attributes:
            say(f"attributes  {', '.join(sorted(group.attributes))}")
        for user in everyone:
            say(f"member      {user.username}{'' if user.id in direct else '  (through a group below)'}")

    run(context, body)


@commands.command("set")
def set_command(
    context: typer.Context,
    name: _Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    superuser: Annotated[
        bool | None, typer.Option("--superuser/--no-superuser", help="Whether its members administer everything.")
    ] = None,
    attributes: _Attributes = None,
    parent: Annotated[
        list[str] | None, typer.Option("--parent", help="The groups above it, all of them; repeatable.")
    ] = None,
    no_parents: Annotated[bool, typer.Option("--no-parents", help="No group is above it.")] = False,
    force: _Force = False,
) -> None:
    """Change what is given."""
    if (new_name, superuser, attributes, parent, no_parents) == (None, None, None, None, False):
        raise InvalidInput("group.nothing_to_change", "Say what to change, such as --parent staff.")
    if parent and no_parents:
        raise InvalidInput(
            "group.parents_contradict", "parents: give --parent or --no-parents, not both.", field="parents"
        )

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            group = await group_named(r, name)
            above = [(await group_named(r, one)).id for one in parent or ()]
        if parent or no_parents:
            await parts.groups.set_parents(group.id, above, force=force, by=COMMAND)
        group = await parts.groups.update(
            group.id,
            name=new_name,
            is_superuser=superuser,
            attributes=attributes_from_json(attributes) if attributes is not None else None,
            force=force,
            by=COMMAND,
        )
        say(f"{group.name} is stored.")

    run(context, body)


@commands.command()
def add(context: typer.Context, name: _Name, users: _Users) -> None:
    """Make users members: ostiary group add staff jane john."""

    async def change(parts: Parts, group_id: str, user_id: int) -> bool:
        return await parts.groups.add_member(group_id, user_id, by=COMMAND)

    _each(context, name, users, change, done="is a member now", undone="was a member already")


@commands.command()
def remove(context: typer.Context, name: _Name, users: _Users, force: _Force = False) -> None:
    """End direct memberships: ostiary group remove staff jane john."""

    async def change(parts: Parts, group_id: str, user_id: int) -> bool:
        return await parts.groups.remove_member(group_id, user_id, force=force, by=COMMAND)

    _each(context, name, users, change, done="is no direct member any more", undone="was no direct member")


@commands.command()
def delete(
    context: typer.Context,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: _Force = False,
) -> None:
    """Delete a group and its memberships. Its bindings stay and never pass: what needed it stays closed."""
    asking.confirmed(f"Delete {name} and its memberships? Its bindings stay and never pass.", yes=yes)

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            group = await group_named(r, name)
        await parts.groups.delete(group.id, force=force, by=COMMAND)
        say(f"{group.name} is deleted.")

    run(context, body)


def _each(
    context: typer.Context,
    name: str,
    usernames: list[str],
    change: Callable[[Parts, str, int], Awaitable[bool]],
    *,
    done: str,
    undone: str,
) -> None:
    async def body(parts: Parts) -> None:
        # All names are looked up before anything is changed.
        async with parts.database.reading() as r:
            group = await group_named(r, name)
            users = [await by_username(r, username) for username in usernames]
        for user in users:
            changed = await change(parts, group.id, user.id)
            say(f"{user.username} {done if changed else undone}.")

    run(context, body)
