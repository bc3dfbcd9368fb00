"""docs/applications.md says what is so."""

import json
import re
from pathlib import Path

import pytest

from ostiary.access.header_plan import header_plan
from ostiary.applications.header_fields import STYLES
from ostiary.applications.machine_fields import jwt_issuers
from ostiary.kit.expressions import Compiler
from ostiary.mappings.evaluate import VOCABULARY

PAGE = (Path(__file__).parents[2] / "docs" / "applications.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```cel\n(.*?)\n```", PAGE, re.DOTALL)


def test_the_names_and_types_are_the_ones_that_exist() -> None:
    rows = re.findall(r"^\| `(user[\w.]+)` \| ([\w(), ]+) \|", PAGE, re.MULTILINE)
    written = {name: kind.replace("(", "<").replace(")", ">").replace(", ", ",") for name, kind in rows}
    assert written == dict(VOCABULARY.types)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_can_be_stored(text: str) -> None:
    Compiler(VOCABULARY).compile_text(text)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 2


def test_every_style_is_told_with_its_separator() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| joined by (.+) \|$", PAGE, re.MULTILINE))
    signs = {style: header_plan(style, {}, "", [], (False, "", ""), ()).separator for style in STYLES}
    assert {style: "|" if "124" in sign else sign.strip("`") for style, sign in rows.items()} == signs


def test_the_issuer_can_be_stored() -> None:
    (text,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert jwt_issuers([json.loads(text)]) == (json.loads(text),)
