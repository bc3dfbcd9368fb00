"""``ostiary app``: what is protected, and who may open it."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ostiary.applications.bindings import LOST, Target, bindings_of
from ostiary.applications.registry import Protected, existing, listed
from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.cli.provider_fields import facts as provider_facts
from ostiary.cli.provider_fields import provider_options, told_headers
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.mappings.registry import of_provider
from ostiary.parts import Parts
from ostiary.policies.engine import Kind
from ostiary.storage.installation import read

_Slug = Annotated[str, typer.Argument(help="The application's slug, such as hello.", show_default=False)]
_Name = Annotated[str | None, typer.Option(help="What people read.")]
_Section = Annotated[str | None, typer.Option(help="The heading under which people find it.")]
_Icon = Annotated[str | None, typer.Option(help="A picture's address.")]
_LaunchUrl = Annotated[str | None, typer.Option(help="Where its tile leads, if not to --host.")]
_Description = Annotated[str | None, typer.Option(help="One line about it.")]
_Contact = Annotated[str | None, typer.Option(help="Whom a refused person may ask.")]
_Match = Annotated[str | None, typer.Option(help="any: one binding is enough. all: each one has to agree.")]
_Groups = Annotated[list[str] | None, typer.Option("--group", help="A group whose members may open it; repeatable.")]
_Users = Annotated[list[str] | None, typer.Option("--user", help="A person who may open it; repeatable.")]
_Policies = Annotated[list[str] | None, typer.Option("--policy", help="A policy that lets people in; repeatable.")]

commands = typer.Typer(help="Applications: what is protected, and who may open it.", no_args_is_help=True)


@commands.command()
@provider_options
def add(
    context: typer.Context,
    slug: _Slug,
    proxy: dict[str, Any],
    group: _Groups = None,
    user: _Users = None,
    policy: _Policies = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everyone who is signed in may open it.")] = False,
    nobody: Annotated[bool, typer.Option("--nobody", help="Closed until somebody is bound to it.")] = False,
    match: _Match = None,
    name: _Name = None,
    section: _Section = None,
    icon: _Icon = None,
    launch_url: _LaunchUrl = None,
    description: _Description = None,
    contact: _Contact = None,
) -> None:
    """Protect an application: ostiary app add hello --host https://hello.example.com --group staff."""
    if "external_host" not in proxy:
        raise InvalidInput(
            "provider.external_host_invalid", "host: give its address, such as https://hello.example.com.", field="host"
        )
    targets = _targets(group, user, policy)
    if sum((bool(targets), everyone, nobody)) > 1:
        raise InvalidInput(
            "application.access_contradicts", "access: choose one of --everyone, --nobody and names.", field="access"
        )
    if not targets and not everyone and not nobody:
        everyone, targets = _ask()
    values = _fields(name, section, icon, launch_url, description, contact, match)
    access = "everyone" if everyone else "bound"

    async def body(parts: Parts) -> None:
        made = await parts.applications.add_proxied(
            slug, access=access, proxy=proxy, values=values, targets=targets, by=COMMAND
        )
        await _say_added(parts, made)

    run(context, body)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all applications."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            found = await listed(r)
        show_columns(
            ("SLUG", "NAME", "HOST", "ACCESS", "STATE"),
            [
                (
                    entry.application.slug,
                    entry.application.name,
                    entry.address or "-",
                    entry.application.access,
                    "enabled" if entry.application.enabled else "disabled",
                )
                for entry in found
            ],
        )

    run(context, body)


