"""How much work an expression can make, known before it runs.

The CEL runtime holds the interpreter lock while it evaluates, so one slow expression would stall every check of its
process. Its own budgets (10,000 loop turns, 32 levels) bound neither the size of a value nor a turn's cost: joining a
string with itself in nested loops exhausts memory, and a regular expression is compiled on every turn. So the checked
syntax tree is priced here, in steps of about 20 ns, by upper bounds of the sizes of what it reads.

The tree arrives as the bytes of a ``cel.expr.CheckedExpr`` (github.com/google/cel-spec, proto/cel/expr/checked.proto
and syntax.proto); the few fields that matter are read here, for the protobuf library is no dependency of ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ostiary.kit.errors import InvalidInput

BUDGET = 500_000
"""Steps that one evaluation may cost, about ten milliseconds."""

_TURNS = 10_000
_CHARACTERS = 64
_DEPTH = 16
_UNICODE_CLASS = 3_500  # hundreds of ranges, each compiled into the bytes of UTF-8

_CONSTANT_TIME = frozenset(
    [
        "!_",
        "-_",
        "_&&_",
        "_||_",
        "_?_:_",
        "_-_",
        "_*_",
        "_/_",
        "_%_",
        "@not_strictly_false",
        "type",
        "dyn",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getFullYear",
        "getHours",
        "getMilliseconds",
        "getMinutes",
        "getMonth",
        "getSeconds",
        "in_network",
    ]
)
_COMPARES = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "startsWith", "endsWith"})
_CONVERTS = frozenset({"size", "string", "bytes", "int", "uint", "double", "bool", "timestamp", "duration"})
_TYPES = frozenset(
    [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
    ]
)


@dataclass(frozen=True)
class Shape:
    """Upper bounds of a value: ``size`` of all of it, ``count`` of its elements, and their own shape."""

    size: int = 1
    count: int = 0
    element: Self | None = None

    @property
    def inner(self) -> "Shape":
        """What an element may be; of something untyped, anything as large as the whole."""
        return self.element or self


def text_size(characters: int) -> int:
    """The size of a string of so many characters."""
    return 1 + characters // _CHARACTERS


def text_shape(characters: int) -> Shape:
    """A string of at most so many characters."""
    return Shape(text_size(characters))


def list_shape(count: int, characters: int) -> Shape:
    """A list of at most ``count`` strings."""
    element = text_shape(characters)
    return Shape(1 + count * element.size, count, element)


def tree_shape(size: int) -> Shape:
    """A map of unknown values, ``size`` scalars and 64-character pieces in all."""
    return Shape(size, size, None)


def shape_of(value: Any) -> Shape:
    """The shape of a value at hand. Raises ValueError on nesting that no honest value has."""
    if isinstance(value, str):
        return text_shape(len(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list_shape(len(value), max(map(len, value), default=0))
    if isinstance(value, (dict, list)):
        return tree_shape(weight(value))
    return Shape()


def weight(value: Any) -> int:
    """The size of a tree: scalars and 64-character pieces. Raises ValueError on nesting that no honest value has."""
    total = 0
    level = [value]
    for _ in range(_DEPTH):
        deeper: list[Any] = []
        for item in level:
            total += 1 + (len(item) // _CHARACTERS if isinstance(item, str) else 0)
            if isinstance(item, dict):
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
        if not deeper:
            return total
        level = deeper
    raise ValueError("nested too deeply")


@dataclass(frozen=True)
class Cost:
    """What a subtree costs, and the shape of what it answers."""

    steps: int
    shape: Shape = Shape()


@dataclass(frozen=True)
class Node:
    """One expression of the tree: the field number of its kind in ``cel.expr.Expr``, and that field's bytes."""

    kind: int
    body: bytes


