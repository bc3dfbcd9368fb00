"""Rows of text, aligned; the same in a terminal and in a pipe."""

from collections.abc import Iterable, Sequence

import typer


def show_columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints the headings and rows, each column as wide as its widest cell."""
    table = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    for row in table:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(line: str = "") -> None:
    """Prints a line as it is."""
    typer.echo(line)
