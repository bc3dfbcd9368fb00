"""The options of ``ostiary app add`` and ``set`` that say how an application is guarded, read as fields."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ostiary.access.header_plan import header_plan
from ostiary.applications.models import Provider, ProxyProvider
from ostiary.kit.durations import show_duration
from ostiary.kit.errors import InvalidInput
from ostiary.mappings.evaluate import Mapped
from ostiary.mappings.models import PropertyMapping

_LISTS: Final = frozenset({"open_paths", "additional_headers", "property_mappings"})
_JSON: Final = frozenset({"header_names", "jwt_issuers"})


def _options(
    host: Annotated[
        str | None,
        typer.Option(help="Its address, such as https://hello.example.com or https://apps.example.com/grafana."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(help="Guard every host below this domain that has no application of its own; --host signs in."),
    ] = None,
    handoff: Annotated[
        str | None,
        typer.Option(help="callback (a route on the application's host leads here) or in_place (no route)."),
    ] = None,
    session: Annotated[str | None, typer.Option(help="The longest life of a session there, such as hours=24.")] = None,
    open_path: Annotated[
        list[str] | None,
        typer.Option(help="A path that is open to anybody, with all below it, such as /public; repeatable."),
    ] = None,
    skip_path_regex: Annotated[
        str | None,
        typer.Option(help="What is open to anybody, as regular expressions of whole paths, one a line, each ^…$."),
    ] = None,
    cors_preflight: Annotated[
        bool | None,
        typer.Option("--cors-preflight/--no-cors-preflight", help="Let browsers' preflight requests pass unasked."),
    ] = None,
    headers: Annotated[
        str | None,
        typer.Option(help="How it is told who somebody is: authentik (X-authentik-*), remote (Remote-*) or own."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="A header of its own, such as username=X-User; also groups, email, name, uid; repeatable."),
    ] = None,
    group_filter: Annotated[
        str | None, typer.Option(help="Tell it of groups only whose whole name meets this regular expression.")
    ] = None,
    additional_header: Annotated[
        list[str] | None,
        typer.Option(help="A header that the attribute additionalHeaders of people and groups may fill; repeatable."),
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option(help="A mapping that makes a header, by its name; repeatable.")
    ] = None,
    signed_identity: Annotated[
        bool | None,
        typer.Option("--signed-identity/--no-signed-identity", help="Sign who somebody is: X-Ostiary-Jwt-Assertion."),
    ] = None,
    basic_auth: Annotated[
        str | None,
        typer.Option(help="Sign people in there by Basic credentials: their attribute PASSWORD, or USER:PASSWORD."),
    ] = None,
    header_authentication: Annotated[
        bool | None,
        typer.Option(
            "--header-authentication/--no-header-authentication",
            help="Let machines in by app passwords and by tokens of --jwt-issuer.",
        ),
    ] = None,
    jwt_issuer: Annotated[
        list[str] | None,
        typer.Option(help="Whose tokens let machines in, as a JSON object or @FILE; repeatable."),
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="Any field of its proxy provider, such as authentication_flow=my-flow; repeatable."),
    ] = None,
) -> dict[str, Any]:
    """The fields that are given, by the names that `proxy_settings` reads. An empty text takes a list away."""
    given: dict[str, Any] = {
        "external_host": host,
        "cookie_domain": domain,
        "mode": None if domain is None else "forward_domain" if domain else "forward_single",
        "handoff": None if handoff is None else handoff.replace("-", "_"),
        "access_token_validity": session,
        "open_paths": _several(open_path),
        "skip_path_regex": skip_path_regex,
        "cors_preflight": cors_preflight,
        "header_style": headers if headers is not None or not _several(header) else "own",
        "header_names": None if header is None else _names(_several(header) or []),
        "group_filter": group_filter,
        "additional_headers": _several(additional_header),
        "property_mappings": _several(mapping),
        "signed_identity": signed_identity,
        "header_authentication": header_authentication,
        "jwt_issuers": None if jwt_issuer is None else [_issuer(text) for text in _several(jwt_issuer) or []],
        **_basic(basic_auth),
    }
    fields = {key: value for key, value in given.items() if value is not None}
    for entry in provider or ():
        key, equals, value = entry.partition("=")
        if not equals:
            raise InvalidInput("provider.field_invalid", f"provider: write {entry}=VALUE.", field="provider")
        fields[key] = _value(key, value)
    return fields


def provider_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command these options; it gets what they say as ``proxy``."""
    ours = inspect.signature(_options).parameters
    theirs = [one for one in inspect.signature(command).parameters.values() if one.name != "proxy"]

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        proxy = _options(**{name: values.pop(name) for name in ours})
        command(**values, proxy=proxy)

    merged = inspect.Signature([*theirs, *ours.values()])
    # Commands are made from a function's signature and annotations.
    wrapped.__signature__ = merged  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in merged.parameters.values()}
    return wrapped


