import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from ostiary.directory.models import User
from ostiary.directory.users import Users, by_username, existing, find_for_sign_in, listed
from ostiary.events.listing import events
from ostiary.events.record import COMMAND, Actor
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database, Writing
from tests.clock import FakeClock


async def test_a_user_has_canonical_fields_and_an_event(database: Database, users: Users, clock: FakeClock) -> None:
    user = await users.create(
        "Jane.Doe", name=" Jane Doé ", email="Jane@Example.COM", attributes={"room": [1, None]}, by=COMMAND
    )
    assert (user.username, user.name, user.email) == ("jane.doe", "Jane Doé", "jane@example.com")
    assert (user.type, user.path, user.is_active, user.created) == ("internal", "users", True, clock.now())
    async with database.reading() as r:
        assert (await by_username(r, "JANE.doe ")).attributes == {"room": [1, None]}
        event = (await events(r))[0]
    assert event.action == "user_write"
    assert event.context == {
        "created": True,
        "pk": user.id,
        "username": "jane.doe",
        "type": "internal",
        "groups": [],
    }


@pytest.mark.parametrize("again", ["jane", "JANE", " jane", "ｊａｎｅ"])
async def test_one_name_is_one_person(users: Users, again: str) -> None:
    await users.create("jane", by=COMMAND)
    john = await users.create("john", by=COMMAND)
    for attempt in (users.create(again, by=COMMAND), users.rename(john.id, again, by=COMMAND)):
        with pytest.raises(Conflict) as raised:
            await attempt
        assert (raised.value.code, raised.value.field) == ("user.username_taken", "username")


DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"username": "jane doe"}, "user.username_invalid", "username"),
        ({"name": "Jane\nDoe"}, "user.name_invalid", "name"),
        ({"name": "x" * 256}, "user.name_invalid", "name"),
        ({"name": "x" * 1_000_000}, "user.name_invalid", "name"),
        ({"name": "\ud800"}, "user.name_invalid", "name"),
        ({"email": "jane"}, "user.email_invalid", "email"),
        ({"email": "a@b@c"}, "user.email_invalid", "email"),
        ({"email": '"a b"@example.com'}, "user.email_invalid", "email"),
        ({"email": "jane@example..com"}, "user.email_invalid", "email"),
        ({"email": "jane@-example.com"}, "user.email_invalid", "email"),
        ({"email": "jane doe@example.com"}, "user.email_invalid", "email"),
        ({"email": "x" * 250 + "@example.com"}, "user.email_invalid", "email"),
        ({"type": "robot"}, "user.type_invalid", "type"),
        ({"path": "/users"}, "user.path_invalid", "path"),
        ({"path": "users//staff"}, "user.path_invalid", "path"),
        ({"path": "users/../x"}, "user.path_invalid", "path"),
        ({"path": ""}, "user.path_invalid", "path"),
        ({"attributes": []}, "attributes.invalid", "attributes"),
        ({"attributes": {"a": float("nan")}}, "attributes.invalid", "attributes"),
        ({"attributes": {"a": "\0"}}, "attributes.invalid", "attributes"),
        ({"attributes": {"a": "\ud800"}}, "attributes.invalid", "attributes"),
        ({"attributes": {"a": "x" * 16_400}}, "attributes.invalid", "attributes"),
        ({"attributes": {"a": object()}}, "attributes.invalid", "attributes"),
        ({"attributes": DEEP}, "attributes.invalid", "attributes"),
        ({"password": "short"}, "password.too_short", "password"),
        ({"type": "service_account", "password": "long enough"}, "user.service_account_password", "password"),
        ({"groups": ["nowhere"]}, "group.not_found", "group"),
    ],
)
async def test_bad_input_is_one_sentence_and_writes_nothing(
    database: Database, users: Users, fields: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(OstiaryError) as raised:
        await users.create(**{"username": "jane", "by": COMMAND, **fields})
    assert (raised.value.code, raised.value.field) == (code, field)
    assert raised.value.message.startswith(f"{field}: ")
    assert raised.value.message.endswith(".")
    async with database.reading() as r:
        assert await listed(r) == []
        assert await events(r) == []


async def test_a_change_is_recorded_without_what_attributes_hold(database: Database, users: Users) -> None:
    jane = await users.create("jane", email="jane@example.com", attributes={"pin": "1111", "room": "1"}, by=COMMAND)
    await users.update(jane.id, name="Jane", attributes={"pin": "2222", "room": "1"}, by=COMMAND)
    await users.update(jane.id, name="Jane", by=COMMAND)
    async with database.reading() as r:
        newest, created = await events(r)
    assert newest.context["changes"] == {"name": ["", "Jane"], "attributes": ["pin"]}
    assert created.context["created"] is True


async def test_renaming_keeps_the_person(database: Database, users: Users) -> None:
    jane = await users.create("jane", by=COMMAND)
    await users.rename(jane.id, "Jane.Smith", by=COMMAND)
    async with database.reading() as r:
        assert (await by_username(r, "jane.smith")).id == jane.id
        with pytest.raises(NotFound) as raised:
            await by_username(r, "jane")
    assert raised.value.code == "user.not_found"


async def test_a_password_change_and_disabling_end_sessions_in_the_same_transaction(
    database: Database, users: Users
) -> None:
    ended: list[tuple[int, str | None]] = []

    async def listener(w: Writing, user_id: int, keep: str | None) -> None:
        assert (await w.execute(text("SELECT 1"))).scalar() == 1
        ended.append((user_id, keep))

    jane = await users.create("jane", password="first password", by=COMMAND)
    users.on_credentials_changed.append(listener)
    await users.set_password(jane.id, "second password", keep_session="s1", by=Actor(jane.id, "jane"))
    await users.set_password(jane.id, "third password", by=COMMAND)
    await users.disable(jane.id, by=COMMAND)
    await users.enable(jane.id, by=COMMAND)
    await users.delete(jane.id, by=COMMAND)
    assert ended == [(jane.id, "s1"), (jane.id, None), (jane.id, None), (jane.id, None)]
    async with database.reading() as r:
        actions = [event.action for event in reversed(await events(r))]
    assert actions == ["user_write", "password_set", "password_set", "user_write", "user_write", "model_deleted"]


async def test_a_failing_listener_keeps_the_old_password(database: Database, users: Users) -> None:
    async def listener(w: Writing, user_id: int, keep: str | None) -> None:
        raise RuntimeError("sessions cannot be ended")

    jane = await users.create("jane", password="first password", by=COMMAND)
    users.on_credentials_changed.append(listener)
    with pytest.raises(RuntimeError):
        await users.set_password(jane.id, "second password", by=COMMAND)
    async with database.reading() as r:
        assert (await existing(r, jane.id)).password_hash == jane.password_hash


async def test_programs_have_no_password(users: Users) -> None:
    robot = await users.create("robot", type="service_account", by=COMMAND)
    jane = await users.create("jane", password="first password", by=COMMAND)
    with pytest.raises(InvalidInput):
        await users.set_password(robot.id, "long enough", by=COMMAND)
    with pytest.raises(InvalidInput):
        await users.update(jane.id, type="service_account", by=COMMAND)


async def test_whom_a_sign_in_means(database: Database, users: Users) -> None:
    jane = await users.create("jane", email="both@example.com", by=COMMAND)
    named_like_an_address = await users.create("john@example.com", by=COMMAND)
    await users.create("other", email="john@example.com", by=COMMAND)
    await users.create("third", email="third@example.com", by=COMMAND)
    await users.create("fourth", email="third@example.com", by=COMMAND)
    async with database.reading() as r:
        for typed, expected in (
            ("JANE", jane),
            ("Both@Example.com", jane),
            ("john@example.com", named_like_an_address),
            ("third@example.com", None),
            ("", None),
            ("@", None),
            ("x" * 600, None),
            ("\0", None),
        ):
            found = await find_for_sign_in(r, typed)
            assert (found and found.id) == (expected and expected.id), typed


async def test_listing_pages_and_searches(database: Database, users: Users) -> None:
    for name in ("carol", "alice", "bob"):
        await users.create(name, name=f"{name} 100%", email=f"{name}@example.com", by=COMMAND)
    async with database.reading() as r:
        assert [user.username for user in await listed(r)] == ["alice", "bob", "carol"]
        assert [user.username for user in await listed(r, limit=1, after="alice")] == ["bob"]
        assert [user.username for user in await listed(r, search="BOB@")] == ["bob"]
        assert len(await listed(r, search="100%")) == 3
        assert await listed(r, search="_") == []


async def test_unknown_users_are_not_found(users: Users) -> None:
    for attempt in (
        users.disable(7, by=COMMAND),
        users.enable(7, by=COMMAND),
        users.delete(7, by=COMMAND),
        users.rename(7, "x1", by=COMMAND),
        users.set_password(7, "long enough", by=COMMAND),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_changes_at_once_end_in_a_sentence_and_never_in_an_error(
    database_url: str, database: Database, clock: FakeClock, users: Users
) -> None:
    other_database = Database(open_engine(database_url))
    other = Users(database=other_database, clock=clock, passwords=users._passwords)
    for number in range(5):
        user = await users.create(f"user{number}", by=COMMAND)
        done = await asyncio.gather(
            users.delete(user.id, by=COMMAND),
            other.rename(user.id, f"renamed{number}", by=COMMAND),
            users.disable(user.id, by=COMMAND),
            other.set_password(user.id, "a good password", by=COMMAND),
            other.delete(user.id, by=COMMAND),
            return_exceptions=True,
        )
        assert all(result is None or isinstance(result, User | NotFound) for result in done), done
        assert [result for result in (done[0], done[4]) if result is None] == [None]
    await other_database.close()
