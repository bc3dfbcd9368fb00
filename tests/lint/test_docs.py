"""What the pages say can be typed: commands that exist, with options that exist, and settings that load."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from ostiary.cli.main import app
from ostiary.events.catalog import Action
from ostiary.settings.load import load
from tests.lint.inclusions import included
from tests.lint.rules import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SECTIONS = (
    "data_dir:",
    "web:",
    "listen:",
    "proxies:",
    "database:",
    "log:",
    "sessions:",
    "secret_key:",
    "forward_auth:",
    "outgoing:",
)


def blocks(text: str) -> Iterator[str]:
    """The indented and fenced code blocks of a page."""
    for found in re.finditer(r"(?:^(?: {4,}|\t).*\n|^\n(?= {4,}\S))+", text, re.MULTILINE):
        yield textwrap.dedent(found[0]).strip("\n")
    for found in re.finditer(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield found[1]


def commands(text: str) -> Iterator[str]:
    """Every command line of ours: in blocks, and between single backticks."""
    for block in blocks(text):
        yield from re.findall(r"^(?:\$ )?(ostiary [a-z-].*)$", block.replace("\\\n", " "), re.MULTILINE)
    yield from re.findall(r"(?<!`)`(ostiary [^`\n]+)`(?!`)", text)


def problem(line: str) -> str | None:
    """Why a command line cannot be typed, or None."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((at for at, word in enumerate(words) if word in ("|", "<", ">")), None)]
    command: Any = get_command(app)
    seen: list[Any] = list(command.params)
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            name = word.partition("=")[0]
            option = next((one for one in seen if name in (*one.opts, *one.secondary_opts)), None)
            if name != "--help" and option is None:
                return f"no option {name}"
            if option is not None and not option.is_flag and "=" not in word and words:
                words.pop(0)
        elif getattr(command, "commands", None) is not None:
            if word not in command.commands and "|" not in word and word != "…":
                return f"no command {word}"
            if word not in command.commands:
                return None
            command = command.commands[word]
            seen += command.params
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_can_be_typed(page: Path) -> None:
    wrong = {line: found for line in commands(page.read_text()) if (found := problem(line))}
    assert wrong == {}


@pytest.mark.parametrize("line", ["ostiary nothing", "ostiary app add x --hots y", "ostiary user nothing"])
def test_a_command_that_does_not_exist_is_caught(line: str) -> None:
    assert problem(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_settings_file_on_a_page_loads(page: Path, tmp_path: Path) -> None:
    for block in blocks(page.read_text()):
        if block.startswith(SECTIONS):
            assert isinstance(yaml.safe_load(block), dict)
            held = block.replace("file:///run/secrets/ostiary-database", "postgresql://u:p@db/name")
            file = tmp_path / "ostiary.yaml"
            file.write_text(re.sub(r"file:///run/secrets/[\w-]+", "k" * 64, held))
            load(file, {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_on_a_page_is_that_file(page: Path) -> None:
    text = page.read_text()
    assert text == included(text), "python -m tests.lint.inclusions puts the files into the pages"
    assert text.count("<!-- file: ") == len(re.findall(r"^<!-- file: \S+ -->\n```", text, re.MULTILINE))


def test_every_event_is_documented() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    for action in Action:
        assert f"`{action}`" in page, f"docs/events.md does not say what {action} means"


def test_every_event_can_happen() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "ostiary").rglob("*.py") if file.name != "catalog.py")
    assert [action.name for action in Action if f"Action.{action.name}" not in code] == []
