from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from ostiary.access.explain import explain
from ostiary.applications.bindings import Bindings, Target
from ostiary.applications.registry import Applications
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.events.record import COMMAND
from ostiary.kit.errors import NotFound
from ostiary.policies.engine import Kind, Question
from ostiary.policies.models import Policy
from ostiary.policies.registry import Policies
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
async def hello(database: Database, clock: FakeClock) -> Applications:
    """hello is bound to staff (bob through crew), to a policy of the hour and to one that errs."""
    async with database.writing() as w:
        w.add(User(id=1, username="bob", attributes={"level": 3}, created=clock.now()))
        w.add(User(id=2, username="alice", attributes={}, created=clock.now()))
        w.add_all([Group(id="s", name="staff", is_superuser=True), Group(id="c", name="crew")])
        await w.flush()
        await w.execute(insert(GroupParent).values(group_id="c", parent_id="s"))
        await w.execute(insert(Membership).values(user_id=1, group_id="c"))
    applications, bindings = (
        Applications(database=database, clock=clock, base_url=None),
        Bindings(database=database, clock=clock),
    )
    policies = Policies(database=database, clock=clock)
    await policies.create("office", "now.getHours('UTC') < 18", by=COMMAND)
    await policies.create("level", "user.attributes.level == 3", by=COMMAND)
    await applications.create("hello", access="bound", by=COMMAND)
    await bindings.put("hello", Target(Kind.GROUP, "staff"), by=COMMAND)
    await bindings.put("hello", Target(Kind.POLICY, "office"), order=1, by=COMMAND)
    await bindings.put("hello", Target(Kind.POLICY, "level"), order=2, by=COMMAND)
    await bindings.put("hello", Target(Kind.USER, "alice"), order=3, negate=True, enabled=False, by=COMMAND)
    await applications.update("hello", {"policy_engine_mode": "all"}, by=COMMAND)
    return applications


async def lines(database: Database, clock: FakeClock, username: str) -> list[str]:
    async with database.reading() as r:
        return list((await explain(r, username, "hello", Question(clock.now()))).lines())


async def test_the_decision_and_each_rule_s_part(hello: Applications, database: Database, clock: FakeClock) -> None:
    assert await lines(database, clock, "BOB") == [
        "bob may open hello.",
        "All rules have to speak for it.",
        "  for       0  The person is in group staff.",
        "  for       1  Policy office answered true.",
        "  for       2  Policy level answered true.",
        "  idle      3  The binding is disabled.",
        "The answer depends on the request or the time.",
    ]
    assert await lines(database, clock, "alice") == [
        "alice may not open hello.",
        "All rules have to speak for it.",
        "  against   0  The person is not in group staff.",
        "  for       1  Policy office answered true.",
        '  error     2  Policy level failed, so it does not pass: NOT_FOUND: Key not found in map : "level"',
        "  idle      3  The binding is disabled.",
    ]


async def test_closed_doors_say_so(hello: Applications, database: Database, clock: FakeClock) -> None:
    await hello.disable("hello", by=COMMAND)
    assert (await lines(database, clock, "bob"))[0] == "bob may not open hello."
    assert (await lines(database, clock, "bob"))[-1] == "  against The application is disabled."
    async with database.writing() as w:
        await w.execute(update(User).values(is_active=False))
    assert (await lines(database, clock, "bob"))[-1] == "  against The account is disabled."


async def test_a_policy_that_no_release_can_read_denies(
    hello: Applications, database: Database, clock: FakeClock
) -> None:
    async with database.writing() as w:
        await w.execute(update(Policy).where(Policy.name == "office").values(expression="import os"))
    found = await lines(database, clock, "bob")
    assert found[0] == "bob may not open hello."
    assert "  error     1  Policy office cannot be read, so it never passes." in found


async def test_everyone_and_the_end_of_a_binding(hello: Applications, database: Database, clock: FakeClock) -> None:
    bindings = Bindings(database=database, clock=clock)
    await bindings.put("hello", Target(Kind.GROUP, "staff"), expires=clock.now() + timedelta(hours=1), by=COMMAND)
    assert (await lines(database, clock, "bob"))[-1] == "A binding ends at 2026-06-01 13:00 UTC."
    await hello.update("hello", {"access": "everyone"}, by=COMMAND)
    assert await lines(database, clock, "alice") == [
        "alice may open hello.",
        "  for     Everyone who is signed in may open it.",
    ]


async def test_who_or_what_does_not_exist(hello: Applications, database: Database, clock: FakeClock) -> None:
    async with database.reading() as r:
        for username, slug, code in (("carol", "hello", "user.not_found"), ("bob", "hallo", "application.not_found")):
            with pytest.raises(NotFound) as caught:
                await explain(r, username, slug, Question(clock.now()))
            assert caught.value.code == code