class Tree:
    """A checked expression. Pricing it also finds what it reads: variables, constant patterns and networks."""

    def __init__(self, checked: bytes, variables: frozenset[str]) -> None:
        expression = b""
        for number, value in _fields(_message(checked, 2)):  # the Any that wraps it
            if number == 4:
                expression = value
        self._root = _node(expression)
        self._variables = variables
        self.names: set[str] = set()
        self.patterns: set[str] = set()
        self.networks: set[str] = set()

    def steps(self, shapes: Mapping[str, Shape]) -> int:
        """The price at these sizes. Raises `expression.*` for what is not accepted at any size."""
        steps = self._cost(self._root, shapes, {}).steps
        # Each variable that is read is handed over whole, once.
        return steps + 10 * sum(shapes[name].size for name in self.names)

    def _cost(self, node: Node, shapes: Mapping[str, Shape], scope: Mapping[str, Shape]) -> Cost:
        if node.kind == 3:
            return Cost(1, _literal(node))
        if node.kind == 4:
            return self._name(_text(node.body, 1), shapes, scope)
        if node.kind == 5:
            operand = self._cost(_node(_message(node.body, 1)), shapes, scope)
            return Cost(operand.steps + 1, operand.shape.inner)
        if node.kind == 6:
            return self._call(node, shapes, scope)
        if node.kind == 7:
            items = [self._cost(_node(value), shapes, scope) for number, value in _fields(node.body) if number == 1]
            return Cost(1 + sum(item.steps for item in items), _collected([item.shape for item in items]))
        if node.kind == 8:
            return self._map(node, shapes, scope)
        if node.kind == 9:
            return self._loop(node, shapes, scope)
        raise InvalidInput(
            "expression.not_supported", "The expression uses a form that is not supported.", field="expression"
        )

    def _name(self, name: str, shapes: Mapping[str, Shape], scope: Mapping[str, Shape]) -> Cost:
        name = name.removeprefix(".")
        if name in scope:
            return Cost(1, scope[name])
        if name in self._variables:
            self.names.add(name)
            return Cost(1, shapes[name])
        if name in _TYPES:
            return Cost(1)
        raise InvalidInput(
            "expression.unknown_name", f"The expression reads `{name}`, which does not exist.", field="expression"
        )

    def _call(self, node: Node, shapes: Mapping[str, Shape], scope: Mapping[str, Shape]) -> Cost:
        function, operands = "", []
        for number, value in _fields(node.body):
            if number == 2:
                function = value.decode()
            elif number in (1, 3):
                operands.append(_node(value))
        costs = [self._cost(operand, shapes, scope) for operand in operands]
        steps = 1 + sum(cost.steps for cost in costs)
        given = [cost.shape for cost in costs]
        if function in _CONSTANT_TIME:
            if function == "in_network":
                self.networks.add(_literal_text(operands[1], "network"))
                return Cost(steps + 400)
            # A choice answers one of its branches; every other function here answers a scalar.
            return Cost(steps, _either(given[1:]) if function == "_?_:_" else Shape())
        if function in _COMPARES:
            return Cost(steps + min(given[0].size, given[1].size))
        if function in _CONVERTS:
            return Cost(steps + 1 + given[0].size * 4, Shape(given[0].size))
        if function == "_+_":
            left, right = given
            together = Shape(left.size + right.size, left.count + right.count, _either([left.inner, right.inner]))
            return Cost(steps + left.size + right.size, together)
        if function == "_[_]":
            return Cost(steps, given[0].inner)
        if function == "@in":
            each = 1 + min(given[0].size, given[1].inner.size)
            return Cost(steps + given[1].count * each)
        if function == "contains":
            return Cost(steps + 4 * given[0].size * (1 + given[1].size))
        if function == "matches":
            pattern = _literal_text(operands[1], "pattern")
            self.patterns.add(pattern)
            return Cost(steps + pattern_steps(pattern) * (1 + 3 * given[0].size))
        raise InvalidInput(
            "expression.function_unknown",
            f"The expression calls `{function}`, which is not supported.",
            field="expression",
        )

    def _map(self, node: Node, shapes: Mapping[str, Shape], scope: Mapping[str, Shape]) -> Cost:
        steps, parts = 1, []
        for number, value in _fields(node.body):
            if number == 1 and value:
                raise InvalidInput(
                    "expression.not_supported",
                    f"The expression builds a `{value.decode()}`; it may only compare values.",
                    field="expression",
                )
            if number == 2:
                for part, content in _fields(value):
                    if part in (3, 4):
                        cost = self._cost(_node(content), shapes, scope)
                        steps += cost.steps
                        parts.append(cost.shape)
        return Cost(steps, _collected(parts))

    def _loop(self, node: Node, shapes: Mapping[str, Shape], scope: Mapping[str, Shape]) -> Cost:
        part = dict(_fields(node.body))
        start = _node(part[4])
        if start.kind != 3:
            raise InvalidInput(
                "expression.not_supported",
                "The expression uses `map` or `filter`, whose cost grows with the square of the list; ask with `all`,"
                " `exists` or `exists_one` instead.",
                field="expression",
            )
        over = self._cost(_node(part[2]), shapes, scope)
        within = {**scope, part[1].decode(): over.shape.inner, part[3].decode(): Shape()}
        turn = sum(self._cost(_node(part[number]), shapes, within).steps for number in (5, 6))
        end = self._cost(_node(part[7]), shapes, {**scope, part[3].decode(): Shape()}).steps
        return Cost(over.steps + 2 + min(over.shape.count, _TURNS) * (turn + 1) + end)


