"""A type of object: its fields, how it is found, and which verbs make, change and delete it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Select, String, cast, false, or_, select

from ostiary.directory.permissions import Permissions
from ostiary.events.record import Actor
from ostiary.storage.session import Reading

# What may be asked of one object, by the first word of authentik's codenames.
VIEW: Final = "view"
ADD: Final = "add"
CHANGE: Final = "change"
DELETE: Final = "delete"


class Fields(BaseModel):
    """The writable fields of a kind, as a client sends them. Unknown ones are ignored, as authentik does."""

    model_config = ConfigDict(extra="ignore", strict=True)


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
    return Filter(
        str, lambda value: column.ilike(value.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_"), escape="\\")
    )


def contains(column: Any) -> Filter:
    """The column holds that text, in any case."""
    return Filter(str, lambda value: column.icontains(value, autoescape=True))


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
    filters: ClassVar[Mapping[str, Filter]] = {}
    identifiers: ClassVar[Mapping[str, Any]] = {}
    """Name → column by which a blueprint may find an object, besides ``pk``."""
    owner: ClassVar[Any] = None
    """The column of the user's id whose own objects these are: its owner may view, change and delete them."""
    superusers_only: ClassVar[bool] = False
    """Whoever may change these can become anybody, so no role gives it; roles may give sight of them."""
    flags: ClassVar[Sequence[str]] = ()
    """Names of boolean query parameters of list and retrieve, such as ``include_users``."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values a diff does not show."""

    def every(self) -> Select[Any]:
        """All objects of this kind; a kind that shares its table adds its condition."""
        return select(self.table)

    def visible(self, caller: Caller) -> ColumnElement[bool] | None:
        """Which of them this caller may see; None is all. Asked within the query, so that no count leaks."""
        return self.allowed(VIEW, caller)

    def allowed(self, verb: str, caller: Caller) -> ColumnElement[bool] | None:
        """Of which objects this caller may do that; None is of all."""
        name = self.codename(verb)
        if caller.may.may(name) and not (self.superusers_only and verb != VIEW and not caller.is_superuser):
            return None
        if self.superusers_only and verb != VIEW:
            return false()
        conditions: list[ColumnElement[bool]] = []
        of = caller.may.objects_of(name)
        if of:
            conditions.append(cast(self.pk, String).in_(sorted(of)))
        if self.owner is not None and caller.user_id is not None:
            conditions.append(self.owner == caller.user_id)
        return or_(*conditions) if conditions else false()

    def codename(self, verb: str) -> str:
        """Such as ``authentik_core.view_user``."""
        return f"{self.words.app}.{verb}_{self.words.model}"

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: frozenset[str]
    ) -> list[dict[str, Any]]:
        """The objects as ``shown`` has them, in the same order; a fixed number of statements however many they are."""
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


@dataclass(frozen=True)
class Kinds:
    """All kinds by their label, such as ``authentik_core.user``."""

    by_label: Mapping[str, Kind] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Kind:
        return self.by_label[label.lower()]
