from typing import Any

import pytest
from pydantic import ValidationError

from ostiary.objects.kind import Fields, Key


class Example(Fields):
    name: str = ""
    flow: str | None = None
    provider: Key | None = None


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"name": "", "flow": "", "provider": ""}, {"name": "", "flow": None, "provider": None}),
        ({"flow": "f", "provider": 1}, {"flow": "f", "provider": 1}),
        ({}, {}),
    ],
)
def test_an_empty_text_where_there_may_be_nothing_is_nothing(sent: dict[str, Any], meant: dict[str, Any]) -> None:
    assert Example.model_validate(sent).model_dump(exclude_unset=True) == meant


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ["a", {"b": "\0"}], float("nan")])
def test_what_no_database_holds_is_refused(name: Any) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate({"flow": name})
