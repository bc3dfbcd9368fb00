"""Who gains and who loses access between two worlds: the rules as they are, and as they would be. Pure.

Every answer is `authorize`'s. It is asked once for all people whom the rules of an application cannot tell apart: who
are in the same of the groups that the rules name, and of whom each expression says the same. People come in batches, so
that memory depends neither on how many they are nor on how many change sides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ostiary.access.authorize import ApplicationRules, authorize
from ostiary.access.world import ACTIVE, COLUMNS, DIRECT, ID, Person, Row, State, World
from ostiary.policies.engine import Asked, Decision, Kind, Question, Reason, Result, Rule, Subject, as_read

_OWN: Final = frozenset({0, 3, 4, 5})
"""Parts of a row that hardly two people share."""
_MOST_KEPT = 20_000
_MOST_MOMENTS = 8


class Access(StrEnum):
    """What one person may do at one application."""

    NO = "no"
    DEPENDS = "depends"
    """On the request or the time, which nobody has asked yet."""
    YES = "yes"


class Side(StrEnum):
    """What a change does to somebody."""

    GAINS = "gains"
    LOSES = "loses"
    UNCLEAR = "unclear"
    """It depends on the request before and after, but by other rules."""


@dataclass(frozen=True)
class Difference:
    """One person's access to one application, before and after. ``at`` is when it changes, None for at once."""

    application_id: str
    user_id: int
    side: Side
    before: Access
    after: Access
    at: datetime | None
    reasons_before: tuple[Reason, ...]
    reasons_after: tuple[Reason, ...]


@dataclass
class Count:
    """How many people are on each side."""

    gains: int = 0
    loses: int = 0
    unclear: int = 0

    def add(self, side: Side, people: int) -> None:
        """Counts people."""
        setattr(self, side, getattr(self, side) + people)


@dataclass(frozen=True, slots=True)
class _Verdict:
    side: Side
    before: Access
    after: Access
    at: datetime | None
    reasons_before: tuple[Reason, ...]
    reasons_after: tuple[Reason, ...]


class _Unit:
    """Applications with the same rules before and the same after. ``groups`` and ``named`` (users) are what the rules
    ask for by id, ``reads`` which parts of a row tell people apart."""

    def __init__(
        self, before: ApplicationRules | None, after: ApplicationRules | None, now: datetime, *, changed: bool
    ) -> None:
        self.before, self.after, self.changed = before, after, changed
        self.applications: list[str] = []
        self.kept: dict[Any, _Verdict | None] = {}
        rules = [rule for side in (before, after) if side is not None for rule in side.rules]
        known = {Kind.USER, Kind.GROUP, Kind.POLICY, Kind.LOST}
        # A kind of rule that is not known here may look at anything.
        self.opaque = any(rule.kind not in known for rule in rules)
        self.groups = frozenset(rule.key for rule in rules if rule.kind == Kind.GROUP)
        self.named = frozenset(int(rule.key) for rule in rules if rule.kind == Kind.USER and rule.key.isdecimal())
        self.asked = tuple(dict.fromkeys([*_lasting(before), *_lasting(after)]))
        expressions = {rule.expression for rule in rules if rule.expression is not None}
        self.volatile_reads = frozenset(name for one in expressions if one.volatile for name in one.reads)
        names = {name for one in self.asked for name in one.reads}
        self.names = tuple(names)
        if self.opaque:
            names = {name for name in COLUMNS if name}
        self.swaps = _swaps(before, after)
        swapped = tuple(one for pair in self.swaps for one in pair)
        self.swapped = swapped, tuple({name for one in swapped for name in one.reads})
        self.reads = tuple(index for index, name in enumerate(COLUMNS) if name in names)
        self.whole = bool(expressions) or self.opaque
        """Whether any membership may matter, not only those of ``groups``."""
        ends = sorted({rule.expires for rule in rules if rule.expires is not None and rule.in_force(now)})
        self.moments = (now, *ends[:_MOST_MOMENTS])


