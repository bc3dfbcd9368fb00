"""A type of object: its fields, how it is found, and which verbs make, change and delete it."""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Annotated, Any, ClassVar, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from sqlalchemy import ColumnElement, Select, String, cast, false, func, or_, select, true
from sqlalchemy.orm import QueryableAttribute

from ostiary.directory.permissions import Permissions, permitted_objects
from ostiary.events.record import Actor
from ostiary.kit.errors import OstiaryError
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Reading

# What may be asked of one object, by the first word of authentik's codenames.
VIEW: Final = "view"
ADD: Final = "add"
CHANGE: Final = "change"
DELETE: Final = "delete"


# So many single objects are named in a query; of more, the database finds out itself.
_FEW: Final = 500

Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
"""What fits the databases' integers."""
Key = Annotated[int, Field(ge=0, lt=2**63)]
"""A primary key that is a number."""


class Fields(BaseModel):
    """The writable fields of a kind, as a client sends them. Unknown ones are ignored, as authentik does."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: Any) -> Any:
        """No database of ours holds a NUL, half a character or a number that is none, wherever it stands. An empty text
        where there may be nothing is nothing: so Terraform's provider names no flow, stage or key.
        """
        if not isinstance(values, Mapping):
            return values
        for name, value in values.items():
            if not storable(value):
                raise ValueError(f"{name} holds a NUL, half a character or a number that is none")
        nothing = [name for name, value in values.items() if value == "" and _may_be_nothing(cls, name)]
        return {**values, **dict.fromkeys(nothing)} if nothing else values


def _may_be_nothing(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and type(None) in get_args(field.annotation)


def storable(value: Any, depth: int = 0) -> bool:
    """Whether any database of ours holds it, and can be asked for it."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if depth > 32 or (isinstance(value, float) and not isfinite(value)):
        return False
    if isinstance(value, Mapping):
        return all(storable(key, depth + 1) and storable(one, depth + 1) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(storable(one, depth + 1) for one in value)
    return True


class Shown(BaseModel):
    """An object as a client receives it."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Caller:
    """Who asks. Nobody without an account has a ``user_id``."""

    user_id: int | None
    username: str
    may: Permissions
    actor: Actor
    session_id: str | None = None

    @property
    def is_superuser(self) -> bool:
        """Whether every operation is theirs."""
        return self.may.superuser


@dataclass(frozen=True)
class UsedBy:
    """An object that refers to another, and what becomes of the reference if that one is deleted.

    ``action`` is of cascade, cascade_many, set_null, set_default, left_dangling.
    """

    app: str
    model_name: str
    pk: str
    name: str
    action: str


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list: its type (such as ``str`` or ``list[int]``) and the condition that it makes."""

    type: Any
    condition: Callable[[Any], ColumnElement[bool]]


def equals(column: Any, type_: Any = str) -> Filter:
    """The column is that value."""
    return Filter(type_, lambda value: column == value)


def equals_any_case(column: Any) -> Filter:
    """The column is that text in any case."""
    return Filter(str, lambda value: func.lower(column) == func.lower(value))


def contains(column: Any) -> Filter:
    """The column holds that text, in any case."""
    return Filter(str, lambda value: holds_text(value, column))


def one_of(column: Any, type_: Any = list[str]) -> Filter:
    """The column is one of those values."""
    return Filter(type_, column.in_)


@dataclass(frozen=True)
class Words:
    """What a kind is called: for people, for admin forms (``component``), and authentik's label ``app.model``."""

    label: str
    name: str
    plural: str
    component: str = ""

    @property
    def app(self) -> str:
        """Such as ``authentik_core``."""
        return self.label.partition(".")[0]

    @property
    def model(self) -> str:
        """Such as ``user``."""
        return self.label.partition(".")[2]

    def shown(self) -> dict[str, str]:
        """The fields by which clients tell typed objects apart."""
        return {
            "component": self.component,
            "verbose_name": self.name,
            "verbose_name_plural": self.plural,
            "meta_model_name": self.label,
        }


class _Column:
    """A column as an attribute of kinds."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __get__(self, instance: object, owner: type) -> Any:
        return self._column


class Kind:
    """Base of all kinds; what a kind leaves out, its objects do not have.

    Rows are ORM objects of ``table``. ``pk`` is the column that references, permissions and blueprints use, ``key`` the
    one that stands in addresses. ``values`` of `create` and `update` are checked ``fields`` (only those that were
    given), references as primary keys.
    """

    words: ClassVar[Words]
    table: ClassVar[Any]
    pk: ClassVar[Any]
    key: ClassVar[Any]
    fields: ClassVar[type[Fields]]
    shown: ClassVar[type[Shown]]
    search: ClassVar[Sequence[Any]] = ()
    """Columns that a search looks into."""
    ordering: ClassVar[Mapping[str, Any]] = {}
    """Name → column that lists may be ordered by; the first is the default."""
    default_order: ClassVar[str] = ""
    """What lists are ordered by where nobody says, if it is not the first, such as ``-created``."""
    filters: ClassVar[Mapping[str, Filter]] = {}
    questions: ClassVar[Mapping[str, Any]] = {}
    """Query parameters of a list with their types that are no mere condition; `looking` answers them."""
    identifiers: ClassVar[Mapping[str, Any]] = {}
    """Name → column by which a blueprint may find an object, besides ``pk``."""
    owner: ClassVar[Any] = None
    """The column of the user's id whose own objects these are: its owner may view, change and delete them."""
    superusers_only: ClassVar[bool] = False
    """Whoever may change these can become anybody, so no role gives it; roles may give sight of them."""
    flags: ClassVar[Mapping[str, bool]] = {}
    """Boolean query parameters of list and retrieve with their defaults, such as ``include_users``."""
    unsteady: ClassVar[frozenset[str]] = frozenset()
    """Fields that change by themselves, as a last sign-in: no two administrators meet over them."""
    standing_for: ClassVar[Sequence[str]] = ()
    """What is shown instead of fields that are not, such as a fingerprint: two administrators meet over it."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Names of the verbs' fields → names of these, where they differ; errors are told in these."""
    declared: ClassVar[type[Fields]]
    """The fields as blueprints may set them, where that is more than the API offers, such as a password; else
    ``fields``."""
    ours: ClassVar[frozenset[str]] = frozenset()
    """Fields that authentik lacks. `read` gives them, and an address of our own shows them; authentik's does not, since
    strict clients refuse an answer with a key that they do not know."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values a diff does not show."""

    def __init_subclass__(cls) -> None:
        if "fields" in cls.__dict__ and "declared" not in cls.__dict__:
            cls.declared = cls.fields
        # A mapped column is a descriptor, which would look for its value in the kind itself.
        for name in ("pk", "key", "owner"):
            column = cls.__dict__.get(name)
            if isinstance(column, QueryableAttribute):
                setattr(cls, name, _Column(column))

    @cached_property
    def whole(self) -> type[Shown]:
        """``shown`` with what authentik lacks."""
        if not self.ours:
            return self.shown
        besides: dict[str, Any] = {name: (self.fields.model_fields[name].annotation, ...) for name in sorted(self.ours)}
        model: Any = create_model
        whole: type[Shown] = model(f"Ostiary{self.shown.__name__}", __base__=self.shown, **besides)
        return whole

    @contextmanager
    def in_our_words(self) -> Iterator[None]:
        """Around verbs: whatever they refuse is told by the names of ``fields``."""
        try:
            yield
        except OstiaryError as error:
            old = error.field
            if old is not None and old in self.renamed:
                new = self.renamed[old]
                error.message = f"{new}: {error.message.removeprefix(f'{old}: ')}"
                error.field = new
            raise

    def every(self) -> Select[Any]:
        """All objects of this kind; a kind that shares its table adds its condition."""
        return select(self.table)

    def narrowing(self, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """The conditions of the filters that were given; a kind whose filters speak of each other says how."""
        return [one.condition(given[name]) for name, one in self.filters.items() if given.get(name) is not None]

    async def looking(self, r: Reading, caller: Caller, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """The conditions of ``questions`` that were given, for which the database is asked first."""
        return []

    def searching(self, text: str, caller: Caller) -> ColumnElement[bool]:
        """What a search for this text finds; a kind that looks into other objects looks into those that the caller may
        see, for whoever finds one by its text has read that.
        """
        return holds_text(text, *self.search)

    async def visible(self, r: Reading, caller: Caller) -> ColumnElement[bool] | None:
        """Which of them this caller may see; None is all. Asked within the query, so that no count leaks."""
        return self.allowed(VIEW, caller)

    def allowed(self, verb: str, caller: Caller) -> ColumnElement[bool] | None:
        """Of which objects this caller may do that; None is of all."""
        name = self.codename(verb)
        if caller.may.may(name) and not (self.superusers_only and verb != VIEW and not caller.is_superuser):
            return None
        if self.superusers_only and verb != VIEW:
            return false()
        single = _single(caller, name, self.pk)
        if self.owner is not None and caller.user_id is not None:
            return or_(single, self.owner == caller.user_id)
        return single

    def of_keys(self, keys: Collection[str]) -> ColumnElement[bool]:
        """Those of these primary keys, which are given as text; what cannot be a key is none."""
        return _of_keys(self.pk, keys)

    def pk_of(self, row: Any) -> Any:
        """An object's primary key."""
        return getattr(row, self.pk.key)

    def codename(self, verb: str) -> str:
        """Such as ``authentik_core.view_user``."""
        return f"{self.words.app}.{verb}_{self.words.model}"

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        """The objects as ``shown`` has them, in the same order; a fixed number of statements however many they are.

        ``flags`` holds those that were given; the others have their defaults.
        """
        raise NotImplementedError

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        """Refuses what would raise the caller above what they hold; asked after the permission, before the change.

        Raises `permission.raises`.
        """

    async def create(self, values: Mapping[str, Any], by: Actor) -> Any:
        """Makes one and answers its primary key."""
        raise NotImplementedError

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        """Changes the given fields."""
        raise NotImplementedError

    async def delete(self, row: Any, by: Actor) -> None:
        """Deletes it, or refuses with a Conflict that says who uses it."""
        raise NotImplementedError

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        """Who refers to it."""
        return []

    async def unshown(self, r: Reading, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """The values of writable fields that ``shown`` leaves out though they are no secrets, for blueprints."""
        return [{} for _ in rows]

    async def holds(self, r: Reading, row: Any, name: str, value: Any) -> bool:
        """Whether a secret that is never read back has this value already; where nobody knows, setting it is a
        change.
        """
        return False


def permitted(caller: Caller, codename: str, column: Any) -> ColumnElement[bool]:
    """Whether the caller holds this permission for the object whose primary key stands in the column."""
    return true() if caller.may.may(codename) else _single(caller, codename, column)


def _single(caller: Caller, codename: str, column: Any) -> ColumnElement[bool]:
    of = caller.may.objects_of(codename)
    if len(of) <= _FEW or caller.user_id is None:
        return _of_keys(column, of)
    # Databases take no more than some ten thousand values in one statement.
    return cast(column, String).in_(permitted_objects(caller.user_id, codename))


def _of_keys(column: Any, keys: Collection[str]) -> ColumnElement[bool]:
    wanted: list[Any] = sorted(keys)
    if column.type.python_type is int:
        wanted = [int(key) for key in wanted if key.isascii() and key.isdecimal() and len(key) < 19]
    found: ColumnElement[bool] = column.in_(wanted) if wanted else false()
    return found


def patched(fields: type[Fields]) -> type[Fields]:
    """The same fields, none of them required."""
    changed: dict[str, Any] = {}
    for name, info in fields.model_fields.items():
        if info.is_required():
            optional = copy.copy(info)
            optional.default = None
            changed[name] = (info.annotation, optional)
    model: type[Fields] = create_model(f"Patched{fields.__name__}", __base__=fields, **changed)
    return model
