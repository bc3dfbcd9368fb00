"""Finds objects by what a blueprint knows of them: identifiers, the primary key, the filters of lists."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_origin

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement

from ostiary.directory.usernames import canonical
from ostiary.kit.errors import OstiaryError
from ostiary.objects.kind import Kind
from ostiary.storage.session import Reading

_INTEGERS = range(-(2**63), 2**63)


class Unfindable(Exception):
    """These identifiers cannot be looked up; ``name`` is the one at fault, if it is one."""

    def __init__(self, sentence: str, name: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.name = name


def kind_of(kinds: Mapping[str, Kind], label: str) -> Kind:
    """The kind of authentik's label. Raises Unfindable."""
    try:
        return kinds[label.lower()]
    except KeyError:
        near = get_close_matches(label.lower(), list(kinds), 1)
        meant = f"; {near[0]} is meant?" if near else "."
        raise Unfindable(f"There is no model {label}{meant}") from None


async def find(r: Reading, kind: Kind, identifiers: Mapping[str, Any]) -> Any | None:
    """The one object with these identifiers: that of the primary key if there is one, else that with all others.

    Raises Unfindable, also where several objects have them: none of those could be meant for certain.
    """
    others = {name: value for name, value in identifiers.items() if name != "pk"}
    by_pk = None
    if "pk" in identifiers:
        by_pk = await _one(r, kind, [_equals(kind.pk, "pk", identifiers["pk"])])
        if not others:
            return by_pk
    if not others:
        raise Unfindable("They are empty; name what tells the object from all others.")
    found = await _one(r, kind, [condition(kind, name, value) for name, value in others.items()])
    if by_pk is not None and found is not None and by_pk is not found:
        raise Unfindable("The primary key is of one object, and the other identifiers are of another.")
    return by_pk if by_pk is not None else found


async def _one(r: Reading, kind: Kind, conditions: list[ColumnElement[bool]]) -> Any | None:
    query = kind.every().where(*conditions).order_by(kind.pk).limit(2)
    rows = (await r.scalars(query.execution_options(populate_existing=True))).all()
    if len(rows) > 1:
        raise Unfindable(f"Several {kind.words.plural.lower()} have these; name more of what tells them apart.")
    return rows[0] if rows else None


def condition(kind: Kind, name: str, value: Any) -> ColumnElement[bool]:
    """That an object has this. Raises Unfindable."""
    if name == "pk":
        return _equals(kind.pk, name, value)
    if name in kind.identifiers:
        return _equals(kind.identifiers[name], name, value)
    one = kind.filters.get(name)
    if one is None or get_origin(one.type) is list:
        others = [key for key, it in kind.filters.items() if key in kind.whole.model_fields]
        known = dict.fromkeys(["pk", *kind.identifiers, *others])
        raise Unfindable(f"A {kind.words.name.lower()} is found by {', '.join(known)}.", name)
    try:
        return one.condition(TypeAdapter(one.type).validate_python(value))
    except ValidationError as error:
        raise Unfindable("A value of this form finds nothing.", name) from error


def _equals(column: ColumnElement[Any], name: str, value: Any) -> ColumnElement[bool]:
    wanted = column.type.python_type
    if value is None:
        return column.is_(None)
    if wanted is int and isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS:
        return column == value
    if wanted is bool and isinstance(value, bool):
        return column == value
    if wanted is str and isinstance(value, str):
        return column == (_username(value) if name == "username" else value)
    what = {int: "a number", bool: "true or false"}.get(wanted, "a text")
    raise Unfindable(f"It is {what}.", name)


def _username(text: str) -> str:
    try:
        return canonical(text)
    except OstiaryError:
        return text
