"""Writes what is there as one blueprint, in an order in which it can be applied, and without any secret.

Applied where it came from it changes nothing; applied to an empty installation it makes the same again. References
are written by what people call things, never by primary keys.
"""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from sqlalchemy import select

from ostiary.blueprints.apply import seen
from ostiary.blueprints.changes import telling
from ostiary.blueprints.find import Unfindable, kind_of
from ostiary.blueprints.references import AGAIN, APART, LOST, PASSING, called, called_between, family, key_of, referred
from ostiary.directory.models import RolePermission
from ostiary.directory.permissions import Permissions
from ostiary.events.record import SYSTEM
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Caller, Kind
from ostiary.storage.session import Reading

_AT_ONCE: Final = 1_000
# What tells an object from all others of its kind on its own, the best first.
_ALONE: Final = ("slug", "username", "identifier", "name", "domain")
_HEAD: Final = """\
# What `ostiary export` found. Secrets are never written: comments say where they are left out.
version: 1
metadata:
  name: {name}
entries:
"""


@dataclass
class _Object:
    kind: Kind
    rank: int
    shown: dict[str, Any]
    key: str
    name: str = ""
    """What people call it, or what it connects."""
    id: str = ""
    identifiers: dict[str, Any] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    needs: set[str] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)


class KeyOf(str):
    """Written as ``!KeyOf``."""

    __slots__ = ()


class Find(list[Any]):
    """Written as ``!Find``."""


