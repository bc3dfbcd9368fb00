"""What a file holds: a tree that knows its lines, and the entries that a blueprint is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.kit.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, boolean or null."""

    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class Listed:
    """A YAML sequence."""

    line: int
    items: Sequence["Node"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A YAML mapping; keys are texts, as in JSON. ``lines`` says where each key stands."""

    line: int
    items: Mapping[str, "Node"]
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tag:
    """A value to be computed when the entry's turn comes, such as ``!Find``."""

    line: int
    name: str
    argument: "Scalar | Listed"


Node = Scalar | Listed | Mapped | Tag


@dataclass(frozen=True, slots=True)
class Permission:
    """What a role may do to the entry's object."""

    line: int
    permission: Node
    user: Node | None
    role: Node | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object and how it should be."""

    line: int
    number: int
    """Its place in the file, from 1."""
    id: str | None
    model: Node
    state: Node | None
    conditions: Node | None
    identifiers: Node | None
    attrs: Node | None
    permissions: Sequence[Permission]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A file that was read. ``name`` is its metadata's, else None."""

    file: str
    name: str | None
    labels: Mapping[str, str]
    context: Mapped
    entries: Sequence[Entry]
    hash: str
    """SHA-512 of its bytes, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: ``sentence`` ends with a full stop."""

    file: str
    line: int
    sentence: str
    entry: str = ""
    field: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.entry, self.field) if part)
        return f"{self.file}:{self.line}: {where + ': ' if where else ''}{self.sentence}"


class BlueprintInvalid(InvalidInput):
    """A file that cannot be applied, with everything that was found wrong with it."""

    def __init__(self, problems: Sequence[Problem], *, code: str = "blueprint.invalid") -> None:
        super().__init__(code, "\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
