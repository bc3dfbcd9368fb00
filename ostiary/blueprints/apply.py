"""Makes objects as entries say, within one open transaction, and tells what that changed.

The difference that is told is the one between what was shown before and after: rooms tidy what they store, and a value
that comes out as it was is no change, however it was written.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from sqlalchemy.exc import IntegrityError

from ostiary.blueprints.changes import CHANGE, CREATE, DELETE, MASKED, NOTHING, Change, FieldChange, differences, masked
from ostiary.blueprints.document import Blueprint, BlueprintInvalid, Entry, Mapped, Problem
from ostiary.blueprints.entries import STATES
from ostiary.blueprints.find import Unfindable, condition, find, kind_of
from ostiary.blueprints.references import NUMBERED, UUID, called, called_between, family, key_of, referred
from ostiary.blueprints.values import Outside, Values, merge
from ostiary.kit.errors import OstiaryError, Unavailable
from ostiary.objects.kind import Caller, Fields, Kind, patched
from ostiary.storage.session import Reading, Writing

Permit = Callable[[str, str, str], Awaitable[bool]]
"""Gives a role (its id) a permission for the object of a primary key; False if the role had it."""

META_APPLY: Final = "authentik_blueprints.metaapplyblueprint"

# Of more references a person reads the keys.
_MOST_NAMES: Final = 500


@dataclass(frozen=True)
class Source:
    """A blueprint with what it may read of the world."""

    blueprint: Blueprint
    outside: Outside = field(default_factory=Outside)
    context: Mapping[str, Any] = field(default_factory=dict)
    """What stands over its own context."""
    instance: str = ""
    """The name by which it is kept, if it is."""


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that an entry was about. ``kept`` says whether the next run would set it back."""

    model: str
    pk: str
    kept: bool
    made: bool


@dataclass
class Outcome:
    """What a run did, or would do."""

    changes: list[Change] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    unchanged: int = 0
    names: dict[str, str] = field(default_factory=dict)
    """What objects are called that were touched or are named in a change, by `references.key_of`."""
    touched: list[list[Touched]] = field(default_factory=list)
    """For each source in turn."""


async def seen(r: Reading, kind: Kind, rows: Sequence[Any], caller: Caller) -> list[dict[str, Any]]:
    """The objects as JSON shows them, with what a blueprint may set beyond that."""
    if not rows:
        return []
    shown = await kind.read(r, rows, caller, dict.fromkeys(kind.flags, False))
    more = await kind.unshown(r, rows)
    return [
        # Brands call their primary key otherwise.
        {"pk": kind.pk_of(row), **_json(kind.whole(**one), whole=True), **also}
        for row, one, also in zip(rows, shown, more, strict=True)
    ]


class _Same(Exception):
    """Undoes an update that changed nothing, with the event that it wrote."""


class Applier:
    """One run over any number of sources. ``known`` says whether a blueprint of that name or path was applied."""

    def __init__(
        self,
        w: Writing,
        kinds: Mapping[str, Kind],
        caller: Caller,
        *,
        known: Callable[[str], bool],
        permit: Permit,
    ) -> None:
        self._w = w
        self._kinds = kinds
        self._caller = caller
        self._known = known
        self._permit = permit
        self.outcome = Outcome()

    async def run(self, sources: Sequence[Source]) -> Outcome:
        """Applies each in turn. Raises `blueprint.invalid` and what verbs raise, named by file, line and entry."""
        for source in sources:
            run = _Run(self._w, self._kinds, self._caller, source, self.outcome)
            run.known, run.permit = self._known, self._permit
            await run.all()
        await self._name_references()
        return self.outcome

    async def _name_references(self) -> None:
        """Looks up what other objects are called that changes name by their primary keys."""
        wanted: set[str] = set()
        for change in self.outcome.changes:
            for one in change.fields:
                for value in (one.old, one.new):
                    found = [referred(one.name, item) for item in (value if isinstance(value, list) else [value])]
                    wanted.update(key for key in found if key is not None)
        names = self.outcome.names
        for kind in self._kinds.values():
            missing = [key for key in wanted if key not in names][:_MOST_NAMES]
            number = kind.pk.type.python_type is int
            start = f"{family(kind.words.label)} "
            keys: list[Any] = [key for key in missing if UUID.fullmatch(key)]
            if number:
                keys = [int(key.removeprefix(start)) for key in missing if key.startswith(start)]
            if not keys:
                continue
            rows = (await self._w.scalars(kind.every().where(kind.pk.in_(keys)))).all()
            for one_shown in await seen(self._w, kind, rows, self._caller):
                pk = one_shown["pk"]
                names.setdefault(key_of(kind.words.label, pk), called(one_shown) or str(pk))


