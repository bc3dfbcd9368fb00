import pytest
from sqlalchemy import select

from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.kit.errors import OstiaryError
from ostiary.mappings.registry import Mappings, by_name, listed
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
def mappings(database: Database, clock: FakeClock) -> Mappings:
    return Mappings(database=database, clock=clock)


async def test_made_changed_listed_deleted_and_told(mappings: Mappings, database: Database) -> None:
    await mappings.create("team", "X-Team", "user.attributes.team", by=COMMAND)
    await mappings.create("all", "X-All", "user.groups", by=COMMAND)
    await mappings.update("team", new_name="crew", expression="'crew'", by=COMMAND)
    await mappings.update("crew", expression="'crew'", by=COMMAND)
    async with database.reading() as r:
        assert [(m.name, m.header, m.expression) for m in await listed(r)] == [
            ("all", "X-All", "user.groups"),
            ("crew", "X-Team", "'crew'"),
        ]
        assert (await by_name(r, " crew ")).header == "X-Team"
    await mappings.delete("all", by=COMMAND)
    async with database.reading() as r:
        events = (await r.scalars(select(Event).order_by(Event.id))).all()
    assert [event.action for event in events] == ["model_created", "model_created", "model_updated", "model_deleted"]
    assert {event.context["model"] for event in events} == {"property_mapping"}


@pytest.mark.parametrize(
    ("name", "header", "expression", "code"),
    [
        ("team", "X-Other", "'x'", "mapping.name_taken"),
        ("", "X-Other", "'x'", "mapping.name_invalid"),
        ("a\nb", "X-Other", "'x'", "mapping.name_invalid"),
        ("new", "X_Other", "'x'", "header.name_invalid"),
        ("new", "Cookie", "'x'", "header.name_reserved"),
        ("new", "X-Other", "1", "expression.not_text"),
        ("new", "X-Other", "user.phone", "expression.unknown_name"),
        ("new", "X-Other", "request.path", "expression.unknown_name"),
        ("new", "X-Other", "return user", "expression.not_cel"),
    ],
)
async def test_refusals(mappings: Mappings, name: str, header: str, expression: str, code: str) -> None:
    await mappings.create("team", "X-Team", "'x'", by=COMMAND)
    with pytest.raises(OstiaryError) as caught:
        await mappings.create(name, header, expression, by=COMMAND)
    assert caught.value.code == code


async def test_what_is_not_there(mappings: Mappings) -> None:
    for attempt in (mappings.update("none", expression="'x'", by=COMMAND), mappings.delete("none", by=COMMAND)):
        with pytest.raises(OstiaryError) as caught:
            await attempt
        assert caught.value.code == "mapping.not_found"
