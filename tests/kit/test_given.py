from typing import Any

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_effect, refuse_unknown


def test_the_first_unknown_field_is_named_with_those_that_there_are() -> None:
    refuse_unknown("brand", "a brand", ["title"], ("domain", "title"))
    with pytest.raises(InvalidInput) as caught:
        refuse_unknown("brand", "a brand", ["title", "colour", "size"], ("domain", "title"))
    assert (caught.value.code, caught.value.field) == ("brand.field_unknown", "colour")
    assert caught.value.message == "colour: a brand has no such field; it has domain, title."


@pytest.mark.parametrize(
    ("value", "asks"), [("", False), (None, False), (False, False), (0, True), ([], True), ("x", True)]
)
def test_a_value_that_asks_for_nothing_passes_and_no_other_does(value: Any, asks: bool) -> None:
    nothing = ("", None, False)
    if not asks:
        refuse_effect("brand", "tiles", value, nothing)
        return
    with pytest.raises(InvalidInput) as caught:
        refuse_effect("brand", "tiles", value, nothing)
    assert (caught.value.code, caught.value.field) == ("brand.not_supported_yet", "tiles")
