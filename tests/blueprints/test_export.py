"""What is there, written as a blueprint: applied where it came from it changes nothing, elsewhere it makes the same."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ostiary.blueprints.apply import Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.export import Export
from ostiary.directory.groups import Groups
from ostiary.directory.roles import Roles
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.blueprints.kinds import blueprints, kinds
from tests.clock import FakeClock

ATTRIBUTES = {
    "text": "two\nlines\n",
    "date": "2026-01-01",
    "yes": "yes",
    "number": "5",
    "odd": "a: [b] #c \x85",
    "n": 5,
}


@pytest.fixture
async def second(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Another fresh installation."""
    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "second.sqlite3")
    opened = Database(open_engine(f"sqlite:///{tmp_path / 'second.sqlite3'}"))
    yield opened
    await opened.close()


async def fill(database: Database, clock: FakeClock, attribute: str = "hunter2") -> None:
    groups = Groups(database=database, clock=clock)
    people = await groups.create("zz people", by=COMMAND)
    await groups.create("staff", parents=["zz people"], attributes=ATTRIBUTES, by=COMMAND)
    await groups.create("Staff", parents=["staff", "zz people"], is_superuser=True, by=COMMAND)
    await groups.create("keeper", attributes={"deep": {"api_token": attribute}, "colour": "red"}, by=COMMAND)
    roles = Roles(database=database, clock=clock)
    helpers = await roles.create("helpers", by=COMMAND)
    await roles.permit(helpers.id, ["authentik_core.view_user"], by=COMMAND)
    await roles.permit(helpers.id, ["authentik_core.change_group"], object_pk=people.id, by=COMMAND)
    await roles.permit(helpers.id, ["authentik_rbac.view_role"], object_pk=helpers.id, by=COMMAND)


async def exported(database: Database, clock: FakeClock, *models: str) -> str:
    async with database.reading() as r:
        return await Export(kinds(database, clock)).written(r, models)


def source(text: str) -> Source:
    return Source(read("export.yaml", text.encode()))


async def test_applied_where_it_came_from_it_changes_nothing(database: Database, clock: FakeClock) -> None:
    await fill(database, clock)
    text = await exported(database, clock)
    outcome = await blueprints(database, clock).plan([source(text)], by=COMMAND)
    assert (outcome.changes, outcome.unchanged) == ([], 7)


async def test_applied_to_nothing_it_makes_the_same(database: Database, clock: FakeClock, second: Database) -> None:
    await fill(database, clock, attribute="")
    text = await exported(database, clock)
    await blueprints(second, clock).apply([source(text)], by=COMMAND)
    assert await exported(second, clock) == text


async def test_no_secret_is_written_and_a_comment_says_where(database: Database, clock: FakeClock) -> None:
    await fill(database, clock)
    text = await exported(database, clock)
    assert "hunter2" not in text
    assert "    # attributes holds a secret, api_token, and is left out\n" in text


async def test_references_are_names_and_come_after_what_they_name(database: Database, clock: FakeClock) -> None:
    await fill(database, clock)
    text = await exported(database, clock)
    assert [line.strip() for line in text.split("\n") if "id: " in line] == [
        "id: group-keeper",
        "id: group-zz-people",
        "id: group-staff-2",
        "id: group-staff",
        "id: role-helpers",
    ]
    assert "    parents:\n      - !KeyOf 'group-staff-2'\n      - !KeyOf 'group-zz-people'\n" in text
    assert "pk" not in text


async def test_an_empty_installation_is_an_empty_list(database: Database, clock: FakeClock) -> None:
    text = await exported(database, clock)
    assert yaml.safe_load(text)["entries"] == []
    assert (await blueprints(database, clock).plan([source(text)], by=COMMAND)).changes == []


async def test_a_model_that_does_not_exist_is_named(database: Database, clock: FakeClock) -> None:
    with pytest.raises(InvalidInput, match=r"blueprint\.model_unknown: model: There is no model authentik_core\.grup"):
        await exported(database, clock, "authentik_core.grup")
