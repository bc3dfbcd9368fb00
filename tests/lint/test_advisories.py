"""Every known mistake of systems like this one has a test that is named by its id."""

import ast
import re
from collections import defaultdict

from tests.lint.rules import ROOT

IDS = ROOT / "tests" / "security" / "advisories.txt"


def listed() -> list[str]:
    """The ids, as they stand in names of tests: ``fa_01``."""
    lines = [line for line in IDS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Z]{2}-\d\d", line) for line in lines)
    return [line.lower().replace("-", "_") for line in lines]


def named() -> dict[str, list[str]]:
    """Id → the tests that name it. What only stands in a comment or a text is no test."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for key in re.findall(r"(?<=_)[a-z]{2}_\d\d(?=_)", node.name):
                    found[key].append(f"{file.relative_to(ROOT)}::{node.name}")
    return found


def test_every_advisory_has_a_test_of_its_name() -> None:
    tests = named()
    ids = listed()
    assert len(ids) == len(set(ids)) == 42
    assert not [key for key in ids if not tests[key]]


def test_no_test_names_an_advisory_about_the_check_that_is_not_listed() -> None:
    assert {key for key in named() if key.startswith("fa_")} == set(listed())
