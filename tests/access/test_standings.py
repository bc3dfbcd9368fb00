from datetime import UTC, datetime, timedelta

import pytest

from ostiary.access.standings import BELIEVED, Standings
from ostiary.policies.engine import Standing

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def ask(standings: Standings, user_id: int, ip: str, now: datetime, row: tuple[int, int, int]) -> tuple[Standing, int]:
    """The answer, and how many questions it took."""
    load = standings.of(user_id, ip, now)
    try:
        next(load)
    except StopIteration as stop:
        return stop.value, 0
    with pytest.raises(StopIteration) as stopped:
        load.send([row])
    return stopped.value.value, 1


def test_who_was_asked_about_just_now_costs_no_question() -> None:
    standings = Standings()
    assert ask(standings, 1, "192.0.2.7", NOW, (-1, -2, -1)) == (Standing(-1, -2, -1), 1)
    soon = NOW + BELIEVED - timedelta(microseconds=1)
    assert ask(standings, 1, "192.0.2.7", soon, (0, 0, 0)) == (Standing(-1, -2, -1), 0)
    assert ask(standings, 1, "192.0.2.7", NOW + BELIEVED, (0, 0, 0)) == (Standing(0, 0, 0), 1)
    # A clock that was set back makes nobody believe for longer.
    assert ask(standings, 1, "192.0.2.7", NOW, (-9, 0, 0))[1] == 1


def test_people_and_addresses_are_told_apart() -> None:
    standings = Standings()
    for user_id, ip in ((1, "192.0.2.7"), (1, "192.0.2.8"), (2, "192.0.2.7"), (1, "")):
        assert ask(standings, user_id, ip, NOW, (0, 0, 0))[1] == 1
