from pathlib import Path

import pytest

from ostiary.events.catalog import Action, page
from ostiary.events.listing import action
from ostiary.kit.errors import InvalidInput

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documented_events_are_the_ones_that_exist() -> None:
    written = (DOCS / "events.md").read_text()
    assert written == page(), (
        "run: python -c 'from ostiary.events.catalog import page; print(page(), end=\"\")' > docs/events.md"
    )


@pytest.mark.parametrize("member", list(Action))
def test_every_action_has_one_sentence(member: Action) -> None:
    assert member.sentence.endswith(".")
    assert member.sentence.count(". ") == 0
    assert "|" not in member.sentence


def test_an_unknown_action_is_named_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as raised:
        action("logn")
    assert raised.value.code == "event.unknown_action"
    assert "login_failed" in raised.value.message
