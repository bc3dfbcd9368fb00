"""All that decides about access at one moment, and somebody as it sees them. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ostiary.access.authorize import ApplicationRules
from ostiary.directory.membership import effective_groups
from ostiary.kit.expressions import Failed
from ostiary.policies.engine import Asked, Subject

SEPARATOR: Final = "\x1f"
"""Between the group ids of a row."""

Row = Sequence[Any]
"""A person as stored: id, is_active, ids of their own groups joined by ``SEPARATOR``, username, name, email, type,
attributes as JSON. What `reads` leaves out may be empty."""
COLUMNS: Final = ("user.id", "", "", "user.username", "user.name", "user.email", "user.type", "user.attributes")
"""What expressions call the parts of a row; groups and status always count."""
ID, ACTIVE, DIRECT = 0, 1, 2
_AT: Final[Mapping[str, int]] = {name: index for index, name in enumerate(COLUMNS) if name}

_MOST_KEPT = 20_000


@dataclass(frozen=True)
class World:
    """All that decides, but for the people."""

    applications: Mapping[str, ApplicationRules]
    """By id."""
    group_names: Mapping[str, str] = field(default_factory=dict)
    superuser_groups: frozenset[str] = frozenset()
    group_parents: Mapping[str, set[str]] = field(default_factory=dict)

    @cached_property
    def _memberships(self) -> dict[str, "Membership"]:
        return {}

    def membership(self, direct: str) -> "Membership":
        """What somebody's own groups amount to."""
        known = self._memberships.get(direct)
        if known is None:
            if len(self._memberships) >= _MOST_KEPT:
                self._memberships.clear()
            own = set(direct.split(SEPARATOR)) if direct else set()
            groups = frozenset(effective_groups(own & self.group_names.keys(), self.group_parents))
            known = self._memberships[direct] = Membership(
                groups=groups,
                names=tuple(sorted(self.group_names[group] for group in groups)),
                is_superuser=not groups.isdisjoint(self.superuser_groups),
            )
        return known


@dataclass(frozen=True)
class Membership:
    """Effective groups, ids and names."""

    groups: frozenset[str]
    names: tuple[str, ...]
    is_superuser: bool


class State:
    """Somebody in one world; nobody without a ``row``. What is made of the row is made when it is needed."""

    __slots__ = ("_known", "_subject", "membership", "row")

    def __init__(self, row: Row | None, world: World) -> None:
        self.row = row
        self.membership = world.membership(row[DIRECT] if row is not None else "")
        self._subject: Subject | None = None
        self._known: dict[Asked, bool | str] = {}

    @property
    def subject(self) -> Subject | None:
        """As rules see them."""
        if self._subject is None and self.row is not None:
            user_id, active, _, username, name, email, type_, attributes = self.row
            self._subject = Subject(
                user_id=user_id,
                username=username,
                name=name,
                email=email,
                is_active=bool(active),
                is_superuser=self.membership.is_superuser,
                type=type_,
                groups=self.membership.groups,
                group_names=self.membership.names,
                attributes=_parsed(attributes),
            )
        return self._subject

    def stands(self, groups: frozenset[str]) -> Any:
        """Whether they are there, active, and in which of these groups."""
        return None if self.row is None else (self.row[ACTIVE], self.membership.groups & groups)

    def answers(self, asked: Sequence[Asked], names: Sequence[str]) -> Any:
        """True, false or why it failed, of each expression; one is asked once, whatever it decides about."""
        if self.row is None:
            return None
        known = self._known
        values: dict[str, Any] | None = None
        for expression in asked:
            if expression not in known:
                if values is None:
                    values = {name: self._read(self.row, name) for name in names}
                try:
                    known[expression] = expression.evaluate(values)
                except Failed as failure:
                    known[expression] = failure.reason
        return tuple([known[expression] for expression in asked])

    def _read(self, row: Row, name: str) -> Any:
        """One value of `as_read`, without the others."""
        if name == "user.groups":
            return list(self.membership.names)
        if name == "user.is_superuser":
            return self.membership.is_superuser
        value = row[_AT[name]]
        return _parsed(value) if name == "user.attributes" else value


class Person:
    """Somebody before and after, or all who are like them. Of those who stay the same both are one."""

    __slots__ = ("after", "before", "same", "user_id")

    def __init__(self, before: "State", after: "State", user_id: int) -> None:
        self.before, self.after, self.user_id = before, after, user_id
        self.same = before is after


def _parsed(attributes: Any) -> Any:
    return json.loads(attributes) if isinstance(attributes, str | bytes) and attributes else attributes or {}
