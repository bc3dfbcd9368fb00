"""A table is believed only while it can be proven true."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from ostiary.access.freshness import BELIEVED, PostgresFreshness, numbered
from ostiary.kit.errors import Unavailable
from ostiary.sessions.models import Session
from tests.clock import FakeClock
from tests.forwardauth.house import House


@pytest.fixture
async def house(postgresql_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(postgresql_url, clock)
    yield built
    await built.close()


async def inside(house: House) -> str:
    door = await house.application()
    cookie = await door.session(await house.login(await house.person()))
    assert (await house.ask(cookie=cookie)).status == 200
    return cookie


async def test_a_poll_is_believed_for_a_while_and_then_made_again(house: House) -> None:
    cookie = await inside(house)
    await house.delete(Session, Session.user_id > 0)
    house.clock.advance(BELIEVED - 0.01)
    assert (await house.ask(cookie=cookie)).status == 200
    house.clock.advance(0.01)
    assert (await house.ask(cookie=cookie)).status == 401


async def test_belief_runs_from_the_start_of_a_poll(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await inside(house)
    poll = house.feed.poll

    async def slow() -> object:
        answer = await poll()
        house.clock.advance(BELIEVED)
        return answer

    monkeypatch.setattr(house.feed, "poll", slow)
    house.clock.advance(BELIEVED)
    assert (await house.ask(cookie=cookie)).reason == "database_unreachable"


async def test_who_cannot_be_asked_about_is_not_let_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await inside(house)

    async def gone() -> object:
        raise Unavailable("storage.unreachable", "gone")

    with monkeypatch.context() as patch:
        patch.setattr(house.feed, "poll", gone)
        assert (await house.ask(cookie=cookie)).status == 200
        house.clock.advance(BELIEVED)
        for given in (cookie, None):
            answer = await house.ask(cookie=given)
            assert (answer.status, answer.reason) == (503, "database_unreachable")
    assert (await house.ask(cookie=cookie)).status == 200


async def test_many_checks_share_one_poll(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await inside(house)
    house.clock.advance(BELIEVED)
    polls = 0
    poll = house.feed.poll

    async def counted() -> object:
        nonlocal polls
        polls += 1
        return await poll()

    monkeypatch.setattr(house.feed, "poll", counted)
    answers = await asyncio.gather(*(house.ask(cookie=cookie) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert polls == 1


async def test_what_changes_during_a_load_is_not_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load's rows are older than the change that the feed announces while they are on their way."""
    door = await house.application()
    login = await house.login(await house.person())
    cookie = await door.session(login)
    await house.freshness.refresh()
    query = house.direct.query

    async def late(sql: str, *parameters: object) -> object:
        rows = await query(sql, *parameters)
        if "app_sessions" in sql:
            await house.delete(Session, Session.id == login)
            await house.freshness.refresh()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(house.direct, "query", late)
        await house.ask(cookie=cookie)
    assert not house.table.entries
    assert (await house.ask(cookie=cookie)).status == 401


async def test_rules_that_change_while_they_are_read_are_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = await house.application()
    cookie = await door.session(await house.login(await house.person()))
    query = house.direct.query
    changed = False

    async def late(sql: str, *parameters: object) -> object:
        nonlocal changed
        rows = await query(sql, *parameters)
        if "policy_bindings" in sql and not changed:
            changed = True
            await door.set(access="bound")
        return rows

    monkeypatch.setattr(house.direct, "query", late)
    assert (await house.ask(cookie=cookie, navigation=False)).status == 403


async def test_a_failing_poll_does_not_end_the_polling(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(house.freshness, PostgresFreshness)
    turns = 0

    async def broken() -> object:
        raise RuntimeError("a bug")

    async def wait(seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(house.feed, "poll", broken)
    monkeypatch.setattr(house.feed, "wait", wait)
    with pytest.raises(asyncio.CancelledError):
        await house.freshness.run()
    assert turns == 3
    assert not house.freshness.fresh()


async def test_a_sqlite_file_that_is_gone_leaves_nothing_decidable(sqlite_url: str, clock: FakeClock) -> None:
    house = House(sqlite_url, clock)
    cookie = await inside(house)
    file = sqlite_url.removeprefix("sqlite:///")
    shutil.move(file, file + ".aside")
    house.feed.close()
    house.direct.close()
    assert (await house.ask(cookie=cookie)).status == 503
    shutil.move(file + ".aside", file)
    assert (await house.ask(cookie=cookie)).status == 200
    await house.close()


def test_parameters_are_numbered() -> None:
    assert numbered("a = ? AND b IN (?, ?)") == "a = $1 AND b IN ($2, $3)"
