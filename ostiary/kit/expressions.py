"""Expressions that administrators write, in CEL (github.com/google/cel-spec), checked when saved and bounded when run.

A compiled expression is immutable and may be used by several threads at once. The runtime reports failure as a value
that is *truthy*, so the only answers that exist here are exactly true or exactly false, or texts of an expression that
is for texts, and `Failed`.
"""

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cel_expr_python import cel

from ostiary.kit.errors import InvalidInput
from ostiary.kit.expression_cost import (
    BUDGET,
    Shape,
    Tree,
    list_shape,
    shape_of,
    text_shape,
    text_size,
    tree_shape,
    weight,
)

LONGEST = 2_000
"""Characters of an expression."""

# What a variable of each type is expected to hold at most. A larger value is priced anew when it comes.
_EXPECTED: Mapping[str, Shape] = {
    "bool": Shape(),
    "int": Shape(),
    "timestamp": Shape(),
    "string": text_shape(256),
    "list<string>": list_shape(200, 63),
    "map<string,dyn>": tree_shape(256),
}
_COMPILER_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_PYTHON = re.compile(r"^\s*(return|import|from|def|if|for|with|try|raise)\b|\bak_\w+\s*\(|\b(lambda|not|and|or)\b\s")
_BOOL = cel.Type.BOOL
_UNKNOWN_NAME = re.compile(r"undeclared reference to '([^']+)'")


