"""``ostiary role``: what delegated administrators may do, and who they are."""

from typing import Annotated

import typer

from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.directory.codenames import PERMISSIONS
from ostiary.directory.roles import groups_of_role, listed, named, permissions_of_role, users_of
from ostiary.directory.users import by_username, group_named
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts

_Name = Annotated[str, typer.Argument(help="The role's name.", show_default=False)]
_Permissions = Annotated[
    list[str],
    typer.Argument(
        metavar="PERMISSION...",
        help="Such as authentik_core.view_user; `ostiary role permissions` lists them.",
        show_default=False,
    ),
]
_Object = Annotated[
    str | None, typer.Option("--object", metavar="PK", help="For the one object of this primary key, not for all.")
]
_Users = Annotated[list[str] | None, typer.Option("--user", help="A username; repeatable.")]
_Groups = Annotated[list[str] | None, typer.Option("--group", help="A group, for all its members; repeatable.")]

commands = typer.Typer(help="Roles: who administers a part, and which.", no_args_is_help=True)


@commands.command()
def create(context: typer.Context, name: _Name) -> None:
    """Create a role, which permits nothing yet: ostiary role create help-desk."""

    async def body(parts: Parts) -> None:
        role = await parts.roles.create(name, by=COMMAND)
        say(f"{role.name} is created.")

    run(context, body)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all roles by name."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            rows = [
                (
                    role.name,
                    str(len(await permissions_of_role(r, role.id))),
                    ", ".join(group.name for group in await groups_of_role(r, role.id)) or "-",
                    ", ".join(user.username for user in await users_of(r, role.id)) or "-",
                )
                for role in await listed(r)
            ]
        show_columns(("NAME", "PERMISSIONS", "GROUPS", "USERS"), rows)

    run(context, body)


@commands.command()
def show(context: typer.Context, name: _Name) -> None:
    """Print what a role permits, and who holds it."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            role = await named(r, name)
            permitted = await permissions_of_role(r, role.id)
            groups, users = await groups_of_role(r, role.id), await users_of(r, role.id)
        say(f"name        {role.name}")
        say(f"id          {role.id}")
        for row in permitted:
            say(f"permits     {row.codename}{f'  (object {row.object_pk})' if row.object_pk else ''}")
        for group in groups:
            say(f"group       {group.name}")
        for user in users:
            say(f"user        {user.username}")

    run(context, body)


@commands.command()
def rename(
    context: typer.Context,
    name: _Name,
    new_name: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
) -> None:
    """Give a role another name."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            role = await named(r, name)
        role = await parts.roles.rename(role.id, new_name, by=COMMAND)
        say(f"{role.name} is stored.")

    run(context, body)


@commands.command()
def permissions(
    search: Annotated[str, typer.Argument(help="Only those that hold this text.", show_default=False)] = "",
) -> None:
    """List every permission that a role can hold: ostiary role permissions token."""
    wanted = search.casefold()
    show_columns(
        ("PERMISSION", "MEANING", "FOR ONE OBJECT"),
        [
            (one.codename, one.name, "yes" if one.single else "-")
            for one in PERMISSIONS.values()
            if wanted in one.codename or wanted in one.name.casefold()
        ],
    )


@commands.command()
def permit(context: typer.Context, name: _Name, permissions: _Permissions, one: _Object = None) -> None:
    """Let a role do more: ostiary role permit help-desk authentik_core.view_user."""

    async def body(parts: Parts) -> None:
        # All kinds of objects: of interest to this command alone.
        from ostiary.objects.kinds import all_kinds
        from ostiary.objects.permitted import check_exists, one_model

        async with parts.database.reading() as r:
            role = await named(r, name)
            label = one_model(permissions, model=None, object_pk=one)
            if label is not None and one is not None:
                await check_exists(r, all_kinds(parts), label, one, None)
        await parts.roles.permit(role.id, permissions, object_pk=one, by=COMMAND)
        say(f"{role.name} is stored.")

    run(context, body)


@commands.command()
def forbid(context: typer.Context, name: _Name, permissions: _Permissions, one: _Object = None) -> None:
    """Let a role do less: ostiary role forbid help-desk authentik_core.view_user."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            role = await named(r, name)
        gone = await parts.roles.forbid(role.id, permissions, object_pk=one, by=COMMAND)
        for codename in dict.fromkeys(permissions):
            say(f"{codename} {'is not permitted any more' if codename in gone else 'was not permitted so'}.")

    run(context, body)


@commands.command()
def add(context: typer.Context, name: _Name, user: _Users = None, group: _Groups = None) -> None:
    """Give a role to people and groups: ostiary role add help-desk --group support."""
    _holders(context, name, user, group, add=True)


@commands.command()
def remove(context: typer.Context, name: _Name, user: _Users = None, group: _Groups = None) -> None:
    """Take a role from people and groups."""
    _holders(context, name, user, group, add=False)


@commands.command()
def delete(
    context: typer.Context,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a role; what it alone permitted, nobody may any more."""
    asking.confirmed(f"Delete {name}? What it alone permits, nobody may then.", yes=yes)

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            role = await named(r, name)
        await parts.roles.delete(role.id, by=COMMAND)
        say(f"{role.name} is deleted.")

    run(context, body)


def _holders(
    context: typer.Context, name: str, usernames: list[str] | None, group_names: list[str] | None, *, add: bool
) -> None:
    if not usernames and not group_names:
        raise InvalidInput("role.nobody", "Say whom: --user jane, or --group support.")

    async def body(parts: Parts) -> None:
        roles = parts.roles
        # All names are looked up before anything is changed.
        async with parts.database.reading() as r:
            role = await named(r, name)
            users = [await by_username(r, one) for one in usernames or ()]
            groups = [await group_named(r, one) for one in group_names or ()]
        for user in users:
            change = roles.add_user if add else roles.remove_user
            _told(user.username, add=add, changed=await change(role.id, user.id, by=COMMAND))
        for group in groups:
            alter = roles.add_group if add else roles.remove_group
            _told(group.name, add=add, changed=await alter(role.id, group.id, by=COMMAND))

    run(context, body)


def _told(who: str, *, add: bool, changed: bool) -> None:
    if add:
        say(f"{who} {'has the role now' if changed else 'had the role already'}.")
    else:
        say(f"{who} {'has the role no more' if changed else 'did not have the role'}.")