class Export:
    """What is there, by its kinds."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds

    async def written(
        self, r: Reading, models: Sequence[str] = (), *, only: Mapping[str, Sequence[Any]] | None = None
    ) -> str:
        """The file: all that there is, what is of these models, or ``only`` the objects of these primary keys by model.

        Raises `blueprint.model_unknown`.
        """
        objects = await self._objects(r, models or tuple(only or ()), only or {})
        await self._beside(r, objects)
        for one in objects.values():
            self._describe(one)
        named = {one.key: called(one.shown) or "" for one in [*self._others.values(), *objects.values()]}
        # Twice, for what connects may connect what connects.
        for _ in range(2):
            for key, one in objects.items():
                order = one.shown.get("order")
                between = called_between(one.shown, named) + (f" {order:06}" if isinstance(order, int) else "")
                one.name = called(one.shown) or between
                named[key] = one.name
        _identify(objects)
        parts = [_HEAD.format(name=", ".join(models) if models else "Export")]
        done: dict[str, _Object] = {}
        for one, fields, late in _in_order(objects):
            parts += self._entry(one, fields, done, late=late)
            done[one.key] = one
        for one, given in await self._permitted(r, objects):
            entry: dict[str, Any] = {"model": one.kind.words.label, "identifiers": self._identifiers(one, done)}
            entry["permissions"] = [
                {"permission": codename, "role": self._value("role", role_id, done)} for role_id, codename in given
            ]
            parts.append(_dumped(entry))
        if len(parts) == 1:
            parts.append("  []\n")
        return "".join(parts)

    async def _objects(
        self, r: Reading, models: Sequence[str], only: Mapping[str, Sequence[Any]]
    ) -> dict[str, _Object]:
        wanted = [kind for kind in self._kinds.values() if declarative(kind)]
        if models:
            wanted = []
            for label in models:
                try:
                    kind = kind_of(self._kinds, label)
                except Unfindable as error:
                    raise InvalidInput("blueprint.model_unknown", f"model: {error.sentence}", field="model") from error
                if not declarative(kind):
                    raise InvalidInput(
                        "blueprint.model_not_declarative",
                        f"model: {label} is what happened, not how things should be.",
                        field="model",
                    )
                wanted.append(kind)
        found: dict[str, _Object] = {}
        for rank, kind in enumerate(wanted):
            field_, values = PASSING.get(kind.words.label, ("", frozenset()))
            async for shown in self._shown(r, kind, only.get(kind.words.label)):
                needed = LOST.get(kind.words.label)
                if shown.get(field_) in values or (needed and all(shown[name] is None for name in needed)):
                    continue
                key = key_of(kind.words.label, shown["pk"])
                found[key] = _Object(kind, rank, shown, key)
        return found

    async def _shown(self, r: Reading, kind: Kind, keys: Sequence[Any] | None = None) -> Any:
        caller = Caller(None, "", Permissions(superuser=True), SYSTEM)
        last: Any = None
        while True:
            query = kind.every().order_by(kind.pk).limit(_AT_ONCE)
            if keys is not None:
                query = query.where(kind.pk.in_(keys))
            if last is not None:
                query = query.where(kind.pk > last)
            rows = (await r.scalars(query)).all()
            for one in await seen(r, kind, rows, caller):
                yield one
            if len(rows) < _AT_ONCE:
                return
            last = kind.pk_of(rows[-1])

    async def _beside(self, r: Reading, objects: Mapping[str, _Object]) -> None:
        """Objects that are not written and yet named."""
        self._others: dict[str, _Object] = {}
        named = {key for one in objects.values() for key in _references(one.kind, one.shown)} - objects.keys()
        for kind in sorted(self._kinds.values(), key=lambda kind: not declarative(kind)):
            if not named:
                return
            number = kind.pk.type.python_type is int
            start = f"{family(kind.words.label)} "
            keys: list[Any] = sorted(named)
            if number:
                keys = [int(key.removeprefix(start)) for key in keys if key.startswith(start)]
            for at in range(0, len(keys), _AT_ONCE):
                async for shown in self._shown(r, kind, keys[at : at + _AT_ONCE]):
                    key = key_of(kind.words.label, shown["pk"])
                    self._others[key] = other = _Object(kind, 0, shown, key)
                    _name(other)
                    named.discard(key)

    def _describe(self, one: _Object) -> None:
        left_out = AGAIN.get(one.kind.words.label, frozenset()) | one.kind.unsteady | one.kind.secrets
        fields = one.kind.declared.model_fields
        one.attrs = {name: one.shown[name] for name in fields if name in one.shown and name not in left_out}
        # Half a mapping would take the other half away where it is applied.
        one.secrets = {name: found for name, value in one.attrs.items() if (found := _secret_in(value))}
        for name in one.secrets:
            del one.attrs[name]
        one.needs = set(_references(one.kind, one.attrs))

    def _entry(self, one: _Object, fields: Sequence[str], done: Mapping[str, _Object], *, late: bool) -> Iterator[str]:
        entry: dict[str, Any] = {"model": one.kind.words.label}
        if not late:
            entry["id"] = one.id
        entry["identifiers"] = self._identifiers(one, done)
        attrs = {name: self._value(name, one.attrs[name], done) for name in fields if name not in one.identifiers}
        if attrs:
            entry["attrs"] = attrs
        yield _dumped(entry)
        if not late:
            possible = one.kind.declared.model_fields
            for name in sorted(one.kind.secrets & possible.keys()):
                yield f"    # {name} is a secret and left out\n"
            for name, secret in one.secrets.items():
                yield f"    # {name} holds a secret, {_in_comment(secret)}, and is left out\n"

    def _identifiers(self, one: _Object, done: Mapping[str, _Object]) -> dict[str, Any]:
        return {name: self._value(name, value, done) for name, value in one.identifiers.items()}

    async def _permitted(
        self, r: Reading, objects: Mapping[str, _Object]
    ) -> list[tuple[_Object, list[tuple[str, str]]]]:
        """What roles may do to single objects, for each that has any, in order."""
        found: dict[str, list[tuple[str, str]]] = {}
        query = select(RolePermission).where(RolePermission.object_pk != "")
        roles = {one.shown["pk"] for one in [*objects.values(), *self._others.values()]}
        for row in await r.scalars(query.order_by(RolePermission.codename, RolePermission.role_id)):
            kind = self._kinds.get(row.model)
            if kind is not None:
                number = kind.pk.type.python_type is int and row.object_pk.isdigit()
                key = key_of(row.model, int(row.object_pk) if number else row.object_pk)
                if key in objects and row.role_id in roles:
                    found.setdefault(key, []).append((row.role_id, row.codename))
        return [(objects[key], found[key]) for key in sorted(found, key=lambda key: _place(objects[key]))]

    def _value(self, name: str, value: Any, done: Mapping[str, _Object]) -> Any:
        if isinstance(value, list):
            written = [self._value(name, one, done) for one in value]
            # References to several are a set; in the order of their keys they would be shuffled elsewhere.
            return sorted(written, key=str) if all(isinstance(one, KeyOf | Find) for one in written) else written
        if isinstance(value, Mapping):
            return {key: self._value("", value[key], done) for key in sorted(value)}
        key = referred(name, value)
        if key is None:
            return value
        if key in done:
            return KeyOf(done[key].id)
        other = self._others.get(key)
        if other is None:
            return value
        pairs = [[n, self._value(n, v, done)] for n, v in other.identifiers.items()]
        return Find([other.kind.words.label, *pairs])


def declarative(kind: Kind) -> bool:
    """Whether such objects say how things should be, and not what happened."""
    return type(kind).create is not Kind.create and kind.words.label not in APART


def _secret_in(value: Any) -> str:
    """The name of a secret within a mapping, or nothing."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if (telling(key) and inner) or (found := _secret_in(inner)):
                return str(key) if telling(key) and inner else found
    if isinstance(value, list):
        return next(filter(None, map(_secret_in, value)), "")
    return ""


