"""The commands `ostiary plan`, `apply` and `export`, as a person and a pipeline type them."""

import json
from pathlib import Path

import pytest

from tests.cli.typed import Ostiary, done, refused

FILE = """\
version: 1
metadata: {name: Mappings}
entries:
  - model: authentik_providers_oauth2.scopemapping
    id: team
    identifiers:
      name: team
    attrs:
      scope_name: X-Team
      expression: !Format ["user.attributes.%s", !Env [OSTIARY_TEST_FIELD, team]]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mappings.yaml"
    path.write_text(FILE)
    return path


def test_what_is_planned_is_applied_and_then_nothing_is_left_to_do(ostiary: Ostiary, file: Path) -> None:
    planned = ostiary("plan", str(file))
    assert planned.status == 2
    assert planned.out.splitlines() == [
        f"+ authentik_providers_oauth2.scopemapping team  ({file}:4)",
        '    name: "team"',
        '    scope_name: "X-Team"',
        '    expression: "user.attributes.team"',
        "",
        "1 to create, 0 unchanged.",
        "access: nobody gains or loses any, of 1 people",
    ]
    assert done(ostiary("apply", str(file))).endswith("1 created, 0 unchanged.\n")
    same = ostiary("plan", str(file))
    assert (same.status, same.out) == (0, "Nothing changes; 1 object is as the files say.\n")
    assert done(ostiary("apply", str(file))) == same.out
    file.write_text(FILE.replace("[OSTIARY_TEST_FIELD, team]", "[OSTIARY_TEST_FIELD, crew]"))
    drift = ostiary("plan", "--json", str(file))
    assert drift.status == 2
    (change,) = json.loads(drift.out)["changes"]
    assert change["fields"] == [{"name": "expression", "old": "user.attributes.team", "new": "user.attributes.crew"}]


def test_every_error_of_a_plan_ends_with_one(ostiary: Ostiary, file: Path, tmp_path: Path) -> None:
    file.write_text(FILE.replace("X-Team", "Cookie"))
    wrong = ostiary("plan", str(file))
    assert (wrong.status, wrong.out) == (1, "")
    assert f"error: {file}:9: entry 1 (authentik_providers_oauth2.scopemapping team), attrs.scope_name: " in wrong.err
    for arguments in (
        ("plan", str(tmp_path / "gone.yaml")),
        ("plan", str(tmp_path)),
        ("plan",),
        ("plan", "--nonsense", str(file)),
        ("--config", str(tmp_path / "gone.yaml"), "plan", str(file)),
        ("--nonsense", "plan", str(file)),
    ):
        ended = ostiary(*arguments)
        assert (ended.status, ended.out) == (1, ""), arguments
        assert ended.err.count("\n") == 1
    refused(ostiary("apply", str(file)), "header.name_reserved")


def test_standard_input_and_several_files_are_one_transaction(ostiary: Ostiary, file: Path) -> None:
    other = FILE.replace("team", "crew").replace("X-Team", "Cookie")
    refused(ostiary("apply", str(file), "-", typed=other), "header.name_reserved")
    assert ostiary("plan", str(file)).status == 2
    done(ostiary("apply", str(file), "-", typed=other.replace("Cookie", "X-Crew")))
    assert ostiary("plan", "-", typed=FILE).status == 0
    refused(ostiary("apply", "-", typed=FILE.replace("!Format", "!File x #")), "blueprint.invalid")


def test_what_is_exported_is_there_already(ostiary: Ostiary, file: Path) -> None:
    done(ostiary("apply", str(file)))
    text = done(ostiary("export"))
    assert "scope_name: X-Team\n" in text
    assert ostiary("plan", "-", typed=text).status == 0
    assert (
        ostiary("plan", "-", typed=done(ostiary("export", "--model", "authentik_providers_oauth2.ScopeMapping"))).status
        == 0
    )
    refused(ostiary("export", "--model", "authentik_core.nothing"), "blueprint.model_unknown")
