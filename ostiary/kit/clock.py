"""Time as a parameter: what reads the clock gets one, so that tests set it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time for what is stored, monotonic seconds for what is measured."""

    def now(self) -> datetime:
        """The present, timezone-aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; comparable only within this process."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
