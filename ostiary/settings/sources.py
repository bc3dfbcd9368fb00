"""Where values come from: a YAML file with its lines, our own variables, and ``env://`` and ``file://`` references."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_origin

import yaml
from pydantic.fields import FieldInfo

from ostiary.settings.problems import InvalidSettings, Problem, unknown_key
from ostiary.settings.tree import Section, Settings

PREFIX: Final = "OSTIARY_"
CONFIG_FILE: Final = "OSTIARY_CONFIG"

Path_ = tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """One value as somebody wrote it. ``source`` is a variable's name or a line of the file."""

    path: Path_
    value: Any
    source: str


def _leaves(section: type[Section], above: Path_) -> Iterator[tuple[Path_, FieldInfo]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _leaves(field.annotation, (*above, name))
        else:
            yield (*above, name), field


LEAVES: Final[Mapping[Path_, FieldInfo]] = dict(_leaves(Settings, ()))
SECTIONS: Final = frozenset(path[:depth] for path in LEAVES for depth in range(len(path)))


def variable(path: Path_) -> str:
    """The environment variable of a setting."""
    return PREFIX + "__".join(path).upper()


def is_list(path: Path_) -> bool:
    """Whether a setting holds a list."""
    return get_origin(LEAVES[path].annotation) is list


_SERVICE_LINK: Final = re.compile(
    r"(?:OSTIARY|AUTHENTIK)_(?:(?!.*__)[A-Z0-9_]+?_)??"
    r"(SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)


def is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes set this variable because a Service of that name exists beside us, and not a person."""
    match = _SERVICE_LINK.fullmatch(name)
    return match is not None and (match[1] != "PORT" or value.startswith(("tcp://", "udp://", "sctp://")))


def from_environment(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[Given]:
    """Our own variables. An empty one counts as not set."""
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == CONFIG_FILE or is_service_link(name, value):
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path not in LEAVES or name != name.upper():
            problems.append(unknown_key(name, name, map(variable, LEAVES)))
        elif value:
            yield Given(path, _structured(path, value, name, problems), name)


def _structured(path: Path_, text: str, source: str, problems: list[Problem]) -> Any:
    """A list may be written in YAML's flow style, as ``[{cidr: 10.0.0.0/8, kind: nginx}]``."""
    if not (is_list(path) and text.lstrip().startswith("[")):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        sentence = "The list cannot be read; write it as '[one, two]'."
        problems.append(Problem("settings.wrong_type", ".".join(path), source, sentence))
        return []


def from_file(file: Path, problems: list[Problem]) -> Iterator[Given]:
    """The values of a YAML file. Raises InvalidSettings when it cannot be read at all."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sentence = "The file cannot be read; name one that exists, is readable by this user and holds UTF-8 text."
        raise InvalidSettings([Problem("settings.file_unreadable", str(file), str(file), sentence)]) from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            yield from _from_node(loader, node, (), file, problems)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file} line {mark.line + 1}" if mark else str(file)
        sentence = "The file is not valid YAML there; write keys and values as 'web:' and, indented, 'title: Ostiary'."
        raise InvalidSettings([Problem("settings.file_invalid", str(file), where, sentence)]) from error


def _from_node(
    loader: yaml.SafeLoader, node: yaml.Node, path: Path_, file: Path, problems: list[Problem]
) -> Iterator[Given]:
    source = f"{file} line {node.start_mark.line + 1}"
    dotted = ".".join(path)
    if path in LEAVES:
        value = loader.construct_object(node, deep=True)
        if value is not None and value != "":
            yield Given(path, value, source)
        return
    if not isinstance(node, yaml.MappingNode):
        if not (isinstance(node, yaml.ScalarNode) and loader.construct_object(node) is None):
            sentence = "A section is expected here, with its keys indented below it."
            problems.append(Problem("settings.wrong_type", dotted or str(file), source, sentence))
        return
    loader.flatten_mapping(node)
    seen = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        below = (*path, key)
        where = f"{file} line {key_node.start_mark.line + 1}"
        if key in seen:
            sentence = "The key stands there twice; keep one of the two."
            problems.append(Problem("settings.duplicate_key", ".".join(below), where, sentence))
        elif below in LEAVES or below in SECTIONS:
            yield from _from_node(loader, value_node, below, file, problems)
        else:
            known = {".".join(known) for known in (*LEAVES, *SECTIONS) if known}
            problems.append(unknown_key(".".join(below), where, known))
        seen.add(key)


def resolved(given: Given, environ: Mapping[str, str], problems: list[Problem]) -> Given:
    """The value with ``env://NAME?default`` and ``file:///path?default`` replaced by what they name."""

    def follow(value: Any) -> Any:
        if isinstance(value, list):
            return [follow(item) for item in value]
        if isinstance(value, dict):
            return {key: follow(item) for key, item in value.items()}
        if not isinstance(value, str) or not value.startswith(("env://", "file://")):
            return value
        scheme, _, rest = value.partition("://")
        name, has_default, default = rest.partition("?")
        found = environ.get(name) if scheme == "env" else _content(name)
        if found is not None:
            return found
        if has_default:
            return default
        what = "that variable is not set" if scheme == "env" else "that file cannot be read"
        sentence = (
            f"{scheme}://{name} names nothing ({what}); provide it or add a default as '{scheme}://{name}?default'."
        )
        problems.append(Problem("settings.reference_missing", ".".join(given.path), given.source, sentence))
        return None

    value = follow(given.value)
    through = f" through {given.value.partition('?')[0]}" if value is not given.value and _is_text(given.value) else ""
    return Given(given.path, value, given.source + through)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _content(name: str) -> str | None:
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return None
