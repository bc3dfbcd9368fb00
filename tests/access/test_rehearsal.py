"""What a change would do to everybody's access, compared with making it and asking everybody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from ostiary.access import world_rows
from ostiary.access.authorize import authorize
from ostiary.access.explain import rules_of, subject_of
from ostiary.access.rehearsal import Rehearsal, rehearse
from ostiary.access.simulation import Access, Side
from ostiary.applications.bindings import Bindings, Target
from ostiary.applications.models import Application
from ostiary.applications.registry import Applications
from ostiary.directory.groups import Groups
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.directory.passwords import Passwords
from ostiary.directory.users import Users
from ostiary.events.record import COMMAND
from ostiary.kit.errors import NotFound
from ostiary.policies.engine import Kind, Question
from ostiary.policies.models import Policy
from ostiary.policies.registry import Policies
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.base import Base
from ostiary.storage.session import Database
from tests.clock import FakeClock

STAFF, CREW = Target(Kind.GROUP, "staff"), Target(Kind.GROUP, "crew")
LEVEL, HOURS, BROKEN = (Target(Kind.POLICY, name) for name in ("level", "hours", "broken"))


@dataclass
class House:
    """Nine people; hello is bound to staff and bob, wiki to a policy, desk needs all of its rules, open is open."""

    database: Database
    clock: FakeClock

    def __post_init__(self) -> None:
        common: dict[str, Any] = {"database": self.database, "clock": self.clock}
        self.applications = Applications(base_url=None, **common)
        self.bindings, self.policies = Bindings(**common), Policies(**common)
        self.groups = Groups(**common)
        self.users = Users(passwords=Passwords(memory_kib=64, passes=1), **common)

    async def fill(self) -> None:
        async with self.database.writing() as w:
            for number in range(1, 10):
                w.add(
                    User(
                        username=f"p{number}",
                        name=f"P {number}",
                        email=f"p{number}@example.{'com' if number % 2 else 'net'}",
                        is_active=number != 9,
                        type="external" if number == 8 else "internal",
                        attributes={} if number == 7 else {"level": number},
                        created=self.clock.now(),
                    )
                )
                await w.flush()
            names = {"s": "staff", "c": "crew", "b": "bosses", "e": "empty"}
            w.add_all([Group(id=key, name=name, is_superuser=key == "b") for key, name in names.items()])
            await w.flush()
            await w.execute(insert(GroupParent).values(group_id="c", parent_id="s"))
            for number, group in [(1, "s"), (2, "c"), (3, "c"), (4, "b"), (5, "e"), (9, "s"), (1, "b")]:
                await w.execute(insert(Membership).values(user_id=number, group_id=group))
        await self.policies.create("level", "user.attributes.level > 4", by=COMMAND)
        await self.policies.create("hours", "now.getHours('UTC') < 18", by=COMMAND)
        await self.policies.create("broken", "user.attributes.nothing == 1", by=COMMAND)
        await self.policies.make("reputation", "standing", {"threshold": -5}, by=COMMAND)
        await self.policies.make("event_matcher", "failed", {"action": "login_failed"}, by=COMMAND)
        for slug in ("hello", "wiki", "desk"):
            await self.applications.create(slug, access="bound", by=COMMAND)
        proxy = {"external_host": "https://open.example.com"}
        await self.applications.add_proxied("open", access="everyone", proxy=proxy, by=COMMAND)
        await self.bindings.put("hello", STAFF, by=COMMAND)
        await self.bindings.put("hello", Target(Kind.USER, "p6"), order=1, by=COMMAND)
        await self.bindings.put("wiki", LEVEL, by=COMMAND)
        await self.bindings.put("desk", Target(Kind.GROUP, "bosses"), by=COMMAND)
        await self.bindings.put("desk", Target(Kind.USER, "p1"), order=1, by=COMMAND)
        await self.applications.update("desk", {"policy_engine_mode": "all"}, by=COMMAND)

    async def asked(self) -> dict[tuple[str, str], Access]:
        """Everybody at every application, one decision at a time."""
        found: dict[tuple[str, str], Access] = {}
        async with self.database.reading() as r:
            people = (await r.scalars(select(User))).all()
            for application in (await r.scalars(select(Application))).all():
                rules = await rules_of(r, application, PolicyCompiler())
                for user in people:
                    decision = authorize(rules, await subject_of(r, user), Question(self.clock.now()))
                    access = Access.DEPENDS if decision.volatile else Access.YES if decision.allowed else Access.NO
                    found[application.slug, user.username] = access
        return found


@pytest.fixture
async def house(database: Database, clock: FakeClock) -> AsyncIterator[House]:
    made = House(database, clock)
    await made.fill()
    yield made
    made.users._passwords.close()


def told(rehearsal: Rehearsal) -> dict[tuple[str, str], tuple[Access, Access]]:
    return {
        (rehearsal.applications[one.application_id].slug, rehearsal.people[one.user_id][0]): (one.before, one.after)
        for one in rehearsal.simulation.differences
        if one.at is None and one.side is not Side.UNCLEAR
    }


Step = Callable[[House], Awaitable[object]]


async def _both(house: House) -> None:
    await house.groups.add_member("s", 7, by=COMMAND)
    await house.bindings.put("open", STAFF, by=COMMAND)


async def _by_hand(house: House) -> None:
    async with house.database.writing() as w:
        await w.execute(update(Policy).where(Policy.name == "level").values(expression="not ( readable"))


async def _removed_in_bulk(house: House) -> None:
    async with house.database.writing() as w:
        await w.execute(delete(Membership).where(Membership.group_id == "c"))


STEPS: dict[str, tuple[Step, int]] = {
    "binding added": (lambda h: h.bindings.put("hello", Target(Kind.GROUP, "bosses"), by=COMMAND), 1),
    "binding removed": (lambda h: h.bindings.remove("hello", STAFF, by=COMMAND), 3),
    "binding disabled": (lambda h: h.bindings.put("hello", STAFF, enabled=False, by=COMMAND), 3),
    "binding negated": (lambda h: h.bindings.put("hello", STAFF, negate=True, by=COMMAND), 7),
    "a person's binding negated": (
        lambda h: h.bindings.put("hello", Target(Kind.USER, "p6"), negate=True, by=COMMAND),
        5,
    ),
    "any becomes all": (lambda h: h.applications.update("hello", {"policy_engine_mode": "all"}, by=COMMAND), 4),
    "all becomes any": (lambda h: h.applications.update("desk", {"policy_engine_mode": "any"}, by=COMMAND), 1),
    "group below another": (lambda h: h.groups.set_parents("e", ["s"], by=COMMAND), 1),
    "group no longer below": (lambda h: h.groups.set_parents("c", [], by=COMMAND), 2),
    "membership given": (lambda h: h.groups.add_member("s", 7, by=COMMAND), 1),
    "membership ended": (lambda h: h.groups.remove_member("c", 2, by=COMMAND), 1),
    "memberships ended in bulk": (_removed_in_bulk, 2),
    "group deleted": (lambda h: h.groups.delete("s", by=COMMAND), 3),
    "superuser no more": (lambda h: h.groups.update("b", is_superuser=False, force=True, by=COMMAND), 0),
    "expression changed": (
        lambda h: h.policies.update("level", expression="user.email.endsWith('.com')", by=COMMAND),
        5,
    ),
    "expression that errs": (
        lambda h: h.policies.update("level", expression="user.attributes.nothing == 1", by=COMMAND),
        3,
    ),
    "expression that cannot be read": (_by_hand, 3),
    "policy deleted": (lambda h: h.policies.delete("level", by=COMMAND), 3),
    "policy that errs bound": (lambda h: h.bindings.put("desk", BROKEN, by=COMMAND), 1),
    "policy about the time bound": (lambda h: h.bindings.put("hello", HOURS, by=COMMAND), 4),
    "policy about reputation bound": (
        lambda h: h.bindings.put("hello", Target(Kind.POLICY, "standing"), by=COMMAND),
        4,
    ),
    "policy that never passes bound": (lambda h: h.bindings.put("desk", Target(Kind.POLICY, "failed"), by=COMMAND), 1),
    "application disabled": (lambda h: h.applications.disable("hello", by=COMMAND), 4),
    "application bound": (lambda h: h.applications.update("open", {"access": "bound"}, by=COMMAND), 8),
    "application open": (lambda h: h.applications.update("wiki", {"access": "everyone"}, by=COMMAND), 5),
    "application deleted": (lambda h: h.applications.delete("open", by=COMMAND), 8),
    "application made": (lambda h: h.applications.create("new", access="everyone", by=COMMAND), 8),
    "user disabled": (lambda h: h.users.disable(6, by=COMMAND), 3),
    "user enabled": (lambda h: h.users.enable(9, by=COMMAND), 3),
    "user deleted": (lambda h: h.users.delete(6, by=COMMAND), 3),
    "user made": (lambda h: h.users.create("p10", by=COMMAND), 1),
    "attributes changed": (lambda h: h.users.update(7, attributes={"level": 9}, by=COMMAND), 1),
    "group renamed": (lambda h: h.groups.update("s", name="all-staff", by=COMMAND), 0),
    "two at once": (_both, 5),
    "nothing": (lambda h: h.applications.update("hello", {"name": "Hello"}, by=COMMAND), 0),
}


class _Undo(Exception):
    pass


async def made(house: House, step: Step) -> dict[tuple[str, str], Access]:
    """Who may open what once the change is made; it is taken back."""
    found = {}
    with pytest.raises(_Undo):
        async with house.database.together():
            await step(house)
            found = await house.asked()
            raise _Undo
    return found


async def test_it_says_what_making_the_change_does(house: House) -> None:
    before = await house.asked()
    for name, (step, differing) in STEPS.items():
        rehearsal = await rehearse(house.database, partial(step, house), Question(house.clock.now()))
        after = await made(house, step)
        expected = {
            key: (before.get(key, Access.NO), after.get(key, Access.NO))
            for key in before.keys() | after.keys()
            if before.get(key, Access.NO) is not after.get(key, Access.NO)
        }
        assert told(rehearsal) == expected, name
        assert len(expected) == differing, name
        assert not rehearsal.simulation.truncated
    assert await house.asked() == before


async def everything(database: Database) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table."""
    found = {}
    async with database.reading() as r:
        for name in sorted(Base.metadata.tables):
            rows = await r.execute(text(f'SELECT * FROM "{name}"'))
            found[name] = sorted(tuple(map(str, row)) for row in rows)
    return found