@commands.command()
def show(context: typer.Context, slug: _Slug) -> None:
    """Print an application and who may open it."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            found = await existing(r, slug)
            used = [] if found.provider is None else await of_provider(r, found.provider.id)
        for label, value in _facts(found, [mapping.name for mapping in used]):
            if value:
                say(f"{label:<12}{value}")
        if found.proxy is not None:
            say(f"{'passed on':<12}{', '.join(told_headers(found.proxy, used))}")
        await _say_access(parts, found)

    run(context, body)


@commands.command("set")
@provider_options
def set_command(
    context: typer.Context,
    slug: _Slug,
    proxy: dict[str, Any],
    access: Annotated[str | None, typer.Option(help="everyone, or bound: only those bound to it.")] = None,
    match: _Match = None,
    name: _Name = None,
    section: _Section = None,
    icon: _Icon = None,
    launch_url: _LaunchUrl = None,
    description: _Description = None,
    contact: _Contact = None,
    new_slug: Annotated[str | None, typer.Option("--slug", help="A new slug.")] = None,
) -> None:
    """Change what is given; an empty text ("") takes it away."""
    values = _fields(name, section, icon, launch_url, description, contact, match)
    values |= {key: value for key, value in (("access", access), ("slug", new_slug)) if value is not None}
    if not values and not proxy:
        raise InvalidInput("application.nothing_to_change", "Say what to change, such as --name Hello.")

    async def body(parts: Parts) -> None:
        found = await parts.applications.update(slug, values, proxy=proxy, by=COMMAND)
        say(f"{found.application.slug} is stored.")
        await _say_access(parts, found)

    run(context, body)


@commands.command()
def enable(context: typer.Context, slug: _Slug) -> None:
    """Open an application again to those who may open it."""
    run(context, lambda parts: parts.applications.enable(slug, by=COMMAND))
    say(f"{slug} is enabled.")


@commands.command()
def disable(context: typer.Context, slug: _Slug) -> None:
    """Close an application to all at once."""
    run(context, lambda parts: parts.applications.disable(slug, by=COMMAND))
    say(f"{slug} is disabled: nobody may open it.")


@commands.command()
def delete(
    context: typer.Context,
    slug: _Slug,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete an application, its provider and its bindings."""
    asking.confirmed(f"Delete {slug}, its provider and its bindings?", yes=yes)
    run(context, lambda parts: parts.applications.delete(slug, by=COMMAND))
    say(f"{slug} is deleted. Requests for its host are refused, or belong to a domain's application above it.")


@commands.command()
def bind(
    context: typer.Context,
    slug: _Slug,
    group: _Groups = None,
    user: _Users = None,
    policy: _Policies = None,
    order: Annotated[int | None, typer.Option(help="Where it stands among the others; 0 comes first.")] = None,
    negate: Annotated[bool | None, typer.Option("--negate/--no-negate", help="It speaks for all others.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it counts.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: days=7 from now, or 2030-01-31T18:00+01:00.")
    ] = None,
) -> None:
    """Bind people, groups or policies to an application, or change how they are bound."""
    targets = _needed(_targets(group, user, policy))

    async def body(parts: Parts) -> None:
        ends = None if expires is None else asking.moment(expires, parts.clock, "binding")
        for target in targets:
            await parts.bindings.put(
                slug, target, order=order, negate=negate, enabled=enabled, expires=ends, by=COMMAND
            )
        async with parts.database.reading() as r:
            found = await existing(r, slug)
        await _say_access(parts, found)

    run(context, body)


@commands.command()
def unbind(
    context: typer.Context,
    slug: _Slug,
    group: _Groups = None,
    user: _Users = None,
    policy: _Policies = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those whose user, group or policy was deleted; they never pass.")
    ] = False,
) -> None:
    """Take bindings away. Without any, a bound application is closed to all."""
    targets = _needed((*_targets(group, user, policy), *((LOST,) if deleted else ())))

    async def body(parts: Parts) -> None:
        await parts.bindings.remove(slug, *targets, by=COMMAND)
        async with parts.database.reading() as r:
            found = await existing(r, slug)
        await _say_access(parts, found)

    run(context, body)


def _targets(
    groups: Sequence[str] | None, users: Sequence[str] | None, policies: Sequence[str] | None
) -> tuple[Target, ...]:
    named = ((Kind.GROUP, groups), (Kind.USER, users), (Kind.POLICY, policies))
    return tuple(Target(kind, name) for kind, names in named for name in dict.fromkeys(names or ()))


