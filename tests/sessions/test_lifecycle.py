"""How a login begins, lives and ends."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from ostiary.applications.models import Provider, ProxyProvider
from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.sessions.lifecycle import Ended, LiveSession, Sessions
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing
from tests.clock import FakeClock

IDLE, ABSOLUTE = 3600, 86_400


@pytest.fixture
def sessions(database: Database, clock: FakeClock) -> Sessions:
    return Sessions(database=database, clock=clock, secrets=Secrets(["k" * 32]), idle=IDLE, absolute=ABSOLUTE)


@pytest.fixture
async def user_id(database: Database, clock: FakeClock) -> int:
    async with database.writing() as w:
        user = User(username="ada", created=clock.now())
        w.add(user)
        await w.flush()
        return user.id


async def begin(database: Database, sessions: Sessions, user_id: int, replaces: str | None = None) -> str:
    async with database.writing() as w:
        return await sessions.start(
            w, user_id=user_id, method="password", client_ip="192.0.2.1", user_agent="x" * 600, replaces=replaces
        )


async def look(database: Database, sessions: Sessions, cookie: str) -> LiveSession | None:
    async with database.reading() as r:
        return await sessions.find(r, cookie)


async def live(database: Database, sessions: Sessions, cookie: str) -> LiveSession:
    found = await look(database, sessions, cookie)
    assert found is not None
    return found


async def test_a_login_is_found_by_its_cookie_and_stored_as_a_hash(
    database: Database, sessions: Sessions, user_id: int
) -> None:
    cookie = await begin(database, sessions, user_id)
    found = await live(database, sessions, cookie)
    assert (found.user_id, found.username, found.method) == (user_id, "ada", "password")
    async with database.reading() as r:
        row = (await r.scalars(select(Session))).one()
    assert cookie not in (row.token_hash, row.id)
    assert len(row.token_hash) == 64
    assert len(row.user_agent) == 512


async def test_another_persons_login_ends(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    first = await begin(database, sessions, user_id)
    old = await live(database, sessions, first)
    async with database.writing() as w:
        bob = User(username="bob", created=clock.now())
        w.add(bob)
    second = await begin(database, sessions, bob.id, replaces=old.id)
    assert await look(database, sessions, first) is None
    assert (await live(database, sessions, second)).id != old.id


async def test_the_same_persons_login_goes_on_under_another_value(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    first = await begin(database, sessions, user_id)
    old = await live(database, sessions, first)
    clock.advance(60)
    second = await begin(database, sessions, user_id, replaces=old.id)
    assert await look(database, sessions, first) is None
    new = await live(database, sessions, second)
    assert new.id == old.id
    assert new.authenticated == clock.now() > old.authenticated


async def test_a_rotated_login_has_one_good_value(database: Database, sessions: Sessions, user_id: int) -> None:
    first = await begin(database, sessions, user_id)
    session = await live(database, sessions, first)
    async with database.writing() as w:
        second = await sessions.rotate(w, session.id)
    assert await look(database, sessions, first) is None
    assert (await live(database, sessions, second)).id == session.id


async def test_a_login_ends_at_its_absolute_time_however_busy(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    cookie = await begin(database, sessions, user_id)
    for _ in range(ABSOLUTE // 1800 - 1):
        clock.advance(1800)
        session = await live(database, sessions, cookie)
        sessions.touch(session.id, session.last_used)
    await sessions.flush()
    clock.advance(1800)
    assert await look(database, sessions, cookie) is None


async def test_a_login_that_lies_idle_ends(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    cookie = await begin(database, sessions, user_id)
    clock.advance(IDLE - 1)
    session = await live(database, sessions, cookie)
    sessions.touch(session.id, session.last_used)
    clock.advance(IDLE - 1)
    # Known here before it is written, and everywhere afterwards.
    await live(database, sessions, cookie)
    await sessions.flush()
    other = Sessions(database=database, clock=clock, secrets=Secrets(["k" * 32]), idle=IDLE, absolute=ABSOLUTE)
    await live(database, other, cookie)
    clock.advance(1)
    assert await look(database, sessions, cookie) is None


async def test_a_use_is_written_once_a_minute_and_never_moves_back(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    cookie = await begin(database, sessions, user_id)
    session = await live(database, sessions, cookie)
    clock.advance(59)
    sessions.touch(session.id, session.last_used)
    await sessions.flush()
    assert (await live(database, sessions, cookie)).last_used == session.last_used
    clock.advance(1)
    sessions.touch(session.id, session.last_used)
    later = clock.now() + timedelta(minutes=5)
    async with database.writing() as w:
        await w.execute(update(Session).values(last_used=later))
    await sessions.flush()
    assert (await live(database, sessions, cookie)).last_used == later


async def test_a_disabled_person_has_no_login(database: Database, sessions: Sessions, user_id: int) -> None:
    cookie = await begin(database, sessions, user_id)
    async with database.writing() as w:
        await w.execute(update(User).values(is_active=False))
    assert await look(database, sessions, cookie) is None


async def test_an_end_takes_the_applications_along_and_is_recorded_and_heard(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    heard: list[Ended] = []

    async def listen(w: Writing, ended: Ended) -> None:
        heard.append(ended)

    sessions.listeners.append(listen)
    cookie = await begin(database, sessions, user_id)
    session = await live(database, sessions, cookie)
    async with database.writing() as w:
        provider = Provider(type="proxy", name="hello", authorization_flow="a", invalidation_flow="i")
        w.add(provider)
        await w.flush()
        w.add(
            ProxyProvider(
                id=provider.id, mode="forward_single", external_host="https://h.example", host_key="h.example"
            )
        )
        w.add(
            AppSession(
                token_hash="f" * 64,
                session_id=session.id,
                provider_id=provider.id,
                kind="app",
                host="h.example",
                created=clock.now(),
                expires=clock.now(),
            )
        )
    assert await sessions.end(session.id, by=COMMAND, reason="test")
    assert not await sessions.end(session.id, by=COMMAND, reason="test")
    assert await look(database, sessions, cookie) is None
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(AppSession)) == 0
        events = list(await r.scalars(select(Event)))
    assert [(event.action, event.user, event.context["reason"]) for event in events] == [
        ("logout", {"username": "cli"}, "test")
    ]
    assert heard == [Ended(session.id, user_id, "test")]


async def test_all_others_end_and_one_stays(database: Database, sessions: Sessions, user_id: int) -> None:
    cookies = [await begin(database, sessions, user_id) for _ in range(3)]
    kept = await live(database, sessions, cookies[1])
    async with database.writing() as w:
        await sessions.end_others(w, user_id, kept.id)
    assert [await look(database, sessions, cookie) is not None for cookie in cookies] == [False, True, False]
    assert await sessions.end_all(user_id, by=COMMAND, reason="test") == 1
    assert await look(database, sessions, cookies[1]) is None


async def test_the_job_ends_what_is_over(
    database: Database, sessions: Sessions, user_id: int, clock: FakeClock
) -> None:
    await begin(database, sessions, user_id)
    clock.advance(IDLE / 2)
    fresh = await begin(database, sessions, user_id)
    clock.advance(IDLE / 2)
    assert await sessions.expire() == 1
    await live(database, sessions, fresh)
