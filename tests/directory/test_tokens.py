from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update

from ostiary.applications.models import Application
from ostiary.directory.groups import Groups
from ostiary.directory.membership import groups_of
from ostiary.directory.models import Token, User
from ostiary.directory.service_accounts import ServiceAccounts
from ostiary.directory.tokens import Tokens, listed, named
from ostiary.directory.users import Users
from ostiary.events.listing import events
from ostiary.events.models import Event
from ostiary.events.record import COMMAND, Actor
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from tests.clock import FakeClock


@pytest.fixture
async def jane(users: Users) -> User:
    return await users.create("jane", by=COMMAND)


async def found(database: Database, tokens: Tokens, key: str, intent: str = "api") -> str | None:
    async with database.reading() as r:
        pair = await tokens.find(r, key, intent=intent)
    return pair[0].identifier if pair else None


async def test_a_key_is_long_shown_once_and_stored_as_a_keyed_hash(
    database: Database, tokens: Tokens, jane: User
) -> None:
    token, key = await tokens.create("ci", user_id=jane.id, expires=None, description="for CI", by=COMMAND)
    assert len(key) == 60
    assert await found(database, tokens, key) == "ci"
    async with database.reading() as r:
        row = (await r.execute(text("SELECT * FROM tokens"))).one()
        log = repr([event.context for event in await events(r)])
    assert key not in repr(row)
    assert key not in log
    assert token.key_hash not in log
    for length in range(len(key)):
        assert await found(database, tokens, key[:length]) is None
    assert await found(database, tokens, key + "x") is None
    assert await found(database, tokens, "\ud800\0") is None
    assert await found(database, tokens, "x" * 1_000_000) is None


async def test_a_token_ends_with_its_time_its_deletion_and_its_person(
    database: Database, tokens: Tokens, users: Users, clock: FakeClock, jane: User
) -> None:
    _, short = await tokens.create("short", user_id=jane.id, expires=clock.now() + timedelta(minutes=5), by=COMMAND)
    _, lasting = await tokens.create("lasting", user_id=jane.id, expires=None, by=COMMAND)
    _, doomed = await tokens.create("doomed", user_id=jane.id, expires=None, by=COMMAND)
    clock.advance(299)
    assert await found(database, tokens, short) == "short"
    clock.advance(1)
    assert await found(database, tokens, short) is None
    await tokens.delete("doomed", by=COMMAND)
    assert await found(database, tokens, doomed) is None
    await users.disable(jane.id, by=COMMAND)
    assert await found(database, tokens, lasting) is None
    await users.enable(jane.id, by=COMMAND)
    assert await found(database, tokens, lasting) == "lasting"
    await users.delete(jane.id, by=COMMAND)
    assert await found(database, tokens, lasting) is None


async def test_an_app_password_is_for_one_application_and_no_api_token(
    database: Database, tokens: Tokens, clock: FakeClock, jane: User
) -> None:
    async with database.writing() as w:
        w.add(Application(id="id-mail", slug="mail", name="Mail", access="bound", created=clock.now()))
    token, key = await tokens.create(
        "mail", user_id=jane.id, intent="app_password", application="mail", expires=None, by=COMMAND
    )
    assert (token.application, token.application_id) == ("mail", "id-mail")
    assert await found(database, tokens, key, "app_password") == "mail"
    assert await found(database, tokens, key, "api") is None
    with pytest.raises(NotFound, match=r"token\.application_unknown"):
        await tokens.create(
            "wiki", user_id=jane.id, intent="app_password", application="wiki", expires=None, by=COMMAND
        )


async def test_a_freed_slug_hands_nobody_the_app_passwords_of_before(
    database: Database, tokens: Tokens, clock: FakeClock, jane: User
) -> None:
    async with database.writing() as w:
        w.add(Application(id="id-mail", slug="mail", name="Mail", access="bound", created=clock.now()))
    keys = []
    for name in ("one", "two"):
        _, key = await tokens.create(
            name, user_id=jane.id, intent="app_password", application="mail", expires=None, by=COMMAND
        )
        keys.append(key)
    async with database.writing() as w:
        await w.execute(update(Application).values(slug="post"))
        w.add(Application(id="id-other", slug="mail", name="Mail", access="bound", created=clock.now()))
    async with database.reading() as r:
        stored = await tokens.find(r, keys[0], intent="app_password")
    assert stored is not None
    assert stored[0].application_id == "id-mail"
    async with database.writing() as w:
        await w.execute(delete(Application).where(Application.id == "id-mail"))
    assert [await found(database, tokens, key, "app_password") for key in keys] == [None, None]


