"""The child of a simulation, where it is not the runner's to test."""

from typing import Any
from unittest.mock import MagicMock

import pytest

from ostiary.cli import simulating
from ostiary.kit.errors import InvalidInput, Unavailable
from tests.clock import FakeClock


@pytest.mark.parametrize(("is_sqlite", "attempts"), [(False, 3), (True, 1)])
async def test_a_change_that_met_another_s_is_rehearsed_anew_on_a_server(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, is_sqlite: bool, attempts: int
) -> None:
    tried: list[int] = []

    async def met(*_: Any, **__: Any) -> None:
        tried.append(1)
        raise Unavailable("storage.unreachable", "The database cannot be asked right now.")

    monkeypatch.setattr(simulating, "rehearse", met)
    monkeypatch.setattr("ostiary.objects.kinds.all_kinds", lambda _: {})
    parts = MagicMock(clock=clock)
    parts.database.is_sqlite = is_sqlite
    with pytest.raises(Unavailable):
        await simulating._rehearsed(parts, {"drafts": [], "by": [None, "cli", None], "each": 1, "most": 1})
    assert len(tried) == attempts


def test_half_a_character_is_refused_and_bytes_that_are_no_text_are_the_reader_s_to_refuse() -> None:
    draft = {"name": "a.yaml", "environment": None, "directory": None}
    for text in ("\ud800", "\udcff", "a\0b"):
        with pytest.raises(InvalidInput):
            simulating._sources([{**draft, "text": text}])