async def test_nothing_is_written_whatever_happens(house: House) -> None:
    before = await everything(house.database)
    assert before["users"]
    assert before["feed"]
    assert before["events"]

    async def fails() -> None:
        await house.groups.delete("s", by=COMMAND)
        await house.bindings.remove("hello", CREW, by=COMMAND)

    await rehearse(house.database, partial(_both, house), Question(house.clock.now()))
    with pytest.raises(NotFound):
        await rehearse(house.database, fails, Question(house.clock.now()))
    assert await everything(house.database) == before


async def test_people_come_in_batches_and_progress_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_rows, "BATCH", 2)
    heard: list[tuple[int, int]] = []
    rehearsal = await rehearse(
        house.database,
        lambda: house.applications.disable("open", by=COMMAND),
        Question(house.clock.now()),
        progress=lambda done, total: heard.append((done, total)),
    )
    assert rehearsal.simulation.people.loses == 8
    assert heard == [(0, 9), (2, 9), (4, 9), (6, 9), (8, 9), (9, 9), (9, 9)]


async def test_what_is_open_to_anybody_is_told_apart(house: House) -> None:
    rehearsal = await rehearse(
        house.database,
        lambda: house.applications.update(
            "open", {}, proxy={"open_paths": ["/public"], "skip_path_regex": "^/a.*$"}, by=COMMAND
        ),
        Question(house.clock.now()),
    )
    (opened,) = rehearsal.doors.items()
    assert rehearsal.applications[opened[0]].slug == "open"
    assert opened[1] == (frozenset(), frozenset({"/public", "what matches ^/a.*$"}))
    assert rehearsal.simulation.differences == []


