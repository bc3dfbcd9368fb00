"""The page of commands says what the commands say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from ostiary.cli.main import app
from ostiary.cli.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    below: dict[str, Any] = getattr(command, "commands", {})
    if not below:
        yield name, command
    for key, inner in below.items():
        yield from leaves(inner, f"{name} {key}")


def test_the_page_documents_every_command_and_is_up_to_date() -> None:
    text = PAGE.read_text()
    for name, command in leaves(get_command(app), "ostiary"):
        if not command.hidden:
            assert f"## `{name}`" in text
    assert text == page(get_command(app)), "run: python -m ostiary reference > docs/commands.md"


def test_every_command_and_option_says_what_it_does() -> None:
    for name, command in leaves(get_command(app), "ostiary"):
        assert command.help, name
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                assert option.help, f"{name} {option.opts[0]}"


def test_the_command_prints_the_page() -> None:
    assert CliRunner().invoke(app, ["reference"]).stdout == page(get_command(app))
