"""The table of the comparison: one row for each server, one column for each thing measured."""

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = (
    "server",
    "allowed, kept alive",
    "÷ nginx",
    "sign-in, kept alive",
    "÷ nginx",
    "allowed, one connection each",
    "÷ nginx",
    "sign-in, one connection each",
    "÷ nginx",
    "memory idle",
    "after load",
    "half load",
    "p50",
    "p99",
)


@dataclass
class Row:
    """Costs in µs of processor time, memory in MB (proportional), ``rate`` in checks a second, waits in ms of wall
    clock. ``missing`` is why there are none."""

    name: str
    allowed_kept: float | None = None
    sign_in_kept: float | None = None
    allowed_each: float | None = None
    sign_in_each: float | None = None
    idle: float | None = None
    loaded: float | None = None
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    missing: str = ""


def table(rows: Sequence[Row]) -> str:
    """As Markdown. The first row is the yardstick."""
    base = rows[0]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        if row.missing:
            lines.append(f"| {row.name} | {row.missing} |" + " |" * (len(COLUMNS) - 2))
            continue
        cells = [row.name]
        for name in ("allowed_kept", "sign_in_kept", "allowed_each", "sign_in_each"):
            cells += _cost(getattr(row, name), getattr(base, name))
        cells += [_said(row.idle, "MB"), _said(row.loaded, "MB"), "" if row.rate is None else f"{row.rate:,.0f}/s"]
        cells += ["" if wait is None else f"{wait:.2f} ms" for wait in (row.p50, row.p99)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cost(value: float | None, base: float | None) -> tuple[str, str]:
    if value is None:
        return "", ""
    return f"{value:.1f} µs", f"{value / base:.2f}" if base else ""


def _said(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.0f} {unit}"