async def test_rotation_gives_a_new_key_and_as_much_time(
    database: Database, tokens: Tokens, clock: FakeClock, jane: User
) -> None:
    _, old = await tokens.create("ci", user_id=jane.id, expires=clock.now() + timedelta(days=10), by=COMMAND)
    clock.advance(9 * 86_400)
    token, new = await tokens.rotate("ci", by=COMMAND)
    assert token.expires == clock.now() + timedelta(days=10)
    assert await found(database, tokens, old) is None
    assert await found(database, tokens, new) == "ci"
    async with database.reading() as r:
        event = (await events(r))[0]
    assert event.action == "secret_rotate"
    assert new not in repr(event.context)


async def test_a_key_is_found_after_the_secret_key_was_replaced(
    database: Database, clock: FakeClock, tokens: Tokens, jane: User
) -> None:
    _, key = await tokens.create("ci", user_id=jane.id, expires=None, by=COMMAND)
    rotated = Secrets(["n" * 32, "a key for tests only, long enough to be taken"])
    assert await found(database, Tokens(database=database, clock=clock, secrets=rotated), key) == "ci"
    other = Secrets(["n" * 32])
    assert await found(database, Tokens(database=database, clock=clock, secrets=other), key) is None


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"identifier": "a b"}, "token.identifier_invalid", "identifier"),
        ({"identifier": ""}, "token.identifier_invalid", "identifier"),
        ({"identifier": "x" * 256}, "token.identifier_invalid", "identifier"),
        ({"intent": "verification"}, "token.intent_invalid", "intent"),
        ({"intent": "app_password"}, "token.application_invalid", "application"),
        ({"application": "mail"}, "token.application_invalid", "application"),
        ({"intent": "app_password", "application": "a/b"}, "token.application_invalid", "application"),
        ({"description": "a\nb"}, "description.invalid", "description"),
    ],
)
async def test_bad_input_is_one_sentence_and_writes_nothing(
    database: Database, tokens: Tokens, jane: User, changed: dict[str, str], code: str, field: str
) -> None:
    given = {"identifier": "ci", "intent": "api", **changed}
    with pytest.raises(InvalidInput) as raised:
        await tokens.create(
            given["identifier"],
            user_id=jane.id,
            intent=given["intent"],
            application=given.get("application"),
            description=given.get("description", ""),
            expires=None,
            by=COMMAND,
        )
    assert (raised.value.code, raised.value.field) == (code, field)
    assert raised.value.message.startswith(f"{field}: ")
    async with database.reading() as r:
        assert await listed(r) == []


async def test_names_are_unique_the_past_is_refused_and_the_unknown_is_not_found(
    tokens: Tokens, clock: FakeClock, jane: User
) -> None:
    await tokens.create("ci", user_id=jane.id, expires=None, by=COMMAND)
    with pytest.raises(Conflict):
        await tokens.create("ci", user_id=jane.id, expires=None, by=COMMAND)
    with pytest.raises(InvalidInput) as raised:
        await tokens.create("late", user_id=jane.id, expires=clock.now(), by=COMMAND)
    assert raised.value.code == "token.expires_past"
    for attempt in (tokens.delete("nothing", by=COMMAND), tokens.rotate("nothing", by=COMMAND)):
        with pytest.raises(NotFound):
            await attempt


async def test_a_service_account_comes_whole_or_not_at_all(
    database: Database, clock: FakeClock, users: Users, groups: Groups, tokens: Tokens
) -> None:
    accounts = ServiceAccounts(database=database, users=users, groups=groups, tokens=tokens)
    user, token, key = await accounts.create("Back.Up", with_group=True, expires=None, by=COMMAND)
    assert (user.username, user.type, user.password_hash) == ("back.up", "service_account", None)
    assert token.identifier == f"service-account-{user.id}"
    assert await found(database, tokens, key) == token.identifier
    async with database.reading() as r:
        assert [group.name for group in await groups_of(r, user.id)] == ["back.up"]
        assert (await named(r, token.identifier)).user_id == user.id
    await groups.create("other", by=COMMAND)
    with pytest.raises(Conflict):
        await accounts.create("other", with_group=True, expires=None, by=COMMAND)
    async with database.reading() as r:
        assert len(await listed(r)) == 1