class Simulation:
    """Takes people batch by batch and keeps who changes sides: of each application and side ``each`` people by name,
    ``most`` in all, and exact totals."""

    def __init__(
        self, before: World, after: World, question: Question, *, each: int = 1000, most: int = 10_000
    ) -> None:
        self._before, self._after, self._question = before, after, question
        self._each, self._most = each, most
        self._moving = (before.group_names, before.superuser_groups, before.group_parents) != (
            after.group_names,
            after.superuser_groups,
            after.group_parents,
        )
        self._moved: dict[str, bool] = {}
        self.asked = 0
        """How many people were looked at."""
        self.people = Count()
        """Everybody once for each side that they are on."""
        self.applications: dict[str, Count] = {}
        """Those where anything changes, by id."""
        self.differences: list[Difference] = []
        self._units = _units(before, after, question.now)
        self._changed = [unit for unit in self._units if unit.changed]
        self._by_group: dict[str, list[_Unit]] = {}
        self._whole = [unit for unit in self._units if not unit.changed and unit.whole]
        for unit in self._units:
            if not unit.changed:
                for group in unit.groups:
                    self._by_group.setdefault(group, []).append(unit)

    @property
    def affected(self) -> list[str]:
        """Ids of the applications whose own rules change."""
        return [key for unit in self._changed for key in unit.applications]

    @property
    def truncated(self) -> bool:
        """Whether more people change sides than ``differences`` names."""
        total = sum(count.gains + count.loses + count.unclear for count in self.applications.values())
        return total > len(self.differences)

    @property
    def needs_everybody(self) -> bool:
        """Whether anybody can be concerned whose own row does not change."""
        return self._moving or bool(self._changed)

    def reads(self) -> frozenset[int]:
        """The parts of a row that any rule looks at; groups and status always count."""
        return frozenset(index for unit in self._units for index in unit.reads)

    def batch(self, rows: Sequence[Row]) -> None:
        """People whose own rows stay as they are."""
        self.asked += len(rows)
        sides: dict[Side, set[int]] = {side: set() for side in Side}
        for reads, units in _by_reads(self._changed).items():
            for members in _alike(rows, reads):
                self._judge_class(units, members, sides)
        if self._moving:
            self._judge_moved([row for row in rows if self._moves(row[DIRECT])], sides)
        self._count(sides)

    def changed(self, pairs: Sequence[tuple[Row | None, Row | None]]) -> None:
        """People whose own rows change; None where somebody is not there."""
        self.asked += len(pairs)
        sides: dict[Side, set[int]] = {side: set() for side in Side}
        for old, new in pairs:
            found = old or new
            if found is not None:
                person = Person(State(old, self._before), State(new, self._after), found[ID])
                for unit in self._concerned(person):
                    self._judge(unit, person, [found[ID]], sides)
        self._count(sides)

    def _judge_moved(self, moved: Sequence[Row], sides: dict[Side, set[int]]) -> None:
        """People whose groups come to mean something else, at the applications whose rules stay as they are."""
        for direct in _alike(moved, ()):
            before = self._before.membership(direct[0][DIRECT]).groups
            delta = before ^ self._after.membership(direct[0][DIRECT]).groups
            units = dict.fromkeys(self._whole)
            units.update(dict.fromkeys(unit for group in delta for unit in self._by_group.get(group, ())))
            for reads, alike in _by_reads(list(units)).items():
                for members in _alike(direct, reads):
                    self._judge_class(alike, members, sides)

    def _concerned(self, person: Person) -> Iterable[_Unit]:
        old, new = person.before.row, person.after.row
        if old is None or new is None or old[ACTIVE] != new[ACTIVE]:
            return self._units
        units = dict.fromkeys([*self._changed, *self._whole])
        for group in person.before.membership.groups ^ person.after.membership.groups:
            units.update(dict.fromkeys(self._by_group.get(group, ())))
        return units

    def _judge_class(self, units: Iterable[_Unit], members: Sequence[Row], sides: dict[Side, set[int]]) -> None:
        alike = self._person(members[0])
        for unit in units:
            rest: Sequence[Row] = members
            if unit.named:
                rest = []
                for row in members:
                    if row[ID] in unit.named:
                        self._judge(unit, self._person(row), [row[ID]], sides)
                    else:
                        rest.append(row)
                if rest and rest[0] is not members[0]:
                    self._judge(unit, self._person(rest[0]), [row[ID] for row in rest], sides)
                    continue
            if rest:
                self._judge(unit, alike, rest, sides)

    def _person(self, row: Row) -> Person:
        before = State(row, self._before)
        return Person(before, State(row, self._after) if self._moves(row[DIRECT]) else before, row[ID])

    def _moves(self, direct: str) -> bool:
        """Whether groups come to mean something else to whoever is in them."""
        if not self._moving:
            return False
        if direct not in self._moved:
            if len(self._moved) >= _MOST_KEPT:
                self._moved.clear()
            self._moved[direct] = self._before.membership(direct) != self._after.membership(direct)
        return self._moved[direct]

    def _judge(
        self, unit: _Unit, person: Person, people: Sequence[Row] | list[int], sides: dict[Side, set[int]]
    ) -> None:
        if unit.swaps and person.same and _answered_alike(unit, person):
            return
        key = None if unit.opaque else _key(unit, person)
        if key is None or person.user_id in unit.named:
            verdict = self._verdict(unit, person)
        elif key in unit.kept:
            verdict = unit.kept[key]
        else:
            if len(unit.kept) >= _MOST_KEPT:
                unit.kept.clear()
            verdict = unit.kept[key] = self._verdict(unit, person)
        if verdict is not None:
            ids = [one if isinstance(one, int) else one[ID] for one in people]
            sides[verdict.side].update(ids)
            self._note(unit, verdict, ids)

    def _verdict(self, unit: _Unit, person: Person) -> _Verdict | None:
        unclear: _Verdict | None = None
        for moment in unit.moments:
            question = replace(self._question, now=moment)
            before = _decision(unit.before, person.before.subject, question)
            after = _decision(unit.after, person.after.subject, question)
            was, will = access_of(before), access_of(after)
            at = None if moment == self._question.now else moment
            side = _side(was, will)
            if side is not None:
                return _Verdict(side, was, will, at, before.reasons, after.reasons)
            if unclear is None and was is Access.DEPENDS and _unlike(unit, before, after, person):
                unclear = _Verdict(Side.UNCLEAR, was, will, at, before.reasons, after.reasons)
        return unclear

    def _note(self, unit: _Unit, verdict: _Verdict, ids: Sequence[int]) -> None:
        for key in unit.applications:
            count = self.applications.setdefault(key, Count())
            room = min(self._each - getattr(count, verdict.side), self._most - len(self.differences))
            count.add(verdict.side, len(ids))
            self.differences += [
                Difference(
                    application_id=key,
                    user_id=user_id,
                    side=verdict.side,
                    before=verdict.before,
                    after=verdict.after,
                    at=verdict.at,
                    reasons_before=verdict.reasons_before,
                    reasons_after=verdict.reasons_after,
                )
                for user_id in ids[: max(room, 0)]
            ]

    def _count(self, sides: Mapping[Side, set[int]]) -> None:
        for side, ids in sides.items():
            self.people.add(side, len(ids))


