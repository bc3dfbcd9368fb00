"""Nothing that disappears opens a door: a binding outlives what it named, and never passes."""

import pytest

from ostiary.access.explain import rules_of
from ostiary.applications.bindings import LOST, Bindings
from ostiary.applications.registry import existing
from ostiary.directory.models import Group, User
from ostiary.events.record import COMMAND
from ostiary.kit.errors import NotFound
from ostiary.policies.engine import Kind
from ostiary.policies.models import Policy
from ostiary.policies.types import PolicyCompiler
from tests.forwardauth.house import House


async def guarded(house: House, mode: str, *, negate: bool = False) -> str:
    """Staff may enter who also satisfy a group, a person and a policy; ada's cookie."""
    door = await house.application(access="bound", policy_engine_mode=mode)
    staff, other = await house.group("staff"), await house.group("managers")
    ada = await house.person("ada", staff, *(() if negate else (other,)))
    await house.bind(door, group_id=staff)
    await house.bind(door, group_id=other, negate=negate)
    await house.bind(door, user_id=await house.person("bob"), negate=True)
    await house.bind(door, expression="user.username != ''")
    return await door.session(await house.login(ada))


@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize(
    ("model", "where"),
    [(Group, Group.name == "managers"), (Policy, Policy.name != ""), (User, User.username == "bob")],
)
async def test_where_all_are_needed_a_deleted_one_closes(
    house: House, model: type, where: object, negate: bool
) -> None:
    cookie = await guarded(house, "all", negate=negate)
    assert (await house.ask(cookie=cookie)).status == 200
    await house.delete(model, where)  # type: ignore[arg-type]
    await house.let_know()
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_where_one_is_enough_a_deleted_one_opens_nothing(house: House) -> None:
    door = await house.application(access="bound")
    gone = await house.group("gone")
    await house.bind(door, group_id=gone, negate=True)
    cookie = await door.session(await house.login(await house.person("ada")))
    assert (await house.ask(cookie=cookie)).status == 200
    await house.delete(Group, Group.id == gone)
    await house.let_know()
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_it_is_shown_and_can_be_taken_away(house: House) -> None:
    cookie = await guarded(house, "all")
    await house.delete(Group, Group.name == "managers")
    bindings = Bindings(database=house.database, clock=house.clock)
    async with house.database.reading() as r:
        rules = await rules_of(r, (await existing(r, "hello")).application, PolicyCompiler())
    assert [rule.kind for rule in rules.rules].count(Kind.LOST) == 1
    await bindings.remove("hello", LOST, by=COMMAND)
    await house.let_know()
    assert (await house.ask(cookie=cookie)).status == 200
    with pytest.raises(NotFound):
        await bindings.remove("hello", LOST, by=COMMAND)
