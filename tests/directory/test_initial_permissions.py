import pytest

from ostiary.directory.groups import Groups
from ostiary.directory.initial_permissions import Initial
from ostiary.directory.permissions import permissions_of
from ostiary.directory.roles import Roles
from ostiary.directory.users import Users
from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database
from tests.clock import FakeClock

APPLICATION = "authentik_core.application"
VIEW, CHANGE = "authentik_core.view_application", "authentik_core.change_application"


@pytest.fixture
def initial(database: Database, clock: FakeClock, roles: Roles) -> Initial:
    return Initial(database=database, clock=clock, roles=roles)


async def test_who_makes_an_object_gets_the_initial_permissions_of_their_roles_on_it_alone(
    database: Database, initial: Initial, roles: Roles, users: Users, groups: Groups
) -> None:
    makers, others = await roles.create("makers", by=COMMAND), await roles.create("others", by=COMMAND)
    team = await groups.create("team", by=COMMAND)
    await groups.create("squad", parents=["team"], by=COMMAND)
    jane = await users.create("jane", groups=["squad"], by=COMMAND)
    john = await users.create("john", by=COMMAND)
    await roles.add_group(makers.id, team.id, by=COMMAND)
    await roles.add_user(others.id, john.id, by=COMMAND)
    mine = await initial.create("mine", role_id=makers.id, names=[VIEW, "authentik_core.view_group"], by=COMMAND)
    await initial.create("theirs", role_id=others.id, names=[CHANGE], by=COMMAND)
    await initial.give(jane.id, APPLICATION, "a", by=COMMAND)
    await initial.update(mine.id, names=[CHANGE], by=COMMAND)
    await initial.give(jane.id, APPLICATION, "b", by=COMMAND)
    await initial.give(jane.id, "authentik_core.group", "c", by=COMMAND)
    await initial.delete(mine.id, by=COMMAND)
    await initial.give(jane.id, APPLICATION, "d", by=COMMAND)
    async with database.reading() as r:
        held = await permissions_of(r, jane.id)
        assert held.objects == {VIEW: {"a"}, CHANGE: {"b"}}
        assert not held.everywhere
        assert not (await permissions_of(r, john.id)).objects


async def test_what_cannot_be_is_refused(initial: Initial, roles: Roles) -> None:
    role = await roles.create("one", by=COMMAND)
    made = await initial.create("mine", role_id=role.id, names=[VIEW], by=COMMAND)
    await initial.create("more", role_id=role.id, names=[], by=COMMAND)
    for attempt, code in (
        (initial.create("mine", role_id=role.id, names=[], by=COMMAND), "initial_permissions.name_taken"),
        (initial.update(made.id, name="more", by=COMMAND), "initial_permissions.name_taken"),
        (initial.create("x", role_id="none", names=[], by=COMMAND), "role.not_found"),
        (initial.update(made.id, role_id="none", by=COMMAND), "role.not_found"),
        (initial.update(made.id, names=["authentik_core.add_user"], by=COMMAND), "permission.not_of_one_object"),
        (initial.update(made.id, names=["authentik_flows.change_flow"], by=COMMAND), "permission.superusers_only"),
        (initial.update(999, by=COMMAND), "initial_permissions.not_found"),
        (initial.delete(999, by=COMMAND), "initial_permissions.not_found"),
    ):
        with pytest.raises((Conflict, InvalidInput, NotFound)) as refused:
            await attempt
        assert refused.value.code == code