class Failed(Exception):
    """An evaluation that gave no answer of the wanted kind. ``reason`` may quote the expression and personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Vocabulary:
    """The variables an expression may read: dotted names and their CEL types; which change by the request."""

    types: Mapping[str, str]
    volatile: tuple[str, ...] = ("now", "request.")


class _Compiled:
    """A compiled expression, whatever it answers."""

    def __init__(self, text: str, compiled: Any, tree: Tree, expected: Mapping[str, Shape], volatile: bool) -> None:
        self.text = text
        self.volatile = volatile
        self._compiled = compiled
        self._tree = tree
        self._expected = {name: expected[name] for name in tree.names}

    @property
    def reads(self) -> frozenset[str]:
        """The variables that it reads."""
        return frozenset(self._expected)

    def _answer(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """(CEL type, value) of what it answers, which may be an error; raises `Failed` if it answers nothing."""
        try:
            read = {name: values[name] for name in self._expected}
            self._afford(read)
            result = self._compiled.eval(data=read)
            kind, value = result.type(), result.value()
        except Failed:
            raise
        # The runtime raises RuntimeError, MemoryError and its own kinds; none of them may become an answer.
        except Exception as error:
            raise Failed(f"{type(error).__name__}: {error}") from error
        return kind, value

    def _afford(self, values: Mapping[str, Any]) -> None:
        """Prices the expression again if a value is larger than what it was accepted for."""
        for name, value in values.items():
            if not _fits(value, self._expected[name]):
                break
        else:
            return
        shapes = {name: shape_of(value) for name, value in values.items()}
        if self._tree.steps({**self._expected, **shapes}) > BUDGET:
            raise Failed("it would take too long with this much data")


class Expression(_Compiled):
    """A compiled expression that answers yes or no. Make one with `Compiler.compile`."""

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """True or false; raises `Failed` for everything else."""
        kind, value = self._answer(values)
        if kind == _BOOL:
            if value is True:
                return True
            if value is False:
                return False
            raise Failed("it answered neither true nor false")
        raise _wrong(kind, value, "true or false")

    def allows(self, **values: Any) -> bool:
        """True only if the expression answers exactly true."""
        try:
            return self.evaluate(values)
        except Failed:
            return False


class TextExpression(_Compiled):
    """A compiled expression that answers a text or a list of texts. Make one with `Compiler.compile_text`."""

    def evaluate(self, values: Mapping[str, Any]) -> str | tuple[str, ...]:
        """The text or texts; raises `Failed` for everything else, null too."""
        kind, value = self._answer(values)
        if kind == cel.Type.STRING and isinstance(value, str):
            return value
        if isinstance(value, list):
            # Elements arrive as accessors, which have a type and a value of their own.
            texts = [item.value() for item in value if item.type() == cel.Type.STRING]
            if len(texts) == len(value) and all(isinstance(text, str) for text in texts):
                return tuple(texts)
            raise Failed("it answered a list that holds something else than texts")
        raise _wrong(kind, value, "a text or a list of texts")


def _wrong(kind: Any, value: Any, wanted: str) -> Failed:
    return Failed(str(value) if kind == cel.Type.ERROR else f"it answered a {kind.name().lower()}, not {wanted}")


def _fits(value: Any, expected: Shape) -> bool:
    # Texts, attributes and single values are what most expressions read, on every check: no shape is made for them.
    if isinstance(value, str):
        return text_size(len(value)) <= expected.size
    if isinstance(value, dict):
        return weight(value) <= min(expected.size, expected.count)
    return isinstance(value, int | datetime) or _within(shape_of(value), expected)


def _within(actual: Shape, expected: Shape) -> bool:
    return (
        actual.size <= expected.size
        and actual.count <= expected.count
        and (actual.element is None or expected.element is None or _within(actual.element, expected.element))
    )


class Compiler:
    """Compiles expressions over one vocabulary; making one costs a millisecond, so it is kept."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._expected = {name: _EXPECTED[kind] for name, kind in vocabulary.types.items()}
        in_network = cel.Overload(
            "in_network(string,string)",
            return_type=cel.Type.BOOL,
            parameters=[cel.Type.STRING, cel.Type.STRING],
            impl=_in_network,
        )
        self._env = cel.NewEnv(
            variables={name: cel.Type(kind) for name, kind in vocabulary.types.items()},
            functions=[cel.FunctionDecl("in_network", [in_network])],
        )

    def compile(self, text: str) -> Expression:
        """An expression that answers yes or no. Raises `expression.*` with the place and what would be right."""
        compiled = self._checked(text, "`user.email.endsWith('@example.com')`")
        kind = compiled.return_type()
        if kind != cel.Type.BOOL:
            raise _refusal(
                "not_bool",
                f"The expression answers a {kind.name().lower()}, not true or false; compare it, as in"
                " `user.attributes.level == 3`.",
            )
        return Expression(*self._parts(text, compiled))

    def compile_text(self, text: str) -> TextExpression:
        """An expression that answers a text or a list of texts. Raises `expression.*` likewise.

        What an attribute holds shows only when it is read; if that is no text, the evaluation fails.
        """
        compiled = self._checked(text, "`user.attributes.team`")
        kind = compiled.return_type()
        if kind.name() not in ("STRING", "LIST<STRING>", "DYN", "LIST<DYN>"):
            raise _refusal(
                "not_text",
                f"The expression answers a {kind.name().lower()}, not a text or a list of texts; convert it, as in"
                " `string(user.id)`.",
            )
        return TextExpression(*self._parts(text, compiled))

    def _checked(self, text: str, example: str) -> Any:
        if not text.strip():
            raise _refusal("empty", f"An expression is needed, such as {example}.")
        if len(text) > LONGEST:
            raise _refusal("too_long", f"The expression has {len(text)} characters; at most {LONGEST} are accepted.")
        if not text.isprintable() and any(not (c.isprintable() or c in "\r\n\t") for c in text):
            raise _refusal("not_printable", "The expression holds characters that cannot be seen; type it anew.")
        try:
            return self._env.compile(text)
        # The compiler knows one exception for all it dislikes.
        except Exception as error:
            if _PYTHON.search(text):
                raise _refusal(
                    "not_cel",
                    "This looks like Python; what is needed here is one CEL expression, such as `'staff' in user.groups"
                    " && user.attributes.level > 2`.",
                ) from error
            raise self._explained(str(error)) from error

    def _parts(self, text: str, compiled: Any) -> tuple[str, Any, Tree, Mapping[str, Shape], bool]:
        """What a compiled expression is made of, priced. Raises `expression.*`."""
        tree = Tree(compiled.serialize(), frozenset(self._vocabulary.types))
        if tree.steps(self._expected) > BUDGET:
            raise _refusal(
                "too_costly",
                "The expression could take too long; nest fewer `all` and `exists`, shorten patterns, join less.",
            )
        for pattern in tree.patterns:
            self._check_pattern(pattern)
        for network in tree.networks:
            _check_network(network)
        volatile = any(name.startswith(self._vocabulary.volatile) for name in tree.names)
        return text, compiled, tree, self._expected, volatile

    def _check_pattern(self, pattern: str) -> None:
        try:
            answer = self._env.compile(f"''.matches({_quoted(pattern)})").eval(data={})
        except Exception as error:
            raise _refusal("pattern_invalid", f"The pattern `{pattern}` is not a regular expression.") from error
        if answer.type() != cel.Type.BOOL:
            raise _refusal("pattern_invalid", f"The pattern `{pattern}` is not a regular expression (RE2).")

    def _explained(self, report: str) -> InvalidInput:
        found = _COMPILER_ERROR.search(report)
        if found is None or found[1] == "-1":
            return _refusal("too_deep", "The expression is nested too deeply; at most 32 levels are accepted.")
        place = f"line {found[1]}, column {found[2]}"
        unknown = _UNKNOWN_NAME.search(found[3])
        if unknown:
            names = sorted(self._vocabulary.types)
            near = difflib.get_close_matches(unknown[1], names, n=1)
            advice = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(names)}."
            return _refusal(
                "unknown_name", f"The expression reads `{unknown[1]}` ({place}), which does not exist; {advice}"
            )
        if found[3].startswith("Syntax error"):
            return _refusal("syntax", f"The expression cannot be read at {place}: {_short(found[3][14:])}.")
        if "no matching overload" in found[3]:
            return _refusal("type_mismatch", f"The expression mixes types at {place}: {_short(found[3])}.")
        return _refusal("invalid", f"The expression is refused at {place}: {_short(found[3])}.")


def _in_network(address: str, network: str) -> bool:
    known = ipaddress.ip_address(address)
    # An IPv4 visitor of a socket that takes both families arrives as ::ffff:a.b.c.d.
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped:
        known = known.ipv4_mapped
    return known in ipaddress.ip_network(network)


def _check_network(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise _refusal(
            "network_invalid", f"`{network}` is not a network; write it such as 10.0.0.0/8 or 2001:db8::/32."
        ) from error


def _quoted(text: str) -> str:
    return "'" + "".join(f"\\U{ord(c):08x}" for c in text) + "'"


def _short(text: str) -> str:
    return text.split(" expecting ", maxsplit=1)[0].split(" (in container", maxsplit=1)[0].strip().rstrip(".")[:200]


def _refusal(reason: str, sentence: str) -> InvalidInput:
    return InvalidInput(f"expression.{reason}", sentence, field="expression")