def _key(unit: _Unit, person: Person) -> Any:
    """Whatever `authorize` can tell people apart by."""
    before, after = person.before, person.after
    answers = before.answers(unit.asked, unit.names)
    if person.same:
        return before.stands(unit.groups), answers
    seen = not unit.volatile_reads or _seen(unit, before.subject) == _seen(unit, after.subject)
    return before.stands(unit.groups), after.stands(unit.groups), answers, after.answers(unit.asked, unit.names), seen


def _units(before: World, after: World, now: datetime) -> list[_Unit]:
    units: dict[Any, _Unit] = {}
    for key in dict.fromkeys([*before.applications, *after.applications]):
        old, new = before.applications.get(key), after.applications.get(key)
        looks = _looks(old), _looks(new)
        unit = units.get(looks)
        if unit is None:
            unit = units[looks] = _Unit(old, new, now, changed=looks[0] != looks[1])
        unit.applications.append(key)
    return list(units.values())


_SEEN = tuple(one.name for one in fields(Rule) if one.name not in ("binding_id", "order"))


def _looks(application: ApplicationRules | None) -> Any:
    """All that decides about an application and all that reasons say; the same of two if they decide the same."""
    if application is None:
        return None
    ordered = sorted(application.rules, key=lambda rule: (rule.order, rule.binding_id))
    rules = tuple(tuple(getattr(rule, name) for name in _SEEN) for rule in ordered)
    return application.enabled, application.access, application.mode, rules