def _collected(shapes: list[Shape]) -> Shape:
    return Shape(1 + sum(shape.size for shape in shapes), len(shapes), _either(shapes))


def _either(shapes: Sequence[Shape]) -> Shape:
    """A shape that bounds each of these."""
    size = max((shape.size for shape in shapes), default=1)
    lists = [shape for shape in shapes if shape.count]
    elements = [shape.element for shape in lists if shape.element]
    if len(elements) < len(lists):
        return tree_shape(size)
    return Shape(size, max((shape.count for shape in lists), default=0), _either(elements) if elements else None)


def _literal(node: Node) -> Shape:
    value = dict(_fields(node.body))
    return Shape(1 + max((len(text) // _CHARACTERS for number, text in value.items() if number in (6, 7)), default=0))


def _literal_text(node: Node, what: str) -> str:
    value = dict(_fields(node.body)) if node.kind == 3 else {}
    if 6 not in value:
        raise InvalidInput(
            "expression.not_constant",
            f"The {what} in the expression has to be written out as a constant text, so that it can be checked now.",
            field="expression",
        )
    return value[6].decode()


def pattern_steps(pattern: str) -> int:
    """The price of compiling a regular expression: its length with counted repetitions written out."""
    groups, last, i = [0], 0, 0
    while i < len(pattern):
        character = pattern[i]
        i += 1
        if character == "{" and (end := pattern.find("}", i)) > 0 and pattern[i:end].replace(",", "").isascii():
            bounds = [int(bound) for bound in pattern[i:end].split(",") if bound.isdigit()]
            if bounds:
                groups[-1] += last * max(bounds)
                last, i = last * max(bounds), end + 1
                continue
        if character == "(":
            groups.append(1)
            continue
        if character == ")" and len(groups) > 1:
            last = groups.pop()
        elif character == "\\":
            escaped = pattern[i : i + 1]
            if escaped == "Q":
                raise InvalidInput(
                    "expression.pattern_invalid",
                    "The pattern may not use \\Q; escape each character.",
                    field="expression",
                )
            last, i = (_UNICODE_CLASS if escaped in "pPX" else 2), i + 1
        elif character == "[":
            end = _class_end(pattern, i)
            inside = pattern[i:end]
            # Outside ASCII a class becomes many byte ranges; so does one that is negated.
            last = 2 + (end - i) // 3 + (10 if inside.startswith("^") else 0)
            if "\\p" in inside.lower() or not inside.isascii():
                last += _UNICODE_CLASS
            i = end
        else:
            last = 4 if character == "." else 1
        groups[-1] += last
    return 20 + 3 * sum(groups)


def _class_end(pattern: str, i: int) -> int:
    if pattern[i : i + 1] == "^":
        i += 1
    if pattern[i : i + 1] == "]":
        i += 1
    while i < len(pattern) and pattern[i] != "]":
        if pattern.startswith("[:", i) and (end := pattern.find(":]", i)) > 0:
            i = end + 2
        else:
            i += 2 if pattern[i] == "\\" else 1
    return i + 1


def _node(data: bytes) -> Node:
    for number, value in _fields(data):
        if number != 2:  # its id in the source map
            return Node(number, value)
    return Node(0, b"")


def _message(data: bytes, wanted: int) -> bytes:
    return dict(_fields(data)).get(wanted, b"")


def _text(data: bytes, wanted: int) -> str:
    return _message(data, wanted).decode()


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message in order; a number arrives as its little-endian bytes."""
    i = 0
    while i < len(data):
        tag, i = _varint(data, i)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, i = _varint(data, i)
            yield number, value.to_bytes(10, "little")
        elif wire == 2:
            length, i = _varint(data, i)
            yield number, data[i : i + length]
            i += length
        elif wire in (1, 5):
            width = 8 if wire == 1 else 4
            yield number, data[i : i + width]
            i += width
        else:
            raise ValueError("not a checked expression")


def _varint(data: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[i] & 0x7F) << shift
        shift += 7
        i += 1
        if not data[i - 1] & 0x80:
            return value, i
