"""The table of a run: one line for each number, with what was promised where something was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One number. ``ratio`` is to what ``beside`` names; ``promised`` is an upper bound of the ratio, or of the value
    where there is no ratio; ``at_least`` turns it into a lower bound."""

    section: str
    name: str
    value: float
    unit: str
    beside: str = ""
    ratio: float | None = None
    promised: float | None = None
    at_least: bool = False

    @property
    def kept(self) -> bool | None:
        if self.promised is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured >= self.promised if self.at_least else measured <= self.promised


@dataclass
class Report:
    """All lines so far."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)

    def table(self) -> str:
        """The table as Markdown."""
        rows = [("what", "measured", "ratio", "promised", "")]
        rows += [(f"{line.section}: {line.name}", *_cells(line)) for line in self.lines]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        text = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]
        text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(text) + "\n"

    def write(self, file: Path) -> None:
        lines = [{**asdict(line), "kept": line.kept} for line in self.lines]
        file.write_text(json.dumps({"lines": lines}, indent=1) + "\n")


def _cells(line: Line) -> tuple[str, str, str, str]:
    value = f"{line.value:,.1f} {line.unit}" if line.value < 1000 else f"{line.value:,.0f} {line.unit}"
    ratio = "" if line.ratio is None else f"{line.ratio:.2f} × {line.beside}"
    bound = "" if line.promised is None else f"{'≥' if line.at_least else '≤'} {line.promised:g}"
    verdict = {None: "", True: "kept", False: "missed"}[line.kept]
    return value, ratio, bound, verdict