async def test_a_viewable_key_is_shown_again_and_each_sight_is_an_event(
    database: Database, users: Users, tokens: Tokens
) -> None:
    ada = await users.create("ada", by=COMMAND)
    _, key = await tokens.create("seen", user_id=ada.id, expires=None, viewable=True, by=COMMAND)
    assert await tokens.view_key("seen", by=Actor(ada.id, "ada")) == key
    async with database.reading() as r:
        row = (await r.scalars(select(Token))).one()
        event = (await r.scalars(select(Event).where(Event.action == "secret_view"))).one()
    assert row.key_sealed is not None
    assert key not in row.key_sealed
    assert (event.user["username"], event.context["identifier"]) == ("ada", "seen")
    _, rotated = await tokens.rotate("seen", by=COMMAND)
    assert await tokens.view_key("seen", by=COMMAND) == rotated != key


async def test_a_key_that_was_shown_once_is_not_kept(database: Database, users: Users, tokens: Tokens) -> None:
    ada = await users.create("ada", by=COMMAND)
    await tokens.create("once", user_id=ada.id, expires=None, by=COMMAND)
    with pytest.raises(NotFound, match=r"token.key_not_kept"):
        await tokens.view_key("once", by=COMMAND)
    async with database.reading() as r:
        assert await r.scalar(select(Event.id).where(Event.action == "secret_view")) is None


async def test_a_sealed_key_means_nothing_in_another_row(database: Database, users: Users, tokens: Tokens) -> None:
    ada = await users.create("ada", by=COMMAND)
    for name in ("one", "two"):
        await tokens.create(name, user_id=ada.id, expires=None, viewable=True, by=COMMAND)
    async with database.writing() as w:
        one, two = (await w.scalars(select(Token).order_by(Token.identifier))).all()
        two.key_sealed = one.key_sealed
    with pytest.raises(InvalidInput, match=r"secret.unreadable"):
        await tokens.view_key("two", by=COMMAND)


async def test_a_key_can_be_set_and_replaces_the_one_before(database: Database, users: Users, tokens: Tokens) -> None:
    ada = await users.create("ada", by=COMMAND)
    _, old = await tokens.create("api", user_id=ada.id, expires=None, by=COMMAND)
    new = "a-key-that-was-chosen-elsewhere"
    await tokens.set_key("api", new, by=COMMAND)
    assert await tokens.view_key("api", by=COMMAND) == new
    async with database.reading() as r:
        assert await tokens.find(r, old, intent="api") is None
        assert await tokens.find(r, new, intent="api") is not None
    for bad in ("short", "with a space in the middle of it", "x" * 600, "nul\0nul\0nul\0nul\0nul\0nul\0"):
        with pytest.raises(InvalidInput, match=r"token.key_invalid"):
            await tokens.set_key("api", bad, by=COMMAND)
    await tokens.create("other", user_id=ada.id, expires=None, by=COMMAND)
    with pytest.raises(Conflict, match=r"token.key_taken"):
        await tokens.set_key("other", new, by=COMMAND)


async def test_a_token_is_changed_whole_or_not_at_all(
    database: Database, users: Users, tokens: Tokens, clock: FakeClock
) -> None:
    ada, bob = await users.create("ada", by=COMMAND), await users.create("bob", by=COMMAND)
    end = clock.now() + timedelta(days=1)
    await tokens.create("api", user_id=ada.id, expires=end, by=COMMAND)
    changed = await tokens.update("api", new_identifier="api2", user_id=bob.id, description="A job.", by=COMMAND)
    assert (changed.identifier, changed.user_id, changed.description, changed.expires) == (
        "api2",
        bob.id,
        "A job.",
        end,
    )
    with pytest.raises(InvalidInput, match=r"token.expires_past"):
        await tokens.update("api2", description="Not this.", expires=clock.now(), by=COMMAND)
    async with database.reading() as r:
        assert (await named(r, "api2")).description == "A job."
    assert (await tokens.update("api2", forever=True, by=COMMAND)).expires is None
