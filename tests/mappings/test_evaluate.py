from typing import Any

import pytest

from ostiary.kit.expressions import Compiler, Failed
from ostiary.mappings.evaluate import VOCABULARY, Mapped, evaluate

COMPILER = Compiler(VOCABULARY)
PERSON: dict[str, Any] = {
    "user.id": 7,
    "user.username": "ada",
    "user.name": "Ada",
    "user.email": "ada@example.com",
    "user.type": "internal",
    "user.is_superuser": False,
    "user.groups": ["ops", "staff"],
    "user.attributes": {"team": "blue", "desks": ["1", "2"], "odd": ["a|b"]},
}


def value(text: str, separator: str = "|") -> str:
    return evaluate(Mapped("m", "X-M", COMPILER.compile_text(text)), PERSON, separator)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("user.attributes.team", "blue"),
        ("user.attributes.desks", "1|2"),
        ("user.groups", "ops|staff"),
        ("'a|b'", "a|b"),
        ("[]", ""),
    ],
)
def test_values(text: str, answer: str) -> None:
    assert value(text) == answer


def test_lists_are_joined_as_the_application_reads_them() -> None:
    assert value("user.attributes.desks", ",") == "1,2"
    assert value("user.attributes.odd", ",") == "a|b"


@pytest.mark.parametrize("text", ["user.attributes.shoe", "user.attributes.odd", "user.attributes"[:15] + ".desks[9]"])
def test_what_cannot_be_said_fails(text: str) -> None:
    with pytest.raises(Failed):
        value(text)


def test_a_mapping_that_cannot_be_read_fails() -> None:
    with pytest.raises(Failed):
        evaluate(Mapped("m", "X-M", None), PERSON, "|")
