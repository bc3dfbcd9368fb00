"""Paths of an application: where it begins below its host, and what of it is open to anybody.

A path stands for itself and all below it, at a boundary of segments. It is written decoded, and only with signs that
mean nothing to any proxy, so that it may be printed into any configuration.
"""

import re
from typing import Any, Final

from ostiary.applications.values import invalid, text, texts
from ostiary.kit.errors import InvalidInput
from ostiary.kit.patterns import anchored, anchored_form, compile_pattern
from ostiary.kit.urls import canonical_path

OWN_PREFIXES: Final = ("/ostiary", "/outpost.goauthentik.io")
"""What is ours on every application's host."""

_PLAIN: Final = re.compile(r"(?:/[\w.~@:+,=!-]+)+")
_LONGEST: Final = 200
_MOST_LINES: Final = 50


def is_below(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or below it at a boundary of segments."""
    return path == prefix or path.startswith(prefix + "/")


def plain_path(field: str, value: Any) -> str:
    """A path such as ``/grafana``. Raises `provider.<field>_invalid`, `provider.own_path`."""
    path = text(field, value)
    if len(path) > 1:
        path = path.removesuffix("/")
    if len(path) > _LONGEST or not _PLAIN.fullmatch(path) or canonical_path(path.encode()) != path:
        raise invalid(
            field, f"{path[:_LONGEST]!r} is no plain path; write one such as /public: it stands for all below it too."
        )
    for own in OWN_PREFIXES:
        if is_below(path.lower(), own) or is_below(own, path):
            raise InvalidInput(
                "provider.own_path", f"{field}: {own} is this server's own; choose another path.", field=field
            )
    return path


def open_paths(value: Any, application_path: str) -> tuple[str, ...]:
    """The paths that are open to anybody, each once. Those outside the application would open nothing."""
    paths = tuple(dict.fromkeys(plain_path("open_paths", entry) for entry in texts("open_paths", value)))
    for path in paths:
        if application_path and not is_below(path, application_path):
            raise invalid("open_paths", f"{path} is outside this application, which begins at {application_path}.")
        if path == application_path:
            raise invalid("open_paths", f"{path} is the whole application; one that is open to all needs no guard.")
        for other in paths:
            if other != path and is_below(path, other):
                raise invalid("open_paths", f"{path} is open with {other} already.")
    return paths


def skip_path_regex(value: Any) -> str:
    """One regular expression a line, each from ``^`` to ``$``.

    A search that is satisfied by some part of a path opens what nobody meant, so it is refused with the anchored form.
    Raises `provider.skip_path_regex_unanchored`, `provider.skip_path_regex_invalid`, `pattern.*`.
    """
    field = "skip_path_regex"
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(field, "a text is needed, one regular expression a line.")
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        raise invalid(field, f"at most {_MOST_LINES} lines are accepted.")
    for line in lines:
        compile_pattern(line, field)
        if not anchored(line):
            raise InvalidInput(
                "provider.skip_path_regex_unanchored",
                f"{field}: `{line}` would open every path that merely contains it; write `{anchored_form(line)}`, with"
                " .* where anything may stand.",
                field=field,
            )
    return "\n".join(dict.fromkeys(lines))


def check_reach(lines: str, origin: str, *, is_domain: bool) -> None:
    """Refuses lines that nothing could meet: a domain's are about whole addresses, an application's about paths."""
    field = "skip_path_regex"
    for line in lines.splitlines():
        if is_domain and line.startswith("^/"):
            raise invalid(
                field,
                f"in mode forward_domain it is compared with scheme, host and path; write `^{re.escape(origin)}"
                f"{line[1:]}`.",
            )
        if not is_domain and line.startswith("^http"):
            raise invalid(field, f"`{line}` is compared with the path alone; begin it with ^/.")