class _Run:
    """One source."""

    known: Callable[[str], bool]
    permit: Permit

    def __init__(self, w: Writing, kinds: Mapping[str, Kind], caller: Caller, source: Source, outcome: Outcome) -> None:
        self._w = w
        self._kinds = kinds
        self._caller = caller
        self._blueprint = source.blueprint
        self._outcome = outcome
        self._touched: list[Touched] = []
        self._moved: dict[tuple[str, Any], Any] = {}
        self._key: Any = None
        self._models: dict[str, type[Fields]] = {}
        context = {
            "goauthentik.io/enterprise/licensed": False,
            "goauthentik.io/rbac/models": {kind.words.model: kind.words.app for kind in kinds.values()},
        }
        below = {name: value for name, value in context.items() if name not in source.blueprint.context.items}
        self._values = Values(
            file=source.blueprint.file,
            context=source.blueprint.context,
            outside=source.outside,
            find=self._find_for_tag,
            more_context={**below, **source.context},
        )

    async def all(self) -> None:
        self._outcome.touched.append(self._touched)
        for entry in self._blueprint.entries:
            await self._entry(entry)
        self._outcome.notes += self._values.notes

    async def _entry(self, entry: Entry) -> None:
        values = self._values
        named = f" {entry.id}" if entry.id else ""
        values.current_entry = f"entry {entry.number}{named}"
        conditions = await self._field(entry, "conditions")
        if not all(conditions or ()):
            return
        label = str(await self._field(entry, "model")).lower()
        values.current_entry = f"entry {entry.number} ({label}{named})"
        if label == META_APPLY:
            await self._apply_other(entry)
            return
        try:
            kind = kind_of(self._kinds, label)
        except Unfindable as error:
            values.current_field = "model"
            values.stop(entry.model.line, error.sentence)
        state = await self._field(entry, "state") or "present"
        if state not in STATES:
            values.current_field = "state"
            values.stop(entry.state.line if entry.state else entry.line, f"It is one of {', '.join(STATES)}.")
        identifiers = self._with_moved(await self._mapping(entry, "identifiers"))
        try:
            row = await find(self._w, kind, identifiers)
        except Unfindable as error:
            self._stop(entry, f"identifiers.{error.name}".rstrip("."), error.sentence)
        if state == "absent":
            await self._absent(entry, kind, row)
        elif row is not None and state == "must_created":
            self._stop(entry, "state", "It exists already, and must_created makes it new or not at all.")
        elif row is None or state == "present":
            attrs = self._with_moved(await self._mapping(entry, "attrs"))
            await self._present(entry, kind, row, identifiers, attrs, kept=state == "present")
        else:
            shown = await self._shown(kind, row)
            self._done(entry, kind, row, shown, kept=False, made=False)
            self._outcome.unchanged += 1
        if state != "absent":
            self._move(kind, identifiers, self._key)
        values.current_entry = ""

    async def _field(self, entry: Entry, name: str) -> Any:
        self._values.current_field = name
        value = await self._values.of(getattr(entry, name))
        self._values.current_field = ""
        return value

    async def _mapping(self, entry: Entry, name: str) -> dict[str, Any]:
        node = getattr(entry, name)
        found: dict[str, Any] = {}
        if not isinstance(node, Mapped):
            value = await self._field(entry, name)
            if value is not None and not isinstance(value, dict):
                self._stop(entry, name, "It is a mapping.")
            return value or {}
        for key, inner in node.items.items():
            self._values.current_field = f"{name}.{key}"
            found[key] = await self._values.of(inner)
        self._values.current_field = ""
        return found

    async def _apply_other(self, entry: Entry) -> None:
        attrs = await self._mapping(entry, "attrs")
        wanted = attrs.get("identifiers")
        names = [str(name) for name in wanted.values()] if isinstance(wanted, dict) else []
        if attrs.get("required", True) and not any(map(self.known, names)):
            self._stop(entry, "attrs", f"The blueprint {', '.join(names)} has not been applied; name its file before.")

    async def _absent(self, entry: Entry, kind: Kind, row: Any) -> None:
        if row is None:
            self._outcome.unchanged += 1
            return
        shown = await self._shown(kind, row)
        change = self._change(DELETE, entry, kind, row, shown, ())
        with self._told(entry, kind):
            await kind.delete(row, self._caller.actor)
            await self._w.flush()
        self._outcome.changes.append(change)

    async def _present(
        self, entry: Entry, kind: Kind, row: Any, identifiers: dict[str, Any], attrs: dict[str, Any], *, kept: bool
    ) -> None:
        named = {name: value for name, value in identifiers.items() if name in kind.declared.model_fields}
        given = self._given(entry, kind, merge(attrs, named))
        if row is None:
            await self._create(entry, kind, given, kept=kept)
        else:
            await self._update(entry, kind, row, given)

    async def _create(self, entry: Entry, kind: Kind, given: dict[str, Any], *, kept: bool) -> None:
        checked = self._checked(entry, kind.declared, given)
        with self._told(entry, kind):
            pk = await kind.create(checked.model_dump(exclude_unset=True), self._caller.actor)
            row = await self._by_pk(kind, pk)
        shown = await self._shown(kind, row)
        fields = [
            FieldChange(name, NOTHING, MASKED if name in kind.secrets else masked(shown.get(name, value)))
            for name, value in _json(checked).items()
        ]
        fields += await self._permissions(entry, kind, row)
        self._outcome.changes.append(self._change(CREATE, entry, kind, row, shown, fields))
        self._done(entry, kind, row, shown, kept=kept, made=True)

    async def _update(self, entry: Entry, kind: Kind, row: Any, given: dict[str, Any]) -> None:
        pk = kind.pk_of(row)
        before = await self._shown(kind, row)
        checked = self._checked(entry, self._patched(kind), given)
        wanted = _json(checked)
        unseen = [name for name in wanted if name not in before]
        values = checked.model_dump(exclude_unset=True)
        new = {name: values[name] for name in wanted if name not in unseen and not _alike(wanted[name], before[name])}
        hidden = [name for name in unseen if not await kind.holds(self._w, row, name, values[name])]
        new.update({name: values[name] for name in hidden})
        after = before
        if new:
            try:
                async with self._w.begin_nested():
                    with self._told(entry, kind):
                        await kind.update(row, new, self._caller.actor)
                        row = await self._by_pk(kind, pk)
                    after = await self._shown(kind, row)
                    if not hidden and _same(kind, before, after):
                        raise _Same
            except _Same:
                row, after = await self._by_pk(kind, pk), before
        fields = [
            *differences(_writable(kind, before), _writable(kind, after), kind.secrets),
            *(FieldChange(name, MASKED, MASKED) for name in hidden),
            *await self._permissions(entry, kind, row),
        ]
        if fields:
            self._outcome.changes.append(self._change(CHANGE, entry, kind, row, after, fields))
        else:
            self._outcome.unchanged += 1
        self._done(entry, kind, row, after, kept=True, made=False)

    async def _permissions(self, entry: Entry, kind: Kind, row: Any) -> list[FieldChange]:
        """Gives roles what the entry says they may do to its object; nothing is taken from them."""
        given: list[str] = []
        for one in entry.permissions:
            self._values.current_field = "permissions"
            name, user, role = [await self._values.of(node) for node in (one.permission, one.user, one.role)]
            if user is not None or not isinstance(role, str) or not isinstance(name, str):
                self._values.stop(one.line, "A permission is given to a role, by its primary key; people hold roles.")
            whole = name if "." in name else f"{kind.words.app}.{name}"
            with self._told(entry, kind, "permissions"):
                if await self.permit(self._with_moved({"role": role})["role"], whole, str(kind.pk_of(row))):
                    given.append(f"{whole} ({self._outcome.names.get(role, role)})")
        self._values.current_field = ""
        return [FieldChange("permissions", NOTHING, given)] if given else []

    def _patched(self, kind: Kind) -> type[Fields]:
        # Making a model costs more than all else about an entry.
        found = self._models.get(kind.words.label)
        if found is None:
            found = self._models[kind.words.label] = patched(kind.declared)
        return found

    def _given(self, entry: Entry, kind: Kind, attrs: dict[str, Any]) -> dict[str, Any]:
        known = kind.declared.model_fields
        unknown = [name for name in attrs if name not in known]
        for name in unknown:
            if name not in kind.whole.model_fields:
                self._stop(entry, f"attrs.{name}", f"A {kind.words.name.lower()} has no such field.")
            self._values.current_field = f"attrs.{name}"
            self._values.note(self._line(entry, f"attrs.{name}"), "It is only read, never set; it is left out.")
        return {name: value for name, value in attrs.items() if name in known}

    def _checked(self, entry: Entry, model: type[BaseModel], given: dict[str, Any]) -> BaseModel:
        try:
            return model.model_validate_json(to_json(given))
        except ValidationError as error:
            problems = []
            for one in error.errors(include_url=False, include_input=False):
                place = [str(part) for part in one["loc"]]
                name = ".".join(["attrs", *place])
                told = {"missing": "It is required and missing"}
                text = told.get(one["type"], str(one["msg"]).removeprefix("Value error, ")).rstrip(".")
                problems.append(
                    Problem(self._blueprint.file, self._line(entry, name), f"{text}.", self._values.current_entry, name)
                )
            raise BlueprintInvalid(problems) from error

    def _done(self, entry: Entry, kind: Kind, row: Any, shown: Mapping[str, Any], *, kept: bool, made: bool) -> None:
        pk = self._key = kind.pk_of(row)
        if entry.id is not None:
            self._values.keys[entry.id] = pk
        self._outcome.names[key_of(kind.words.label, pk)] = called(shown) or str(pk)
        self._touched.append(Touched(kind.words.label, str(pk), kept, made))

    def _move(self, kind: Kind, identifiers: Mapping[str, Any], pk: Any) -> None:
        old = identifiers.get("pk")
        if old is not None and old != pk:
            self._moved["" if isinstance(old, str) else family(kind.words.label), old] = pk

    def _change(
        self,
        action: str,
        entry: Entry,
        kind: Kind,
        row: Any,
        shown: Mapping[str, Any],
        fields: Sequence[FieldChange],
    ) -> Change:
        pk = str(kind.pk_of(row))
        name = called(shown) or called_between(shown, self._outcome.names) or entry.id or ""
        return Change(action, kind.words.label, name, pk, tuple(fields), f"{self._blueprint.file}:{entry.line}")

    def _with_moved(self, values: dict[str, Any]) -> dict[str, Any]:
        """Primary keys of another installation, whose objects were made here under new ones, as the new ones."""
        if not self._moved:
            return values
        return {name: self._moved_value(name, value) for name, value in values.items()}

    def _moved_value(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._moved_value(name, one) for one in value]
        if isinstance(value, dict):
            return {key: self._moved.get(("", one), one) if isinstance(one, str) else one for key, one in value.items()}
        if isinstance(value, str):
            return self._moved.get(("", value), value)
        if isinstance(value, int) and name in NUMBERED:
            return self._moved.get((NUMBERED[name], value), value)
        return value

    async def _find_for_tag(self, line: int, model: str, pairs: Sequence[tuple[str, Any]], whole: bool) -> Any:
        try:
            kind = kind_of(self._kinds, model)
            row = await find(self._w, kind, self._with_moved(dict(pairs)))
        except Unfindable as error:
            self._values.stop(line, f"!Find: {error.name + ': ' if error.name else ''}{error.sentence}")
        if row is None:
            return None
        return await self._shown(kind, row) if whole else kind.pk_of(row)

    async def _shown(self, kind: Kind, row: Any) -> dict[str, Any]:
        return (await seen(self._w, kind, [row], self._caller))[0]

    async def _by_pk(self, kind: Kind, pk: Any) -> Any:
        await self._w.flush()
        query = kind.every().where(condition(kind, "pk", pk)).execution_options(populate_existing=True)
        return (await self._w.scalars(query)).one()

    @contextmanager
    def _told(self, entry: Entry, kind: Kind, field_of_all: str = "") -> Iterator[None]:
        """What verbs refuse, by file, line, entry and field."""
        try:
            with kind.in_our_words():
                yield
        except (Unavailable, BlueprintInvalid):
            raise
        except OstiaryError as error:
            name = field_of_all or (f"attrs.{error.field}" if error.field else "")
            sentence = error.beside_field()
            problem = Problem(self._blueprint.file, self._line(entry, name), sentence, self._values.current_entry, name)
            raise BlueprintInvalid([problem], code=error.code) from error
        except IntegrityError as error:
            sentence = "The database refuses it: another object has one of these values, or one that is named is gone."
            problem = Problem(self._blueprint.file, entry.line, sentence, self._values.current_entry)
            raise BlueprintInvalid([problem]) from error

    def _stop(self, entry: Entry, name: str, sentence: str) -> NoReturn:
        self._values.current_field = name
        self._values.stop(self._line(entry, name), sentence)

    def _line(self, entry: Entry, name: str) -> int:
        """Where a field such as ``attrs.name`` stands; an identifier may have been meant."""
        first, *path = name.split(".")
        if first == "permissions":
            return entry.permissions[0].line
        line = entry.line
        for top in (first, "identifiers") if first == "attrs" else (first,):
            node = getattr(entry, top, None)
            found = node.line if node is not None else line
            for key in path:
                if not isinstance(node, Mapped) or key not in node.items:
                    break
                found, node = node.lines[key], node.items[key]
                if key == path[0]:
                    return _deeper(node, path[1:], found)
            if top == first:
                line = found
        return line


def _deeper(node: Any, path: Sequence[str], line: int) -> int:
    for key in path:
        if not isinstance(node, Mapped) or key not in node.items:
            return line
        line, node = node.lines[key], node.items[key]
    return line


def _json(model: BaseModel, *, whole: bool = False) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=not whole)


def _writable(kind: Kind, shown: Mapping[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in kind.declared.model_fields if name in shown and name not in kind.unsteady}


def _same(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return _writable(kind, before) == _writable(kind, after)


def _alike(wanted: Any, shown: Any) -> bool:
    """Equal, or the same references in another order."""
    if wanted == shown:
        return True
    if isinstance(wanted, list) and isinstance(shown, list) and len(wanted) == len(shown):
        keys = all(isinstance(one, int) or (isinstance(one, str) and UUID.fullmatch(one)) for one in wanted + shown)
        return keys and sorted(map(str, wanted)) == sorted(map(str, shown))
    return False