def _in_comment(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _references(kind: Kind, values: Mapping[str, Any]) -> Iterator[str]:
    for name in kind.declared.model_fields:
        value = values.get(name)
        for one in value if isinstance(value, list) else [value]:
            key = referred(name, one)
            if key is not None:
                yield key


def _name(one: _Object) -> None:
    """What finds the object again: one name where there is such, else everything that blueprints may find it by."""
    seen = [name for name in dict.fromkeys(["target", *one.kind.identifiers]) if name in one.shown]
    alone = next((name for name in _ALONE if name in seen and one.shown[name]), None)
    one.identifiers = {name: one.shown[name] for name in ([alone] if alone else seen)}


def _place(one: _Object) -> tuple[int, str, str]:
    return one.rank, one.name, one.key


def _spoken(one: _Object) -> str:
    return called(one.shown) or re.sub(r" (\d{6})$", lambda order: f" {int(order[1])}", one.name)


def _identify(objects: Mapping[str, _Object]) -> None:
    """Gives each object its identifiers and an id that no other has."""
    taken: dict[str, int] = {}
    same: dict[str, list[_Object]] = {}
    for one in sorted(objects.values(), key=_place):
        _name(one)
        same.setdefault(f"{one.kind.words.label} {one.identifiers!r}", []).append(one)
        stem = re.sub(r"[^a-z0-9.@_-]+", "-", f"{one.kind.words.model}-{_spoken(one)}".lower()).strip("-")
        taken[stem] = taken.get(stem, 0) + 1
        one.id = stem if taken[stem] == 1 else f"{stem}-{taken[stem]}"
    for group in same.values():
        for one in group[1:]:
            # Nothing that people know tells it from the other; its key does, where it came from.
            one.identifiers = {"pk": one.shown["pk"], **one.identifiers}


def _in_order(objects: Mapping[str, _Object]) -> Iterator[tuple[_Object, list[str], bool]]:
    """Each object after all that it names. Where objects name each other in a circle, the fields that close it come
    in a second entry at the end.
    """
    waits = {key: {need for need in one.needs if need in objects and need != key} for key, one in objects.items()}
    named_by: dict[str, list[str]] = {}
    for key, needs in waits.items():
        for need in needs:
            named_by.setdefault(need, []).append(key)
    ready = [_place(objects[key]) for key, needs in waits.items() if not needs]
    heapq.heapify(ready)
    late: list[tuple[_Object, list[str]]] = []
    while waits:
        key = heapq.heappop(ready)[2] if ready else min(waits, key=lambda one: _place(objects[one]))
        one, open_needs = objects[key], waits.pop(key)
        closing = [name for name in one.attrs if open_needs & set(_references(one.kind, {name: one.attrs[name]}))]
        if closing:
            late.append((one, closing))
        yield one, [name for name in one.attrs if name not in closing], False
        for other in named_by.get(key, ()):
            if other in waits:
                waits[other].discard(key)
                if not waits[other]:
                    heapq.heappush(ready, _place(objects[other]))
    for one, closing in late:
        yield one, closing, True


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, tags as tags, never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(KeyOf, lambda dumper, id_: dumper.represent_scalar("!KeyOf", str(id_)))
_Dumper.add_representer(Find, lambda dumper, parts: dumper.represent_sequence("!Find", list(parts), flow_style=True))


def _dumped(entry: Mapping[str, Any]) -> str:
    text = yaml.dump(
        entry, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1_000_000
    )
    first, *rest = text.removesuffix("\n").split("\n")
    return "".join([f"- {first}\n", *(f"  {line}\n" if line else "\n" for line in rest)])
