"""Three times to one address within thirty seconds."""

from datetime import UTC, datetime, timedelta

from ostiary.forwardauth.loops import Loops
from ostiary.storage.secrets import Secrets

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Jar:
    """A browser's count."""

    def __init__(self) -> None:
        self.loops = Loops(Secrets(["k" * 32]))
        self.cookies = ""

    def visit(self, seconds: float = 0, url: str = "u", session: str = "s", provider: int = 1) -> int:
        before, line = self.loops.count(
            self.cookies,
            True,
            session_id=session,
            provider_id=provider,
            url_hash=url,
            now=NOW + timedelta(seconds=seconds),
        )
        self.cookies = line.partition(";")[0]
        return before


def test_visits_are_counted_for_each_session_application_and_address() -> None:
    jar = Jar()
    assert [jar.visit(n) for n in range(5)] == [0, 1, 2, 3, 3]
    assert jar.visit(5, url="other") == jar.visit(5, session="t") == jar.visit(5, provider=2) == 0


def test_visits_are_forgotten_after_half_a_minute() -> None:
    jar = Jar()
    assert [jar.visit(n) for n in (0, 10, 20, 29, 30, 55, 90)] == [0, 1, 2, 3, 3, 2, 0]


def test_a_count_that_was_changed_or_set_in_the_future_is_none() -> None:
    jar = Jar()
    jar.visit()
    jar.cookies = jar.cookies[:-1] + ("A" if jar.cookies[-1] != "A" else "B")
    assert jar.visit() == 0
    jar.visit(1000)
    assert jar.visit(2) == 0


def test_the_cookie_stays_small() -> None:
    jar = Jar()
    for number in range(100):
        jar.visit(number / 10, url=str(number))
    assert len(jar.cookies) < 1200
