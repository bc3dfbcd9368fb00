"""The command `ostiary simulate`, and what `ostiary plan` says of access."""

import json
from pathlib import Path

import pytest

from tests.cli.typed import Ostiary, done

CLOSED = """\
version: 1
entries:
  - model: authentik_core.application
    identifiers: {slug: hello}
    attrs: {access: bound}
"""


@pytest.fixture
def hello(ostiary: Ostiary, tmp_path: Path) -> Path:
    """ada and bob may open hello; the file closes it."""
    for name in ("ada", "bob"):
        done(ostiary("user", "create", name))
    done(ostiary("app", "add", "hello", "--host", "https://hello.example.com", "--everyone"))
    file = tmp_path / "change.yaml"
    file.write_text(CLOSED)
    return file


def test_who_loses_is_named_with_the_reason(ostiary: Ostiary, hello: Path) -> None:
    shown = ostiary("simulate", "--change", str(hello))
    assert (shown.status, shown.err) == (2, "")
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[0] == "APPLICATION PERSON BEFORE → AFTER REASON"
    why = "It is open to bound people only, and no binding is in force."
    assert f"hello ada may → may not {why}" in lines
    assert f"hello bob may → may not {why}" in lines
    assert lines[-1] == "access: 0 gain, 3 lose, of 3 people"
    assert done(ostiary("access", "explain", "ada", "hello")).startswith("ada may open hello.")


def test_the_same_for_programs_and_fewer_names(ostiary: Ostiary, hello: Path) -> None:
    found = json.loads(ostiary("simulate", "--change", str(hello), "--json", "--names", "1").out)
    assert (found["people"], found["gains"], found["loses"], found["truncated"]) == (3, 0, 3, True)
    (one,) = found["differences"]
    assert (one["application"], one["change"], one["before"], one["after"]) == ("hello", "loses", "yes", "no")
    assert one["reasons_before"] == [{"result": "for", "text": "Everyone who is signed in may open it."}]
    told = ostiary("simulate", "--change", str(hello), "--names", "1").out.splitlines()
    assert "hello: 0 gain, 3 lose, 0 depend" in told


def test_where_nobody_gains_or_loses_the_status_is_0_and_of_errors_1(ostiary: Ostiary, hello: Path) -> None:
    hello.write_text(CLOSED.replace("bound", "everyone"))
    assert done(ostiary("simulate", "--change", str(hello))) == "access: nobody gains or loses any, of 3 people\n"
    hello.write_text(CLOSED.replace("bound", "nobody"))
    wrong = ostiary("simulate", "--change", str(hello))
    assert (wrong.status, wrong.out) == (1, "")
    assert f"{hello}:" in wrong.err
    assert ostiary("simulate", "--change", "gone.yaml").status == 1


def test_several_files_and_standard_input_are_one_change(ostiary: Ostiary, hello: Path) -> None:
    back = CLOSED.replace("bound", "everyone")
    shown = ostiary("simulate", "--change", str(hello), "--change", "-", typed=back)
    assert (shown.status, shown.out) == (0, "access: nobody gains or loses any, of 3 people\n")


def test_what_opens_to_anybody_is_said(ostiary: Ostiary, hello: Path) -> None:
    hello.write_text(
        "version: 1\nentries:\n- model: authentik_providers_proxy.proxyprovider\n"
        "  identifiers: {name: hello}\n  attrs: {skip_path_regex: '^/public.*$'}\n"
    )
    shown = ostiary("simulate", "--change", str(hello))
    assert shown.status == 2
    assert shown.out.splitlines() == [
        "hello: anybody may open what matches ^/public.*$, signed in or not.",
        "access: 0 gain, 0 lose, what is open to anybody changes at 1, of 3 people",
    ]


def test_a_plan_ends_with_what_it_does_to_access(ostiary: Ostiary, hello: Path) -> None:
    shown = ostiary("plan", str(hello))
    assert shown.status == 2
    assert shown.out.splitlines()[-1] == "access: 0 gain, 3 lose, of 3 people"
    assert json.loads(ostiary("plan", "--json", str(hello)).out)["access"]["loses"] == 3
    quick = ostiary("plan", "--no-access", str(hello))
    assert quick.status == 2
    assert "access:" not in quick.out.splitlines()[-1]
