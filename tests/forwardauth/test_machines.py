"""Programs at the door: what they come with, what they are answered, and how soon it ends."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from inspect import isawaitable
from typing import Any

import pytest
from sqlalchemy import delete, select

from ostiary.applications.models import Application, ProxyProvider
from ostiary.directory.models import Token, User
from ostiary.directory.tokens import Tokens
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.forwardauth.machines import Brake
from ostiary.kit.tokens import b64, random_token
from tests.clock import FakeClock
from tests.forwardauth.house import AUTH, Answer, Door, House

SECRET = "s" * 32
BY_SECRET = f"{AUTH}~{SECRET}"


@pytest.fixture
async def door(house: House) -> Door:
    return await door_for_machines(house)


async def door_for_machines(house: House, **values: Any) -> Door:
    door = await house.application(**values)
    await door.set(header_authentication=True)
    return door


async def app_password(house: House, door: Door, name: str = "ci", *, user: str = "ada", **values: Any) -> str:
    """A new app password of this person, who is made if need be."""
    async with house.database.reading() as r:
        user_id = await r.scalar(select(User.id).where(User.username == user))
        slug = await r.scalar(select(Application.slug).where(Application.id == door.application_id))
    tokens = Tokens(database=house.database, clock=house.clock, secrets=house.secrets)
    values = {"intent": "app_password", "application": slug, "expires": None} | values
    _, key = await tokens.create(name, user_id=user_id or await house.person(user), by=COMMAND, **values)
    return key


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


def basic(name: str, key: str) -> str:
    return f"Authorization: Basic {b64encode(f'{name}:{key}'.encode()).decode()}"


async def come(house: House, line: str, url: str = "https://hello.example.com/", **options: Any) -> Answer:
    """A program asks: no cookie, no navigation."""
    await house.let_know()
    return await house.ask(url, None, line, **{"navigation": False} | options)


async def test_a_program_comes_in_with_bearer_or_basic(house: House, door: Door) -> None:
    key = await app_password(house, door)
    lines = (bearer(key), f"authorization: bearer   {key}", basic("ada", key), basic("", key), basic("ADA", key))
    for line in (*lines, basic("goauthentik.io/token", key), *lines):
        answer = await come(house, line)
        assert answer.status == 200, line
        assert answer.headers["x-authentik-username"] == "ada"
        assert answer.headers["x-ostiary-jwt-assertion"]
        assert "set-cookie" not in answer.headers
        assert "authorization" not in answer.headers
    assert (house.machines.recognised, house.machines.unknown) == (11, 0)


@pytest.mark.parametrize("intent", ["api", "app_password"])
async def test_only_app_passwords_of_this_application_count(house: House, door: Door, intent: str) -> None:
    other = await door_for_machines(house, host="https://wiki.example.com")
    await app_password(house, door)
    application = None if intent == "api" else "wiki"
    key = await app_password(house, other, "other", intent=intent, application=application)
    assert (await come(house, bearer(key))).status == 401
    assert house.machines.unknown == 1


async def test_what_is_not_recognised_is_as_if_it_were_not_there(house: House, door: Door) -> None:
    key = await app_password(house, door)
    for line in (
        bearer(key[:-1] + ("A" if key[-1] != "A" else "B")),
        bearer(b64(random_token())),
        bearer("abc"),
        bearer(key + "x"),
        f"Authorization: {key}",
        f"Authorization: Token {key}",
        f"Authorization: Bearer {key} {key}",
        basic("bob", key),
        basic("ada ", "x" + key),
        basic("ada", "a real password"),
        f"Authorization: Basic {key}",
        "Authorization: Basic " + b64encode(key.encode()).decode(),
        "Authorization: Basic ====",
        "Authorization: Bearer",
        "Authorization:",
        bearer("." * 100_000),
        bearer("é" * 43),
        f"{bearer(key)}\r\n{bearer(key)}",
    ):
        answer = await come(house, line)
        assert (answer.status, answer.reason) == (401, "no_cookie"), line
        assert "x-authentik-username" not in answer.headers
    cookie = await door.session(await house.login(await house.person("bob")))
    assert (await house.ask(cookie=cookie)).headers["x-authentik-username"] == "bob"


async def test_it_is_off_until_an_application_asks(house: House) -> None:
    door = await house.application()
    key = await app_password(house, door)
    assert (await come(house, bearer(key))).status == 401
    await door.set(header_authentication=True)
    assert (await come(house, bearer(key))).status == 200
    await door.set(header_authentication=False)
    assert (await come(house, bearer(key))).status == 401
    assert house.machines.recognised == 1


async def test_the_cookie_decides_first_and_the_two_are_never_mixed(house: House, door: Door) -> None:
    key = await app_password(house, door)
    login = await house.login(await house.person("bob"))
    cookie = await door.session(login)
    for _ in range(2):
        answer = await house.ask("https://hello.example.com/", cookie, bearer(key))
        assert answer.headers["x-authentik-username"] == "bob"
    assert house.machines.recognised == 0
    await house.update(User, User.username == "bob", is_active=False)
    await house.let_know()
    assert (await house.ask("https://hello.example.com/", cookie, bearer(key), navigation=False)).status == 403
    await house.delete(User, User.username == "bob")
    await house.let_know()
    answer = await house.ask("https://hello.example.com/", cookie, bearer(key), navigation=False)
    assert answer.headers["x-authentik-username"] == "ada"


async def test_a_program_that_may_not_enter_is_refused_with_an_event(house: House) -> None:
    door = await door_for_machines(house, access="bound")
    await house.bind(door, user_id=await house.person("bob"))
    key = await app_password(house, door)
    for navigation in (False, True, False):
        answer = await come(house, bearer(key), navigation=navigation)
        assert (answer.status, answer.reason) == (403, "not_allowed")
    await house.refusals.flush()
    async with house.database.reading() as r:
        events = [e for e in await r.scalars(select(Event)) if e.action == "access_refused"]
    assert [(e.user["username"], e.context["session"]) for e in events] == [("ada", "app password ci")]
    assert key not in repr([e.context for e in events])


async def test_rules_that_look_at_the_request_are_asked_each_time(house: House) -> None:
    door = await door_for_machines(house, access="bound")
    await house.bind(door, expression="request.method == 'GET'")
    key = await app_password(house, door)
    for method, status in (("GET", 200), ("POST", 403), ("GET", 200), ("DELETE", 403)):
        assert (await come(house, bearer(key), method=method)).status == status


async def test_failures_are_slowed_down_and_lock_nobody(house: House, door: Door) -> None:
    house.machines._brake = Brake(burst=3)
    key = await app_password(house, door)
    known = basic("ada", key)
    assert (await come(house, known)).status == 200
    xff = "X-Forwarded-For: 203.0.113.9"
    for _ in range(5):
        assert (await come(house, f"{bearer(b64(random_token()))}\r\n{xff}")).status == 401
    assert (house.machines.unknown, house.machines.braked) == (3, 2)
    # Who has been met passes, and so does anybody from elsewhere; the rest waits a moment.
    assert (await come(house, f"{known}\r\n{xff}")).status == 200
    assert (await come(house, f"{bearer(key)}\r\nX-Forwarded-For: 203.0.113.10")).status == 200
    assert (await come(house, f"{basic('', key)}\r\n{xff}")).status == 401
    house.clock.advance(1)
    assert (await come(house, f"{basic('', key)}\r\n{xff}")).status == 200


async def test_its_end_is_the_clock_s(house: House, door: Door, clock: FakeClock) -> None:
    key = await app_password(house, door, expires=clock.now() + timedelta(minutes=2))
    assert (await come(house, bearer(key))).status == 200
    clock.advance(119)
    assert (await come(house, bearer(key))).status == 200
    clock.advance(1)
    assert (await come(house, bearer(key))).status == 401


CHANGES: dict[str, Callable[[House, Door], Awaitable[object]]] = {
    "deleted": lambda h, d: h.delete(Token, Token.identifier == "ci"),
    "another key": lambda h, d: Tokens(database=h.database, clock=h.clock, secrets=h.secrets).rotate("ci", by=COMMAND),
    "made an API token": lambda h, d: h.update(Token, Token.identifier == "ci", intent="api"),
    "given an end": lambda h, d: h.update(Token, Token.identifier == "ci", expires=h.clock.now()),
    "owner gone": lambda h, d: h.delete(User, User.username == "ada"),
    "application gone": lambda h, d: h.delete(Application, Application.id == d.application_id),
    "no longer taken": lambda h, d: h.update(ProxyProvider, ProxyProvider.id > 0, header_authentication=False),
    "key of another's": lambda h, d: h.update(Token, Token.identifier == "ci", application_id=None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("warm", [True, False])
async def test_what_is_taken_back_is_refused_at_the_next_check(
    house: House, door: Door, change: str, warm: bool
) -> None:
    key = await app_password(house, door)
    if warm:
        for _ in range(2):
            assert (await come(house, bearer(key))).status == 200
    await CHANGES[change](house, door)
    assert (await come(house, bearer(key))).status == 401


async def test_a_disabled_owner_is_refused(house: House, door: Door) -> None:
    key = await app_password(house, door)
    assert (await come(house, bearer(key))).status == 200
    await house.update(User, User.username == "ada", is_active=False)
    assert (await come(house, bearer(key))).status == 403


async def test_the_last_use_is_written_once_a_minute(house: House, door: Door, clock: FakeClock) -> None:
    key = await app_password(house, door)

    async def used() -> object:
        await house.token_use.flush()
        async with house.database.reading() as r:
            return await r.scalar(select(Token.last_used))

    start = clock.now()
    assert await used() is None
    assert (await come(house, bearer(key))).status == 200
    assert await used() == start
    clock.advance(59)
    assert (await come(house, bearer(key))).status == 200
    assert await used() == start
    clock.advance(1)
    changes = house.table.changes
    assert (await come(house, bearer(key))).status == 200
    assert await used() == clock.now()
    await house.let_know()
    assert house.table.changes == changes


async def test_it_is_taken_off_where_the_proxy_lets_us(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, path_secrets=(SECRET,))
    door = await door_for_machines(house)
    key = await app_password(house, door)
    for _ in range(2):
        answer = await come(house, bearer(key), target=BY_SECRET)
        assert (answer.status, answer.headers["authorization"]) == (200, "")
    head = f"GET /ostiary/auth/envoy~{SECRET}/x HTTP/1.1\r\nHost: hello.example.com\r\n{bearer(key)}\r\n\r\n"
    raw = house.responder.answer(head.encode(), b"GET", f"/ostiary/auth/envoy~{SECRET}/x".encode(), "127.0.0.1")
    assert raw is not None
    answer = Answer.parse(raw if isinstance(raw, bytes) else await raw)
    assert "authorization" not in answer.headers
    assert answer.headers["x-envoy-auth-headers-to-remove"].split(",")[-1] == "authorization"
    await house.close()


async def test_what_is_the_application_s_own_is_answered_back_there(database_url: str, clock: FakeClock) -> None:
    house = House(database_url, clock, path_secrets=(SECRET,))
    door = await door_for_machines(house)
    cookie = await door.session(await house.login(await house.person()))
    for own in ("Authorization: Bearer its-own", "authorization: Basic aGVsbG8="):
        for _ in range(2):
            answer = await house.ask("https://hello.example.com/", cookie, own, target=BY_SECRET)
            assert answer.headers["authorization"] == own.partition(": ")[2]
    assert "authorization" not in (await house.ask(cookie=cookie, target=BY_SECRET)).headers
    plain = await house.application("https://wiki.example.com")
    cookie = await plain.session(await house.login(await house.person("bob")))
    answer = await house.ask("https://wiki.example.com/", cookie, "Authorization: Bearer x", target=BY_SECRET)
    assert "authorization" not in answer.headers
    await house.close()


async def test_memory_is_bounded_and_indexes_go_with_it(house: House, door: Door) -> None:
    house.met._limit = 3
    keys = [await app_password(house, door, f"ci-{number}") for number in range(5)]
    for key in keys:
        assert (await come(house, bearer(key))).status == 200
    assert len(house.met) == 3
    assert len(house.met._by_token) == 3
    async with house.database.writing() as w:
        await w.execute(delete(Token))
    await house.let_know()
    for key in keys:
        assert (await come(house, bearer(key))).status == 401
    assert len(house.met) == len(house.met._by_token) == len(house.met._by_user) == 0


async def test_a_program_is_told_401_by_every_other_dialect(house: House, door: Door) -> None:
    for target, lines in (
        ("/ostiary/auth/traefik", ("X-Forwarded-Proto: https", "X-Forwarded-Host: hello.example.com")),
        ("/ostiary/auth/envoy/x", ()),
    ):
        head = "\r\n".join(
            (
                f"GET {target} HTTP/1.1",
                "Host: hello.example.com",
                *lines,
                "X-Forwarded-Uri: /x",
                "X-Forwarded-Method: GET",
                bearer(b64(random_token())),
            )
        )
        raw = house.responder.answer(f"{head}\r\n\r\n".encode(), b"GET", target.encode(), "127.0.0.1")
        assert raw is not None
        raw = raw if isinstance(raw, bytes) else await raw
        assert raw.startswith(b"HTTP/1.1 401 ")
        assert b"forward_auth.sign_in" in raw


async def test_whoever_is_met_while_groups_are_being_read_anew_is_not_remembered(house: House, door: Door) -> None:
    key = await app_password(house, door)
    cookie = await door.session(await house.login(await house.person("bob")))
    assert (await come(house, bearer(key))).status == 200
    served = house.table.rules.find("hello.example.com", b"/")
    assert served is not None
    now = house.clock.now()
    # Announced in the middle of a check that has asked the database something already.
    house.table.apply([("group", "one that has changed")])
    for load in (
        house.machines.identify(served, f"Bearer {key}".encode(), "192.0.2.1", now),
        house.judge._identify.session(served, "hello.example.com", cookie, now),
    ):
        found: Any = house.freshness.load(load)
        found = await found if isawaitable(found) else found
        assert found is not None
        assert not isinstance(found, str)
    assert (len(house.met), len(house.table.entries)) == (0, 0)
