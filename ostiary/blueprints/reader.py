"""YAML to a tree of our own, within limits.

The parser gives its events one by one and nothing is built that was not counted first: depth, number of values, and
what aliases expand to (a few hundred bytes of aliases of aliases are gigabytes of values).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import yaml

from ostiary.blueprints.document import BlueprintInvalid, Listed, Mapped, Node, Problem, Scalar, Tag

# The parser in C is forty times faster; where it is missing the other one reads the same.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Each tag and how many arguments it takes; one argument may be a plain scalar.
TAGS: Final = {
    "KeyOf": (1, 1),
    "Find": (2, 17),
    "FindObject": (2, 17),
    "Context": (1, 2),
    "Env": (1, 2),
    "File": (1, 2),
    "Format": (1, 33),
    "If": (1, 3),
    "Condition": (2, 33),
    "Enumerate": (3, 3),
    "Value": (1, 1),
    "Index": (1, 1),
    "AtIndex": (2, 3),
    "ParseJSON": (1, 1),
}
_SCALAR_ONLY: Final = frozenset({"KeyOf", "Value", "Index", "ParseJSON"})
_SCALAR_OR_LIST: Final = frozenset({"Context", "Env", "File"})

_CORE: Final = "tag:yaml.org,2002:"
_STR, _MAP, _SEQ, _MERGE = _CORE + "str", _CORE + "map", _CORE + "seq", _CORE + "merge"
_SCALARS: Final = frozenset(_CORE + name for name in ("str", "null", "bool", "int", "float"))
_NUMBERS: Final = frozenset({_CORE + "int", _CORE + "float"})
# In base 60 their reading takes time that grows with the square, and no database takes longer ones.
_LONGEST_NUMBER: Final = 64
# Of many of these the parser's time grows with the square, and no blueprint needs one.
_DIRECTIVE: Final = re.compile(r"^%TAG", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read: bytes of a file, values in it once aliases are followed, levels."""

    size: int
    values: int
    depth: int = 64


FILES: Final = Limits(size=16 << 20, values=2_000_000)
REQUESTS: Final = Limits(size=256 << 10, values=50_000)