def _needed(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    if not targets:
        raise InvalidInput("binding.target_missing", "Say whom: --group NAME, --user NAME or --policy NAME.")
    return targets


def _ask() -> tuple[bool, tuple[Target, ...]]:
    """Who may open it, asked of a person at a terminal: (everyone, whom)."""
    if not sys.stdin.isatty():
        raise InvalidInput(
            "application.access_missing",
            "access: say who may open it: --group NAME, --user NAME, --policy NAME, --everyone or --nobody.",
            field="access",
        )
    answer = typer.prompt("Who may open it? A group's name, or * for everyone who is signed in").strip()
    return (True, ()) if answer == "*" else (False, (Target(Kind.GROUP, answer),))


def _fields(
    name: str | None,
    section: str | None,
    icon: str | None,
    launch_url: str | None,
    description: str | None,
    contact: str | None,
    match: str | None,
) -> dict[str, str]:
    given = {
        "name": name,
        "group": section,
        "icon": icon,
        "launch_url": launch_url,
        "description": description,
        "contact": contact,
        "policy_engine_mode": match,
    }
    return {key: value for key, value in given.items() if value is not None}


def _facts(found: Protected, mappings: Sequence[str]) -> list[tuple[str, str]]:
    application, provider, proxy = found.application, found.provider, found.proxy
    facts = [
        ("slug", application.slug),
        ("name", application.name),
        ("section", application.group),
        ("state", "enabled" if application.enabled else "disabled"),
        ("launch URL", application.launch_url),
        ("icon", application.icon),
        ("description", application.description),
        ("contact", application.contact),
    ]
    if provider is not None and proxy is not None:
        facts += provider_facts(provider, proxy, mappings)
    return facts


async def _say_access(parts: Parts, found: Protected) -> None:
    application = found.application
    async with parts.database.reading() as r:
        bound = await bindings_of(r, application.id)
    now = parts.clock.now()
    enabled = [e for e in bound if e.binding.enabled and (e.binding.expires is None or now < e.binding.expires)]
    in_force = [e for e in enabled if e.target != LOST]
    closed = application.policy_engine_mode == "all" and len(in_force) < len(enabled)
    if application.access == "everyone":
        say("Access: everyone who is signed in." + (" Its bindings are not asked." if bound else ""))
    elif closed:
        say(
            "Access: nobody, for all bindings are needed and what one of them named was deleted. Take it away:"
            f" ostiary app unbind {application.slug} --deleted"
        )
    elif not in_force:
        say(f"Access: nobody, for no binding is in force. Bind somebody: ostiary app bind {application.slug} --group …")
    else:
        say(f"Access: whoever meets {application.policy_engine_mode} of these.")
    for entry in bound:
        binding = entry.binding
        notes = [
            "not" if binding.negate else "",
            entry.target.kind,
            entry.target.name or "(deleted)",
            "" if binding.enabled else "(disabled)",
            f"(until {binding.expires:%Y-%m-%d %H:%M} UTC)" if binding.expires else "",
        ]
        say(f"{binding.order:>4}  {' '.join(note for note in notes if note)}")


async def _say_added(parts: Parts, made: Protected) -> None:
    if made.proxy is None:
        return
    async with parts.database.reading() as r:
        own = parts.settings.web.base_url or (await read(r)).base_url or "https://OSTIARY"
        used = await of_provider(r, made.proxy.id)
    say(f"{made.application.slug} guards {made.proxy.cookie_domain or made.address}.")
    await _say_access(parts, made)
    say()
    headers = told_headers(made.proxy, used)
    say(f"Its proxy passes these headers on: {', '.join(headers)}")
    say("Set-ups for each proxy: docs/proxies/README.md")
    say()
    say("Annotations for ingress-nginx, if this server is the service `ostiary` in the namespace `ostiary`:")
    in_place = made.proxy.handoff == "in_place"
    start = f"{own}/ostiary/start?attempt=$authHeader0" if in_place else f"{made.proxy.external_host}/ostiary/start"
    first = ["X-Ostiary-Attempt"] if in_place else []
    annotation = "  nginx.ingress.kubernetes.io"
    say(f"{annotation}/auth-url: http://ostiary.ostiary.svc.cluster.local:9000/ostiary/auth/nginx?host=$host")
    say(f"{annotation}/auth-signin: {start}")
    say(f"{annotation}/auth-response-headers: {','.join([*first, 'Set-Cookie', *headers])}")
    if not in_place:
        say(f"The path /ostiary of {made.proxy.host_key} leads to this server, without these annotations.")
