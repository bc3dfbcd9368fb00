"""Simulations that outlast a request, over a run that does what a test wants."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.simulation import jobs
from ostiary.simulation.jobs import Simulations
from ostiary.simulation.models import Simulation
from ostiary.storage.session import Database
from tests.clock import FakeClock

REPORT = {"gains": 1}


class Work:
    """A run that goes on until it is let go."""

    def __init__(self) -> None:
        self.go, self.begun, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, asked: Any, progress: Callable[[int], None]) -> dict[str, Any]:
        self.begun.set()
        try:
            if isinstance(asked, Exception):
                raise asked
            progress(40)
            await self.go.wait()
            return REPORT
        finally:
            self.ended.set()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(jobs, "_BEAT", 0.01)
    return Work()


async def until_heard(simulations: Simulations, simulation_id: str, **wanted: Any) -> None:
    async with asyncio.timeout(10):
        while True:
            row = await simulations.found(simulation_id)
            if all(getattr(row, name) == value for name, value in wanted.items()):
                return
            await asyncio.sleep(0.01)


async def test_any_worker_hears_how_far_it_is_and_what_was_found(
    database: Database, clock: FakeClock, work: Work
) -> None:
    here = Simulations(database=database, clock=clock, run=work)
    elsewhere = Simulations(database=database, clock=clock, run=Work())
    row = await here.start("asked", wait=0)
    assert (row.state, row.report) == ("running", None)
    await until_heard(elsewhere, row.id, progress=40)
    work.go.set()
    await until_heard(elsewhere, row.id, state="done", progress=100, report=REPORT)


async def test_a_short_one_is_answered_at_once(database: Database, clock: FakeClock, work: Work) -> None:
    work.go.set()
    row = await Simulations(database=database, clock=clock, run=work).start("asked", wait=10)
    assert (row.state, row.report, row.error) == ("done", REPORT, None)


async def test_another_worker_cancels_it(database: Database, clock: FakeClock, work: Work) -> None:
    here = Simulations(database=database, clock=clock, run=work)
    elsewhere = Simulations(database=database, clock=clock, run=Work())
    row = await here.start("asked", wait=0)
    await work.begun.wait()
    await elsewhere.cancel(row.id)
    async with asyncio.timeout(10):
        await work.ended.wait()
    for act in (here.found, here.cancel):
        with pytest.raises(NotFound):
            await act(row.id)


async def test_why_it_failed_is_kept_and_nothing_private_is(database: Database, clock: FakeClock, work: Work) -> None:
    here = Simulations(database=database, clock=clock, run=work)
    ours = await here.start(InvalidInput("blueprint.invalid", "Line 3 is wrong.", field="blueprint"), wait=10)
    assert ours.error == {
        "status": 400,
        "code": "blueprint.invalid",
        "message": "Line 3 is wrong.",
        "field": "blueprint",
    }
    other = await here.start(ValueError("the password is x"), wait=10)
    assert other.state == "failed"
    assert other.error is not None
    assert "password" not in str(other.error)


async def test_only_so_many_run_at_once_and_the_lost_do_not_count(
    database: Database, clock: FakeClock, work: Work
) -> None:
    here = Simulations(database=database, clock=clock, run=work)
    rows = [await here.start("asked", wait=0) for _ in range(jobs.AT_ONCE)]
    with pytest.raises(Conflict):
        await here.start("asked", wait=0)
    for row in rows:
        await here.cancel(row.id)
    async with database.writing() as w:
        now = clock.now()
        w.add(Simulation(id="lost", created=now, heard=now, expires=now + timedelta(hours=1)))
    clock.advance(60)
    assert (await here.found("lost")).state == "failed"
    work.go.set()
    for _ in range(jobs.AT_ONCE):
        assert (await here.start("asked", wait=10)).state == "done"


async def test_a_run_that_never_ends_is_ended(
    database: Database, clock: FakeClock, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LONGEST", 0.05)
    row = await Simulations(database=database, clock=clock, run=work).start("asked", wait=10)
    assert row.error is not None
    assert row.error["code"] == "simulation.too_long"
    assert work.ended.is_set()
