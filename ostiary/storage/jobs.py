"""Work that repeats: every process offers to do it, and the lease decides which one does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ostiary.storage.leases import Leases

Work = Callable[[], Awaitable[object]]

# How long a job may take beyond its period before another process may begin it; seconds.
_GRACE = 60.0

_log = structlog.get_logger("ostiary.jobs")


@dataclass(frozen=True)
class Job:
    """``work`` is idempotent: it may run again at once, after any part of it."""

    name: str
    seconds: float
    work: Work


class Jobs:
    """The jobs of this process. One that fails is logged and tried again at its next turn; it never ends the others."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._jobs: list[Job] = []

    def every(self, seconds: float, name: str, work: Work) -> None:
        """Runs ``work`` now and every ``seconds`` after its end, in one process at a time."""
        if any(job.name == name for job in self._jobs):
            raise ValueError(f"two jobs are called {name}")
        self._jobs.append(Job(name, seconds, work))

    async def run(self) -> None:
        """Runs until it is cancelled, then gives the leases back."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._repeat(job), name=f"job {job.name}")

    async def once(self, job: Job) -> bool:
        """One turn. Answers whether this process had the lease and the work ended well."""
        length = job.seconds + _GRACE
        try:
            # The lease is still ours while the work runs: it ends before, or is cancelled before.
            async with asyncio.timeout(length - _GRACE / 2):
                if await self._leases.acquire(job.name, length) is None:
                    return False
                await job.work()
        except Exception:  # noqa: BLE001 - whatever a job does wrong, the others go on
            _log.exception("job_failed", job=job.name)
            return False
        return True

    async def _repeat(self, job: Job) -> None:
        try:
            while True:
                await self.once(job)
                await asyncio.sleep(job.seconds)
        finally:
            await self._give_back(job)

    async def _give_back(self, job: Job) -> None:
        try:
            async with asyncio.timeout(2):
                await self._leases.release(job.name)
        except Exception:  # noqa: BLE001 - on the way out, and the lease ends by itself
            _log.warning("lease_not_released", job=job.name)
