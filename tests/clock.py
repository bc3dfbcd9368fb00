"""A clock that a test sets by hand."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands still until told to advance; both of its times move together."""

    def __init__(self, now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC), monotonic: float = 1000.0) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, now: datetime) -> None:
        """Sets the wall clock alone, forwards or back, as an administrator may."""
        self._now = now
