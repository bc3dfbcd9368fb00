"""Simulations that outlast a request: one task in the worker that was asked, one row that every worker can read."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, func, select, update

from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, NotFound, OstiaryError, Unavailable
from ostiary.simulation.models import Simulation
from ostiary.storage.base import new_id
from ostiary.storage.session import Database

Progress = Callable[[int], None]
Run = Callable[[Any, Progress], Awaitable[dict[str, Any]]]
"""Runs what was asked and answers its report."""

AT_ONCE: Final = 2
"""Simulations of the whole installation that run at the same time."""
_BEAT: Final = 2.0
_LOST: Final = timedelta(seconds=30)
_LONGEST: Final = 900
_KEPT: Final = timedelta(hours=1)

_log = structlog.get_logger("simulation")


class Simulations:
    """The verbs. What runs is ended with the worker."""

    def __init__(self, *, database: Database, clock: Clock, run: Run) -> None:
        self._database = database
        self._clock = clock
        self._run = run
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, asked: Any, *, wait: float) -> Simulation:
        """Begins one and waits for its end, ``wait`` seconds at most. Raises `simulation.busy`."""
        now = self._clock.now()
        row = Simulation(id=new_id(), created=now, heard=now, expires=now + _KEPT)
        async with self._database.writing() as w:
            running = select(func.count()).where(Simulation.state == "running", Simulation.heard > now - _LOST)
            if (await w.scalar(running) or 0) >= AT_ONCE:
                raise Conflict(
                    "simulation.busy", f"{AT_ONCE} simulations are running already; wait for one, or cancel it."
                )
            w.add(row)
        task = asyncio.create_task(self._work(row.id, asked), name=f"simulation {row.id}")
        self._tasks[row.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(row.id, None))
        await asyncio.wait({task}, timeout=wait)
        return await self.found(row.id)

    async def found(self, simulation_id: str) -> Simulation:
        """How one stands. Raises `simulation.not_found`."""
        async with self._database.reading() as r:
            row = await r.get(Simulation, simulation_id)
            if row is None:
                raise _not_found()
            r.expunge(row)
        if row.state == "running" and row.heard < self._clock.now() - _LOST:
            row.state = "failed"
            row.error = _shown(Unavailable("simulation.lost", "Who ran the simulation has ended; ask again."))
        return row

    async def cancel(self, simulation_id: str) -> None:
        """Ends one, in whichever worker it runs, and forgets it. Raises `simulation.not_found`."""
        async with self._database.writing() as w:
            gone = await w.execute(delete(Simulation).where(Simulation.id == simulation_id).returning(Simulation.id))
            if gone.first() is None:
                raise _not_found()
        task = self._tasks.get(simulation_id)
        if task is not None:
            task.cancel()

    async def _work(self, simulation_id: str, asked: Any) -> None:
        heard = [0]

        def progress(percent: int) -> None:
            heard[0] = percent

        beating = asyncio.create_task(self._beat(simulation_id, heard))
        work = asyncio.ensure_future(self._run(asked, progress))
        try:
            async with asyncio.timeout(_LONGEST):
                # Whichever comes first: its end, or that somebody has cancelled it.
                await asyncio.wait([work, beating], return_when=asyncio.FIRST_COMPLETED)
            end: dict[str, Any] = {"state": "cancelled"}
            if work.done():
                end = {"state": "done", "progress": 100, "report": await work}
        except TimeoutError:
            end = _failed(Unavailable("simulation.too_long", f"It took more than {_LONGEST // 60} minutes."))
        except OstiaryError as error:
            end = _failed(error)
        except Exception:  # noqa: BLE001 - whatever it is, whoever waits is told that it has ended
            _log.exception("simulation_failed")
            end = _failed(Unavailable("simulation.failed", "The simulation failed; the log says why."))
        finally:
            work.cancel()
            beating.cancel()
            await asyncio.gather(work, beating, return_exceptions=True)
        await self._write(simulation_id, **end)

    async def _beat(self, simulation_id: str, heard: list[int]) -> None:
        """Writes how far it is; returns when nobody wants to know any more."""
        while True:
            await asyncio.sleep(_BEAT)
            with suppress(Unavailable):
                if not await self._write(simulation_id, progress=heard[0]):
                    return

    async def _write(self, simulation_id: str, **values: Any) -> bool:
        async with self._database.writing() as w:
            written = await w.execute(
                update(Simulation)
                .where(Simulation.id == simulation_id, Simulation.state == "running")
                .values(heard=self._clock.now(), **values)
                .returning(Simulation.id)
            )
            return written.first() is not None


def _not_found() -> NotFound:
    return NotFound("simulation.not_found", "There is no such simulation; they are kept for an hour.")


def _failed(error: OstiaryError) -> dict[str, Any]:
    return {"state": "failed", "error": _shown(error)}


def _shown(error: OstiaryError) -> dict[str, Any]:
    return {"status": error.status, "code": error.code, "message": error.message, "field": error.field}
