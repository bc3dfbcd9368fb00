"""The flows of a new installation, which are blueprints."""

import sys

import pytest
from sqlalchemy import delete, func, select, update

from ostiary.blueprints.first import make
from ostiary.blueprints.models import BlueprintInstance
from ostiary.blueprints.shipped import available
from ostiary.flows import defaults
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.kit.errors import Unavailable
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
async def new(database: Database) -> Database:
    """An installation before its first start."""
    async with database.writing() as w:
        for model in (StageBinding, Stage, Flow):
            await w.execute(delete(model))
    return database


async def state(database: Database) -> tuple[dict[str, tuple[str, str]], dict[str, str], int]:
    async with database.reading() as r:
        flows = {row.slug: (row.title, row.designation) for row in await r.scalars(select(Flow))}
        stages = dict((await r.execute(select(Stage.name, Stage.type))).all())
        return flows, stages, await r.scalar(select(func.count()).select_from(StageBinding)) or 0


async def test_they_are_made_once_and_left_alone_afterwards(new: Database, clock: FakeClock) -> None:
    assert await make(new, clock) == list(defaults.DEFAULTS)
    async with new.writing() as w:
        await w.execute(update(Flow).where(Flow.slug == "default-authentication-flow").values(title="Hello there"))
    assert await make(new, clock) == []
    flows, stages, bindings = await state(new)
    assert flows == {
        "default-authentication-flow": ("Hello there", "authentication"),
        "default-invalidation-flow": ("Sign out", "invalidation"),
        "default-provider-authorization-implicit-consent": ("Going on to the application", "authorization"),
        "default-provider-invalidation-flow": ("You have left the application", "invalidation"),
        "initial-setup": ("Welcome", "stage_configuration"),
    }
    assert stages == {
        "default-authentication-identification": "identification",
        "default-authentication-password": "password",
        "default-authentication-login": "user_login",
        "default-invalidation-logout": "user_logout",
        "initial-setup": "initial_setup",
    }
    assert bindings == 6


async def test_the_password_is_asked_for_beside_the_name(new: Database, clock: FakeClock) -> None:
    await make(new, clock)
    async with new.reading() as r:
        stages = {stage.name: stage for stage in await r.scalars(select(Stage))}
    config = stages["default-authentication-identification"].config
    assert config["password_stage"] == stages["default-authentication-password"].id
    assert config["user_fields"] == ["email", "username"]


async def test_one_that_is_gone_comes_back_and_others_keep_what_was_taken_from_them(
    new: Database, clock: FakeClock
) -> None:
    await make(new, clock)
    async with new.writing() as w:
        await w.execute(delete(Flow).where(Flow.slug == "default-provider-invalidation-flow"))
        password = select(Stage.id).where(Stage.name == "default-authentication-password")
        await w.execute(delete(StageBinding).where(StageBinding.stage_id.in_(password)))
    assert await make(new, clock) == ["default-provider-invalidation-flow"]
    flows, _, bindings = await state(new)
    assert (len(flows), bindings) == (5, 5)


async def test_each_is_remembered_as_a_blueprint_that_comes_with_the_product(new: Database, clock: FakeClock) -> None:
    await make(new, clock)
    async with new.reading() as r:
        rows = {row.path: row.status for row in await r.scalars(select(BlueprintInstance))}
    assert rows == dict.fromkeys(defaults.DEFAULTS.values(), "successful")
    assert {file.path for file in available()} == set(rows)


async def test_a_start_makes_them_in_a_child_process(new: Database, database_url: str) -> None:
    loaded = set(sys.modules)
    await defaults.ensure_in_child(new, database_url)
    assert len((await state(new))[0]) == 5
    assert set(sys.modules) == loaded


async def test_a_child_that_fails_says_why(new: Database, database_url: str) -> None:
    async with new.writing() as w:
        w.add(Stage(name="default-authentication-login", type="deny", config={}))
    with pytest.raises(Unavailable, match=r"flows\.defaults_failed: .*yaml:35: entry 4 .*stage\.name_taken"):
        await defaults.ensure_in_child(new, database_url)
