"""The grammar of lengths of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kit.durations import parse_duration, show_duration
from ostiary.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("weeks=1;days=2;hours=3;minutes=4;seconds=5", 788_645),
        ("weeks=1,days=2", 777_600),
        (" Hours = 8 ", 28_800),
        ("seconds=0", 0),
    ],
)
def test_reads_every_unit_with_either_separator(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "8", "hours", "hours=", "hours=-1", "hours=1;hours=2", "months=1", "hours=1;;", "hours=1.5", "hours=٣"]
)
def test_refuses_anything_else_and_shows_a_right_one(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_duration(text, field="sessions.idle")
    assert caught.value.code == "duration.invalid"
    assert caught.value.field == "sessions.idle"
    assert "days=2;hours=3" in caught.value.message


def test_refuses_more_than_a_hundred_years() -> None:
    with pytest.raises(InvalidInput, match="hundred years"):
        parse_duration("weeks=999999999")


@given(st.integers(0, 100 * 365 * 86_400))
def test_what_is_shown_reads_back(seconds: int) -> None:
    assert parse_duration(show_duration(seconds)) == seconds
