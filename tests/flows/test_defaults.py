"""The flows of a new installation."""

from sqlalchemy import func, select, update

from ostiary.flows import defaults
from ostiary.flows.models import Flow, Stage, StageBinding
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import house


async def test_they_are_made_once_and_left_alone_afterwards(database: Database, clock: FakeClock) -> None:
    async with house(database, clock):
        async with database.writing() as w:
            await w.execute(update(Flow).where(Flow.slug == "default-authentication-flow").values(title="Hello there"))
        async with database.writing() as w:
            await defaults.ensure(w)
        async with database.reading() as r:
            titles = {row.slug: (row.title, row.designation) for row in await r.scalars(select(Flow))}
            stages = dict((await r.execute(select(Stage.name, Stage.type))).all())
            bindings = await r.scalar(select(func.count()).select_from(StageBinding))
    assert titles == {
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
