import asyncio

import pytest
from sqlalchemy import text

from ostiary.storage.jobs import Job, Jobs
from ostiary.storage.leases import Leases
from ostiary.storage.session import Database


async def test_one_process_works_and_another_follows_when_it_stops(database: Database) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    jobs, others = Jobs(Leases(database, "a")), Jobs(Leases(database, "b"))

    async def work() -> None:
        first.set()

    async def other_work() -> None:
        second.set()

    jobs.every(0.01, "trim", work)
    others.every(0.01, "trim", other_work)
    running = asyncio.create_task(jobs.run())
    await first.wait()
    following = asyncio.create_task(others.run())
    await asyncio.sleep(0.1)
    assert not second.is_set()
    running.cancel()
    await asyncio.wait([running])
    await second.wait()
    following.cancel()
    await asyncio.wait([following])
    async with database.reading() as r:
        assert await r.scalar(text("SELECT count(*) FROM leases WHERE expires > 0")) == 0


async def test_a_job_that_fails_is_tried_again_and_ends_no_other(database: Database) -> None:
    turns: list[str] = []
    both = asyncio.Event()

    async def fails() -> None:
        turns.append("fails")
        raise RuntimeError("on purpose")

    async def works() -> None:
        turns.append("works")
        if turns.count("works") > 2 and turns.count("fails") > 2:
            both.set()

    jobs = Jobs(Leases(database, "a"))
    jobs.every(0.01, "one", fails)
    jobs.every(0.01, "two", works)
    running = asyncio.create_task(jobs.run())
    await both.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_a_turn_says_whether_it_worked(database: Database) -> None:
    jobs, others = Jobs(Leases(database, "a")), Jobs(Leases(database, "b"))

    async def work() -> None:
        pass

    job = Job("trim", 60, work)
    assert await jobs.once(job)
    assert not await others.once(job)


def test_two_jobs_of_one_name_are_a_mistake(database: Database) -> None:
    jobs = Jobs(Leases(database, "a"))

    async def work() -> None:
        pass

    jobs.every(1, "trim", work)
    with pytest.raises(ValueError, match="two jobs are called trim"):
        jobs.every(2, "trim", work)