def facts(provider: Provider, proxy: ProxyProvider, mappings: Sequence[str]) -> list[tuple[str, str]]:
    """How an application is guarded, for people: label and value, empty where there is nothing to say."""
    names = ", ".join(f"{part}={name}" for part, name in proxy.header_names.items())
    basic = ":".join(filter(None, (proxy.basic_auth_user_attribute, proxy.basic_auth_password_attribute)))
    machines = ["app passwords", *(f"tokens of {entry['issuer']}" for entry in proxy.jwt_issuers)]
    return [
        ("host", proxy.external_host + proxy.path),
        ("domain", proxy.cookie_domain),
        ("hand-off", proxy.handoff),
        ("session", show_duration(proxy.session_seconds)),
        ("flows", f"{provider.authorization_flow}, {provider.invalidation_flow}"),
        ("open", ", ".join([*proxy.open_paths, *proxy.skip_path_regex.splitlines()])),
        ("preflight", "passes unasked" if proxy.cors_preflight else ""),
        ("headers", f"{proxy.header_style} {names}".strip()),
        ("groups", proxy.group_filter),
        ("additional", ", ".join(proxy.additional_headers)),
        ("mappings", ", ".join(mappings)),
        ("signed", "" if proxy.signed_identity else "no"),
        ("basic", basic),
        ("machines", ", ".join(machines) if proxy.header_authentication else ""),
    ]


def told_headers(proxy: ProxyProvider, mappings: Sequence[PropertyMapping]) -> tuple[str, ...]:
    """The headers that a proxy has to take from an answer, empty ones too: any that it leaves out is the visitor's."""
    mapped = [Mapped(mapping.name, mapping.header, None) for mapping in mappings]
    nothing = (False, "", "")
    plan = header_plan(proxy.header_style, proxy.header_names, "", proxy.additional_headers, nothing, mapped)
    return plan.names


def _several(values: list[str] | None) -> list[str] | None:
    return None if values is None else [value for value in values if value]


def _names(entries: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for entry in entries:
        part, equals, name = entry.partition("=")
        if not equals or part in names:
            raise InvalidInput(
                "provider.header_names_invalid",
                f"header: write {part}=NAME, once, such as username=X-User.",
                field="header",
            )
        names[part] = name
    return names


def _basic(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    if not text:
        return {"basic_auth_enabled": False}
    user, _, word = text.rpartition(":")
    return {
        "basic_auth_enabled": True,
        "basic_auth_user_attribute": user,
        "basic_auth_password_attribute": word,
    }


def _issuer(text: str) -> Any:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "provider.jwt_issuers_invalid", f"jwt_issuer: {text[1:]} cannot be read as text.", field="jwt_issuer"
            ) from error
    return _json("jwt_issuer", "jwt_issuers", text)


def _value(key: str, text: str) -> Any:
    if key in _JSON or (key in _LISTS and text.startswith("[")):
        return _json(key, key, text)
    if key in _LISTS:
        return [entry.strip() for entry in text.split(",") if entry.strip()]
    return {"true": True, "false": False, "null": None}.get(text, text)


def _json(option: str, field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f"provider.{field}_invalid", f"{option}: this is no JSON: {text[:80]}", field=option
        ) from error
