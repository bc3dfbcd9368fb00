"""docs/policies.md says what is so."""

import re
from pathlib import Path

import pytest

from ostiary.kit.errors import InvalidInput
from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```cel\n(.*?)\n```", PAGE, re.DOTALL)


def test_the_names_and_types_are_the_ones_that_exist() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([\w(), ]+) \|", PAGE, re.MULTILINE)
    written = {name: kind.replace("(", "<").replace(")", ">").replace(", ", ",") for name, kind in rows}
    assert written == dict(VOCABULARY.types)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_can_be_stored(text: str) -> None:
    Compiler(VOCABULARY).compile(text)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 5


def test_the_python_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Compiler(VOCABULARY).compile('return ak_is_group_member(request.user, name="staff")')
    assert caught.value.code == "expression.not_cel"