async def test_what_others_do_meanwhile_is_not_taken_for_the_change(house: House) -> None:
    """On SQLite nobody writes meanwhile: a simulation works on a copy."""
    if house.database.is_sqlite:
        pytest.skip("one writer at a time")
    other = Database(house.database.engine)
    elsewhere = Groups(database=other, clock=house.clock)

    async def change() -> None:
        await asyncio.create_task(elsewhere.add_member("s", 7, by=COMMAND), context=Context())
        await house.applications.update("hello", {"name": "Hello"}, by=COMMAND)

    rehearsal = await rehearse(house.database, change, Question(house.clock.now()))
    assert rehearsal.simulation.differences == []
    assert (await house.asked())["hello", "p7"] is Access.YES


async def test_nobody_waits_for_the_rest_of_a_simulation(house: House) -> None:
    """The locks that the change takes are gone when the people are read."""
    if house.database.is_sqlite:
        pytest.skip("one writer at a time")
    other = Groups(database=Database(house.database.engine), clock=house.clock)
    tried: list[bool] = []

    async def elsewhere() -> None:
        async with asyncio.timeout(2):
            tried.append(await other.add_member("s", 7, by=COMMAND))

    waiting: list[asyncio.Task[None]] = []

    def progress(done: int, total: int) -> None:
        if not waiting:
            waiting.append(asyncio.get_running_loop().create_task(elsewhere(), context=Context()))

    async def change() -> None:
        await house.groups.set_parents("e", ["s"], by=COMMAND)
        await house.bindings.remove("hello", STAFF, by=COMMAND)

    await rehearse(house.database, change, Question(house.clock.now()), progress=progress)
    await waiting[0]
    assert tried == [True]
