"""Computes what the tags of one blueprint stand for, when an entry's turn comes.

A failure names the line of the tag. What is computed is counted, because nested enumerations multiply.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any, Final, NoReturn

from ostiary.blueprints.document import BlueprintInvalid, Listed, Mapped, Node, Problem, Scalar, Tag
from ostiary.blueprints.reader import plain

_MOST_VALUES: Final = 4_000_000
_MOST_TEXT: Final = 64 << 20
_DEEPEST: Final = 128
_LARGEST_FILE: Final = 1 << 20
_LONGEST_FORMATTED: Final = 65_536

_CONVERSION: Final = re.compile(r"%(?:(%)|([-+ #0]*)(\d{0,3})(?:\.(\d{1,3}))?([sdifrxX]))")


@dataclass(frozen=True)
class Outside:
    """What of the world a file may read: variables (!Env) and the directory of its files (!File); None is nothing."""

    environment: Mapping[str, str] | None = None
    directory: Path | None = None


Find = Callable[[int, str, Sequence[tuple[str, Any]], bool], Awaitable[Any]]
"""Line, model, conditions, whole object or only its primary key."""


@dataclass
class Values:
    """Computes values for one blueprint. ``keys`` holds the primary keys of earlier entries by their ids."""

    file: str
    context: Mapped
    outside: Outside
    find: Find
    more_context: Mapping[str, Any] = field(default_factory=dict)
    """What stands over the file's own context."""
    keys: dict[str, Any] = field(default_factory=dict)
    current_entry: str = ""
    current_field: str = ""
    notes: list[Problem] = field(default_factory=list)
    """What is no fault and yet worth saying, such as a !Find that found nothing."""
    _values: int = 0
    _text: int = 0
    _depth: int = 0
    _loops: list[tuple[Any, ...]] = field(default_factory=list)
    _within: list[str] = field(default_factory=list)

    async def of(self, node: Node | None) -> Any:
        """The plain value of a node: what JSON can hold."""
        if node is None:
            return None
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                self.stop(node.line, f"Values are nested deeper than {_DEEPEST} levels.")
            return await self._value(node)
        finally:
            self._depth -= 1

    async def _value(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            return self._counted(node.line, node.value)
        self._counted(node.line, None)
        if isinstance(node, Listed):
            return [await self.of(item) for item in node.items]
        if isinstance(node, Mapped):
            return {key: await self.of(item) for key, item in node.items.items()}
        compute: Callable[[Tag], Awaitable[Any]] = getattr(self, f"_tag_{node.name.lower()}")
        return await compute(node)

    def stop(self, line: int, sentence: str) -> NoReturn:
        """Refuses the entry at that line."""
        raise BlueprintInvalid([Problem(self.file, line, sentence, self.current_entry, self.current_field)])

    def note(self, line: int, sentence: str) -> None:
        """Says something about the entry that is no fault."""
        self.notes.append(Problem(self.file, line, sentence, self.current_entry, self.current_field))

    def _counted(self, line: int, value: Any) -> Any:
        self._values += 1
        if isinstance(value, str):
            self._text += len(value)
        if self._values > _MOST_VALUES or self._text > _MOST_TEXT:
            self.stop(line, "What the tags expand to is too much.")
        return value

    def _weighed(self, line: int, value: Any) -> Any:
        """Counts a value that was computed before with all that it holds, for it is written out once more."""
        inner = [value]
        while inner:
            one = self._counted(line, inner.pop())
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return value

    def _from_outside(self, line: int, value: str) -> str:
        if not plain(value):
            self.stop(line, "The value holds a character that no text may hold.")
        return value

    async def _arguments(self, tag: Tag) -> list[Any]:
        return [await self.of(item) for item in _parts(tag)]

    async def _tag_keyof(self, tag: Tag) -> Any:
        id_ = _word(tag)
        if id_ not in self.keys:
            self.stop(tag.line, f"!KeyOf {id_}: no entry above this one has that id and an object.")
        return self.keys[id_]

    async def _tag_env(self, tag: Tag) -> Any:
        name, *default = await self._arguments(tag)
        if self.outside.environment is None:
            self.stop(tag.line, "!Env is read at the command line only: here it would show what the server keeps.")
        value = self.outside.environment.get(str(name))
        if value:
            return self._from_outside(tag.line, value)
        if not default:
            self.note(tag.line, f"!Env {name}: the variable is not set, so this is null.")
            return None
        return default[0]

    async def _tag_file(self, tag: Tag) -> Any:
        name, *default = await self._arguments(tag)
        if self.outside.directory is None:
            self.stop(tag.line, "!File is read for files at the command line only.")
        directory = self.outside.directory.resolve()
        try:
            path = (directory / str(name)).resolve()
            if not path.is_relative_to(directory):
                self.stop(tag.line, f"!File {name}: it is outside of the blueprint's directory.")
            with path.open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
        except (OSError, ValueError):
            if not default:
                self.note(tag.line, f"!File {name}: it cannot be read, so this is null.")
                return None
            return default[0]
        if len(data) > _LARGEST_FILE:
            self.stop(tag.line, f"!File {name}: it is larger than {_LARGEST_FILE >> 10} KiB.")
        try:
            return self._counted(tag.line, self._from_outside(tag.line, data.decode().strip()))
        except UnicodeDecodeError:
            self.stop(tag.line, f"!File {name}: it is not UTF-8.")

    async def _tag_context(self, tag: Tag) -> Any:
        key, *default = _parts(tag)
        name = str(await self.of(key))
        if name in self.more_context:
            # Counted like everything else, for it may be enumerated.
            return self._weighed(tag.line, self.more_context[name])
        if name not in self.context.items:
            if not default:
                self.note(tag.line, f"!Context {name}: it is not given, so this is null.")
                return None
            return await self.of(default[0])
        if name in self._within:
            self.stop(tag.line, f"!Context {name}: it is made of itself.")
        self._within.append(name)
        try:
            return await self.of(self.context.items[name])
        finally:
            self._within.pop()

    async def _tag_parsejson(self, tag: Tag) -> Any:
        try:
            value = json.loads(_word(tag), parse_constant=_refuse)
        except (ValueError, RecursionError):
            self.stop(tag.line, "!ParseJSON: this is not JSON.")
        return await self.of(_tree(tag.line, value, self, 0))

    async def _tag_format(self, tag: Tag) -> Any:
        pattern, *arguments = await self._arguments(tag)
        if not isinstance(pattern, str):
            self.stop(tag.line, "!Format: the first argument is the text with its %s.")
        rest = iter(arguments)
        written: list[str] = []
        at = 0
        for found in _CONVERSION.finditer(pattern):
            written += [pattern[at : found.start()], self._converted(tag, found, rest)]
            at = found.end()
            if "%" in written[-2]:
                break
        written.append(pattern[at:])
        if any("%" in text for text in written[::2]):
            self.stop(tag.line, "!Format: the text holds a % that is neither %% nor %s, %d, %f, %x or %r.")
        if next(rest, self) is not self:
            self.stop(tag.line, "!Format: there are more arguments than %s in the text.")
        text = "".join(written)
        if len(text) > _LONGEST_FORMATTED:
            self.stop(tag.line, "!Format: the text becomes too long.")
        return self._counted(tag.line, text)

    def _converted(self, tag: Tag, found: re.Match[str], rest: Iterator[Any]) -> str:
        if found[1]:
            return "%"
        value = next(rest, self)
        if value is self:
            self.stop(tag.line, "!Format: there are fewer arguments than %s in the text.")
        try:
            return str(found[0] % (value,))
        except (TypeError, ValueError, OverflowError):
            self.stop(tag.line, f"!Format: {found[0]} does not take this value.")

    async def _tag_find(self, tag: Tag) -> Any:
        return await self._found(tag, whole=False)

    async def _tag_findobject(self, tag: Tag) -> Any:
        return await self._found(tag, whole=True)

    async def _found(self, tag: Tag, *, whole: bool) -> Any:
        model, *pairs = await self._arguments(tag)
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            self.stop(tag.line, f"!{tag.name}: after the model come pairs such as [name, staff].")
        value = await self.find(tag.line, str(model), [(str(name), wanted) for name, wanted in pairs], whole)
        if value is None:
            wanted = ", ".join(f"{name} {value}" for name, value in pairs)
            self.note(tag.line, f"!{tag.name}: there is no {model} with {wanted}, so this is null.")
        return value

    async def _tag_condition(self, tag: Tag) -> Any:
        mode, *arguments = await self._arguments(tag)
        modes: dict[str, Callable[[list[bool]], bool]] = {"AND": all, "OR": any, "XOR": lambda some: reduce(xor, some)}
        name = str(mode).upper()
        negated = name in ("NAND", "NOR", "XNOR")
        plain_name = {"NAND": "AND", "NOR": "OR", "XNOR": "XOR"}.get(name, name)
        if plain_name not in modes:
            self.stop(tag.line, f"!Condition: {mode} is none of AND, NAND, OR, NOR, XOR, XNOR.")
        return modes[plain_name]([bool(one) for one in arguments]) is not negated

    async def _tag_if(self, tag: Tag) -> Any:
        condition, *branches = _parts(tag)
        answer = bool(await self.of(condition))
        # Only the branch that is meant is computed: the other may name what does not exist.
        return await self.of(branches[0 if answer else 1]) if branches else answer

    async def _tag_enumerate(self, tag: Tag) -> Any:
        iterable, kind, body = _parts(tag)
        if isinstance(iterable, Tag) and iterable.name in ("Value", "Index") and _word(iterable) == "0":
            self.stop(tag.line, "!Enumerate: depth 0 is this tag itself; write a depth above 0.")
        with self._loop():
            over = await self.of(iterable)
            output = str(await self.of(kind)).upper()
            if isinstance(over, Mapping):
                pairs: list[tuple[Any, Any]] = list(over.items())
            elif isinstance(over, list | str):
                pairs = list(enumerate(over))
            else:
                self.stop(tag.line, "!Enumerate: the first argument is a list, a mapping or a text.")
            if output not in ("SEQ", "MAP"):
                self.stop(tag.line, "!Enumerate: the second argument is SEQ or MAP.")
            made: list[Any] = []
            for pair in pairs:
                self._loops[-1] = pair
                made.append(await self.of(body))
        return made if output == "SEQ" else self._mapping(tag, made)

    def _mapping(self, tag: Tag, made: list[Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for one in made:
            if isinstance(one, list) and len(one) == 2:
                items = {one[0] if isinstance(one[0], str) else json.dumps(one[0]): one[1]}
            elif isinstance(one, dict):
                items = one
            else:
                self.stop(tag.line, "!Enumerate: for MAP each item is a pair of key and value, or a mapping.")
            for key, value in items.items():
                result[key] = merge(result[key], value) if key in result else value
        return result

    @contextmanager
    def _loop(self) -> Iterator[None]:
        self._loops.append(())
        try:
            yield
        finally:
            self._loops.pop()

    def _item(self, tag: Tag, which: int) -> Any:
        text = _word(tag)
        if not text.isascii() or not text.isdigit() or len(text) > 3:
            self.stop(tag.line, f"!{tag.name}: write a depth, 0 for the innermost !Enumerate.")
        if int(text) >= len(self._loops):
            self.stop(tag.line, f"!{tag.name}: there is no !Enumerate around it at depth {text}.")
        item = self._loops[-1 - int(text)]
        if not item:
            self.stop(tag.line, f"!{tag.name}: the !Enumerate at depth {text} has no item yet.")
        return self._weighed(tag.line, item[which])

    async def _tag_index(self, tag: Tag) -> Any:
        return self._item(tag, 0)

    async def _tag_value(self, tag: Tag) -> Any:
        return self._item(tag, 1)

    async def _tag_atindex(self, tag: Tag) -> Any:
        holder, place, *default = await self._arguments(tag)
        if isinstance(holder, list) and isinstance(place, int) and not isinstance(place, bool):
            if -len(holder) <= place < len(holder):
                return holder[place]
        elif isinstance(holder, dict):
            key = place if isinstance(place, str) else json.dumps(place)
            if key in holder:
                return holder[key]
        elif holder is not None and not isinstance(holder, list):
            self.stop(tag.line, "!AtIndex: the first argument is a list or a mapping.")
        if not default:
            self.stop(tag.line, f"!AtIndex: there is nothing at {json.dumps(place)}.")
        return default[0]


def merge(below: Any, above: Any) -> Any:
    """Both mappings as one: inner mappings merge, lists are joined, of everything else the second wins."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: merge(below[key], value) if key in below else value for key, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list):
        return below + above
    return above


def _parts(tag: Tag) -> Sequence[Node]:
    return tag.argument.items if isinstance(tag.argument, Listed) else [tag.argument]


def _word(tag: Tag) -> str:
    return str(tag.argument.value) if isinstance(tag.argument, Scalar) else ""


def _tree(line: int, value: Any, values: Values, depth: int) -> Node:
    if depth > _DEEPEST:
        values.stop(line, f"Values are nested deeper than {_DEEPEST} levels.")
    if isinstance(value, dict):
        if not all(map(plain, value)):
            values.stop(line, "!ParseJSON: a key holds a character that no text may hold.")
        items = {key: _tree(line, one, values, depth + 1) for key, one in value.items()}
        return Mapped(line, items, dict.fromkeys(items, line))
    if isinstance(value, list):
        return Listed(line, [_tree(line, one, values, depth + 1) for one in value])
    if isinstance(value, str) and not plain(value):
        values.stop(line, "!ParseJSON: a text holds a character that no text may hold.")
    return Scalar(line, value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
