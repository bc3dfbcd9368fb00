import pytest

from ostiary.events.record import COMMAND
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.policies.registry import Policies, by_name, listed, uses
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
def policies(database: Database, clock: FakeClock) -> Policies:
    return Policies(database=database, clock=clock)


async def test_made_changed_deleted(policies: Policies, database: Database) -> None:
    await policies.create("office", "now.getHours('UTC') >= 8", by=COMMAND)
    await policies.create("admins", "user.is_superuser", by=COMMAND)
    await policies.update("office", new_name="office-hours", expression="now.getHours('UTC') >= 9", by=COMMAND)
    async with database.reading() as r:
        assert [policy.name for policy in await listed(r)] == ["admins", "office-hours"]
        policy = await by_name(r, "office-hours")
        assert policy.expression == "now.getHours('UTC') >= 9"
        assert await uses(r, policy) == 0
    assert await policies.delete("admins", by=COMMAND) == 0
    with pytest.raises(NotFound) as caught:
        await policies.delete("admins", by=COMMAND)
    assert (caught.value.code, caught.value.field) == ("policy.not_found", "policy")


async def test_what_is_stored_compiles(policies: Policies, database: Database) -> None:
    await policies.create("p", "true", by=COMMAND)
    for expression in ("user.nam == 'x'", "user.name", "return True", ""):
        with pytest.raises(InvalidInput) as caught:
            await policies.create("q", expression, by=COMMAND)
        assert caught.value.code.startswith("expression.")
        with pytest.raises(InvalidInput):
            await policies.update("p", expression=expression, by=COMMAND)
    async with database.reading() as r:
        assert [(policy.name, policy.expression) for policy in await listed(r)] == [("p", "true")]


async def test_names(policies: Policies) -> None:
    await policies.create(" p ", "true", by=COMMAND)
    for name in ("p", "p "):
        with pytest.raises(Conflict) as caught:
            await policies.create(name, "true", by=COMMAND)
        assert (caught.value.code, caught.value.field) == ("policy.name_taken", "name")
    await policies.create("q", "true", by=COMMAND)
    with pytest.raises(Conflict):
        await policies.update("q", new_name="p", by=COMMAND)
    for name in ("", " ", "a\nb", "x" * 151, "\u202ex"):
        with pytest.raises(InvalidInput) as wrong:
            await policies.create(name, "true", by=COMMAND)
        assert wrong.value.code == "policy.name_invalid"
