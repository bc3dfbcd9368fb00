"""Reads the settings. The later in this list wins: defaults, authentik's variables, a YAML file, our variables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ostiary.settings import aliases, sources
from ostiary.settings.problems import InvalidSettings, Problem, unknown_key
from ostiary.settings.sources import LEAVES, Given
from ostiary.settings.tree import Settings, TrustedProxy, is_secret


@dataclass(frozen=True)
class Loaded:
    """The effective tree, the source of each value by its dotted name, and sentences worth a warning."""

    settings: Settings
    sources: dict[str, str]
    warnings: list[str]


def load(file: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Reads everything, then reports all that is wrong at once.

    Raises InvalidSettings; each problem has a `settings.*` code, and none shows a secret.
    """
    problems: list[Problem] = []
    warnings: list[str] = []
    given: dict[tuple[str, ...], Given] = {}
    for group in aliases.from_environment(environ, problems, warnings):
        parts = [sources.resolved(part, environ, problems) for part in group]
        given[parts[0].path] = parts[0] if len(parts) == 1 and parts[0].path != ("database", "url") else _joined(parts)
    own = (sources.from_file(file, problems) if file else (), sources.from_environment(environ, problems))
    for one in own:
        for written in one:
            given[written.path] = sources.resolved(written, environ, problems)
    refused = {problem.field for problem in problems}
    settings = _validated([one for one in given.values() if ".".join(one.path) not in refused], problems)
    if settings is None or problems:
        raise InvalidSettings(problems)
    if settings.database.url.startswith("postgresql:") and not settings.secret_key:
        warnings.append(
            "secret_key is not set: the one that is made here is known to this machine alone; set it before a second "
            "server uses this PostgreSQL database."
        )
    named = {".".join(path): given[path].source if path in given else "default" for path in LEAVES}
    return Loaded(settings, named, warnings)


def _joined(parts: list[Given]) -> Given:
    """authentik's parts of the database's address as one URL."""
    by_name = {part.source.partition(" ")[0].rpartition("__")[2]: part.value for part in parts}
    return Given(("database", "url"), aliases.postgresql_url(by_name), "AUTHENTIK_POSTGRESQL__…")


def _validated(given: Iterable[Given], problems: list[Problem]) -> Settings | None:
    tree: dict[str, Any] = {}
    written = {}
    for one in given:
        branch = tree
        for section in one.path[:-1]:
            branch = branch.setdefault(section, {})
        branch[one.path[-1]] = one.value
        written[one.path] = one
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        problems += [_problem(detail, written) for detail in error.errors(include_url=False)]
        return None


def _problem(detail: ErrorDetails, written: Mapping[tuple[str, ...], Given]) -> Problem:
    where = detail["loc"]
    path = tuple(part for part in where if isinstance(part, str))
    while path and path not in LEAVES and path not in sources.SECTIONS:
        path = path[:-1]
    field = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    origin = " and ".join(one.source for key, one in written.items() if key[: len(path)] == path)
    if detail["type"] == "extra_forbidden":
        return unknown_key(field, origin, TrustedProxy.model_fields)
    code, sentence = _sentence(detail, path)
    return Problem(f"settings.{code}", field, origin or "default", sentence)


def _sentence(detail: ErrorDetails, path: tuple[str, ...]) -> tuple[str, str]:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if "sentence" in context:
        return kind, context["sentence"]
    value = "The value" if path in LEAVES and is_secret(LEAVES[path]) else repr(detail["input"])
    if kind.startswith("int_"):
        return "not_a_number", f"{value} is not a whole number{_example(path)}."
    if kind == "literal_error":
        return "not_one_of", f"{value} is none of those known here; write {context['expected']}."
    if kind in ("greater_than_equal", "less_than_equal", "string_too_short", "string_too_long"):
        low, high = _bounds(path)
        what = "characters long" if kind.startswith("string") else "a whole number"
        return "out_of_range", f"{value} lies outside what is allowed; it must be {what} between {low} and {high}."
    if kind == "missing":
        return "missing", f"The key {detail['loc'][-1]!r} is missing; add it."
    if kind == "list_type":
        return "wrong_type", f"{value} is not a list; write '[one, two]'."
    if kind == "string_type":
        return "wrong_type", f"{value} is not text; write it in quotes."
    return "wrong_type", f"{value} has another shape than this setting{_example(path)}."


def _example(path: tuple[str, ...]) -> str:
    default = LEAVES[path].default if path in LEAVES else None
    return f"; write for example {default}" if default not in (None, "", []) else ""


def _bounds(path: tuple[str, ...]) -> tuple[Any, Any]:
    low: Any = 0
    high: Any = 0
    for limit in LEAVES[path].metadata:
        match limit:
            case Ge(ge=least) | MinLen(min_length=least):
                low = least
            case Le(le=most) | MaxLen(max_length=most):
                high = most
            case _:
                pass
    return low, high
