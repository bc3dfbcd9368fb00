"""An expression given to a command: on the line, in a file, or piped."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ostiary.kit.errors import InvalidInput

ExpressionFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="A file that holds the expression; - reads it here.")
]


def given(kind: str, expression: str | None, file: Path | None) -> str | None:
    """The text, or None if neither is given. ``kind`` begins the codes of what is refused: ``policy``, ``mapping``."""
    if expression is not None and file is not None:
        raise InvalidInput(
            f"{kind}.expression_twice", "expression: give either --expression or --file.", field="expression"
        )
    if file is None:
        return expression
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{kind}.file_unreadable", f"file: {file} cannot be read as text; give another.", field="file"
        ) from error


def needed(kind: str, expression: str | None, file: Path | None) -> str:
    """The same, where it cannot be left out."""
    text = given(kind, expression, file)
    if text is None:
        raise InvalidInput(
            f"{kind}.expression_missing", "expression: give it by --expression or --file.", field="expression"
        )
    return text


def in_one_line(expression: str) -> str:
    """An expression as a list shows it."""
    line = " ".join(expression.split())
    return line if len(line) <= 80 else line[:79] + "…"
