from typing import Any

import pytest
from sqlalchemy import func, select

from ostiary.events.catalog import Action
from ostiary.events.listing import events
from ostiary.events.models import Event
from ostiary.events.record import COMMAND, SYSTEM, Actor, record
from ostiary.storage.session import Database
from tests.clock import FakeClock


async def test_an_event_is_written_with_the_change_or_not_at_all(database: Database, clock: FakeClock) -> None:
    async def change() -> None:
        async with database.writing() as w:
            await record(w, clock, Action.LOGIN, "test", SYSTEM)
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change()
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(Event)) == 0


async def test_an_event_says_who_did_what_from_where(database: Database, clock: FakeClock) -> None:
    async with database.writing() as w:
        await record(w, clock, Action.LOGIN, "sessions", Actor(7, "jane", "203.0.113.9"), method="password")
        await record(w, clock, Action.MODEL_CREATED, "directory", COMMAND, model="group")
        await record(w, clock, Action.CONFIGURATION_WARNING, "storage", SYSTEM)
    async with database.reading() as r:
        system, command, jane = await events(r)
    assert (jane.action, jane.room, jane.user, jane.client_ip) == (
        "login",
        "sessions",
        {"pk": 7, "username": "jane"},
        "203.0.113.9",
    )
    assert jane.created == clock.now()
    assert jane.context == {"method": "password"}
    assert command.user == {"username": "cli"}
    assert system.user == {}


@pytest.mark.parametrize(
    "name", ["password", "new_password", "Token", "key", "setup_code_hash_cookie", "client_secret"]
)
async def test_a_context_that_names_a_secret_is_refused(database: Database, clock: FakeClock, name: str) -> None:
    async with database.writing() as w:
        with pytest.raises(ValueError, match="may not hold"):
            await record(w, clock, Action.LOGIN, "test", SYSTEM, nested={name: "hunter2"})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("x\0y", "x�y"),
        ("\ud800", "?"),
        ("a" * 2000, "a" * 1024 + "…"),
        ({1, 3, 2}, [1, 2, 3]),
        (("a", None, True), ["a", None, True]),
        (list(range(500)), list(range(100))),
        (Action.LOGIN, "login"),
    ],
)
async def test_hostile_and_long_values_are_made_fit(
    database: Database, clock: FakeClock, given: Any, stored: Any
) -> None:
    async with database.writing() as w:
        await record(w, clock, Action.LOGIN, "test", SYSTEM, value=given)
    async with database.reading() as r:
        assert (await events(r))[0].context == {"value": stored}


async def test_deep_values_are_cut_into_text(database: Database, clock: FakeClock) -> None:
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"a": deep}
    async with database.writing() as w:
        await record(w, clock, Action.LOGIN, "test", SYSTEM, value=deep)
    async with database.reading() as r:
        assert len(await events(r)) == 1
