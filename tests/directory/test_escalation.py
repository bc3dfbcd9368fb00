from collections.abc import Awaitable, Callable

import pytest

from ostiary.directory import escalation
from ostiary.directory.models import Group, GroupParent, Membership, Role, RoleGroup, RolePermission, RoleUser, User
from ostiary.directory.permissions import Permissions, permissions_of
from ostiary.kit.errors import Refused
from ostiary.storage.session import Database, Reading
from tests.clock import FakeClock

ADMIN, HELPER, PLAIN, OTHER = 1, 2, 3, 4
CHANGE_USER, VIEW_USER = "authentik_core.change_user", "authentik_core.view_user"
HELD = (CHANGE_USER, "authentik_core.add_user_to_group", escalation.CHANGE_ROLE)

Ask = Callable[[Reading, Permissions], Awaitable[None]]


@pytest.fixture
async def people(database: Database, clock: FakeClock) -> None:
    """A superuser by inheritance, a helper, somebody with nothing, somebody with one permission more."""
    async with database.writing() as w:
        for pk, name in ((ADMIN, "admin"), (HELPER, "helper"), (PLAIN, "plain"), (OTHER, "other")):
            w.add(User(id=pk, username=name, created=clock.now()))
        w.add_all([Group(id="top", name="top", is_superuser=True), Group(id="team", name="team")])
        w.add_all([Group(id="above", name="above"), Group(id="wide", name="wide"), Group(id="empty", name="empty")])
        w.add_all([Role(id="help", name="help"), Role(id="more", name="more")])
        await w.flush()
        # Members of the team are superusers, and the top group is itself below one that is not.
        w.add_all([GroupParent(group_id="team", parent_id="top"), GroupParent(group_id="top", parent_id="above")])
        w.add_all([Membership(user_id=ADMIN, group_id="team"), RoleGroup(role_id="more", group_id="wide")])
        w.add_all([RoleUser(role_id="help", user_id=HELPER), RoleUser(role_id="more", user_id=OTHER)])
        w.add_all(
            [
                *(RolePermission(role_id="help", codename=codename) for codename in HELD),
                RolePermission(role_id="more", codename=VIEW_USER),
            ]
        )


ASKED: dict[str, tuple[Ask, bool]] = {
    "somebody with nothing": (lambda r, may: escalation.may_touch_user(r, may, PLAIN), True),
    "themselves": (lambda r, may: escalation.may_touch_user(r, may, HELPER), True),
    "somebody with one permission more": (lambda r, may: escalation.may_touch_user(r, may, OTHER), False),
    "a superuser by inheritance": (lambda r, may: escalation.may_touch_user(r, may, ADMIN), False),
    "a superuser group": (lambda r, may: escalation.may_touch_groups(r, may, ["top"]), False),
    "a group below a superuser group": (lambda r, may: escalation.may_touch_groups(r, may, ["team"]), False),
    "a group above a superuser group": (lambda r, may: escalation.may_touch_groups(r, may, ["above"]), True),
    "a group whose role holds more": (lambda r, may: escalation.may_touch_groups(r, may, ["wide"]), False),
    "membership of an empty group": (lambda r, may: escalation.may_give_groups(r, may, ["empty"]), True),
    "membership of one that leads up": (lambda r, may: escalation.may_give_groups(r, may, ["empty", "team"]), False),
    "membership of one whose role holds more": (lambda r, may: escalation.may_give_groups(r, may, ["wide"]), False),
    "an end of membership": (lambda r, may: escalation.may_take_groups(r, may, ["empty"]), False),
    "their own role": (lambda r, may: escalation.may_give_roles(r, may, ["help"]), True),
    "a role that holds more": (lambda r, may: escalation.may_give_roles(r, may, ["help", "more"]), False),
    "a role that holds as much": (lambda r, may: escalation.may_touch_roles(r, may, ["help"]), True),
    "a role that holds one permission more": (lambda r, may: escalation.may_touch_roles(r, may, ["more"]), False),
    "what does not exist": (lambda r, may: escalation.may_give_groups(r, may, ["none"]), True),
}


@pytest.mark.parametrize(("ask", "passes"), ASKED.values(), ids=ASKED)
@pytest.mark.usefixtures("people")
async def test_a_helper_hands_out_only_what_they_hold(database: Database, ask: Ask, passes: bool) -> None:
    async with database.reading() as r:
        held = await permissions_of(r, HELPER)
        if passes:
            await ask(r, held)
        else:
            with pytest.raises(Refused) as refused:
                await ask(r, held)
            assert refused.value.code == "permission.raises"
            assert refused.value.field
            assert refused.value.message.startswith(f"{refused.value.field}: ")


@pytest.mark.parametrize("ask", [ask for ask, _ in ASKED.values()], ids=ASKED)
@pytest.mark.usefixtures("people")
async def test_a_superuser_may_do_all_of_it(database: Database, ask: Ask) -> None:
    async with database.reading() as r:
        await ask(r, await permissions_of(r, ADMIN))


async def test_only_who_administers_a_group_or_role_gives_it(database: Database) -> None:
    one = Permissions(objects={escalation.CHANGE_GROUP: frozenset({"g"}), escalation.CHANGE_ROLE: frozenset({"r"})})
    async with database.reading() as r:
        await escalation.may_give_groups(r, one, ["g"])
        await escalation.may_take_groups(r, one, ["g"])
        await escalation.may_give_roles(r, one, ["r"])
        for give in (escalation.may_give_groups, escalation.may_take_groups, escalation.may_give_roles):
            with pytest.raises(Refused, match=r"permission\.raises"):
                await give(r, one, ["other"])


@pytest.mark.parametrize(
    ("codename", "pk", "passes"),
    [(CHANGE_USER, None, True), (CHANGE_USER, "7", True), (VIEW_USER, "7", True), (VIEW_USER, "8", False)]
    + [(VIEW_USER, None, False), ("authentik_core.delete_user", None, False)],
)
def test_a_role_is_given_only_permissions_that_the_giver_holds(codename: str, pk: str | None, passes: bool) -> None:
    held = Permissions(everywhere=frozenset({CHANGE_USER}), objects={VIEW_USER: frozenset({"7"})})
    if passes:
        escalation.may_give_permissions(held, [codename], pk)
    else:
        with pytest.raises(Refused, match=r"permission\.raises"):
            escalation.may_give_permissions(held, [codename], pk)


def test_only_a_superuser_decides_who_is_one() -> None:
    escalation.may_make_superusers(Permissions(superuser=True))
    with pytest.raises(Refused, match=r"permission\.raises"):
        escalation.may_make_superusers(Permissions(everywhere=frozenset({"authentik_core.change_group"})))