def _lasting(application: ApplicationRules | None) -> tuple[Asked, ...]:
    rules = application.rules if application is not None else ()
    return tuple(
        dict.fromkeys(
            rule.expression
            for rule in rules
            if rule.enabled and rule.expression is not None and not rule.expression.volatile
        )
    )


def _swaps(before: ApplicationRules | None, after: ApplicationRules | None) -> tuple[tuple[Asked, Asked], ...]:
    """What asked before and what asks after, where nothing else is different; nothing if anything is."""
    if before is None or after is None or _looks(replace(before, rules=())) != _looks(replace(after, rules=())):
        return ()
    sides = [sorted(one.rules, key=lambda rule: (rule.order, rule.binding_id)) for one in (before, after)]
    if len(sides[0]) != len(sides[1]):
        return ()
    pairs = []
    for old, new in zip(*sides, strict=True):
        if old.expression is new.expression and _told(old) == _told(new):
            continue
        if old.expression is None or new.expression is None or _told(old) != _told(new):
            return ()
        if old.expression.volatile or new.expression.volatile:
            return ()
        pairs.append((old.expression, new.expression))
    return tuple(pairs)


def _told(rule: Rule) -> Any:
    return tuple(getattr(rule, name) for name in _SEEN if name != "expression")


def _answered_alike(unit: _Unit, person: Person) -> bool:
    # A decision comes from the rules' answers. Where those that changed answer as before, no other need be asked.
    answers = person.before.answers(*unit.swapped)
    return all(answers[at] == answers[at + 1] for at in range(0, len(answers), 2))


def _by_reads(units: Iterable[_Unit]) -> dict[tuple[int, ...], list[_Unit]]:
    grouped: dict[tuple[int, ...], list[_Unit]] = {}
    for unit in units:
        grouped.setdefault(unit.reads, []).append(unit)
    return grouped


def _alike(rows: Sequence[Row], reads: tuple[int, ...]) -> Iterator[Sequence[Row]]:
    """The people in classes that expressions which read these parts cannot tell apart."""
    if not _OWN.isdisjoint(reads):
        yield from ((row,) for row in rows)
        return
    classes: dict[Any, list[Row]] = {}
    for row in rows:
        key = (row[ACTIVE], row[DIRECT], *[row[index] for index in reads]) if reads else (row[ACTIVE], row[DIRECT])
        classes.setdefault(key, []).append(row)
    yield from classes.values()


def _decision(application: ApplicationRules | None, subject: Subject | None, question: Question) -> Decision:
    if subject is None:
        return _nobody("The account does not exist.")
    if application is None:
        return _nobody("The application does not exist.")
    return authorize(application, subject, question)


def _nobody(text: str) -> Decision:
    return Decision(allowed=False, reasons=(Reason(None, Result.AGAINST, text),))


def access_of(decision: Decision) -> Access:
    """What an answer amounts to."""
    if decision.volatile:
        return Access.DEPENDS
    return Access.YES if decision.allowed else Access.NO


_RANK: Final = tuple(Access)


def _side(before: Access, after: Access) -> Side | None:
    if before is after:
        return None
    return Side.GAINS if _RANK.index(after) > _RANK.index(before) else Side.LOSES


def _unlike(unit: _Unit, before: Decision, after: Decision, person: Person) -> bool:
    """Whether two answers that depend on the request may differ."""
    if _asked(before) != _asked(after):
        return True
    return not person.same and _seen(unit, person.before.subject) != _seen(unit, person.after.subject)


def _asked(decision: Decision) -> list[Any]:
    return [
        (reason.rule.expression, reason.rule.negate)
        if reason.rule is not None and reason.rule.expression is not None and reason.rule.expression.volatile
        else reason.result is Result.FOR
        for reason in decision.reasons
        if reason.result is not Result.IDLE
    ]


def _seen(unit: _Unit, subject: Subject | None) -> Any:
    """What the expressions that also read the request see of somebody."""
    if subject is None:
        return None
    values = as_read(subject)
    return [values[name] for name in sorted(unit.volatile_reads & values.keys())]
