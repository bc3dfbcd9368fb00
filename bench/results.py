"""Stored runs, and the page that shows them: a number on the page was printed by a run, never typed."""

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.installation import ROOT
from bench.peers.rows import Row
from bench.peers.rows import table as row_table
from bench.report import Line, Report

PLACE = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
_TABLE = re.compile(r"(?ms)^<!-- run: ([a-z]+) -->\n.*?^<!-- end -->$")


@dataclass(frozen=True)
class Run:
    """One part of the bench, measured: rows of the comparison, or lines of a report."""

    part: str
    rows: Sequence[Row] = ()
    lines: Sequence[Line] = ()
    machine: str = ""

    def table(self) -> str:
        tables = [row_table(self.rows)] if self.rows else []
        if self.lines:
            tables.append(Report(list(self.lines)).table())
        return "\n".join(tables)

    def shown(self) -> str:
        return f"{self.table()}\n{self.machine}\n"


def this_machine(rounds: int) -> str:
    """Where and how a run was made, in one sentence."""
    day = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    return (
        f"Measured on {day} on {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}; {'one run' if rounds == 1 else f'medians of {rounds} rounds'}."
    )


def store(run: Run, place: Path = PLACE) -> None:
    place.mkdir(exist_ok=True)
    (place / f"{run.part}.json").write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n")


def stored(part: str, place: Path = PLACE) -> Run:
    found: dict[str, Any] = json.loads((place / f"{part}.json").read_text())
    return Run(
        part,
        tuple(Row(**row) for row in found["rows"]),
        tuple(Line(**line) for line in found["lines"]),
        found["machine"],
    )


def filled(page: str, place: Path = PLACE) -> str:
    """The page with the tables of the stored runs in it; a part that was never stored is left as it is."""

    def table(found: re.Match[str]) -> str:
        known = (place / f"{found[1]}.json").exists()
        return f"<!-- run: {found[1]} -->\n{stored(found[1], place).shown()}<!-- end -->" if known else found[0]

    return _TABLE.sub(table, page)


def write_page() -> None:
    PAGE.write_text(filled(PAGE.read_text()))