class Loader(_Base):  # type: ignore[misc]  # which one it is, is known when it runs
    """Scalars as YAML 1.1 reads them, but a date stays the text that it is, as in JSON."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _SCALARS or tag == _MERGE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_tree(file: str, data: bytes, limits: Limits = FILES) -> Node:
    """The tree of a file. Raises `blueprint.invalid` with its line."""
    if len(data) > limits.size:
        _stop(file, 1, f"The file is larger than {limits.size >> 10} KiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _stop(file, data.count(b"\n", 0, error.start) + 1, "The file is not UTF-8.")
    if _DIRECTIVE.search(text):
        _stop(file, 1, "%TAG directives are not read; write tags in full.")
    try:
        return _Builder(file, text, limits).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _stop(file, mark.line + 1 if mark else 1, f"This is not YAML: {error.problem or error.context}.")
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        _stop(file, text.count("\n", 0, position) + 1, "This is not YAML: it holds a character that no text may hold.")


def plain(text: str) -> bool:
    """Whether databases and JSON take this text: no NUL, no half of a surrogate pair."""
    return ("\0" not in text and text.isascii()) or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


class _Builder:
    def __init__(self, file: str, text: str, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._loader = Loader(text)
        self._events: Iterator[Any] = iter(self._loader.get_event, None)
        self._values = 0
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open: set[str] = set()

    def document(self) -> Node:
        """The one document of the file."""
        try:
            root: Node | None = None
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if root is not None:
                        self._stop(event, "There is a second document; put it into a file of its own.")
                    root = self._node(next(self._events), 1)
            if root is None:
                _stop(self._file, 1, "The file is empty.")
            return root
        finally:
            self._loader.dispose()

    def _node(self, event: Any, depth: int) -> Node:
        if depth > self._limits.depth:
            self._stop(event, f"Values are nested deeper than {self._limits.depth} levels.")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._values
        self._count(event, 1)
        if event.anchor is not None:
            self._open.add(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            node: Node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node, self._values - before
        return node

    def _alias(self, event: Any) -> Node:
        if event.anchor in self._open:
            self._stop(event, f"*{event.anchor} stands within itself.")
        if event.anchor not in self._anchors:
            self._stop(event, f"*{event.anchor} names nothing above it.")
        node, values = self._anchors[event.anchor]
        self._count(event, values)
        return node

    def _scalar(self, event: Any) -> Node:
        line = _line(event)
        if not plain(event.value):
            self._stop(event, "A text may not hold NUL or half of a surrogate pair.")
        tag = event.tag
        if tag is not None and tag.startswith("!") and tag != "!":
            name = self._tag(event)
            if name not in _SCALAR_ONLY | _SCALAR_OR_LIST:
                self._stop(event, f"!{name} takes a list.")
            return Tag(line, name, Scalar(line, event.value))
        if tag in (None, "!"):
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _MERGE:
            tag = _STR
        if tag not in _SCALARS:
            self._stop(event, f"The tag {tag} is not read.")
        if tag in _NUMBERS and len(event.value) > _LONGEST_NUMBER:
            self._stop(event, f"This cannot be read as {tag.removeprefix(_CORE)}.")
        try:
            read = getattr(self._loader, f"construct_yaml_{tag.removeprefix(_CORE)}")
            value = read(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (ValueError, KeyError, OverflowError) as error:
            raise _problem(self._file, line, f"This cannot be read as {tag.removeprefix(_CORE)}.") from error
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            self._stop(event, "A number must be finite.")
        return Scalar(line, value)

    def _sequence(self, event: Any, depth: int) -> Node:
        line = _line(event)
        name = None
        if event.tag not in (None, "!", _SEQ):
            name = self._tag(event)
            if name in _SCALAR_ONLY:
                self._stop(event, f"!{name} takes one plain value.")
        items = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        if name is None:
            return Listed(line, items)
        least, most = TAGS[name]
        if not least <= len(items) <= most or (name == "If" and len(items) == 2):
            self._stop(event, f"!{name} takes {_number(name, least, most)}, not {len(items)}.")
        return Tag(line, name, Listed(line, items))

    def _mapping(self, event: Any, depth: int) -> Node:
        if event.tag not in (None, "!", _MAP):
            name = self._tag(event)
            self._stop(event, f"!{name} does not take a mapping.")
        items: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: list[Mapped] = []
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._stop(key, "A key is a plain value.")
            if key.implicit[0] and key.value == "<<" and key.tag is None:
                merged += self._merged(key, self._node(next(self._events), depth + 1))
                continue
            found = self._scalar(key)
            if not isinstance(found, Scalar):
                self._stop(key, "A key is a plain value.")
            name = found.value if isinstance(found.value, str) else json.dumps(found.value)
            if name in items:
                self._stop(key, f"{name} stands twice, before in line {lines[name]}.")
            lines[name] = _line(key)
            items[name] = self._node(next(self._events), depth + 1)
        for one in merged:
            for name, node in one.items.items():
                if name not in items:
                    items[name], lines[name] = node, one.lines[name]
        return Mapped(_line(event), items, lines)

    def _merged(self, key: Any, node: Node) -> list[Mapped]:
        found = list(node.items) if isinstance(node, Listed) else [node]
        mappings = [one for one in found if isinstance(one, Mapped)]
        if len(mappings) != len(found):
            self._stop(key, "<< takes mappings.")
        return mappings

    def _tag(self, event: Any) -> str:
        name = str(event.tag).removeprefix("!")
        if name not in TAGS:
            self._stop(event, f"The tag {event.tag} is unknown; there are !{', !'.join(TAGS)}.")
        return name

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > self._limits.values:
            self._stop(event, f"The file holds more than {self._limits.values:,} values once aliases are followed.")

    def _stop(self, event: Any, sentence: str) -> NoReturn:
        _stop(self._file, _line(event), sentence)


def _number(name: str, least: int, most: int) -> str:
    if name == "If":
        return "1 or 3 arguments"
    if least == most:
        return f"{least} arguments"
    return f"{least} to {most} arguments"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _problem(file: str, line: int, sentence: str) -> BlueprintInvalid:
    return BlueprintInvalid([Problem(file, line, sentence)])


def _stop(file: str, line: int, sentence: str) -> NoReturn:
    raise _problem(file, line, sentence)
